"""NonconvexEngine: MCP, SCAD, log-sum and L1/2 on the slots of the warm engine."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._nonconvex import NonconvexEngine as CompiledEngine
from softreg_fast.kernels._slots import NO_ROOM
from softreg_fast.options.types import Vector
from softreg_fast.penalties.nonconvex import LHalf
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Fits
from softreg_fast.solvers.warm import WarmEngine

# Numbers of the kinds in src/nonconvex.pxd.
KINDS = {"mcp": 1, "scad": 2, "log_sum": 3, "l_half": 4}

# Below this gamma the step of a single coefficient is hard thresholding.
LEAST_GAMMA = 1.0


# The smallest slope at which a coefficient enters under s sqrt|u| is 3/2 s^(2/3).
HALF_FACTOR, HALF_POWER = 1.5, 2.0 / 3.0


def entry_vectors(problem: Problem) -> PenaltyVectors:
    """Return the penalty in the engine's units, with the slopes at which coefficients enter as l1.

    They belong to `entry_strength` of alpha. Of LHalf the slope is no multiple of alpha, and the
    factor of sqrt|u| depends on the unit of coefficients in another way than that of |u|.
    """
    scaled, design = problem.scaled, problem.design
    if problem.penalty_kind != LHalf.kind:
        return scaled
    norm = np.sqrt(design.n_samples) if design.standardize else design.norm
    strength = scaled.l1 * np.sqrt(norm / design.y_norm)
    return scaled._replace(l1=HALF_FACTOR * strength**HALF_POWER)


def entry_strength(problem: Problem, alpha: float) -> float:
    """Return the factor of `entry_vectors` at alpha."""
    return float(alpha**HALF_POWER) if problem.penalty_kind == LHalf.kind else alpha


def first_alpha(problem: Problem, sizes: Vector) -> float:
    """Return the smallest alpha at which no coefficient enters.

    Parameters
    ----------
    problem : Problem
    sizes : ndarray (n_features,)
        |c_j.r| of the coefficients that may move, 0 of others.
    """
    l1 = entry_vectors(problem).l1
    ratio = np.divide(sizes, l1, out=np.zeros(len(sizes)), where=l1 > 0.0)
    power = 1.0 / HALF_POWER if problem.penalty_kind == LHalf.kind else 1.0
    return float(ratio.max(initial=0.0) ** power)


class NonconvexEngine(WarmEngine):
    """Stationary points of squared error plus MCP, SCAD, LogSum or LHalf, solved to rounding.

    Parameters
    ----------
    problem, gram, may_build_gram, most_slots : as for WarmEngine
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "nonconvex penalty", "one target")

    def __init__(
        self,
        problem: Problem,
        gram: NDArray[np.float64] | None = None,
        may_build_gram: bool = False,
        most_slots: int | None = None,
    ) -> None:
        check_shape(problem)
        self._convex: list[bool] = []
        super().__init__(problem, gram, may_build_gram, most_slots)

    def _begin(self, gram: NDArray[np.float64] | None) -> None:
        design, penalty = self.design, self.problem.penalty
        self.strategy = "working set" if gram is None else "gram"
        self._solver: Any = CompiledEngine(
            KINDS[penalty.kind],
            self._shape(),
            design.columns if gram is None else Columns.gram(gram),
            self.problem.target.residual if gram is None else design.gradient_at_zero(),
            self.problem.target.null_deviance,
            entry_vectors(self.problem),
            design.n_threads,
            self.most_slots,
        )

    def _shape(self) -> float:
        # that of log-sum is a length, of coefficients of columns with unit curvature
        omega, design = self.problem.penalty.omega, self.design
        unit = np.sqrt(design.n_samples) / design.y_norm if omega.kind == "log_sum" else 1.0
        return float(omega.shape * unit)

    @property
    def doubt(self) -> Doubt:
        """No certificate is recomputed: there is no duality gap."""
        return Doubt(False, False, False)

    @property
    def goes_along(self) -> bool:
        """Return False: `keep` records more than the compiled solver does."""
        return False

    def go_on_without_gram(self) -> None:
        """Raise an error: plain descent does not know these penalties."""
        raise ValueError(
            f"More than {self.most_slots} features are near the support, for whose Gram columns "
            "gram_memory has no room; raise gram_memory, or use a larger alpha."
        )

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Descend from the current state to a stationary point and return the status."""
        if l1_strength == 0.0:
            raise ValueError(
                f"alpha is 0, at which {_name(self.problem)} penalises nothing; "
                "give alpha > 0, or leave the penalty out for least squares."
            )
        strength = entry_strength(self.problem, l1_strength)
        status = super().solve(strength, l2_strength, tol, max_iter)
        if status == NO_ROOM:
            self.go_on_without_gram()
        return status

    def keep(self, status: int) -> None:
        """Append the current fit, and whether its objective is convex on the support."""
        super().keep(status)
        self._convex.append(self._solver.locally_convex)

    def kept(self) -> Fits:
        """Return all fits so far."""
        return super().kept()._replace(locally_convex=np.array(self._convex))


def _name(problem: Problem) -> str:
    return type(problem.penalty.omega).__name__


def check_shape(problem: Problem) -> None:
    """Raise an error where nothing is penalised; warn where gamma is too small for the columns."""
    penalty = problem.penalty
    if not problem.vectors.l1.any():
        raise ValueError(
            f"{_name(problem)} penalises nothing: its strength, or each of its weights, is 0; "
            "give strength > 0, or leave the penalty out for least squares."
        )
    has_jumps = penalty.kind == "l_half"
    if not has_jumps and (penalty.kind != "mcp" or penalty.omega.shape > LEAST_GAMMA):
        return
    _, _, lower, upper = problem.scaled
    free = np.isneginf(lower) | (lower == 0.0)
    free &= np.isposinf(upper) | (upper == 0.0)
    if has_jumps and not free.all():
        raise ValueError(
            "bounds are not for LHalf, under which a coefficient jumps from 0 to the size at which "
            "it pays; leave them out, or give positive=True to the penalty."
        )
    if has_jumps:
        return
    if not free.all():
        raise ValueError(
            f"gamma of MCP is {penalty.omega.shape:g}, and there are bounds: with bounds gamma "
            "must be > 1, in units of the curvature of a column."
        )
    warnings.warn(
        f"gamma of MCP is {penalty.omega.shape:g}, in units of the curvature of a column: up to 1 "
        "the penalty is steeper than the loss is curved, and steps are hard thresholding, with "
        "many stationary points; 3 is usual.",
        UserWarning,
        stacklevel=2,
    )
