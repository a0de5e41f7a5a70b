"""Degrees of freedom and dispersion under losses other than squared error, for criteria."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.predict import predict_rows
from softreg_fast.paths.result import Path, Solution
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Problem
from softreg_fast.system.interrupts import interruptible

# A fit to all features estimates the dispersion if at least this fraction of the samples is left as
# residual degrees of freedom.
LEAST_FREEDOM = 0.5

MOST_ROUNDS = 50  # iterations of the scaled Lasso


def n_counted(design: Design) -> int:
    """Return the number of samples with a positive weight, those that a row counts one by one."""
    if design.trials is not None and design.weight is not None:
        return int(np.rint(design.trials[design.weight > 0.0].sum()))
    return design.n_samples if design.weight is None else int(np.count_nonzero(design.weight))


def n_informative(design: Design) -> int:
    """Return the number of samples that sizes of models are measured by: of survival times events.

    The partial likelihood has a term for each event, whatever the number of censored samples
    (Volinsky, Raftery (2000), Biometrics 56).
    """
    target = design.described_target
    if isinstance(target, SurvivalTarget):
        return int(np.count_nonzero(target.times.own >= 0))
    return n_counted(design)


def n_free_outputs(design: Design) -> int:
    """Return the number of intercepts that are free: of several classes one less than these."""
    return max(np.size(design.described_target.y_mean) - 1, 1)


def dispersion_of(problem: Problem) -> float:
    """Estimate the dispersion phi of a loss whose variance is phi V(mean), for a mean weight.

    It is Pearson's, sum s (y - mean)^2 / V(mean) over n - d, of the fit without penalty on all
    features where at least half of the samples are left as degrees of freedom n - d. Otherwise the
    features are those that a Lasso chooses whose alpha depends on phi as that of the scaled Lasso
    does on the noise: l1 weights are the lengths of the columns, and

        alpha = root(phi 2 log p / n mean V(mean) (d eta / d mean)^2)   of the null model,

    with Pearson's sum over n as phi, until it stops falling. That last sum is the estimate if more
    than half as many features are chosen as there are samples.
    """
    design, scaled = problem.design, problem.scaled
    varying = (design.norm > 0.0) & (scaled.lower < scaled.upper)
    n = n_counted(design)
    found = _without_penalty(design, varying, n)
    if found is None:
        share, chosen = _scaled_lasso(problem, varying, n)
        found = _without_penalty(design, chosen, n)
        found = share if found is None else found
    return found if found > 0.0 else 1.0  # nothing left to explain: all models are alike


def _without_penalty(design: Design, features: NDArray[np.bool_], n: int) -> float | None:
    # Pearson's estimate on some features; None if these leave too few degrees of freedom
    left = n - int(np.count_nonzero(features)) - design.fit_intercept
    if left < LEAST_FREEDOM * n:
        return None
    fit = solve_design(design, Penalty(l1=np.where(features, 0.0, np.inf)), tol=1e-10)
    return _mean_pearson(design, fit) * n / left


def _scaled_lasso(
    problem: Problem, varying: NDArray[np.bool_], n: int
) -> tuple[float, NDArray[np.bool_]]:
    # Pearson's mean at the fixed point, and the chosen features
    design, target = problem.design, problem.target
    lengths = design.norm / np.sqrt(design.n_samples)
    l1 = np.where(problem.vectors.l1 > 0.0, lengths, 0.0)
    l1[~varying] = np.inf
    loss: Any = target.loss
    curvature = loss.fisher(target.null_predictor)
    unit = 2.0 * np.log(max(int(np.count_nonzero(varying & (l1 > 0.0))), 2)) / n
    unit *= float(np.average(curvature, weights=target.weight))
    fit = solve_design(design, Penalty(l1=np.full(design.n_features, np.inf)), tol=1e-8)
    share = _mean_pearson(design, fit)
    for _ in range(MOST_ROUNDS):
        fit = solve_design(design, Penalty(l1=np.sqrt(unit * share) * l1), fit.coef, tol=1e-8)
        last, share = share, _mean_pearson(design, fit)
        if not share < (1.0 - 1e-4) * last:
            break
    return share, fit.coef != 0.0


def _mean_pearson(design: Design, fit: Solution) -> float:
    target, rows = design.described_target, _counted(design)
    coef = sp.csc_array(fit.coef[:, np.newaxis])
    eta = predict_rows(design.X, rows, coef, np.array([fit.intercept]))
    loss: Any = target.loss
    each = loss.pearson(target.observed[rows], target.predictors_of(rows, eta)[:, 0])
    weight = None if target.weight is None else target.weight[rows]
    return float(np.average(each, weights=weight))


def _counted(design: Design) -> Index:
    # samples with a positive weight
    weight = design.weight
    return np.arange(design.n_samples) if weight is None else np.flatnonzero(weight)


def degrees_of_curved(fits: Path, problem: Problem) -> Vector:
    """Return trace((H + diag(l2))^-1 H) of every model, H the Hessian of the loss on its support.

    Those of an elastic net or ridge under any loss: H is X'DX of the features, D the curvatures,
    centred by these if there is an intercept.
    """
    design, target = problem.design, problem.target
    is_survival = isinstance(target, SurvivalTarget)
    rows = np.arange(design.n_samples) if is_survival else _counted(design)
    weight = np.ones(len(rows)) if target.weight is None else target.weight[rows]
    support = np.unique(fits.coefs.indices).astype(np.intp)
    columns = design.X[:, support]
    columns = (columns.tocsr()[rows].toarray() if sp.issparse(columns) else columns[rows]) / (
        design.norm[support]
    )
    predictors = target.predictors_of(
        rows, predict_rows(design.X, rows, fits.coefs, fits.intercepts)
    )
    found = np.zeros(len(fits))
    for k, alpha in enumerate(fits.alphas):
        features, _ = fits.support_of(k)
        A = columns[:, np.searchsorted(support, features)]
        if isinstance(target, SurvivalTarget):
            hessian = target.hessian(predictors[:, k], A)
        else:
            D = weight * target.loss.curvature(target.observed[rows], predictors[:, k])
            if design.fit_intercept:
                A = A - np.average(A, axis=0, weights=D) if D.any() else A
            hessian = A.T @ (D[:, np.newaxis] * A)
        l2 = alpha * (1.0 - problem.l1_ratio) * problem.scaled.l2[features]
        penalised = hessian + np.diag(l2)
        found[k] = np.trace(np.linalg.lstsq(penalised, hessian, None)[0])
    return found


def nonzeros_of(fits: Path) -> NDArray[np.int64]:
    """Return the number of nonzero coefficients of every model, of all classes together."""
    return np.array([np.count_nonzero(fits.support_of(k)[1]) for k in range(len(fits))], np.int64)


def degrees_of_classes(fits: Path, problem: Problem) -> Vector:
    """Return the degrees of freedom of models of several classes, without those of the intercepts.

    A constant that is added to the coefficients of a feature for all classes changes no
    probability. So with an L1 penalty of single coefficients a feature has as many degrees as
    nonzero coefficients, but at most one less than there are classes. With other penalties they
    are trace((H + P)^-1 H), H the Hessian of the loss on the support and P that of the penalty,
    which of the length of a row w is (I - ww' / |w|^2) / |w|.

    References
    ----------
    Vaiter, Deledalle, Peyre, Fadili, Dossal (2012), "The degrees of freedom of the group Lasso",
    arXiv 1205.1481.
    """
    n_classes = fits.intercepts.shape[1]
    if problem.l1_ratio == 1.0 and not problem.loss.by_rows:
        rows = (np.count_nonzero(fits.support_of(k)[1], axis=1) for k in range(len(fits)))
        return np.array([np.minimum(row, n_classes - 1).sum() for row in rows], np.float64)
    return np.array([_trace_of(fits, problem, k) for k in range(len(fits))])


def _trace_of(fits: Path, problem: Problem, k: int) -> float:
    # of the k-th model; the coefficients in the order class after class, intercepts last
    design, target, scaled = problem.design, problem.target, problem.scaled
    features, w = fits.support_of(k)
    n_classes, rows = w.shape[1], _counted(design)
    weight = np.ones(len(rows)) if target.weight is None else target.weight[rows]
    A = design.X[:, features]
    A = A.tocsr()[rows].toarray() if sp.issparse(A) else np.asarray(A[rows], np.float64)
    eta = target.predictors_of(rows, A @ w + fits.intercepts[k])
    norm = design.norm[features]
    A = (A - design.center[features]) / norm
    if target.fit_intercept:
        A = np.column_stack([A, np.ones(len(A))])
    p = target.loss.mean(eta)
    m = A.shape[1]
    H = np.empty((n_classes, m, n_classes, m))
    for a in range(n_classes):
        for b in range(a, n_classes):
            D = weight * p[:, a] * ((a == b) - p[:, b])
            H[a, :, b] = H[b, :, a] = A.T @ (D[:, np.newaxis] * A)
    P = np.zeros_like(H)
    alpha, l1_ratio = fits.alphas[k], problem.l1_ratio
    size = np.sqrt(np.square(w).sum(axis=1))
    for i, j in enumerate(features.tolist()):
        P[:, i, :, i] = np.eye(n_classes) * (alpha * (1.0 - l1_ratio) * scaled.l2[j])
        if target.loss.by_rows and size[i]:
            row, l1 = w[i] / size[i], alpha * l1_ratio * scaled.l1[j]
            P[:, i, :, i] += l1 / (size[i] * norm[i]) * (np.eye(n_classes) - np.outer(row, row))
    kept = np.ones((n_classes, m), bool)
    if not target.loss.by_rows:
        kept[:, : len(features)] = w.T != 0.0
    chosen = np.flatnonzero(kept)
    hessian, penalty = (each.reshape(kept.size, -1)[np.ix_(chosen, chosen)] for each in (H, P))
    shrunk = interruptible(np.linalg.lstsq, hessian + penalty, hessian, None)[0]
    return float(np.trace(shrunk) - (n_classes - 1) * target.fit_intercept)
