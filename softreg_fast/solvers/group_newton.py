"""Newton steps on the nonzero blocks of a group lasso or sparse group lasso."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.solvers.factor import LARGEST_AT_ONCE, cholesky
from softreg_fast.solvers.group_slots import GroupSlots, Layout
from softreg_fast.system.threads import blas_threads_for

# Ridges, relative to the diagonal, that are tried until the Hessian is positive definite.
RIDGES = (1e-14, 1e-11, 1e-8, 1e-5)

# A step is halved this often at most.
MOST_HALVINGS = 12

# An increase of the objective up to here is a rounding error; ||y|| is 1.
ROUNDED = 1e-16


class Step(NamedTuple):
    """A step of some slots: their numbers, the changes, and the decrease of all slopes.

    The last is None without Gram columns.
    """

    slots: Index
    change: Vector
    way: Vector | None


def support_of(slots: GroupSlots) -> Index:
    """Return the slots in which the objective is smooth at the present coefficients.

    They are those of nonzero blocks, with an L1 part only the nonzero ones, and all without a
    penalty.
    """
    owner = owners(slots)
    nonzero = slots.u != 0.0
    alive = np.bincount(owner[nonzero], minlength=len(slots.weight)) > 0
    free = (slots.weight == 0.0) & (slots.thin == 0.0)
    return np.flatnonzero((alive | free)[owner] & (nonzero | (slots.thin[owner] == 0.0)))


def owners(slots: GroupSlots) -> Index:
    """Return the block, among those with slots, of each slot."""
    return np.repeat(np.arange(len(slots.weight)), np.diff(slots.start))


def newton_step(slots: GroupSlots, layout: Layout, strength: float, n_threads: int) -> Step | None:
    """Return a step that lowers the objective, from Newton's direction; None if there is none.

    The penalty of block g has the curvature c_g / ||u_g|| (I - n n') with n = u_g / ||u_g||. Where
    a coefficient with an L1 part would change its sign it becomes 0.

    Parameters
    ----------
    slots : GroupSlots
    layout : Layout
    strength : float
    n_threads : int
    """
    A = support_of(slots)
    if not A.size:
        return None
    owner = owners(slots)[A]
    u, h = slots.u[A], slots.h[A]
    thin = strength * slots.thin[owner]
    size = np.sqrt(np.bincount(owner, np.square(u), len(slots.weight)))[owner]
    pull = np.zeros(A.size)
    np.divide(strength * slots.weight[owner], size, out=pull, where=size > 0.0)
    downhill = h - pull * u - thin * np.sign(u)
    if slots.Q is not None:
        gram = slots.Q[np.ix_(A, A)]
    else:
        gram = np.empty((A.size, A.size), order="F")
        layout.columns.gram_block(slots.feature[A], slots.feature[A], gram, n_threads)
    many = n_threads > 1 and A.size > LARGEST_AT_ONCE
    with blas_threads_for(A.size if many else 0):
        direction = _solved(_hessian(gram, owner, u, pull, size), downhill)
    if direction is None:
        return None
    penalties = _Penalties(owner, strength * slots.weight, thin)
    before, t = penalties.of(u), 1.0
    for _ in range(MOST_HALVINGS):
        new = u + t * direction
        new[(thin > 0.0) & (new * u < 0.0)] = 0.0
        change = new - u
        loss = 0.5 * change @ (gram @ change) - h @ change
        if loss + penalties.of(new) - before <= ROUNDED:
            way = None if slots.Q is None else change @ slots.Q[A]
            return Step(A, change, way)
        t *= 0.5
    return None


class _Penalties(NamedTuple):
    owner: Index
    weight: Vector  # of the blocks
    thin: Vector  # of the coefficients

    def of(self, u: Vector) -> float:
        sizes = np.sqrt(np.bincount(self.owner, np.square(u), len(self.weight)))
        return float(self.weight @ sizes + self.thin @ np.abs(u))


def _hessian(
    gram: Matrix, owner: Index, u: Vector, pull: Vector, size: Vector
) -> NDArray[np.float64]:
    H = np.array(gram)
    H[np.diag_indices(len(H))] += pull
    radial = np.zeros(len(u))
    np.divide(u * np.sqrt(pull), size, out=radial, where=size > 0.0)
    ends = np.flatnonzero(np.diff(owner)) + 1
    for a, b in zip(np.append(0, ends), np.append(ends, len(u)), strict=True):
        H[a:b, a:b] -= np.outer(radial[a:b], radial[a:b])
    return H


def _solved(H: NDArray[np.float64], downhill: Vector) -> Vector | None:
    diagonal = np.diag(H).copy()
    for ridge in RIDGES:
        H[np.diag_indices(len(H))] = diagonal * (1.0 + ridge)
        try:
            return np.asarray(cholesky(H)(downhill))
        except np.linalg.LinAlgError:
            continue
    return None
