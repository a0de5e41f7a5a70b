"""Problem: data, penalty and options of a fit in one record, for everything that fits."""

from __future__ import annotations

import copy
import sys
from typing import Any, NamedTuple, Self

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.losses.base import Loss
from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.penalties.by_column import NamedGroups, groups_of, on_columns
from softreg_fast.penalties.vectors import Penalty, PenaltyVectors
from softreg_fast.solvers.limits import GRAM_MEMORY


class Options(NamedTuple):
    """Options of a solver, described for all functions that take them (`tools/docstrings.py`).

    The number of threads belongs to the Design.

    Attributes
    ----------
    solver : {"auto", "cd", "cholesky", "cg", "gradient"}
        "auto": the warm engine (coordinate descent and Newton steps on a working set, which
        ends at rounding level whatever tol), and where there is neither an L1 part nor a bound
        "cholesky", or "cg" when both sides of X are large. "cd": plain coordinate descent.
        "gradient": accelerated proximal gradient. "cholesky" and "cg" solve pure L2 problems
        without bounds.
    precompute : bool, "auto" or array-like (n_features, n_features)
        Whether to build the Gram matrix X'X of all features first; a given X'X (with sample
        weights X'SX) is checked against X. "auto" builds it when n_features <= n_samples and
        n_features <= 500 for a path, 300 for one alpha; along a path of up to 4000 features
        also later, when an eighth of them has become nonzero. Without it the warm engine stores
        Gram columns of the features that come near the support. `strategy` of the result
        records the choice. It is for squared error: the Gram matrix of another loss changes
        with the coefficients, so that True and False have no effect, and a matrix is refused.
    tol : float
        Stop when the duality gap is at most tol * ||y - mean(y)||^2 (in the sum form of the
        objective, as in scikit-learn; relative to the null loss that is 2 tol). The default is
        a hundredth of scikit-learn's, for models that can be compared along a path.
    max_iter : int
        Largest number of epochs, passes over the features, at one alpha. The default is a limit
        for fits that do not converge; others need far fewer.
    gram_memory : float >= 0, default=2**30
        Bytes that Gram columns and the factor of the support may take, unless precompute
        demands the whole matrix. Beyond that plain coordinate descent on the residual takes
        over, which is slower if columns are correlated; the solution is the same. Under other
        losses than squared error a fit that needs more ends there with a warning. The default
        is enough for 8192 features.
    rng : numpy.random.Generator or None
        Generator for coordinate descent in random order. None: cyclic order.
    """

    solver: str = "auto"
    precompute: Any = "auto"
    tol: float = 1e-6
    max_iter: int = 100_000
    gram_memory: float = GRAM_MEMORY
    rng: Any = None

    def check(self) -> None:
        """Raise an error for an invalid tolerance or limit."""
        check_number("tol", self.tol, low=0.0)
        check_number("gram_memory", self.gram_memory, low=0.0)
        check_count("max_iter", self.max_iter)
        if self.max_iter > sys.maxsize:
            raise ValueError(
                f"max_iter must be an integer <= {sys.maxsize}, got {self.max_iter!r}."
            )


DEFAULTS = Options()


class Problem:
    """A Design, a penalty and options; everything that solvers and paths are told.

    Parameters
    ----------
    design : Design with a target
    penalty : Penalty
        In the user's terms. Along a path its alpha is 1, and strengths multiply it.
    options : Options

    Attributes
    ----------
    target : Target
        That of the Design, under its loss.
    penalty_kind : str
        Kind of the penalty; "elastic_net" where it is given in the engine's units only.
    vectors : PenaltyVectors
        l1, l2 and the box at unit strength, in the units of X.
    scaled : PenaltyVectors
        The same in the units of the engine; l1 is 0 if the penalty has no L1 part, whatever its
        weights.
    is_ridge : bool
        Whether there is neither an L1 part nor a bound other than exclusion.
    """

    def __init__(self, design: Design, penalty: Penalty, options: Options = DEFAULTS) -> None:
        self.design = design
        penalty = on_columns(penalty, design)
        self.penalty, self.penalty_kind = penalty, penalty.kind
        self.options = options
        self.vectors = penalty.vectors(design.n_features, design.feature_names)
        self.target = design.described_target
        self._set_scaled(self._scaled())

    def _scaled(self) -> PenaltyVectors:
        scaled = PenaltyVectors(*self.design.to_engine(*self.vectors))
        if self.penalty.strengths[0] == 0.0:
            scaled = scaled._replace(l1=np.zeros(self.design.n_features))
        return scaled

    def _set_scaled(self, scaled: PenaltyVectors) -> None:
        self.scaled = scaled
        self.is_ridge = scaled.is_ridge

    @classmethod
    def in_engine_units(
        cls, design: Design, scaled: PenaltyVectors, options: Options = DEFAULTS
    ) -> Self:
        """Return a problem with these vectors in the engine's units and nothing in the user's."""
        problem = cls.__new__(cls)
        problem.design, problem.options = design, options
        problem.target, problem.penalty_kind = design.described_target, "elastic_net"
        problem._set_scaled(scaled)
        return problem

    def __copy__(self) -> Self:
        # a tenth of the time of the general one
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def on(self, design: Design) -> Self:
        """Return the same problem for another Design of the same features."""
        other = self.__copy__()
        other.design, other.target = design, design.described_target
        other._set_scaled(other._scaled())
        return other

    def with_options(self, **changes: Any) -> Self:
        """Return the same problem with other options."""
        other = copy.copy(self)
        other.options = self.options._replace(**changes)
        return other

    def with_scaled(self, scaled: PenaltyVectors) -> Self:
        """Return the same problem with another penalty in the engine's units."""
        other = copy.copy(self)
        other._set_scaled(scaled)
        return other

    @property
    def loss(self) -> Loss:
        """The loss of the target."""
        return self.target.loss

    @property
    def groups(self) -> NamedGroups | None:
        """Groups of the features and their names; None for a penalty without groups."""
        return groups_of(self.penalty, self.design)

    @property
    def l1_ratio(self) -> float:
        """Share of the L1 part in the strength."""
        return self.penalty.l1_ratio
