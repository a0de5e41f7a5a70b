"""Text tables: pandas parses the numbers, this module the header and the messages."""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice, pairwise
from typing import IO, Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.files import InputError, brief, reason
from softreg_fast.cli.tables.cells import TRUTHS, Problem, as_number, problem_of, rounded, too_long
from softreg_fast.cli.tables.roles import (
    Chosen,
    Roles,
    Table,
    by_position,
    choose,
    columns_of_model,
)
from softreg_fast.options.spelling import composed, listed

Matrix = NDArray[np.float64]

# Number of cells that pandas returns per chunk.
CELLS = 4_000_000

DELIMITERS = (",", ";", "\t", "|", " ")

# The first line by which Excel declares the delimiter.
_EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


class Layout(NamedTuple):
    """Format of a text table.

    delimiter : one character, " " for any white space
    decimal : "." or ","
    names : names of the columns, "" for one without
    unquoted : names that are numbers without quotes
    n_before : number of records before the rows: the header, and Excel's line if there is one
    """

    delimiter: str
    decimal: str
    names: list[str]
    unquoted: list[str]
    n_before: int


def read_text(path: str, roles: Roles, delimiter: str | None, decimal: str) -> Table:
    """Return the table in a text file; a missing delimiter is inferred."""
    import_pandas(path)
    with open_text(path) as file:
        layout, first = _layout(file, path, delimiter, decimal)
        notes = _check_header(layout, roles, path)
        if first and len(cells_of(first, layout.delimiter)) != len(layout.names):
            check_widths(path, layout)  # some versions of pandas ignore a trailing delimiter
        if roles.to_predict:
            chosen = Chosen(columns_of_model(layout.names, roles, path), None, None)
        else:
            chosen = choose(layout.names, roles, path)
        parts = _Parts(path, layout, roles, chosen.needed)
        for frame in parts.frames(_Rows(first, file, path)):
            parts.add(frame)
    columns = parts.joined()
    p = len(chosen.features)
    return Table(
        columns[:, :p],
        [layout.names[j] for j in chosen.features],
        None if chosen.target is None else columns[:, p].copy(),
        None if chosen.weights is None else columns[:, p + 1].copy(),
        notes=[*notes, *by_position(roles, layout.names, path), *parts.notes()],
    )


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


# ---------------------------------------------------------------------------------------------
# The file as text.


@contextmanager
def open_text(path: str) -> Iterator[IO[str]]:
    """Open a UTF-8 text file, compressed or not; turn reading errors into InputError."""
    try:
        with open_bytes(path) as raw, _decoded(raw) as file:
            yield file
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8; save it as such, or say --format") from None
    except (OSError, EOFError, zlib.error) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot read {path}: {said}") from None
    except csv.Error as error:
        raise InputError(
            f"{path} is not a well-formed text table: {error}; perhaps a double quote is not "
            "closed, or the delimiter is another one"
        ) from None


def _decoded(raw: IO[bytes]) -> IO[str]:
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


@contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """Open a file, decompressed if it is gzip, whatever its name; UTF-16 is rejected."""
    with open(path, "rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    opened: Any = gzip.open(path, "rb") if packed else open(path, "rb")  # noqa: SIM115
    with opened as file:
        if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(f"{path} is text in UTF-16; save it in UTF-8 (in Excel: CSV UTF-8)")
        yield file


class _NulError(InputError):
    def __init__(self, path: str) -> None:
        super().__init__(f"{path} has a NUL character, so it is not text in UTF-8; save it as such")


class _Rows:
    """Input for pandas: a record that was read already, then the rest of the file."""

    def __init__(self, first: str, file: IO[str], path: str) -> None:
        self.first, self.file, self.path = first, file, path

    def read(self, size: int = -1) -> str:
        text, self.first = self.first or self.file.read(size), ""
        if "\0" in text:  # some versions of pandas end a cell there
            raise _NulError(self.path)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self.file)


# ---------------------------------------------------------------------------------------------
# The layout, from the header and the first row.


