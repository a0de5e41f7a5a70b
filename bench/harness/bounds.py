"""Suboptimality of answers under losses beyond the squared one, the same way for every package."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from bench.harness.joint_losses import JOINT, fitted, joint_minimiser, penalty_of
from bench.harness.judge import nuisance
from bench.harness.losses import FORMULAS, minimiser, with_nuisance

# Answers this close to the bounds, relative to the null deviance, cannot raise them much.
SETTLED = 1e-9

# A path is judged at so many of its alphas.
JUDGED = 16

# Largest part of a dual point that the constant and the unpenalised columns may still explain.
SLACK = 1e-9


def bounds_of(problem):
    """Return the Bounds of a problem under any loss."""
    return (JointBounds if problem.loss in JOINT else Bounds)(problem)


def judged_alphas(problem):
    """Return the places of the alphas at which answers are judged."""
    n_alphas = len(problem.alphas)
    return np.unique(np.linspace(0, n_alphas - 1, JUDGED).round().astype(int))


class Bounds:
    """Best lower bounds of a problem's optimal objectives, from the points of all solvers.

    An answer's suboptimality is its objective, with intercept and unpenalised coefficients
    optimal for the others, less the largest dual value of all points seen at that alpha. A dual
    point is the residual of an answer, that of the best answer so far after Newton steps on its
    support, or any vector handed in: nothing is believed of it, since its dual value is computed
    from X after it has been made feasible. Unit is the null deviance.
    """

    def __init__(self, problem):
        self.picked = judged_alphas(problem)
        self.problem = replace(problem, alphas=problem.alphas[self.picked])
        self.formula = FORMULAS[problem.loss]
        weights = problem.l1_weights
        self.weights = np.ones(problem.shape[1]) if weights is None else weights
        self.held = self.weights > 0.0
        self.y = problem.y.astype(np.float64)
        self.basis = nuisance(problem, ~self.held)
        self.lower = np.full(len(self.picked), -np.inf)
        self.upper = -self.lower  # smallest objectives seen
        null = self.formula.value(self.y, self._best_predictor(np.zeros(len(self.y))))
        self.null_deviance = 2.0 * np.mean(null - self.formula.saturated(self.y))

    def _best_predictor(self, eta):
        return with_nuisance(self.formula, self.y, eta, self.basis)

    def gap(self, W):
        """Return the largest suboptimality of W, (n_features, n_alphas), at the judged alphas.

        The residuals of W become dual points, too.
        """
        W = sp.csc_matrix(W)[:, self.picked].toarray()
        W[~self.held] = 0.0
        predictors = np.array(self.problem.X @ W, dtype=np.float64)
        for column in predictors.T:
            column[:] = self._best_predictor(column)
        primal = self.formula.value(self.y[:, None], predictors).mean(axis=0)
        primal += self._penalty(W)
        self.learn(self.y[:, None] - self.formula.mean(predictors), W)
        open_ = primal - self.lower > SETTLED * self.null_deviance
        which = np.flatnonzero(open_ & (primal < self.upper))
        if len(which):
            self._polish(which, W, predictors)
        self.upper = np.minimum(self.upper, primal)
        return float(np.max(primal - self.lower)) / self.null_deviance

    def _polish(self, which, W, predictors):
        # The residual of an answer has slopes a little too large, and to shrink it costs far more
        # than the answer lacks.
        (l1, l2), n = self._strengths(), len(self.y)
        points, better = self.y[:, None] - self.formula.mean(predictors), W.copy()
        for k in which:
            support = np.flatnonzero(W[:, k])
            columns, w = self.problem.X[:, support], W[support, k]
            columns = columns.toarray() if sp.issparse(columns) else columns.astype(np.float64)
            free = self.basis.T @ (predictors[:, k] - columns @ w)
            held = np.repeat((0.0, 1.0), (len(free), len(w)))
            slope = n * held
            slope[len(free) :] *= l1[support, k] * np.sign(w)
            columns = np.column_stack([self.basis, columns])
            start, eta = np.concatenate([free, w]), np.zeros(n)
            c = minimiser(self.formula, self.y, eta, columns, start, slope, n * l2[k] * held)
            points[:, k] = self.y - self.formula.mean(columns @ c)
            better[support, k] = c[len(free) :]
        self.learn(points, better)

    def _strengths(self):
        alphas, ratio = self.problem.alphas, self.problem.l1_ratio
        return alphas * ratio * self.weights[:, None], alphas * (1.0 - ratio)

    def _penalty(self, W):
        l1, l2 = self._strengths()
        return (l1 * np.abs(W)).sum(axis=0) + 0.5 * l2 * (W * W).sum(axis=0)

    def learn(self, points, W=0.0):
        """Raise the bounds by dual points, one column for each of the judged alphas.

        With a part l2 of the penalty W is the dual point of that part.
        """
        points = self._balanced(np.array(points, dtype=np.float64))
        (l1, l2), n = self._strengths(), len(self.y)
        slopes = self.problem.X.T @ points / n
        W = np.broadcast_to(W, slopes.shape)
        beyond = np.abs(slopes - l2 * W)[self.held]
        with np.errstate(divide="ignore", invalid="ignore"):
            k = np.where(beyond > l1[self.held], l1[self.held] / beyond, 1.0).min(axis=0)
        dual = self._dual_loss(k * points) - 0.5 * l2 * k * k * (W * W).sum(axis=0)
        if self.problem.l1_ratio < 1.0:
            excess = np.maximum(np.abs(slopes) - l1, 0.0)[self.held]
            free = self._dual_loss(points) - (excess**2 / (2.0 * l2)).sum(axis=0)
            dual = np.maximum(dual, free)
        dual[~self._orthogonal(points)] = -np.inf
        self.lower = np.fmax(self.lower, dual)

    def _dual_loss(self, points):
        return -self.formula.conjugate(self.y[:, None] - points).mean(axis=0)

    def _balanced(self, points):
        # Shrinking the entries of one sign makes the sum zero and keeps y - points in the domain.
        if self.basis.shape[1] == 1:
            up, down = (np.maximum(sign * points, 0.0).sum(axis=0) for sign in (1.0, -1.0))
            least = np.minimum(up, down)
            with np.errstate(divide="ignore", invalid="ignore"):
                points = points * np.where(points > 0.0, least / up, least / down)
            points[~np.isfinite(points)] = 0.0
        return points

    def _orthogonal(self, points):
        along = np.linalg.norm(self.basis.T @ points, axis=0)
        return along <= SLACK * np.linalg.norm(points, axis=0) + np.finfo(float).tiny


class JointBounds:
    """Bounds as above under a loss that joins samples or predictors, from its answers alone.

    With entropy H(k) of (1 - k) y + k p, the dual value of k times the residual r at any predictor
    is

        D(k) = H(k) - 1/(2 l2) sum_j max(k |x_j.r / n| - l1_j, 0)^2,

    where k |x_j.r / n| <= l1_j if l2 = 0; with a penalty of whole rows, |.| are their lengths.
    """

    def __init__(self, problem):
        self.picked = judged_alphas(problem)
        self.problem = replace(problem, alphas=problem.alphas[self.picked])
        self.loss, self.rows = JOINT[problem.loss](problem.y), problem.loss.startswith("grouped")
        weights = problem.l1_weights
        self.weights = np.ones(problem.shape[1]) if weights is None else weights
        self.held = self.weights > 0.0
        self.basis = nuisance(problem, ~self.held)
        self.lower = np.full(len(self.picked), -np.inf)
        self.upper = -self.lower  # smallest objectives seen
        null = self.loss.value(self._fitted(np.zeros((self.loss.n, self.loss.n_outputs))))
        self.null_deviance = 2.0 * (null - self.loss.saturated)

    def _fitted(self, eta):
        # the first vector of the basis is constant
        return fitted(self.loss, eta, self.basis[:, 1:])

    def gap(self, W):
        """Return the largest suboptimality of W, (n_features, n_alphas n_outputs), as above."""
        K = self.loss.n_outputs
        columns = (K * self.picked[:, None] + np.arange(K)).ravel()
        W = sp.csc_matrix(W)[:, columns].toarray()
        W[~self.held] = 0.0
        primal = [self._judge(k, B) for k, B in enumerate(np.split(W, len(self.picked), axis=1))]
        return float(np.max(primal - self.lower)) / self.null_deviance

    def _judge(self, k, B):
        # return the objective of an answer, and raise the bound
        l1, l2 = self._strengths(k)
        eta = self._fitted(np.asarray(self.problem.X @ B))
        sizes = np.linalg.norm(B, axis=1, keepdims=True) if self.rows else np.abs(B)
        primal = self.loss.value(eta) + float((l1 * sizes).sum() + 0.5 * l2 * (B * B).sum())
        self.learn(k, eta)
        open_ = primal - self.lower[k] > SETTLED * self.null_deviance
        if open_ and primal < self.upper[k]:
            self.learn(k, self._polished(k, B, eta))
        self.upper[k] = min(self.upper[k], primal)
        return primal

    def _strengths(self, k):
        alpha, ratio = self.problem.alphas[k], self.problem.l1_ratio
        return alpha * ratio * self.weights[:, None], alpha * (1.0 - ratio)

    def learn(self, k, eta):
        """Raise the bound at alpha k by the residual of a predictor, (n_samples, n_outputs)."""
        r = self.loss.residual(eta)
        along = self.basis.T @ r
        if np.linalg.norm(along) > SLACK * np.linalg.norm(r):
            return
        (l1, l2), slopes = self._strengths(k), np.asarray(self.problem.X.T @ r) / self.loss.n
        sizes = np.linalg.norm(slopes, axis=1, keepdims=True) if self.rows else np.abs(slopes)
        l1, sizes = l1[self.held], sizes[self.held]
        if l2 > 0.0:
            beyond = np.maximum(sizes - l1, 0.0)
            dual = self.loss.entropy(eta, 1.0) - float((beyond**2).sum()) / (2.0 * l2)
        else:
            with np.errstate(divide="ignore"):
                dual = self.loss.entropy(eta, float(np.minimum(l1 / sizes, 1.0).min()))
        self.lower[k] = max(self.lower[k], dual)

    def _polished(self, k, B, eta):
        # the predictor after Newton steps on the support, and on constant and free columns
        (l1, l2), K = self._strengths(k), self.loss.n_outputs
        support = np.flatnonzero(B.any(axis=1))
        free = self.basis if self.loss.intercepts else self.basis[:, 1:]
        X = self.problem.X[:, support]
        X = X.toarray() if sp.issparse(X) else X.astype(np.float64)
        count = free.shape[1]
        start = np.zeros((count + len(support), K))
        start[count:] = B[support]
        active = start != 0.0
        active[:count, list(self.loss.intercepts) or [0]] = True
        held = np.repeat((0.0, 1.0), (count, len(support)))[:, None]
        strengths = held.copy()
        strengths[count:] *= l1[support]
        penalty = penalty_of(self.rows, strengths, l2 * held, start)
        columns, base = np.hstack([free, X]), eta - X @ B[support]
        return base + columns @ joint_minimiser(self.loss, base, columns, start, active, penalty)
