"""Unpenalised fits on the supports of a path, for the relaxed Lasso."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.predict import predict_rows, row_blocks
from softreg_fast.paths.result import Path, Solution
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.factor import solver_of
from softreg_fast.solvers.problem import Problem
from softreg_fast.system.threads import blas_threads_for

REFIT_TOL = 1e-10  # of refits that are not solved in closed form


def refits_of(problem: Problem, fits: Path) -> tuple[Path, Vector | None]:
    """Return the refits of a path, and their overlap with it under squared error.

    With several classes a feature that is selected for any class is refitted for all.

    Parameters
    ----------
    problem : Problem
        That of the path; its bounds hold for the refits, too.
    fits : Path

    Returns
    -------
    refits : Path
    overlap : ndarray (n_alphas,) or None
        As in `RelaxedPath`.

    Raises
    ------
    ValueError
        For several targets.
    """
    design, penalty = problem.design, problem.penalty
    quadratic = problem.loss.quadratic
    if quadratic and isinstance(design, MultiTaskDesign):
        raise ValueError("Relaxed fits are for one target; fit each target by itself.")
    if quadratic and not penalty.positive and penalty.bounds is None:
        found = _least_squares(design, fits)
    else:
        found = _by_engine(design, fits, penalty)
    coefs = sp.csc_array(
        (np.concatenate([[], *found.coefs]), fits.coefs.indices, fits.coefs.indptr),
        shape=fits.coefs.shape,
    )
    if quadratic:
        intercepts = design.y_mean - design.center @ coefs
    else:
        intercepts = np.array(found.intercepts)
    refits = dataclasses.replace(
        fits,
        coefs=coefs,
        intercepts=np.asarray(intercepts),
        gaps=np.array(found.gaps) * design.objective_unit,
        dev_ratio=np.zeros(len(fits)) if design.is_null else 1.0 - np.array(found.unexplained),
        df=features_in(coefs, len(fits)),
        recipe=None,
    )
    if not quadratic:
        return refits, None
    return refits, np.ones(len(fits)) if design.is_null else np.array(found.overlap)


def blended(path: Path, refits: Path, gamma: float) -> Any:
    """Return gamma times the coefficients of a path plus 1 - gamma times those of its refits."""
    data = gamma * path.coefs.data + (1.0 - gamma) * refits.coefs.data
    coefs = sp.csc_array((data, path.coefs.indices, path.coefs.indptr), shape=path.coefs.shape)
    if path.intercepts.ndim == 1:  # the features of several classes are stored for all of them
        coefs = coefs.copy()
        coefs.eliminate_zeros()
    return coefs


def features_in(coefs: Any, n_fits: int) -> NDArray[np.int64]:
    """Return the number of features with a nonzero coefficient in each of some fits."""
    entries = coefs.tocoo()
    fit = entries.col // max(coefs.shape[1] // max(n_fits, 1), 1)
    pairs = np.unique(np.stack([fit, entries.row])[:, entries.data != 0.0], axis=1)
    return np.bincount(pairs[0].astype(np.intp), minlength=n_fits).astype(np.int64)


def dev_ratios(design: Any, coefs: Any, intercepts: Vector) -> Vector:
    """Return the fractions of the deviance that models explain.

    It takes one pass over the columns of their supports.

    Parameters
    ----------
    design : Design
    coefs : csc_array, as in `Path`
    intercepts : ndarray (n_alphas,) or (n_alphas, n_classes)
    """
    target = design.described_target
    if isinstance(target, SurvivalTarget):  # no sample has a deviance of its own
        eta = predict_rows(design.X, np.arange(design.n_samples), coefs, intercepts)
        deviance = target.total_deviance(target.predictors_of(slice(None), eta))
        return np.asarray(target.dev_ratio(deviance))
    weight = np.ones(design.n_samples) if target.weight is None else target.weight
    rows, total = np.flatnonzero(weight), np.zeros(len(intercepts))
    for part, eta in row_blocks(design.X, rows, coefs, intercepts.ravel()):
        chosen = rows[part]
        eta = target.predictors_of(chosen, eta.reshape(-1, *intercepts.shape))
        total += weight[chosen] @ target.loss.deviance(target.observed[chosen, np.newaxis], eta)
    return np.asarray(target.dev_ratio(total))


class _Refits(NamedTuple):
    """Per alpha: coefficients on the support in the units of X, and figures as shares.

    Intercepts are for losses other than squared error, the overlap is for that.
    """

    coefs: list[Vector]
    gaps: list[float]
    unexplained: list[float]
    overlap: list[float]
    intercepts: list[Any]


def _supports(fits: Path) -> list[Index]:
    return [fits.support_of(k)[0] for k in range(len(fits))]


def _least_squares(design: Design, fits: Path) -> _Refits:
    # from the Gram matrix of all features selected at any alpha
    features = np.unique(fits.coefs.indices).astype(np.intp)
    gram = design.crossproduct(features)
    slopes = design.gradient_at_zero()[features]
    unit = design.y_norm / np.where(design.norm[features] > 0.0, design.norm[features], 1.0)
    found, last = _Refits([], [], [], [], []), np.array([-1])
    for support in _supports(fits):
        if not np.array_equal(support, last):
            last, place = support, np.searchsorted(features, support)
            with blas_threads_for(place.size):
                u, gap = _newton(gram[np.ix_(place, place)], slopes[place])
            # ||t - Cu||^2 = t.t - u.C't; this residual is orthogonal to the support
            unexplained = max(design.target_sumsq - float(u @ slopes[place]), 0.0)
            w = u * unit[place]
        found.coefs.append(w)
        found.gaps.append(gap)
        found.unexplained.append(unexplained)
        found.overlap.append(unexplained)
    return found


def _newton(gram: NDArray[np.float64], slopes: Vector) -> tuple[Vector, float]:
    # argmin 1/2 u'Gu - slopes.u in two steps, and the distance of its value from the minimum
    if not slopes.size:
        return np.zeros(0), 0.0
    solve = solver_of(gram)
    u = solve(slopes)
    u = u + solve(slopes - gram @ u)
    rest = slopes - gram @ u
    return u, max(0.5 * float(rest @ solve(rest)), 0.0)


def _by_engine(design: Design, fits: Path, penalty: Penalty) -> _Refits:
    # with all other features excluded
    found, last = _Refits([], [], [], [], []), np.array([-1])
    for k, support in enumerate(_supports(fits)):
        if not np.array_equal(support, last):
            last, excluded = support, np.full(design.n_features, np.inf)
            excluded[support] = 0.0
            refit_penalty = Penalty(l1=excluded, positive=penalty.positive, bounds=penalty.bounds)
            fit = solve_design(design, refit_penalty, fits[k].coef, tol=REFIT_TOL)
        found.coefs.append(fit.coef[..., support].ravel())  # of classes one after the other
        found.gaps.append(fit.gap / design.objective_unit)
        found.unexplained.append(1.0 - fit.dev_ratio)
        found.intercepts.append(fit.intercept)
        if design.described_target.loss.quadratic:
            found.overlap.append(_overlap(design, fit, fits, k))
    return found


def _overlap(design: Design, refit: Solution, fits: Path, k: int) -> float:
    # inner product of the residuals of the refit and of the k-th fit, as a share
    if design.is_null:
        return 0.0
    coefs = sp.hstack([sp.csc_array(refit.coef[:, np.newaxis]), fits.coefs[:, [k]]], format="csc")
    intercepts = np.array([refit.intercept, fits.intercepts[k]])
    eta = predict_rows(design.X, np.arange(design.n_samples), sp.csc_array(coefs), intercepts)
    residuals = (design.y[:, np.newaxis] - eta) / design.y_norm
    weight = np.ones(design.n_samples) if design.weight is None else design.weight
    return float(weight @ residuals.prod(axis=1))
