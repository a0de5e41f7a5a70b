"""Checks of the names of files to read and to write, and tables written as CSV."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from softreg_fast.options.errors import InputError
from softreg_fast.system.writing import check_place, is_device, write_whole


def check_readable(path: str) -> None:
    """Raise InputError unless the path is a readable, non-empty regular file."""
    if not path:
        raise InputError("the name of a file to read is empty; give one")
    if is_device(path):
        raise InputError(f"{path} is a pipe or a device, which is read but once; give a file")
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give a file")
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty; give a file with a table in it")
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """Return the system's error message, without error numbers and file names."""
    return " ".join((error.strerror or str(error) or type(error).__name__).lower().split())


def brief(error: BaseException) -> str:
    """Return the text of an exception as one short line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 120 else said[:117] + "..."


# Endings that imply a file format.
ENDINGS = re.compile(
    r"\.(csv|tsv|txt|dat|json|html?|pdf|md|tex|xlsx?|ods|parquet|pq|feather|np[yz]|svm(light)?|libsvm"
    r"|pkl|pickle|joblib|onnx|rds|rda(ta)?|png|svg|jpe?g|gif|xml|ya?ml|toml|gz|zip|bz2|xz|zst)"
)


def check_writable(
    path: str, inputs: Iterable[str | None] = (), endings: Sequence[str] = ()
) -> None:
    """Check that a file can be written, before anything is computed for it.

    Parameters
    ----------
    path : str
    inputs : iterable of str or None
        Input files, which must not be overwritten.
    endings : sequence of str
        Endings allowed for this output. Others that imply a format are rejected; if these are of
        HTML, which a browser recognises by the ending alone, any other ending is rejected.

    Raises
    ------
    InputError
    """
    try:
        check_place(path)
    except OSError as error:
        raise InputError(str(error)) from None
    for given in inputs:
        if given and same_file(given, path):
            raise InputError(f"{path} would be overwritten, but it is read; give another name")
    ending = os.path.splitext(path)[1].lower()
    if not endings or ending in endings or is_device(path):
        return
    if ENDINGS.fullmatch(ending) or ".html" in endings:
        what = {".json": "a model is JSON", ".html": "a report is a page of HTML"}
        raise InputError(
            f"cannot write {path}: {what.get(endings[0], 'this is a table of CSV')}; "
            f"give a name that ends in {endings[0]}"
        )


def same_file(first: str, second: str) -> bool:
    """Return whether two names refer to one file, through links and case-insensitive folders."""
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them does not exist
        return os.path.realpath(first) == os.path.realpath(second)


def save(path: str, content: str | Iterable[str]) -> None:
    """Write a file by `write_whole`; failures raise InputError."""
    try:
        write_whole(path, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        said = str(error) if error.errno is None else f"cannot write {path}: {reason(error)}"
        raise InputError(said) from None


def csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Format rows as lines of CSV; floats with all their digits."""
    for row in rows:
        yield ",".join(map(_cell, row)) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    if any(character in text for character in ',"\r\n') or text != text.strip():
        text = '"' + text.replace('"', '""') + '"'
    return text
