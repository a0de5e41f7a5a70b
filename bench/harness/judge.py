"""Accuracy of answers, computed in NumPy and SciPy in the same way for every package."""

import numpy as np
import scipy.sparse as sp

from bench.harness.joint_losses import JOINT, fitted
from bench.harness.losses import FORMULAS, with_nuisance

# Alphas per block: few enough for X'R with half a million features.
BATCH = 10


def worst_gap(problem, W):
    """Return the largest duality gap along the path, relative to the objective at w = 0.

    W has a column for every alpha, sparse or dense, or is (n_alphas, n_features, n_tasks).
    """
    if problem.y.ndim == 2:
        return gap_of_rows(problem, W)
    return (gap_with_intercept if problem.fit_intercept else gap_without_intercept)(problem, W)


def gap_with_intercept(problem, W):
    """Return the largest duality gap along the path, relative to the objective at w = 0.

    Intercept and unpenalised coefficients are optimal given the others: r is the residual minus
    its projection on their columns.  With l2 = alpha (1 - l1_ratio) written
    as further samples (0; sqrt(n l2)),

        P(w)   = 1/(2n) ||r||^2 + sum_j l1_j |w_j| + l2/2 ||w||^2,     l1_j = alpha l1_ratio c_j
        D(k r) = k/n y.r - k^2/(2n) ||r||^2 - k^2 l2/2 ||w||^2,
        k      = min(1, min_j l1_j / |x_j.r / n - l2 w_j|),

    or with l2, if that is larger, the conjugate of the elastic net at k = 1,

        D(r)   = 1/n y.r - 1/(2n) ||r||^2 - sum_j max(|x_j.r / n| - l1_j, 0)^2 / (2 l2).

    W is a (n_features, n_alphas) matrix, sparse or dense.
    """
    n = len(problem.y)
    W = W.toarray() if sp.issparse(W) else np.array(W)
    weights = np.ones(len(W)) if problem.l1_weights is None else problem.l1_weights
    free = nuisance(problem, weights == 0.0)
    held = weights > 0.0
    W[~held] = 0.0
    y = project_out(free, problem.y.astype(np.float64)[:, None])
    worst = 0.0
    for start in range(0, len(problem.alphas), BATCH):
        batch = slice(start, start + BATCH)
        w, alphas = W[:, batch], problem.alphas[batch]
        r = project_out(free, y - problem.X @ w)
        l1, l2 = alphas * problem.l1_ratio * weights[:, None], alphas * (1.0 - problem.l1_ratio)
        gradient = problem.X.T @ r / n
        slopes = np.abs(gradient - l2 * w)[held]
        with np.errstate(divide="ignore", invalid="ignore"):
            k = np.where(slopes > l1[held], l1[held] / slopes, 1.0).min(axis=0)
        loss, l2_part = (r * r).sum(axis=0) / (2 * n), 0.5 * l2 * (w * w).sum(axis=0)
        primal = loss + (l1 * np.abs(w)).sum(axis=0) + l2_part
        fitted = (y * r).sum(axis=0) / n
        dual = k * fitted - k * k * (loss + l2_part)
        if problem.l1_ratio < 1.0:
            excess = np.maximum(np.abs(gradient[held]) - l1[held], 0.0)
            dual = np.maximum(dual, fitted - loss - (excess**2 / (2.0 * l2)).sum(axis=0))
        worst = max(worst, float(np.max(primal - dual)))
    return worst / float((y * y).sum() / (2 * n))


