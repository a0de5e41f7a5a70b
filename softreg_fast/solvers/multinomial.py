"""Proximal Newton steps for the multinomial loss, with a penalty of coefficients or of rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.kernels._grouped_multinomial import GroupedMultinomialNewton
from softreg_fast.kernels._multinomial import MultinomialNewton
from softreg_fast.options.types import Vector
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Fits
from softreg_fast.solvers.proximal_newton import ProximalNewtonEngine
from softreg_fast.solvers.warm import largest_gram


class MultinomialEngine(ProximalNewtonEngine):
    """Warm solver for the multinomial loss with a penalty of single coefficients.

    Its compiled solver has a column for each feature and class, (n_features, n_classes), and
    vectors over samples for one class after the other, each with an entry more.
    """

    needs: ClassVar[tuple[str, ...]] = ("elastic net",)

    _solver_type: ClassVar[Any] = MultinomialNewton

    def _make_solver(self) -> Any:
        problem, target = self.problem, self.problem.target
        design: Any = self.design
        self.n_classes = n_classes = int(design.n_tasks)
        weight = np.ones(design.n_samples) if target.weight is None else target.weight
        most = min(design.n_features * n_classes, largest_gram(problem.options.gram_memory))
        penalty = tuple(problem.scaled)
        if not problem.loss.by_rows:
            penalty = tuple(np.repeat(vector, n_classes) for vector in penalty)
        return self._solver_type(
            design.columns_of_tasks(),
            _by_class(target.y),
            _by_class(target.null_predictor),
            target.residual.reshape(-1),
            _by_class(np.broadcast_to(weight[:, np.newaxis], target.y.shape)),
            target.null_deviance,
            design.fit_intercept,
            penalty,
            design.n_threads,
            most,
        )

    @property
    def coef(self) -> Vector:
        """Current coefficients, in the engine's units, (n_classes, n_features)."""
        coef: Vector = self._solver.coef.reshape(-1, self.n_classes).T
        return coef

    @property
    def dual_point(self) -> Vector:
        """The dual point of the last certificate, with the weights, (n_classes, n_samples)."""
        point = np.append(self._solver.dual_point, 0.0)
        return point.reshape(self.n_classes, -1)[:, :-1]

    def _set_coef(self, u: Vector) -> None:
        self._solver.coef[:] = np.broadcast_to(u, (self.n_classes, u.shape[-1])).T.ravel()
        self._solver.refresh()

    def _predictors(self) -> Vector:
        # (n_samples, n_classes)
        predictors: Vector = self._solver.predictor.reshape(self.n_classes, -1)
        return predictors.T[: self.design.n_samples]

    def _slopes_at_zero(self) -> Vector:
        slopes: Vector = self.design.gradient_at_zero().T.ravel()
        return slopes

    def count_nonzero(self) -> int:
        """Return the number of features with a nonzero coefficient."""
        return int(np.count_nonzero(self.coef.any(axis=0)))

    def kept(self) -> Fits:
        """Return all fits so far, with rows of coefficients."""
        fits = super().kept()
        n_fits, n_features = len(fits.df), self.design.n_features
        owner = np.repeat(np.arange(n_fits), fits.df.astype(np.intp))
        feature, of_class = np.divmod(fits.features, self.n_classes)
        rows, places = np.unique(owner * n_features + feature, return_inverse=True)
        values = np.zeros((len(rows), self.n_classes))
        values[places, of_class] = fits.values
        owner, features = np.divmod(rows, n_features)
        df = np.bincount(owner, minlength=n_fits)
        fits = fits._replace(features=features, values=values, df=df.astype(np.float64))
        return centred(self.problem, fits)


class GroupedMultinomialEngine(MultinomialEngine):
    """Warm solver for the multinomial loss with a penalty of rows."""

    needs: ClassVar[tuple[str, ...]] = ("elastic net", "no bounds")

    _solver_type = GroupedMultinomialNewton


def centred(problem: Problem, fits: Fits) -> Fits:
    """Return fits in which intercepts and coefficients without a penalty have the sum 0.

    A constant that is added to all classes changes nothing but the penalty. The intercepts are
    those in the units of X.
    """
    design: Any = problem.design
    l1, l2, lower, upper = problem.scaled
    free = (l1 == 0.0) & (l2 == 0.0) & np.isneginf(lower) & np.isposinf(upper)
    features, values, intercepts = fits.features, fits.values.copy(), np.array(fits.intercepts)
    unpenalised = free[features]
    values[unpenalised] -= values[unpenalised].mean(axis=1, keepdims=True)
    if not design.fit_intercept:
        return fits._replace(values=values, intercepts=np.zeros(intercepts.shape))
    starts, vectors = np.append(0, np.cumsum(fits.df)).astype(np.int64), problem.vectors
    _, offsets = design.to_user(features, values, starts, vectors.lower, vectors.upper)
    shift = (intercepts - offsets).mean(axis=1, keepdims=True)
    return fits._replace(values=values, intercepts=intercepts - shift)


def _by_class(values: Vector) -> Vector:
    # (n_samples, n_classes) as one vector, class by class, each with a last 0
    padded = np.zeros((values.shape[1], len(values) + 1))
    padded[:, :-1] = values.T
    return padded.ravel()
