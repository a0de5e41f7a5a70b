"""Reference implementations in slow, obvious NumPy with long double.

Nothing here imports softreg_fast or shares its algebra: the problem stays in the user's units and
every formula is written as in the docstring of `Problem`. One file, so that the slow counterpart of
any formula is found in one place; those of penalties beyond L1 and L2 are in penalty_oracles.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LD = np.longdouble
INF = np.inf

# Unpenalised columns that differ by less than this, relative to their norm, are dependent.
RANK = 1e-11


def dense(X):
    """Return any X as a dense array of long doubles."""
    if hasattr(X, "toarray"):
        X = X.toarray()
    elif hasattr(X, "to_numpy"):
        X = X.to_numpy()
    return np.asarray(X).astype(LD)


def soft_threshold(x, t):
    """Return argmin_u 1/2 (u - x)^2 + t |u|."""
    return np.sign(x) * np.maximum(np.abs(x) - t, 0.0)


class Certificate(NamedTuple):
    """Certificate of a point: the minimum lies in [dual, primal]."""

    primal: LD
    dual: LD
    kkt: np.ndarray
    """Distance to optimality of each feature, in units of |x_j| |y| (like a correlation)."""

    @property
    def gap(self):
        return self.primal - self.dual


@dataclass(frozen=True, eq=False)
class Problem:
    """minimise  J(w, b) = 1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + sum_j l1_j |w_j| + l2_j/2 w_j^2

    over lower <= w <= upper, where S is the sum of the s_i and b = 0 without an intercept.
    """

    X: np.ndarray
    y: np.ndarray
    s: np.ndarray
    intercept: bool
    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def mean(self, a):
        """Return the weighted mean of the rows of a; 0 without an intercept."""
        if not self.intercept:
            return np.zeros_like(a[0])
        near = a[np.argmax(self.s)]  # this makes the mean of a constant exact
        return near + self.s @ (a - near) / self.s.sum()

    @property
    def X_centered(self):
        return self.X - self.mean(self.X)

    @property
    def y_centered(self):
        return self.y - self.mean(self.y)

    @property
    def null_loss(self):
        """Loss at w = 0 with the best b."""
        return self.s @ self.y_centered**2 / (2 * self.s.sum())

    @property
    def unpenalised(self):
        return (self.l1 == 0) & (self.l2 == 0) & (self.lower < self.upper)

    def residual(self, w, b):
        """Return y - X w - b, computed so that large means cancel before rounding."""
        w = np.asarray(w, LD)
        return self.y_centered - self.X_centered @ w - (b - self.best_intercept(w))

    def loss(self, w, b):
        return self.s @ self.residual(w, b) ** 2 / (2 * self.s.sum())

    def penalty(self, w):
        w = np.asarray(w, LD)
        return self.l1 @ np.abs(w) + self.l2 @ w**2 / 2

    def objective(self, w, b):
        return self.loss(w, b) + self.penalty(w)

    def best_intercept(self, w):
        return self.mean(self.y) - self.mean(self.X) @ np.asarray(w, LD)

    def is_feasible(self, w):
        return bool(np.all((self.lower <= w) & (w <= self.upper)))

    def slopes(self, rho):
        """Return x_j . (s rho) / S; with an intercept rho has weighted sum 0."""
        return self.X_centered.T @ (self.s * rho) / self.s.sum()

    def dual(self, rho):
        """Return a lower bound on J for every (w, b), from any rho with sum_i s_i rho_i = 0.

        (y - f)^2 / 2 >= rho (y - f) - rho^2 / 2 for every sample, so with z_j = x_j.(s rho)/S
            J >= 1/S sum_i s_i (y_i rho_i - rho_i^2 / 2) - sum_j max_u [z_j u - penalty_j(u)].
        """
        first = self.s @ (self.y_centered * rho - rho**2 / 2) / self.s.sum()
        return first - self.conjugate(self.slopes(rho), self._slack(rho)).sum()

    def conjugate(self, z, slack):
        """Return max over lower <= u <= upper of z u - l1 |u| - l2/2 u^2, for every feature.

        A z outside its finite range by less than the slack is treated as inside.
        """
        best = np.full(len(z), -INF, LD)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.where(self.l2 > 0, soft_threshold(z, self.l1) / self.l2, 0.0)
        for u in (self.lower, self.upper, inner, np.zeros(len(z))):
            u = np.clip(u, self.lower, self.upper)
            u = np.where(np.isfinite(u), u, np.clip(0.0, self.lower, self.upper))
            best = np.maximum(best, z * u - self.l1 * np.abs(u) - self.l2 * u**2 / 2)
        return np.where(self._is_unbounded(z, slack), INF, best)

    def certificate(self, w, b):
        w = np.asarray(w, LD)
        rho = self._without_unpenalised(self.residual(w, b))
        dual = max(self.dual(k * rho) for k in self._scalings(rho, w))
        return Certificate(self.objective(w, b), dual, self.kkt(w, b))

    def kkt(self, w, b):
        """Return the distance of z_j = x_j.(s r)/S from the penalty's subdifferential at w_j."""
        w = np.asarray(w, LD)
        residual = self.residual(w, b)
        z = self.slopes(residual) - self.l2 * w
        low = np.where(w > 0, self.l1, -self.l1)
        high = np.where(w < 0, -self.l1, self.l1)
        # rounding error between w and a bound
        near = 1 + 8 * np.sign(w) * np.finfo(float).eps
        low = np.where(w <= self.lower * near, -INF, low)
        high = np.where(w * near >= self.upper, INF, high)
        distance = np.maximum(np.maximum(low - z, z - high), 0.0)
        size = np.sqrt(max(self.s @ self.y_centered**2, self.s @ residual**2))
        unit = self.norms * size / self.s.sum()
        return np.where(distance > 0, distance / np.where(unit > 0, unit, 1.0), 0.0)

    def alpha_max(self, l1_weights=1.0):
        """Return the smallest alpha with w = 0 for a penalty alpha * sum_j l1_weights_j |w_j|."""
        return float(np.max(np.abs(self.slopes(self.y_centered)) / l1_weights))

    @property
    def norms(self):
        """Norm of every centred column in the weights s."""
        return np.sqrt(self.s @ self.X_centered**2)

    def _slack(self, rho):
        # rounding error in the slopes of rho, or effect of a column treated as dependent
        share = np.where(self.unpenalised, RANK, 100 * np.finfo(LD).eps)
        return share * self.norms * np.sqrt(self.s @ rho**2) / self.s.sum()

    def _is_unbounded(self, z, slack):
        up = (z > self.l1 + slack) & np.isposinf(self.upper)
        down = (z < -self.l1 - slack) & np.isneginf(self.lower)
        return (self.l2 == 0) & (up | down)

    def _without_unpenalised(self, residual):
        """Return the part of the residual orthogonal to 1 and to the unpenalised features.

        Features with one bound are not projected out if their slope pushes them against it.
        """
        rho = residual - self.mean(residual)
        removed = np.zeros(len(self.l1), bool)
        while True:
            more = self.unpenalised & ~removed
            more &= self._is_unbounded(self.slopes(rho), self._slack(rho))
            if not more.any():
                return rho
            removed |= more
            rho = residual - self.mean(residual)
            basis = orthonormal_basis(self.X_centered[:, removed], self.s)
            for _ in range(2):
                rho = rho - basis @ (basis.T @ (self.s * rho))
                rho = rho - self.mean(rho)

    def _scalings(self, rho, w):
        # Any k for which k rho is feasible bounds J; these are likely to be close to the best.
        z, slack = self.slopes(rho), self._slack(rho)

        def inside(excess, z):
            allowed = np.maximum(self.l1 - slack, 0)
            return np.min(allowed[excess] / z[excess], initial=LD(1))

        largest = inside(self._is_unbounded(z, slack), np.abs(z))
        yield largest
        yield LD(0)
        if (squares := self.s @ rho**2) > 0:
            yield np.clip(self.s @ (self.y_centered * rho) / squares, 0, largest)
        e = z - self.l2 * w  # l2 written as further samples
        free = np.isinf(np.where(e > 0, self.upper, self.lower)) & (self.l1 > 0)
        yield min(inside(free & (np.abs(e) > self.l1), np.abs(e)), largest)