def gap_without_intercept(problem, W):
    """Return the largest duality gap of the columns of W, relative to the objective at w = 0.

        P(w)   = 1/(2n) ||y - X w||^2 + sum_j l1_j |w_j| + l2_j/2 w_j^2
        D(k r) = k/n y.r - k^2/(2n) ||r||^2 - sum_{l2_j > 0} max(|k z_j| - l1_j, 0)^2 / (2 l2_j)

    with r = y - X w, z = X'r / n and the largest k <= 1 for which |k z_j| <= l1_j wherever
    l2_j = 0, l1_j = alpha.  W is (n_features,) or (n_features, n_alphas).
    """
    X, y, n = problem.X, problem.y, problem.shape[0]
    W = W.toarray() if sp.issparse(W) else W
    W = np.asarray(W, dtype=np.float64).reshape(problem.shape[1], -1)
    l1, l2 = problem.alphas[None, :], 0.0 if problem.l2 is None else problem.l2
    l1, l2 = (np.broadcast_to(np.transpose(a), W.T.shape).T for a in (l1, l2))
    R = y[:, None] - X @ W
    Z = X.T @ R / n
    penalised = l2 > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(penalised | (np.abs(Z) <= l1), 1.0, l1 / np.abs(Z))
        k = room.min(axis=0)
        beyond = np.maximum(np.abs(k * Z) - l1, 0.0)
        conjugate = np.where(penalised, beyond**2 / (2.0 * l2), 0.0).sum(axis=0)
    RR = np.einsum("ij,ij->j", R, R)
    primal = RR / (2 * n) + (l1 * np.abs(W) + 0.5 * l2 * W * W).sum(axis=0)
    dual = k * (y @ R) / n - k * k * RR / (2 * n) - conjugate
    return float(np.max(primal - dual) / (y @ y / (2 * n)))


def gap_of_rows(problem, coefs):
    """Return the largest duality gap on the path, relative to the loss at W = 0.

    Y and `coefs`, (n_alphas, n_features, n_tasks), have several targets; X and Y are centred, so
    that the intercepts are 0.
    """
    X, Y, n = problem.X.astype(np.float64), problem.y.astype(np.float64), len(problem.y)
    worst = 0.0
    for alpha, W in zip(problem.alphas, coefs, strict=True):
        l1, l2 = alpha * problem.l1_ratio, alpha * (1.0 - problem.l1_ratio)
        R, lengths = Y - X @ W, np.linalg.norm(W, axis=1)
        Z = np.linalg.norm(X.T @ R, axis=1) / n
        k = 1.0 if l2 else min(1.0, l1 / Z.max())
        conjugate = np.square(np.maximum(k * Z - l1, 0.0)).sum() / (2.0 * l2) if l2 else 0.0
        primal = np.sum(R * R) / (2 * n) + l1 * lengths.sum() + 0.5 * l2 * lengths @ lengths
        dual = k * np.sum(R * Y) / n - k * k * np.sum(R * R) / (2 * n) - conjugate
        worst = max(worst, primal - dual)
    return worst / (np.sum(Y * Y) / (2 * n))


def largest_alpha(problem):
    """Return the smallest alpha at which every penalised coefficient is zero."""
    p = problem.X.shape[1]
    weights = np.ones(p) if problem.l1_weights is None else problem.l1_weights
    held = weights > 0.0
    slopes = np.abs(problem.X.T @ null_residual(problem, nuisance(problem, weights == 0.0)))
    if slopes.ndim == 2:
        grouped = problem.loss == "grouped multinomial"
        slopes = np.linalg.norm(slopes, axis=1) if grouped else slopes.max(axis=1)
    return float(np.max(slopes[held] / weights[held])) / len(problem.y) / problem.l1_ratio


def null_residual(problem, free):
    """Return the residual of the best combination of the orthonormal columns of `free`."""
    y = problem.y.astype(np.float64)
    if problem.loss == "squared":
        return project_out(free, y[:, None])[:, 0]
    if problem.loss in JOINT:
        loss = JOINT[problem.loss](y)
        start = np.zeros((loss.n, loss.n_outputs))
        return loss.residual(fitted(loss, start, free[:, 1:]))
    formula = FORMULAS[problem.loss]
    return y - formula.mean(with_nuisance(formula, y, np.zeros(len(y)), free))


def nuisance(problem, unpenalised):
    """Return an orthonormal basis of the constant and the unpenalised columns."""
    columns = problem.X[:, np.flatnonzero(unpenalised)]
    columns = columns.toarray() if sp.issparse(columns) else columns.astype(np.float64)
    return np.linalg.qr(np.column_stack([np.ones(len(problem.y)), columns]))[0]


def project_out(basis, r):
    """Subtract the projection of r twice, so that the rest is orthogonal to rounding."""
    for _ in range(2):
        r = r - basis @ (basis.T @ r)
    return r


def difference(a, b):
    """Return max |a - b| / max |b| over arrays, or over tuples of arrays."""
    if isinstance(a, tuple):
        return max(difference(x, y) for x, y in zip(a, b, strict=True))
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        return np.inf
    largest = np.max(np.abs(b), initial=0.0)
    apart = np.max(np.abs(a - b), initial=0.0)
    return float(apart / largest if largest > 0.0 else apart)
