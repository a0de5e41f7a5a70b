"""Checks of what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.validation import as_real, as_weights, check_finite
from softreg_fast.options.types import Vector


def check_n_labels(n_labels: Any) -> None:
    """Raise ValueError unless n_labels is an integer >= 0."""
    if not isinstance(n_labels, int | np.integer) or n_labels < 0:
        raise ValueError(f"n_labels must be an integer >= 0, got {n_labels!r}.")


def given_weights(sample_weight: Any, n_samples: int) -> Vector | None:
    """Return checked weights as they are given, not with mean one; None for None."""
    weight, total = as_weights(sample_weight, n_samples)
    if sample_weight is None:
        return None
    return (np.ones(n_samples) if weight is None else weight) * (total / n_samples)


def numbers(name: str, values: ArrayLike, n: int) -> Vector:
    """Return one finite number for each sample.

    Raises
    ------
    ValueError, TypeError
    """
    found = as_real(name, values, dtype=np.float64, ensure_2d=False, ensure_all_finite=False)
    if found.shape != (n,):
        raise ValueError(f"{name} has shape {found.shape}; expected ({n},), as time has.")
    check_finite(name, found)
    return np.asarray(found)
