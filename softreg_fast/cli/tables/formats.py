"""Formats of tables, and the endings of file names that tell them."""

from __future__ import annotations

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

# Advice for file types of other programs.
OTHERS = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "save the sheet as CSV in UTF-8"),
    **dict.fromkeys((".zip", ".bz2", ".xz", ".zst", ".7z", ".tar"), "decompress it first"),
    ".npy": "save X and y together with numpy.savez, in a .npz",
}


def format_of(path: str) -> str:
    """Return the format of a table by the ending of its name; raise InputError for another."""
    name = Path(path).name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in FORMATS and not (name.endswith(".gz") and FORMATS[suffix] in ("npz", "parquet")):
        return FORMATS[suffix]
    known = " ".join(FORMATS)
    raise InputError(
        f"the ending of {path} tells no format (known: {known}, and .gz after a text format); "
        f"{OTHERS.get(suffix, 'say which with --format')}"
    )
