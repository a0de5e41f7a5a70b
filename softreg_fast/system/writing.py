"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


def write_whole(path: str | os.PathLike[str], content: bytes | str | Iterable[str]) -> None:
    """Write a file whole or not at all; text is encoded in UTF-8, line ends unchanged.

    Parameters
    ----------
    path : str or path
        As in `whole_file`.
    content : bytes, str, or iterable of str
        Content of the file; an iterable is consumed while the file is written.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with whole_file(path) as file:
        if isinstance(content, bytes):
            file.write(content)
        elif isinstance(content, str):
            file.write(content.encode())
        else:
            file.writelines(piece.encode() for piece in content)


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that appears, or replaces an existing one, once all is written to disk.

    It is written beside its destination and moved there at the end of the block, so that an error
    in the block, an interruption or a full disk leave an existing file unchanged. Symbolic links
    are followed, an existing file's permissions are kept; a device or a pipe is written to, never
    replaced.

    Parameters
    ----------
    path : str or path
        The file; its folder must exist.

    Raises
    ------
    OSError
        If the file cannot be written; the error names `path`, never the temporary file.
    """
    given = os.fspath(path)
    place = os.path.realpath(given)
    check_place(given)
    try:
        if is_device(given):  # not its real path: a pipe's is not a file name
            with open(given, "wb") as file:
                yield file
            return
        beside = os.path.join(os.path.dirname(place), f".softreg.{secrets.token_hex(8)}.part")
        try:
            with open(beside, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if os.path.exists(place):
                shutil.copymode(place, beside)
            os.replace(beside, place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(beside)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, given) from None  # of the class of this errno


def check_place(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written at this path.

    Raises
    ------
    OSError
        If it is a folder, or its folder does not exist or is not writable.
    """
    given = os.fspath(path)
    if not given:
        raise FileNotFoundError("the name of a file to write is empty; give one")
    if os.path.isdir(given):
        raise IsADirectoryError(f"cannot write {given}: it is a folder; give the name of a file")
    if is_device(given):
        return
    folder = os.path.dirname(os.path.realpath(given))
    if not os.path.isdir(folder):
        shown = os.path.dirname(given) or folder
        raise FileNotFoundError(f"cannot write {given}: there is no folder {shown}; make it first")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"cannot write {given}: the folder {folder} is not writable")


def is_device(path: str) -> bool:
    """Return whether the path exists and is neither file nor folder: a device or a pipe."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
