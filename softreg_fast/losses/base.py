"""Loss: what a fit minimises for each sample, and everything that follows from the choice.

A loss is a function f(y, eta) of a target and its linear predictor eta = offset + b + x.w; a fit
minimises 1/S sum_i s_i f(y_i, eta_i) plus a penalty. Arrays have a row for each sample and, with
several tasks, a column for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from softreg_fast.options.types import Vector


class Loss(ABC):
    """A loss f(y, eta), convex in eta.

    Attributes
    ----------
    kind : str
        Name of the loss in the compiled kernels (src/loss.pxd); "": it has none there.
    quadratic : bool
        Whether f is a quadratic function of eta, so that Gram matrices determine it.
    smooth : bool
        Whether f has a continuous derivative.
    n_outputs : int
        Number of linear predictors for each target.
    has_dispersion : bool
        Whether the likelihood has a free scale (the variance of normal errors).
    measure : str
        Name of the mean deviance, by which cross-validation compares models.
    """

    kind: ClassVar[str] = ""
    quadratic: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    n_outputs: ClassVar[int] = 1
    has_dispersion: ClassVar[bool] = False
    measure: ClassVar[str] = "mean deviance"

    parameters: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def check(self, y: Vector) -> Vector:
        """Return finite targets in the form that the other methods take.

        Raises
        ------
        ValueError
            For targets that this loss does not allow.
        """
        return y

    @abstractmethod
    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the intercept of the model without features, a number or one for each task.

        `weight` has mean one; None: all are one.
        """

    def unit(self, y: Vector, eta: Any, weight: Vector | None) -> float:
        """Return the number by which the engine divides linear predictors; 0: nothing to explain.

        It is 1 unless the loss is homogeneous.
        """
        return float(np.any(self.residual(y, eta)))

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

    @abstractmethod
    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f(eta) + f*(-theta) + theta eta, which is >= 0, of every sample.

        It is the loss's part of the duality gap at the dual point theta, and 0 where theta is the
        residual.
        """

    @abstractmethod
    def mean(self, eta: Vector) -> Vector:
        """Return the expectation of y for linear predictors: the prediction."""

    @abstractmethod
    def deviance(self, y: Vector, eta: Any) -> Vector:
        """Return twice the excess of f over its smallest value for this y, of every sample."""

    def log_normaliser(self, n: int, dispersion: float) -> float:
        """Return the part of -2 log likelihood of n samples that does not depend on the model."""
        return 0.0


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
