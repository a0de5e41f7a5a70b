"""read_table(): the table in a file, by whichever reader knows its format."""

from __future__ import annotations

from collections.abc import Callable

from softreg_fast.cli.files import check_readable
from softreg_fast.cli.tables.formats import format_of
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError


def read_table(
    path: str,
    roles: Roles,
    file_format: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
) -> Table:
    """Return the table in a file; all its numbers are finite.

    Parameters
    ----------
    path : str
    roles : Roles
    file_format : {"csv", "parquet", "npz", "svmlight"} or None
        None: inferred from the ending of the name.
    delimiter : str or None
        Delimiter of a text table; " " stands for any white space, None for inference from the first
        lines.
    decimal : {".", ","} or None
        Decimal mark of a text table; None: a point.

    Raises
    ------
    InputError
    """
    check_readable(path)
    file_format = file_format or format_of(path)
    if roles.event is not None and file_format not in ("csv", "parquet"):
        raise InputError(
            f"--event names a column of a table, and {path} is read as {file_format}; write the "
            "survival times as CSV or Parquet"
        )
    if file_format == "csv":
        from softreg_fast.cli.tables.text import read_text

        return read_text(path, roles, delimiter, decimal or ".")
    for option, value in (("--delimiter", delimiter), ("--decimal", decimal)):
        if value is not None:
            raise InputError(f"{option} is for text tables, but {path} is read as {file_format}")
    return _reader_of(file_format)(path, roles)


def _reader_of(file_format: str) -> Callable[[str, Roles], Table]:
    # each imports what it reads with, which takes longer than many a table
    if file_format == "parquet":
        from softreg_fast.cli.tables.parquet import read_parquet

        return read_parquet
    if file_format == "npz":
        from softreg_fast.cli.tables.archives import read_archive

        return read_archive
    from softreg_fast.cli.tables.svmlight import read_svmlight

    return read_svmlight
