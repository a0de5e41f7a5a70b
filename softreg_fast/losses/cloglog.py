"""CLogLog: the negative log likelihood of two classes with a complementary log-log link."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.losses.classes import Binomial
from softreg_fast.losses.entropy import relative_entropy_near
from softreg_fast.losses.logistic import both_classes, check_proportions, entropy_of_classes
from softreg_fast.losses.probit import bregman_near
from softreg_fast.losses.roots import root
from softreg_fast.options.types import Vector

LARGEST = 700.0  # exp of minus it is no less than float64 can hold


class CLogLog(Binomial):
    """f(y, eta) = -y log(1 - exp(-m)) + (1 - y) m, m = exp(eta), for y in [0, 1].

    The probability of class 1 is 1 - exp(-m): that of at least one event where a Poisson number of
    them has the mean m, so that the logarithm of an exposure is an offset. y are classes 0 and 1,
    or proportions. The conjugate at -theta is finite for theta <= y, if y = 1 for theta >= 0, too.

    References
    ----------
    McCullagh, Nelder (1989), "Generalized linear models", section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import CLogLog
    >>> CLogLog().mean(np.array([0.0, 1.0])).round(3)
    array([0.632, 0.934])
    """

    kind = "cloglog"
    middle: ClassVar[float] = float(np.log(np.log(2.0)))

    def check(self, y: Vector) -> Vector:
        """Return y, which has to be in [0, 1]."""
        return check_proportions(self, y)

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        ones, zeros = both_classes(self, y, weight)
        return np.log(np.where(ones < zeros, -np.log1p(-ones), -np.log(zeros)))[()]

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return -y log(1 - exp(-m)) + (1 - y) m."""
        m = np.exp(np.minimum(eta, LARGEST))
        with np.errstate(divide="ignore", under="ignore"):
            ones = np.where(m > 0.7, np.log1p(-np.exp(-m)), np.log(-np.expm1(-m)))
            ones = np.where(m > 1e-300, ones, eta)
        return np.asarray((1.0 - y) * m - y * ones)

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return y m / (exp(m) - 1) - (1 - y) m."""
        m = np.exp(np.minimum(eta, LARGEST))
        return np.asarray(y * _slope(m) - (1.0 - y) * m)

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return the second derivative, y h (m / (1 - exp(-m)) - 1) + ..., h = m / (exp(m) - 1)."""
        m = np.exp(np.minimum(eta, LARGEST))
        return np.asarray(y * _slope(m) * _excess(m) + (1.0 - y) * m)

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return 1/2 for y = 1, above all curvatures; otherwise about that at the minimum of f."""
        inner = np.where(y < 1.0, y, 0.0)
        return np.asarray(0.5 * y - (1.0 - y) * np.log1p(-inner))

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f(eta) - f(x) + theta (eta - x), theta the residual at x; inf without an x."""
        y, eta, theta = np.broadcast_arrays(y, eta, theta)
        f, m = self.value(y, eta), np.exp(np.minimum(eta, LARGEST))
        inner = (y > 0.0) & (theta < y) & ((y < 1.0) | (theta > 0.0))
        x = self._dual_predictor(np.where(inner, y, 0.5), np.where(inner, theta, 0.0))
        part = np.maximum(f - self.value(y, x) + theta * (eta - x), 0.0)
        end = (theta == y) | ((y == 1.0) & (theta == 0.0))
        part = np.where(inner, part, np.where(end, f + theta * eta, np.inf))
        part = np.where(y == 0.0, relative_entropy_near(-theta, m, eta, -m - theta), part)
        near = inner & (np.abs(eta - x) <= np.minimum(1.0, 8.0 / np.maximum(m, 1.0)))
        if near.any():
            part[near] = bregman_near(self, *(each[near] for each in (y, eta, theta, x)))
        return part

    def _dual_predictor(self, y: Vector, theta: Vector) -> Vector:
        # where the residual is theta < y: m / (exp(m) - 1) is between 1 - m / 2 and 1, and for
        # large m hardly more than m exp(-m)
        low = np.log((y - theta) / (1.0 - 0.5 * y))
        with np.errstate(divide="ignore", invalid="ignore"):
            tail = 2.0 * np.log(y / theta) + 3.0
            high = np.log(np.where(y < 1.0, (y - theta) / (1.0 - y), tail))

        def function(x: Vector) -> tuple[Vector, Vector]:
            return self.residual(y, x) - theta, self.curvature(y, x)

        return np.asarray(root(function, low, np.maximum(high, low)))

    def link(self, mean: Any) -> Vector:
        """Return log(-log(1 - mean))."""
        return np.asarray(np.log(-np.log1p(-np.asarray(mean, np.float64))))

    def mean(self, eta: Vector) -> Vector:
        """Return the probability 1 - exp(-exp(eta))."""
        with np.errstate(over="ignore"):
            return np.asarray(-np.expm1(-np.exp(eta)))

    def complement(self, eta: Vector) -> Vector:
        """Return the probability of class 0, exp(-exp(eta))."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp(-np.exp(eta)))

    def _best(self, y: Vector, dispersion: float) -> Vector:
        return 2.0 * entropy_of_classes(y)


def _slope(m: Any) -> Vector:
    # m / (exp(m) - 1), 1 at 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        return np.where(m > 0.0, np.where(m < LARGEST, m / np.expm1(m), 0.0), 1.0)


def _excess(m: Any) -> Vector:
    # m / (1 - exp(-m)) - 1, by its series for small m
    small = np.minimum(m, 1.0)
    square = small * small
    series = small * (0.5 + small * (1.0 / 12.0 - square * (1.0 / 720.0 - square / 30240.0)))
    with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
        return np.asarray(np.where(m > 0.05, -m / np.expm1(-m) - 1.0, series))
