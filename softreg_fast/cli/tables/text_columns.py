"""The cells of a text table, chunk by chunk, as columns of numbers and of text."""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.tables.cells import (
    TRUTHS,
    Problem,
    as_number,
    is_date,
    is_missing,
    missing,
    problem_of,
    too_long,
)
from softreg_fast.cli.tables.columns import Columns, Text, TextBuilder
from softreg_fast.cli.tables.foreign import rounded
from softreg_fast.cli.tables.labels import HINT
from softreg_fast.cli.tables.layout import Layout, check_widths, rows_below_header
from softreg_fast.cli.tables.roles import Chosen, Roles
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import as_argument, listed

Matrix = NDArray[np.float64]

# Kinds of cells that are numbers in another notation: a column of them is no category.
NOTATIONS = ("mark", "digits", "adorned")


class Read(NamedTuple):
    """A table as it was read.

    Attributes
    ----------
    columns : Columns
        The features.
    others : dict of str to ndarray or Text
        The columns with another role, by their names in a Table.
    """

    columns: Columns
    others: dict[str, Any]


class Cells(NamedTuple):
    """The cells of a column of text in a chunk.

    Attributes
    ----------
    codes : ndarray (n_rows,) of int
        Position of each row's cell in `texts`.
    texts : list of str
        The different cells.
    numbers : list of float or None
        The numbers in them.
    gone : list of bool
        Whether they are missing values.
    """

    codes: NDArray[np.intp]
    texts: list[str]
    numbers: list[float | None]
    gone: list[bool]

    @classmethod
    def of(cls, column: Any, decimal: str) -> Cells:
        """Return the cells of a column of a frame."""
        codes, uniques = column.factorize()
        texts = [str(each) for each in uniques]
        numbers = [as_number(text, decimal) for text in texts]
        pairs = zip(texts, numbers, strict=True)
        return cls(
            codes, texts, numbers, [number is None and is_missing(text) for text, number in pairs]
        )

    @property
    def rest(self) -> list[int]:
        """Positions of the cells that are neither numbers nor missing values."""
        pairs = zip(self.numbers, self.gone, strict=True)
        return [k for k, (number, gone) in enumerate(pairs) if number is None and not gone]

    def row(self, k: int) -> int:
        """Return the first row with the k-th cell."""
        return int(np.argmax(self.codes == k))


