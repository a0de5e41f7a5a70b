"""The duality gap from X itself, at a dual point that tiny penalties cannot spoil.

An engine certifies what it has found with multiples of the residual as dual points, from slopes
that its own arithmetic gives. That is cheap, and enough nearly always. It is not where a feature's
penalty is so small that the rounding of its slope is a large part of it: then the multiple that
makes this one slope feasible is far from the residual. Nor is it where the slopes come from a
matrix that somebody else has computed. Here the residual and all slopes are computed from X, and
the dual point is the residual moved no further than those features need
(docs/mathematics.md, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast import _cd, _multi_task
from softreg_fast._columns import Columns, look_at_signals
from softreg_fast._engine import Engine
from softreg_fast.design import Design, MultiTaskDesign
from softreg_fast.factor import lower_factor, solver_of
from softreg_fast.penalty import PenaltyVectors
from softreg_fast.record import Kept
from softreg_fast.result import Status

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]

EPSILON = float(np.finfo(np.float64).eps)

# An engine that goes on to rounding level ends above this gap only where rounding spoils it.
EXACT = 1e-12

# Gram arithmetic rounds the slopes by some 1e-16 |u|, and the gap by the square of |u|: beyond this
# length of u that is more than EXACT.
LARGEST_FOR_GRAM = 100.0

# What may be left of a feature's excess over its l1, relative to that: it costs so much of the
# penalty, by the scaling that brings all features inside.
SMALLEST_EXCESS = 1e-14

# With an L2 part the excess costs its square, and no scaling: so much is left alone.
SMALLEST_CHARGE = 1e-16

# And so much where it is the coefficient that makes a slope too far inside costly.
SMALLEST_WITHIN = 1e-14

# As a last resort features may be freed of penalties up to this, as long as all of them together
# cost no more than this.
LARGEST_FREED = 1e-9
LARGEST_COST = 1e-11

# Rounds in which features that the last move of the dual point has brought outside are taken in.
MOST_ROUNDS = 12

# Epochs of descent for the shortest move.
MOST_EPOCHS = 2_000

# A held column of which the freed ones leave less than this cannot be moved against.
SMALLEST_REST = 1e-10

# The features that the dual point is moved for are dense columns, and orthogonalised.
MOST_FEATURES = 1_000
MOST_ENTRIES = 20_000_000

# Of a Cholesky factor of unpenalised columns of length one: where their certificate can be trusted.
SMALLEST_PIVOT = 1e-5

# A slope within so many of its roundings of where the penalty wants it is where float64 can bring
# it.
ROUNDINGS = 64.0

# And the objective may not fall faster than this, over a way as long as the coefficients are large.
LARGEST_SLOPE = 1e-11


def certified(
    kept: Kept,
    design: Design,
    penalty: PenaltyVectors,
    strengths: tuple[Vector, Vector],
    tol: float,
    doubt: Doubt,
) -> Kept:
    """The fits with the gap of every one that is in doubt computed from X, and their status by it.

    Parameters
    ----------
    kept : Kept
    design : Design
    penalty : PenaltyVectors
        In the engine's units; its l1 and l2 are multiplied by the strengths.
    strengths : two ndarray (n_fits,)
    tol : float
        Of the gap, in the engine's units.
    doubt : Doubt
    """
    rows = doubt.of(kept)
    if has_dependent(design, unpenalised(penalty, *strengths)):
        rows = np.arange(len(kept.figures))
    if not rows.size:
        return kept
    figures = kept.figures.copy()
    stops = np.cumsum(figures[:, 0].astype(np.intp))
    certificate = Certificate(design)
    for k in rows:
        look_at_signals()
        part = slice(stops[k] - int(figures[k, 0]), stops[k])
        u = np.zeros((design.n_features, *kept.values.shape[1:]))
        u[kept.features[part]] = kept.values[part]
        vectors = penalty._replace(
            l1=strengths[0][k] * penalty.l1, l2=strengths[1][k] * penalty.l2
        )
        proof = certificate.of(np.ascontiguousarray(u.T), vectors, EXACT)
        figures[k, 1], figures[k, 2] = proof.gap, proof.residual_sumsq
        if proof.gap <= tol:
            figures[k, 4] = Status.CONVERGED
        elif proof.is_stationary:
            figures[k, 4] = Status.PRECISION
        elif figures[k, 4] == Status.CONVERGED:
            figures[k, 4] = Status.STALLED
    return kept._replace(figures=figures)


def unpenalised(penalty: PenaltyVectors, l1_strength: Vector, l2_strength: Vector) -> Index:
    """Features that nothing holds at the last of the strengths: neither penalty nor two bounds."""
    l1, l2, lower, upper = penalty
    if not l1_strength.size or (l1_strength[-1] > 0.0 and l1.all()):
        return np.empty(0, np.intp)
    free = (l1_strength[-1] * l1 == 0.0) & (l2_strength[-1] * l2 == 0.0)
    return np.flatnonzero(free & (lower < upper) & (np.isinf(lower) | np.isinf(upper)))


def has_dependent(design: Design, features: Index) -> bool:
    """Whether some of these columns nearly depend on each other.

    An engine counts the slope of an unpenalised feature as zero below 1e-12. That is next to
    nothing in the gap unless the directions in which such columns differ are short.
    """
    if features.size < 2:
        return False
    if features.size > min(design.n_samples, MOST_FEATURES):
        return True
    if design.has_gram:
        gram = design.gram[np.ix_(features, features)]
    else:
        gram = np.empty((features.size, features.size), order="F")
        design.columns.gram_block(features, features, gram, design.n_threads)
    try:
        pivots = np.diag(lower_factor(gram))
    except np.linalg.LinAlgError:
        return True
    return bool(pivots.min() < SMALLEST_PIVOT)


class Doubt(NamedTuple):
    """Which fits of an engine want a gap from X.

    everything : bool
        All of them: their Gram matrix was somebody else's.
    exact : bool
        The engine goes on to rounding level, so that a larger gap is the certificate's.
    gram : bool
        The slopes come from the Gram matrix of all features.
    """

    everything: bool
    exact: bool
    gram: bool

    def of(self, kept: Kept) -> Index:
        """Positions of the fits in doubt."""
        gap, status = kept.figures[:, 1], kept.figures[:, 4]
        if self.everything:
            return np.arange(len(gap))
        doubtful = status != Status.CONVERGED
        if self.exact:
            doubtful |= gap > EXACT
        if self.gram and np.vdot(kept.values, kept.values) > LARGEST_FOR_GRAM**2:
            squares = np.square(kept.values).reshape(len(kept.values), -1).sum(axis=1)
            owner = np.repeat(np.arange(len(gap)), kept.figures[:, 0].astype(np.intp))
            sums = np.bincount(owner, squares, len(gap))
            doubtful |= sums > LARGEST_FOR_GRAM**2
        return np.flatnonzero(doubtful)


class Proof(NamedTuple):
    """A duality gap, ||y - C u||^2, and whether u is optimal but for the rounding of slopes."""

    gap: float
    residual_sumsq: float
    is_stationary: bool


class DualPoint(NamedTuple):
    """theta and its slopes: (n_tasks, n_samples) times sqrt(s), (n_tasks, n_features)."""

    theta: Matrix
    slopes: Matrix


class Certificate:
    """Duality gaps of coefficients for the target of a Design, from X."""

    def __init__(self, design: Design) -> None:
        self.design = design
        n = design.n_samples
        weight = np.ones(n) if design.weight is None else design.weight
        self.root = np.sqrt(weight)
        self.intercept = (self.root / np.sqrt(weight.sum()))[:, np.newaxis]
        if not design.fit_intercept:
            self.intercept = self.intercept[:, :0]
        # entries of the engine's columns are as exact as X, to EPSILON times their distance from 0;
        # of sparse ones the center comes off the sums of the stored entries instead
        self.reach = _reach(design, design.center)
        self.blur = np.ones(design.n_features)
        if sp.issparse(design.X):
            self.blur = _reach(design, design.stored_center)
        self._module: Any = _multi_task if isinstance(design, MultiTaskDesign) else _cd

    def of(self, u: Matrix, penalty: PenaltyVectors, enough: float) -> Proof:
        """The proof for coefficients u, (n_features,) or (n_tasks, n_features).

        The dual point is moved only while the gap is larger than `enough`.
        """
        rows = np.atleast_2d(u)
        residual = self._without(self._residual(rows), self.intercept)
        rr = float(np.vdot(residual, residual))
        slopes = self._slopes(residual)
        gap = self._gap(u, penalty, residual, DualPoint(residual, slopes))
        distance = self._module.distances(penalty, u, slopes.reshape(u.shape))
        sizes = np.sqrt(np.square(rows).sum(axis=0))
        rounding = EPSILON * self.blur * (1.0 + sizes.sum())
        stationary = bool(np.all(distance <= ROUNDINGS * rounding))
        stationary &= bool(distance @ (1.0 + sizes) <= LARGEST_SLOPE)
        if not gap <= enough:
            margin = 4.0 * EPSILON * self.blur * np.sqrt(max(rr, EPSILON))
            start = DualPoint(residual, slopes)
            for way in WAYS:
                move = _Move(self, rows, penalty, margin, way)
                for point in move.points(start):
                    gap = min(gap, self._gap(u, penalty, residual, point))
                    if gap <= enough:
                        return Proof(gap, rr, stationary)
        return Proof(gap, rr, stationary)

    def _gap(
        self, u: Matrix, penalty: PenaltyVectors, residual: Matrix, point: DualPoint
    ) -> float:
        away = residual - point.theta
        figures = (
            float(np.vdot(away, away)),
            float(np.vdot(away, point.theta)),
            float(np.vdot(point.theta, point.theta)),
        )
        gap: float = self._module.gap_at_dual_point(
            penalty, u, point.slopes.reshape(u.shape), figures
        )
        return gap

    def _residual(self, rows: Matrix) -> Matrix:
        # sqrt(s) (y - C u), a row for each task
        design = self.design
        v = np.array(np.atleast_2d(design.target))
        for one, its_v in zip(rows, v, strict=True):
            design.columns.subtract_product(np.ascontiguousarray(one), its_v, design.n_threads)
        with np.errstate(invalid="ignore", divide="ignore"):
            plain = v[:, :-1] / self.root + self.root * v[:, -1:]
        return np.where(self.root > 0.0, plain, 0.0)

    def _slopes(self, theta: Matrix) -> Matrix:
        design = self.design
        v = np.zeros((len(theta), design.n_samples + 1))
        v[:, :-1] = theta * self.root
        slopes = np.empty((len(theta), design.n_features))
        for one, its_slopes in zip(v, slopes, strict=True):
            design.columns.slopes(one, its_slopes, None, design.n_threads)
        return slopes

    def panel(self, chosen: Index) -> Matrix:
        """sqrt(s) C of these features, (n_samples, n_chosen)."""
        panel = np.empty((self.design.n_samples, chosen.size), order="F")
        self.design.columns.gather(0, panel, chosen, self.design.n_threads)
        return panel

    @staticmethod
    def _without(theta: Matrix, basis: Matrix) -> Matrix:
        # what is orthogonal to the basis; twice is enough
        for _ in range(2):
            theta = theta - (theta @ basis) @ basis.T
        return theta

    def point(self, theta: Matrix, freed: Index) -> DualPoint:
        """A dual point that is orthogonal to the columns of the freed features."""
        slopes = self._slopes(theta)
        slopes[:, freed] = 0.0
        return DualPoint(theta, slopes)


def _reach(design: Design, center: Vector) -> Vector:
    # the length of the columns when they are not centred, beside that of the centred ones
    zero = np.zeros(design.n_features)
    ratio = np.divide(center, design.norm, out=zero, where=design.norm > 0.0)
    return np.asarray(np.sqrt(1.0 + design.n_samples * np.square(ratio)))


class Way(NamedTuple):
    """How a dual point is moved.

    tight : bool
        Features with a coefficient are brought to the edge of what their penalty allows from
        inside, too.
    free : bool
        Penalties that cost next to nothing are dropped, though they are above rounding.
    """

    tight: bool
    free: bool


WAYS = Way(False, False), Way(True, False), Way(False, True), Way(True, True)


class _Move:
    """The way of the dual point from the residual to where no feature spoils the gap.

    Features come in two kinds. Where the whole penalty is below the rounding of the slope the dual
    point is made orthogonal to the column: as though nothing penalised it, which costs no more than
    its penalty. Where it is larger the slope is brought a margin of a few roundings inside, by the
    shortest move that does it for all:

        minimise ||s||^2 / 2   with  c_j . s >= (excess of j) + margin_j,

    whose dual is least squares with coefficients >= 0.
    """

    def __init__(
        self,
        certificate: Certificate,
        u: Matrix,
        penalty: PenaltyVectors,
        margin: Vector,
        way: Way,
    ) -> None:
        self.certificate = certificate
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
        self.basis = certificate.intercept
        self.directions = np.empty((len(u), 0))

    def points(self, at: DualPoint) -> Iterator[DualPoint]:
        """Dual points, each nearer to what all features allow."""
        certificate, start = self.certificate, at.theta
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
            columns = np.hstack([columns, certificate.panel(held)])
            self.directions = np.hstack([self.directions, direction[:, held]])
            self.held = np.append(self.held, held)
            look_at_signals()
            theta = certificate._without(start, self.basis)
            if self.held.size:
                inside = certificate._without(columns.T, self.basis).T
                inside[:, np.square(inside).sum(axis=0) <= SMALLEST_REST**2] = 0.0
                theta = theta - self._shortest(inside, certificate._slopes(theta)) @ inside.T
            at = certificate.point(theta, self.freed)
            yield at

    def _spoilers(self, slopes: Matrix) -> tuple[Index, Matrix]:
        # features whose slopes are outside of what their penalty allows, or too far inside for
        # their coefficients; and the directions in which they should be at its edge
        l1, l2, lower, upper = self.penalty
        e, size = slopes - l2 * self.u, self.sizes
        length = np.sqrt(np.square(e).sum(axis=0))
        direction = np.divide(e, length, out=np.zeros_like(e), where=length > 0.0)
        direction = np.where(size > 0.0, self.signs, direction)
        allowed = lower < upper
        room = np.full(len(l1), np.inf)  # how far a coefficient could go that way
        if len(e) == 1:
            room = np.where(direction[0] > 0.0, upper - self.u[0], self.u[0] - lower)
        excess = np.maximum(length - l1, 0.0)
        with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
            charge = excess * np.fmin(room, 0.5 * excess / l2)
        scaled = np.isinf(room) & (l2 == 0.0)  # all of theta is, to bring this one inside
        harmless = np.where(scaled, excess <= SMALLEST_EXCESS * l1, charge <= SMALLEST_CHARGE)
        within = l1 * size - (e * self.u).sum(axis=0)
        spoils = ~harmless
        if self.way.tight:
            spoils |= within > SMALLEST_WITHIN
        return np.flatnonzero(allowed & spoils), direction

    def _free(self, more: Index) -> None:
        # Extend the basis, by Gram-Schmidt, the columns whose entries are most exact first; what is
        # left of a column after the others is no direction if rounding of its entries is as much.
        certificate = self.certificate
        self.freed = np.append(self.freed, more)
        reach = certificate.reach
        more = more[np.argsort(reach[more], kind="stable")]
        basis = list(self.basis.T)
        for j, column in zip(more, certificate.panel(more).T, strict=True):
            Q = np.array(basis).reshape(-1, len(column))
            for _ in range(2):
                column = column - (Q @ column) @ Q
            length = np.sqrt(column @ column)
            if length > 16.0 * EPSILON * reach[j]:
                basis.append(column / length)
        self.basis = np.array(basis).reshape(-1, len(self.basis)).T

    def _shortest(self, inside: Matrix, slopes: Matrix) -> Matrix:
        # coefficients (n_tasks, n_held) of the columns in the shortest move that does it
        held = self.held
        D, edge = self.directions, self.penalty.l1[held] - self.margin[held]
        gram = inside.T @ inside
        e = slopes[:, held] - self.penalty.l2[held] * self.u[:, held]
        if self.way.tight and len(D) > 1:  # a row has to point the right way, too
            return np.asarray(solver_of(gram)((e - edge * D).T).T)
        excess = (D * e).sum(axis=0) - edge
        scale = float(np.abs(excess).max())
        zero = np.zeros(held.size)
        either = (self.sizes[held] > 0.0) & self.way.tight | (self.penalty.l1[held] == 0.0)
        solver = Engine(
            Columns.gram(np.asfortranarray(gram * (D.T @ D))),
            excess / scale,
            1.0,
            (zero, zero, np.where(either, -np.inf, 0.0), zero + np.inf),
        )
        solver.solve(0.0, 0.0, EXACT, MOST_EPOCHS)
        return D * (scale * solver.coef)
