"""Columns of a coding: the features of a column of numbers, of levels and of dates.

Each kind names its features, makes them of a column of another frame, and is written to JSON.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from softreg_fast.data.dates import (
    LEVELS,
    NUMBERS,
    Instants,
    instants_in,
    part_of,
    read_as_dates,
    shown,
)
from softreg_fast.data.frames import missing_in, numbers_in
from softreg_fast.data.levels import Levels, levels_of
from softreg_fast.data.names import listed
from softreg_fast.options.hints import suggestion
from softreg_fast.options.scalars import is_real
from softreg_fast.options.types import Index, Vector

# The end of the name of a feature that is 1 where a column has no value.
MISSING = "missing"


class Codes(NamedTuple):
    """The features of levels: which of them is 1 in each row, -1 for none, and their number."""

    codes: Index
    n_levels: int


# Features as they are added to a matrix: a column of numbers, or several of levels.
Piece: TypeAlias = Vector | Codes


class NumberColumn(NamedTuple):
    """A column of numbers or booleans, which is one feature.

    Attributes
    ----------
    mean : float or None
        Number in place of a missing value; None: it is an error.
    indicator : bool
        Whether a second feature is 1 where the value is missing.
    """

    mean: float | None = None
    indicator: bool = False

    def names(self, label: Any) -> list[Any]:
        """Return the names of the features of a column with this label."""
        return [label, f"{label}={MISSING}"] if self.indicator else [label]

    def pieces(self, column: Any, label: Any, unknown: str) -> Iterator[Piece]:
        """Yield the features of a column."""
        yield from self.pieces_of(numbers_in(column))

    def pieces_of(self, values: Vector) -> Iterator[Piece]:
        """Yield the features of numbers."""
        missing = np.isnan(values) if self.indicator or self.mean is not None else None
        if missing is not None and self.mean is not None and missing.any():
            values = np.where(missing, self.mean, values)
        yield values
        if self.indicator:
            yield np.asarray(missing, np.float64)

    def lacks(self, column: Any, unknown: str) -> int:
        """Return the number of missing values that have no meaning."""
        return 0 if self.mean is not None else int(np.count_nonzero(missing_in(column)))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        held: dict[str, Any] = {"kind": "number"}
        return held if self.mean is None else held | {"mean": self.mean, MISSING: self.indicator}


class LevelColumn(NamedTuple):
    """A column of categories or text, of which each level is a feature of 0 and 1.

    Attributes
    ----------
    values : tuple
        The levels, in the order of their features.
    indicator : bool
        Whether a missing value is a level of its own, the last.
    """

    values: tuple[Any, ...]
    indicator: bool = False

    def names(self, label: Any) -> list[Any]:
        """Return the names of the features of a column with this label."""
        shown = [f"{label}={each}" for each in self.values]
        return [*shown, f"{label}={MISSING}"] if self.indicator else shown

    def pieces(self, column: Any, label: Any, unknown: str) -> Iterator[Piece]:
        """Yield the features of a column.

        Raises
        ------
        ValueError
            For levels that the coding does not have, if unknown="error".
        """
        yield self.piece_of(levels_of(column), label, unknown)

    def piece_of(self, found: Levels, label: Any, unknown: str) -> Codes:
        """Return the features of levels, as `pieces` does."""
        n_levels = len(self.values) + self.indicator
        if found.values == self.values and not self.indicator:
            codes = found.codes
        else:
            positions = {level: k for k, level in enumerate(self.values)}
            place = [positions.get(level, -1) for level in found.values]
            missing = n_levels - 1 if self.indicator else -1
            codes = np.array([*place, missing], np.intp)[found.codes]
        if unknown == "error" and codes.size and codes.min() < 0:
            raise ValueError(self._unknown_level(found, int(np.argmin(codes)), label))
        return Codes(codes, n_levels)

    def _unknown_level(self, found: Levels, row: int, label: Any) -> str:
        known = list(self.values)
        if found.codes[row] < 0:
            return (
                f"Column {label!r} has no value in row {row}; leave out such rows, or fit with "
                "unknown='zero', under which they count as without any of the levels."
            )
        level = found.values[found.codes[row]]
        close = suggestion(level, known) if isinstance(level, str) else None
        return (
            f"Column {label!r} has the level {level!r} in row {row}, which the fit has not seen: "
            f"its levels are {listed(known)}"
            + (f"; {close} " if close else ". ")
            + "Correct it, or fit with unknown='zero', under which it counts as none of them."
        )

    def lacks(self, column: Any, unknown: str) -> int:
        """Return the number of missing values that have no meaning."""
        if self.indicator or unknown == "zero":
            return 0
        return int(np.count_nonzero(missing_in(column)))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"kind": "levels", "levels": list(self.values), MISSING: self.indicator}


class DatePart(NamedTuple):
    """A part of dates: of a part that is a number its mean, of other parts the levels."""

    name: str
    levels: tuple[int, ...] | None = None
    mean: float = 0.0


class DateColumn(NamedTuple):
    """A column of dates, of which each part is a number or has a feature for each level.

    Attributes
    ----------
    parts : tuple of DatePart
    origin : str
        Day from which `days` are counted, as in ISO 8601.
    indicator : bool
        Whether a last feature is 1 where the date is missing.
    """

    parts: tuple[DatePart, ...]
    origin: str
    indicator: bool = False

    @classmethod
    def of(cls, when: Instants, parts: tuple[str, ...], indicator: bool) -> DateColumn:
        """Return the column of these dates, of which some are there."""
        present = when[~np.isnat(when)]
        first = present.min().astype("M8[D]")
        made = []
        for name in parts:
            values = part_of(present, name, first)
            if name in LEVELS:
                made.append(DatePart(name, tuple(np.unique(values).astype(int).tolist())))
            else:
                made.append(DatePart(name, None, float(values.mean())))
        return cls(tuple(made), str(first), indicator)

    def names(self, label: Any) -> list[Any]:
        """Return the names of the features of a column with this label."""
        found: list[Any] = []
        for part in self.parts:
            if part.levels is None:
                found.append(f"{label}.{part.name}")
            else:
                found += [f"{label}.{part.name}={shown(part.name, k)}" for k in part.levels]
        return [*found, f"{label}={MISSING}"] if self.indicator else found

    def pieces(self, column: Any, label: Any, unknown: str) -> Iterator[Piece]:
        """Yield the features of a column, of dates or of text that reads as dates.

        Raises
        ------
        ValueError
            For text that is no date, and for levels that the coding does not have, if
            unknown="error".
        """
        yield from self.pieces_of(dates_in(column, label), label, unknown)

    def pieces_of(self, when: Instants, label: Any, unknown: str) -> Iterator[Piece]:
        """Yield the features of dates, as `pieces` does."""
        missing, origin = np.isnat(when), np.datetime64(self.origin)
        for part in self.parts:
            values = part_of(when, part.name, origin)
            values[missing] = part.mean
            if part.levels is None:
                yield values
            else:
                yield self._codes_of(values, missing, part, label, unknown)
        if self.indicator:
            yield missing.astype(np.float64)

    def _codes_of(
        self, values: Vector, missing: Any, part: DatePart, label: Any, unknown: str
    ) -> Codes:
        known = np.array(part.levels)
        codes = np.minimum(np.searchsorted(known, values), len(known) - 1)
        strange = (known[codes] != values) & ~missing
        if unknown == "error" and strange.any():
            row, name = int(np.argmax(strange)), part.name
            seen = [shown(name, k) for k in known.tolist()]
            raise ValueError(
                f"Column {label!r} has the {name} {shown(name, int(values[row]))!r} in row {row}, "
                f"which the fit has not seen: it has {listed(seen)}. "
                "Fit with unknown='zero', under which it counts as none of them, or without "
                f"{name!r} in dates."
            )
        codes[strange | missing] = -1
        return Codes(codes, len(known))

    def lacks(self, column: Any, unknown: str) -> int:
        """Return the number of missing values that have no meaning."""
        return 0 if self.indicator else int(np.count_nonzero(missing_in(column)))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        parts = [
            {"part": part.name, "mean": part.mean}
            if part.levels is None
            else {"part": part.name, "levels": list(part.levels)}
            for part in self.parts
        ]
        return {"kind": "dates", "parts": parts, "origin": self.origin, MISSING: self.indicator}


Column: TypeAlias = NumberColumn | LevelColumn | DateColumn


def dates_in(column: Any, label: Any) -> Instants:
    """Return the dates of a column of dates, or of text.

    Raises
    ------
    ValueError
        For text that is no date.
    """
    kind = str(getattr(column, "dtype", None) or column.type).lower()
    if not kind.startswith(("str", "large_string", "utf8", "object", "categor", "dictionary")):
        return instants_in(column)
    found = levels_of(column)
    if not any(isinstance(each, str) for each in found.values):
        return instants_in(column)
    read = read_as_dates(found.values)
    if None in read:
        bad = read.index(None)
        row = int(np.argmax(found.codes == bad))
        raise ValueError(
            f"Column {label!r} has {found.values[bad]!r} in row {row}, which is no date as "
            "2024-02-29 or 2024/02/29 12:30; correct it, or convert the column, as "
            "pandas.to_datetime does with the format of its dates."
        )
    return np.array([*read, None], "datetime64[us]")[found.codes]


def column_from(held: Any) -> Column:
    """Return the column of which `to_dict` made this.

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        return _READERS[held["kind"]](held)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{held!r} describes no column of a coding ({error!r}).") from error


