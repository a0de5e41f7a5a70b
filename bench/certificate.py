"""Duality gaps in plain NumPy, computed in the same way for every package."""

import numpy as np


def worst_gap(problem, W, l1, l2):
    """Return the largest duality gap of the columns of W, relative to the objective at w = 0.

        P(w)   = 1/(2n) ||y - X w||^2 + sum_j l1_j |w_j| + l2_j/2 w_j^2
        D(k r) = k/n y.r - k^2/(2n) ||r||^2 - sum_{l2_j > 0} max(|k z_j| - l1_j, 0)^2 / (2 l2_j)

    with r = y - X w, z = X'r / n and the largest k <= 1 for which |k z_j| <= l1_j wherever
    l2_j = 0.  W is (n_features,) or (n_features, n_columns); l1 and l2 are numbers, vectors
    (n_features,) or, for values per column, (1, n_columns).
    """
    X, y, n = problem.X, problem.y, problem.shape[0]
    W = np.asarray(W, dtype=np.float64).reshape(problem.shape[1], -1)
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
