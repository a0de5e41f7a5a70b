"""Interfaces: of a solver to paths, of a problem to a solver, and the fits that are returned."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Index, Vector
from softreg_fast.solvers.problem import Problem


class Status(IntEnum):
    """Reason why the fit at one alpha ended.

    Attributes
    ----------
    CONVERGED : int
        0: the duality gap is at most the tolerance.
    MAX_ITER : int
        1: the maximum number of epochs was reached first.
    STALLED : int
        2: float64 allows no further progress towards the tolerance.
    NO_ROOM : int
        3: more Gram columns are needed than `gram_memory` has room for, under a loss without a
        solver that does without them.
    PRECISION : int
        4: as exact as float64 allows: the coefficients satisfy the optimality conditions to within
        rounding, but the duality gap cannot be brought below the tolerance in float64.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Status, solve
    >>> solve(*load_diabetes(return_X_y=True), alpha=0.5).status is Status.CONVERGED
    True
    """

    CONVERGED = 0
    MAX_ITER = 1
    STALLED = 2
    NO_ROOM = 3
    PRECISION = 4


def is_alarm(status: Any) -> Any:
    """Return which statuses call for a warning, because the user can do something about them.

    `status` is a number or an array of statuses.
    """
    return (status != 0) & (status != 4)  # CONVERGED and PRECISION, in a tenth of their time


class Doubt(NamedTuple):
    """Rules for which fits of a solver need a gap computed from X.

    everything : bool
        All of them: their Gram matrix was computed elsewhere.
    exact : bool
        The solver iterates down to rounding level, so that a larger gap is due to the certificate.
    gram : bool
        The slopes come from the Gram matrix of all features.
    """

    everything: bool
    exact: bool
    gram: bool


class Fits(NamedTuple):
    """Fits along a path in the engine's units, one after the other.

    Attributes
    ----------
    features, values : ndarray (total,)
        Nonzero features of the first fit and their coefficients, then those of the second, ...
        With several tasks `values` has a column for each.
    df : ndarray (n_fits,)
        Number of nonzero features of each fit.
    gaps, deviances : ndarray (n_fits,)
        Duality gap; twice the loss, ||y - C u||^2 for squared loss.
    n_epochs, status : ndarray (n_fits,)
        Whole numbers, as float64.
    intercepts : ndarray (n_fits,) or None
        Intercepts of the centred columns, from that of the null model; None: all 0, as they are for
        a quadratic loss.
    locally_convex : ndarray (n_fits,) of bool or None
        Whether the objective is convex on the support; None: it is convex everywhere.
    sizes : ndarray (total,) or None
        Sizes of `values` as SLOPE compares them, equal within a cluster: |w|, or with standardised
        columns |w| times the standard deviation, in the unit of `Target.objective_unit` over that
        of the penalty's strength. None: another penalty.
    """

    features: Index
    values: Vector
    df: Vector
    gaps: Vector
    deviances: Vector
    n_epochs: Vector
    status: Vector
    intercepts: Vector | None = None
    locally_convex: NDArray[np.bool_] | None = None
    sizes: Vector | None = None

    @classmethod
    def of_figures(cls, features: Index, values: Vector, figures: NDArray[np.float64]) -> Self:
        """Name the columns of `figures`, in which the compiled solvers keep a row for each fit."""
        return cls(features, values, *figures.T)

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Concatenate fits."""
        parts = [part for part in parts if part.gaps.size] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        columns: Any = zip(*parts, strict=True)
        both: Any = (
            None if any(part is None for part in each) else np.concatenate(each) for each in columns
        )
        return cls(*both)


class Recorder:
    """Record of fits, for solvers that do not keep them themselves."""

    def __init__(self) -> None:
        self.features: list[Index] = []
        self.values: list[Vector] = []
        self.figures: list[tuple[float, ...]] = []

    def keep(self, solver: Any, status: int) -> None:
        """Append the solver's current fit."""
        by_feature = solver.coef.T  # (n_features,), or with a column for each task
        features = np.flatnonzero(by_feature.reshape(len(by_feature), -1).any(axis=1))
        self.features.append(features)
        self.values.append(by_feature[features])
        self.figures.append(
            (len(features), solver.gap, solver.residual_sumsq, solver.n_epochs, status)
        )

    def kept(self) -> Fits:
        """Return all kept fits."""
        if not self.features:
            return Fits(np.empty(0, np.intp), *np.empty((6, 0)))
        figures = np.array(self.figures, np.float64)
        return Fits.of_figures(np.concatenate(self.features), np.concatenate(self.values), figures)

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last fit."""
        return len(self.features[-1])


class Engine(Protocol):
    """A solver for one problem, which keeps its state from one pair of strengths to the next.

    `needs` names what the solver requires of loss, penalty and data, by the keys of
    `solvers.choice.FACTS`.
    """

    needs: ClassVar[tuple[str, ...]]
    problem: Problem
    strategy: str

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units."""

    @property
    def gap(self) -> float:
        """Duality gap over all features."""

    @property
    def n_epochs(self) -> int:
        """Number of epochs of the last call of `solve`."""

    @property
    def residual_sumsq(self) -> float:
        """Twice the loss: ||y - C u||^2 for squared loss."""

    @property
    def doubt(self) -> Doubt:
        """Rules for which of this solver's certificates are recomputed from X."""

    def start(self, u: Vector) -> None:
        """Set the starting coefficients."""

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Minimise from the current coefficients and return the status."""

    def keep(self, status: int) -> None:
        """Append the current fit to those that `kept` returns."""

    def kept(self) -> Fits:
        """Return all fits so far."""

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last kept fit."""
