"""MultiTaskEngine: the warm engine for rows of coefficients, one number for each task."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.kernels._rows import RowEngine
from softreg_fast.kernels._slots import CONVERGED
from softreg_fast.solvers import limits
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.warm import WarmEngine, largest_gram


def cheap_rows(design: MultiTaskDesign) -> int:
    """Return the number of rows up to which Newton steps are cheap compared with epochs."""
    entries = design.n_tasks * design.n_entries / design.n_features
    return max(limits.FEWEST_ROWS, int(limits.ROWS_PER_ROOT * np.sqrt(entries)))


class MultiTaskEngine(WarmEngine):
    """The warm engine for rows of coefficients, on a MultiTaskDesign.

    Newton steps on k rows cost k^3, epochs on the residuals k * n_samples * n_tasks. If there are
    too many rows for Newton steps to be cheap, descent on the residuals comes first, followed by
    Newton steps, with all available slots, if it turns out to be slow.
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "elastic net", "no bounds")

    _solver_type = RowEngine

    def __init__(
        self,
        problem: Problem,
        gram: NDArray[np.float64] | None = None,
        may_build_gram: bool = False,
    ) -> None:
        design: Any = problem.design
        room = largest_gram(problem.options.gram_memory)
        self._cheap = cheap_rows(design)
        self._room = min(room, design.n_features)
        self._epochs_before = 0
        super().__init__(problem, gram, may_build_gram, min(room, self._cheap))

    @property
    def n_epochs(self) -> int:
        """Number of epochs of the last call."""
        return self._epochs_before + super().n_epochs

    def begin_single(self) -> None:
        """Prepare for a single fit, whose rows may be many, unlike at the beginning of a path."""
        n, p = self.design.n_samples, self.design.n_features
        if self._cheap < p and n < limits.SAMPLES_FOR_STEEP_DESCENT * p:
            self.go_on_without_gram()

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        self._epochs_before = 0
        may_hurry = self.strategy == "residual" and self.most_slots < self._room
        if not may_hurry:
            return super().solve(l1_strength, l2_strength, tol, max_iter)
        size = np.count_nonzero(self.coef.any(axis=0)) / self._cheap
        patience = int(limits.EPOCHS_BEFORE_NEWTON * max(size, 1.0) ** 2)
        status: int = self._solver.solve(l1_strength, l2_strength, tol, min(max_iter, patience))
        if status == CONVERGED or self.n_epochs >= max_iter:
            return status
        epochs = self.n_epochs
        self._go_on_with_newton(l1_strength)
        status = super().solve(l1_strength, l2_strength, tol, max_iter)
        self._epochs_before += epochs
        return status

    def _go_on_with_newton(self, l1_strength: float) -> None:
        design, reached = self.design, self.coef
        self._earlier = [self.kept()]
        self._earlier_reads = self.n_reads
        self._record = None
        self.most_slots = self._room
        tall = self._room == design.n_features <= design.n_samples
        self._begin(design.gram if tall else None)
        self.start(reached)
        self._last = l1_strength
