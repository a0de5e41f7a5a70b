"""Interior-point steps for the quantile loss.

A fit minimises `sum_i s_i rho(y_i - z_i) + sum_j phi_j(u_j)` with z = z_0 + b + C u. Nothing of it
has curvature but the L2 part: what has kinks or bounds is taken along its central path
(central_path.py). With weights d, h, and duals v, q of samples and features, a step e solves

    (C'DC + diag(h + l2)) e = C'v + q - l2 u,    C centred by d, v and q the goals of the step,

among the features near the support (interior_step.py). The sum of the products is the duality gap
of the problem itself, nothing being smoothed. A coefficient whose parts are small beside the slack
of its slope counts as 0.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels._certificate import gap_at_dual_point
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, NO_ROOM, STALLED
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.central_path import TINY
from softreg_fast.solvers.interior_step import Candidate, Trial, dot
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder
from softreg_fast.solvers.vertex import met_exactly, vertex_near
from softreg_fast.solvers.warm import largest_gram

# Features without a slot are looked at when the products have fallen by this factor.
BETWEEN_LOOKS = 0.1

# At most this many features get a slot at once, or as many as there are.
MOST_NEW = 200

# Steps in which nothing falls by a twentieth, before a fit has stalled.
MOST_VAIN = 15

# Below this share of its first infeasibility a point counts as feasible.
FEASIBLE = 1e-6

# Steps shorter than this, as long as the point is far from feasible, before a fit has stalled: the
# end of the last fit may be too near to the boundary for the next one.
SHORT = 1e-2
MOST_SHORT = 4

# A fit that has stalled begins again so many times, from a feasible point in the middle.
MOST_RESTARTS = 2

# What is below, as a share of the null deviance, is a rounding error.
LEAST_GAP = 1e-17

# A slope of an unpenalised feature up to this share of the norm of the dual point counts as 0.
SLACK = 1e-12


class InteriorPointEngine:
    """Solver for one target under the quantile loss."""

    needs: ClassVar[tuple[str, ...]] = ("piecewise linear loss", "elastic net", "one target")
    strategy = "working set"
    doubt = Doubt(False, False, False)  # certificates are computed from X

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.design = design = problem.design
        target, loss = problem.target, problem.loss
        self.tau = float(loss.parameters[0])
        self.most_slots = min(design.n_features, largest_gram(problem.options.gram_memory))
        self.plain = design.columns_with()
        weight = np.ones(design.n_samples) if design.weight is None else design.weight
        self.rows: Any = slice(None) if weight.all() else np.flatnonzero(weight)
        self.s, self.y = weight[self.rows], target.y[self.rows]
        self.z_null = target.null_predictor[self.rows]
        self.domain = self.s * (self.tau - 1.0), self.s * self.tau
        self._record = Recorder()
        self._intercepts: list[float] = []
        self.gap, self.n_epochs, self._last_strength = np.inf, 0, np.inf
        self._slots: Index = np.empty(0, np.intp)
        theta = target.residual[:-1][self.rows] / self.s
        self.v = self.s * np.clip(theta, self.tau - 1.0, self.tau)
        scaled = problem.scaled
        self._set(np.clip(np.zeros(design.n_features), scaled.lower, scaled.upper), 0.0)
        self.slopes = self._slopes(self.v)
        self.null_sizes = np.abs(self.slopes)

    def _set(self, u: Vector, intercept: float) -> None:
        self.coef, self.intercept = u, intercept
        self.r = self.y - (self.z_null + self._product(u) + intercept)

    @property
    def residual_sumsq(self) -> float:
        """The deviance."""
        return 2.0 * dot(self.s, self.problem.loss.value(self.r, 0.0))

    @property
    def dual_point(self) -> Vector:
        """The dual point of the last certificate, with the sample weights, (n_samples,)."""
        v = np.zeros(self.design.n_samples)
        v[self.rows] = self.v
        return v

    def start(self, u: Vector) -> None:
        """Set the starting coefficients, with their best intercept, unless the null model fits
        better.
        """
        before = self.coef, self.intercept, self.residual_sumsq
        self._set(np.array(u), 0.0)
        if self.design.fit_intercept:
            self._set(self.coef, float(self.problem.loss.null(self.r, self.s)))
        if self.residual_sumsq > before[2]:
            self._set(*before[:2])

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Take interior-point steps until the gap is at most tol times the null deviance."""
        scaled = self.problem.scaled
        self.penalty = scaled._replace(l1=l1_strength * scaled.l1, l2=l2_strength * scaled.l2)
        self.n_epochs = 0
        if not self.problem.target.null_deviance:
            self.gap = 0.0
            return CONVERGED
        tol *= self.problem.target.null_deviance
        self.gap = self._gap(self.coef, self.r, self.v, self.slopes)
        if self.gap > tol:
            self._slots = self._first_slots(self._last_strength)
            self._step_until(tol, max_iter)
        self._last_strength = l1_strength
        if self.gap <= tol:
            return CONVERGED
        if self._slots.size > self.most_slots:
            return NO_ROOM
        return MAX_ITER if self.n_epochs >= max_iter else STALLED

    # -- the features that have a slot -----------------------------------------------------------

    def _first_slots(self, last_strength: float) -> Index:
        # the support, what is not penalised, and what may enter by the strong rule
        l1, _, lower, upper = self.penalty
        free = (l1 == 0.0) & (lower < upper)
        size, given = np.abs(self.slopes), self.problem.scaled.l1
        ahead = 2.0 * l1 - np.minimum(min(last_strength, 1e300) * given, 2.0 * l1)
        likely = ((self.coef != 0.0) | (size >= ahead)) & (lower < upper) & ~free
        urgency = np.where(self.coef != 0.0, np.inf, size / np.maximum(l1, TINY))
        room = max(MOST_NEW, 2 * int(np.count_nonzero(self.coef)))
        return np.union1d(np.flatnonzero(free), _most_urgent(np.flatnonzero(likely), urgency, room))

    def _violating(self, slopes: Vector) -> Index:
        # features without a slot that would move
        l1, _, lower, upper = self.penalty
        null = np.clip(0.0, lower, upper)
        moves = (slopes > l1) & (upper > null) | (slopes < -l1) & (lower < null)
        moves[self._slots] = False
        urgency = np.abs(slopes) / np.maximum(l1, TINY)
        return _most_urgent(np.flatnonzero(moves), urgency, max(MOST_NEW, self._slots.size))

    # -- steps -----------------------------------------------------------------------------------

    def _step_until(self, tol: float, max_iter: int) -> None:
        # until the gap over all features is at most tol, or no longer falls
        at = Trial(self, self.gap)
        looked = lowest = np.inf
        n_vain = n_short = n_restarts = 0
        candidate = Candidate(self.coef, self.intercept, self.r, self.v)
        while self.n_epochs < max_iter:
            look_at_signals()
            if n_vain == MOST_VAIN or (n_short == MOST_SHORT and not n_restarts):
                ends = n_vain == MOST_VAIN and self._take_vertex(candidate, at.met(), tol)
                if ends or n_restarts == MOST_RESTARTS:
                    break
                at, looked, lowest = Trial(self, self.gap, True, n_restarts > 0), np.inf, np.inf
                n_vain = n_short = 0
                n_restarts += 1
            if self._slots.size > self.most_slots:
                break
            self.n_epochs += 1
            at.step()
            gap, candidate = self._best_of(at, tol)
            u, _, r, v = candidate
            left = min(gap, at.products())
            # the products may grow while the steps make the point feasible
            falls = left < 0.95 * lowest or (at.last > 0.05 and at.infeasible > FEASIBLE)
            falls = falls and left > LEAST_GAP * self.problem.target.null_deviance
            n_vain = 0 if falls else n_vain + 1
            n_short = n_short + 1 if at.last < SHORT and at.infeasible > 0.5 else 0
            lowest = min(lowest, left)
            if gap > tol and left > BETWEEN_LOOKS * looked:
                continue
            looked = left
            slopes = self._slopes(v)
            whole = self._gap(u, r, v, slopes)
            if whole < self.gap or whole <= tol:
                self.coef, self.intercept, self.r, self.v = candidate
                self.slopes, self.gap = slopes, whole
            if whole <= tol:
                self._finish(at.met())
                return
            more = self._violating(slopes)
            if more.size:
                self.coef, self.intercept, self.r, self.v = candidate
                self.slopes, self.gap = slopes, whole
                self._slots = np.sort(np.concatenate([self._slots, more]))
                at, n_vain, looked, lowest = Trial(self, whole), 0, left, np.inf

    def _best_of(self, at: Trial, tol: float) -> tuple[float, Candidate]:
        # the first candidate whose gap over the slots is that of the products, or at most tol
        lowest, best = np.inf, None
        for candidate in at.candidates():
            u, _, r, v = candidate
            gap = self._gap(u, r, v, self._slopes(v, self._slots), self._slots)
            if best is None or gap < lowest:
                lowest, best = gap, candidate
            if gap <= tol or at.products() > tol:
                break
        assert best is not None
        return lowest, best

    def _finish(self, met: Index) -> None:
        # meet the samples exactly that have no residual at the vertex of the solution
        end = met_exactly(self, Candidate(self.coef, self.intercept, self.r, self.v), met)
        if end is not None:
            gap = self._gap(end.u, end.r, self.v, self.slopes)
            if gap <= self.gap:
                self.coef, self.intercept, self.r, self.v = end
                self.gap = gap

    def _take_vertex(self, candidate: Candidate, met: Index, tol: float) -> bool:
        # the vertex near to where the steps have stalled; return whether it is optimal
        end = vertex_near(self, candidate, met)
        if end is None:
            return False
        slopes = self._slopes(end.v)
        gap = self._gap(end.u, end.r, end.v, slopes)
        if gap < self.gap:
            self.coef, self.intercept, self.r, self.v = end
            self.slopes, self.gap = slopes, gap
        return gap <= tol

    def _columns_of(self, features: Index, rows: Index) -> Matrix:
        # some rows of C as an array, with a last column of ones for the intercept
        design = self.design
        X = design.X[:, features][np.arange(design.n_samples)[self.rows][rows]]
        C = (X.toarray() if design.is_sparse else X).astype(np.float64)
        C = (C - design.center[features]) * design.scale[features]
        return np.column_stack([C, np.ones(len(C))]) if design.fit_intercept else np.asarray(C)

    # -- the gap ---------------------------------------------------------------------------------

    def _gap(
        self, u: Vector, r: Vector, v: Vector, slopes: Vector, chosen: Any = slice(None)
    ) -> float:
        # at multiples k of the dual point v: its loss's part rho(r) - k theta r is linear in k
        norm = float(np.sqrt(dot(v, v)))
        if self.design.fit_intercept and abs(v.sum()) > SLACK * norm * np.sqrt(len(v)):
            return np.inf
        penalty = PenaltyVectors(*(np.ascontiguousarray(each[chosen]) for each in self.penalty))
        unpenalised = (penalty.l1 == 0.0) & (penalty.l2 == 0.0)
        slopes = np.where(unpenalised & (np.abs(slopes) <= SLACK * norm), 0.0, slopes)
        bound = dot(self.s, self.problem.loss.bregman(r, 0.0, v / self.s))
        if not slopes.size:
            return bound
        along = dot(v, r)
        gap = gap_at_dual_point(penalty, u[chosen], slopes, (2.0 * bound, along, 0.0))
        return gap if gap == gap else np.inf

    # -- products --------------------------------------------------------------------------------

    def _product(self, u: Vector) -> Vector:
        # C u
        v = np.zeros(self.design.n_samples + 1)
        self.plain.subtract_product(u, v, self.design.n_threads)
        product: Vector = -(v[:-1] + v[-1])[self.rows]
        return product

    def _slopes(self, v: Vector, chosen: Index | None = None) -> Vector:
        # C'v; the last entry is what sparse columns are centred with
        n = self.design.n_samples
        slopes = np.empty(self.design.n_features if chosen is None else chosen.size)
        whole = np.zeros(n + 1)
        whole[:-1][self.rows] = v
        whole[-1] = -v.sum() / n if self.design.fit_intercept else 0.0
        self.plain.slopes(whole, slopes, chosen, self.design.n_threads)
        return slopes

    # -- results ---------------------------------------------------------------------------------

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._record.keep(self, status)
        self._intercepts.append(self.intercept)

    def kept(self) -> Fits:
        """Return all fits so far."""
        return self._record.kept()._replace(intercepts=np.array(self._intercepts))

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        return self._record.count_nonzero()


def _most_urgent(features: Index, urgency: Vector, most: int) -> Index:
    if features.size <= most:
        return features
    return features[np.argpartition(urgency[features], -most)[-most:]]
