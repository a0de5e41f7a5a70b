"""Probit: the negative log likelihood of two classes, thresholds of a normal variable."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.losses.base import Loss
from softreg_fast.losses.classes import Binomial
from softreg_fast.losses.logistic import both_classes, check_proportions, entropy_of_classes
from softreg_fast.losses.roots import root
from softreg_fast.options.types import Vector

# Nodes and weights of an integral over [0, 1] (Gauss and Legendre).
NODES, SHARES = np.polynomial.legendre.leggauss(12)
NODES, SHARES = 0.5 * (1.0 + NODES), 0.5 * SHARES

TAIL = -5.0  # below it a continued fraction gives the inverse Mills ratio
FRACTIONS = 40  # of it, enough at the end of the tail


class Probit(Binomial):
    """f(y, eta) = -y log Phi(eta) - (1 - y) log Phi(-eta) for y in [0, 1].

    Phi is the normal distribution function. y are classes 0 and 1, or proportions. The conjugate at
    -theta is finite for theta >= 0 if y = 1, for theta <= 0 if y = 0, and everywhere in between.

    References
    ----------
    McCullagh, Nelder (1989), "Generalized linear models", section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Probit
    >>> Probit().mean(np.array([0.0, 2.0])).round(3)
    array([0.5  , 0.977])
    """

    kind = "probit"

    def check(self, y: Vector) -> Vector:
        """Return y, which has to be in [0, 1]."""
        return check_proportions(self, y)

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        from scipy.special import ndtri

        ones, zeros = both_classes(self, y, weight)
        return np.where(ones < zeros, ndtri(ones), -ndtri(zeros))[()]

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return -y log Phi(eta) - (1 - y) log Phi(-eta)."""
        from scipy.special import log_ndtr

        eta = np.asarray(eta)
        return np.asarray(-y * log_ndtr(eta) - (1.0 - y) * log_ndtr(-eta))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return y phi / Phi(eta) - (1 - y) phi / Phi(-eta), phi the normal density."""
        eta = np.asarray(eta)
        return np.asarray(y * _mills(eta)[0] - (1.0 - y) * _mills(-eta)[0])

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return the second derivative, y h (h + eta) + ..., h = phi / Phi(eta)."""
        eta = np.asarray(eta)
        (ones, ones_more), (zeros, zeros_more) = _mills(eta), _mills(-eta)
        return np.asarray(y * ones * ones_more + (1.0 - y) * zeros * zeros_more)

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f(eta) - f(x) + theta (eta - x), theta the residual at x; inf without an x."""
        y, eta, theta = np.broadcast_arrays(y, eta, theta)
        sign = np.where(theta < 0.0, -1.0, 1.0)
        share = np.where(theta < 0.0, 1.0 - y, y)  # by symmetry theta >= 0
        f = self.value(y, eta)
        inner = (share > 0.0) & ((share < 1.0) | (theta != 0.0))
        x = sign * self._dual_predictor(np.where(inner, share, 0.5), np.abs(theta))
        with np.errstate(invalid="ignore"):
            part = np.maximum(f - self.value(y, x) + theta * (eta - x), 0.0)
        part = np.where(inner, part, np.where(theta == 0.0, f, np.inf))
        near = inner & (np.abs(eta - x) <= _reach(y, eta))
        if near.any():
            part[near] = bregman_near(self, *(each[near] for each in (y, eta, theta, x)))
        return part

    def _dual_predictor(self, y: Vector, theta: Vector) -> Vector:
        # where the residual is theta >= 0, y > 0: between bounds on phi / Phi
        slope = theta / y
        with np.errstate(divide="ignore", invalid="ignore"):
            high = np.sqrt(-2.0 * np.log(np.minimum(slope * np.sqrt(0.5 * np.pi), 1.0)))
        low = -slope - (1.0 - y) / y

        def function(x: Vector) -> tuple[Vector, Vector]:
            return self.residual(y, x) - theta, self.curvature(y, x)

        return np.asarray(root(function, low, np.minimum(high, 40.0)))

    def link(self, mean: Any) -> Vector:
        """Return the normal quantile of the mean."""
        from scipy.special import ndtri

        return np.asarray(ndtri(mean))

    def mean(self, eta: Vector) -> Vector:
        """Return the probability Phi(eta)."""
        from scipy.special import ndtr

        return np.asarray(ndtr(eta))

    def _best(self, y: Vector, dispersion: float) -> Vector:
        return 2.0 * entropy_of_classes(y)


def bregman_near(loss: Loss, y: Vector, eta: Vector, theta: Vector, x: Vector) -> Vector:
    """Return f(eta) - f(x) + theta (eta - x), theta the residual at a near x, without cancellation.

    It is d^2 times the integral of u f''(eta - u d), and d = eta - x follows from that of f'',
    which is the difference of the residuals over d.
    """
    away = loss.residual(y, eta) - theta
    path = eta - np.multiply.outer(NODES, eta - x)
    d = -away / np.tensordot(SHARES, loss.curvature(y, path), 1)
    path = eta - np.multiply.outer(NODES, d)
    return np.asarray(d * d * np.tensordot(SHARES * NODES, loss.curvature(y, path), 1))


def _mills(x: Vector) -> tuple[Vector, Vector]:
    # h = phi(x) / Phi(x), and h + x without cancellation
    from scipy.special import erfcx

    h = np.sqrt(2.0 / np.pi) / erfcx(-np.maximum(x, TAIL) / np.sqrt(2.0))
    more = h + x
    tail = x < TAIL
    if np.any(tail):
        size = np.where(tail, -x, -TAIL)
        fraction = size
        for k in range(FRACTIONS, 1, -1):
            fraction = size + k / fraction
        more = np.where(tail, 1.0 / fraction, more)
        h = np.where(tail, size + more, h)
    return h, more


def _reach(y: Vector, eta: Vector) -> Vector:
    # distances over which f'' changes little enough for the integral
    decays = np.where(y == 1.0, eta, np.where(y == 0.0, -eta, 0.0))
    return np.minimum(1.0, 8.0 / np.maximum(decays, 1.0))
