"""Levels that are hardly categories: names of rows, numbers and dates as text, misspelt ones."""

from __future__ import annotations

import re
import warnings
from typing import Any

from softreg_fast.data.dates import looks_like_dates, read_as_dates
from softreg_fast.data.levels import Levels
from softreg_fast.data.names import counted
from softreg_fast.options.callers import level_of_caller
from softreg_fast.options.spelling import composed

# Text of more levels than this that reads as numbers is not meant as categories.
MOST_NUMBERS = 20

NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
WITH_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")


class Problems:
    """Obstacles to coding the columns of a frame, to be told at once.

    Attributes
    ----------
    missing : dict
        Labels of the columns with missing values, and in how many rows.
    empty : list
        Labels of the columns without any value.
    dates : list
        Labels of the columns of dates whose parts are not stated.
    durations : list
        Labels of the columns of durations or times of day.
    others : list of str
        What is wrong with single columns, and what to do.
    """

    def __init__(self) -> None:
        self.missing: dict[Any, int] = {}
        self.empty: list[Any] = []
        self.dates: list[Any] = []
        self.durations: list[Any] = []
        self.others: list[str] = []

    def check(self) -> None:
        """Raise ValueError if there are any, which names all columns and the remedies."""
        clauses = []
        if self.missing:
            clauses.append(
                f"values are missing in {_columns(self.missing)} {counted(self.missing)}: "
                "missing='drop' leaves such rows out, missing='indicator' keeps them"
            )
        if self.empty:
            clauses.append(
                f"no row has a value in {_columns(self.empty)} {_all(self.empty)}: "
                "leave such columns out"
            )
        if self.dates:
            clauses.append(
                f"dates are in {_columns(self.dates)} {_all(self.dates)}: state the parts that "
                "count, such as dates=['year', 'month', 'dayofweek'], or leave them out"
            )
        if self.durations:
            clauses.append(
                f"durations or times of day are in {_columns(self.durations)} "
                f"{_all(self.durations)}: turn them into numbers, such as hours, or leave them out"
            )
        clauses += self.others
        if clauses:
            raise ValueError(f"X cannot be fitted as it is: {'; '.join(clauses)}.")


def _columns(labels: Any) -> str:
    return "the column" if len(labels) == 1 else f"the {len(labels)} columns"


def _all(labels: Any) -> str:
    return ", ".join(map(repr, labels))


def problem_of_text(label: Any, found: Levels) -> str | None:
    """Return what is wrong with a column of text, and what to do; None: it has levels."""
    values, n = found.values, len(found.codes)
    if looks_like_dates(values):
        readable = sum(each is not None for each in read_as_dates(values))
        said = f"column {label!r} holds dates as text, such as {values[0]!r}: "
        if 2 * readable > len(values):
            return (
                said + f"state the parts that count, such as dates={{{label!r}: ['year', 'month']}}"
            )
        return said + "convert it, as pandas.to_datetime does with the format of its dates"
    if problem := _problem_of_numbers(label, found):
        return problem
    if len(values) == n > 2:
        return (
            f"column {label!r} has another text in each of the {n} rows, such as {values[0]!r}, so "
            "that it names the rows and says nothing about others: leave it out"
        )
    return None


def _problem_of_numbers(label: Any, found: Levels) -> str | None:
    texts = [each for each in found.values if isinstance(each, str)]
    if not any(NUMBER.match(each) for each in texts[:MOST_NUMBERS]):  # sorted: digits come early
        return None
    numbers = [each for each in texts if NUMBER.fullmatch(each)]
    commas = [each for each in texts if WITH_COMMA.fullmatch(each)]
    if commas and len(numbers) + len(commas) == len(texts) > MOST_NUMBERS:
        return (
            f"column {label!r} holds numbers with commas as text, such as {commas[0]!r}: read the "
            "file with decimal=',' or thousands=',', whichever is meant"
        )
    if len(numbers) <= MOST_NUMBERS or len(numbers) < 0.9 * len(texts):
        return None
    remedy = (
        "convert it, as pandas.to_numeric(errors='coerce') does, or, if categories are meant, with "
        "astype('category')"
    )
    if len(numbers) < len(texts):
        other = next(each for each in texts if not NUMBER.fullmatch(each))
        row = found.codes.tolist().index(found.values.index(other))
        return f"column {label!r} holds numbers as text, but {other!r} in row {row}: {remedy}"
    if any("." in each for each in numbers):
        return f"column {label!r} holds numbers as text, such as {numbers[0]!r}: {remedy}"
    return None


def warn_of_levels(label: Any, values: tuple[Any, ...]) -> None:
    """Warn of a single level, and of levels that differ in spaces or case only."""
    if len(values) == 1:
        _warn(
            f"Column {label!r} has one level, {values[0]!r}, in all rows, so that it explains "
            "nothing; leave it out."
        )
    if alike := _alike(values):
        _warn(
            f"The levels {alike[0]!r} and {alike[1]!r} of column {label!r} differ in spaces or "
            "case only; if they are the same, give them one name."
        )


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=level_of_caller())


def _alike(levels: tuple[Any, ...]) -> tuple[str, str] | None:
    texts = [level for level in levels if isinstance(level, str)]
    keys = [" ".join(composed(level).split()).casefold() for level in texts]
    if len(set(keys)) == len(keys):
        return None
    seen: dict[str, str] = {}
    for key, level in zip(keys, texts, strict=True):
        if key in seen:
            return seen[key], level
        seen[key] = level
    return None
