"""Tweedie, and Poisson, Gamma and InverseGaussian: variance mu^power, with a log link."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.losses.base import Loss, beside, refuse, times, weighted_mean
from softreg_fast.losses.entropy import relative_entropy, relative_entropy_near
from softreg_fast.losses.roots import root
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Vector

LARGEST = 700.0  # exp of it is far from overflow


class Tweedie(Loss):
    """Half the Tweedie deviance with a log link, up to a constant.

    With p the power and mu = exp(eta) the mean, the variance is proportional to mu^p, and

        f(y, eta) = y exp((1 - p) eta) / (p - 1) + exp((2 - p) eta) / (2 - p),

    where -y eta replaces the first term for p = 1, and eta the second for p = 2. p = 1 is Poisson,
    2 Gamma and 3 inverse Gaussian; in between are sums of a Poisson number of Gamma variables,
    which may be 0. y >= 0 for p < 2, y > 0 otherwise. For p > 2 it is not convex in eta.

    The conjugate at -theta is finite for: p = 1, theta <= y; 1 < p < 2, any theta if y > 0, else
    theta <= 0; p = 2, theta >= -1; p > 2, theta >= 0.

    Parameters
    ----------
    power : float >= 1
        Exponent p of the mean in the variance.

    References
    ----------
    Jorgensen (1987), "Exponential dispersion models", J. Roy. Statist. Soc. B 49; Dunn, Smyth
    (2005), Statistics and Computing 15.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Tweedie
    >>> loss = Tweedie(power=1.5)
    >>> loss.deviance(np.array([0.0, 3.0]), np.log(3.0)).round(3)
    array([6.928, 0.   ])
    """

    has_dispersion = True
    _settings: ClassVar[tuple[str, ...]] = ("power",)

    def __init__(self, power: float) -> None:
        self.power = check_number("power", power)
        if self.power < 1.0:
            why = "no distribution has a power between 0 and 1"
            if self.power <= 0.0:
                why = "with a log link it is not convex, and for 0 there is loss='squared'"
            raise ValueError(
                f"power must be >= 1 (1: Poisson, 2: Gamma, 3: inverse Gaussian), got {power!r}; "
                f"{why}."
            )
        self.kind = {1.0: "poisson", 2.0: "gamma"}.get(self.power, "tweedie")
        self.convex = self.power <= 2.0

    @property
    def parameters(self) -> tuple[float, ...]:
        """Power, unless the kernels have a kind of their own for it."""
        return (self.power,) if self.kind == "tweedie" else ()

    def check(self, y: Vector) -> Vector:
        """Return y, which has to be >= 0 and, for powers >= 2, not 0."""
        if self.power < 2.0:
            return check_not_negative(self, y)
        advice = "check y, or use sf.losses.Tweedie(power=1.5), which allows 0"
        refuse(self, y, y <= 0.0, "targets > 0", advice)
        return y

    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the logarithm of the mean of y, of weighted exponentials with an offset."""
        plain = log_mean(self, y, weight)
        if offset is None:
            return plain
        fixed = beside(y, offset)
        first = _log_sum(weight, y, (1.0 - self.power) * fixed)
        return first - _log_sum(weight, np.ones_like(y), (2.0 - self.power) * fixed)

    def _terms(self, y: Vector, eta: Any) -> tuple[Vector, Vector, Vector]:
        # y exp((1-p) eta) and exp((2-p) eta), both divided by a number, which is 1 unless one of
        # them would overflow, and that number
        first, second = (1.0 - self.power) * np.asarray(eta), (2.0 - self.power) * np.asarray(eta)
        excess = np.maximum(np.maximum(first, second) - LARGEST, 0.0)
        with np.errstate(over="ignore"):
            return y * np.exp(first - excess), np.exp(second - excess), np.exp(excess)

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return f; docs/mathematics.md has the formula."""
        first, second, factor = self._terms(y, eta)
        line: Any = 0.0
        curved: Any = 0.0
        if self.power == 1.0:
            line = -y * eta
        else:
            curved = first / (self.power - 1.0)
        if self.power == 2.0:
            line = eta
        else:
            curved = curved + second / (2.0 - self.power)
        with np.errstate(over="ignore"):
            return np.asarray(factor * curved + line)

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return (y - mu) mu^(1 - p)."""
        first, second, factor = self._terms(y, eta)
        with np.errstate(over="ignore"):
            return np.asarray(factor * (first - second))

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return the second derivative, for p > 2 at least its mean, mu^(2 - p)."""
        first, second, factor = self._terms(y, eta)
        both = (self.power - 1.0) * first + (2.0 - self.power) * second
        if not self.convex:
            both = np.maximum(both, second)
        with np.errstate(over="ignore"):
            return np.asarray(factor * both * np.ones_like(y))

    def fisher(self, eta: Any) -> Vector:
        """Return the expectation of the second derivative, mu^(2 - p)."""
        return exp_link((2.0 - self.power) * np.asarray(eta))

    def pearson(self, y: Vector, eta: Any) -> Vector:
        """Return (y - mu)^2 / mu^p, whose expectation is the dispersion."""
        return np.square(y - exp_link(eta)) * exp_link(-self.power * np.asarray(eta))

    def falls_for_ever(self, y: Vector) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Return for which targets f falls all the way to -inf, and to inf: 0 and none."""
        return (y == 0.0, np.zeros(y.shape, bool)) if self.power < 2.0 else None

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return y^(2 - p), the curvature where mu is y."""
        return np.asarray(y ** (2.0 - self.power))

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f(eta) - f(x) + theta (eta - x), theta the residual at x; inf without an x."""
        with np.errstate(all="ignore"):
            part = self._divergence(y, eta, theta)
        return np.where(np.isnan(part), np.inf, np.maximum(part, 0.0))

    def _divergence(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        if self.power == 1.0:  # counts are common: without arrays as large as eta for y
            mean = np.exp(eta)
            return relative_entropy_near(y - theta, mean, eta, y - mean - theta)
        y, eta, theta = np.broadcast_arrays(y, eta, theta)
        away = self.residual(y, eta) - theta
        if self.power == 2.0:
            log_ratio = np.log(y) - eta
            return relative_entropy_near(1.0 + theta, np.exp(log_ratio), log_ratio, -away)
        return self._bregman(y, eta, self._moved(y, eta, theta, away))

    def _bregman(self, y: Vector, eta: Vector, d: Vector) -> Vector:
        # of the entropies of both terms of f, t = y exp(a (eta - d)) from m = y exp(a eta)
        total = np.zeros_like(eta)
        for factor, a, sign in ((y, 1.0 - self.power, -1.0), (1.0, 2.0 - self.power, 1.0)):
            t, m = factor * np.exp(a * (eta - d)), factor * np.exp(a * eta)
            t, m = (np.where(factor == 0.0, 0.0, each) for each in (t, m))
            total += sign * relative_entropy(t, m, a * d) / a
        return total

    def _moved(self, y: Vector, eta: Vector, theta: Vector, away: Vector) -> Vector:
        # d such that theta is the residual at eta - d; NaN where there is none
        d = eta - self._dual_predictor(y, theta)
        # one step of Newton's method for d itself, which may be much smaller than eta
        first, second, factor = self._terms(y, eta)
        a, b = self.power - 1.0, 2.0 - self.power
        value = first * np.expm1(a * d) - second * np.expm1(-b * d) + away / factor
        step = value / (a * first * np.exp(a * d) + b * second * np.exp(-b * d))
        return np.where((np.abs(d) < 0.5) & np.isfinite(step), d - step, d)

    def _dual_predictor(self, y: Vector, theta: Vector) -> Vector:
        # The larger of the terms of the residual is the other one and |theta|. In logarithms that
        # is a concave equation. Its root is near where the smaller of the two is left out: there,
        # it is missing by at most a factor of 2.
        a, b = self.power - 1.0, 2.0 - self.power
        log_y, log_theta = np.log(np.where(y > 0.0, y, 1.0)), np.log(np.abs(theta))
        up = theta >= 0.0  # the first term is the larger one
        start = np.where(
            up, np.minimum(log_y, (log_y - log_theta) / a), np.maximum(log_y, log_theta / b)
        )

        def function(x: Vector) -> tuple[Vector, Vector]:
            first, second = log_y - a * x, b * x
            other = np.where(up, second, first)
            both = np.logaddexp(log_theta, other)
            share = np.exp(other - both)
            slope = np.where(up, a + b * share, b + a * share)
            return np.where(up, first - both, both - second), slope

        width = np.log(2.0) / np.where(up, -min(a, 1.0), b)
        x = root(function, np.minimum(start, start + width), np.maximum(start, start + width))
        x = np.where(up & (theta == 0.0), log_y, x)
        if self.power > 2.0:
            return np.where(up, x, np.nan)
        alone = np.where(theta > 0.0, np.nan, log_theta / b)
        return np.where(y > 0.0, x, alone)

    def link(self, mean: Any) -> Vector:
        """Return log(mean)."""
        return np.asarray(np.log(mean))

    def mean(self, eta: Vector) -> Vector:
        """Return exp(eta)."""
        return exp_link(eta)


class Poisson(Tweedie):
    """f(y, eta) = exp(eta) - y eta for y >= 0, whole numbers or not, with a log link.

    The conjugate at -theta is finite for theta <= y.

    References
    ----------
    McCullagh, Nelder (1989), "Generalized linear models", chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Poisson
    >>> Poisson().deviance(np.array([0.0, 3.0]), np.log(3.0)).round(3)
    array([6., 0.])
    """

    has_dispersion = False
    _settings = ()

    def __init__(self) -> None:
        super().__init__(1.0)

    def _best(self, y: Vector, dispersion: float) -> Vector:
        from scipy.special import gammaln, xlogy

        return np.asarray(2.0 * (y - xlogy(y, y) + gammaln(y + 1.0)))


class Gamma(Tweedie):
    """f(y, eta) = y exp(-eta) + eta for y > 0, with a log link.

    The conjugate at -theta is finite for theta >= -1.

    References
    ----------
    McCullagh, Nelder (1989), "Generalized linear models", chapter 8.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Gamma
    >>> Gamma().deviance(np.array([1.0, 3.0]), np.log(3.0)).round(3)
    array([0.864, 0.   ])
    """

    _settings = ()

    def __init__(self) -> None:
        super().__init__(2.0)

    def _best(self, y: Vector, dispersion: float) -> Vector:
        from scipy.special import gammaln

        shape = 1.0 / dispersion
        constant = shape * (1.0 + np.log(dispersion)) + gammaln(shape)
        return np.asarray(2.0 * (constant + np.log(y)))


class InverseGaussian(Tweedie):
    """f(y, eta) = y exp(-2 eta) / 2 - exp(-eta) for y > 0, with a log link.

    It is Tweedie(power=3), and not convex in eta where mu > 2 y: fits have no duality gap.

    References
    ----------
    McCullagh, Nelder (1989), "Generalized linear models", section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import InverseGaussian
    >>> InverseGaussian().deviance(np.array([1.0, 3.0]), np.log(3.0)).round(3)
    array([0.444, 0.   ])
    """

    _settings = ()

    def __init__(self) -> None:
        super().__init__(3.0)

    def _best(self, y: Vector, dispersion: float) -> Vector:
        return np.asarray(np.log(2.0 * np.pi * dispersion) + 3.0 * np.log(y))


def exp_link(eta: Any) -> Vector:
    """Return exp(eta), infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(eta))


def check_not_negative(loss: Loss, y: Vector) -> Vector:
    """Return y, which has to be >= 0."""
    refuse(loss, y, y < 0.0, "targets >= 0", "check y, or use loss='squared'")
    return y


def log_mean(loss: Loss, y: Vector, weight: Vector | None) -> Any:
    """Return the logarithm of the weighted mean of y.

    Raises
    ------
    ValueError
        If all targets are 0.
    """
    mean = weighted_mean(y, weight)
    if np.any(mean <= 0.0):
        loss._no_intercept("All targets are 0")
    return np.log(mean)


def _log_sum(weight: Vector | None, y: Vector, exponent: Vector) -> Any:
    # log of sum_i s_i y_i exp(exponent_i)
    top = exponent.max(axis=0)
    return top + np.log(times(weight, y * np.exp(exponent - top)).sum(axis=0))
