"""SlopeEngine: SLOPE, the sorted L1 penalty, on the slots of the warm engine."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._slope import SlopeEngine as CompiledEngine
from softreg_fast.kernels._slope import dual_norm, in_units
from softreg_fast.kernels._slots import NO_ROOM, STALLED
from softreg_fast.options.types import Vector
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Status
from softreg_fast.solvers.warm import WarmEngine

# A larger gap of a finished fit is not due to rounding alone.
EXACT = 1e-12


class SlopeEngine(WarmEngine):
    """Squared error plus SLOPE, solved to rounding, with exactly equal sizes within clusters.

    Parameters
    ----------
    problem, gram, may_build_gram, most_slots : as for WarmEngine
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "SLOPE", "one target", "no box")

    def __init__(
        self,
        problem: Problem,
        gram: NDArray[np.float64] | None = None,
        may_build_gram: bool = False,
        most_slots: int | None = None,
    ) -> None:
        if not problem.vectors.l1.any():
            raise ValueError(
                "SLOPE penalises nothing: its strength is 0; give strength > 0, or leave the "
                "penalty out for least squares."
            )
        self._sizes: list[Vector] = []
        super().__init__(problem, gram, may_build_gram, most_slots)

    def _begin(self, gram: NDArray[np.float64] | None) -> None:
        design = self.design
        self.strategy = "working set" if gram is None else "gram"
        self._solver: Any = CompiledEngine(
            self.problem.penalty.omega.lambdas(design.n_features),
            design.columns if gram is None else Columns.gram(gram),
            self.problem.target.residual if gram is None else design.gradient_at_zero(),
            self.problem.target.null_deviance,
            self.problem.scaled,
            design.n_threads,
            self.most_slots,
        )

    @property
    def doubt(self) -> Doubt:
        """No certificate is recomputed."""
        return Doubt(False, False, False)

    @property
    def goes_along(self) -> bool:
        """Return False: `keep` records more than the compiled solver does."""
        return False

    def go_on_without_gram(self) -> None:
        """Raise an error: plain descent does not know this penalty."""
        raise ValueError(
            f"More than {self.most_slots} features are near the support, for whose Gram columns "
            "gram_memory has no room; raise gram_memory, or use a larger alpha."
        )

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        if l1_strength == 0.0:
            raise ValueError(
                "alpha is 0, at which SLOPE penalises nothing; give alpha > 0, or leave the "
                "penalty out for least squares."
            )
        status = super().solve(l1_strength, l2_strength, tol, max_iter)
        if status == NO_ROOM:
            self.go_on_without_gram()
        if status == STALLED and self.gap <= EXACT:
            return Status.PRECISION
        return status

    def keep(self, status: int) -> None:
        """Append the current fit, and the sizes that it compares."""
        super().keep(status)
        self._sizes.append(self._solver.sizes())

    def kept(self) -> Fits:
        """Return all fits so far."""
        sizes = np.concatenate(self._sizes) if self._sizes else np.empty(0)
        return super().kept()._replace(sizes=sizes)


def first_alpha(problem: Problem) -> float:
    """Return the smallest alpha at which all coefficients are 0 under SLOPE."""
    lambdas = problem.penalty.omega.lambdas(problem.design.n_features)
    sizes = in_units(problem.design.gradient_at_zero(), problem.scaled.l1)
    return dual_norm(sizes, lambdas)
