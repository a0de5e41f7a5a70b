"""NegativeBinomial: counts whose variance grows faster than their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.losses.base import Loss, weighted_mean
from softreg_fast.losses.logistic import entropy_of_two, expit, value_of_two
from softreg_fast.losses.roots import root
from softreg_fast.losses.tweedie import check_not_negative, exp_link, log_mean
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Vector

# Estimates of theta beyond this many times the mean are infinite: nothing tells them from it.
LARGEST_THETA = 1e6
LOG_SMALLEST = -40.0


class NegativeBinomial(Loss):
    """f(y, eta) = (y + theta) log(1 + exp(eta) / theta) - y eta for y >= 0, with a log link.

    The mean is mu = exp(eta) and the variance mu + mu^2 / theta, as in R's MASS; statsmodels and
    glum take 1 / theta. It is the logistic loss of y ones and theta zeros with log odds
    eta - log(theta), and tends to Poisson as theta grows. The conjugate at -t is finite for t in
    [-theta, y].

    Parameters
    ----------
    theta : float > 0
        Size, the inverse of the overdispersion. `NegativeBinomialRegressor(theta="profile")`
        estimates it, as R's glm.nb does; its attribute loss_ is the loss for a path or a search.

    References
    ----------
    Venables, Ripley (2002), "Modern applied statistics with S", section 7.4.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import NegativeBinomial
    >>> loss = NegativeBinomial(theta=2.0)
    >>> loss.deviance(np.array([0.0, 3.0]), np.log(3.0)).round(3)
    array([3.665, 0.   ])
    """

    kind = "negative binomial"
    _settings = ("theta",)

    def __init__(self, theta: float) -> None:
        if isinstance(theta, str):
            raise ValueError(
                f"theta must be a number > 0, got {theta!r}; to estimate it, fit "
                "NegativeBinomialRegressor(theta='profile') and take its attribute loss_."
            )
        self.theta = check_number("theta", theta, low=0.0, low_open=True)

    def check(self, y: Vector) -> Vector:
        """Return y, which has to be >= 0."""
        return check_not_negative(self, y)

    def _log_odds(self, eta: Any) -> Any:
        return eta - np.log(self.theta)

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        return log_mean(self, y, weight)

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return (y + theta) log(1 + exp(eta) / theta) - y eta."""
        odds = self._log_odds(eta)
        return np.asarray(value_of_two(y, self.theta, odds) - y * np.log(self.theta))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return theta (y - mu) / (theta + mu)."""
        odds = self._log_odds(eta)
        return np.asarray(y * expit(-odds) - self.theta * expit(odds))

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return (y + theta) theta mu / (theta + mu)^2."""
        odds = self._log_odds(eta)
        return np.asarray((y + self.theta) * expit(odds) * expit(-odds))

    def falls_for_ever(self, y: Vector) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return for which targets f falls all the way to -inf, and to inf: 0 and none."""
        return y == 0.0, np.zeros(y.shape, bool)

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return (y + theta) / 4."""
        return np.asarray(0.25 * (y + self.theta))

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return the entropy of y - theta ones among y + self.theta, relative to the model's."""
        away = self.residual(y, eta) - theta
        return entropy_of_two(y - theta, self.theta + theta, self._log_odds(eta), away)

    def link(self, mean: Any) -> Vector:
        """Return log(mean)."""
        return np.asarray(np.log(mean))

    def mean(self, eta: Vector) -> Vector:
        """Return exp(eta)."""
        return exp_link(eta)

    def _best(self, y: Vector, dispersion: float) -> Vector:
        from scipy.special import gammaln, xlogy

        size = self.theta
        choices = gammaln(y + size) - gammaln(size) - gammaln(y + 1.0)
        chances = xlogy(y, y / (size + y)) - size * np.log1p(y / size)
        return np.asarray(-2.0 * (choices + chances))


def best_theta(y: Vector, eta: Vector, weight: Vector | None) -> float:
    """Return the theta of largest likelihood for counts with these logarithms of their means.

    Infinite where it grows without bound: the counts vary no more than Poisson's do. The equation
    is that of theta.ml in R's MASS (Venables, Ripley 2002, section 7.4), solved for log theta.

    Parameters
    ----------
    y, eta : ndarray (n_samples,)
    weight : ndarray (n_samples,) or None
        Of mean one.
    """
    from scipy.special import polygamma, psi

    mean = exp_link(eta)
    most = largest_theta(y, weight)

    def slope(log_theta: Any) -> tuple[Any, Any]:
        # the derivative of the mean log likelihood by log theta, and minus its own
        theta = np.exp(log_theta)
        total = theta + mean
        first = psi(y + theta) - psi(theta) - np.log1p(mean / theta) + (mean - y) / total
        second = polygamma(1, y + theta) - polygamma(1, theta) + mean / (theta * total)
        second += (y - mean) / total**2
        value = theta * weighted_mean(first, weight)
        return value, -value - theta**2 * weighted_mean(second, weight)

    low, high = 0.0, 0.0
    while slope(low)[0] < 0.0:
        low -= 2.0
        if low < LOG_SMALLEST:  # all counts are 0
            return float(np.exp(low))
    while slope(high)[0] > 0.0:
        high += 2.0
        if np.exp(high) > most:
            return float("inf")
    return float(np.exp(root(slope, low, high)))


def largest_theta(y: Vector, weight: Vector | None) -> float:
    """Return the theta beyond which nothing tells it from infinity."""
    return LARGEST_THETA * (1.0 + float(weighted_mean(y, weight)))
