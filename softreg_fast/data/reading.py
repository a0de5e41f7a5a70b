"""Reading: the columns of a coding and their features, made from the frame of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from softreg_fast.data.coded_columns import (
    Column,
    DateColumn,
    LevelColumn,
    NumberColumn,
    Piece,
    dates_in,
)
from softreg_fast.data.contents import check_contents, columns_at
from softreg_fast.data.dates import LEVELS, as_parts, check_columns, looks_like_dates
from softreg_fast.data.frames import column_at, kinds_of, labels_in, n_rows, numbers_in
from softreg_fast.data.levels import Levels, levels_of
from softreg_fast.data.suspicious import Problems, problem_of_text, warn_of_levels
from softreg_fast.options.types import Vector

# Kinds of columns that have levels.
WITH_LEVELS = ("text", "categories")


class Reading:
    """One pass over the columns of a frame.

    Parameters
    ----------
    frame : pandas, polars or pyarrow frame
    dates : list of str, dict or None
        Parts of all columns of dates, or of each by its name; None: dates are a problem.
    indicator : bool
        Whether missing values are filled and marked; otherwise they are a problem.

    Attributes
    ----------
    labels : ndarray (n_columns,) of object
    n_rows : int
    most_pieces : int
        Largest number of pieces that the columns can have.
    is_sparse : bool
        Whether a column may have levels.
    """

    def __init__(self, frame: Any, dates: Any = None, indicator: bool = False) -> None:
        self.frame, self.indicator = frame, indicator
        self.labels, self.kinds = labels_in(frame), kinds_of(frame)
        self.n_rows = n_rows(frame)
        self._problems = Problems()
        self._parts = as_parts(dates)
        check_columns(self._parts, self.labels)
        self._parsed = [self._is_parsed(j) for j in range(len(self.kinds))]
        self._check_use_of_dates()
        most = 1 if self._parts is None else self._most_parts()
        self.most_pieces = len(self.kinds) * (most + indicator)
        self.is_sparse = any(map(self._may_have_levels, range(len(self.kinds))))
        numbers = [j for j, kind in enumerate(self.kinds) if kind == "number"]
        check_contents("X", columns_at(frame, numbers)) if numbers else None

    def __iter__(self) -> Iterator[tuple[Column, Iterator[Piece]]]:
        """Yield each column with its features.

        Raises
        ------
        ValueError
            At the end, for all columns that cannot be coded.
        """
        for j, kind in enumerate(self.kinds):
            column, label = column_at(self.frame, j), self.labels[j]
            if kind in WITH_LEVELS and not self._parsed[j]:
                yield self._of_levels(levels_of(column), label, is_text=kind == "text")
            elif kind in (*WITH_LEVELS, "dates"):
                yield self._of_dates(column, label)
            elif kind == "durations":
                self._problems.durations.append(label)
                yield NumberColumn(), iter(())
            else:
                yield self._of_numbers(self._numbers(column, label), label)
        self._problems.check()

    def _check_use_of_dates(self) -> None:
        if isinstance(self._parts, dict):
            for j, label in enumerate(self.labels):
                if label in self._parts and self.kinds[j] not in ("dates", *WITH_LEVELS):
                    raise ValueError(
                        f"dates names {label!r}, which is a column of numbers; leave it out there."
                    )
        elif self._parts is not None and not any(self._parsed):
            raise ValueError(
                f"dates={list(self._parts)!r} is given, but X has no column of dates; leave dates "
                "out."
            )

    def _parts_of(self, label: Any) -> tuple[str, ...] | None:
        return self._parts.get(label) if isinstance(self._parts, dict) else self._parts

    def _most_parts(self) -> int:
        several = self._parts.values() if isinstance(self._parts, dict) else [self._parts]
        return max(len(each or ()) for each in several)

    def _is_parsed(self, j: int) -> bool:
        # whether a column is read as dates, if its parts are stated: text only if it looks like it
        if self.kinds[j] == "dates":
            return True
        if self.kinds[j] not in WITH_LEVELS or self._parts_of(self.labels[j]) is None:
            return False
        if isinstance(self._parts, dict):
            return True
        return self.kinds[j] == "text" and looks_like_dates(
            levels_of(column_at(self.frame, j)).values
        )

    def _may_have_levels(self, j: int) -> bool:
        parts = self._parts_of(self.labels[j]) or ()
        if self._parsed[j]:
            return any(part in LEVELS for part in parts)
        return self.kinds[j] in WITH_LEVELS

    def _numbers(self, column: Any, label: Any) -> Vector:
        try:
            return numbers_in(column)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise TypeError(
                f"Column {label!r} holds neither numbers, booleans, text, categories nor dates "
                f"({error}); convert it, or leave it out."
            ) from error

    def _of_numbers(self, values: Vector, label: Any) -> tuple[Column, Iterator[Piece]]:
        missing = np.isnan(values)
        n_missing = int(np.count_nonzero(missing))
        made = NumberColumn()
        if self._is_usable(label, n_missing) and self.indicator:
            finite = values[np.isfinite(values)]  # infinity is refused later
            made = NumberColumn(float(finite.mean()) if finite.size else 0.0, n_missing > 0)
        return made, made.pieces_of(values)

    def _of_levels(
        self, found: Levels, label: Any, is_text: bool
    ) -> tuple[Column, Iterator[Piece]]:
        n_missing = int(np.count_nonzero(found.codes < 0))
        made = LevelColumn(found.values, n_missing > 0 and self.indicator)
        problem = problem_of_text(label, found) if is_text else None
        if problem is not None:
            self._problems.others.append(problem)
        if self._is_usable(label, n_missing) and problem is None:
            warn_of_levels(label, (*found.values, *[None] * made.indicator))
        return made, iter([made.piece_of(found, label, "zero")])

    def _of_dates(self, column: Any, label: Any) -> tuple[Column, Iterator[Piece]]:
        parts = self._parts_of(label)
        if parts is None:
            self._problems.dates.append(label)
            return NumberColumn(), iter(())
        try:
            when = dates_in(column, label)
        except ValueError as error:  # text that is no date
            self._problems.others.append(str(error).removesuffix("."))
            return NumberColumn(), iter(())
        n_missing = int(np.count_nonzero(np.isnat(when)))
        if not self._is_usable(label, n_missing):
            return NumberColumn(), iter(())
        made = DateColumn.of(when, parts, n_missing > 0)
        for part in made.parts:
            if part.levels is not None:
                warn_of_levels(f"{label}.{part.name}", part.levels)
        return made, made.pieces_of(when, label, "error")

    def _is_usable(self, label: Any, n_missing: int) -> bool:
        # whether missing values are in the way, of which the problems then know
        if self.indicator and 0 < n_missing == self.n_rows:
            self._problems.empty.append(label)
        elif n_missing and not self.indicator:
            self._problems.missing[label] = n_missing
        else:
            return True
        return False
