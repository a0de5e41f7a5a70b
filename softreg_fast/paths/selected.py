"""Nonzero groups of a fit, and their norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.penalties.by_column import NamedGroups


def norms_of_groups(coef: NDArray[np.float64], groups: NamedGroups) -> NDArray[np.float64]:
    """Return the norm of the coefficients of each group, (n_groups, ...).

    Parameters
    ----------
    coef : ndarray (n_features, ...)
    groups : NamedGroups
        Of all features.
    """
    squares = np.zeros((len(groups.names), *coef.shape[1:]))
    largest = np.zeros_like(squares)
    np.maximum.at(largest, groups.labels, np.abs(coef))
    unit = np.where(largest > 0.0, largest, 1.0)  # squares of tiny coefficients would underflow
    np.add.at(squares, groups.labels, np.square(coef / unit[groups.labels]))
    return np.asarray(unit * np.sqrt(squares))


def selected_groups(coef: NDArray[np.float64], groups: NamedGroups) -> list[tuple[Any, Any]]:
    """Return the nonzero groups and their coefficients, as `Solution.selected` does.

    Parameters
    ----------
    coef : ndarray (n_features,) or (n_tasks, n_features)
    groups : NamedGroups
        Of all features.
    """
    sizes = norms_of_groups(coef.T, groups)
    sizes = sizes if coef.ndim == 1 else np.linalg.norm(sizes, axis=1)
    support = np.flatnonzero(sizes)
    found = []
    for g in support[np.argsort(-sizes[support], kind="stable")].tolist():
        members = groups.members(g)
        part = coef[..., members] if members.size > 1 else coef[..., members[0]]
        found.append((groups.names[g], part if part.ndim else float(part)))
    return found
