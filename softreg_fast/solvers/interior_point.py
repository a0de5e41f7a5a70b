"""Interior-point steps for the quantile loss.

A fit minimises `sum_i s_i rho(y_i - z_i) + sum_j phi_j(u_j)` with z = z_0 + b + C u. Nothing of it
has curvature but the L2 part: what has kinks or bounds is taken along its central path
(central_path.py). With weights d, h, and duals v, q of samples and features, a step e solves

    (C'DC + diag(h + l2)) e = C'v + q - l2 u,    C centred by d, v and q the goals of the step,

among the features near the support. The sum of the products is the duality gap of the problem
itself, nothing being smoothed. A coefficient whose parts are small beside the slack of its slope
counts as 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from softreg_fast.data.gram import mirror
from softreg_fast.kernels._certificate import gap_at_dual_point
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, NO_ROOM, STALLED
from softreg_fast.options.types import Index, Vector
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.central_path import TINY, Bound, Kink, Way
from softreg_fast.solvers.factor import solver_of
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder
from softreg_fast.solvers.vertex import Candidate, met_exactly, vertex_near
from softreg_fast.solvers.warm import largest_gram
from softreg_fast.system.threads import blas_threads_for

# The first m is this many times the mean gap of a product.
FIRST_SHARE = 4.0

# Share of the way to the boundary that a step may go.
REACH = 0.995

# Features without a slot are looked at when the products have fallen by this factor.
BETWEEN_LOOKS = 0.1

# At most this many features get a slot at once, or as many as there are.
MOST_NEW = 200

# Steps in which nothing falls by a twentieth, before a fit has stalled.
MOST_VAIN = 15

# Below this share of its first infeasibility a point counts as feasible.
FEASIBLE = 1e-6

# A fit that has stalled goes on from its best point, further inside, so many times.
MOST_RESTARTS = 2

# What is below, as a share of the null deviance, is a rounding error.
LEAST_GAP = 1e-17

# Cautious steps aim at this share of the mean product at least.
LEAST_SHARE = 0.1

# Distance from a bound at which coefficients begin, in the unit that null deviance and slopes make.
INSIDE = 1e-2

# Corrections of a step for what its matrix has rounded: where d is large the dual point shows it.
CORRECTIONS = 2

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
        """Set the starting coefficients, unless the null model fits better."""
        before = self.coef, self.intercept, self.residual_sumsq
        self._set(np.array(u), 0.0)
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
        likely = (self.coef != 0.0) | (size >= ahead) & (lower < upper) & ~free
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
        n_vain = n_restarts = 0
        candidate = Candidate(self.coef, self.intercept, self.r, self.v)
        while self.n_epochs < max_iter:
            look_at_signals()
            if n_vain == MOST_VAIN:
                if self._take_vertex(candidate, at.met(), tol) or n_restarts == MOST_RESTARTS:
                    break
                n_restarts += 1
                at, looked, lowest, n_vain = Trial(self, self.gap, True), np.inf, np.inf, 0
            if self._slots.size > self.most_slots:
                break
            self.n_epochs += 1
            candidate = at.step()
            u, _, r, v = candidate
            gap = self._gap(u, r, v, self._slopes(v, self._slots), self._slots)
            left = min(gap, at.products())
            # the products may grow while the steps make the point feasible
            falls = left < 0.95 * lowest or (at.last > 0.05 and at.infeasible > FEASIBLE)
            falls = falls and left > LEAST_GAP * self.problem.target.null_deviance
            n_vain = 0 if falls else n_vain + 1
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


class Trial:
    """The point that the steps move, for the features that have a slot.

    Parameters
    ----------
    engine : InteriorPointEngine
    gap : float
        Of the engine's present coefficients and dual point.
    cautious : bool, default=False
        Leave second-order terms out, with which few samples may go round in circles.
    """

    def __init__(self, engine: InteriorPointEngine, gap: float, cautious: bool = False) -> None:
        self.engine, slots = engine, engine._slots
        self.cautious = cautious
        self.slots, self.intercept = slots, engine.intercept
        self.infeasible = self.last = 1.0  # share of the first infeasibility; length of a step
        self.l1, self.l2, self.lower, self.upper = (each[slots] for each in engine.penalty)
        one_side = (self.lower >= 0.0).astype(float) - (self.upper <= 0.0)
        self.linear = -self.l1 * one_side  # the L1 part where 0 is no kink inside of the bounds
        kinked = np.flatnonzero((self.l1 > 0.0) & (one_side == 0.0))
        below, above = np.flatnonzero(self.lower > -np.inf), np.flatnonzero(self.upper < np.inf)
        n_products = 2.0 * (engine.s.sum() + kinked.size) + below.size + above.size
        whole = dot(engine.s, engine.problem.loss.value(engine.r, 0.0))
        m = max(FIRST_SHARE * min(gap, whole) / n_products, TINY)
        self.unit = engine.problem.target.null_deviance
        self.slope = max(float(np.abs(engine.slopes[slots]).max(initial=0.0)), TINY)
        before = engine.coef[slots]
        self.u = self._inside(before)
        r = engine.r - engine._product(self._spread(self.u - before))
        self.samples = Kink(r, engine.tau, 1.0 - engine.tau, m, engine.s)
        self.parts: list[tuple[Any, Any]] = [
            (kinked, Kink(-self.u[kinked], self.l1[kinked], self.l1[kinked], m)),
            (below, Bound((self.u - self.lower)[below], 1.0, m)),
            (above, Bound((self.upper - self.u)[above], -1.0, m)),
        ]

    def _inside(self, u: Vector) -> Vector:
        # coefficients inside of their bounds, by a little
        little = INSIDE * self.unit / self.slope
        width = np.minimum(little, 0.25 * (self.upper - self.lower))
        return np.clip(u, self.lower + width, self.upper - width)

    def _spread(self, e: Vector) -> Vector:
        u = np.array(np.zeros(self.engine.design.n_features))
        u[self.slots] = e
        return u

    def met(self) -> Index:
        """Return the samples whose residual is taken for 0."""
        return np.flatnonzero(self.samples.at_kink(self.unit / float(self.engine.s.sum())))

    def products(self) -> float:
        """Return the sum of all products, the gap where the point is feasible."""
        return float(sum(part.products() for part in self._all()))

    def step(self) -> Candidate:
        """Take a step, and return what it comes to."""
        space = Weighted(self)
        first = self._ways(space, 0.0, None)
        t = min(1.0, self._reach(first))
        n_products = sum(part.n_products for part in self._all())
        now, then = self.products(), self._products_after(t, first)
        share = max(min((then / now) ** 3, 1.0), LEAST_SHARE if self.cautious else 0.0)
        ways = self._ways(space, now / n_products * share, None if self.cautious else first)
        t = self.last = min(1.0, REACH * self._reach(ways))
        self.infeasible *= 1.0 - t
        for part, way in zip(self._all(), ways.each, strict=True):
            part.move(t, way)
        self.u = self.u + t * ways.e
        self.intercept += t * ways.intercept
        return self._candidate(space)

    def _all(self) -> Iterator[Any]:
        yield self.samples
        for _, part in self.parts:
            yield part

    def _reach(self, ways: Ways) -> float:
        pairs = zip(self._all(), ways.each, strict=True)
        return float(min(part.reach(way) for part, way in pairs))

    def _products_after(self, t: float, ways: Ways) -> float:
        pairs = zip(self._all(), ways.each, strict=True)
        return float(sum(part.products(t, way) for part, way in pairs))

    def _ways(self, space: Weighted, m: float, last: Ways | None) -> Ways:
        # the step towards products of m; a first estimate need not be exact
        given = [None] * (1 + len(self.parts)) if last is None else last.each
        v = self.samples.goal(m, given[0])
        q = self.linear.copy()
        for (where, part), way in zip(self.parts, given[1:], strict=True):
            q[where] += part.goal(m, way)
        e, step, intercept = np.zeros(len(self.u)), np.zeros(len(v)), 0.0
        for _ in range(1 if last is None else 1 + CORRECTIONS):
            more = space.solve(v, q - space.h * e - self.l2 * (self.u + e))
            part_step, shift = space.product(more, v)
            e, step, intercept = e + more, step + part_step, intercept + shift
            v = v - space.d * part_step
        each = [self.samples.way(step, v - self.samples.dual, m, given[0])]
        for (where, part), way in zip(self.parts, given[1:], strict=True):
            dual = part.goal(m, way) - part.curvature * e[where]
            each.append(part.way(e[where], dual - part.dual, m, way))
        return Ways(e, intercept, each)

    def _candidate(self, space: Weighted) -> Candidate:
        engine, u = self.engine, self.u.copy()
        (kinked, kink), (below, lower), (above, upper) = self.parts
        u[kinked[kink.at_kink(self.unit)]] = 0.0
        at_lower = below[lower.at_bound(self.unit, self.slope)]
        at_upper = above[upper.at_bound(self.unit, self.slope)]
        u[at_lower], u[at_upper] = self.lower[at_lower], self.upper[at_upper]
        u = np.clip(u, self.lower, self.upper)
        r = self.samples.r - engine._product(self._spread(u - self.u))
        v = self.samples.dual
        q = self.linear.copy()
        for where, part in self.parts:
            q[where] += part.dual
        for _ in range(CORRECTIONS):
            more = space.solve(v, q - self.l2 * self.u)
            v = v - space.d * space.product(more, v)[0]
            q = q - space.h * more
        end = engine.coef.copy()
        end[self.slots] = u
        return Candidate(end, self.intercept, r, np.clip(v, *engine.domain))


class Ways(NamedTuple):
    """A step of the coefficients and the intercept, and of every part."""

    e: Vector
    intercept: float
    each: list[Way]


class Weighted:
    """The linear system of a step: features at weights d, the intercept eliminated."""

    def __init__(self, at: Trial) -> None:
        self._at, self._engine = at, at.engine
        engine, slots = at.engine, at.slots
        design = engine.design
        self.d = at.samples.curvature
        self._total = float(self.d.sum())
        self.h = np.zeros(slots.size)
        for where, part in at.parts:
            self.h[where] += part.curvature
        weight = np.zeros(design.n_samples)
        weight[engine.rows] = self.d
        gram = np.empty((slots.size, slots.size), order="F")
        # a Gram matrix of sparse columns takes centres for means under the weights: 0 is none
        center = np.zeros(design.n_features) if design.is_sparse else None
        columns = design.columns_with(center, weight=weight)
        columns.gram_block(slots, slots, gram, design.n_threads, True)
        mirror(gram)
        self._tilt = sums = engine._slopes(self.d, slots)
        if design.fit_intercept:
            if design.is_sparse:
                sums = sums + self._total * (design.stored_center * design.scale)[slots]
            gram -= np.outer(sums, sums / self._total)
        diagonal = np.diag_indices_from(gram)
        gram[diagonal] += self.h + at.l2
        size = np.sqrt(np.maximum(gram[diagonal], TINY))
        self._size = np.where(gram[diagonal] > 0.0, size, 1.0)
        with blas_threads_for(slots.size):
            self._inverse = solver_of(gram / self._size / self._size[:, np.newaxis])

    def solve(self, v: Vector, q: Vector) -> Vector:
        """Return the step that makes the slopes of v plus q zero."""
        slopes = self._engine._slopes(v, self._at.slots) + q
        if self._engine.design.fit_intercept:
            slopes -= self._tilt * (v.sum() / self._total)
        with blas_threads_for(slopes.size):
            return np.asarray(self._inverse(slopes / self._size) / self._size)

    def product(self, e: Vector, v: Vector) -> tuple[Vector, float]:
        """Return C e + b, and the b that makes the sum of v - d (C e + b) zero."""
        step, shift = self._engine._product(self._at._spread(e)), 0.0
        if self._engine.design.fit_intercept:
            shift = (float(v.sum()) - dot(self.d, step)) / self._total
            step += shift
        return step, shift


def dot(a: Vector, b: Vector) -> float:
    """Return the sum of the products; no BLAS, whose threads would keep spinning beside ours."""
    return float(np.sum(a * b))


def _most_urgent(features: Index, urgency: Vector, most: int) -> Index:
    if features.size <= most:
        return features
    return features[np.argpartition(urgency[features], -most)[-most:]]
