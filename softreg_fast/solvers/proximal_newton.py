"""Proximal Newton steps on a working set, for losses that are not quadratic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._proximal_newton import ProximalNewton
from softreg_fast.kernels._slots import CONVERGED, NO_ROOM
from softreg_fast.options.types import Vector
from softreg_fast.solvers import limits
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits
from softreg_fast.solvers.warm import largest_gram

# On the way down to a small alpha a duality gap of this share of the null deviance is enough.
APPROACH = 1e-2

# The best intercept beside starting coefficients is looked for up to this predictor, far from where
# exponentials overflow.
LARGEST_PREDICTOR = 300.0

# Coefficients have half as many digits as the gap. Who asks for a gap this small gets one step
# more, which aims at this share of it.
TIGHT, AIM = 1e-10, 1e-3


def aim_of(tol: float) -> float:
    """Return the gap that the compiled solver aims at where `tol` is asked for."""
    return tol * (AIM if tol <= TIGHT else 1.0)


class ProximalNewtonEngine:
    """Warm solver for one target under a loss that is not quadratic."""

    needs: ClassVar[tuple[str, ...]] = ("compiled loss", "smooth loss", "elastic net", "one target")
    strategy = "working set"
    goes_along = True  # the compiled solver runs a whole alpha grid in one call
    doubt = Doubt(False, False, False)  # certificates do not rest on Gram matrices

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.design = problem.design
        self._solver: Any = self._make_solver()
        self._cold = True

    def _make_solver(self) -> Any:
        problem, design, target = self.problem, self.design, self.problem.target
        columns, center, weight = self._own_columns()
        return ProximalNewton(
            design.columns,
            columns,
            center,
            weight,
            target.y,
            target.null_predictor,
            target.residual,
            target.null_deviance,
            (target.loss.kind, (*target.loss.parameters, 0.0)[0]),
            design.fit_intercept,
            problem.scaled,
            design.n_threads,
            self._most_slots(),
        )

    def _own_columns(self) -> tuple[Columns, Vector, Vector]:
        # Gram matrices are those of columns whose centres and weights the solver changes
        center, weight = self.design.stored_center.copy(), np.ones(self.design.n_samples)
        return self.design.columns_with(center, weight=weight), center, weight

    def _most_slots(self) -> int:
        memory = self.problem.options.gram_memory
        return int(min(self.design.n_features, largest_gram(memory)))

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
        """The deviance."""
        return float(self._solver.residual_sumsq)

    @property
    def dual_point(self) -> Vector:
        """The dual point of the last certificate, with the sample weights, (n_samples,)."""
        dual_point: Vector = self._solver.dual_point
        return dual_point

    def start(self, u: Vector) -> None:
        """Set the starting coefficients, with their best intercept, unless the null model fits
        better.
        """
        self._set_coef(u)
        if self.design.fit_intercept:
            self._set_intercepts()
        if not self.residual_sumsq <= self.problem.target.null_deviance:  # NaN: terms overflow
            u = np.clip(0.0, self.problem.scaled.lower, self.problem.scaled.upper)
            self._set_coef(u)
        self._cold = not u.any()

    def _set_coef(self, u: Vector) -> None:
        self._solver.coef[:] = u
        self._solver.refresh()

    def _set_intercepts(self) -> None:
        # the best ones beside these coefficients
        target = self.problem.target
        predictor = self._predictors()
        if np.abs(predictor).max() <= LARGEST_PREDICTOR:
            self._solver.move_intercepts(np.atleast_1d(target.best_intercepts(predictor)))

    def _predictors(self) -> Vector:
        # (n_samples,)
        predictor: Vector = self._solver.predictor[: self.design.n_samples]
        return predictor

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        unit = self.problem.target.null_deviance or 1.0
        if self._cold:
            self._cold = False
            for strength in self._descent(l1_strength):
                enough = APPROACH * unit
                if self._solver.approach(strength, l2_strength, max_iter, enough) == NO_ROOM:
                    break
        aim = aim_of(tol) * unit
        status: int = self._solver.solve(l1_strength, l2_strength, aim, max_iter)
        return CONVERGED if self.gap <= tol * unit else status

    def solve_along(self, alphas: Vector, l1_ratio: float, tol: float, max_iter: int) -> None:
        """Run `solve` and `keep` for each alpha, each in less time than a Python call takes."""
        if self._cold and alphas.size:
            first, alphas = float(alphas[0]), alphas[1:]
            strengths = first * l1_ratio, first * (1.0 - l1_ratio)
            self.keep(self.solve(*strengths, tol, max_iter))
        unit = self.problem.target.null_deviance or 1.0
        self._solver.solve_along(alphas, l1_ratio, aim_of(tol) * unit, tol * unit, max_iter)

    def _descent(self, l1_strength: float) -> Iterator[float]:
        # A short path of its own, from the strength at which the first coefficients enter.
        gradient = self._slopes_at_zero()
        if not self.coef.any():
            self._solver.know(gradient)
        strength = self._solver.entry_strength(gradient) * limits.DESCENT
        while strength * limits.DESCENT > l1_strength > 0.0:
            yield strength
            few = self._solver.count_nonzero() < limits.FEW_NONZEROS * self.design.n_samples
            strength *= limits.FAST_DESCENT if few else limits.DESCENT

    def _slopes_at_zero(self) -> Vector:
        return self.design.gradient_at_zero()

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        self._solver.keep(status)

    def kept(self) -> Fits:
        """Return all fits so far."""
        fits = Fits.of_figures(*self._solver.kept())
        return fits._replace(intercepts=self._solver.intercepts)

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        count: int = self._solver.count_nonzero()
        return count


def slopes_without_l1(engine: Any, l2_strength: float) -> Vector:
    """Return X'r at the optimum without the L1 part, for a solver that has a dual point.

    For several classes it has a row for each.
    """
    engine.solve(0.0, l2_strength, 1e-8, 10_000)
    design, dual_point = engine.problem.design, engine.dual_point
    rows = np.atleast_2d(dual_point)
    whole: Any = np.zeros((len(rows), design.n_samples + 1))
    whole[:, :-1] = rows
    slopes = np.empty((len(rows), design.n_features))
    design.columns.slopes_of_tasks(whole, slopes, design.n_threads)
    return slopes.reshape(*dual_point.shape[:-1], -1)
