"""Messages on standard error, each one line that begins with the name of the program."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from softreg_fast.options.spelling import printable

PROGRAM = "softreg_fast"


def say(text: str) -> None:
    """Print a line on standard error."""
    print(printable(f"{PROGRAM}: {text}"), file=sys.stderr)


def warn(text: str) -> None:
    """Print a warning as one line on standard error."""
    say(f"warning: {' '.join(text.split())}")


def warn_all(texts: Iterable[str]) -> None:
    """Print every text as a warning."""
    for text in texts:
        warn(text)
