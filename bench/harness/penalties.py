"""Accuracy of answers under penalties beyond L1, in NumPy and SciPy, the same for every package.

They are for squared error with an intercept, 1/(2n) ||y - b - X w||^2 + alpha Omega(w), or for a
loss of bench/harness/losses.py in place of the squares.
"""

import numpy as np
import scipy.sparse as sp
from scipy.special import ndtri

from bench.harness.losses import FORMULAS, with_nuisance

# Shapes of MCP and SCAD, false discovery rate of SLOPE's weights, share of L1 in sparse groups.
GAMMA, A, Q, SHARE = 3.0, 3.7, 0.1, 0.5

# Steps that bisect a factor of a dual point to rounding.
BISECTIONS = 60


def judge_of(problem):
    """Return judge(problem, W): the worst gap along the path, relative to the null objective, or
    for MCP and SCAD the largest distance to stationarity, relative to alpha.

    Under other losses than the squared one it is the distance from the best lower bound that any of
    the judged paths has given.
    """
    if problem.loss != "squared":
        return Suboptimality(problem)
    return worst_distance if problem.omega in SLOPES else worst_gap


def fits_of(problem, W):
    """Yield (alpha, w, residual r, slopes X'r / n) of each alpha, with the best intercept."""
    n, y = len(problem.y), problem.y - problem.y.mean()
    means = np.asarray(problem.X.mean(axis=0)).ravel()
    W = W.toarray() if sp.issparse(W) else np.asarray(W)
    for alpha, w in zip(problem.alphas, W.T, strict=True):
        r = y - problem.X @ w + means @ w
        yield alpha, w, r, (problem.X.T @ r - means * r.sum()) / n


def slope_of_mcp(size, alpha):
    return np.maximum(alpha - size / GAMMA, 0.0)


def slope_of_scad(size, alpha):
    return np.where(size <= alpha, alpha, np.maximum(A * alpha - size, 0.0) / (A - 1.0))


SLOPES = {"mcp": slope_of_mcp, "scad": slope_of_scad}


def worst_distance(problem, W):
    """Return the largest distance of a slope from the limiting subdifferential, over alpha.

    Shapes are in units of a column's curvature: columns have x_j'x_j = n.
    """
    worst = 0.0
    for alpha, w, _, z in fits_of(problem, W):
        at_zero = np.maximum(np.abs(z) - alpha, 0.0)
        else_where = np.abs(z - np.sign(w) * SLOPES[problem.omega](np.abs(w), alpha))
        worst = max(worst, np.where(w == 0.0, at_zero, else_where).max() / alpha)
    return float(worst)


def worst_gap(problem, W):
    """Return the largest duality gap along the path, relative to the objective at w = 0.

        P(w) = 1/(2n) ||r||^2 + alpha Omega(w),   D(k r) = k/n y.r - k^2/(2n) ||r||^2,

    with the largest k <= 1 for which the dual norm of k z, z = X'r / n, is at most alpha.
    """
    n, y, omega = len(problem.y), problem.y - problem.y.mean(), OMEGAS[problem.omega](problem)
    worst = 0.0
    for alpha, w, r, z in fits_of(problem, W):
        norm = omega.dual_norm(z)
        k = 1.0 if norm <= alpha else alpha / norm
        primal = r @ r / (2 * n) + alpha * omega.value(w)
        worst = max(worst, primal - k * (y @ r) / n + k * k * (r @ r) / (2 * n))
    return float(worst / (y @ y / (2 * n)))


