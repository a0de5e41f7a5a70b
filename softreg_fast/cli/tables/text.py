"""Text tables: pandas parses the numbers, this module the messages."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.files import brief
from softreg_fast.cli.tables.cells import (
    MISSING,
    TRUTHS,
    Problem,
    as_number,
    missing,
    problem_of,
    too_long,
)
from softreg_fast.cli.tables.foreign import rounded
from softreg_fast.cli.tables.labels import HINT, classes_of
from softreg_fast.cli.tables.layout import (
    Layout,
    cells_of,
    check_header,
    check_widths,
    layout_of,
    rows_below_header,
)
from softreg_fast.cli.tables.opening import nul_error, open_text
from softreg_fast.cli.tables.roles import Roles, Table, by_position, choose
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import listed

Matrix = NDArray[np.float64]

# Number of cells that pandas returns per chunk.
CELLS = 4_000_000


def read_text(path: str, roles: Roles, delimiter: str | None, decimal: str) -> Table:
    """Return the table in a text file; a missing delimiter is inferred."""
    with open_text(path) as file:
        layout, first = layout_of(file, path, delimiter, decimal)
        notes = check_header(layout, roles, path)
        if first and len(cells_of(first, layout.delimiter)) != len(layout.names):
            check_widths(path, layout)  # some versions of pandas ignore a trailing delimiter
        chosen = choose(layout.names, roles, path)
        import_pandas(path)
        labelled = chosen.others.get("y" if roles.labels else "strata")
        parts = _Parts(path, layout, roles, chosen.needed, labelled)
        for frame in parts.frames(_Rows(first, file, path)):
            parts.add(frame)
    columns = parts.joined()
    p = len(chosen.features)
    others: dict[str, Any] = {
        name: columns[:, p + k].copy() for k, name in enumerate(chosen.others)
    }
    if "strata" in others:
        others["strata"] = np.array(parts.labels)
    elif labelled is not None:
        where = f"{path}: column {listed([layout.names[labelled]])}"
        others["y"], others["classes"] = classes_of(parts.labels, where, decimal, roles.several)
    return Table(
        columns[:, :p],
        [layout.names[j] for j in chosen.features],
        notes=[*notes, *by_position(roles, layout.names, path), *parts.notes()],
    )._replace(**others)


def import_pandas(path: str) -> Any:
    """Import pandas; raise InputError with installation advice if it is missing."""
    try:
        import pandas
    except ImportError as error:
        raise InputError(
            f'reading {path} needs pandas; install it with: pip install "softreg_fast[tables]" '
            f"({brief(error)})"
        ) from None
    return pandas


class _Rows:
    """Input for pandas: a record that was read already, then the rest of the file."""

    def __init__(self, first: str, file: IO[str], path: str) -> None:
        self.first, self.file, self.path = first, file, path

    def read(self, size: int = -1) -> str:
        text, self.first = self.first or self.file.read(size), ""
        if "\0" in text:  # some versions of pandas end a cell there
            raise nul_error(self.path)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self.file)


class _Parts:
    """The requested columns, in the order of the file, collected chunk by chunk.

    One column may hold labels, whose cells are kept as text.
    """

    def __init__(
        self, path: str, layout: Layout, roles: Roles, needed: list[int], labelled: int | None
    ) -> None:
        self.labelled = labelled
        self.labels: list[str] = []
        self.path, self.layout, self.roles = path, layout, roles
        self.columns = np.sort(needed)
        self.places = np.searchsorted(self.columns, needed)  # in the order of `needed`
        self.names = [layout.names[j] for j in self.columns]
        self.parts: list[Matrix] = []
        self.n_rows = 0
        self.was_bool = np.zeros((2, len(needed)), dtype=bool)  # never, ever
        self.looked_for_short_rows = False

    def frames(self, rows: _Rows) -> Iterator[Any]:
        """Yield data frames of the file's rows, with numbered columns."""
        import pandas as pd

        width, delimiter = len(self.layout.names), self.layout.delimiter
        options: dict[str, Any] = {}
        if self.labelled is not None:
            options["dtype"] = {self.labelled: str}
        if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
            options["float_precision"] = "round_trip"  # the default is exact from 3.1 on
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", pd.errors.ParserWarning)
                yield from pd.read_csv(
                    rows,  # type: ignore[arg-type, unused-ignore]
                    sep=r"\s+" if delimiter == " " else delimiter,
                    decimal=self.layout.decimal,
                    header=None,
                    names=range(width),
                    index_col=False,
                    skipinitialspace=True,
                    na_filter=False,
                    chunksize=max(1, CELLS // width),
                    **options,
                )
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            check_widths(self.path, self.layout)
            said = "a double quote is not closed" if "EOF inside" in str(error) else brief(error)
            raise InputError(f"{self.path} is not a well-formed text table: {said}") from None

    def add(self, frame: Any) -> None:
        """Append the rows of a frame; raise InputError for the first cell that is not a number."""
        kinds = np.array([getattr(dtype, "kind", "O") for dtype in frame.dtypes])
        self.check_short_rows(frame, kinds[-1])
        problems: dict[int, tuple[int, Problem]] = {}
        if self.labelled is not None:
            problems = self.take_labels(frame)
            kinds[self.labelled] = "f"
        if len(self.columns) < len(kinds):
            frame, kinds = frame.iloc[:, self.columns], kinds[self.columns]
        self.was_bool |= np.array([kinds != "b", kinds == "b"])
        is_number = np.isin(kinds, list("fiub"))
        if is_number.all():
            part, texts = frame.to_numpy(dtype=np.float64), []
        else:
            part, texts = np.zeros(frame.shape, order="F"), np.flatnonzero(~is_number).tolist()
            part[:, is_number] = frame.iloc[:, np.flatnonzero(is_number)].to_numpy(dtype=np.float64)
        for k in texts:
            if (found := self.wrong_text(frame.iloc[:, k])) is not None:
                problems[k] = found
            else:  # such as integers of 30 digits
                cells = map(str, frame.iloc[:, k])
                part[:, k] = [as_number(cell, self.layout.decimal) for cell in cells]
        if part.size and not np.abs(part).max() < 2.0**53:
            problems |= _wrong_numbers(frame, part, kinds)
        if problems:
            self.complain(problems)
        self.parts.append(part)
        self.n_rows += len(part)

    def take_labels(self, frame: Any) -> dict[int, tuple[int, Problem]]:
        """Move the labels out of a frame, and return the problem of the first missing one."""
        column: Any = self.labelled
        cells = [str(cell).strip() for cell in frame[column]]
        frame[column] = 0.0
        self.labels.extend(cells)
        lost = next((row for row, cell in enumerate(cells) if cell.lower() in MISSING), None)
        k = int(np.searchsorted(self.columns, column))
        return {} if lost is None else {k: (lost, missing(cells[lost]))}

    def check_short_rows(self, frame: Any, kind: str) -> None:
        """Check once whether empty cells in the last column are real or a sign of short rows."""
        if kind not in "fiub" and not self.looked_for_short_rows:
            self.looked_for_short_rows = bool((frame.iloc[:, -1] == "").any())
            if self.looked_for_short_rows:
                check_widths(self.path, self.layout)

    def wrong_text(self, column: Any) -> tuple[int, Problem] | None:
        """Return the row and the problem of the first cell that is not a number.

        Other problems take precedence over true and false, which may be unreadable only because
        of them.
        """
        flag = None
        for row, cell in enumerate(column):
            problem = problem_of(str(cell), self.layout.decimal, self.layout.delimiter)
            if problem is not None:
                if str(cell).strip().lower() not in TRUTHS:
                    return row, problem
                flag = flag or (row, problem)
        return flag

    def complain(self, problems: dict[int, tuple[int, Problem]]) -> NoReturn:
        """Raise InputError for the first unusable cell, naming all columns with its problem."""
        first = min(problems, key=lambda k: (problems[k][0], k))
        row, problem = problems[first]
        line, cells = self.record(self.n_rows + row)
        if problem.kind == "infinite":
            at = int(self.columns[first])
            found = problem_of(cells[at], self.layout.decimal) if at < len(cells) else None
            problem = found or Problem("infinite", "holds no finite number")
        kind = problems[first][1].kind
        alike = [self.names[k] for k in sorted(problems) if problems[k][1].kind == kind]
        raise InputError(
            f"{self.path}: column {listed([self.names[first]])}, line {line} {problem.words}"
            f"{self.way_out(self.names[first], alike, kind)}"
        )

    def way_out(self, name: str, alike: list[str], kind: str) -> str:
        """Return advice about a column with a problem of this kind."""
        if kind == "text" and name == self.roles.target:
            return HINT
        return self.roles.way_out(name, alike)

    def joined(self) -> Matrix:
        """Return all rows as one matrix, (n_samples, n_needed) in Fortran order."""
        if not self.n_rows:
            raise InputError(f"{self.path} has a header but no rows")
        mixed = np.flatnonzero(self.was_bool.all(axis=0))
        if mixed.size:
            name = self.names[mixed[0]]
            raise InputError(
                f"{self.path}: column {listed([name])} mixes numbers with true and false; "
                f"expected one or the other{self.roles.way_out(name)}"
            )
        whole = np.empty((self.n_rows, len(self.places)), order="F")
        runs = np.split(self.places, np.flatnonzero(np.diff(self.places) != 1) + 1)
        self.parts.reverse()
        at = 0
        while self.parts:
            part, to = self.parts.pop(), 0  # popped, so that its memory can be reused
            for run in runs:
                columns = part[:, run[0] : run[-1] + 1]
                whole[at : at + len(part), to : to + len(run)] = columns
                to += len(run)
            at += len(part)
        return whole

    def notes(self) -> list[str]:
        """Return notes for the user on how the cells were read."""
        flags = [self.names[k] for k in np.flatnonzero(self.was_bool[1])]
        return [f"true is read as 1, false as 0 in {listed(flags)}"] if flags else []

    def record(self, index: int) -> tuple[int, list[str]]:
        """Return the line and the cells of one row."""
        return next(islice(rows_below_header(self.path, self.layout), index, None), (0, []))


def _wrong_numbers(frame: Any, part: Matrix, kinds: NDArray[Any]) -> dict[int, tuple[int, Problem]]:
    """Return the row and problem of the first infinite or rounded number of each column."""
    problems: dict[int, tuple[int, Problem]] = {}
    for k, kind in enumerate(kinds):
        bad, problem = np.flatnonzero(~np.isfinite(part[:, k])), Problem("infinite", "")
        if kind in "iu":
            values = frame.iloc[:, k].to_numpy()
            bad = rounded(values)
            problem = too_long(values[bad[0]]) if bad.size else problem
        if bad.size:
            problems[k] = int(bad[0]), problem
    return problems