@dataclass(frozen=True, eq=False)
class LossProblem(Problem):
    """Another loss: 1/S sum_i s_i f(y_i, x_i.w + b + offset_i) + penalty, over w and b."""

    oracle: OracleOfLoss
    offset: np.ndarray

    def _sum(self, values):
        # mean of values that may be infinite where s is 0
        return np.where(self.s > 0, self.s * values, 0).sum() / self.s.sum()

    def predictor(self, w, b):
        return self.X @ np.asarray(w, LD) + b + self.offset

    def loss(self, w, b):
        return self._sum(self.oracle.value(self.y, self.predictor(w, b)))

    def residual(self, w, b):
        """Return minus the derivative of f, a difference quotient."""
        z, h = self.predictor(w, b), LD(1e-6)
        above, below = (self.oracle.value(self.y, z + step) for step in (h, -h))
        return np.where(self.s > 0, (below - above) / (2 * h), 0)

    def dual(self, rho):
        # f(z) >= -rho z - f*(-rho)
        first = self._sum(self.oracle.conjugate(self.y, -rho) + rho * self.offset)
        return -first - self.conjugate(self.slopes(rho), self._slack(rho)).sum()

    def bound(self, w, rho):
        """Return a lower bound on the minimum, by multiples of the dual point rho."""
        rho = np.asarray(rho, LD)
        assert not self.intercept or abs(self.s @ rho) <= 1e-12 * (self.s @ np.abs(rho) + 1e-3)
        return max(self.dual(k * rho) for k in self._scalings(rho, np.asarray(w, LD)))


