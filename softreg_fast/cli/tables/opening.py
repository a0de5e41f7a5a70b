"""Files opened as text or bytes, compressed or not, with reading errors in plain words."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from softreg_fast.cli.files import brief, reason
from softreg_fast.options.errors import InputError

# How compressed files begin, with the name of the method.
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}

# Encodings that are tried for a file that is no UTF-8, in messages.
GUESSES = ("cp1252", "latin-1")


@contextmanager
def open_text(path: str, encoding: str | None = None) -> Iterator[IO[str]]:
    """Open a text file, compressed or not; turn reading errors into InputError.

    Parameters
    ----------
    path : str
    encoding : str or None
        None: UTF-8, with or without a byte order mark.
    """
    try:
        with open_bytes(path, encoding) as raw, _decoded(raw, encoding) as file:
            yield file
    except UnicodeError:
        raise _wrong_encoding(path, encoding) from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None
    except csv.Error as error:
        raise InputError(
            f"{path} is not a well-formed text table: {error}; perhaps a double quote is not "
            "closed, or the delimiter is another one"
        ) from None


def _decoded(raw: IO[bytes], encoding: str | None) -> IO[str]:
    return io.TextIOWrapper(raw, encoding=encoding or "utf-8-sig", newline="")


def _unreadable(path: str, error: Exception) -> InputError:
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return InputError(f"{path} is cut off: its compressed text has no end; copy it again")
    said = reason(error) if isinstance(error, OSError) else brief(error)
    return InputError(f"cannot read {path}: {said}")


def _wrong_encoding(path: str, encoding: str | None) -> InputError:
    if encoding is not None:
        return InputError(f"{path} is not text in {encoding}; say another one with --encoding")
    line, given = _first_undecodable(path)
    if line is None:
        return InputError(f"{path} is not text in UTF-8; save it as such, or say --encoding")
    try:
        shown = f" (in {GUESSES[0]} {given.decode(GUESSES[0]).strip()[:40]!r})"
    except UnicodeDecodeError:
        shown = ""
    return InputError(
        f"{path} is not text in UTF-8, line {line}{shown}; save it as such, or say which it is, "
        f"such as --encoding {GUESSES[0]} of Windows"
    )


def _first_undecodable(path: str) -> tuple[int | None, bytes]:
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return number, line[max(error.start - 12, 0) : error.start + 12]
    return None, b""


@contextmanager
def open_bytes(path: str, encoding: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file, decompressed if it is compressed, whatever its name.

    UTF-16 is rejected, unless an encoding is given.
    """
    opened: Any = _opened(path)
    with opened as file:
        start = file.peek(2)[:2]
        if encoding is None and start in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(
                f"{path} is text in UTF-16; say --encoding utf-16, or save it in UTF-8 (in Excel: "
                "CSV UTF-8)"
            )
        yield file


def compression_of(path: str) -> str | None:
    """Return the method by which a file is compressed, by its content; None for none."""
    with open(path, "rb") as file:
        start = file.read(6)
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def member_of(path: str) -> str:
    """Return the name of the only file in a zip archive.

    Raises
    ------
    InputError
        If there are several, or none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path} is a damaged zip archive ({brief(error)}); copy it again"
        ) from None
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if len(names) != 1:
        listed = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        raise InputError(
            f"{path} holds {len(names)} files{f' ({listed})' if names else ''}; expected one: "
            "unpack it, and give the name of the table"
        )
    return names[0]


def _opened(path: str) -> Any:
    method = compression_of(path)
    if method == "gzip":
        return gzip.open(path, "rb")
    if method == "bz2":
        return bz2.open(path, "rb")
    if method == "xz":
        return lzma.open(path, "rb")
    if method == "zip":
        return _open_zip(path)
    if method == "zstd":
        return _open_zstd(path)
    return open(path, "rb")


@contextmanager
def _open_zip(path: str) -> Iterator[IO[bytes]]:
    name = member_of(path)
    with zipfile.ZipFile(path) as archive:
        try:
            file = archive.open(name)
        except (RuntimeError, NotImplementedError) as error:  # a password, an unknown method
            raise InputError(f"cannot read {path}: {brief(error)}; unpack it first") from None
        raw: Any = file
        with file, io.BufferedReader(raw) as buffered:
            yield buffered


@contextmanager
def _open_zstd(path: str) -> Iterator[IO[bytes]]:
    try:
        import pyarrow
    except ImportError as error:
        raise InputError(
            f"reading {path} (zstd) needs pyarrow; decompress it, or install pyarrow with: "
            f'pip install "softreg_fast[tables]" ({brief(error)})'
        ) from None
    with (
        pyarrow.input_stream(path, compression="zstd") as stream,
        io.BufferedReader(stream) as buffered,
    ):
        yield buffered


def nul_error(path: str) -> InputError:
    """Return the error for a file with a NUL character, where some readers would end a cell."""
    return InputError(
        f"{path} has a NUL character, so it is not text in UTF-8; save it as such, or say "
        "--encoding, such as utf-16-le"
    )
