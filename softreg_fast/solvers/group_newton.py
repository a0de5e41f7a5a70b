"""Newton steps on the nonzero blocks under a penalty of groups."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Protocol

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

    The penalty of block g has the curvature p' / ||u_g|| (I - n n') + p'' n n', n = u_g / ||u_g||,
    p its function of the length; of a group lasso p' = c_g and p'' = 0. Where a coefficient with an
    L1 part would change its sign it becomes 0.

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
    weight, l2 = strength * slots.weight, strength * slots.l2
    bend = Bend.at(u, owner, weight, l2, layout.gamma)
    downhill = h - (bend.pull + bend.l2) * u - thin * np.sign(u)
    loss: Loss = Wide(layout, slots.feature[A])
    if slots.Q is not None:
        loss = Tall(slots.Q[np.ix_(A, A)])
    elif A.size <= loss.n_samples:
        loss = Tall(_gram(layout, slots.feature[A], n_threads))
    many = n_threads > 1 and A.size > LARGEST_AT_ONCE
    with blas_threads_for(A.size if many else 0):
        direction = loss.direction(bend, downhill)
    if direction is None:
        return None
    penalties = _Penalties(owner, weight, thin, bend.l2, layout.gamma)
    before, t = penalties.of(u), 1.0
    for _ in range(MOST_HALVINGS):
        new = u + t * direction
        new[(thin > 0.0) & (new * u < 0.0)] = 0.0
        change = new - u
        rise = 0.5 * loss.square(change) - h @ change
        if rise + penalties.of(new) - before <= ROUNDED:
            way = None if slots.Q is None else change @ slots.Q[A]
            return Step(A, change, way)
        t *= 0.5
    return None


def penalty_of_lengths(sizes: Vector, weight: Vector, gamma: float) -> float:
    """Return the penalty of blocks of these lengths: c_g ||u_g||, or MCP with the shape gamma."""
    if gamma == 0.0:
        return float(weight @ sizes)
    short = np.minimum(sizes, gamma * weight)
    return float(np.sum(short * (weight - 0.5 / gamma * short)))


def is_convex_on(slots: GroupSlots, layout: Layout, strength: float, n_threads: int) -> bool:
    """Return whether the objective under group MCP is convex in the coefficients of the support.

    It is if the Gram matrix of the support, plus the L2 part, minus 1 / gamma for coefficients with
    a penalty, is positive definite: the least curvature of a group is -1 / gamma.
    """
    A = support_of(slots)
    if not A.size:
        return True
    owner = owners(slots)[A]
    least = strength * slots.l2[owner] - (slots.weight[owner] > 0.0) / layout.gamma
    if A.size > layout.n_samples and not (least > 0.0).any():
        return False
    if slots.Q is None:
        H = np.array(_gram(layout, slots.feature[A], n_threads))
    else:
        H = np.array(slots.Q[np.ix_(A, A)])
    H[np.diag_indices(A.size)] += least
    try:
        cholesky(H)
    except np.linalg.LinAlgError:
        return False
    return True


def cost_of_step(k: int, n_samples: int, has_gram: bool) -> float:
    """Return the multiplications of a step on k slots, without those of its line search."""
    if has_gram:
        return k**3 / 3.0
    if k <= n_samples:
        return k * k * (k / 3.0 + n_samples)
    return n_samples**2 * (1.5 * k + n_samples / 3.0)


class Bend(NamedTuple):
    """The penalty's Hessian on the support, pull (I - n n') + curve n n' + l2 I for each block.

    Attributes
    ----------
    owner : ndarray (k,)
        The block of each slot.
    pull : ndarray (k,)
        c_g / ||u_g||, the same for all slots of a block; 0 without a penalty of the group.
    normal : ndarray (k,)
        The entries of n; 0 where `pull` is.
    l2, curve : ndarray (k,)
        The same for all slots of a block; curve is 0 where `pull` is.
    """

    owner: Index
    pull: Vector
    normal: Vector
    l2: Vector
    curve: Vector

    @classmethod
    def at(cls, u: Vector, owner: Index, weight: Vector, l2: Vector, gamma: float) -> Bend:
        """Return the Hessian at nonzero coefficients u of blocks with these c_g and l2_g."""
        size = np.sqrt(np.bincount(owner, np.square(u), len(weight)))[owner]
        slope, curve = weight[owner], np.zeros(len(u))
        if gamma:
            slope = np.maximum(slope - size / gamma, 0.0)
            curve[slope > 0.0] = -1.0 / gamma
        pull = np.divide(slope, size, out=np.zeros(len(u)), where=size > 0.0)
        normal = np.divide(u, size, out=np.zeros(len(u)), where=pull > 0.0)
        return cls(owner, pull, normal, l2[owner], curve)

    def added_to(self, gram: Matrix) -> Matrix:
        """Return gram plus this Hessian."""
        H = np.array(gram)
        H[np.diag_indices(len(H))] += self.pull + self.l2
        radial = np.sqrt(self.pull - self.curve) * self.normal
        for a, b in zip(*self.ends, strict=True):
            H[a:b, a:b] -= np.outer(radial[a:b], radial[a:b])
        return H

    @property
    def ends(self) -> tuple[Index, Index]:
        """First and last position of each block, the latter exclusive."""
        borders = np.flatnonzero(np.diff(self.owner)) + 1
        return np.append(0, borders), np.append(borders, len(self.owner))


class Loss(Protocol):
    """The quadratic loss on the support."""

    @property
    def n_samples(self) -> int:
        """Number of samples, if it works in them."""

    def direction(self, bend: Bend, downhill: Vector) -> Vector | None:
        """Return Newton's direction; None if the Hessian is not positive definite."""

    def square(self, change: Vector) -> float:
        """Return ||C d||^2 for a change d."""


