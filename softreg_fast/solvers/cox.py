"""Proximal Newton steps on a working set, for Cox's partial likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from softreg_fast.kernels._cox import CoxNewton
from softreg_fast.solvers import limits
from softreg_fast.solvers.proximal_newton import ProximalNewtonEngine


class CoxEngine(ProximalNewtonEngine):
    """Warm solver for Cox's partial likelihood."""

    needs: ClassVar[tuple[str, ...]] = ("survival times", "elastic net", "one target")

    def _make_solver(self) -> CoxNewton:
        problem, design = self.problem, self.design
        columns, center, weight = self._own_columns()
        target: Any = problem.target
        sets = target.risk_sets()
        # the means of each slot over risk sets have to fit into memory, too
        room = problem.options.gram_memory / 8
        return CoxNewton(
            design.columns,
            columns,
            center,
            weight,
            sets,
            target.null_predictor,
            target.residual,
            target.null_deviance,
            problem.scaled,
            design.n_threads,
            max(min(self._most_slots(), int(room / max(len(target.times.time), 1))), 1),
        )

    def _descent(self, l1_strength: float) -> Iterator[float]:
        design = self.design
        if design.n_samples < limits.SAMPLES_FOR_STEEP_DESCENT * design.n_features:
            yield from super()._descent(l1_strength)
            return
        # a model of all columns costs no more than a few evaluations
        gradient = self._slopes_at_zero()
        if not self.coef.any():
            self._solver.know(gradient)
        strength = self._solver.entry_strength(gradient) * limits.STEEP_DESCENT
        while strength * limits.STEEP_DESCENT > l1_strength > 0.0:
            yield strength
            strength *= limits.STEEP_DESCENT

    def _set_intercepts(self) -> None:
        # the partial likelihood does not depend on one
        pass
