"""The layout of a text table, inferred from its header and its first row; its records and cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from typing import Any, NamedTuple

from softreg_fast.cli.tables.cells import as_number
from softreg_fast.cli.tables.formats import bare_name
from softreg_fast.cli.tables.opening import nul_error, open_text
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import composed, listed

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
    encoding : of the file; None for UTF-8
    """

    delimiter: str
    decimal: str
    names: list[str]
    unquoted: list[str]
    n_before: int
    encoding: str | None = None


def layout_of(
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
        raise nul_error(path)
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
    if bare_name(path).endswith(".tsv"):
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
        layout, _ = layout_of(file, path, None, ".")
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


def check_header(layout: Layout, roles: Roles, path: str) -> list[str]:
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


def rows_below_header(path: str, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the file as (line, cells); slow, used to locate errors."""
    with open_text(path, layout.encoding) as file:
        yield from islice(csv_rows(file, layout.delimiter), layout.n_before, None)


def check_widths(path: str, layout: Layout) -> None:
    """Check that every row has as many cells as the header."""
    width = len(layout.names)
    with suppress(csv.Error):
        rows = rows_below_header(path, layout)
        for line, row in rows:
            if len(row) != width:
                count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                is_last = next(rows, None) is None
                raise InputError(
                    f"{path}: line {line} has {count}, but the header has {width}; expected rows "
                    f"of equal length ({_way_of_widths(layout.names, row, is_last)})"
                )


def _way_of_widths(names: Sequence[str], row: Sequence[str], is_last: bool) -> str:
    """Return advice about a row that is longer or shorter than the header."""
    if names[0].startswith("#"):
        return "the header begins with #: if it is a comment, remove it"
    if any("\n" in cell for cell in row):
        return "it ends in a cell of several lines: perhaps a double quote is not closed"
    if row[0].startswith("#"):
        return "it begins with #: if it is a comment, remove it"
    if len(row) < len(names):
        last = "the delimiter at the end of the header, or " if not names[-1] else ""
        cut = "it is the last: perhaps the file is cut off; " if is_last and not last else ""
        return f"{cut}complete it; or remove {last}the line"
    if not row[-1].strip():
        return "remove the delimiter at its end"
    way = "text with the delimiter in it belongs between double quotes"
    if len(row) == len(names) + 1:
        way += "; a column of names of the rows needs a name in the header"
    return way
