"""The judge of paths: duality gaps in NumPy and SciPy, the same for every package."""

import numpy as np
import scipy.sparse as sp


def worst_gap(X, y, alphas, W):
    """Largest duality gap along the path, relative to the objective at w = 0.

    The intercept is the best one for each w, so with centred columns and y

        P(w)   = 1/(2n) ||r||^2 + alpha ||w||_1,     r = y - X w
        D(k r) = k/n y.r - k^2/(2n) ||r||^2,         k = min(1, alpha / max_j |x_j.r / n|).

    W is a sparse (n_features, n_alphas) matrix.
    """
    n = len(y)
    y = y.astype(np.float64) - np.mean(y, dtype=np.float64)
    means = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    worst = 0.0
    for k, alpha in enumerate(alphas):
        w = W[:, [k]]
        support = w.indices
        columns = X[:, support]
        fitted = columns @ w.data if sp.issparse(X) else columns.astype(np.float64) @ w.data
        r = y - (fitted - means[support] @ w.data)
        r -= r.mean()
        largest = np.max(np.abs(X.T @ r - means * r.sum())) / n
        scale = min(1.0, alpha / largest) if largest > 0.0 else 1.0
        primal = r @ r / (2 * n) + alpha * np.abs(w.data).sum()
        dual = scale * (y @ r) / n - scale**2 * (r @ r) / (2 * n)
        worst = max(worst, (primal - dual) / (y @ y / (2 * n)))
    return float(worst)


def largest_alpha(X, y):
    """The smallest alpha at which every coefficient is zero."""
    centered = y - np.mean(y)
    return float(np.max(np.abs(X.T @ centered)) / len(y))
