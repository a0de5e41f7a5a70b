"""Conversions of the text of options: to numbers, characters and choices.

Each raises argparse.ArgumentTypeError for text that it cannot convert.
"""

from __future__ import annotations

import argparse
import math
import re

from softreg_fast.cli.tables.cells import as_number
from softreg_fast.options.choices import DATE_PARTS
from softreg_fast.options.spelling import composed


def number(text: str, low: float, high: float, low_open: bool = False) -> float:
    """Return the number from `low` to `high` in a text; `low_open` leaves out `low` itself."""
    value = as_number(text)
    if value is None:
        value = float("nan")
    if not (low < value if low_open else low <= value) or not value <= high or math.isinf(value):
        wanted = f"{'>' if low_open else '>='} {low:g}"
        if math.isfinite(high):
            wanted += f" and <= {high:g}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {wanted}")
    return value


def nonnegative(text: str) -> float:
    """Return the number >= 0 in a text."""
    return number(text, 0.0, math.inf)


def positive(text: str) -> float:
    """Return the number > 0 in a text."""
    return number(text, 0.0, math.inf, low_open=True)


def eps(text: str) -> float | str:
    """Return the number > 0 and <= 1 in a text, or "auto"."""
    return text if text == "auto" else number(text, 0.0, 1.0, low_open=True)


def ratio(text: str) -> float:
    """Return the number from 0 to 1 in a text."""
    return number(text, 0.0, 1.0)


def numbers(text: str) -> list[float]:
    """Return the numbers >= 0 in a comma-separated list."""
    return [nonnegative(word) for word in text.split(",")]


def integer(text: str) -> int:
    """Return the whole number in a text."""
    if not re.fullmatch(r"[-+]?[0-9]{1,100}", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def count(text: str, least: int = 1) -> int:
    """Return the whole number >= `least` in a text."""
    if (value := integer(text)) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not >= {least}")
    if value >= 2**63:  # the kernels count in int64
        raise argparse.ArgumentTypeError(f"{text!r} is not < 2^63")
    return value


def loss(text: str) -> str:
    """Return the name of a loss in a text, with the number that some need, as in huber:1.35."""
    if text == "squared":  # the default; importing the losses takes a quarter of a second
        return text
    from softreg_fast.losses.by_name import loss_of_text

    try:
        loss_of_text(text)
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def folds(text: str) -> int:
    """Return the number of folds in a text."""
    return count(text, 2)


def seed(text: str) -> int | str:
    """Return the seed of a shuffle in a text, or "none"."""
    if text == "none":
        return text
    if not 0 <= (value := integer(text)) < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0 to {2**32 - 1}, or none")
    return value


def threads(text: str) -> int:
    """Return the number of threads in a text; negative ones count from all cores down."""
    if (value := integer(text)) == 0:
        raise argparse.ArgumentTypeError("0 has no meaning; -1 is all cores")
    return value


def delimiter(text: str) -> str:
    """Return the delimiter of a text table, which may be spelt tab or space."""
    character = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(character) != 1 or character in "\"'\r\n\0.+-" or character.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, tab or space")
    if not character.isascii():
        raise argparse.ArgumentTypeError(f"{text!r} is not a character of ASCII, tab or space")
    return character


def selection(text: str) -> tuple[str, float]:
    """Return the model of a path that a text names, as (dev, alpha or index; its number)."""
    kind, _, value = text.partition("=")
    if kind == "dev":
        return kind, ratio(value)
    if kind == "alpha":
        return kind, nonnegative(value)
    if kind == "index":
        return kind, integer(value)
    raise argparse.ArgumentTypeError(f"{text!r} is not dev=, alpha= or index= with a number")


def encoding(text: str) -> str:
    """Return the name of an encoding of text."""
    try:
        "a".encode(text)
    except (LookupError, UnicodeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the name of an encoding, such as cp1252, latin-1 or utf-16"
        ) from None
    return text


def dates(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the column, None for all, and the parts of dates in PARTS or COLUMN=PARTS.

    Parts are separated by commas or plus signs.
    """
    column, equals, listed = text.rpartition("=")
    parts = tuple(part.strip() for part in re.split("[,+]", listed))
    for part in parts:
        if part not in DATE_PARTS:
            raise argparse.ArgumentTypeError(
                f"{part!r} is not a part of a date; expected {', '.join(DATE_PARTS)}, as in "
                "year,month or COLUMN=year+month"
            )
    if len(set(parts)) < len(parts):
        raise argparse.ArgumentTypeError(f"{text!r} names a part of dates twice")
    return (composed(column) if equals else None), parts
