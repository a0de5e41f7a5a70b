"""Normalised names, and lines of text for a terminal: safe to print, and aligned."""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Sequence

# A name in a comma-separated list, optionally in double quotes.
_LISTED = re.compile(r'(?:^|,)(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))')

# Controls, formats, surrogates, line and paragraph separators.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), so that equal names compare equal."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def printable(text: str, keep: str = "\n") -> str:
    r"""Return text with control characters escaped, such as \x1b, except for those in `keep`.

    Also escaped are characters that change the writing direction or have no width, surrogates, and
    other line separators: anything that a terminal or a browser would act on instead of showing it;
    and code points that are no characters, which parsers of XML refuse.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(character) if _is_obeyed(character) and character not in keep else character
        for character in text
    )


def _is_obeyed(character: str) -> bool:
    # except for the joiners, without which some languages cannot be written
    if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
        return True
    return character not in "\u200c\u200d" and unicodedata.category(character) in _OBEYED


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name most similar to `name`, ignoring case, or None."""
    folded = {each.casefold(): each for each in reversed(names)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names in double quotes, safe to print; only the first few if there are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f'"{printable(name, keep="")}"' for name in names[:most]) + more


def as_names(text: str) -> list[str]:
    """Return the names in a comma-separated list; a name with a comma must be in double quotes.

    So must one with surrounding white space, which is stripped otherwise.
    """
    found = _LISTED.findall(text)
    return [composed(quoted.replace('""', '"') or plain.strip()) for quoted, plain in found]


def as_argument(names: Sequence[str]) -> str:
    """Return names as one shell word that `as_names` parses."""
    return shlex.quote(",".join(map(_cell, names)))


def _cell(name: str) -> str:
    bare = not re.search('[",]', name) and name == name.strip()
    return name if bare else '"' + name.replace('"', '""') + '"'


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Format rows of cells as lines: `left` columns left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if j < left else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
