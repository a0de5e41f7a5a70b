"""Columns of X as the engine sees them: buffers, columns far from zero, and checks of moments."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.names import Names, counted
from softreg_fast.data.validation import check_finite
from softreg_fast.options.types import Vector

# Beyond this ratio of a column's mean to its centred length, the mean's rounding is so large that
# its square, which is how it enters slopes and Gram matrices, reaches a hundredth of EPSILON.
FAR_MEAN = 1e7


class KnownMoments(NamedTuple):
    """Precomputed quantities that a Design otherwise derives from X and y."""

    center: Vector
    norm: Vector
    y_mean: Any
    y_norm: float
    gram: NDArray[np.float64]  # of the engine's columns
    gradient: Vector  # products of the engine's columns with the target


class Buffers:
    """Buffers of a CSC matrix in the form that Columns requires, with indptr in int64."""

    def __init__(self, X: Any) -> None:
        self.shape = X.shape
        self.data, self.indices = X.data, X.indices
        self.indptr = np.asarray(X.indptr, dtype=np.int64)


def moved(X: Any, far: NDArray[np.bool_], row: int) -> tuple[Any, Vector]:
    """Return buffers of a copy of X with some columns shifted to near 0, and the shifts.

    Each column is shifted by its own value in this row, which is exact. Sparse columns with zeros
    that are not stored stay where they are.
    """
    origin = np.zeros(X.shape[1])
    if not sp.issparse(X):
        copied = np.array(X, order="F")
        origin[far] = copied[row, far]
        copied[:, far] -= copied[row, far]
        return copied, origin
    copied = X.astype(np.result_type(X.dtype, np.float32))
    for j in np.flatnonzero(far & (np.diff(copied.indptr) == X.shape[0])):
        column = slice(copied.indptr[j], copied.indptr[j + 1])
        origin[j] = copied.data[column][copied.indices[column] == row][0]
        copied.data[column] -= copied.data.dtype.type(origin[j])
    return Buffers(copied), origin


def check_moments(X: Any, center: Vector, norm: Vector, names: Names | None) -> None:
    """Raise ValueError if a mean or a length is not finite, saying which values are to blame.

    NaN and infinity propagate into the moments, so finite moments save a pass over X.
    """
    bad = ~(np.isfinite(center) & np.isfinite(norm))
    if not bad.any():
        return
    j = int(np.flatnonzero(bad)[0])
    name = j if names is None else names[j]
    column = _entries(X, j)
    if names is not None and np.isnan(column).any():
        _refuse_missing(X, np.flatnonzero(bad), names)
    check_finite("X", column, f", the first in feature {name}")
    raise ValueError(
        f"The values of feature {name} are finite but their squares leave the range of "
        "float64 (about 1e154 a sample); divide the column by a constant."
    )


def _entries(X: Any, j: int) -> NDArray[Any]:
    return np.asarray(X.data[X.indptr[j] : X.indptr[j + 1]] if sp.issparse(X) else X[:, j])


def _refuse_missing(X: Any, features: NDArray[np.intp], names: Names) -> NoReturn:
    # name all columns of a frame of numbers in which a value is missing
    counts = {names[j]: int(np.isnan(_entries(X, j)).sum()) for j in features}
    counts = {name: n for name, n in counts.items() if n}
    raise ValueError(
        f"Input X contains NaN in the column{'s' * (len(counts) > 1)} {counted(counts)}: "
        "missing='drop' leaves such rows out, missing='indicator' keeps them."
    )
