"""Names as people write them: one form for each, and nothing in it that a terminal obeys."""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Sequence

# A name in a list with commas, between double quotes or not.
_LISTED = re.compile(r'(?:^|,)(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))')

# Controls, formats, surrogates, ends of lines and of paragraphs.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), in which equal names are equal."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def printable(text: str, keep: str = "\n") -> str:
    r"""Return text in which control characters are escaped, such as \x1b, but for those to keep.

    So are characters that change the direction of writing or have no width, surrogates, and
    other ends of lines: what a terminal or a browser would obey instead of showing it.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(character) if _is_obeyed(character) and character not in keep else character
        for character in text
    )


def _is_obeyed(character: str) -> bool:
    # but for the joiners, without which some languages cannot be written
    return character not in "\u200c\u200d" and unicodedata.category(character) in _OBEYED


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that is most like the one given, whatever its case, or None."""
    folded = {each.casefold(): each for each in reversed(names)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names between double quotes, fit to be printed; the first few if there are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f'"{printable(name, keep="")}"' for name in names[:most]) + more


def as_names(text: str) -> list[str]:
    """Return the names in a list with commas; one with a comma stands between double quotes.

    So does one with white space around it, which is no part of a name otherwise.
    """
    found = _LISTED.findall(text)
    return [composed(quoted.replace('""', '"') or plain.strip()) for quoted, plain in found]


def as_argument(names: Sequence[str]) -> str:
    """Return names as one word of a shell that `as_names` reads back."""
    return shlex.quote(",".join(map(_cell, names)))


def _cell(name: str) -> str:
    bare = not re.search('[",]', name) and name == name.strip()
    return name if bare else '"' + name.replace('"', '""') + '"'
