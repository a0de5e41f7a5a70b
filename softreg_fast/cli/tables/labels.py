"""Targets that are the names of two classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from softreg_fast.cli.tables.cells import as_number
from softreg_fast.cli.tables.roles import Vector
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import composed, listed

# Advice for a target of text where numbers are expected.
HINT = ", or say --loss logistic if they are the names of two classes"


def classes_of(given: Any, where: str, decimal: str = ".") -> tuple[Vector, tuple[str, str] | None]:
    """Return a target as 0 and 1, and the names of these classes.

    Numbers from 0 to 1 stay as they are, without names, and so do those of more than two values,
    which no loss of classes takes.

    Parameters
    ----------
    given : sequence of str, or array of finite numbers
    where : str
        File and column, for messages.
    decimal : str
        Decimal mark of numbers in text.

    Raises
    ------
    InputError
        For text that is not the names of two classes.
    """
    values = np.asarray(given)
    if values.dtype.kind not in "fiu":
        levels, place = np.unique([composed(str(each)) for each in values], return_inverse=True)
        numbers = [as_number(level, decimal) for level in levels.tolist()]
        if None in numbers:
            return _two_of(levels.tolist(), place, where)
        values = np.array(numbers, np.float64)[place]
    values = values.astype(np.float64)
    levels = np.unique(values)
    if len(levels) != 2 or (levels[0] >= 0.0 and levels[1] <= 1.0):
        return values, None
    return _two_of([f"{level:.15g}" for level in levels], values == levels[1], where)


def _two_of(names: Sequence[str], place: Any, where: str) -> tuple[Vector, tuple[str, str]]:
    if len(names) != 2:
        held = "one label only" if len(names) == 1 else f"{len(names)} different labels"
        raise InputError(
            f"{where} holds {held} ({listed(list(names), 5)}); expected the names of two classes"
        )
    return np.asarray(place, np.float64), (str(names[0]), str(names[1]))
