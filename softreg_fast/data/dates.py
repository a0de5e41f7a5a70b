"""Dates as features: parts of them, such as the year, and text that reads as dates."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.frames import missing_in
from softreg_fast.data.names import Names, listed
from softreg_fast.options.hints import suggestion
from softreg_fast.options.types import Vector

Instants = NDArray[np.datetime64]

# Parts of a date that are numbers, whose effect may be a line, and those that are levels, which
# return with every day, week or year, so that their last value is beside the first.
NUMBERS = ("year", "week", "day", "minute", "days")
LEVELS = ("quarter", "month", "dayofweek", "hour")
PARTS = (*NUMBERS[:1], *LEVELS[:2], *NUMBERS[1:3], *LEVELS[2:], *NUMBERS[3:])

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Text that reads as a date: year, month and day, perhaps with a time. Other orders are ambiguous.
DATE = re.compile(
    r"\s*(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?)?(?:Z|[+-]00:?00)?\s*"
)

# The same with the day or the month first.
OTHER_ORDER = re.compile(r"\s*\d{1,2}([-/.])\d{1,2}\1(\d{4}|\d{2})\b.*")

# Levels of a column that are looked at, evenly spread, to see whether most are dates.
MOST_LOOKED_AT = 300


def as_parts(dates: Any) -> tuple[str, ...] | dict[Any, tuple[str, ...]] | None:
    """Return `dates` as the parts of all columns of dates, or as those of each by its name.

    Raises
    ------
    ValueError, TypeError
        For unknown parts, and for none.
    """
    if dates is None:
        return None
    if isinstance(dates, Mapping):
        return {name: _checked(parts, f"dates[{name!r}]") for name, parts in dates.items()}
    return _checked(dates, "dates")


def _checked(parts: Any, what: str) -> tuple[str, ...]:
    given = (parts,) if isinstance(parts, str) else parts
    if not isinstance(given, Sequence) or not all(isinstance(each, str) for each in given):
        raise TypeError(
            f"{what} is {parts!r}; expected a list of parts of a date, of {', '.join(PARTS)}, or a "
            "dict of such lists by the names of columns."
        )
    if unknown := [each for each in given if each not in PARTS]:
        close = suggestion(unknown[0], PARTS)
        raise ValueError(
            f"{what} has the part {unknown[0]!r}; {close or 'expected ' + ', '.join(PARTS) + '.'}"
        )
    if not given or len(set(given)) < len(given):
        raise ValueError(f"{what} is {parts!r}; give at least one part, and each once.")
    return tuple(given)


def check_columns(parts: Any, labels: Names) -> None:
    """Raise ValueError if a dict of parts names columns that there are not."""
    if isinstance(parts, dict) and (unknown := [name for name in parts if name not in labels]):
        close = suggestion(unknown[0], labels)
        raise ValueError(
            f"dates names {listed(unknown)}; {close or f'the columns of X are {listed(labels)}.'}"
        )


def instants_in(column: Any) -> Instants:
    """Return a column of dates as instants of its own time zone, NaT where one is missing."""
    if hasattr(column, "iloc"):
        return _of_pandas(column)
    if hasattr(column, "combine_chunks"):
        import pyarrow
        import pyarrow.compute

        if getattr(column.type, "tz", None) is not None:
            column = pyarrow.compute.local_timestamp(column)
        return _as_instants(column.cast(pyarrow.timestamp("us"), safe=False).to_numpy())
    if getattr(column.dtype, "time_zone", None) is not None:
        column = column.dt.replace_time_zone(None)
    return _as_instants(column.to_numpy())


def _of_pandas(column: Any) -> Instants:
    kind = str(column.dtype)
    if kind == "object":
        values = column.to_numpy(dtype=object, copy=True)
        values[missing_in(column)] = None
        return _as_instants(np.array([_without_zone(each) for each in values], "M8[us]"))
    if kind.startswith("period"):
        column = column.dt.to_timestamp()
    elif getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_localize(None)
    return _as_instants(column.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT")))


def _without_zone(value: Any) -> Any:
    return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) is not None else value


def _as_instants(values: Any) -> Instants:
    return np.asarray(values).astype("datetime64[us]")


def read_as_dates(values: Sequence[Any]) -> list[datetime.datetime | None]:
    """Return the dates that texts stand for, None for those that are none."""
    return [_read(each) for each in values]


def _read(text: Any) -> datetime.datetime | None:
    found = DATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, _, month, day, *time, rest = found.groups()
    hour, minute, second = (int(each or 0) for each in time)
    micro = int((rest or "").ljust(6, "0"))
    try:
        return datetime.datetime(int(year), int(month), int(day), hour, minute, second, micro)
    except ValueError:  # such as the 30th of February
        return None


def looks_like_dates(values: Sequence[Any]) -> bool:
    """Return whether more than half of the texts have the form of a date, in whatever order."""
    some = values[:: max(len(values) // MOST_LOOKED_AT, 1)]
    like = sum(
        isinstance(each, str)
        and (DATE.fullmatch(each) is not None or OTHER_ORDER.fullmatch(each) is not None)
        for each in some
    )
    return 2 * like > len(some)


def part_of(when: Instants, part: str, origin: Any = None) -> Vector:
    """Return a part of each instant as a number, NaN where it is missing.

    The day of the week is 0 for Monday, the week that of ISO 8601; `days` are counted from the
    origin, and have fractions.
    """
    missing = np.isnat(when)
    found = np.full(len(when), np.nan)
    found[~missing] = _part(when[~missing], part, origin)
    return found


def _part(when: Instants, part: str, origin: Any) -> NDArray[Any]:
    days, months = when.astype("M8[D]"), when.astype("M8[M]")
    month, since = months.astype(np.int64) % 12, when - days
    weekday = (days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    if part == "year":
        return np.asarray(when.astype("M8[Y]").astype(np.int64) + 1970)
    if part == "week":
        thursday = days + (3 - weekday).astype("m8[D]")
        day_of_year = (thursday - thursday.astype("M8[Y]").astype("M8[D]")).astype(np.int64)
        return np.asarray(day_of_year // 7 + 1)
    if part == "days":
        return np.asarray((when - origin) / np.timedelta64(1, "D"))
    found: dict[str, Any] = {
        "quarter": month // 3 + 1,
        "month": month + 1,
        "day": (days - months.astype("M8[D]")).astype(np.int64) + 1,
        "dayofweek": weekday,
        "hour": since.astype("m8[h]").astype(np.int64),
        "minute": since.astype("m8[m]").astype(np.int64) % 60,
    }
    return np.asarray(found[part])


def shown(part: str, level: int) -> Any:
    """Return the name of a level of a part: a weekday by its first letters, others by number."""
    return WEEKDAYS[level] if part == "dayofweek" else level
