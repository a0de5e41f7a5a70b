"""Targets that are the names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from softreg_fast.cli.tables.cells import as_number
from softreg_fast.cli.tables.roles import Vector
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import composed, listed

# Advice for a target of text where numbers are expected.
HINT = ", or say --loss logistic if they are the names of two classes, --loss multinomial of more"


def classes_of(
    given: Any,
    where: str,
    decimal: str = ".",
    several: bool = False,
    known: tuple[str, ...] | None = None,
) -> tuple[Vector, tuple[str, ...] | None]:
    """Return a target as 0, 1, ..., and the names of these classes.

    Of two classes numbers from 0 to 1 stay as they are, without names, and so do those of more than
    two values, which no loss of two classes takes.

    Parameters
    ----------
    given : sequence of str, or array of finite numbers
    where : str
        File and column, for messages.
    decimal : str
        Decimal mark of numbers in text.
    several : bool, default=False
        Whether there may be more than two classes.
    known : tuple of str or None, default=None
        Names of the classes of a model; None: those that are found.

    Raises
    ------
    InputError
        For text that is not the names of two classes; of several for one label only, and for
        numbers that are not whole; for labels that are not known.
    """
    values = np.asarray(given)
    if known is not None:
        return _among(known, values, where, decimal), known
    if values.dtype.kind not in "fiu":
        levels, place = np.unique([composed(str(each)) for each in values], return_inverse=True)
        numbers = [as_number(level, decimal) for level in levels.tolist()]
        if None in numbers:
            return _named(levels.tolist(), place, where, several)
        values = np.array(numbers, np.float64)[place]
    values = values.astype(np.float64)
    levels, place = np.unique(values, return_inverse=True)
    if several:
        if (levels != np.round(levels)).any():
            part = float(levels[levels != np.round(levels)][0])
            raise InputError(
                f"{where} holds {part!r}; expected the names of classes, or whole numbers for them"
            )
        return _named([f"{level:.15g}" for level in levels], place, where, several)
    if len(levels) != 2 or (levels[0] >= 0.0 and levels[1] <= 1.0):
        return values, None
    return _named([f"{level:.15g}" for level in levels], place, where, several)


def _named(
    names: Sequence[str], place: Any, where: str, several: bool
) -> tuple[Vector, tuple[str, ...]]:
    if len(names) < 2 or (len(names) > 2 and not several):
        held = "one label only" if len(names) == 1 else f"{len(names)} different labels"
        wanted = "the names of two classes" if not several else "the names of at least two classes"
        more = "; --loss multinomial is for more" if len(names) > 2 else ""
        raise InputError(
            f"{where} holds {held} ({listed(list(names), 5)}); expected {wanted}{more}"
        )
    return np.asarray(place, np.float64), tuple(map(str, names))


def _among(known: tuple[str, ...], values: Any, where: str, decimal: str) -> Vector:
    """Return the positions of labels among the classes of a model; proportions as they are."""
    if values.dtype.kind in "fiu":
        numbers: list[float | None] = values.astype(np.float64).tolist()
    else:
        values = [composed(str(each)) for each in values]
        numbers = [as_number(each, decimal) for each in values]
    texts = list(map(str, values))
    if None not in numbers:
        shares = np.array(numbers, np.float64)
        if known == ("0", "1") and shares.min() >= 0.0 and shares.max() <= 1.0:
            return shares
        texts = [f"{number:.15g}" for number in numbers]
    place = {name: k for k, name in enumerate(known)}
    row = next((k for k, text in enumerate(texts) if text not in place), None)
    if row is not None:
        raise InputError(
            f"{where}, row {row + 1} holds {texts[row][:40]!r}, which is none of the classes of "
            f"the model ({listed(known, 5)}); correct it, or leave such rows out"
        )
    return np.array([place[text] for text in texts], np.float64)