def loss_problem_of(X, y, kind, *, offset=None, **options):
    """Return the LossProblem of a call of `solve` with the loss of this kind."""
    offset = np.zeros(len(y), LD) if offset is None else dense(offset)
    return LossProblem(**vars(problem_of(X, y, **options)), oracle=LOSSES[kind], offset=offset)


@dataclass(frozen=True, eq=False)
class RowProblem(Problem):
    """Several targets y_i in R^T: minimise over W (p, T) and b

        J(W, b) = 1/(2S) sum_i s_i ||y_i - W'x_i - b||^2 + sum_j l1_j ||w_j|| + l2_j/2 ||w_j||^2,

    w_j the rows of W.  lower_j = upper_j = 0 excludes a feature, otherwise both are infinite.
    """

    @property
    def null_loss(self):
        return (self.s @ self.y_centered**2).sum() / (2 * self.s.sum())

    @property
    def excluded(self):
        return self.upper == 0.0

    def loss(self, w, b):
        return (self.s @ self.residual(w, b) ** 2).sum() / (2 * self.s.sum())

    def penalty(self, w):
        lengths = np.sqrt((np.asarray(w, LD) ** 2).sum(axis=1))
        return self.l1 @ lengths + self.l2 @ lengths**2 / 2

    def is_feasible(self, w):
        return not np.any(w[self.excluded])

    def slopes(self, rho):
        """Return X'(s rho) / S, with a row for each feature."""
        return self.X_centered.T @ (self.s[:, None] * rho) / self.s.sum()

    def dual(self, rho):
        """Return a lower bound on J, as for one target: max_u [z.u - l1 ||u|| - l2/2 ||u||^2] is
        (||z|| - l1)_+^2 / (2 l2)."""
        first = (self.s @ (self.y_centered * rho - rho**2 / 2)).sum() / self.s.sum()
        beyond = np.sqrt((self.slopes(rho) ** 2).sum(axis=1)) - self.l1
        beyond = np.where(self.excluded | (beyond < self._slack(rho)), 0, np.maximum(beyond, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            return first - np.where(beyond > 0, beyond**2 / (2 * self.l2), 0).sum()

    def certificate(self, w, b):
        rho = self.residual(w, b)
        rho = rho - self.mean(rho)
        basis = orthonormal_basis(self.X_centered[:, self.unpenalised], self.s)
        for _ in range(2):
            rho = rho - basis @ (basis.T @ (self.s[:, None] * rho))
            rho = rho - self.mean(rho)
        limited = ~self.excluded & (self.l1 > 0)
        z = self.slopes(rho)
        scalings = [LD(0), LD(1)]
        for point, counted in (
            (z, limited & (self.l2 == 0)),
            (z, limited),
            (z - self.l2[:, None] * w, limited),
        ):
            lengths, l1 = np.sqrt((point[counted] ** 2).sum(axis=1)), self.l1[counted]
            beyond = lengths > l1
            scalings.append(np.min(l1[beyond] / lengths[beyond], initial=LD(1)))
        dual = max(self.dual(k * rho) for k in scalings)
        return Certificate(self.objective(w, b), dual, self.kkt(w, b))

    def kkt(self, w, b):
        """Return z_j's distance from the subdifferential: l2 w + l1 w/||w||, a ball at w = 0."""
        w = np.asarray(w, LD)
        e = self.slopes(self.residual(w, b)) - self.l2[:, None] * w
        lengths = np.sqrt((w**2).sum(axis=1))
        moved = lengths > 0
        unit = w / np.where(moved, lengths, 1)[:, None]
        inside = np.maximum(np.sqrt((e**2).sum(axis=1)) - self.l1, 0)
        across = np.sqrt(((e - self.l1[:, None] * unit) ** 2).sum(axis=1))
        distance = np.where(self.excluded, 0, np.where(moved, across, inside))
        unit = self.norms * np.sqrt((self.s @ self.y_centered**2).sum()) / self.s.sum()
        return distance / np.where(unit > 0, unit, 1)

    def alpha_max(self, l1_weights=1.0):
        lengths = np.sqrt((self.slopes(self.y_centered) ** 2).sum(axis=1))
        return float(np.max(lengths / l1_weights))

    def _slack(self, rho):
        share = np.where(self.unpenalised, RANK, 100 * np.finfo(LD).eps)
        return share * self.norms * np.sqrt((self.s @ rho**2).sum()) / self.s.sum()


def row_problem_of(X, Y, **options):
    """Return the RowProblem of `MultiTaskElasticNet` with these options of `problem_of`."""
    return RowProblem(**vars(problem_of(X, Y, **options)))


def block_descent(C, s, target, l1, l2, U, epochs):
    """Run block coordinate descent on min 1/2 ||target - C U||_s^2 + penalty of the rows."""
    U = np.array(U, LD)
    for _ in range(epochs):
        for j in range(len(U)):
            r = target - C @ U
            c = s @ C[:, j] ** 2
            b = C[:, j] @ (s[:, None] * r) + c * U[j]
            length = np.sqrt(b @ b)
            U[j] = b * max(1 - l1[j] / length, 0) / (c + l2[j]) if length > 0 else 0
    return U


def orthonormal_basis(A, s):
    """Return a basis of A's columns, orthonormal in the weights s (Gram-Schmidt, twice)."""
    basis = []
    for column in A.T:
        norm = np.sqrt(s @ column**2)
        for _ in range(2):
            for q in basis:
                column = column - q * (q @ (s * column))
        rest = np.sqrt(s @ column**2)
        if rest > RANK * norm:
            basis.append(column / rest)
    return np.array(basis, LD).reshape(len(basis), len(s)).T


def problem_of(
    X,
    y,
    *,
    alpha=1.0,
    l1_ratio=1.0,
    l1_weights=None,
    l2_weights=None,
    l1=None,
    l2=None,
    positive=False,
    bounds=None,
    sample_weight=None,
    fit_intercept=True,
    standardize=False,
):
    """Return the Problem of a call of `softreg_fast.solve` with the same arguments."""
    X, y = dense(X), dense(y)
    n, p = X.shape
    s = np.broadcast_to(LD(1) if sample_weight is None else dense(sample_weight), (n,)).copy()

    def vector(value, default):
        return np.broadcast_to(dense(default if value is None else value), (p,)).copy()

    if l1 is None and l2 is None:
        a, o = vector(l1_weights, 1.0), vector(l2_weights, 1.0)
        l1_strength, l2_strength = LD(alpha) * LD(l1_ratio), LD(alpha) * (1 - LD(l1_ratio))
    else:
        a, o = vector(l1, 0.0), vector(l2, 0.0)
        l1_strength = l2_strength = LD(1)
    lower, upper = (None, None) if bounds is None else bounds
    lower, upper = vector(lower, -INF), vector(upper, INF)
    if positive:
        lower = np.maximum(lower, 0.0)
    excluded = np.isinf(a) | np.isinf(o)
    a, o, lower, upper = (np.where(excluded, LD(0), v) for v in (a, o, lower, upper))
    l1, l2 = l1_strength * a, l2_strength * o
    problem = Problem(X, y, s, fit_intercept, l1, l2, lower, upper)
    if not standardize:
        return problem
    # the penalty acts on w_j times the (weighted) standard deviation of column j
    deviation = problem.norms / np.sqrt(s.sum())
    l1, l2 = l1 * deviation, l2 * deviation**2
    return Problem(X, y, s, fit_intercept, l1, l2, lower, upper)


def assert_certified(problem, fit, *, reference=None, rounding=1e-13, must_converge=True):
    """Check a Solution against the independent certificate and return that certificate.

    `reference` is the certificate of a better fit, which shows the true distance of this one from
    the minimum.  `rounding`, relative to the objective, is the tolerance for float64 results.
    """
    w, b = fit.coef, fit.intercept
    allowance = rounding * max(problem.null_loss, problem.objective(w, b))
    # b cannot be more accurate than the terms that cancel in it
    terms = abs(b) + np.max(np.abs(problem.X) @ np.abs(np.asarray(w, LD)))
    allowance += (4 * np.finfo(float).eps * terms) ** 2
    assert np.isfinite(w).all()
    assert np.isfinite(b)
    assert problem.is_feasible(w), "outside the box"
    assert problem.intercept or b == 0.0
    assert fit.df == np.count_nonzero(w)
    assert fit.gap <= fit.tol if fit.converged else fit.gap >= fit.tol
    assert abs(fit.null_loss - problem.null_loss) <= 1e-12 * problem.null_loss
    loss = problem.loss(w, b)
    if problem.null_loss > 0:
        error = abs((1 - fit.dev_ratio) * problem.null_loss - loss)
        assert error <= 1e-9 * max(problem.null_loss, loss) + allowance
    found = problem.certificate(w, b)
    if must_converge:
        assert fit.converged, f"gap {fit.gap}, tolerance {fit.tol}"
    if fit.converged:
        # its dual point may be better than the one here, but the minimum is the same
        lowest = found.dual if reference is None else max(found.dual, reference.dual)
        gap = found.primal - lowest
        assert gap <= fit.tol + allowance, f"true gap {gap}, tolerance {fit.tol}"
    if reference is not None:
        assert fit.gap >= found.primal - reference.primal - allowance
    return found


# ---------------------------------------------------------------------------------------------
# The algorithms of the kernels, written plainly.


def prox(b, c, l1, l2, lower, upper):
    """Return argmin over lower <= u <= upper of c/2 u^2 - b u + l1 |u| + l2/2 u^2."""
    return np.clip(soft_threshold(b, l1) / (c + l2), lower, upper)


def coordinate_descent(C, s, target, penalty, u, order, epochs):
    """Minimise 1/2 sum_i s_i (target_i - c_i.u)^2 + penalty; return (u, last largest step)."""
    l1, l2, lower, upper = penalty
    u = np.array(u, LD)
    curvature = s @ C**2
    for _ in range(epochs):
        largest = LD(0)
        for j in order:
            r = target - C @ u
            b = C[:, j] @ (s * r) + curvature[j] * u[j]
            new = prox(b, curvature[j], l1[j], l2[j], lower[j], upper[j])
            largest = max(largest, curvature[j] * (new - u[j]) ** 2)
            u[j] = new
    return u, largest


def gradient_descent(C, s, target, ridge, penalty, w, step, count):
    """Do proximal gradient steps on 1/2 sum_i s_i (target_i - c_i.w)^2 + ridge + penalty."""
    w = np.array(w, LD)
    for _ in range(count):
        w = _proximal_step(C, s, target, ridge, penalty, w, step)
    return w


def accelerated_gradient(C, s, target, ridge, penalty, w, step, count):
    """Do the same steps with Nesterov's momentum, restarted when it points uphill."""
    w = z = np.array(w, LD)
    t = LD(1)
    for _ in range(count):
        new = _proximal_step(C, s, target, ridge, penalty, z, step)
        t_new = (1 + np.sqrt(1 + 4 * t * t)) / 2
        uphill = (z - new) @ (new - w) > 0
        z = new + (t - 1) / t_new * (new - w)
        t = LD(1) if uphill else t_new
        w = new
    return w


def _proximal_step(C, s, target, ridge, penalty, z, step):
    slope = C.T @ (s * (target - C @ z)) - ridge * z
    return prox(z / step + slope, 1 / LD(step), *penalty)


# ---------------------------------------------------------------------------------------------
# Losses and penalties of single weights: every test of all of them takes its cases from here.


class OracleOfLoss(NamedTuple):
    """Formulas of a loss f(y, z), entry by entry, and targets that it allows."""

    value: Callable
    conjugate: Callable  # (y, v): the largest of v z - f(y, z)
    targets: Callable  # (rng, n)


def xlogy(x, y):
    """Return x log y, 0 for x = 0, infinite for x < 0."""
    positive = np.where(x > 0, x, 1)
    product = positive * np.log(np.where(x > 0, y, 1))
    return np.where(x > 0, product, np.where(x == 0, LD(0), INF))


def entropy(ones, zeros):
    """Return ones log(ones) + zeros log(zeros), infinite if one is negative."""
    return xlogy(ones, ones) + xlogy(zeros, zeros)


def conjugate_by_search(value, slope, far):
    """Return the conjugate of a convex loss: v z - f(z) at the root of f'(z) = v, by bisection.

    Infinite where there is no root within `far` of 0.
    """

    def conjugate(y, v):
        y, v = np.broadcast_arrays(LD(1) * y, LD(1) * v)
        low, high = np.full(v.shape, LD(-far)), np.full(v.shape, LD(far))
        for _ in range(100):
            middle = (low + high) / 2
            up = slope(y, middle) < v
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        z = (low + high) / 2
        at_end = np.abs(slope(y, z) - v) > 1e-9 * (1 + np.abs(v))
        return np.where(at_end, INF, v * z - value(y, z))

    return conjugate


def tweedie_value(y, z):
    """Return the Tweedie loss with a log link and power 1.5."""
    z, power = LD(1) * z, LD(1.5)
    return y * np.exp((1 - power) * z) / (power - 1) + np.exp((2 - power) * z) / (2 - power)


def tweedie_slope(y, z):
    """Return its derivative."""
    power = LD(1.5)
    return np.exp((2 - power) * z) - y * np.exp((1 - power) * z)


def normal_tail(z):
    """Return P(N < z) and the density at z, in float64, for its erfc is accurate."""
    z = np.asarray(z, float)
    below = np.vectorize(math.erfc, otypes=[float])(-z / math.sqrt(2)) / 2
    return below, np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def probit_value(y, z):
    """Return -y log Phi(z) - (1 - y) log Phi(-z)."""
    return -xlogy(LD(1) * y, normal_tail(z)[0]) - xlogy(LD(1) - y, normal_tail(-z)[0])


def probit_slope(y, z):
    """Return its derivative; far out Phi(z) is phi(z) / |z|."""
    z = np.asarray(z, float)

    def ratio(x):
        below, density = normal_tail(x)
        return np.where(x > -30, density / np.maximum(below, 1e-300), -x)

    return -y * ratio(z) + (1 - y) * ratio(-z)


def cloglog_value(y, z):
    """Return -y log(1 - exp(-m)) + (1 - y) m, m = exp(z)."""
    m = np.exp(LD(1) * z)
    return -xlogy(LD(1) * y, -np.expm1(-m)) + (LD(1) - y) * m


def cloglog_slope(y, z):
    """Return its derivative."""
    m = np.exp(LD(1) * z)
    return (LD(1) - y) * m - np.where(m < 11000, y * m / np.expm1(np.minimum(m, LD(11000))), 0)


def huber_value(y, z):
    """Return r^2 / 2 up to delta = 1.35, then a line."""
    r, delta = np.abs(LD(1) * y - z), LD(1.35)
    return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2))


