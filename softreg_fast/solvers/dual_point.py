"""Dual points near the residual for tiny penalties (docs/mathematics.md, section 4).

Multiples of the residual are nearly always sufficient. They are not where a feature's penalty is so
small that the rounding of its slope is a large part of it: the multiple that makes this one slope
feasible is far from the residual. Here the residual is moved no further than those features need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.kernels._scalars import ScalarEngine
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.factor import solver_of

EPSILON = float(np.finfo(np.float64).eps)

# Tolerated excess of a feature's slope over its l1, relative to l1: it costs this fraction of the
# penalty, by the scaling that makes all features feasible.
SMALLEST_EXCESS = 1e-14

# With an L2 part the excess costs its square, and no scaling: a cost up to this is tolerated.
SMALLEST_CHARGE = 1e-16

# Tolerated cost where a slope is too far inside for the feature's coefficient.
SMALLEST_WITHIN = 1e-14

# As a last resort features may be freed of penalties up to LARGEST_FREED, as long as all of them
# together cost at most LARGEST_COST.
LARGEST_FREED = 1e-9
LARGEST_COST = 1e-11

# Rounds of adding features made infeasible by the last move of the dual point.
MOST_ROUNDS = 12

# Epochs of coordinate descent for the shortest move.
MOST_EPOCHS = 2_000

# A held column whose part orthogonal to the freed ones is shorter than this cannot be used.
SMALLEST_REST = 1e-10

# Limits on the features that the dual point is moved for: they are dense columns, orthogonalised.
MOST_FEATURES = 1_000
MOST_ENTRIES = 20_000_000


class DualPoint(NamedTuple):
    """theta (n_tasks, n_samples), times sqrt(s), and its slopes (n_tasks, n_features)."""

    theta: Matrix
    slopes: Matrix


class SampleSpace:
    """The columns and the target of a Design as vectors over samples, times sqrt(s).

    Attributes
    ----------
    intercept : ndarray (n_samples, 1 or 0)
        The direction to which residuals of a model with an intercept are orthogonal.
    reach : ndarray (n_features,)
        Entries of the engine's columns are as exact as X: to EPSILON times their distance from 0;
        `reach` is the length of these distances.
    blur : ndarray (n_features,)
        Slopes are exact to EPSILON times this: the centre of a sparse column is subtracted from the
        sum over its stored entries.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        n = design.n_samples
        weight = np.ones(n) if design.weight is None else design.weight
        self.root = np.sqrt(weight)
        self.intercept = (self.root / np.sqrt(weight.sum()))[:, np.newaxis]
        if not design.fit_intercept:
            self.intercept = self.intercept[:, :0]
        self.reach = _reach(design, design.center)
        self.blur = np.ones(design.n_features)
        if design.is_sparse:
            self.blur = _reach(design, design.stored_center)

    def residual(self, rows: Matrix) -> Matrix:
        """Return sqrt(s) (y - C u), (n_tasks, n_samples), for u (n_tasks, n_features)."""
        design = self.design
        v = np.array(np.atleast_2d(design.target))
        for one, its_v in zip(rows, v, strict=True):
            design.columns.subtract_product(np.ascontiguousarray(one), its_v, design.n_threads)
        with np.errstate(invalid="ignore", divide="ignore"):
            plain = v[:, :-1] / self.root + self.root * v[:, -1:]
        return without(np.where(self.root > 0.0, plain, 0.0), self.intercept)

    def slopes(self, theta: Matrix) -> Matrix:
        """Return C' sqrt(s) theta of all features, (n_tasks, n_features)."""
        design = self.design
        v = np.zeros((len(theta), design.n_samples + 1))
        v[:, :-1] = theta * self.root
        slopes = np.empty((len(theta), design.n_features))
        for one, its_slopes in zip(v, slopes, strict=True):
            design.columns.slopes(one, its_slopes, None, design.n_threads)
        return slopes

    def panel(self, chosen: Index) -> Matrix:
        """Return sqrt(s) C of these features, (n_samples, n_chosen)."""
        panel = np.empty((self.design.n_samples, chosen.size), order="F")
        self.design.columns.gather(0, panel, chosen, self.design.n_threads)
        return panel

    def point(self, theta: Matrix, freed: Index) -> DualPoint:
        """Return a dual point that is orthogonal to the columns of the freed features."""
        slopes = self.slopes(theta)
        slopes[:, freed] = 0.0
        return DualPoint(theta, slopes)