def _number(held: Mapping[str, Any]) -> Column:
    if "mean" not in held:
        return NumberColumn()
    return NumberColumn(_real(held["mean"]), _flag(held))


def _levels(held: Mapping[str, Any]) -> Column:
    values = held["levels"]
    if not isinstance(values, list) or not all(isinstance(each, PLAIN) for each in values):
        raise TypeError("levels")
    return LevelColumn(tuple(values), _flag(held))


def _dates(held: Mapping[str, Any]) -> Column:
    origin = datetime.date.fromisoformat(held["origin"]).isoformat()
    parts = []
    for part in held["parts"]:
        name = part["part"]
        if name in LEVELS:
            parts.append(DatePart(name, tuple(_level(name, each) for each in part["levels"])))
        elif name in NUMBERS:
            parts.append(DatePart(name, None, _real(part["mean"])))
        else:
            raise ValueError(name)
    return DateColumn(tuple(parts), origin, _flag(held))


def _level(part: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < MOST_LEVELS[part]:
        raise ValueError(f"{value!r} is no {part}")
    return value


def _real(value: Any) -> float:
    if not is_real(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _flag(held: Mapping[str, Any]) -> bool:
    if not isinstance(held[MISSING], bool):
        raise TypeError(MISSING)
    return bool(held[MISSING])


_READERS = {"number": _number, "levels": _levels, "dates": _dates}

# Types of levels and labels that JSON gives back as they were.
PLAIN = (str, int, float, bool)

# Levels of the parts of a date are below these.
MOST_LEVELS = {"quarter": 5, "month": 13, "dayofweek": 7, "hour": 24}
