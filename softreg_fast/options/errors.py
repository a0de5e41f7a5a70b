"""The error that the command line shows to its user as one line."""

from __future__ import annotations

from softreg_fast.options.spelling import printable


class InputError(Exception):
    """Error for unusable user input; the text is one line, shown to the user."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(" ".join(text.split())))
