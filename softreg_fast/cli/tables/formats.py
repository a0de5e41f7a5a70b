"""Formats of tables, and the endings of file names that tell them."""

from __future__ import annotations

import os
from pathlib import Path

from softreg_fast.options.errors import InputError

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

TABLE_FORMATS = ("csv", "parquet", "npz", "svmlight")

# Endings of compressed text.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")

# Advice for file types of other programs.
OTHERS = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "save the sheet as CSV in UTF-8"),
    **dict.fromkeys((".7z", ".tar", ".tgz"), "unpack it first"),
    **dict.fromkeys((".rds", ".rda", ".rdata"), "in R, write.csv(data, file, row.names = FALSE)"),
    ".npy": "save X and y together with numpy.savez, in a .npz",
    ".feather": "write it as Parquet",
}


def format_of(path: str) -> str:
    """Return the format of a table by the ending of its name; raise InputError for another."""
    name = Path(path).name.lower()
    stem, last = os.path.splitext(name)
    packed = last in COMPRESSED
    suffix = Path(stem).suffix if packed else last
    if last == ".zip" and suffix not in FORMATS:
        from softreg_fast.cli.tables.opening import member_of

        suffix = Path(member_of(path).lower()).suffix
    if suffix in FORMATS and not (packed and FORMATS[suffix] in ("npz", "parquet")):
        return FORMATS[suffix]
    known = " ".join(FORMATS)
    raise InputError(
        f"the ending of {path} tells no format (known: {known}, and {' '.join(COMPRESSED)} after a "
        f"text format); {OTHERS.get(suffix, 'say which with --format')}"
    )


def bare_name(path: str) -> str:
    """Return the name of a file in lower case, without the ending of a compression."""
    name = Path(path).name.lower()
    stem, last = os.path.splitext(name)
    return stem if last in COMPRESSED else name
