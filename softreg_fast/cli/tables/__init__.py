"""Tables read from text, Parquet, NumPy and svmlight files.

Every problem with a file becomes one `InputError` that states what was given, what is expected and
what to do, and names the column and the row.
"""

from __future__ import annotations

from pathlib import Path

from softreg_fast.cli.files import InputError, check_readable
from softreg_fast.cli.tables.arrays import read_arrays
from softreg_fast.cli.tables.parquet import read_parquet
from softreg_fast.cli.tables.penalty_weights import read_penalty_weights
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.cli.tables.svmlight import read_svmlight
from softreg_fast.cli.tables.text import read_text

__all__ = ["FORMATS", "TABLE_FORMATS", "Roles", "Table", "read_penalty_weights", "read_table"]

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "npz",
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
}

READERS = {"parquet": read_parquet, "npz": read_arrays, "svmlight": read_svmlight}

TABLE_FORMATS = ("csv", *READERS)

# Advice for file types of other programs.
OTHERS = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "save the sheet as CSV in UTF-8"),
    **dict.fromkeys((".zip", ".bz2", ".xz", ".zst", ".7z", ".tar"), "decompress it first"),
    ".npy": "save X and y together with numpy.savez, in a .npz",
}


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
    file_format = file_format or _format_of(path)
    if file_format == "csv":
        return read_text(path, roles, delimiter, decimal or ".")
    for option, value in (("--delimiter", delimiter), ("--decimal", decimal)):
        if value is not None:
            raise InputError(f"{option} is for text tables, but {path} is read as {file_format}")
    return READERS[file_format](path, roles)


def _format_of(path: str) -> str:
    name = Path(path).name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in FORMATS and not (name.endswith(".gz") and FORMATS[suffix] in ("npz", "parquet")):
        return FORMATS[suffix]
    known = " ".join(FORMATS)
    raise InputError(
        f"the ending of {path} tells no format (known: {known}, and .gz after a text format); "
        f"{OTHERS.get(suffix, 'say which with --format')}"
    )