def _layout(
    file: Iterable[str], path: str, delimiter: str | None, decimal: str
) -> tuple[Layout, str]:
    """Return the layout, and the first record after the header unchanged."""
    records = records_of(file, delimiter)
    header, n_before = next(records, ""), 1
    if excel := _EXCEL.fullmatch(header):
        if delimiter not in (None, excel[1]):
            raise InputError(
                f"the first line of {path} says {header.strip()!r}, but --delimiter says "
                f"{delimiter!r}; leave --delimiter out, or correct the line"
            )
        delimiter, header, n_before = excel[1], next(records, ""), 2
    if not header:
        raise InputError(f"{path} is empty; expected a header with the names of the columns")
    first = next(records, "")
    if "\0" in header + first:
        raise _NulError(path)
    delimiter = delimiter or delimiter_of(path, header, first, decimal)
    if delimiter == decimal:
        _check_comma_for_both(path, first, delimiter)
    names = [composed(cell.strip()) for cell in cells_of(header, delimiter, strict=True)]
    row = cells_of(first, delimiter) if first else []
    is_comment = names[0].startswith("#")
    if len(row) == len(names) + 1 and not is_comment and _begins_with_a_name(first, row):
        names = ["", *names]  # R's write.table omits the header of the row names
    unquoted = [name for name in names if as_number(name) is not None and f'"{name}"' not in header]
    return Layout(delimiter, decimal, names, unquoted, n_before), first


def _check_comma_for_both(path: str, first: str, delimiter: str) -> None:
    if '"' not in first:
        raise InputError(
            f"the cells of {path} are parted by {delimiter!r}, so --decimal {delimiter} cannot be: "
            "say --delimiter, or leave --decimal out"
        )


def _begins_with_a_name(record: str, row: Sequence[str]) -> bool:
    return bool(row[-1].strip()) and (record.lstrip()[0] == '"' or as_number(row[0]) is None)


def records_of(lines: Iterable[str], delimiter: str | None = None) -> Iterator[str]:
    """Yield the text of each record; quoted line breaks are part of it, blank lines are skipped."""
    before = re.escape("".join({*DELIMITERS, ":", delimiter or ","})) + r"\s"
    closed = re.compile(rf'(?<![^{before}])"[^"]*(?:""[^"]*)*"')
    still_open = re.compile(rf'(?<![^{before}])"')
    held: list[str] = []
    for line in lines:
        held.append(line)
        if still_open.search(closed.sub("", "".join(held))) and len(held) < 100:
            continue
        if record := "".join(held).strip("\r\n"):
            yield from [record + "\n"] if record.strip() else []
        held = []
    if "".join(held).strip():
        yield "".join(held)


def cells_of(record: str, delimiter: str, strict: bool = False) -> list[str]:
    """Return the cells of one record."""
    lines = _as_csv(io.StringIO(record, newline=""), delimiter)
    return next(csv.reader(lines, strict=strict, **_dialect(delimiter)), [])


def _as_csv(lines: Iterable[str], delimiter: str) -> Iterable[str]:
    if delimiter != " ":
        return lines
    return (line.replace("\t", " ").strip(" \r\n") + "\n" for line in lines)


def _dialect(delimiter: str) -> dict[str, Any]:
    return {"delimiter": delimiter, "skipinitialspace": True}


def delimiter_of(path: str, header: str, first: str, decimal: str = ".") -> str:
    """Return the delimiter inferred from the header and the first row."""
    if path.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    quoted = re.compile(r'(?<![^,;\t| \r\n])"[^"]*(?:""[^"]*)*"')
    top, row = quoted.sub("q", header), quoted.sub("q", first)

    def width(text: str, delimiter: str) -> int:
        return len(text.split()) if delimiter == " " else text.count(delimiter) + 1

    def fit(names: int, cells: int) -> int:
        if names == 1:
            return int(cells == 1)
        return {names: 2, names + 1: 1}.get(cells, 0)  # R writes row names without a header

    # the largest number of columns, preferring delimiters that fit the first row as well
    return max(
        DELIMITERS,
        key=lambda d: (
            d != " " and width(top, d) > 1,
            fit(width(top, d), width(row, d)),
            d != decimal or '"' in first,
            width(top, d),
        ),
    )


