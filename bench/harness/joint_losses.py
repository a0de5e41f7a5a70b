"""Losses that join samples (Cox) or predictors (several classes), and Newton's method, in NumPy.

Predictors are (n_samples, n_outputs), coefficients (n_features, n_outputs).  Dual points are k
times the residual at some predictor, 0 <= k <= 1: they stay in the domain, and `entropy` is the
loss's part of their dual value.
"""

from functools import partial

import numpy as np
from scipy.special import logsumexp, softmax, xlogy

from bench.harness.losses import HALVINGS, STEPS, solved


class Cox:
    """Minus the log partial likelihood by Breslow over the number of samples.

    y has columns of times and events.  A loss is a sum over events i of log sum_j exp(eta_j) -
    eta_i, j over those with time_j >= time_i, which come first when sorted by falling time.
    """

    n_outputs = 1
    intercepts = ()  # outputs with an intercept

    def __init__(self, y):
        time, event = y.T
        self.n = len(y)
        self.order = np.argsort(-time, kind="stable")
        falling = -time[self.order]
        self.own = np.flatnonzero(event[self.order] > 0.0)
        self.last = np.searchsorted(falling, falling[self.own], side="right") - 1
        ties = np.unique(time[event > 0.0], return_counts=True)[1]
        self.saturated = float(xlogy(ties, ties).sum()) / self.n

    def _sums(self, eta):
        # predictors in order, relative to the largest; their exponentials; sums over those at risk
        z = eta[self.order, 0] - eta.max()
        e = np.exp(z)
        return z, e, np.cumsum(e)[self.last]

    def _share_of_events(self, e, sums):
        passed = np.bincount(self.last, 1.0 / sums, self.n)
        return e * np.cumsum(passed[::-1])[::-1]

    def _back(self, values):
        result = np.empty((self.n, 1))
        result[self.order, 0] = values
        return result

    def value(self, eta):
        z, _, sums = self._sums(eta)
        return float((np.log(sums) - z[self.own]).sum()) / self.n

    def residual(self, eta):
        _, e, sums = self._sums(eta)
        r = -self._share_of_events(e, sums)
        r[self.own] += 1.0
        return self._back(r)

    def entropy(self, eta, k):
        """Return the mean entropy of (1 - k) e_i + k q_i, q_i those at risk at event i."""
        z, e, sums = self._sums(eta)
        q, log_q = e[self.own] / sums, z[self.own] - np.log(sums)
        others = np.cumsum(e * z)[self.last] / sums - np.log(sums) - q * log_q
        u = 1.0 - k + k * q
        return -float((xlogy(u, u) + xlogy(k, k) * (1.0 - q) + k * others).sum()) / self.n

    def hessian(self, eta, columns, active):
        _, e, sums = self._sums(eta)
        C = columns[self.order][:, active[:, 0]]
        means = np.cumsum(e[:, None] * C, axis=0)[self.last] / sums[:, None]
        weighted = self._share_of_events(e, sums)[:, None] * C
        return (C.T @ weighted - means.T @ means) / self.n


class Multinomial:
    """Minus the log likelihood of classes over the number of samples; y holds their numbers.

    One of the intercepts is 0, for a constant that is added to all predictors changes nothing.
    """

    saturated = 0.0

    def __init__(self, y):
        self.n, self.n_outputs = len(y), int(y.max()) + 1
        self.intercepts = range(1, self.n_outputs)
        self.y = (y[:, None] == np.arange(self.n_outputs)).astype(np.float64)

    def value(self, eta):
        return float((logsumexp(eta, axis=1) - (self.y * eta).sum(axis=1)).mean())

    def residual(self, eta):
        return self.y - softmax(eta, axis=1)

    def entropy(self, eta, k):
        """Return the mean entropy of the shares (1 - k) y + k p."""
        t = (1.0 - k) * self.y + k * softmax(eta, axis=1)
        return -float(xlogy(t, t).sum()) / self.n

    def hessian(self, eta, columns, active):
        p = softmax(eta, axis=1)
        parts = [columns[:, chosen] for chosen in active.T]
        panel = np.hstack([p[:, [c]] * part for c, part in enumerate(parts)])
        result = -panel.T @ panel
        ends = np.cumsum([part.shape[1] for part in parts])
        for c, (part, end) in enumerate(zip(parts, ends, strict=True)):
            block = slice(end - part.shape[1], end)
            result[block, block] += part.T @ (p[:, [c]] * part)
        return result / self.n


