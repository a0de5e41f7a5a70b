"""Screening of blocks: bounds on the slopes of a block from those at earlier residuals.

With r = sum_k beta_k q_k + rest, the q_k orthonormal earlier residuals,

    ||S(C_g'r, t)|| <= ||S(sum_k beta_k C_g'q_k, t)|| + ||C_g|| ||rest||,

since the norm of the soft-thresholded slopes changes by no more than the slopes do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.kernels._groups import soft_norms
from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.group_slots import GroupSlots, Layout

# Maximum number of residuals in the basis.
LARGEST_BASIS = 12

# From this share of open blocks on the slopes of all are computed, and the basis is extended.
OPEN_PART = 0.2

# A residual nearer than this to the span of the basis would only add rounding errors.
NEAREST = 1e-4


class Screening:
    """Test of which blocks may have to enter, by slopes of all features at earlier residuals.

    Parameters
    ----------
    layout : Layout
    design : Design
    """

    def __init__(self, layout: Layout, design: Design) -> None:
        self.layout, self.n_threads = layout, design.n_threads
        self.target = design.target
        self.k = 0
        width = max(layout.feature.size, 1)
        self.basis: NDArray[np.float64] = np.empty((LARGEST_BASIS, self.target.size))
        self.slopes: NDArray[np.float64] = np.empty((LARGEST_BASIS, width))
        self.at_target: Vector = np.empty(LARGEST_BASIS)
        if self.target.any():
            z = (design.gradient_at_zero() * layout.ratio)[layout.feature]
            self._extend(self.target.copy(), z)

    def open_blocks(self, slots: GroupSlots, rr: float, strength: float) -> Index:
        """Return the blocks without slots that no bound excludes.

        Parameters
        ----------
        slots : GroupSlots
        rr : float
            ||r||^2
        strength : float
        """
        layout, k = self.layout, self.k
        beta = self.at_target[:k] - self.slopes[:k, slots.position] @ slots.u
        rounding = 1e-11 * (1.0 + float(np.abs(slots.u).sum()))
        rest = np.sqrt(max(rr - float(beta @ beta), 0.0) + rounding)
        middle = beta @ self.slopes[:k, : layout.feature.size]
        bound = soft_norms(middle, layout.start, layout.thin, strength) + rest * layout.norm
        is_open = bound > strength * layout.weight
        is_open[slots.block] = False
        return np.flatnonzero(is_open)

    def slopes_of(self, blocks: Index, v: Vector) -> Vector:
        """Return the slopes of these blocks at the residual v, one block after the other.

        Where they are many, those of all blocks are computed and extend the basis.
        """
        layout = self.layout
        members = layout.members(blocks)
        if blocks.size <= OPEN_PART * layout.n_blocks:
            z = np.empty(members.size)
            layout.columns.slopes(v, z, layout.feature[members], self.n_threads)
            return z
        every = np.empty(len(layout.ratio))
        layout.columns.slopes(v, every, n_threads=self.n_threads)
        z = every[layout.feature]
        self._extend(v.copy(), z.copy())
        return np.asarray(z[members])

    def _extend(self, q: Vector, z: Vector) -> None:
        # Gram-Schmidt, twice; z are the slopes at q
        if self.k == LARGEST_BASIS:
            self.k = 0
        k = self.k
        for _ in range(2):
            for i in range(k):
                beta = self._product(q, self.basis[i])
                q -= beta * self.basis[i]
                z -= beta * self.slopes[i, : z.size]
        size = np.sqrt(self._product(q, q))
        if size <= NEAREST:
            return
        self.basis[k] = q / size
        self.slopes[k, : z.size] = z / size
        self.at_target[k] = self._product(self.target, self.basis[k])
        self.k = k + 1

    def _product(self, v: Vector, w: Vector) -> float:
        # inner product of two residuals, by what the columns know of their form
        whole = self.layout.columns.residual_sumsq(v + w)
        apart = self.layout.columns.residual_sumsq(v - w)
        return float(0.25 * (whole - apart))
