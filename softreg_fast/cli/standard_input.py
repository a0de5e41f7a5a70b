"""Tables from files and from standard input, which is read once and kept in a temporary file."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from softreg_fast.cli.files import reason
from softreg_fast.cli.messages import warn_all
from softreg_fast.cli.requests import TableFile
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError


def read_file(file: TableFile, roles: Roles) -> Table:
    """Return the table in a file, with warnings on standard error.

    Raises
    ------
    InputError
    """
    how = (file.delimiter, file.decimal, file.encoding)
    if file.name != "-":
        table = read_table(file.name, roles, file.file_format, *how)
    else:
        with _kept() as path:
            try:
                table = read_table(path, roles, file.file_format or _format_of(path), *how)
            except InputError as error:
                raise InputError(str(error).replace(path, file.shown)) from None
            notes = [note.replace(path, file.shown) for note in table.notes]
            table = table._replace(notes=notes)
    warn_all(table.notes)
    return table


@contextmanager
def _kept() -> Iterator[str]:
    """Yield the name of a temporary file with all of standard input."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            "standard input is a terminal; pipe a table into it, such as: zcat table.csv.gz | "
            "softreg_fast fit - --target COLUMN"
        )
    with tempfile.TemporaryDirectory(prefix="softreg_fast_") as folder:
        path = os.path.join(folder, "table")
        try:
            with open(path, "wb") as kept:
                shutil.copyfileobj(sys.stdin.buffer, kept)
        except OSError as error:
            raise InputError(f"cannot keep standard input: {reason(error)}") from None
        if not os.path.getsize(path):
            raise InputError("standard input is empty; pipe a table into it")
        yield path


def _format_of(path: str) -> str:
    """Return the format of a table by its first bytes: Parquet, or text."""
    with open(path, "rb") as file:
        return "parquet" if file.read(4) == b"PAR1" else "csv"
