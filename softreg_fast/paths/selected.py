"""Nonzero groups of a fit, and their norms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Index
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


def sizes_of_groups(
    values: NDArray[np.float64], features: Index, groups: NamedGroups
) -> tuple[NDArray[np.float64], Index]:
    """Return what stands for each group among some features, and which groups these are.

    It is the norm of several features, and the coefficient itself of a single one.

    Parameters
    ----------
    values : ndarray (n_given, ...)
        Coefficients of the features; those of others are 0.
    features : ndarray (n_given,)
    groups : NamedGroups
        Of all features.
    """
    found, owner = np.unique(groups.labels[features], return_inverse=True)
    part = NamedGroups(owner, found.tolist())
    sizes = norms_of_groups(values, part)
    single = np.bincount(groups.labels)[found] == 1
    alone = single[owner]
    sizes[owner[alone]] = values[alone]
    return sizes, found


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
