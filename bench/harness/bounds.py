"""Suboptimality of answers under losses beyond the squared one, the same way for every package."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from bench.harness.judge import nuisance
from bench.harness.losses import FORMULAS, minimiser, with_nuisance

# Answers this close to the bounds, relative to the null deviance, cannot raise them much.
SETTLED = 1e-9

# A path is judged at so many of its alphas.
JUDGED = 16

# Largest part of a dual point that the constant and the unpenalised columns may still explain.
SLACK = 1e-9


class Bounds:
    """Best lower bounds of a problem's optimal objectives, from the points of all solvers.

    An answer's suboptimality is its objective, with intercept and unpenalised coefficients
    optimal for the others, less the largest dual value of all points seen at that alpha. A dual
    point is the residual of an answer, that of the best answer so far after Newton steps on its
    support, or any vector handed in: nothing is believed of it, since its dual value is computed
    from X after it has been made feasible. Unit is the null deviance.
    """

    def __init__(self, problem):
        n_alphas = len(problem.alphas)
        self.picked = np.unique(np.linspace(0, n_alphas - 1, JUDGED).round().astype(int))
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
