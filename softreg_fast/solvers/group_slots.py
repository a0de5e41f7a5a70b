"""Layout of groups as blocks of columns, and the slots of the blocks near the support."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.penalties.grouping import grouping_of
from softreg_fast.solvers.problem import Problem

# Eigenvalues of a block's Gram matrix, and singular values of a block, below this share of the
# largest are rounding errors.
SMALLEST_EIGENVALUE = 1e-13

SMALLEST_SINGULAR_VALUE = 1e-13

# Number of columns from which on a block is searched for the form of indicators, which pays from
# some hundred on, and the largest departure from it, relative to the lengths of the columns.
SMALLEST_RANK_ONE = 32

ROUNDING_OF_GRAM = 1e-13

# Limit of an L2 part, for columns whose squares leave float64.
LARGEST_L2 = 1e200


class Layout:
    """The blocks of a problem in columns that share one unit within each block.

    The engine's columns have length 1, whereas a group's norm is that of coefficients in the units
    of X: within a block all columns are divided by the length of the longest one instead. Constant
    and excluded features are in no block; those without a penalty are one block, the first.

    Parameters
    ----------
    problem : Problem
        With a penalty of groups.

    Attributes
    ----------
    columns : Columns
        In the order of the features.
    ratio : ndarray (n_features,)
        The engine's coefficients divided by those of `columns`; 0 for features in no block.
    feature : ndarray (n_slots,)
        The features, block by block.
    start : ndarray (n_blocks + 1,)
        First position of each block in `feature`, and their number.
    weight, thin, l2 : ndarray (n_blocks,)
        c_g, a_g and l2_g for these columns; all 0 for features without a penalty.
    norm : ndarray (n_blocks,)
        Upper bound of the largest singular value of the columns of each block.
    gamma : float
        Shape of group MCP, in units of the curvature of the longest column of a group; 0: another
        penalty.
    n_samples : int
    n_free : int
        Number of blocks without a penalty, 0 or 1.
    """

    def __init__(self, problem: Problem) -> None:
        design, penalty = problem.design, problem.penalty
        p = design.n_features
        groups = grouping_of(penalty.omega, p, design.feature_names)
        none, one = np.zeros(p), np.ones(p)
        unit, _, low, high = design.to_engine(one, none, -np.inf * one, np.inf * one)
        used = (low < high) & (problem.scaled.lower < problem.scaled.upper)
        plain = groups.weight + groups.thin == 0.0
        label = np.where(np.append(plain, True)[groups.labels], -1, groups.labels)
        self.feature = np.flatnonzero(used)[np.argsort(label[used], kind="stable")]
        found, start = np.unique(label[self.feature], return_index=True)
        self.start: Index = np.append(start, self.feature.size).astype(np.intp)
        self.n_free = int(found.size > 0 and found[0] < 0)
        owner = np.repeat(np.arange(found.size), np.diff(self.start))
        largest = np.zeros(found.size)
        np.maximum.at(largest, owner, design.norm[self.feature])
        shared = unit[self.feature]
        self.ratio: Vector = np.zeros(p)
        self.ratio[self.feature] = 1.0
        if not design.standardize:
            self.ratio[self.feature] = design.norm[self.feature] / largest[owner]
            # the unit of the longest column, whose coefficient is that of the whole block
            shared = shared * self.ratio[self.feature]
        each = np.zeros(found.size)
        np.maximum.at(each, owner, shared)
        self.weight: Vector = each * np.append(groups.weight, 0.0)[found]
        self.thin: Vector = each * np.append(groups.thin, 0.0)[found]
        square = np.ones(found.size)
        if not design.standardize:
            with np.errstate(over="ignore", divide="ignore"):  # of a column of zeros nearly
                square = np.minimum(design.n_samples / largest / largest, LARGEST_L2)
        self.l2: Vector = square * np.append(groups.l2, 0.0)[found]
        self.weight[: self.n_free] = self.thin[: self.n_free] = self.l2[: self.n_free] = 0.0
        scale = design.scale * self.ratio
        self.columns: Columns = design.columns_with(scale=scale, weight=design.weight)
        self.gamma = float(getattr(penalty.omega, "gamma", 0.0))
        self.n_samples = design.n_samples
        squares = np.bincount(owner, np.square(self.ratio[self.feature]), found.size)
        self.norm: Vector = np.sqrt(squares)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.weight)

    @property
    def largest(self) -> int:
        """Number of coefficients of the largest block."""
        return int(np.diff(self.start).max(initial=0))

    def members(self, blocks: Index) -> Index:
        """Return the positions in `feature` of these blocks, one after the other."""
        sizes = self.start[blocks + 1] - self.start[blocks]
        shift = np.repeat(self.start[blocks] - np.append(0, np.cumsum(sizes)[:-1]), sizes)
        return np.asarray(shift + np.arange(shift.size), dtype=np.intp)


class GroupSlots(NamedTuple):
    """Slots of some blocks, one after the other, in the form that `kernels._groups` reads.

    Attributes
    ----------
    block : ndarray (n_blocks,)
        Numbers of the blocks in the layout.
    position, feature : ndarray (n_slots,)
        Of each slot: the position in `Layout.feature`, and the feature.
    start, weight, thin, l2 : ndarray
        As in the layout.
    V, D, at_V, at_D, rank : ndarray
        Of each block: the eigenvectors of its Gram matrix as rows from V[at_V] on, and its `rank`
        positive eigenvalues, rising, from D[at_D] on. Of a block of indicators a, m and 1 - sum m^2
        / a from D[at_D] on, and no eigenvectors.
    indicators : ndarray (n_blocks,) of int
        1 where the Gram matrix of a block is diag(a) - m m': indicators of levels of which each
        sample has at most one.
    u, h, at_zero : ndarray (n_slots,)
        Coefficients, slopes, and slopes at u = 0.
    v : ndarray (n_samples + 1,)
        Weighted residual.
    Q : ndarray (n_slots, n_slots) or None
        Gram matrix; None: slopes are computed from v.
    """

    block: Index
    position: Index
    feature: Index
    start: Index
    weight: Vector
    thin: Vector
    l2: Vector
    V: Vector
    D: Vector
    at_V: Index
    at_D: Index
    rank: Index
    indicators: Index
    u: Vector
    h: Vector
    at_zero: Vector
    v: Vector
    Q: Matrix | None

    @classmethod
    def empty(cls, v: Vector, with_gram: bool) -> GroupSlots:
        """Return a record without slots."""
        none, whole = np.empty(0), np.empty(0, np.intp)
        Q = np.empty((0, 0)) if with_gram else None
        start = np.zeros(1, np.intp)
        return cls(
            whole, whole, whole, start, none, none, none, none, none, whole, whole, whole, whole,
            none, none, none, v, Q,
        )  # fmt: skip

    def with_blocks(
        self, layout: Layout, blocks: Index, gradient: Vector, known: Matrix | None, n_threads: int
    ) -> GroupSlots:
        """Return these slots and those of further blocks, whose coefficients are 0.

        Parameters
        ----------
        layout : Layout
        blocks : ndarray of int
            Numbers of the blocks.
        gradient : ndarray (n_features,)
            Slopes at u = 0.
        known : ndarray or None
            Gram matrix of all positions of the layout, if there is one.
        n_threads : int
        """
        position = layout.members(blocks)
        feature = layout.feature[position]
        sizes = layout.start[blocks + 1] - layout.start[blocks]
        start = np.append(self.start[:-1], self.start[-1] + np.append(0, np.cumsum(sizes)))
        every = np.concatenate([self.feature, feature])
        Q = known
        if known is None and self.Q is not None:
            Q = _extended(self.Q, layout.columns, every, feature, n_threads)
        m = len(self.feature)
        simple = (layout.weight[blocks] > 0.0) & (layout.gamma == 0.0)
        parts = _spectra(layout, every, start[len(self.block) :], Q, simple, n_threads)
        at_zero = gradient[feature]
        h = at_zero.copy()
        if Q is None:
            layout.columns.slopes(self.v, h, feature, n_threads)
        elif m:
            h -= Q[m:, :m] @ self.u
        return GroupSlots(
            np.concatenate([self.block, blocks]),
            np.concatenate([self.position, position]),
            every,
            start.astype(np.intp),
            np.concatenate([self.weight, layout.weight[blocks]]),
            np.concatenate([self.thin, layout.thin[blocks]]),
            np.concatenate([self.l2, layout.l2[blocks]]),
            np.concatenate([self.V, *(part.V.ravel() for part in parts)]),
            np.concatenate([self.D, *(part.D for part in parts)]),
            _ends(self.at_V, len(self.V), [part.V.size for part in parts]),
            _ends(self.at_D, len(self.D), [part.D.size for part in parts]),
            np.concatenate([self.rank, [part.rank for part in parts]]).astype(np.intp),
            np.concatenate([self.indicators, [part.indicators for part in parts]]).astype(np.intp),
            np.concatenate([self.u, np.zeros(feature.size)]),
            np.concatenate([self.h, h]),
            np.concatenate([self.at_zero, at_zero]),
            self.v,
            Q,
        )


def _ends(before: Index, first: int, sizes: list[int]) -> Index:
    return np.concatenate([before, first + np.append(0, np.cumsum(sizes)[:-1])]).astype(np.intp)


def _extended(
    Q: Matrix, columns: Columns, every: Index, new: Index, n_threads: int
) -> NDArray[np.float64]:
    m, stop = len(Q), len(every)
    rows = np.empty((new.size, stop), order="F")
    columns.gram_block(new, every, rows, n_threads)
    larger = np.empty((stop, stop))
    larger[:m, :m] = Q
    larger[m:] = rows
    larger[:m, m:] = rows[:, :m].T
    return larger


class _Spectrum(NamedTuple):
    # of one block; see GroupSlots
    V: Matrix
    D: Vector
    rank: int
    indicators: bool = False


def _spectra(
    layout: Layout,
    features: Index,
    start: Index,
    Q: Matrix | None,
    simple: NDArray[np.bool_],
    n_threads: int,
) -> list[_Spectrum]:
    # for each block between two of `start` the eigenvectors, as rows, and positive eigenvalues of
    # its Gram matrix; small blocks of the same size at once
    sizes = np.diff(start)
    found: list[Any] = [None] * sizes.size
    for size in np.unique(sizes):
        chosen = np.flatnonzero(sizes == size)
        if Q is None and size > layout.n_samples:
            for k in chosen:
                found[k] = _spectrum_in_samples(layout, features[start[k] : start[k + 1]])
            continue
        grams = np.empty((chosen.size, size, size))
        for gram, k in zip(grams, chosen, strict=True):
            part = slice(start[k], start[k + 1])
            if Q is not None:
                gram[:] = Q[part, part]
            else:
                layout.columns.gram_block(features[part], features[part], gram.T, n_threads)
        if size >= SMALLEST_RANK_ONE:
            for gram, k in zip(grams, chosen, strict=True):
                found[k] = _rank_one(gram) if simple[k] else None
            kept = np.array([found[k] is None for k in chosen])
            chosen, grams = chosen[kept], grams[kept]
            if not chosen.size:
                continue
        values, vectors = np.linalg.eigh(grams)
        for k, D, V in zip(chosen, values, vectors, strict=True):
            used = D[-1] * SMALLEST_EIGENVALUE < D
            found[k] = _Spectrum(np.ascontiguousarray(V[:, used].T), D[used], int(used.sum()))
    return found


def _rank_one(gram: Matrix) -> _Spectrum | None:
    # The Gram matrix as diag(a) - m m', None if it has another form.
    size = len(gram)
    row = int(np.argmax(gram.diagonal()))  # where rounding is least
    others = np.delete(np.arange(size), row)
    i, j = others[np.argsort(gram[row, others])[:2]]
    m = np.zeros(size)
    if gram[row, i] < 0.0 and gram[row, j] < 0.0 and gram[i, j] < 0.0:
        m[row] = np.sqrt(gram[row, i] / gram[i, j] * -gram[row, j])
        m[others] = -gram[row, others] / m[row]
    a = gram.diagonal() + np.square(m)
    if not (a > 0.0).all():
        return None
    rest = gram + np.outer(m, m)
    np.fill_diagonal(rest, 0.0)
    length = np.sqrt(a)
    if not np.abs(rest / length / length[:, np.newaxis]).max() <= ROUNDING_OF_GRAM:
        return None
    spare = 1.0 - float((np.square(m) / a).sum())
    spare = spare if spare > ROUNDING_OF_GRAM else 0.0
    return _Spectrum(np.empty((0, size)), np.concatenate([a, m, [spare]]), size, True)


def _spectrum_in_samples(layout: Layout, features: Index) -> _Spectrum:
    # the same of a block with more columns than samples
    C = np.empty((layout.n_samples, features.size), order="F")
    layout.columns.gather(0, C, features)
    _, sizes, V = np.linalg.svd(C, full_matrices=False)
    used = sizes > SMALLEST_SINGULAR_VALUE * sizes[0]
    D = np.square(sizes[used][::-1])
    return _Spectrum(np.ascontiguousarray(V[used][::-1]), D, D.size)
