"""Text tables: pandas parses the cells, this module and `text_columns` sort them into columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import IO, Any

from softreg_fast.cli.files import brief
from softreg_fast.cli.tables.assembly import assembled
from softreg_fast.cli.tables.layout import (
    Layout,
    cells_of,
    check_header,
    check_widths,
    layout_of,
    rows_below_header,
)
from softreg_fast.cli.tables.opening import nul_error, open_text
from softreg_fast.cli.tables.roles import Roles, Table, choose
from softreg_fast.cli.tables.text_columns import Parts
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import listed

# Number of cells that pandas returns per chunk.
CELLS = 4_000_000


def read_text(
    path: str, roles: Roles, delimiter: str | None, decimal: str, encoding: str | None = None
) -> Table:
    """Return the table in a text file; a missing delimiter is inferred."""
    with open_text(path, encoding) as file:
        layout, first = layout_of(file, path, delimiter, decimal)
        layout = layout._replace(encoding=encoding)
        notes = check_header(layout, roles, path)
        if first and len(cells_of(first, layout.delimiter)) != len(layout.names):
            check_widths(path, layout)  # some versions of pandas ignore a trailing delimiter
        roles = roles.among(layout.names)
        _check_not_transposed(path, layout, roles)
        chosen = choose(layout.names, roles, path)
        import_pandas(path)
        parts = Parts(path, layout, roles, chosen)
        for frame in _frames(path, layout, parts.as_text, _Rows(first, file, path)):
            parts.add(frame)
    return assembled(parts.read(), roles, path, [*notes, *parts.notes()], decimal)


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


def _check_not_transposed(path: str, layout: Layout, roles: Roles) -> None:
    # genes are often kept as rows, and samples as columns
    if roles.to_predict or roles.target is None or roles.target in layout.names:
        return
    for _, row in rows_below_header(path, layout):
        if row and row[0].strip() == roles.target:
            raise InputError(
                f"{path} has no column {listed([roles.target])}, but a row of that name: its rows "
                "seem to be the features; transpose it, such as with t() in R or .T in pandas"
            )


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


def _frames(path: str, layout: Layout, as_text: list[int], rows: _Rows) -> Iterator[Any]:
    """Yield data frames of the file's rows, with numbered columns; some are read as text."""
    import pandas as pd

    width, delimiter = len(layout.names), layout.delimiter
    options: dict[str, Any] = {"dtype": dict.fromkeys(as_text, str)} if as_text else {}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        options["float_precision"] = "round_trip"  # the default is exact from 3.1 on
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield from pd.read_csv(
                rows,  # type: ignore[arg-type, unused-ignore]
                sep=r"\s+" if delimiter == " " else delimiter,
                decimal=layout.decimal,
                header=None,
                names=range(width),
                index_col=False,
                skipinitialspace=True,
                na_filter=False,
                low_memory=False,  # which would parse a column by pieces
                chunksize=max(1, CELLS // width),
                **options,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        check_widths(path, layout)
        said = "a double quote is not closed" if "EOF inside" in str(error) else brief(error)
        raise InputError(f"{path} is not a well-formed text table: {said}") from None
