"""Plain coordinate descent: the compiled loop for a problem, and PlainEngine, which runs it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._descent import CoordinateDescent, RowDescent
from softreg_fast.options.types import Vector
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder


def plain_descent(problem: Problem, gram: NDArray[np.float64] | None = None) -> Any:
    """Return the compiled coordinate descent: on a Gram matrix if one is given, else on X."""
    design, scaled = problem.design, problem.scaled
    if isinstance(design, MultiTaskDesign):
        return RowDescent(
            design.columns,
            design.target,
            design.target_sumsq,
            design.curvature,
            scaled,
            design.n_threads,
        )
    if gram is None:
        columns, target, curvature = design.columns, design.target, design.curvature
    else:
        columns, target = Columns.gram(gram), design.gradient_at_zero()
        curvature = np.diag(gram).copy()
    return CoordinateDescent(
        columns,
        target,
        design.target_sumsq,
        curvature,
        scaled,
        design.n_threads,
        problem.options.rng,
    )


def gradient_without_l1(problem: Problem, l2_strength: float) -> Vector:
    """Return X'r at the optimum without the L1 part, where several tasks are independent."""
    design, gradients = problem.design, []
    for target in np.atleast_2d(design.target):
        null = CoordinateDescent(
            design.columns,
            target,
            design.columns.residual_sumsq(target),
            design.curvature,
            problem.scaled,
            design.n_threads,
        )
        null.solve(0.0, l2_strength, 1e-10, 10_000)
        gradients.append(null.gradient)
    return np.array(gradients) if design.target.ndim > 1 else gradients[0]


class Recorded:
    """Base of the solvers that store their fits in a Recorder."""

    strategy: str

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.design = problem.design
        self._record = Recorder()

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._record.keep(self, status)

    def kept(self) -> Fits:
        """Return all fits so far."""
        return self._record.kept()

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        return self._record.count_nonzero()


class PlainEngine(Recorded):
    """Plain coordinate descent: on a Gram matrix if one is given, else on the residual."""

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "elastic net", "one target")
    foreign_gram = False  # whether the Gram matrix was given by the user

    def __init__(self, problem: Problem, gram: NDArray[np.float64] | None = None) -> None:
        super().__init__(problem)
        self.strategy = "residual" if gram is None else "gram"
        self._solver = plain_descent(problem, gram)

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this solver's certificates are recomputed from X."""
        return Doubt(self.foreign_gram, False, self.strategy == "gram")

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units."""
        coef: Vector = self._solver.coef
        return coef

    @property
    def gap(self) -> float:
        """Duality gap over all features."""
        gap: float = self._solver.gap
        return gap

    @property
    def n_epochs(self) -> int:
        """Number of epochs of the last call."""
        n_epochs: int = self._solver.n_epochs
        return n_epochs

    @property
    def residual_sumsq(self) -> float:
        """||y - C u||^2"""
        sumsq: float = self._solver.residual_sumsq
        return sumsq

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        self._solver.coef[:] = u
        self._solver.refresh()

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current coefficients and return the status."""
        status: int = self._solver.solve(l1_strength, l2_strength, tol, max_iter)
        return status


class CertifiedEngine(Recorded):
    """Base of solvers whose residual, gradient and gap coordinate descent computes for them."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.state: Any = plain_descent(problem)
        self.coef: Vector = self.state.coef  # (n_features,), or (n_tasks, n_features)
        self.gap = np.inf
        self.n_epochs = 0

    @property
    def residual_sumsq(self) -> float:
        """||y - C u||^2"""
        return float(self.state.residual_sumsq)

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this solver's certificates are recomputed from X."""
        return Doubt(False, self.strategy == "cholesky", False)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        self.coef[:] = u