JOINT = {"cox": Cox, "multinomial": Multinomial, "grouped multinomial": Multinomial}


# Newton steps end where they promise so little of the objective.
SETTLED = 1e-22


def fitted(loss, eta, columns):
    """Return eta + columns @ B + intercepts, with the B and the intercepts that minimise the loss.

    The columns need not be centred.
    """
    n, K = len(eta), loss.n_outputs
    ones = np.ones((n, 1 if loss.intercepts else 0))
    columns = np.hstack([ones, columns])
    active = np.zeros((columns.shape[1], K), dtype=bool)
    active[:, list(loss.intercepts) or [0]] = True
    B = joint_minimiser(loss, eta, columns, np.zeros(active.shape), active, no_penalty)
    return eta + columns @ B


def no_penalty(B, active):
    """Return a penalty of zero, its gradient and its Hessian at the active coefficients."""
    count = np.count_nonzero(active)
    return 0.0, np.zeros(count), np.zeros((count, count))


def lasso_penalty(B, active, l1, l2, signs):
    """Return the sum of l1 |B| + l2/2 B^2 while signs last, with gradient and Hessian.

    l1 and l2 are (n_columns, 1).
    """
    chosen = active.T
    value = float((l1 * signs * B + 0.5 * l2 * B * B).sum())
    curvature = np.diag(np.broadcast_to(l2, B.shape).T[chosen])
    return value, (l1 * signs + l2 * B).T[chosen], curvature


def rows_penalty(B, active, l1, l2):
    """Return the sum over rows b of l1 ||b|| + l2/2 ||b||^2, with gradient and Hessian."""
    lengths, chosen = np.linalg.norm(B, axis=1, keepdims=True), active.T
    E = np.divide(B, lengths, out=np.zeros_like(B), where=lengths > 0.0)
    bent = np.divide(l1, lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
    value = float((l1 * lengths + 0.5 * l2 * lengths * lengths).sum())
    rows, e = np.nonzero(chosen)[1], E.T[chosen]
    curvature = np.where(rows[:, None] == rows, -bent[rows] * e[:, None] * e, 0.0)
    curvature[np.diag_indices(len(rows))] += (bent + l2)[rows, 0]
    return value, (l1 * E + l2 * B).T[chosen], curvature


def joint_minimiser(loss, eta, columns, B, active, penalty):
    """Minimise loss(eta + columns @ B) + penalty(B, active) over the active entries of B.

    By Newton steps from B to where they would gain less than rounding.
    """
    B, chosen = B.copy(), active.T

    def objective(B):
        return loss.value(eta + columns @ B) + penalty(B, active)[0]

    value = objective(B)
    for _ in range(STEPS):
        if not chosen.any():
            break
        now = eta + columns @ B
        _, gradient, curvature = penalty(B, active)
        gradient = gradient - (columns.T @ loss.residual(now)).T[chosen] / loss.n
        move = -solved(loss.hessian(now, columns, active) + curvature, gradient)
        step = np.zeros_like(B)
        step.T[chosen] = move
        for _ in range(HALVINGS):
            later = objective(B + step)
            if later <= value + 1e-15 * abs(value):
                break
            step = 0.5 * step
        B, value = B + step, min(value, later)
        if abs(gradient @ move) <= SETTLED * abs(value):
            break
    return B


def penalty_of(rows, l1, l2, B):
    """Return the penalty near B as `minimiser` takes it: of whole rows, or of entries whose signs
    are those of B."""
    if rows:
        return partial(rows_penalty, l1=l1, l2=l2)
    return partial(lasso_penalty, l1=l1, l2=l2, signs=np.sign(B))
