"""Columns of a table as they were read: numbers, text and dates; and the features made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.tables.cells import is_date
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import as_argument, composed, listed

if TYPE_CHECKING:
    from softreg_fast.data.coding import Coding

Matrix = NDArray[np.float64]

# Share of entries other than 0 from which a matrix of features is dense: it is faster then.
DENSE = 0.3

# Columns that a message names one by one.
MOST_NAMED = 12


class Text(NamedTuple):
    """A column of text.

    Attributes
    ----------
    codes : ndarray (n_rows,) of int
        Position of each row's text in `values`; -1 where it is missing.
    values : list of str
        The different texts, in the order in which they become features.
    """

    codes: NDArray[np.intp]
    values: list[str]

    @property
    def are_dates(self) -> bool:
        """Return whether each text looks like a date."""
        return bool(self.values) and all(map(is_date, self.values))

    def cells(self, missing: str = "") -> list[str]:
        """Return the text of each row."""
        values = np.array([*self.values, missing], dtype=object)
        return list(values[self.codes])

    def rows(self, kept: NDArray[np.bool_]) -> Text:
        """Return some rows, without the values that occur in none of them."""
        codes = self.codes[kept]
        counts = np.bincount(codes[codes >= 0], minlength=len(self.values))
        place = np.append(np.cumsum(counts > 0) - 1, -1)
        values = [value for value, n in zip(self.values, counts.tolist(), strict=True) if n]
        return Text(place[codes], values)


class TextBuilder:
    """A column of text, made chunk by chunk."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.parts: list[NDArray[np.intp]] = []

    def add(self, codes: Any, texts: Sequence[str], is_missing: Sequence[bool]) -> None:
        """Append cells: of each the position of its text, of each text whether it is no value."""
        place = [
            -1 if none else self.places.setdefault(composed(text.strip()), len(self.places))
            for text, none in zip(texts, is_missing, strict=True)
        ]
        self.parts.append(np.array([*place, -1], np.intp)[codes])

    def built(self) -> Text:
        """Return the column, its values sorted."""
        values = sorted(self.places)
        order = np.empty(len(values) + 1, np.intp)
        order[[self.places[value] for value in values]] = np.arange(len(values))
        order[-1] = -1
        return Text(order[np.concatenate([*self.parts, np.empty(0, np.intp)])], values)


class Columns(NamedTuple):
    """The features of a table, as they were read.

    Attributes
    ----------
    names : list of str
        Names of the columns.
    numbers : ndarray (n_rows, n_numbers), in Fortran order
        The columns of numbers, NaN where one is missing.
    places : list of int
        Positions of the columns of numbers among all columns.
    texts : dict of int to Text
        The columns of text, by their positions.
    dates : dict of int to ndarray of datetime64
        The columns of dates, by their positions.
    """

    names: list[str]
    numbers: Matrix
    places: list[int]
    texts: dict[int, Text]
    dates: dict[int, Any]

    @property
    def is_plain(self) -> bool:
        """Return whether there are numbers only."""
        return not self.texts and not self.dates

    def missing(self) -> NDArray[np.bool_]:
        """Return which cells of all columns are missing, (n_rows, n_columns)."""
        found = np.zeros((len(self.numbers), len(self.names)), dtype=bool)
        found[:, self.places] = np.isnan(self.numbers)
        for j, text in self.texts.items():
            found[:, j] = text.codes < 0
        for j, when in self.dates.items():
            found[:, j] = np.isnat(when)
        return found

    def rows(self, kept: NDArray[np.bool_]) -> Columns:
        """Return some rows."""
        numbers = np.asfortranarray(self.numbers[kept])
        texts = {j: text.rows(kept) for j, text in self.texts.items()}
        return self._replace(
            numbers=numbers,
            texts=texts,
            dates={j: when[kept] for j, when in self.dates.items()},
        )

    def frame(self) -> Any:
        """Return the columns as a data frame."""
        import pandas as pd

        columns: dict[int, Any] = {}
        for j, text in self.texts.items():
            columns[j] = pd.Categorical.from_codes(text.codes, categories=text.values)
        columns |= self.dates
        columns |= {j: self.numbers[:, k] for k, j in enumerate(self.places)}
        frame = pd.DataFrame({j: columns[j] for j in range(len(self.names))}, copy=False)
        frame.columns = pd.Index(self.names, dtype=object)
        return frame


def read_dates(text: Text, name: str, path: str) -> Any:
    """Return the dates in a column of text as an array of datetime64, NaT where one is missing.

    Raises
    ------
    InputError
        For text that is no date with the year first.
    """
    from softreg_fast.data.dates import read_as_dates

    read = read_as_dates(text.values)
    if None in read:
        bad = read.index(None)
        row = int(np.argmax(text.codes == bad)) + 1
        raise InputError(
            f"{path}: column {listed([name])}, row {row} holds {text.values[bad][:40]!r}; expected "
            "dates such as 2024-02-29 or 2024/02/29 12:30: write the year, the month and the day "
            "in this order"
        )
    return np.array([*read, None], "datetime64[us]")[text.codes]


def check_identifiers(columns: Columns, roles: Roles, path: str) -> None:
    """Raise InputError if a column of text names the rows, with another text in each."""
    for j, text in columns.texts.items():
        n, name = len(text.codes), columns.names[j]
        if len(text.values) == n > 2 and name not in roles.categories:
            raise InputError(
                f"{path}: column {listed([name])} has another text in each of the {n} rows, such "
                f"as {text.values[0][:40]!r}: it names the rows, and says nothing about others; "
                f"leave it out with --ignore {as_argument([name])}"
            )


def doubtful_columns(columns: Columns, roles: Roles) -> list[str]:
    """Return warnings of columns of text with one level, or with nearly as many as rows."""
    said = []
    for j, text in columns.texts.items():
        name, n, levels = columns.names[j], len(text.codes), len(text.values)
        way = f"leave it out with --ignore {as_argument([name])}"
        if levels == 1 and text.codes.min() == 0:
            said.append(f"column {listed([name])} has one level in all rows; {way}")
        elif 2 * levels > n and n > MOST_NAMED and name not in roles.categories:
            said.append(
                f"column {listed([name])} has {levels} levels in {n} rows; if it names the rows, "
                f"{way}"
            )
    return said


def notes_on(columns: Columns, coding: Coding) -> list[str]:
    """Return lines that say how many features each column of text or dates became."""
    sizes = coding.sizes.tolist()
    lines = []
    for j in sorted([*columns.texts, *columns.dates]):
        text = columns.texts.get(j)
        what = "dates" if text is None else f"{len(text.values)} level{'s'[: len(text.values) > 1]}"
        lines.append(f"{columns.names[j]}: {what} -> {sizes[j]} feature{'s'[: sizes[j] != 1]}")
    more = len(lines) - MOST_NAMED
    if more > 1:
        lines[MOST_NAMED:] = [f"and {more} more columns of text or dates"]
    return lines


def compact(features: Any) -> Any:
    """Return a sparse matrix of features dense, in Fortran order, if few entries are 0."""
    if not hasattr(features, "nnz"):
        return np.asfortranarray(features)
    n, p = features.shape
    return features.toarray(order="F") if features.nnz > DENSE * n * p else features
