"""Vertices of a quantile fit: where enough samples are met exactly to fix all coefficients.

Interior-point steps come near to a vertex; what is met and what is not 0 there gives it without
rounding errors of weights that differ by 1e16. With C the columns of the coefficients that are free
and of the intercept, at the samples that are met, the conditions of optimality are linear:

    C e = r,   C' dv - l2 e = l1 sign(u) + l2 u - (slopes at v).

Where fewer samples are met than there are coefficients, and the loss has no curvature, the second
may have no solution: the objective then falls along an edge, up to the next vertex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.interior_step import Candidate
from softreg_fast.system.threads import blas_threads_for

if TYPE_CHECKING:
    from softreg_fast.solvers.interior_point import InteriorPointEngine

# At most so many samples for each coefficient are met exactly: more are ties.
MOST_MET = 10

# Residuals below this share of y are rounding errors of samples that are met.
ROUNDED = 1e-14

# Edges followed before the search ends.
MOST_EDGES = 100

# At most so many unknowns in the conditions of optimality, which are dense.
MOST_UNKNOWN = 2_000

# A slope along an edge below this share of the norm of the dual point is a rounding error.
FLAT = 1e-13


def met_exactly(engine: InteriorPointEngine, at: Candidate, met: Index) -> Candidate | None:
    """Return the fit whose residuals at the samples `met` are 0, if no coefficient changes sign."""
    free = _free(engine, at.u)
    n_unknown = free.size + engine.design.fit_intercept
    if not n_unknown or not n_unknown <= met.size <= MOST_MET * n_unknown:
        return None
    with blas_threads_for(met.size):
        e = np.linalg.lstsq(engine._columns_of(free, met), at.r[met], rcond=None)[0]
    moved = _moved(engine, at, free, e, met)
    return None if np.any(np.sign(moved.u) != np.sign(at.u)) else moved


def vertex_near(engine: InteriorPointEngine, at: Candidate, met: Index) -> Candidate | None:
    """Return a vertex with its dual point, from where the samples `met` have residuals of about 0.

    The certificate decides whether it is the optimal one.
    """
    for _ in range(MOST_EDGES):
        free = _free(engine, at.u)
        n_unknown = free.size + engine.design.fit_intercept
        if not 0 < n_unknown + met.size <= MOST_UNKNOWN:
            return None
        # what is not met has a dual point on the border
        outside = np.where(at.r > 0.0, engine.domain[1], engine.domain[0])
        outside[met] = at.v[met]
        e, step, edge = _optimal(engine, at._replace(v=outside), free, met)
        moved = _moved(engine, at, free, e, met)
        if np.any(np.sign(moved.u) != np.sign(at.u)):
            return None
        outside[met] += step
        at = moved._replace(v=np.clip(outside, *engine.domain))
        if not edge.any():
            return at
        end = _end_of(engine, at, free, edge, met)
        if end is None:
            return None
        at, met = end
    return None


def _free(engine: InteriorPointEngine, u: Vector) -> Index:
    # coefficients that may move to both sides without meeting a kink
    l1, _, lower, upper = engine.penalty
    return np.flatnonzero((u > lower) & (u < upper) & ((u != 0.0) | (l1 == 0.0)))


def _optimal(
    engine: InteriorPointEngine, at: Candidate, free: Index, met: Index
) -> tuple[Vector, Vector, Vector]:
    # steps of coefficients and of dual points to the conditions of optimality, and what is left of
    # the second: the direction, with the intercept last, in which the objective falls
    l1, l2 = engine.penalty.l1[free], engine.penalty.l2[free]
    gradient = l1 * np.sign(at.u[free]) + l2 * at.u[free] - engine._slopes(at.v, free)
    C = engine._columns_of(free, met)
    if engine.design.fit_intercept:
        gradient, l2 = np.append(gradient, -at.v.sum()), np.append(l2, 0.0)
    n = len(gradient)
    matrix = np.block([[np.diag(-l2), C.T], [C, np.zeros((met.size, met.size))]])
    with blas_threads_for(len(matrix)):
        both = np.linalg.lstsq(matrix, np.concatenate([gradient, at.r[met]]), rcond=None)[0]
    e, step = both[:n], both[n:]
    rest = gradient - C.T @ step + l2 * e
    flat = bool(np.abs(rest).max(initial=0.0) <= FLAT * np.sqrt(np.sum(at.v * at.v)))
    return e, step, np.zeros(n) if flat else -rest


def _moved(
    engine: InteriorPointEngine, at: Candidate, free: Index, e: NDArray[Any], met: Index
) -> Candidate:
    # the last entry of e is that of the intercept, if there is one
    u, intercept = at.u.copy(), at.intercept
    u[free] += e[: free.size]
    if engine.design.fit_intercept:
        intercept += float(e[-1])
    r = engine.y - (engine.z_null + engine._product(u) + intercept)
    r[met[np.abs(r[met]) <= ROUNDED * np.abs(engine.y[met])]] = 0.0
    return Candidate(u, intercept, r, at.v)


def _end_of(
    engine: InteriorPointEngine, at: Candidate, free: Index, edge: Vector, met: Index
) -> tuple[Candidate, Index] | None:
    # the end of an edge: a coefficient gets to 0 or to a bound, or one more sample is met
    l1, _, lower, upper = (each[free] for each in engine.penalty)
    u, du = at.u[free], edge[: free.size]
    kink = np.where((l1 > 0.0) & (u * du < 0.0), 0.0, np.where(du > 0.0, upper, lower))
    kink = np.clip(kink, lower, upper)
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(du == 0.0, np.inf, (kink - u) / du)
        step = _moved(engine, at, free, edge, met).r - at.r
        to_sample = np.where(at.r * step < 0.0, -at.r / step, np.inf)
    to_sample[met] = np.inf
    t_feature, t_sample = lengths.min(initial=np.inf), to_sample.min(initial=np.inf)
    t = min(t_feature, t_sample)
    if not np.isfinite(t):
        return None
    end = _moved(engine, at, free, t * edge, met)
    if t_feature <= t_sample:
        first = int(np.argmin(lengths))
        end.u[free[first]] = kink[first]
        return _moved(engine, end, free[:0], np.zeros(1), met), met
    return end, np.append(met, int(np.argmin(to_sample)))
