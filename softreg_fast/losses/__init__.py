"""Losses: one class each, with the verbs that data, paths and folds need."""

from __future__ import annotations

from typing import Any

from softreg_fast.losses.base import Loss
from softreg_fast.losses.squared import SQUARED, Squared

__all__ = ["SQUARED", "Loss", "Squared", "as_loss"]


def as_loss(value: Any) -> Loss:
    """Return the loss of this name, or the Loss itself.

    Raises
    ------
    ValueError
        For a name that is not known.
    """
    if isinstance(value, Loss):
        return value
    if value != "squared":
        raise ValueError(f"loss must be 'squared' or a Loss, got {value!r}.")
    return SQUARED
