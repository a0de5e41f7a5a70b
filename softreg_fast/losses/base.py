"""Loss: what a fit minimises for each sample, and everything that follows from the choice.

A loss is a function f(y, eta) of a target and its linear predictor eta = offset + b + x.w; a fit
minimises 1/S sum_i s_i f(y_i, eta_i) plus a penalty. Arrays have a row for each sample and, with
several tasks, a column for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.losses.roots import root
from softreg_fast.options.types import Vector

# Residuals below this many units of what a rounding of eta makes of them are rounding errors of 0.
ROUNDING = 4.0 * np.finfo(np.float64).eps


class Loss(ABC):
    """A loss f(y, eta). Two are equal if they are of one class and have the same parameters.

    Attributes
    ----------
    kind : str
        Name of the loss in the compiled kernels (src/loss.pxd); "": it has none there.
    quadratic : bool
        Whether f is a quadratic function of eta, so that Gram matrices determine it.
    convex : bool
        Whether f is convex in eta. Otherwise `curvature` is its expectation, which is positive, and
        there is no duality gap.
    smooth : bool
        Whether f has a continuous derivative.
    n_outputs : int
        Number of linear predictors for each target.
    labels : tuple of float
        Targets of the classes, as `check` returns them; empty: y is no class.
    is_likelihood : bool
        Whether f is minus a log density of y, up to a scale and to what depends on y alone.
    has_dispersion : bool
        Whether that scale is free (the variance of normal errors). Other losses than the squared
        one have then the methods `pearson` and `fisher`.
    measure : str
        Name of the mean deviance, by which cross-validation compares models.
    parameters : tuple of float
        Numbers that the compiled kernels need.
    """

    kind: str = ""
    convex: bool = True
    quadratic: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    n_outputs: ClassVar[int] = 1
    labels: ClassVar[tuple[float, ...]] = ()
    is_likelihood: ClassVar[bool] = True
    has_dispersion: ClassVar[bool] = False
    measure: ClassVar[str] = "mean deviance"

    _settings: ClassVar[tuple[str, ...]] = ()  # names of the arguments, which are attributes too

    def _given(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._settings)

    def __repr__(self) -> str:
        given = (
            f"{name}={value!r}" for name, value in zip(self._settings, self._given(), strict=True)
        )
        return f"{type(self).__name__}({', '.join(given)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._given() == self._given()

    def __hash__(self) -> int:
        return hash((type(self), self._given()))

    def __reduce__(self) -> tuple[Callable[..., Loss], tuple[Any, ...]]:
        return type(self), self._given()

    @property
    def parameters(self) -> tuple[float, ...]:
        """Numbers that the compiled kernels need."""
        return self._given()

    def check(self, y: Vector) -> Vector:
        """Return finite targets in the form that the other methods take.

        Raises
        ------
        ValueError
            For targets that this loss does not allow.
        """
        return y

    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the intercept of the model without features, a number or one for each task.

        `weight` has mean one; None: all are one. With an offset it is found by Newton's method,
        between the intercepts for its largest and its smallest entry.

        Raises
        ------
        ValueError
            If no finite intercept is best.
        """
        plain = self._null(y, weight)
        if offset is None:
            return plain
        fixed = beside(y, offset)

        def slope(intercept: Vector) -> tuple[Vector, Vector]:
            eta = fixed + intercept
            residual = times(weight, self.residual(y, eta)).sum(axis=0)
            return residual, times(weight, self.curvature(y, eta)).sum(axis=0)

        return root(slope, plain - fixed.max(axis=0), plain - fixed.min(axis=0))

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        # without an offset
        raise NotImplementedError

    def _no_intercept(self, said: str) -> NoReturn:
        raise ValueError(
            f"{said}, for which the best intercept of {self!r} is infinite; check y, or fit "
            "without an intercept (fit_intercept=False)."
        )

    def unit(self, y: Vector, eta: Any, weight: Vector | None) -> float:
        """Return the number by which the engine divides linear predictors; 0: nothing to explain.

        It is 1 unless the loss is homogeneous.
        """
        rounding = ROUNDING * (1.0 + np.abs(eta)) * self.curvature(y, eta)
        return float(np.any(np.abs(self.residual(y, eta)) > rounding))

    @abstractmethod
    def value(self, y: Vector, eta: Any) -> Vector:
        """Return f of every sample."""

    @abstractmethod
    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return minus the derivative of f by eta, of every sample."""

    def gradient(self, y: Vector, eta: Any) -> Vector:
        """Return the derivative of f by eta, of every sample."""
        return -self.residual(y, eta)

    @abstractmethod
    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return the second derivative of f by eta, of every sample."""

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return a curvature for cautious steps, of every sample.

        That of a quadratic function above f that touches it at eta or, where there is none, of f at
        its minimum. Newton steps at these are not too long where the curvature is next to 0.
        """
        return np.ones_like(y)

    def falls_for_ever(self, y: Vector) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Return for which targets f falls all the way to -inf, and to inf, without a minimum.

        None: for none, whatever the targets.
        """
        return None

    @abstractmethod
    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f(eta) + f*(-theta) + theta eta, which is >= 0, of every sample.

        It is the loss's part of the duality gap at the dual point theta, and 0 where theta is the
        residual.
        """

    @abstractmethod
    def mean(self, eta: Vector) -> Vector:
        """Return the expectation of y for linear predictors: the prediction."""

    def deviance(self, y: Vector, eta: Any) -> Vector:
        """Return twice the excess of f over its smallest value for this y, of every sample."""
        # f^*(0) is minus the smallest value
        return 2.0 * self.bregman(y, eta, np.zeros_like(y))

    def link(self, mean: Any) -> Vector:
        """Return the linear predictor of which `mean` makes these means."""
        return np.asarray(mean, np.float64)

    def unit_deviance(self, y: ArrayLike, mean: ArrayLike) -> Vector:
        """Return the deviance of every sample from its mean, as `deviance` does for predictors."""
        target, means = np.broadcast_arrays(self.check(np.asarray(y, np.float64)), mean)
        with np.errstate(divide="ignore"):
            eta = self.link(means)
        inner = np.isfinite(eta)  # otherwise the mean is at an end of its range
        found = np.maximum(self.deviance(target, np.where(inner, eta, 0.0)), 0.0)
        return np.where(inner, found, np.where(target == means, 0.0, np.inf))

    def deviance_residuals(
        self, y: ArrayLike, mean: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Vector:
        """Return the roots of the deviances, times their weights, with the signs of y - mean.

        As residuals(fit, type = "deviance") of R's glm; for shares of trials the trials are the
        weights.
        """
        weight = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        size = np.sqrt(weight * self.unit_deviance(y, mean))
        return np.asarray(np.sign(np.subtract(y, mean)) * size)

    def log_normaliser(
        self,
        n: int,
        dispersion: float,
        y: Vector | None = None,
        weight: Vector | None = None,
    ) -> float:
        """Return the part of -2 log likelihood of n samples that does not depend on the model.

        That is -2 log likelihood without the deviance over the dispersion; n is the number of
        samples with a positive weight. None for y leaves out what depends on y, which is the same
        for all models of one y. It is 0 for a loss that is not a log density.
        """
        if y is None:
            return 0.0
        return float(n * weighted_mean(self._best(y, dispersion), weight))

    def _best(self, y: Vector, dispersion: float) -> Vector:
        # -2 log density of every sample where its deviance is 0
        return np.zeros_like(y)


def refuse(loss: Loss, y: Vector, bad: NDArray[np.bool_], expected: str, advice: str) -> None:
    """Raise an error that names the first bad target, if there is one.

    Raises
    ------
    ValueError
        If any entry of `bad` is true.
    """
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        place = ", ".join(map(str, where))
        raise ValueError(
            f"{loss!r} is for {expected}, but y[{place}] is {float(y[where])!r}; {advice}."
        )


def beside(y: Vector, offset: Vector) -> Vector:
    """Return the offset in a shape that is added to the predictor of every task."""
    return offset.reshape(offset.shape + (1,) * (y.ndim - offset.ndim))


def weighted_mean(y: Vector, weight: Vector | None) -> Any:
    """Return the mean of targets with weights of mean one, for each task.

    A value of y with positive weight is subtracted first, so that the mean of the rest loses no
    digits (no BLAS: its threads would keep spinning beside ours).
    """
    pilot = y[0 if weight is None else int(np.argmax(weight))]
    return pilot + times(weight, y - pilot).sum(axis=0) / len(y)


def times(weight: Vector | None, values: Vector) -> Vector:
    """Multiply values by the weight of each sample."""
    return values if weight is None else (weight * values.T).T
