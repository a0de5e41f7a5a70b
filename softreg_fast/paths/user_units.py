"""Fits of an engine in the units of X and y: coefficients, intercepts, Path."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.options.types import Vector
from softreg_fast.paths.recipe import Recipe
from softreg_fast.paths.result import MultiTaskPath, Path
from softreg_fast.paths.survival import baselines_of
from softreg_fast.penalties.nonconvex import NONCONVEX
from softreg_fast.penalties.quadratic import Tikhonov
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Fits
from softreg_fast.solvers.substitution import restored


class Coefficients(NamedTuple):
    """Concatenated fits in the units of X: df[k] entries of the k-th in starts[k]:starts[k + 1]."""

    starts: NDArray[np.int64]
    df: NDArray[np.int64]
    features: NDArray[np.intp]
    w: Vector
    intercepts: Vector


def coefficients_of(problem: Problem, fits: Fits) -> Coefficients:
    """Return the fits in the units of X and y, within the user's bounds.

    Raises
    ------
    ValueError
        If a coefficient leaves the range of float64.
    """
    design, vectors = problem.design, problem.vectors
    features, u = fits.features, fits.values
    df = fits.df.astype(np.int64)
    starts = np.zeros(len(df) + 1, np.int64)
    np.add.accumulate(df, out=starts[1:])
    fixed = design.fixed(vectors.lower, vectors.upper)
    if fixed.size:
        ends = np.repeat(starts[1:], fixed.size)
        features = np.insert(features, ends, np.tile(fixed, len(df)))
        u = np.insert(u, ends, 0.0)
        starts += fixed.size * np.arange(len(starts))
        df += fixed.size
    w, offsets = design.to_user(features, u, starts, vectors.lower, vectors.upper)
    if problem.penalty_kind == Tikhonov.kind:  # which determines those of constant columns, too
        constant = design.norm[features] == 0.0
        w[constant] = design.y_norm * u[constant]
        owner = np.repeat(np.arange(len(df)), df)[constant]
        offsets += np.bincount(owner, w[constant] * design.center[features[constant]], len(df))
    if fits.sizes is not None and not design.standardize:  # equal, where conversion has rounded
        unit = problem.target.objective_unit / problem.penalty.omega.strength
        w = np.copysign(fits.sizes * unit, w)
    if not np.isfinite(w).all():
        raise ValueError(
            "The coefficients leave the range of float64: the columns of X are too small "
            "against y. Multiply X, or divide y, by a constant."
        )
    intercepts = problem.target.intercepts_of(offsets, fits.intercepts)
    return Coefficients(starts, df, features, w, intercepts)


def deviations_of(problem: Problem) -> Vector | None:
    """Return the deviations that SLOPE multiplies coefficients by; None: it does not."""
    design = problem.design
    if problem.penalty_kind != "slope" or not design.standardize:
        return None
    deviations: Vector = design.norm / np.sqrt(design.n_samples)
    return deviations


def path_of(problem: Problem, fits: Fits, alphas: Vector, strategy: str, began: float) -> Path:
    """Return the fits as a Path at these alphas."""
    design, target, tol = problem.design, problem.target, problem.options.tol
    unit, gap_unit = target.objective_unit, target.gap_unit
    if problem.penalty_kind in NONCONVEX:  # distances relative to alpha
        unit = gap_unit = 1.0
    starts, df, features, w, intercepts = coefficients_of(problem, fits)
    kind = Path
    if w.ndim > 1:
        kind = MultiTaskPath
        starts, features, w = columns_of_tasks(starts, features, w)
    coefs = sp.csc_array((w, features, starts), shape=(design.n_features, len(starts) - 1))
    coefs.sort_indices()
    return kind(
        alphas=alphas,
        coefs=coefs,
        intercepts=intercepts,
        gaps=fits.gaps * unit,
        tols=np.full(len(df), tol * gap_unit),
        n_epochs=fits.n_epochs.astype(np.int64),
        status=fits.status.astype(np.int8),
        dev_ratio=target.dev_ratio(fits.deviances),
        df=df,
        null_loss=target.null_loss,
        seconds=time.perf_counter() - began,
        strategy=strategy,
        feature_names=design.feature_names,
        loss=target.loss,
        has_offset=target.offset is not None,
        classes=target.classes,
        baselines=baselines_of(design),
        penalty_kind=problem.penalty_kind,
        deviations=deviations_of(problem),
        coding=design.coding,
        groups=problem.groups,
        recipe=Recipe.of(problem),
        locally_convex=fits.locally_convex,
    )


def of_features(problem: Problem, fits: Path) -> Path:
    """Return a path of other columns, of `substituted(problem)`, as one of the features."""
    coefs = restored(problem, fits.coefs)
    df = fits.df
    if coefs.shape[1] == len(df):  # not of several classes
        df = np.diff(coefs.indptr).astype(np.int64)
    return replace(
        fits,
        coefs=coefs,
        df=df,
        feature_names=problem.design.feature_names,
        penalty_kind=problem.penalty_kind,
        groups=None,
        recipe=Recipe.of(problem),
    )


def columns_of_tasks(
    starts: NDArray[np.int64], features: NDArray[np.intp], rows: Vector
) -> tuple[NDArray[np.int64], NDArray[np.intp], Vector]:
    """Return the rows of all fits as columns of a csc_array: those of the first fit, one for each
    task, then those of the next.
    """
    n_tasks, df = rows.shape[1], np.diff(starts)
    owner = np.repeat(np.arange(len(df)), df)
    within = np.arange(len(rows)) - starts[owner]
    to = starts[owner] * n_tasks + within + np.arange(n_tasks)[:, np.newaxis] * df[owner]
    entries, indices = np.empty(rows.size), np.empty(rows.size, np.intp)
    entries[to] = rows.T
    indices[to] = features
    return np.append(0, np.cumsum(np.repeat(df, n_tasks))), indices, entries


def rounded(values: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
    """Return the values in the precision of the data, unless some would overflow or underflow."""
    with np.errstate(over="ignore", under="ignore"):
        result = values.astype(dtype, copy=False)
    lost = ~np.isfinite(result) | ((result == 0.0) & (values != 0.0))
    return values if lost.any() else result
