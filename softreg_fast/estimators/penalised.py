"""Bases of the estimators whose penalty is an object of softreg_fast.penalties."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Self

from softreg_fast.data.design import Design
from softreg_fast.estimators.coded import _ByPenalty
from softreg_fast.estimators.generalised import Fitted, _GeneralisedRegressor
from softreg_fast.estimators.searched import _SearchedRegressor
from softreg_fast.losses import Loss, as_loss
from softreg_fast.model_selection.choice import problems_for
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import Solution
from softreg_fast.penalties.base import Penalty as BasePenalty
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for
from softreg_fast.solvers.problem import Options, Problem

INNER = "penalty__"  # what the settings of a penalty begin with, among the parameters


class _PenalisedRegressor(_ByPenalty, _GeneralisedRegressor):
    """Base of all of them: the loss of a fit, and whether it is convex there."""

    loss: Any = "squared"
    locally_convex_: bool | None

    def _loss(self) -> Loss:
        loss = as_loss(self.loss)
        if loss.n_outputs != 1 or loss.kind == "cox":
            raise ValueError(
                f"{type(self).__name__} is for losses of one number per sample; got {loss!r}: use "
                "path(X, y, loss=..., penalty=...)."
            )
        return loss

    def _penalty(self, design: Design) -> Penalty:
        return penalty_for(self._given(), Penalty(self.alpha, bounds=self.bounds))

    @property
    def _gap_tol(self) -> float:
        return check_number("tol", self.tol, low=0.0)

    def _keep(self, found: Solution, dtype: Any) -> None:
        super()._keep(found, dtype)
        self.locally_convex_ = found.locally_convex


class _PenalisedSearch(_SearchedRegressor, _PenalisedRegressor):
    """Base of those that choose alpha, and one of several penalties, by cross-validation."""

    penalty_: Any

    def _problems(self, design: Design) -> list[Problem]:
        options = Options(tol=self._gap_tol, max_iter=self._most_iterations)
        return problems_for(design, 1.0, options, self._given(), bounds=self.bounds)

    def _chosen(self, design: Design, target: Vector, offset: Any, split: dict[str, Any]) -> Fitted:
        fitted, given = super()._chosen(design, target, offset, split), self._given()
        several = isinstance(given, list | tuple)
        self.penalty_ = given[self.cv_path_.best_ratio] if several else given
        return fitted


class _NestedPenalty(_PenalisedRegressor):
    """Base of those with the object as a parameter, whose settings are parameters of their own.

    Objects of softreg_fast.penalties do not change: a new setting makes a new object.
    """

    penalty: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with deep those of the penalty as penalty__gamma and the like.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the settings of the penalty.

        Returns
        -------
        dict
        """
        found: dict[str, Any] = super().get_params(deep)
        if deep and isinstance(self.penalty, BasePenalty):
            for field in fields(self.penalty):
                found[INNER + field.name] = getattr(self.penalty, field.name)
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters; penalty__gamma and the like make a penalty with another setting.

        Parameters
        ----------
        **params
            Parameters by name.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            For names that `get_params` does not return.
        """
        outer = {name: value for name, value in params.items() if not name.startswith(INNER)}
        super().set_params(**outer)
        inner = {name: value for name, value in params.items() if name.startswith(INNER)}
        unknown = sorted(inner.keys() - self.get_params().keys())
        if unknown:
            raise ValueError(
                f"{unknown[0]} sets {unknown[0].removeprefix(INNER)!r} of penalty={self.penalty!r},"
                " which has no such setting; give the object itself as penalty=."
            )
        if inner:
            settings = {name.removeprefix(INNER): value for name, value in inner.items()}
            self.penalty = replace(self.penalty, **settings)
        return self