class Tall:
    """The loss by the Gram matrix of the support, for no more slots than samples."""

    n_samples = 0

    def __init__(self, gram: Matrix) -> None:
        self.gram = gram

    def square(self, change: Vector) -> float:
        """Return ||C d||^2 for a change d."""
        return float(change @ (self.gram @ change))

    def direction(self, bend: Bend, downhill: Vector) -> Vector | None:
        """Return Newton's direction from a factor of the Hessian."""
        return _solved(np.array(bend.added_to(self.gram)), downhill)


class Wide:
    """The loss by the columns of the support, for more slots than samples.

    Each block's change is T t + n r, T its directions orthogonal to n, in which the penalty has the
    curvature `pull`: these are eliminated, and what is left are the fit C d, one number for each
    sample, and the r, one for each block. Slots without a penalty of the group are treated as r.
    """

    def __init__(self, layout: Layout, features: Index) -> None:
        self.layout, self.features = layout, features
        self.n_samples = layout.n_samples

    @cached_property
    def columns(self) -> NDArray[np.float64]:
        """The columns of the support times the roots of the sample weights."""
        C = np.empty((self.n_samples, self.features.size), order="F")
        self.layout.columns.gather(0, C, self.features)
        return C

    def square(self, change: Vector) -> float:
        """Return ||C d||^2 for a change d."""
        fit = self.columns @ change
        return float(fit @ fit)

    def direction(self, bend: Bend, downhill: Vector) -> Vector | None:
        """Return Newton's direction from factors of as many rows as samples, and as blocks."""
        bent = bend.pull > 0.0
        starts, _ = bend.ends
        blocks = starts[bent[starts]]  # the first slot of each block with a penalty
        sums = np.add.reduceat(self.columns * bend.normal, starts, axis=1)[:, bent[starts]]
        number = np.cumsum(np.isin(np.arange(bent.size), blocks)) - 1
        straight = np.flatnonzero(~bent)
        R = np.hstack([sums, self.columns[:, straight]])
        f_R = np.append(
            np.add.reduceat(downhill * bend.normal, starts)[bent[starts]], downhill[straight]
        )
        curved = np.flatnonzero(bent)
        owner, normal = number[curved], bend.normal[curved]
        root = np.sqrt(bend.pull[curved] + bend.l2[curved])
        M = (self.columns[:, curved] - sums[:, owner] * normal) / root
        f_T = (downhill[curved] - f_R[owner] * normal) / root
        try:
            solve = cholesky(M @ M.T + np.eye(self.n_samples))
        except np.linalg.LinAlgError:
            return None
        by_T, by_R = solve(M @ f_T), solve(R)
        l2 = np.append((bend.l2 + bend.curve)[blocks], bend.l2[straight])
        r = _solved(R.T @ by_R + np.diag(l2), f_R - R.T @ by_T)
        if r is None:
            return None
        fit = by_T + by_R @ r
        found = np.empty(bent.size)
        found[straight] = r[blocks.size :]
        found[curved] = (f_T - M.T @ fit) / root + normal * r[owner]
        return found


class _Penalties(NamedTuple):
    owner: Index
    weight: Vector  # of the blocks
    thin: Vector  # of the coefficients
    l2: Vector
    gamma: float

    def of(self, u: Vector) -> float:
        sizes = np.sqrt(np.bincount(self.owner, np.square(u), len(self.weight)))
        of_lengths = penalty_of_lengths(sizes, self.weight, self.gamma)
        return float(of_lengths + self.thin @ np.abs(u) + 0.5 * self.l2 @ np.square(u))


def _gram(layout: Layout, features: Index, n_threads: int) -> Matrix:
    gram = np.empty((features.size, features.size), order="F")
    layout.columns.gram_block(features, features, gram, n_threads)
    return gram


def _solved(H: NDArray[np.float64], downhill: Vector) -> Vector | None:
    diagonal = np.diag(H).copy()
    for ridge in RIDGES:
        H[np.diag_indices(len(H))] = diagonal * (1.0 + ridge)
        try:
            return np.asarray(cholesky(H)(downhill))
        except np.linalg.LinAlgError:
            continue
    return None
