"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softreg_fast.losses.base import Loss
from softreg_fast.losses.cloglog import CLogLog
from softreg_fast.losses.cox import Cox
from softreg_fast.losses.huber import Huber
from softreg_fast.losses.logistic import Logistic
from softreg_fast.losses.multinomial import Multinomial
from softreg_fast.losses.negative_binomial import NegativeBinomial
from softreg_fast.losses.probit import Probit
from softreg_fast.losses.quantile import Quantile
from softreg_fast.losses.squared import SQUARED
from softreg_fast.losses.squared_hinge import SquaredHinge
from softreg_fast.losses.tweedie import Gamma, InverseGaussian, Poisson, Tweedie
from softreg_fast.options.choices import TIES

_LOGISTIC = Logistic()
BY_NAME: dict[str, Loss] = {
    "squared": SQUARED,
    "logistic": _LOGISTIC,
    "binomial": _LOGISTIC,
    "multinomial": Multinomial(),
    "poisson": Poisson(),
    "gamma": Gamma(),
    "inverse_gaussian": InverseGaussian(),
    "probit": Probit(),
    "quantile": Quantile(0.5),
    "cloglog": CLogLog(),
    "cox": Cox(),
    "squared_hinge": SquaredHinge(),
}

# Losses that need a number.
WITH_NUMBER = {
    "tweedie": "Tweedie(power=1.5)",
    "negative_binomial": "NegativeBinomial(theta=2.0)",
    "huber": "Huber(delta=1.35)",
}

# The same by the names that texts give them, with the number behind a colon.
NUMBERED: dict[str, Callable[[float], Loss]] = {
    "tweedie": Tweedie,
    "negative_binomial": NegativeBinomial,
    "huber": Huber,
    "quantile": Quantile,
}


def loss_of_text(text: str) -> Loss:
    """Return the loss that a text names, such as "poisson" or "tweedie:1.5".

    Raises
    ------
    ValueError
        For a text that names none, and for a number that is missing or out of range.
    """
    name, colon, number = text.partition(":")
    if not colon and name in BY_NAME:
        return BY_NAME[name]
    if text == "multinomial:grouped":
        return Multinomial(grouped=True)
    if name == "cox" and number in TIES:
        return Cox(number)
    if name in NUMBERED:
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f"{text!r} needs a number behind a colon, as in {name}:1.5") from None
        return NUMBERED[name](value)
    others = ["multinomial:grouped", "cox:efron", *(f"{each}:NUMBER" for each in NUMBERED)]
    names = ", ".join([*BY_NAME, *others])
    raise ValueError(f"{text!r} is no loss; expected one of {names}")


def as_loss(value: Any) -> Loss:
    """Return a loss, given itself or its name.

    Parameters
    ----------
    value : Loss or str
        "squared", "logistic" or "binomial", "multinomial", "poisson", "gamma", "inverse_gaussian",
        "probit", "cloglog", "quantile" (the median), "cox", "squared_hinge".

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
