"""Recomputation of duality gaps from X, where an engine's own certificate is in doubt.

An engine certifies its solution with multiples of the residual as dual points and with slopes from
its own arithmetic. That is cheap and nearly always sufficient, except where penalties are tiny or
where the slopes come from a Gram matrix computed elsewhere. Here the residual and all slopes are
computed from X, and a better dual point is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.kernels._certificate import distances, gap_at_dual_point
from softreg_fast.kernels._runtime import look_at_signals
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.dual_point import (
    EPSILON,
    MOST_FEATURES,
    WAYS,
    DualPoint,
    Move,
    SampleSpace,
)
from softreg_fast.solvers.factor import lower_factor
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Status

NONE: Index = np.empty(0, np.intp)

# An engine that iterates down to rounding level ends above this gap only because of rounding.
EXACT = 1e-12

# Gram arithmetic rounds the slopes by about 1e-16 |u|, and the gap by the square of |u|: beyond
# this length of u the gap's error exceeds EXACT.
LARGEST_FOR_GRAM = 100.0

# Smallest pivot of a Cholesky factor of unpenalised columns of length one at which the engine's
# certificate can be trusted.
SMALLEST_PIVOT = 1e-5

# The dual point is moved only where slopes are at most this far from stationarity: for an
# unfinished fit a better proof is not worth its time.
NEAR = 1e-6

# A slope within this many of its rounding errors of stationarity is as near as float64 can bring
# it.
ROUNDINGS = 64.0

# For stationarity, the objective may not fall faster than this along a step as long as the
# coefficients are large.
LARGEST_SLOPE = 1e-11


def certified(
    fits: Fits, problem: Problem, strengths: Sequence[Vector | list[float]], doubt: Doubt
) -> Fits:
    """Return the fits with doubtful gaps recomputed from X, and their status set accordingly.

    Parameters
    ----------
    fits : Fits
    problem : Problem
    strengths : pair of sequences, the L1 strengths and the L2 strengths, one of each per fit
    doubt : Doubt
    """
    # solvers of other losses compute their certificates from X; a bent penalty has no duality gap
    if not problem.loss.quadratic or problem.penalty_kind != "elastic_net":
        return fits
    design, penalty, tol = problem.design, problem.scaled, problem.options.tol
    positions, n_fits = doubtful(fits, doubt), len(fits.gaps)
    if n_fits:
        last = [each[n_fits - 1] for each in strengths]
        if has_dependent(design, unpenalised(penalty, *last)):
            positions = np.arange(n_fits)
    if not positions.size:
        return fits
    gaps, deviances, status = fits.gaps.copy(), fits.deviances.copy(), fits.status.copy()
    stops = np.cumsum(fits.df.astype(np.intp))
    certificate = Certificate(design)
    for k in positions:
        look_at_signals()
        part = slice(stops[k] - int(fits.df[k]), stops[k])
        u = np.zeros((design.n_features, *fits.values.shape[1:]))
        u[fits.features[part]] = fits.values[part]
        vectors = penalty._replace(l1=strengths[0][k] * penalty.l1, l2=strengths[1][k] * penalty.l2)
        proof = certificate.of(np.ascontiguousarray(u.T), vectors, EXACT)
        gaps[k], deviances[k] = proof.gap, proof.residual_sumsq
        if proof.gap <= tol:
            status[k] = Status.CONVERGED
        elif proof.is_stationary and tol >= EXACT:  # below EXACT, tol is out of reach
            status[k] = Status.PRECISION
        elif status[k] == Status.CONVERGED:
            status[k] = Status.STALLED
    return fits._replace(gaps=gaps, deviances=deviances, status=status)


def unpenalised(penalty: PenaltyVectors, l1_strength: float, l2_strength: float) -> Index:
    """Return the features constrained neither by a penalty of these strengths nor by two bounds."""
    l1, l2, lower, upper = penalty
    if l1_strength > 0.0 and l1.all():
        return NONE
    free = (l1_strength * l1 == 0.0) & (l2_strength * l2 == 0.0)
    return np.flatnonzero(free & (lower < upper) & (np.isinf(lower) | np.isinf(upper)))


def has_dependent(design: Design, features: Index) -> bool:
    """Return whether some of these columns are nearly linearly dependent.

    An engine counts the slope of an unpenalised feature as zero below 1e-12. That is negligible in
    the gap unless the directions in which such columns differ are short.
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


def doubtful(fits: Fits, doubt: Doubt) -> Index:
    """Return the positions of the fits whose gap is in doubt."""
    gap, status, largest = fits.gaps, fits.status, LARGEST_FOR_GRAM**2
    if doubt.everything:
        return np.arange(len(gap))
    beyond = doubt.gram and np.vdot(fits.values, fits.values) > largest
    if len(gap) == 1:  # scalar tests take a microsecond, which counts here
        settled = status[0] == 0.0 and not (doubt.exact and gap[0] > EXACT)
    else:
        settled = not status.any() and not (doubt.exact and gap.max() > EXACT)
    if settled and not beyond:
        return NONE
    chosen = status != Status.CONVERGED
    if doubt.exact:
        chosen |= gap > EXACT
    if beyond:
        squares = np.square(fits.values).reshape(len(fits.values), -1).sum(axis=1)
        owner = np.repeat(np.arange(len(gap)), fits.df.astype(np.intp))
        chosen |= np.bincount(owner, squares, len(gap)) > largest
    return np.flatnonzero(chosen)


class Proof(NamedTuple):
    """A duality gap, ||y - C u||^2, and whether u is stationary up to the rounding of slopes."""

    gap: float
    residual_sumsq: float
    is_stationary: bool


class Certificate:
    """Duality gaps of coefficients for the target of a Design, from X."""

    def __init__(self, design: Design) -> None:
        self.space = SampleSpace(design)

    def of(self, u: Matrix, penalty: PenaltyVectors, enough: float) -> Proof:
        """Return the proof for coefficients u, (n_features,) or (n_tasks, n_features).

        The dual point is moved only while the gap is larger than `enough`.
        """
        rows = np.atleast_2d(u)
        space = self.space
        residual = space.residual(rows)
        rr = float(np.vdot(residual, residual))
        slopes = space.slopes(residual)
        gap = self._gap(u, penalty, residual, DualPoint(residual, slopes))
        distance = distances(penalty, u, slopes.reshape(u.shape))
        sizes = np.sqrt(np.square(rows).sum(axis=0))
        rounding = EPSILON * space.blur * (1.0 + sizes.sum())
        stationary = bool(np.all(distance <= ROUNDINGS * rounding))
        stationary &= bool(distance @ (1.0 + sizes) <= LARGEST_SLOPE)
        if not gap <= enough and distance.max(initial=0.0) <= NEAR:
            margin = 4.0 * EPSILON * space.blur * np.sqrt(max(rr, EPSILON))
            start = DualPoint(residual, slopes)
            for way in WAYS:
                move = Move(space, rows, penalty, margin, way)
                for point in move.points(start):
                    gap = min(gap, self._gap(u, penalty, residual, point))
                    if gap <= enough:
                        return Proof(gap, rr, stationary)
        return Proof(gap, rr, stationary)

    def _gap(self, u: Matrix, penalty: PenaltyVectors, residual: Matrix, point: DualPoint) -> float:
        away = residual - point.theta
        figures = (
            float(np.vdot(away, away)),
            float(np.vdot(away, point.theta)),
            float(np.vdot(point.theta, point.theta)),
        )
        return gap_at_dual_point(penalty, u, point.slopes.reshape(u.shape), figures)
