"""WarmEngine: the Gram-space engine, on slots for the features that come near the support."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._scalars import ScalarEngine
from softreg_fast.kernels._slots import MAX_ITER, NO_ROOM
from softreg_fast.options.types import Vector
from softreg_fast.solvers import limits
from softreg_fast.solvers.descent import plain_descent
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits, Recorder


def largest_gram(gram_memory: float) -> int:
    """Return the number of features whose Gram matrix and factor fit into `gram_memory` bytes."""
    return int(math.sqrt(gram_memory / 16))


class WarmEngine:
    """The Gram-space engine, replaced by plain coordinate descent when its slots run out.

    Parameters
    ----------
    problem : Problem
    gram : ndarray (n_features, n_features) or None
        Gram matrix of all features, so that X is never read again.
    may_build_gram : bool, default=False
        Build it once many features have become nonzero.
    most_slots : int or None
        Number of features for which there may be Gram columns; None: what the memory allows.
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "elastic net", "one target")
    foreign_gram = False  # whether the Gram matrix was given by the user

    _solver_type: Any = ScalarEngine

    def __init__(
        self,
        problem: Problem,
        gram: NDArray[np.float64] | None = None,
        may_build_gram: bool = False,
        most_slots: int | None = None,
    ) -> None:
        self.problem = problem
        self.design = problem.design
        if most_slots is None:
            most_slots = largest_gram(problem.options.gram_memory)
        self.most_slots = min(most_slots, self.design.n_features)
        self.may_build_gram = may_build_gram
        self._solver: Any = None
        self._record: Recorder | None = None  # for solvers that do not keep fits themselves
        self._earlier: list[Fits] = []  # fits of the solvers before the present one
        self._earlier_reads = 0.0 if gram is None else 1.0
        self._begin(gram)
        self._cold = True
        self._last = 0.0  # l1 strength of the present fit; infinite if unknown

    def _begin(self, gram: NDArray[np.float64] | None) -> None:
        design = self.design
        columns = design.columns if gram is None else Columns.gram(gram)
        target = self.problem.target.residual if gram is None else design.gradient_at_zero()
        self.strategy = "working set" if gram is None else "gram"
        self._solver = self._solver_type(
            columns,
            target,
            self.problem.target.null_deviance,
            self.problem.scaled,
            design.n_threads,
            self.most_slots,
        )

    def _build_gram_if_dense(self) -> None:
        # With many nonzero coefficients the whole Gram matrix is cheaper than the scans.
        enough = limits.DENSE_SUPPORT * self.design.n_features
        if self._solver.n_slots > enough and self._solver.count_nonzero() > enough:
            reached = self.coef
            self._earlier = [self.kept()]
            self._earlier_reads = self.n_reads + 1.0
            self._begin(self.design.gram)
            self._solver.coef[:] = reached
            self._solver.refresh()
            self.may_build_gram = False

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this engine's certificates are recomputed from X."""
        return Doubt(self.foreign_gram, self.strategy != "residual", self.strategy == "gram")

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units."""
        coef: Vector = self._solver.coef
        return coef

    @property
    def _keeper(self) -> Any:
        return self._solver if self._record is None else self._record

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""
        if self._record is None:
            self._solver.keep(status)
        else:
            self._record.keep(self._solver, status)

    def kept(self) -> Fits:
        """Return all fits so far."""
        if self._record is None:
            now = Fits.of_figures(*self._solver.kept())
        else:
            now = self._record.kept()
        return Fits.joined([*self._earlier, now]) if self._earlier else now

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
        count: int = self._keeper.count_nonzero()
        return count

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

    @property
    def n_reads(self) -> float:
        """Number of passes over X before the switch to the residual form, if that happened."""
        return self._earlier_reads + getattr(self._solver, "n_reads", 0.0)

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""
        self._solver.coef[:] = u
        self._solver.refresh()
        self._cold = not u.any()
        self._last = np.inf

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current state and return the status."""
        if self._cold:
            self._cold = False
            for strength in self._descent(l1_strength):
                if self._solver.approach(strength, l2_strength, max_iter) == NO_ROOM:
                    break
            self._last = 0.0
        far = self._is_far(l1_strength, l2_strength)
        self._last = l1_strength
        if self.may_build_gram:
            self._build_gram_if_dense()
        most = min(max_iter, limits.EPOCHS_FROM_AFAR) if far else max_iter
        status: int = self._solver.solve(l1_strength, l2_strength, tol, most)
        if far and status == MAX_ITER:
            scaled = self.problem.scaled
            self.start(np.clip(0.0, scaled.lower, scaled.upper))
            self._cold = True
            return self.solve(l1_strength, l2_strength, tol, max_iter)
        if status == NO_ROOM:
            self.go_on_without_gram()
            status = self.solve(l1_strength, l2_strength, tol, max_iter)
        return status

    @property
    def goes_along(self) -> bool:
        """Return whether the compiled solver can run a whole alpha grid in one call."""
        return self.strategy == "gram" and isinstance(self._solver, ScalarEngine)

    def solve_along(self, alphas: Vector, l1_ratio: float, tol: float, max_iter: int) -> None:
        """Run `solve` and `keep` for each alpha, each in less time than a Python call takes."""
        self._solver.solve_along(alphas, l1_ratio, tol, max_iter)
        self._cold = False

    def _is_far(self, l1_strength: float, l2_strength: float) -> bool:
        # whether an elastic net may be reached sooner from zero than from the current coefficients
        if l2_strength == 0.0 or self.strategy != "working set":
            return False
        return l1_strength < limits.FAR * self._last

    def go_on_without_gram(self) -> None:
        """Continue with plain coordinate descent from the current coefficients."""
        reached = self.coef
        self._earlier = [self.kept()]
        self._earlier_reads = self.n_reads
        self.strategy = "residual"
        self._solver = plain_descent(self.problem)
        self._record = Recorder()
        self._solver.coef[:] = reached
        self.may_build_gram = False

    def _descent(self, l1_strength: float) -> Iterator[float]:
        # A short path of its own, from the strength at which the first coefficients enter.
        if self.strategy != "working set" or l1_strength <= 0.0:
            return
        gradient = self.design.gradient_at_zero()
        if not self.coef.any():
            self._solver.know(gradient)
        n, p = self.design.n_samples, self.design.n_features
        steep = n >= limits.SAMPLES_FOR_STEEP_DESCENT * p
        down = limits.STEEP_DESCENT if steep else limits.DESCENT
        strength = self._solver.entry_strength(gradient) * down
        while strength * limits.DESCENT > l1_strength:
            yield strength
            few = self._solver.count_nonzero() < limits.FEW_NONZEROS * n
            fast = limits.FAST_DESCENT if few else limits.DESCENT
            strength *= limits.STEEP_DESCENT if steep else fast
