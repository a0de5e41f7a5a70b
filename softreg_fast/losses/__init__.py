"""Losses: one class each, with the verbs that data, paths and folds need."""

from softreg_fast.losses.base import Loss
from softreg_fast.losses.squared import SQUARED, Squared

__all__ = ["SQUARED", "Loss", "Squared"]
