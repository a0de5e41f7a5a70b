"""Squared: half the squared error, the negative log likelihood of normal errors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.losses.base import Loss, times, weighted_mean
from softreg_fast.options.types import Vector

# Norms of y below this cannot be scaled to one in float64; such a y counts as constant.
SMALLEST_NORM = 1e-290


class Squared(Loss):
    """f(y, eta) = (y - eta)^2 / 2.

    It is homogeneous: the engine divides y by the norm of its deviations from the null model.
    """

    kind = "squared"
    quadratic: ClassVar[bool] = True
    has_dispersion: ClassVar[bool] = True
    measure: ClassVar[str] = "mean squared error"

    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the weighted mean of y, without its offset."""
        return weighted_mean(y if offset is None else y - offset, weight)

    def unit(self, y: Vector, eta: Any, weight: Vector | None) -> float:
        """Return the norm of the residuals; 0 if they are too small for float64."""
        residual = y - eta
        largest = float(np.abs(residual).max())
        if largest < SMALLEST_NORM:
            return 0.0
        residual /= largest
        return largest * float(np.sqrt(times(weight, residual * residual).sum()))

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return (y - eta)^2 / 2."""
        return np.asarray(0.5 * np.square(y - eta))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return y - eta."""
        return np.asarray(y - eta)

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return 1 for every sample."""
        return np.ones_like(y)

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return (y - eta - theta)^2 / 2."""
        return np.asarray(0.5 * np.square(y - eta - theta))

    def mean(self, eta: Vector) -> Vector:
        """Return eta."""
        return eta

    def deviance(self, y: Vector, eta: Any) -> Vector:
        """Return (y - eta)^2."""
        return np.asarray(np.square(y - eta))

    def log_normaliser(
        self,
        n: int,
        dispersion: float,
        y: Vector | None = None,
        weight: Vector | None = None,
    ) -> float:
        """Return n log(2 pi dispersion)."""
        return float(n * np.log(2.0 * np.pi * dispersion))


SQUARED = Squared()
