"""Checks of single numbers and flags that callers pass; messages name the argument."""

from __future__ import annotations

import math
import numbers
from typing import Any, TypeGuard

import numpy as np


def is_integer(value: Any) -> TypeGuard[int]:
    """Return whether a value is an integer of any type, and not a bool."""
    # the first test is for speed: that of an abstract class takes a noticeable part of a small fit
    return type(value) is int or (
        isinstance(value, numbers.Integral) and not isinstance(value, bool)
    )


def is_real(value: Any) -> TypeGuard[float]:
    """Return whether a value is a real number of any type, and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def check_flag(name: str, value: Any) -> bool:
    """Return a bool; raise TypeError for any other type."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_count(name: str, value: Any, least: int = 1, or_none: bool = False) -> int:
    """Return an integer >= `least`; raise ValueError otherwise, saying whether None would do."""
    if not is_integer(value) or value < least:
        also = " or None" if or_none else ""
        raise ValueError(f"{name} must be an integer >= {least}{also}, got {value!r}.")
    return int(value)


def check_number(
    name: str,
    value: Any,
    low: float = -np.inf,
    high: float = np.inf,
    low_open: bool = False,
) -> float:
    """Return a finite real number in [low, high] (or (low, high]); raise an error otherwise."""
    # fast path for the usual case: isinstance(value, numbers.Real) takes a noticeable part of the
    # time of a small fit
    if type(value) is float and math.isfinite(value) and low < value <= high:
        return value
    if not is_real(value):
        raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__}).")
    number = float(value)
    below = number <= low if low_open else number < low
    if not np.isfinite(number) or below or number > high:
        where = f" {'>' if low_open else '>='} {low:g}" if np.isfinite(low) else ""
        if np.isfinite(high):
            where = f" in {'(' if low_open else '['}{low:g}, {high:g}]"
        raise ValueError(f"{name} must be a finite number{where}, got {value!r}.")
    return number