class Suboptimality:
    """Judge of paths under a loss of bench/harness/losses.py: their objectives, less lower bounds.

        P(w) = 1/n sum_i f(y_i, eta_i) + alpha Omega(w),   D(theta) = -1/n sum_i f*(-theta_i),

    with the multiple of the residual for theta that is feasible, as in `worst_gap`; here the best
    bound of all judged paths counts at each alpha.
    """

    def __init__(self, problem):
        self.formula = FORMULAS[problem.loss]
        self.bounds = np.full(len(problem.alphas), -np.inf)

    def __call__(self, problem, W):
        n, y, omega = len(problem.y), problem.y, OMEGAS[problem.omega](problem)
        W = W.toarray() if sp.issparse(W) else np.asarray(W)
        ones, values = np.full((n, 1), n**-0.5), []  # of length 1
        for k, (alpha, w) in enumerate(zip(problem.alphas, W.T, strict=True)):
            eta = problem.X @ w  # the intercept is found from near
            eta = with_nuisance(self.formula, y, eta - eta.mean(), ones)
            mean = self.formula.mean(eta)
            theta, curvature = y - mean, self.formula.curvature(mean)
            theta -= curvature * (theta.sum() / curvature.sum())  # stays in the domain
            norm = omega.dual_norm(problem.X.T @ theta / n)
            theta *= 1.0 if norm <= alpha else alpha / norm
            bound = -np.mean(self.formula.conjugate(y - theta))
            self.bounds[k] = max(self.bounds[k], bound)
            values.append(np.mean(self.formula.value(y, eta)) + alpha * omega.value(w))
        null = with_nuisance(self.formula, y, np.zeros(n), ones)
        null = np.mean(self.formula.value(y, null) - self.formula.saturated(y))
        return float(np.max(values - self.bounds) / null)


class Sorted:
    """SLOPE with the weights of Benjamini and Hochberg, normal quantiles."""

    def __init__(self, problem):
        self.weights = sorted_weights(problem.shape[1])

    def value(self, w):
        return self.weights @ np.sort(np.abs(w))[::-1]

    def dual_norm(self, z):
        sums = np.cumsum(np.sort(np.abs(z))[::-1])
        return float(np.max(sums / np.cumsum(self.weights)))


def sorted_weights(p):
    """Return the weights of SLOPE, largest first: Phi^-1(1 - i q / (2 p)), i = 1 to p."""
    return ndtri(1.0 - np.arange(1, p + 1) * Q / (2.0 * p))


class Groups:
    """The group lasso with weights sqrt(size), or with a share of L1 the sparse group lasso."""

    def __init__(self, problem):
        self.share = SHARE if problem.omega == "sparse groups" else 0.0
        _, self.of = np.unique(problem.groups, return_inverse=True)
        self.weights = np.sqrt(np.bincount(self.of))

    def norms(self, w):
        return np.sqrt(np.bincount(self.of, w * w))

    def value(self, w):
        whole = self.weights @ self.norms(w)
        return (1.0 - self.share) * whole + self.share * np.abs(w).sum()

    def dual_norm(self, z):
        # the least t with ||S(z_g, t share)|| <= t (1 - share) c_g for all groups
        if not self.share:
            return float(np.max(self.norms(z) / self.weights))
        low, high = 0.0, float(np.abs(z).max() / self.share)
        for _ in range(BISECTIONS):
            t = 0.5 * (low + high)
            rest = self.norms(np.maximum(np.abs(z) - t * self.share, 0.0))
            fits = np.all(rest <= t * (1.0 - self.share) * self.weights)
            low, high = (low, t) if fits else (t, high)
        return high


class Largest:
    """L1."""

    def __init__(self, problem):
        pass

    def value(self, w):
        return np.abs(w).sum()

    def dual_norm(self, z):
        return float(np.abs(z).max())


OMEGAS = {
    "l1": Largest,
    "mcp": Largest,  # near 0 and so at alpha_max
    "scad": Largest,
    "slope": Sorted,
    "groups": Groups,
    "logistic groups": Groups,
    "sparse groups": Groups,
}


def largest_alpha(problem):
    """Return the smallest alpha at which all coefficients are zero."""
    y = problem.y - problem.y.mean()
    slopes = np.asarray(problem.X.T @ y).ravel() / len(y)
    return OMEGAS[problem.omega](problem).dual_norm(slopes)
