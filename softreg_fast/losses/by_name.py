"""Losses by name."""

from __future__ import annotations

from typing import Any

from softreg_fast.losses.base import Loss
from softreg_fast.losses.logistic import Logistic
from softreg_fast.losses.probit import Probit
from softreg_fast.losses.squared import SQUARED
from softreg_fast.losses.squared_hinge import SquaredHinge
from softreg_fast.losses.tweedie import Gamma, InverseGaussian, Poisson

_LOGISTIC = Logistic()
BY_NAME: dict[str, Loss] = {
    "squared": SQUARED,
    "logistic": _LOGISTIC,
    "binomial": _LOGISTIC,
    "poisson": Poisson(),
    "gamma": Gamma(),
    "inverse_gaussian": InverseGaussian(),
    "probit": Probit(),
    "squared_hinge": SquaredHinge(),
}

# Losses that need a number.
WITH_NUMBER = {
    "tweedie": "Tweedie(power=1.5)",
    "negative_binomial": "NegativeBinomial(theta=2.0)",
    "huber": "Huber(delta=1.35)",
}


def as_loss(value: Any) -> Loss:
    """Return a loss, given itself or its name.

    Parameters
    ----------
    value : Loss or str
        "squared", "logistic" or "binomial", "poisson", "gamma", "inverse_gaussian", "probit",
        "squared_hinge".

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> from softreg_fast.losses import as_loss
    >>> as_loss("poisson")
    Poisson()
    """
    if isinstance(value, Loss):
        return value
    if isinstance(value, str) and value in BY_NAME:
        return BY_NAME[value]
    if isinstance(value, str) and value in WITH_NUMBER:
        raise ValueError(f"loss={value!r} needs its number: loss=sf.losses.{WITH_NUMBER[value]}.")
    names = ", ".join(map(repr, BY_NAME))
    objects = " or ".join(f"sf.losses.{each}" for each in WITH_NUMBER.values())
    raise ValueError(f"loss must be one of {names}, or an object such as {objects}; got {value!r}.")
