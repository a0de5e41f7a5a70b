"""Penalties beyond L1 and L2, and gaps under them, in slow and obvious NumPy; see oracles.py."""

import numpy as np
from oracles import LD, LOSSES, dense


def mcp(x, strength, gamma):
    """Return the minimax concave penalty: the integral of max(strength - x / gamma, 0) to |x|."""
    size = np.minimum(np.abs(x), gamma * strength)
    return strength * size - size**2 / (2.0 * gamma)


def scad(x, strength, a):
    """Return SCAD: the integral of strength to strength, then max(a strength - x, 0) / (a - 1)."""
    first = np.minimum(np.abs(x), strength)
    second = np.clip(np.abs(x), strength, a * strength)
    area = ((a - 1.0) * strength) ** 2 - (a * strength - second) ** 2
    return strength * first + area / (2.0 * (a - 1.0))


# By the name of the class: settings, and the penalty of one weight at these settings.
ELEMENTWISE = {
    "L1": ({"strength": 0.7}, lambda x: 0.7 * abs(x)),
    "L2": ({"strength": 0.7}, lambda x: 0.35 * x**2),
    "ElasticNet": (
        {"strength": 0.7, "l1_ratio": 0.3},
        lambda x: 0.21 * abs(x) + 0.245 * x**2,
    ),
    "MCP": ({"strength": 0.7, "gamma": 1.8}, lambda x: mcp(x, 0.7, 1.8)),
    "SCAD": ({"strength": 0.7, "a": 2.9}, lambda x: scad(x, 0.7, 2.9)),
    "LHalf": ({"strength": 0.7}, lambda x: 0.7 * np.sqrt(abs(x))),
    "LogSum": ({"strength": 0.7, "eps": 0.4}, lambda x: 0.7 * np.log1p(abs(x) / 0.4)),
    "NonNegative": ({"positive": False}, lambda x: 0.0 * x),
}


def group_distance(x, gradient, group_strength, l1_strength):
    """Return the distance of -gradient from the subdifferential of s ||x||_2 + l ||x||_1 at x."""
    size = np.linalg.norm(x)
    soft = np.sign(gradient) * np.maximum(np.abs(gradient) - l1_strength, 0.0)
    if size == 0.0:
        return max(np.linalg.norm(soft) - group_strength, 0.0)
    slopes = gradient + group_strength * x / size + l1_strength * np.sign(x)
    return np.linalg.norm(np.where(x == 0.0, soft, slopes))


def tikhonov(X, y, D, alpha, s=None, fit_intercept=True):
    """Return the shortest (w, b) that minimises mean s (y - X w - b)^2 / 2 + alpha/2 |D w|^2."""
    X, y, D = (np.asarray(dense(each), np.float64) for each in (X, y, D))
    s = np.ones(len(y)) if s is None else s
    s = s / s.sum()
    x_mean, y_mean = (s @ X, s @ y) if fit_intercept else (0.0 * X[0], 0.0)
    root = np.sqrt(s)[:, np.newaxis]
    rows = np.vstack([root * (X - x_mean), np.sqrt(alpha) * D])
    w = np.linalg.lstsq(rows, np.append(root[:, 0] * (y - y_mean), np.zeros(len(D))), 1e-13)[0]
    return w, y_mean - x_mean @ w


# ---------------------------------------------------------------------------------------------
# Groups.


def group_value(w, labels, weights, thin):
    """Return sum_g c_g ||w_g||_2 + a_g ||w_g||_1; labels -1 are of no group."""
    members = [w[labels == g] for g in range(len(weights))]
    return sum(
        c * np.sqrt(np.sum(m**2)) + a * np.sum(np.abs(m))
        for m, c, a in zip(members, weights, thin, strict=True)
    )