def without(theta: Matrix, basis: Matrix) -> Matrix:
    """Return the part of theta orthogonal to an orthonormal basis; two passes are enough."""
    for _ in range(2):
        theta = theta - (theta @ basis) @ basis.T
    return theta


def _reach(design: Design, center: Vector) -> Vector:
    # length of the uncentred columns, relative to that of the centred ones
    zero = np.zeros(design.n_features)
    ratio = np.divide(center, design.norm, out=zero, where=design.norm > 0.0)
    return np.asarray(np.sqrt(1.0 + design.n_samples * np.square(ratio)))


class Way(NamedTuple):
    """Variant of moving a dual point.

    tight : bool
        Features with a nonzero coefficient are brought to the edge of their feasible set from
        inside, too.
    free : bool
        Penalties of negligible cost are dropped, though they are above rounding.
    """

    tight: bool
    free: bool


WAYS = Way(False, False), Way(True, False), Way(False, True), Way(True, True)


class Move:
    """Move of the dual point from the residual to where no feature spoils the gap.

    Features come in two kinds. Where the whole penalty is below the rounding of the slope the dual
    point is made orthogonal to the column: as if the feature were unpenalised, which costs no more
    than its penalty. Where it is larger the slope is brought a margin of a few roundings inside, by
    the shortest move that does so for all:

        minimise ||s||^2 / 2   with  c_j . s >= (excess of j) + margin_j,

    whose dual is least squares with coefficients >= 0.
    """

    def __init__(
        self,
        space: SampleSpace,
        u: Matrix,
        penalty: PenaltyVectors,
        margin: Vector,
        way: Way,
    ) -> None:
        self.space = space
        self.u = u
        self.penalty = penalty
        self.margin = np.minimum(margin, 0.5 * penalty.l1)
        self.sizes = np.sqrt(np.square(u).sum(axis=0))
        self.signs = np.divide(u, self.sizes, out=np.zeros_like(u), where=self.sizes > 0.0)
        ridge_cost = 0.5 * penalty.l2 * self.sizes**2
        cost = penalty.l1 * self.sizes + ridge_cost
        self.is_freeable = (penalty.l1 <= 8.0 * margin) & (ridge_cost <= SMALLEST_WITHIN)
        self.way = way
        if way.free:
            order = np.argsort(penalty.l1, kind="stable")
            cheap = order[np.cumsum(cost[order]) <= LARGEST_COST]
            self.is_freeable[cheap[penalty.l1[cheap] <= LARGEST_FREED]] = True
        self.freed = self.held = np.empty(0, np.intp)
        self.basis = space.intercept
        self.directions = np.empty((len(u), 0))

    def points(self, at: DualPoint) -> Iterator[DualPoint]:
        """Yield dual points, each nearer to feasibility for all features."""
        space, start = self.space, at.theta
        columns = np.empty((start.shape[1], 0))
        for _ in range(MOST_ROUNDS):
            spoilers, direction = self._spoilers(at.slopes)
            more = np.setdiff1d(spoilers, np.concatenate([self.freed, self.held]))
            size = more.size + self.freed.size + self.held.size
            if not more.size or size > min(MOST_FEATURES, MOST_ENTRIES // start.shape[1]):
                return
            freed, held = more[self.is_freeable[more]], more[~self.is_freeable[more]]
            if freed.size:
                self._free(freed)
            columns = np.hstack([columns, space.panel(held)])
            self.directions = np.hstack([self.directions, direction[:, held]])
            self.held = np.append(self.held, held)
            look_at_signals()
            theta = without(start, self.basis)
            if self.held.size:
                inside = without(columns.T, self.basis).T
                inside[:, np.square(inside).sum(axis=0) <= SMALLEST_REST**2] = 0.0
                theta = theta - self._shortest(inside, space.slopes(theta)) @ inside.T
            at = space.point(theta, self.freed)
            yield at

    def _spoilers(self, slopes: Matrix) -> tuple[Index, Matrix]:
        # features whose slopes are infeasible, or too far inside for their coefficients; and the
        # directions in which they should be at the edge
        l1, l2, lower, upper = self.penalty
        e, size = slopes - l2 * self.u, self.sizes
        length = np.sqrt(np.square(e).sum(axis=0))
        direction = np.divide(e, length, out=np.zeros_like(e), where=length > 0.0)
        direction = np.where(size > 0.0, self.signs, direction)
        allowed = lower < upper
        room = np.full(len(l1), np.inf)  # how far a coefficient could move in its direction
        if len(e) == 1:
            room = np.where(direction[0] > 0.0, upper - self.u[0], self.u[0] - lower)
        excess = np.maximum(length - l1, 0.0)
        with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
            charge = excess * np.fmin(room, 0.5 * excess / l2)
        scaled = np.isinf(room) & (l2 == 0.0)  # making such a slope feasible scales all of theta
        harmless = np.where(scaled, excess <= SMALLEST_EXCESS * l1, charge <= SMALLEST_CHARGE)
        within = l1 * size - (e * self.u).sum(axis=0)
        spoils = ~harmless
        if self.way.tight:
            spoils |= within > SMALLEST_WITHIN
        return np.flatnonzero(allowed & spoils), direction

    def _free(self, more: Index) -> None:
        # Extend the basis by Gram-Schmidt, the columns with the most exact entries first; the
        # remainder of a column after the others is no direction if it is as small as the rounding
        # of its entries.
        space = self.space
        self.freed = np.append(self.freed, more)
        reach = space.reach
        more = more[np.argsort(reach[more], kind="stable")]
        known = self.basis.shape[1]
        basis = np.empty((known + more.size, len(self.basis)))
        basis[:known] = self.basis.T
        for j, column in zip(more, space.panel(more).T, strict=True):
            Q = basis[:known]
            for _ in range(2):
                column = column - (Q @ column) @ Q
            length = np.sqrt(column @ column)
            if length > 16.0 * EPSILON * reach[j]:
                basis[known] = column / length
                known += 1
        self.basis = basis[:known].T

    def _shortest(self, inside: Matrix, slopes: Matrix) -> Matrix:
        # coefficients (n_tasks, n_held) of the columns in the shortest sufficient move
        held = self.held
        D, edge = self.directions, self.penalty.l1[held] - self.margin[held]
        gram = inside.T @ inside
        e = slopes[:, held] - self.penalty.l2[held] * self.u[:, held]
        if self.way.tight and len(D) > 1:  # the direction of a row matters, too
            return np.asarray(solver_of(gram)((e - edge * D).T).T)
        excess = (D * e).sum(axis=0) - edge
        scale = float(np.abs(excess).max())
        zero = np.zeros(held.size)
        either = (self.sizes[held] > 0.0) & self.way.tight | (self.penalty.l1[held] == 0.0)
        solver = ScalarEngine(
            Columns.gram(np.asfortranarray(gram * (D.T @ D))),
            excess / scale,
            1.0,
            (zero, zero, np.where(either, -np.inf, 0.0), zero + np.inf),
        )
        solver.solve(0.0, 0.0, 1e-12, MOST_EPOCHS)
        return D * (scale * solver.coef)
