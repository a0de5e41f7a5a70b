"""The meaning of coefficients under a loss, in words."""

from __future__ import annotations

from softreg_fast.display.links import has_log_link
from softreg_fast.losses import Logistic, Loss
from softreg_fast.losses.classes import TwoClasses


def meaning_of(loss: Loss, classes: tuple[str, ...] | None) -> tuple[str, str]:
    """Return what a coefficient changes, and what its exponential multiplies; "" for nothing."""
    if loss.kind == "cox":
        return "the logarithm of the hazard", "hazard ratio"
    if isinstance(loss, Logistic):
        return f"the log odds of {(classes or ('0', '1'))[-1]}", "factor of odds"
    if loss.kind == "multinomial":
        return "the predictor of each class, the logarithm of its probability up to a sum,", ""
    if isinstance(loss, TwoClasses):
        return f"the predictor, > 0 for {(classes or ('0', '1'))[-1]},", ""
    if has_log_link(loss):
        return "the logarithm of the prediction", "factor"
    return "the prediction", ""
