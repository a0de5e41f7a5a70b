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
    encoding: str | None = None,
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
    encoding : str or None
        Encoding of a text table; None: UTF-8.

    Raises
    ------
    InputError
    """
    check_readable(path)
    file_format = file_format or format_of(path)
    if file_format not in ("csv", "parquet"):
        _check_without_columns(path, roles, file_format)
    if file_format == "csv":
        from softreg_fast.cli.tables.text import read_text

        return read_text(path, roles, delimiter, decimal or ".", encoding)
    of_text = {"--delimiter": delimiter, "--decimal": decimal, "--encoding": encoding}
    for option, value in of_text.items():
        if value is not None:
            raise InputError(f"{option} is for text tables, but {path} is read as {file_format}")
    return _reader_of(file_format)(path, roles)


def _check_without_columns(path: str, roles: Roles, file_format: str) -> None:
    """Check that nothing is asked for that only columns with types of their own have."""
    if roles.event is not None:
        raise InputError(
            f"--event names a column of a table, and {path} is read as {file_format}; write the "
            "survival times as CSV or Parquet"
        )
    if roles.coding is not None:
        raise InputError(
            f"the model has columns of text or dates, and {path} is read as {file_format}, which "
            "has none; give a table as CSV or Parquet"
        )
    missing = roles.missing if not roles.to_predict and roles.missing != "error" else None
    asked = {"--categories": roles.categories, "--dates": roles.dates, "--missing": missing}
    for option, value in asked.items():
        if value:
            raise InputError(
                f"{option} is for the columns of CSV and Parquet, and {path} is read as "
                f"{file_format}; leave it out"
            )


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
