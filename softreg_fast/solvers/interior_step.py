"""The steps of the interior-point solver: their starting point, their linear system, their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from softreg_fast.data.gram import mirror
from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.central_path import TINY, Bound, Kink, Way
from softreg_fast.solvers.factor import solver_of
from softreg_fast.system.threads import blas_threads_for

if TYPE_CHECKING:
    from softreg_fast.solvers.interior_point import InteriorPointEngine

# The first m is this many times the mean gap of a product.
FIRST_SHARE = 4.0

# Share of the way to the boundary that a step may go.
REACH = 0.995

# Cautious steps aim at this share of the mean product at least.
LEAST_SHARE = 0.1

# Distance from a bound at which coefficients begin, in the unit that null deviance and slopes make.
INSIDE = 1e-2

# Where all slopes are small, this share of the largest that columns of length one can have is the
# unit of slopes.
LEAST_SLOPE = 1e-3

# Corrections of a step for what its matrix has rounded: where d is large the dual point shows it.
CORRECTIONS = 2

# Where rounding to all that may be 0 costs too much, these shares of it are tried.
ROUNDED_SHARES = (1e-4, 0.0)

# The dual point is balanced for up to so many features, of columns of up to so many entries.
MOST_BALANCED = 500
MOST_ENTRIES = 10_000_000

# Slopes up to this share of the norm of the dual point are rounding errors of normal equations.
NEARLY_BALANCED = 1e-6

# Halvings of the interval in which coefficients with bounds begin.
HALVINGS = 60


class Candidate(NamedTuple):
    """Coefficients, intercept, residuals and weighted dual point at the end of a step."""

    u: Vector
    intercept: float
    r: Vector
    v: Vector


class Trial:
    """The point that the steps move, for the features that have a slot.

    Parameters
    ----------
    engine : InteriorPointEngine
    gap : float
        Of the engine's present coefficients and dual point.
    middle : bool, default=False
        Begin far from the boundary, where the point is feasible, instead of near the coefficients
        of the engine: from these steps may be short.
    cautious : bool, default=False
        Leave second-order terms out, with which few samples may go round in circles.
    """

    def __init__(
        self, engine: InteriorPointEngine, gap: float, middle: bool = False, cautious: bool = False
    ) -> None:
        self.engine, slots = engine, engine._slots
        self.cautious = cautious
        self.slots, self.intercept = slots, engine.intercept
        self.infeasible = self.last = 1.0  # share of the first infeasibility; length of a step
        self.l1, self.l2, self.lower, self.upper = (each[slots] for each in engine.penalty)
        one_side = (self.lower >= 0.0).astype(float) - (self.upper <= 0.0)
        self.linear = -self.l1 * one_side  # the L1 part where 0 is no kink inside of the bounds
        self._kinked = np.flatnonzero((self.l1 > 0.0) & (one_side == 0.0))
        self._below = np.flatnonzero(self.lower > -np.inf)
        self._above = np.flatnonzero(self.upper < np.inf)
        self.unit = engine.problem.target.null_deviance
        sizes = np.maximum(engine.null_sizes, np.abs(engine.slopes))[slots]
        self.slope = float(sizes.max(initial=LEAST_SLOPE * np.sqrt(dot(engine.s, engine.s))))
        self._begin_in_the_middle() if middle else self._begin_near(gap)

    def _begin_near(self, gap: float) -> None:
        # at the coefficients of the engine, inside of their bounds by a little
        engine, before = self.engine, self.engine.coef[self.slots]
        n_bounds = self._below.size + self._above.size
        n_products = 2.0 * (engine.s.sum() + self._kinked.size) + n_bounds
        whole = dot(engine.s, engine.problem.loss.value(engine.r, 0.0))
        m = max(FIRST_SHARE * min(gap, whole) / n_products, TINY)
        little = INSIDE * self.unit / self.slope
        width = np.minimum(little, 0.25 * (self.upper - self.lower))
        self.u = np.clip(before, self.lower + width, self.upper - width)
        r = engine.r - engine._product(self._spread(self.u - before))
        samples = Kink(r, engine.tau, 1.0 - engine.tau, m, engine.s)
        l1 = self.l1[self._kinked]
        self._set_parts(samples, Kink(-self.u[self._kinked], l1, l1, m), m)

    def _begin_in_the_middle(self) -> None:
        # With a dual point of 0 every slope is 0, and coefficients are where the pulls of penalty
        # and bounds cancel, if that is not too far.
        engine, s, kinked = self.engine, self.engine.s, self._kinked
        size = self.unit / float(s.sum())  # of residuals
        self.intercept = 0.0
        self.u = self._between(0.5 * size, self.unit / self.slope)
        r = engine.y - (engine.z_null + engine._product(self._spread(self.u)))
        size = max(size, dot(s, np.abs(r)) / float(s.sum()))
        m, l1 = 0.5 * size, self.l1[kinked]
        samples = Kink.in_the_middle(r, engine.tau, 1.0 - engine.tau, size, s)
        self._set_parts(samples, Kink.in_the_middle(-self.u[kinked], l1, l1, m / l1), m)

    def _between(self, m: float, far: float) -> Vector:
        # u where m / (u - lower) - m / (upper - u) is the pull of the penalty, at most `far` from
        # the bound that is nearest to 0
        null = np.clip(0.0, self.lower, self.upper)
        low, high = np.maximum(self.lower, null - far), np.minimum(self.upper, null + far)
        for _ in range(HALVINGS):
            u = 0.5 * (low + high)
            pull = m / np.maximum(u - self.lower, TINY) - m / np.maximum(self.upper - u, TINY)
            up = pull + self.linear - self.l2 * u > 0.0
            low, high = np.where(up, u, low), np.where(up, high, u)
        bounded = np.isfinite(self.lower) | np.isfinite(self.upper)
        return np.where(bounded, 0.5 * (low + high), 0.0)

    def _set_parts(self, samples: Kink, kink: Kink, m: float) -> None:
        below, above = self._below, self._above
        self.samples = samples
        self.parts: list[tuple[Any, Any]] = [
            (self._kinked, kink),
            (below, Bound((self.u - self.lower)[below], 1.0, m)),
            (above, Bound((self.upper - self.u)[above], -1.0, m)),
        ]

    def _spread(self, e: Vector) -> Vector:
        u = np.array(np.zeros(self.engine.design.n_features))
        u[self.slots] = e
        return u

    def met(self) -> Index:
        """Return the samples whose residual is taken for 0."""
        return np.flatnonzero(self.samples.at_kink(4.0 * self.unit / float(self.engine.s.sum())))

    def products(self) -> float:
        """Return the sum of all products, the gap where the point is feasible."""
        return float(sum(part.products() for part in self._all()))

    def step(self) -> None:
        """Take a step."""
        self._space = space = Weighted(self)
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

    def candidates(self) -> Iterator[Candidate]:
        """Yield what the last step comes to, then points that cost more or have fewer zeros."""
        v = self._dual_point()
        u = self._rounded(1.0)
        yield self._candidate(u, v)
        # without a penalty or an end a slope other than 0 makes the bound worthless
        endless = np.isinf(self.lower) | np.isinf(self.upper)
        slopes = self.engine._slopes(v, self.slots)
        small = np.abs(slopes) <= NEARLY_BALANCED * float(np.sqrt(dot(v, v)))
        free = (self.l1 == 0.0) & (self.l2 == 0.0) & endless & small
        balanced = self._balanced(free, u, v)
        yield self._candidate(u, balanced)
        free |= (u > self.lower) & (u < self.upper) & ((u != 0.0) | (self.l1 == 0.0))
        yield self._candidate(u, self._balanced(free, u, v))
        for share in ROUNDED_SHARES:
            yield self._candidate(self._rounded(share), balanced)

    def _candidate(self, u: Vector, v: Vector) -> Candidate:
        engine = self.engine
        r = self.samples.r - engine._product(self._spread(u - self.u))
        end = engine.coef.copy()
        end[self.slots] = u
        return Candidate(end, self.intercept, r, np.clip(v, *engine.domain))

    def _rounded(self, share: float) -> Vector:
        # coefficients, those at a kink or bound that are this share as far from it as they might
        (kinked, kink), (below, lower), (above, upper) = self.parts
        u, length = self.u.copy(), share * self.unit / self.slope
        u[kinked[kink.at_kink(2.0 * length)]] = 0.0
        at_lower = below[lower.at_bound(length, self.slope)]
        at_upper = above[upper.at_bound(length, self.slope)]
        u[at_lower], u[at_upper] = self.lower[at_lower], self.upper[at_upper]
        return np.clip(u, self.lower, self.upper)

    def _dual_point(self) -> Vector:
        v, q, space = self.samples.dual, self.linear.copy(), self._space
        for where, part in self.parts:
            q[where] += part.dual
        for _ in range(CORRECTIONS):
            more = space.solve(v, q - self.l2 * self.u)
            v = v - space.d * space.product(more, v)[0]
            q = q - space.h * more
        return np.asarray(v)

    def _balanced(self, free: Any, u: Vector, v: Vector) -> Vector:
        # v with the slopes that coefficients between kinks and bounds ask for; by an orthogonal
        # factor, for normal equations leave some where weights are far apart
        slots = self.slots[free]
        if not 0 < slots.size <= MOST_BALANCED or slots.size * v.size > MOST_ENTRIES:
            return v
        wanted = self.l1[free] * np.sign(u[free]) + self.l2[free] * u[free]
        excess = self.engine._slopes(v, slots) - wanted
        if self.engine.design.fit_intercept:
            excess = np.append(excess, v.sum())
        room = self.samples.s * np.minimum(self.samples.upper, self.samples.lower)
        C = self.engine._columns_of(slots, np.arange(v.size))
        with blas_threads_for(slots.size):
            return np.asarray(v - room * np.linalg.lstsq(C.T * room, excess, rcond=None)[0])


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
