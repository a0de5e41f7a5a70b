"""Designs and targets of some of the samples alone, whose rows of X are copied."""

from __future__ import annotations

import copy

import numpy as np

from softreg_fast.data.columns import Buffers
from softreg_fast.data.design import Design
from softreg_fast.data.target import Target
from softreg_fast.options.types import Index, Vector


def design_of_rows(design: Design, rows: Index, weight: Vector | None) -> Design | None:
    """Return a design of a copy of these rows of X, of their targets and these weights.

    Weights of None are all one. The design is the one with weight zero elsewhere, but for rounding,
    and as many samples smaller. None where the columns are stored with another origin.
    """
    if design._origin is not None:
        return None
    other = copy.copy(design)
    other._gram = other._unscaled = other._plain = other.trials = other.index = None
    other.n_samples = len(rows)
    if design.is_sparse:
        other.X = design.X[rows]
        other._buffers = Buffers(other.X)
        other.n_entries = other.X.data.size
    else:
        other.X = other._buffers = np.take(design.X.T, rows, axis=1).T
        other.n_entries = other.X.size
    other._set_weight(weight)
    other._target = target_of_rows(design.described_target, rows, other.weight)
    return other


def target_of_rows(target: Target, rows: Index, weight: Vector | None) -> Target:
    """Return the targets of these samples, with these weights of mean one or None."""
    other = copy.copy(target)
    other.n_samples = len(rows)
    other.y = target.y[rows]
    other.observed = other.y if target.observed is target.y else target.observed[rows]
    if target.offset is not None:
        other.offset = target.offset[rows]
    if target._fixed is not None:
        other._fixed = other.offset
    other.weight, other._is_part = weight, True
    other._describe()
    return other
