"""Losses: one class each, with the verbs that data, paths and folds need."""

from softreg_fast.losses.base import Loss
from softreg_fast.losses.by_name import as_loss
from softreg_fast.losses.cloglog import CLogLog
from softreg_fast.losses.cox import Cox
from softreg_fast.losses.huber import Huber
from softreg_fast.losses.logistic import Logistic
from softreg_fast.losses.multinomial import Multinomial
from softreg_fast.losses.negative_binomial import NegativeBinomial
from softreg_fast.losses.probit import Probit
from softreg_fast.losses.quantile import Quantile
from softreg_fast.losses.squared import SQUARED, Squared
from softreg_fast.losses.squared_hinge import SquaredHinge
from softreg_fast.losses.tweedie import Gamma, InverseGaussian, Poisson, Tweedie

__all__ = [
    "SQUARED",
    "CLogLog",
    "Cox",
    "Gamma",
    "Huber",
    "InverseGaussian",
    "Logistic",
    "Loss",
    "Multinomial",
    "NegativeBinomial",
    "Poisson",
    "Probit",
    "Quantile",
    "Squared",
    "SquaredHinge",
    "Tweedie",
    "as_loss",
]
