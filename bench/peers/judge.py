"""Duality gaps of paths in NumPy and SciPy, computed in the same way for every package."""

import numpy as np
import scipy.sparse as sp

# Alphas per block: few enough for X'R with half a million features.
BATCH = 10


def worst_gap(problem, W):
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


def largest_alpha(problem):
    """Return the smallest alpha at which every penalised coefficient is zero."""
    p = problem.X.shape[1]
    weights = np.ones(p) if problem.l1_weights is None else problem.l1_weights
    held = weights > 0.0
    r = project_out(nuisance(problem, ~held), problem.y.astype(np.float64)[:, None])[:, 0]
    slopes = np.abs(problem.X.T @ r)[held] / weights[held]
    return float(np.max(slopes)) / len(r) / problem.l1_ratio


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