def rows_of(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a small text table, its header first, as (line, cells)."""
    with open_text(path) as file:
        layout, _ = _layout(file, path, None, ".")
    with open_text(path) as file:
        for k, (line, row) in enumerate(csv_rows(file, layout.delimiter)):
            if k >= layout.n_before - 1:
                yield line, [composed(cell.strip()) for cell in row]


def csv_rows(file: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every non-blank row as (its last line, its cells)."""
    reader = csv.reader(_as_csv(file, delimiter), **_dialect(delimiter))
    for row in reader:
        if len(row) > 1 or (row and row[0].strip()):
            yield reader.line_num, row


def _check_header(layout: Layout, roles: Roles, path: str) -> list[str]:
    """Check that the first line is not a row of numbers; return notes about it for the user.

    Names may be numbers, such as years or wavelengths, which rise or fall; a row of numbers usually
    has no such order.
    """
    numbers = [float(name) for name in layout.unquoted]
    if roles.by_name or len(numbers) < 2:
        return []
    steps = [after - before for before, after in pairwise(numbers)]
    rise, fall = all(d > 0 for d in steps), all(d < 0 for d in steps)
    all_numbers = len(numbers) == len(layout.names)
    if not (rise or (fall and len(numbers) > 2)):
        what = "holds only numbers" if all_numbers else f"holds numbers ({listed(layout.unquoted)})"
        raise InputError(
            f"the first line of {path} {what}; expected a header with the names of the columns: "
            "write one, or put numbers that are names between double quotes"
        )
    if not all_numbers:
        return []
    if roles.target is not None and roles.target not in layout.names:
        raise InputError(
            f"the first line of {path} holds only numbers; expected a header with the names of the "
            f'columns, "{roles.target}" among them'
        )
    return [
        f"the names of all columns of {path} are numbers ({listed(layout.names, 3)}); if they are "
        "data, write a line with the names above them"
    ]


# ---------------------------------------------------------------------------------------------
# The rows.


class _Parts:
    """The requested columns, in the order of the file, collected chunk by chunk."""

    def __init__(self, path: str, layout: Layout, roles: Roles, needed: list[int]) -> None:
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
        if len(self.columns) < len(kinds):
            frame, kinds = frame.iloc[:, self.columns], kinds[self.columns]
        self.was_bool |= np.array([kinds != "b", kinds == "b"])
        is_number = np.isin(kinds, list("fiub"))
        if is_number.all():
            part, texts = frame.to_numpy(dtype=np.float64), []
        else:
            part, texts = np.zeros(frame.shape, order="F"), np.flatnonzero(~is_number).tolist()
            part[:, is_number] = frame.iloc[:, np.flatnonzero(is_number)].to_numpy(dtype=np.float64)
        problems: dict[int, tuple[int, Problem]] = {}
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
            f"{self.roles.way_out(self.names[first], alike)}"
        )

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
        return next(islice(_records(self.path, self.layout), index, None), (0, []))


def _records(path: str, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the file as (line, cells); slow, used to locate errors."""
    with open_text(path) as file:
        yield from islice(csv_rows(file, layout.delimiter), layout.n_before, None)


def check_widths(path: str, layout: Layout) -> None:
    """Check that every row has as many cells as the header."""
    width = len(layout.names)
    with suppress(csv.Error):
        for line, row in _records(path, layout):
            if len(row) != width:
                count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                raise InputError(
                    f"{path}: line {line} has {count}, but the header has {width}; expected rows "
                    f"of equal length ({_way_of_widths(layout.names, row)})"
                )


def _way_of_widths(names: Sequence[str], row: Sequence[str]) -> str:
    """Return advice about a row that is longer or shorter than the header."""
    if names[0].startswith("#"):
        return "the header begins with #: if it is a comment, remove it"
    if any("\n" in cell for cell in row):
        return "it ends in a cell of several lines: perhaps a double quote is not closed"
    if row[0].startswith("#"):
        return "it begins with #: if it is a comment, remove it"
    if len(row) < len(names):
        last = "the delimiter at the end of the header, or " if not names[-1] else ""
        return f"complete it; or remove {last}the line"
    if not row[-1].strip():
        return "remove the delimiter at its end"
    way = "text with the delimiter in it belongs between double quotes"
    if len(row) == len(names) + 1:
        way += "; a column of names of the rows needs a name in the header"
    return way


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