class Parts:
    """The requested columns, in the order of the file, collected chunk by chunk.

    Attributes
    ----------
    as_text : list of int
        Positions, in the file, of the columns whose cells are to be read as text.
    """

    def __init__(self, path: str, layout: Layout, roles: Roles, chosen: Chosen) -> None:
        self.path, self.layout, self.roles, self.chosen = path, layout, roles, chosen
        self.columns = np.unique(chosen.needed)  # one may be a feature and the weights, too
        self.names = [layout.names[j] for j in self.columns]
        self.is_feature = np.isin(self.columns, chosen.features)
        self.as_text = sorted(self._text_columns())
        self.fixed = np.isin(self.columns, self.as_text)
        self.kinds: list[str | None] = ["text" if fixed else None for fixed in self.fixed]
        self.texts: dict[int, TextBuilder] = {
            k: TextBuilder() for k in np.flatnonzero(self.fixed).tolist()
        }
        self.parts: list[Matrix] = []
        self.n_rows = 0
        self.looked_for_short_rows = False

    def _text_columns(self) -> set[int]:
        others, roles = self.chosen.others, self.roles
        labelled = {"strata", "row_names"}
        labelled |= {"y"} if roles.labels else set()
        labelled |= set() if roles.event_value is None else {"event"}
        found = {j for name, j in others.items() if name in labelled}
        return found | {j for j in self.chosen.features if self.layout.names[j] in roles.text}

    def add(self, frame: Any) -> None:
        """Append the rows of a frame; raise InputError for the first cell that cannot be used."""
        kinds = np.array([getattr(dtype, "kind", "O") for dtype in frame.dtypes])
        self._check_short_rows(frame, kinds[-1])
        if len(self.columns) < len(kinds):
            frame, kinds = frame.iloc[:, self.columns], kinds[self.columns]
        is_number = np.isin(kinds, list("fiub")) & ~self.fixed
        problems = self._take_numbers(kinds, is_number)
        if is_number.all():
            part = frame.to_numpy(dtype=np.float64)
        else:
            part = np.zeros(frame.shape, order="F")
            part[:, is_number] = frame.iloc[:, np.flatnonzero(is_number)].to_numpy(dtype=np.float64)
        for k in np.flatnonzero(~is_number).tolist():
            cells = Cells.of(frame.iloc[:, k], self.layout.decimal)
            if (found := self._take_cells(k, cells, part)) is not None:
                problems[k] = found
        if not np.abs(part).max(initial=0.0) < 2.0**53:
            wrong = _wrong_numbers(frame, part, kinds, is_number)
            if self.roles.missing != "error":  # NaN is left to that
                wrong = {k: each for k, each in wrong.items() if not np.isnan(part[each[0], k])}
            problems |= wrong
        if problems:
            self._complain(problems)
        self.parts.append(part)
        self.n_rows += len(part)

    def _take_numbers(
        self, kinds: NDArray[Any], is_number: NDArray[np.bool_]
    ) -> dict[int, tuple[int, Problem]]:
        """Note that columns hold numbers or flags; return the problem of text in them before."""
        problems = {}
        for k in np.flatnonzero(is_number).tolist():
            if (found := self._becomes(k, "flag" if kinds[k] == "b" else "number")) is not None:
                problems[k] = 0, found
        return problems

    def _becomes(self, k: int, kind: str) -> Problem | None:
        """Note the kind of a column; return a problem if it had another one."""
        old = self.kinds[k]
        if old in (None, kind):
            self.kinds[k] = kind
            return None
        if "text" in (old, kind):
            held = {"text": "text", "number": "numbers", "flag": "true or false"}
            return Problem(
                "mixed",
                f"holds {held[kind]}, but rows above hold {held[str(old)]}; expected one or the "
                "other: correct it",
            )
        name = self.names[k]
        raise InputError(
            f"{self.path}: column {listed([name])} mixes numbers with true and false; "
            f"expected one or the other{self.roles.way_out(name)}"
        )

    def _take_cells(self, k: int, cells: Cells, part: Matrix) -> tuple[int, Problem] | None:
        """Append the cells of a column of text to what they are; return their first problem."""
        if (lost := self._first_missing(k, cells)) is not None:
            return lost
        if self.fixed[k]:
            self.texts[k].add(cells.codes, cells.texts, [is_missing(each) for each in cells.texts])
            return None
        found = self._problem_of_numbers(cells)
        if found is None and cells.rest:
            found = self._problem_of_text(k, cells)
        if found is not None:
            return found
        if all(cells.gone):
            if self.kinds[k] == "text":
                self.texts[k].add(cells.codes, cells.texts, cells.gone)
            part[:, k] = np.nan
            return None
        kind, values = _kind_of(cells)
        if (problem := self._becomes(k, kind)) is not None:
            known = next(each for each, gone in enumerate(cells.gone) if not gone)
            return cells.row(known), problem
        if kind != "text":
            part[:, k] = np.array(values, np.float64)[cells.codes]
            return None
        builder = self.texts.setdefault(k, TextBuilder())
        for above in self.parts[len(builder.parts) :]:  # chunks with missing values only
            builder.parts.append(np.full(len(above), -1, np.intp))
        builder.add(cells.codes, cells.texts, cells.gone)
        return None

    def _problem_of_numbers(self, cells: Cells) -> tuple[int, Problem] | None:
        """Return the row and the problem of the first number that float64 does not hold."""
        for each, number in enumerate(cells.numbers):
            if number is not None and not abs(number) < 2.0**53:
                problem = problem_of(cells.texts[each], self.layout.decimal)
                if problem is not None:
                    return cells.row(each), problem
        return None

    def _first_missing(self, k: int, cells: Cells) -> tuple[int, Problem] | None:
        if self.roles.missing != "error" or self.names[k] == "":
            return None
        gone = [
            cells.row(each)
            for each, text in enumerate(cells.texts)
            if is_missing(text) and (self.fixed[k] or cells.gone[each])
        ]
        if not gone:
            return None
        return min(gone), missing(cells.texts[cells.codes[min(gone)]].strip())

    def _problem_of_text(self, k: int, cells: Cells) -> tuple[int, Problem] | None:
        """Return the row and the problem of the first cell that a column of numbers cannot hold.

        None if the column may be text, flags or dates. Other problems take precedence over true and
        false, which may be unreadable only because of them.
        """
        decimal, delimiter = self.layout.decimal, self.layout.delimiter
        rest = sorted(cells.rest, key=cells.row) if len(cells.rest) < 1000 else cells.rest
        truths = [each for each in rest if cells.texts[each].strip().lower() in TRUTHS]
        mixed = self.kinds[k] == "number" or any(each is not None for each in cells.numbers)
        if self.is_feature[k] and not mixed and self.roles.codes:
            if len(truths) == len(rest):
                return None
            for each in rest:
                problem = problem_of(cells.texts[each], decimal, delimiter)
                if problem is not None and problem.kind not in NOTATIONS:
                    return None
        elif len(truths) == len(rest) and not mixed:
            return None
        first = next((each for each in rest if each not in truths), rest[0])
        problem = problem_of(cells.texts[first], decimal, delimiter)
        if problem is None:
            return None
        if mixed and problem.kind == "text" and first not in truths and self.roles.codes:
            shown = problem.words.partition(";")[0]
            problem = Problem("mixed", f"{shown}; expected a number, as in other rows: correct it")
        return cells.row(first), problem

    def _check_short_rows(self, frame: Any, kind: str) -> None:
        """Check once whether empty cells in the last column are real or a sign of short rows."""
        if kind not in "fiub" and not self.looked_for_short_rows:
            self.looked_for_short_rows = bool((frame.iloc[:, -1] == "").any())
            if self.looked_for_short_rows:
                check_widths(self.path, self.layout)

    def _complain(self, problems: dict[int, tuple[int, Problem]]) -> NoReturn:
        """Raise InputError for the first unusable cell, naming all columns with its problem."""
        first = min(problems, key=lambda k: (problems[k][0], k))
        row, problem = problems[first]
        line, cells = self._record(self.n_rows + row)
        kind = problem.kind
        alike = [self.names[k] for k in sorted(problems) if problems[k][1].kind == kind]
        if kind == "infinite":  # or "nan"
            at = int(self.columns[first])
            found = problem_of(cells[at], self.layout.decimal) if at < len(cells) else None
            problem = found or Problem("infinite", "holds no finite number")
            kind = problem.kind
        raise InputError(
            f"{self.path}: column {listed([self.names[first]])}, line {line} {problem.words}"
            f"{self._way_out(first, alike, kind)}"
        )

    def _way_out(self, k: int, alike: list[str], kind: str) -> str:
        """Return advice about a column with a problem of this kind."""
        name, roles = self.names[k], self.roles
        if kind == "text" and name == roles.target:
            return HINT
        if kind == "missing":
            return roles.way_out_of_missing(name, alike)
        as_category = ""
        if kind == "mixed" and self.is_feature[k]:
            as_category = f", read the column as a category with --categories {as_argument([name])}"
        return f"{as_category}{roles.way_out(name, alike)}"

    def _record(self, index: int) -> tuple[int, list[str]]:
        """Return the line and the cells of one row."""
        return next(islice(rows_below_header(self.path, self.layout), index, None), (0, []))

    def notes(self) -> list[str]:
        """Return notes for the user on how the cells were read."""
        flags = [name for name, kind in zip(self.names, self.kinds, strict=True) if kind == "flag"]
        return [f"true is read as 1, false as 0 in {listed(flags)}"] if flags else []

    def read(self) -> Read:
        """Return all rows as columns."""
        if not self.n_rows:
            raise InputError(f"{self.path} has a header but no rows")
        place = {int(j): k for k, j in enumerate(self.columns)}
        features = [place[j] for j in self.chosen.features]
        others = {name: place[j] for name, j in self.chosen.others.items()}
        texts = {k: builder.built() for k, builder in self.texts.items()}
        for k in texts:
            self._check_dates(k, texts[k])
        numeric = [k for k in features if k not in texts]
        rest = {name: k for name, k in others.items() if k not in texts}
        whole = self._joined([*numeric, *rest.values()])
        found: dict[str, Any] = {name: texts[k] for name, k in others.items() if k in texts}
        for at, name in enumerate(rest, len(numeric)):
            found[name] = whole[:, at].copy()
        columns = Columns(
            [self.names[k] for k in features],
            whole[:, : len(numeric)],
            [at for at, k in enumerate(features) if k not in texts],
            {at: texts[k] for at, k in enumerate(features) if k in texts},
            {},
        )
        return Read(columns, found)

    def _check_dates(self, k: int, text: Text) -> None:
        """Raise InputError for a cell that is no date in a column of dates."""
        if self.fixed[k] or not text.values:
            return
        like = [is_date(value) for value in text.values]
        if not any(like) or all(like) or 2 * sum(like) <= len(like):
            return
        others = np.flatnonzero(~np.array(like))
        row = int(np.argmax(np.isin(text.codes, others)))
        line, _ = self._record(row)
        name = self.names[k]
        raise InputError(
            f"{self.path}: column {listed([name])}, line {line} holds "
            f"{text.values[text.codes[row]][:40]!r}; expected a date, as in other rows: correct it"
            f"{self.roles.way_out(name)}"
        )

    def _joined(self, order: list[int]) -> Matrix:
        """Return columns of numbers as one matrix, in Fortran order."""
        whole = np.empty((self.n_rows, len(order)), order="F")
        places = np.array(order, np.intp)
        starts = np.flatnonzero(np.diff(places) != 1) + 1
        runs = [run for run in np.split(np.arange(len(order)), starts) if run.size]
        self.parts.reverse()
        at = 0
        while self.parts:
            part = self.parts.pop()  # popped, so that its memory can be reused
            for run in runs:
                chosen = part[:, places[run[0]] : places[run[-1]] + 1]
                whole[at : at + len(part), run[0] : run[-1] + 1] = chosen
            at += len(part)
        return whole


def _kind_of(cells: Cells) -> tuple[str, list[float]]:
    """Return the kind of a column, and the numbers of its cells if it is one of numbers."""
    if not cells.rest:
        return "number", [np.nan if each is None else each for each in cells.numbers]
    texts = [text.strip().lower() for text in cells.texts]
    if not all(texts[each] in TRUTHS for each in cells.rest):
        return "text", []
    return "flag", [
        float("nan") if gone else float(text == "true")
        for text, gone in zip(texts, cells.gone, strict=True)
    ]


def _wrong_numbers(
    frame: Any, part: Matrix, kinds: NDArray[Any], is_number: NDArray[np.bool_]
) -> dict[int, tuple[int, Problem]]:
    """Return the row and problem of the first infinite or rounded number of each column."""
    problems: dict[int, tuple[int, Problem]] = {}
    for k in np.flatnonzero(is_number).tolist():
        bad, problem = np.flatnonzero(~np.isfinite(part[:, k])), Problem("infinite", "")
        if kinds[k] in "iu":
            values = frame.iloc[:, k].to_numpy()
            bad = rounded(values)
            problem = too_long(values[bad[0]]) if bad.size else problem
        if bad.size:
            problems[k] = int(bad[0]), problem
    return problems
