"""Huber: squared error whose slope stops growing at delta."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.losses.base import Loss, beside, times
from softreg_fast.losses.roots import root
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Vector


class Huber(Loss):
    """f(y, eta) = r^2 / 2 for |r| <= delta, delta |r| - delta^2 / 2 beyond, where r = y - eta.

    The scale is fixed: delta is in the units of y. The conjugate at -theta is finite for
    |theta| <= delta.

    Parameters
    ----------
    delta : float > 0
        Size of the errors from which on f grows linearly.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter", Ann. Math. Statist. 35.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Huber
    >>> Huber(delta=1.0).value(np.array([0.5, 10.0]), 0.0)
    array([0.125, 9.5  ])
    """

    kind = "huber"
    is_likelihood = False
    measure = "mean Huber loss"
    _settings = ("delta",)

    def __init__(self, delta: float) -> None:
        self.delta = check_number("delta", delta, low=0.0, low_open=True)

    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the M-estimate of the location of y - offset."""
        if offset is not None:
            y = y - beside(y, offset)

        def slope(centre: Vector) -> tuple[Vector, Vector]:
            residual = times(weight, self.residual(y, centre)).sum(axis=0)
            return residual, times(weight, self.curvature(y, centre)).sum(axis=0)

        return root(slope, y.min(axis=0), y.max(axis=0))

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return r^2 / 2, or delta |r| - delta^2 / 2."""
        residual = self.residual(y, eta)
        return np.asarray(residual * (y - eta - 0.5 * residual))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return y - eta, clipped to [-delta, delta]."""
        return np.asarray(np.clip(y - eta, -self.delta, self.delta))

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return 1 where |y - eta| <= delta, 0 elsewhere."""
        return np.asarray(np.abs(y - eta) <= self.delta, np.float64)

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return 1, or delta / |y - eta|."""
        return np.asarray(self.delta / np.maximum(np.abs(y - eta), self.delta))

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f + theta^2 / 2 - theta r; infinite for |theta| > delta."""
        residual = self.residual(y, eta)
        away, beyond = residual - theta, y - eta - residual
        part = 0.5 * away * away + away * beyond
        return np.where(np.abs(theta) > self.delta, np.inf, part)

    def mean(self, eta: Vector) -> Vector:
        """Return eta."""
        return eta
