"""TaskGroupEngine: penalties of groups for several targets, a group being rows of coefficients.

The problem is that of one target with the columns X (x) I: those of feature j for the tasks c have
the numbers j * n_tasks + c, and a group has all that belong to its features. X is not copied.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.kernels._columns import Columns
from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.group_engine import GroupEngine
from softreg_fast.solvers.group_slots import Layout
from softreg_fast.solvers.problem import Problem


class TaskColumns:
    """Columns of X (x) I, with the methods of `Columns` that solvers of groups call.

    Parameters
    ----------
    design : MultiTaskDesign
    scale : ndarray (n_features,)
    """

    def __init__(self, design: MultiTaskDesign, scale: Vector) -> None:
        self.n_tasks, self.n_samples = design.n_tasks, design.n_samples
        self._one = design.columns_with(scale=scale, weight=design.weight)
        self._all: Columns = design.columns_of_tasks(scale)
        self.capsule = self._all.capsule  # for compiled solvers
        self.slopes = self._all.slopes
        self.residual_sumsq = self._all.residual_sumsq

    def gram_block(
        self, rows: Index, columns: Index, out: NDArray[np.float64], n_threads: int = 1
    ) -> None:
        """Compute the products of columns, which are 0 for those of different tasks."""
        (i, a), (j, b) = (np.divmod(each, self.n_tasks) for each in (rows, columns))
        first, row = np.unique(i, return_inverse=True)
        second, column = np.unique(j, return_inverse=True)
        products = np.empty((first.size, second.size), order="F")
        self._one.gram_block(first, second, products, n_threads)
        out[:] = products[np.ix_(row, column)] * (a[:, np.newaxis] == b)

    def subtract_product(self, change: Vector, v: Vector, n_threads: int = 1) -> None:
        """Subtract the product with changes from the residuals v, one task after the other."""
        of_tasks = np.ascontiguousarray(change.reshape(-1, self.n_tasks).T)
        for own, residual in zip(of_tasks, v.reshape(self.n_tasks, -1), strict=True):
            if own.any():
                self._one.subtract_product(own, residual, n_threads)

    def gather(self, row: int, out: NDArray[np.float64], chosen: Index) -> None:
        """Write the chosen columns to out, all rows."""
        j, task = np.divmod(chosen, self.n_tasks)
        features, place = np.unique(j, return_inverse=True)
        C = np.empty((self.n_samples, features.size), order="F")
        self._one.gather(row, C, features)
        out[:] = 0.0
        for c in range(self.n_tasks):
            own = np.flatnonzero(task == c)
            part = slice(c * self.n_samples, (c + 1) * self.n_samples)
            out[part, own] = C[:, place[own]]


class Stacked:
    """The targets of a MultiTaskDesign one below the other, for a solver of one."""

    def __init__(self, design: MultiTaskDesign) -> None:
        self._design = design
        self.n_samples = design.n_samples * design.n_tasks
        self.n_features = design.n_features * design.n_tasks
        self.n_threads = design.n_threads
        self.target: Vector = design.target.reshape(-1)
        self.target_sumsq = design.target_sumsq

    def gradient_at_zero(self) -> Vector:
        """Return the slopes of the stacked columns."""
        return np.ascontiguousarray(self._design.gradient_at_zero().T).reshape(-1)


def stacked(layout: Layout, design: MultiTaskDesign) -> Layout:
    """Return the layout of the groups in the columns X (x) I."""
    n_tasks, other = design.n_tasks, copy.copy(layout)
    feature = layout.feature[:, np.newaxis] * n_tasks + np.arange(n_tasks)
    other.feature = feature.reshape(-1).astype(np.intp)
    other.start = layout.start * n_tasks
    other.ratio = np.repeat(layout.ratio, n_tasks)
    other.n_samples = layout.n_samples * n_tasks
    columns: Any = TaskColumns(design, design.scale * layout.ratio)
    other.columns = columns
    return other


class TaskGroupEngine(GroupEngine):
    """GroupEngine for several targets; coefficients are (n_tasks, n_features).

    Parameters
    ----------
    problem : Problem
        With a MultiTaskDesign.
    most_slots : int, default=8192
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "groups")

    def __init__(self, problem: Problem, most_slots: int = 8192) -> None:
        super().__init__(problem, None, most_slots)

    def _lay_out(self) -> Layout:
        design: Any = self.problem.design
        below: Any = Stacked(design)
        self.n_tasks, self.design = design.n_tasks, below
        return stacked(super()._lay_out(), design)

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units."""
        return np.asarray(super().coef.reshape(-1, self.n_tasks).T)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        super().start(np.ascontiguousarray(u.T).reshape(-1))
