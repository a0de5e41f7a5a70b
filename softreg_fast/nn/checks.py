"""Range checks for numeric parameters of networks and their training."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np


def check_integer(name: str, value: Any, otherwise: str = "") -> None:
    """Raise ValueError unless `value` is an integer >= 1.

    `otherwise` is added to the message, to name other allowed values.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1{otherwise}, got {value!r}.")


def check_real(
    name: str, value: Any, *, above: bool = False, most: float = np.inf, below: float = np.inf
) -> None:
    """Raise ValueError unless value is a number >= 0 (> 0 if `above`), <= `most` and < `below`."""
    fits = isinstance(value, Real) and not isinstance(value, bool)
    if fits and (value > 0.0 if above else value >= 0.0) and value <= most and value < below:
        return
    wanted = f"a number {'>' if above else '>='} 0"
    wanted += f" and <= {most:g}" if most < np.inf else ""
    wanted += f" and < {below:g}" if below < np.inf else ""
    raise ValueError(f"{name} must be {wanted}, got {value!r}.")
