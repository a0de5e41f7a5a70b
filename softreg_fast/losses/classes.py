"""Losses of two classes: what their linear predictors say about the classes."""

from __future__ import annotations

from collections.abc import Iterator
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

    def strata(self, y: Vector) -> Vector | None:
        """Return the class of each target, or None if some are of both."""
        return y if np.isin(y, self.labels).all() else None

    def hits(self, y: Vector, eta: Vector) -> Vector:
        """Return the share of each target that is of the more probable class."""
        share = self.share(y)
        return np.asarray(np.where(eta > self.middle, share, 1.0 - share))

    def codes(self, eta: Vector) -> NDArray[np.intp]:
        """Return the number of the more probable class, 0 or 1."""
        return (eta > self.middle).astype(np.intp)

    def contests(
        self, names: list[Any], y: Vector, eta: Vector
    ) -> Iterator[tuple[str, str, Vector, Vector]]:
        """Yield what an ROC curve compares: the names of a class and of the other one, the shares
        of the class in y, and its scores.
        """
        yield shown(names[1]), shown(names[0]), self.share(y), eta

    def share(self, y: Vector) -> Vector:
        """Return the share of the second class in each target: 0 or 1, or the proportion."""
        first, second = self.labels
        return (y - first) / (second - first)


def labels_at(loss: Any, eta: Vector, classes: NDArray[Any] | None) -> NDArray[Any]:
    """Return the label of the more probable class for linear predictors.

    The labels are `classes`, if these are given instead of the loss's own targets.
    """
    if classes is None or not hasattr(loss, "codes"):
        return np.asarray(loss.classes(eta))
    return np.asarray(classes[loss.codes(eta)])


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

    def brier(self, y: Vector, eta: Vector) -> Vector:
        """Return the squared error of the probability of the second class."""
        share = self.share(y)
        each = share * np.square(self.complement(eta)) + (1.0 - share) * np.square(self.mean(eta))
        return np.asarray(each)

    def complement(self, eta: Vector) -> Vector:
        """Return the probability of the first class, without cancellation."""
        return self.mean(-eta)
