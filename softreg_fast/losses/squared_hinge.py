"""SquaredHinge: the loss of linear support vector machines that is smooth."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from softreg_fast.losses.base import refuse, weighted_mean
from softreg_fast.losses.classes import TwoClasses
from softreg_fast.options.types import Vector


class SquaredHinge(TwoClasses):
    """f(y, eta) = max(0, 1 - y eta)^2 for y = -1 or 1; 0 and 1 are taken for -1 and 1.

    There is no factor of 1/2, as in scikit-learn's LinearSVC. The conjugate at -theta is finite for
    y theta >= 0.

    References
    ----------
    Fan, Chang, Hsieh, Wang, Lin (2008), "LIBLINEAR", J. Mach. Learn. Res. 9.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import SquaredHinge
    >>> loss = SquaredHinge()
    >>> loss.value(loss.check(np.array([0.0, 1.0, 1.0])), 0.5)
    array([2.25, 0.25, 0.25])
    """

    kind = "squared hinge"
    is_likelihood = False
    labels: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    measure = "mean squared hinge loss"

    def check(self, y: Vector) -> Vector:
        """Return y as -1 and 1; it has to be 0 and 1 or -1 and 1."""
        low = -1.0 if np.any(y == -1.0) else 0.0
        advice = "code one class as 0 and the other as 1"
        refuse(self, y, (y != low) & (y != 1.0), f"two classes, {low:g} and 1", advice)
        return np.where(y == 1.0, 1.0, -1.0)

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        return weighted_mean(y, weight)

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return max(0, 1 - y eta)^2."""
        return np.asarray(np.square(np.maximum(1.0 - y * eta, 0.0)))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return 2 y max(0, 1 - y eta)."""
        return np.asarray(2.0 * y * np.maximum(1.0 - y * eta, 0.0))

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return 2 where y eta < 1, 0 elsewhere."""
        return np.asarray(2.0 * (y * eta < 1.0))

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return 2."""
        return np.full_like(y, 2.0)

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return f + a^2 / 4 - a (1 - y eta), a = y theta; infinite for a < 0."""
        missing, a = 1.0 - y * eta, y * theta
        counted = np.maximum(missing, 0.0)
        part = np.square(counted - 0.5 * a) + a * (counted - missing)
        return np.where(a < 0.0, np.inf, part)

    def mean(self, eta: Vector) -> Vector:
        """Return eta clipped to [-1, 1], the expectation of y where eta minimises that of f."""
        return np.clip(eta, -1.0, 1.0)