def quantile_value(y, z):
    """Return tau r or (tau - 1) r, tau = 0.3."""
    r, tau = LD(1) * y - z, LD(0.3)
    return np.maximum(tau * r, (tau - 1) * r)


def _classes(rng, n):
    return rng.permutation(np.arange(n) % 2 * 1.0)


def _shares(rng, n):
    return np.where(rng.random(n) < 0.5, _classes(rng, n), rng.random(n))


def _counts(rng, n):
    return rng.permutation(np.append(0.0, rng.integers(0, 9, n - 1) + 0.5))


# By the name of the loss in the kernels, with power 1.5, size 2, delta 1.35 and tau 0.3.
LOSSES = {
    "squared": OracleOfLoss(
        lambda y, z: (LD(1) * y - z) ** 2 / 2,
        lambda y, v: LD(1) * v * y + LD(1) * v**2 / 2,
        lambda rng, n: rng.standard_normal(n),
    ),
    "logistic": OracleOfLoss(
        lambda y, z: np.log1p(np.exp(LD(1) * z)) - LD(1) * y * z,
        lambda y, v: entropy(LD(1) * y + v, 1 - (LD(1) * y + v)),
        _shares,
    ),
    "poisson": OracleOfLoss(
        lambda y, z: np.exp(LD(1) * z) - LD(1) * y * z,
        lambda y, v: xlogy(LD(1) * y + v, LD(1) * y + v) - (LD(1) * y + v),
        _counts,
    ),
    "gamma": OracleOfLoss(
        lambda y, z: y * np.exp(-LD(1) * z) + z,
        lambda y, v: xlogy(1 - LD(1) * v, (1 - LD(1) * v) / y) - (1 - LD(1) * v),
        lambda rng, n: rng.gamma(2.0, size=n) + 0.01,
    ),
    "tweedie": OracleOfLoss(
        tweedie_value, conjugate_by_search(tweedie_value, tweedie_slope, 400), _counts
    ),
    "negative binomial": OracleOfLoss(
        lambda y, z: (LD(1) * y + 2) * np.log1p(np.exp(LD(1) * z) / 2) - LD(1) * y * z,
        lambda y, v: (
            entropy(LD(1) * y + v, 2 - LD(1) * v)
            - xlogy(LD(1) * y + 2, LD(1) * y + 2)
            + (LD(1) * y + v) * np.log(LD(2))
        ),
        _counts,
    ),
    "probit": OracleOfLoss(
        probit_value, conjugate_by_search(probit_value, probit_slope, 37), _shares
    ),
    "cloglog": OracleOfLoss(
        cloglog_value, conjugate_by_search(cloglog_value, cloglog_slope, 37), _shares
    ),
    "huber": OracleOfLoss(
        huber_value,
        lambda y, v: np.where(np.abs(v) < 1.35 + 1e-13, LD(1) * v * y + LD(1) * v**2 / 2, INF),
        lambda rng, n: 3.0 * rng.standard_normal(n),
    ),
    "squared hinge": OracleOfLoss(
        lambda y, z: np.maximum(1 - LD(1) * y * z, 0) ** 2,
        lambda y, v: np.where(LD(1) * v * y <= 1e-13, LD(1) * v * y + LD(1) * v**2 / 4, INF),
        lambda rng, n: 2 * _classes(rng, n) - 1,
    ),
    "quantile": OracleOfLoss(
        quantile_value,
        lambda y, v: np.where((v >= -0.3 - 1e-13) & (v <= 0.7 + 1e-13), LD(1) * v * y, INF),
        lambda rng, n: 3.0 * rng.standard_normal(n),
    ),
}


def certified(X, y, options, fit, **judged):
    """Assert that a fit with these options of `solve` is certified; return its certificate."""
    return assert_certified(problem_of(X, y, **options), fit, **judged)


def exact_ridge(X, y, l2, s=None, fit_intercept=True):
    """Return (coef, intercept) of min 1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + sum_j l2_j / 2 w_j^2.

    Solved as least squares with one additional row per penalty, so that it works for any shape.
    """
    n, p = X.shape
    s = np.ones(n) if s is None else s
    root = np.sqrt(s / s.sum())
    A = np.column_stack([X, np.ones(n)]) if fit_intercept else X
    rows = np.eye(p, A.shape[1]) * np.sqrt(l2)[:, None]
    stacked = np.vstack([root[:, None] * A, rows])
    w = np.linalg.lstsq(stacked, np.append(root * y, np.zeros(p)), rcond=None)[0]
    return w[:p], w[p] if fit_intercept else 0.0
