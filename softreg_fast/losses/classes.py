"""Losses of two classes: what their linear predictors say about the classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from softreg_fast.losses.base import Loss
from softreg_fast.options.types import Vector


class TwoClasses(Loss):
    """A loss of two classes that decides by the sign of eta.

    Attributes
    ----------
    labels : (float, float)
        Targets of the two classes, as `check` returns them; the second has positive predictors.
    """

    labels: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def classes(self, eta: Vector) -> Vector:
        """Return the target of the more probable class, at 0 that of the first."""
        return np.where(eta > 0.0, *self.labels[::-1])

    def strata(self, y: Vector) -> Vector | None:
        """Return the class of each target, or None if some are of both."""
        return y if np.isin(y, self.labels).all() else None

    def hits(self, y: Vector, eta: Vector) -> Vector:
        """Return the share of each target that is of the more probable class, at 0 of the first."""
        share = self.share(y)
        return np.asarray(np.where(eta > 0.0, share, 1.0 - share))

    def contests(self, y: Vector, eta: Vector) -> Iterator[tuple[Any, Vector, Vector]]:
        """Yield what an ROC curve compares: a class, the shares of it in y, and its scores."""
        yield self.labels[1], self.share(y), eta

    def share(self, y: Vector) -> Vector:
        """Return the share of the second class in each target: 0 or 1, or the proportion."""
        first, second = self.labels
        return (y - first) / (second - first)


class Binomial(TwoClasses):
    """A loss of two classes, or proportions of them, that is a log likelihood."""

    def probabilities(self, eta: Vector) -> Vector:
        """Return the probabilities of both classes, in a last axis."""
        return np.stack([self.mean(-eta), self.mean(eta)], axis=-1)

    def brier(self, y: Vector, eta: Vector) -> Vector:
        """Return the squared error of the probability of the second class."""
        share = self.share(y)
        each = share * np.square(self.mean(-eta)) + (1.0 - share) * np.square(self.mean(eta))
        return np.asarray(each)
