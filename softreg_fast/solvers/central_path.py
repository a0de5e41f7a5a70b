"""Parts of a problem along its central path: what has a kink, and what has a bound.

At the optimum the products of complementary numbers are 0: a residual above its kink and the slack
of the dual point below its largest value, for example. Along the central path all are m > 0. Each
part knows its products, and the change of its dual point with the predictor e that it sees:

    new dual = goal - curvature * e,

from Newton's method for products of m, with the second-order terms of an earlier estimate of the
step (Mehrotra 1992).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from softreg_fast.options.types import Vector

TINY = 1e-300


class Way(NamedTuple):
    """A step: of the predictor, the dual point without weights, and the residual's two parts."""

    e: Vector
    dual: Vector
    above: Vector
    below: Vector


class Kink:
    """sum_i s_i f(r_i) with f(r) = top r for r > 0, -bottom r below; dual points in [-bottom, top].

    Residuals are split, r = above - below, and the dual point has two slacks,
    theta = top - upper = lower - bottom; products are above * upper and below * lower.

    Parameters
    ----------
    r : ndarray (n,)
    top, bottom : float or ndarray (n,)
    m : float > 0
        The products at first.
    s : ndarray (n,) or float
        Weights.
    """

    def __init__(self, r: Vector, top: Any, bottom: Any, m: float, s: Any = 1.0) -> None:
        self.r, self.top, self.bottom, self.s = r, top, bottom, s
        half = m / (top + bottom)
        rest = half + 2.0 * half * (half / np.maximum(np.hypot(r, 2.0 * half) + np.abs(r), TINY))
        self.above = np.maximum(rest + np.maximum(r, 0.0), TINY)
        self.below = np.maximum(rest + np.maximum(-r, 0.0), TINY)
        self.upper = np.maximum(m / self.above, TINY)
        self.lower = np.maximum(m / self.below, TINY)

    @classmethod
    def in_the_middle(cls, r: Vector, top: Any, bottom: Any, size: Any, s: Any = 1.0) -> Kink:
        """Return a kink with the dual point 0, where the smaller part of a residual is `size`."""
        kink = cls(r, top, bottom, 1.0, s)
        kink.above, kink.below = size + np.maximum(r, 0.0), size + np.maximum(-r, 0.0)
        kink.upper, kink.lower = top + np.zeros_like(r), bottom + np.zeros_like(r)
        return kink

    @property
    def n_products(self) -> float:
        """Number of products, a sample counted by its weight."""
        return 2.0 * float(np.sum(self.s * np.ones(len(self.r))))

    @property
    def curvature(self) -> Vector:
        """Derivative of the dual point, with weights, by the residual."""
        return np.asarray(self.s / (self.above / self.upper + self.below / self.lower))

    @property
    def dual(self) -> Vector:
        """The dual point, with weights, from the smaller slack: the other has lost the digits."""
        near = self.upper < self.lower
        return np.asarray(self.s * np.where(near, self.top - self.upper, self.lower - self.bottom))

    def products(self, t: float = 0.0, way: Way | None = None) -> float:
        """Return the sum of the products, after the share t of a step."""
        if way is None:
            both = self.above * self.upper + self.below * self.lower
        else:
            both = (self.above + t * way.above) * (self.upper - t * way.dual)
            both += (self.below + t * way.below) * (self.lower + t * way.dual)
        return float(np.sum(self.s * both))

    def goal(self, m: float, last: Way | None) -> Vector:
        """Return the new dual point, with weights, where e is 0."""
        up, down = self._aims(m, last)
        pull = self.r - up / self.upper + down / self.lower
        return np.asarray(self.dual + self.curvature * pull)

    def _aims(self, m: float, last: Way | None) -> tuple[Any, Any]:
        if last is None:
            return m, m
        return m + last.dual * last.above, m - last.dual * last.below

    def way(self, e: Vector, dual: Vector, m: float, last: Way | None) -> Way:
        """Return the step of all, given those of the predictor and of the dual point."""
        up, down = self._aims(m, last)
        theta = dual / self.s
        above = (up + self.above * theta) / self.upper - self.above
        return Way(e, theta, above, (down - self.below * theta) / self.lower - self.below)

    def reach(self, way: Way) -> float:
        """Return the length at which something becomes 0."""
        return min(
            _reach(self.above, way.above),
            _reach(self.below, way.below),
            _reach(self.upper, -way.dual),
            _reach(self.lower, way.dual),
        )

    def move(self, t: float, way: Way) -> None:
        """Take the share t of a step."""
        self.r = self.r - t * way.e
        self.above = np.maximum(self.above + t * way.above, TINY)
        self.below = np.maximum(self.below + t * way.below, TINY)
        self.upper = np.maximum(self.upper - t * way.dual, TINY)
        self.lower = np.maximum(self.lower + t * way.dual, TINY)

    def at_kink(self, length: float) -> Any:
        """Return where r is taken for 0: it is a smaller share of `length` than a slack of all."""
        size, room = np.maximum(self.above, self.below), np.minimum(self.upper, self.lower)
        return size * (self.top + self.bottom) < length * room


class Bound:
    """A bound on coefficients; the product is that of the distance and a multiplier.

    Parameters
    ----------
    distance : ndarray (n,), positive
    sign : 1.0 for a lower bound, -1.0 for an upper one
    m : float > 0
    """

    def __init__(self, distance: Vector, sign: float, m: float) -> None:
        self.distance, self.sign = distance, sign
        self.multiplier = np.maximum(m / distance, TINY)

    @property
    def n_products(self) -> float:
        """Number of products."""
        return float(len(self.distance))

    @property
    def curvature(self) -> Vector:
        """Derivative of the dual point, by minus the coefficient."""
        return self.multiplier / self.distance

    @property
    def dual(self) -> Vector:
        """Addition of the bound to the slope."""
        return self.sign * self.multiplier

    def products(self, t: float = 0.0, way: Way | None = None) -> float:
        """Return the sum of the products, after the share t of a step."""
        if way is None:
            return float(np.sum(self.distance * self.multiplier))
        return float(np.sum((self.distance + t * way.above) * (self.multiplier + t * way.below)))

    def goal(self, m: float, last: Way | None) -> Vector:
        """Return the new dual point where e is 0."""
        return np.asarray(self.sign * self._aim(m, last) / self.distance)

    def _aim(self, m: float, last: Way | None) -> Any:
        return m if last is None else m - last.above * last.below

    def way(self, e: Vector, dual: Vector, m: float, last: Way | None) -> Way:
        """Return the step of all, given those of the coefficient and of the dual point."""
        return Way(e, dual, self.sign * e, self.sign * dual)

    def reach(self, way: Way) -> float:
        """Return the length at which something becomes 0."""
        return min(_reach(self.distance, way.above), _reach(self.multiplier, way.below))

    def move(self, t: float, way: Way) -> None:
        """Take the share t of a step."""
        self.distance = np.maximum(self.distance + t * way.above, TINY)
        self.multiplier = np.maximum(self.multiplier + t * way.below, TINY)

    def at_bound(self, length: float, slope: float) -> Any:
        """Return where the bound is taken to be reached, as `Kink.at_kink`."""
        return self.distance * slope < length * self.multiplier


def _reach(x: Vector, step: Vector) -> float:
    # the largest t with x + t step >= 0
    falls = step < 0.0
    with np.errstate(over="ignore"):
        return float(np.min(x[falls] / -step[falls], initial=np.inf))
