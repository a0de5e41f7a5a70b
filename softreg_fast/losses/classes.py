"""Losses of two classes: what their linear predictors say about the classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.losses.base import Loss
from softreg_fast.options.types import Vector


class TwoClasses(Loss):
    """A loss of two classes that decides by the side of eta.

    Attributes
    ----------
    middle : float
        Predictor at which neither class is more probable.
    labels : (float, float)
        Targets of the two classes, as `check` returns them; the second has positive predictors.
    """

    labels: ClassVar[tuple[float, ...]] = (0.0, 1.0)
    middle: ClassVar[float] = 0.0

    def classes(self, eta: Vector) -> Vector:
        """Return the target of the more probable class, in the middle that of the first."""
        return np.where(eta > self.middle, *self.labels[::-1])

    def share(self, y: Vector) -> Vector:
        """Return the share of the second class in each target: 0 or 1, or the proportion."""
        first, second = self.labels
        return (y - first) / (second - first)


def shown(label: Any) -> str:
    """Return a label as messages show it: in quotes if it is text, without .0 if it is a number."""
    return f"{label:g}" if isinstance(label, float) else repr(label)


class Binomial(TwoClasses):
    """A loss of two classes, or proportions of them, that is a log likelihood."""

    def falls_for_ever(self, y: Vector) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return for which targets f falls all the way to -inf, and to inf: those of a class."""
        return y == 0.0, y == 1.0

    def probabilities(self, eta: Vector) -> Vector:
        """Return the probabilities of both classes, in a last axis."""
        return np.stack([self.complement(eta), self.mean(eta)], axis=-1)

    def complement(self, eta: Vector) -> Vector:
        """Return the probability of the first class, without cancellation."""
        return self.mean(-eta)
