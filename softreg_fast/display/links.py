"""Means and linear predictors of losses of numbers, which are equal or joined by a logarithm."""

from __future__ import annotations

import numpy as np

from softreg_fast.losses import Loss
from softreg_fast.options.types import Vector


def predictors_of(loss: Loss, mean: Vector) -> Vector:
    """Return the linear predictors of means of numbers: they are the same, or their logarithms."""
    if has_log_link(loss):
        with np.errstate(divide="ignore"):
            return np.log(mean)
    return mean


def has_log_link(loss: Loss) -> bool:
    """Return whether the means of a loss are exponentials of its linear predictors."""
    return bool(loss.mean(np.zeros(1))[0] == 1.0)