def largest_group_scaling(z, weight, thin):
    """Return the largest k with ||S(k z, thin)||_2 <= weight, by bisection."""
    low, high = LD(0), LD(1)

    def fits(k):
        return np.sqrt(np.sum(np.maximum(np.abs(k * z) - thin, 0.0) ** 2)) <= weight

    if fits(high):
        return high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def group_gap(X, y, fit, labels, weights, thin, *, s=None, fit_intercept=True, standardize=False):
    """Return (gap, null loss) of a fit under a penalty of groups, in the user's units.

    The dual point is a multiple of the residual from which the columns without a penalty are
    projected away.
    """
    X, y = dense(X), dense(y)
    n = len(X)
    s = np.full(n, 1 / LD(n)) if s is None else dense(s) / dense(s).sum()
    if fit_intercept:
        X, y = X - s @ X, y - s @ y
    w = dense(fit.coef)
    if standardize:
        scale = np.sqrt(s @ X**2)
        w, X = w * scale, X / np.where(scale > 0, scale, 1)
    weights, thin = fit.alpha * dense(weights), fit.alpha * dense(thin)
    r = y - X @ w
    primal = s @ r**2 / 2 + group_value(w, labels, weights, thin)
    alone = (labels < 0) | np.append((weights == 0) & (thin == 0), True)[labels]
    theta = np.array(r, float)
    if alone.any():
        root = np.sqrt(np.array(s, float))
        basis = np.array(X[:, alone], float) * root[:, None]
        for _ in range(2):
            theta -= np.array(X[:, alone], float) @ np.linalg.lstsq(basis, root * theta, None)[0]
    z = X.T @ (s * theta)
    used = [g for g in range(len(weights)) if weights[g] > 0 or thin[g] > 0]
    k = min(
        (largest_group_scaling(z[labels == g], weights[g], thin[g]) for g in used), default=LD(1)
    )
    theta = k * theta
    dual = s @ (y * theta) - s @ theta**2 / 2
    return float(primal - dual), float(s @ y**2 / 2)


# ---------------------------------------------------------------------------------------------
# SLOPE.


def sorted_l1(w, lambdas):
    """Return sum_k lambda_k |w|_(k), the sizes in falling order."""
    return np.sort(np.abs(np.asarray(w, LD)))[::-1] @ np.asarray(lambdas, LD)


def slope_gap(data, w, b, alpha, lambdas):
    """Return the duality gap under SLOPE, by the best multiple of the residual up to 1.

    data is (X, y, s, d): samples, targets, weights with sum 1, and the factors by which the
    coefficients are multiplied before they are compared. Without an intercept b is None.

    J >= sum_i s_i (y_i rho_i - rho_i^2 / 2) for every rho, with sum s rho = 0 if there is an
    intercept, for which the sums of the k largest |x_j.(s rho)| / d_j are at most those of alpha
    lambda.
    """
    X, y, s, d = (dense(each) for each in data)
    w = np.asarray(w, LD)
    r = y - X @ w - (0.0 if b is None else LD(b))
    rho = r if b is None else r - s @ r
    varies = d > 0
    sizes = np.sort(np.abs(X[:, varies].T @ (s * rho)) / d[varies])[::-1]
    sums = np.cumsum(np.asarray(lambdas, LD))[: sizes.size]
    ratio = (np.cumsum(sizes) / (alpha * sums)).max(initial=LD(0.0))
    rho = rho / max(ratio, LD(1.0))
    primal = s @ r**2 / 2 + alpha * sorted_l1(d * w, lambdas)
    return primal - s @ (y * rho - rho**2 / 2)


# ---------------------------------------------------------------------------------------------
# Penalties that are norms, under any loss.


def norm_bounds(kind, data, fit, value, scaling):
    """Return the objective of a fit under a norm, for any loss, and a lower bound on its minimum.

    data is (X, y, s, offset, factors): weights with sum 1, and the factors by which coefficients
    are multiplied before they are penalised; value(w) is the penalty, scaling(z) the largest k <= 1
    for which k z is feasible. With theta any number between 0 and the residual for each sample, of
    sum 0,

        J >= - sum_i s_i (f*(-theta_i) + theta_i offset_i)    if X'(s theta) is feasible.
    """
    X, y, s, offset, factors = (dense(each) for each in data)
    oracle = LOSSES[kind]
    z = offset + X @ dense(fit.coef) + LD(fit.intercept)
    h = LD(1e-6)
    r = (oracle.value(y, z - h) - oracle.value(y, z + h)) / (2 * h)
    up, down = s @ np.maximum(r, 0), s @ np.maximum(-r, 0)
    theta = np.where(r > 0, r * min(1, down / max(up, LD(1e-300))), r)
    theta = np.where(r < 0, r * min(1, up / max(down, LD(1e-300))), theta)
    varies = factors > 0
    slopes = np.zeros(len(factors), LD)
    slopes[varies] = X[:, varies].T @ (s * theta) / factors[varies]
    theta = theta * scaling(slopes) * (1 - LD(1e-12))  # within the domain, whatever rounding
    primal = s @ oracle.value(y, z) + value(factors * dense(fit.coef))
    return primal, -(s @ (oracle.conjugate(y, -theta) + theta * offset))
