"""Files opened as text or bytes, compressed or not, with reading errors in plain words."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from softreg_fast.cli.files import reason
from softreg_fast.options.errors import InputError


@contextmanager
def open_text(path: str) -> Iterator[IO[str]]:
    """Open a UTF-8 text file, compressed or not; turn reading errors into InputError."""
    try:
        with open_bytes(path) as raw, _decoded(raw) as file:
            yield file
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8; save it as such, or say --format") from None
    except (OSError, EOFError, zlib.error) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot read {path}: {said}") from None
    except csv.Error as error:
        raise InputError(
            f"{path} is not a well-formed text table: {error}; perhaps a double quote is not "
            "closed, or the delimiter is another one"
        ) from None


def _decoded(raw: IO[bytes]) -> IO[str]:
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


@contextmanager
def open_bytes(path: str) -> Iterator[IO[bytes]]:
    """Open a file, decompressed if it is gzip, whatever its name; UTF-16 is rejected."""
    with open(path, "rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    opened: Any = gzip.open(path, "rb") if packed else open(path, "rb")  # noqa: SIM115
    with opened as file:
        if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(f"{path} is text in UTF-16; save it in UTF-8 (in Excel: CSV UTF-8)")
        yield file


def nul_error(path: str) -> InputError:
    """Return the error for a file with a NUL character, where some readers would end a cell."""
    return InputError(f"{path} has a NUL character, so it is not text in UTF-8; save it as such")
