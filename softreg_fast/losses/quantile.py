"""Quantile: the loss whose best constant is a quantile of y."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.losses.base import ROUNDING, Loss, beside, times
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Vector

# Dual points this far outside of their interval are taken for its ends.
ROUNDED = 1e-14


class Quantile(Loss):
    """f(y, eta) = tau r for r = y - eta >= 0, (tau - 1) r below: the pinball loss.

    It is homogeneous, but has no derivative where r = 0; the residual there is any number between
    tau - 1 and tau, where the conjugate at minus it is finite.

    Parameters
    ----------
    tau : float in (0, 1), default=0.5
        The quantile that is fitted; 0.5 is the median.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles", Econometrica 46.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Quantile
    >>> Quantile(0.9).value(np.array([-1.0, 1.0, 2.0]), 0.0).round(1)
    array([0.1, 0.9, 1.8])
    """

    kind = "quantile"
    smooth: ClassVar[bool] = False
    is_likelihood = False
    measure = "mean pinball deviance"
    _settings = ("tau",)

    def __init__(self, tau: float = 0.5) -> None:
        self.tau = check_number("tau", tau, low=0.0, low_open=True)
        if self.tau >= 1.0:
            raise ValueError(f"tau must be a number in (0, 1), got {tau!r}.")

    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the tau-quantile of y - offset."""
        if offset is not None:
            y = y - beside(y, offset)
        return np.apply_along_axis(weighted_quantile, 0, y, self.tau, weight)[()]

    def null_residual(self, y: Vector, eta: Any, weight: Vector | None) -> Vector:
        """Return the residual; samples that eta interpolates share what makes the sum zero."""
        residual = self.residual(y, eta)
        met = self._is_met(y, eta)
        residual[met] = 0.0
        parts = times(weight, np.array(met, np.float64)).sum(axis=0)
        rest = times(weight, residual).sum(axis=0)
        share = np.divide(-rest, parts, out=np.zeros_like(rest), where=parts > 0.0)
        share = np.clip(share, self.tau - 1.0, self.tau)
        return np.where(met, share, residual)

    @staticmethod
    def _is_met(y: Vector, eta: Any) -> Any:
        # whether y is eta, up to rounding
        return np.abs(y - eta) <= ROUNDING * (np.abs(y) + np.abs(eta))

    def unit(self, y: Vector, eta: Any, weight: Vector | None) -> float:
        """Return 1.0, or 0.0 if eta meets every target."""
        return float(not np.all(self._is_met(y, eta)))

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return tau r, or (tau - 1) r."""
        r = y - eta
        return np.asarray(np.maximum(self.tau * r, (self.tau - 1.0) * r))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return tau where y > eta, tau - 1 where y < eta, 0 where they are equal."""
        r = y - eta
        return np.where(r > 0.0, self.tau, np.where(r < 0.0, self.tau - 1.0, 0.0))

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return 0 for every sample."""
        return np.zeros(np.broadcast(y, eta).shape)

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return 1 / (2 |y - eta|)."""
        return np.asarray(0.5 / np.maximum(np.abs(y - eta), np.finfo(np.float64).tiny))

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f - theta r; infinite for theta outside of [tau - 1, tau]."""
        r, above, below = y - eta, self.tau - theta, theta - (self.tau - 1.0)
        part = np.where(r > 0.0, np.maximum(above, 0.0) * r, np.maximum(below, 0.0) * -r)
        return np.where((above < -ROUNDED) | (below < -ROUNDED), np.inf, part)

    def mean(self, eta: Vector) -> Vector:
        """Return eta, the quantile."""
        return eta


def weighted_quantile(values: Vector, tau: float, weight: Vector | None = None) -> float:
    """Return the tau-quantile, the middle of the interval if it is one; weight 2 is a value twice.

    Parameters
    ----------
    values : ndarray (n,)
    tau : float in (0, 1)
    weight : ndarray (n,) or None
    """
    order = np.argsort(values, kind="stable")
    if weight is not None:
        order = order[weight[order] > 0.0]
    sums = np.cumsum(np.ones(len(order)) if weight is None else weight[order])
    share = tau * sums[-1]
    first = int(np.searchsorted(sums, share * (1.0 - 1e-12)))
    last = int(np.searchsorted(sums, share * (1.0 + 1e-12), side="right"))
    return float(0.5 * values[order[first]] + 0.5 * values[order[min(last, len(order) - 1)]])
