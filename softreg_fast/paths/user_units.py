"""Fits of an engine in the units of X and y: coefficients, intercepts, Path."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import MultiTaskPath, Path
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.record import Kept


def null_loss(design: Design) -> float:
    """Return 1/(2S) sum_i s_i (y_i - mean(y))^2, the loss without features."""
    return 0.5 * design.target_sumsq * design.objective_unit


def dev_ratio_of(design: Design, residual_sumsq: Any) -> Any:
    # fraction of the deviance explained by a fit with this residual
    whole = design.target_sumsq
    return 1.0 - residual_sumsq / whole if whole else 0.0 * residual_sumsq


class Coefficients(NamedTuple):
    """Concatenated fits in the units of X, the k-th in starts[k]:starts[k + 1]."""

    starts: NDArray[np.int64]
    features: NDArray[np.intp]
    w: Vector
    intercepts: Vector


def coefficients_of(design: Design, vectors: PenaltyVectors, kept: Kept) -> Coefficients:
    features, u, figures = kept
    starts = np.zeros(len(figures) + 1, np.int64)
    np.cumsum(figures[:, 0], dtype=np.int64, out=starts[1:])
    fixed = design.fixed(vectors.lower, vectors.upper)
    if fixed.size:
        ends = np.repeat(starts[1:], fixed.size)
        features = np.insert(features, ends, np.tile(fixed, len(figures)))
        u = np.insert(u, ends, 0.0)
        starts += fixed.size * np.arange(len(starts))
    w, offsets = design.to_user(features, u, starts, vectors.lower, vectors.upper)
    if not np.isfinite(w).all():
        raise ValueError(
            "The coefficients leave the range of float64: the columns of X are too small "
            "against y. Multiply X, or divide y, by a constant."
        )
    return Coefficients(starts, features, w, design.y_mean - offsets)


def gather_path(
    design: Design,
    vectors: PenaltyVectors,
    kept: Kept,
    strategy: str,
    alphas: Vector,
    tol: float,
    began: float,
) -> Path:
    unit = design.objective_unit
    starts, features, w, intercepts = coefficients_of(design, vectors, kept)
    _, gaps, sumsq, n_epochs, status = kept.figures.T
    df, kind = np.diff(starts), Path
    if w.ndim > 1:  # the columns of one alpha, one for each task, then those of the next
        kind, inner = MultiTaskPath, starts[1:-1]
        features = np.concatenate([np.tile(f, w.shape[1]) for f in np.split(features, inner)])
        starts = np.append(0, np.cumsum(np.repeat(df, w.shape[1])))
        w = np.concatenate([part.T.ravel() for part in np.split(w, inner)])
    coefs = sp.csc_array((w, features, starts), shape=(design.n_features, len(starts) - 1))
    coefs.sort_indices()
    return kind(
        alphas=alphas[: len(gaps)],
        coefs=coefs,
        intercepts=intercepts,
        gaps=gaps * unit,
        tols=np.full(len(gaps), tol * unit),
        n_epochs=n_epochs.astype(np.int64),
        status=status.astype(np.int8),
        dev_ratio=dev_ratio_of(design, sumsq),
        df=df,
        null_loss=null_loss(design),
        seconds=time.perf_counter() - began,
        strategy=strategy,
        feature_names=design.feature_names,
    )


def rounded(values: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
    """Return the values in the precision of the data, unless some would overflow or underflow."""
    with np.errstate(over="ignore", under="ignore"):
        result = values.astype(dtype, copy=False)
    lost = ~np.isfinite(result) | ((result == 0.0) & (values != 0.0))
    return values if lost.any() else result
