"""Logistic: the negative log likelihood of two classes with log odds eta."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.losses.base import Loss, refuse, weighted_mean
from softreg_fast.losses.classes import Binomial
from softreg_fast.losses.entropy import relative_entropy_near
from softreg_fast.options.types import Vector


class Logistic(Binomial):
    """f(y, eta) = log(1 + exp(eta)) - y eta for y in [0, 1]: classes 0 and 1, or proportions.

    eta is the logarithm of the odds, and the deviance is that of a binomial model. The conjugate at
    -theta is finite for y - theta in [0, 1].

    References
    ----------
    McCullagh, Nelder (1989), "Generalized linear models", chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Logistic
    >>> Logistic().mean(np.array([0.0, 2.0])).round(3)
    array([0.5  , 0.881])
    """

    kind = "logistic"

    def check(self, y: Vector) -> Vector:
        """Return y, which has to be in [0, 1]."""
        return check_proportions(self, y)

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        ones, zeros = both_classes(self, y, weight)
        return np.log(ones) - np.log(zeros)

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return log(1 + exp(eta)) - y eta."""
        return value_of_two(y, 1.0 - y, eta)

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return y - mean(eta)."""
        return np.asarray(y * expit(-eta) - (1.0 - y) * expit(eta))

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return mean(eta) (1 - mean(eta))."""
        return np.asarray(expit(eta) * expit(-eta) * np.ones_like(y))

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return 1/4."""
        return np.full_like(y, 0.25)

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return the relative entropy of y - theta from mean(eta); infinite outside [0, 1]."""
        away = self.residual(y, eta) - theta
        return entropy_of_two(y - theta, 1.0 - y + theta, eta, away)

    def deviance(self, y: Vector, eta: Any) -> Vector:
        """Return twice the relative entropy of y from mean(eta); of classes, twice f."""
        if np.all((y == 0.0) | (y == 1.0)):  # the smallest f is 0
            return np.asarray(2.0 * np.logaddexp(0.0, (1.0 - 2.0 * y) * eta))
        return super().deviance(y, eta)

    def link(self, mean: Any) -> Vector:
        """Return log(mean / (1 - mean))."""
        return np.asarray(np.log(mean) - np.log1p(-np.asarray(mean, np.float64)))

    def mean(self, eta: Vector) -> Vector:
        """Return the probability 1 / (1 + exp(-eta))."""
        return expit(eta)

    def _best(self, y: Vector, dispersion: float) -> Vector:
        return 2.0 * entropy_of_classes(y)


def expit(eta: Any) -> Vector:
    """Return 1 / (1 + exp(-eta)), accurate near 0."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-eta)))


def value_of_two(ones: Any, zeros: Any, eta: Any) -> Vector:
    """Return (ones + zeros) log(1 + exp(eta)) - ones eta, a sum of terms >= 0."""
    line = zeros * np.maximum(eta, 0.0) + ones * np.maximum(-eta, 0.0)
    return np.asarray((ones + zeros) * np.log1p(np.exp(-np.abs(eta))) + line)


def entropy_of_two(ones: Any, zeros: Any, eta: Any, away: Any) -> Vector:
    """Return ones log(ones / a) + zeros log(zeros / b), the larger the further (a, b) is.

    a and b are in the ratio expit(eta) : expit(-eta), and their sum is ones + zeros; away is
    ones - a. Infinite where ones or zeros is negative.
    """
    whole = ones + zeros
    log_a, log_b = -np.logaddexp(0.0, -eta), -np.logaddexp(0.0, eta)
    with np.errstate(divide="ignore"):
        log_whole = np.log(whole)
    first = relative_entropy_near(ones, whole * expit(eta), log_whole + log_a, away)
    return first + relative_entropy_near(zeros, whole * expit(-eta), log_whole + log_b, -away)


def check_proportions(loss: Loss, y: Vector) -> Vector:
    """Return y, which has to be in [0, 1]."""
    expected = "classes 0 and 1, or proportions between them"
    bad = ~((y >= 0.0) & (y <= 1.0))
    refuse(loss, y, bad, expected, "code one class as 0 and the other as 1")
    return y


def both_classes(loss: Loss, y: Vector, weight: Vector | None) -> tuple[Any, Any]:
    """Return the weighted shares of class 1 and class 0, each accurate where it is small.

    Raises
    ------
    ValueError
        If one of the classes is missing.
    """
    ones, zeros = weighted_mean(y, weight), weighted_mean(1.0 - y, weight)
    for name, share in ((0, zeros), (1, ones)):
        if np.any(share <= 0.0):
            loss._no_intercept(f"No target is of class {name}")
    return ones, zeros


def entropy_of_classes(y: Vector) -> Vector:
    """Return -y log y - (1 - y) log(1 - y), the smallest f for proportions y."""
    inner = np.where((y > 0.0) & (y < 1.0), y, 0.5)
    entropy = -inner * np.log(inner) - (1.0 - inner) * np.log1p(-inner)
    return np.where(inner == y, entropy, 0.0)
