"""Parsing of table cells, and descriptions of those that are not numbers."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import NamedTuple

# Spellings of a missing value in tables, in lower case.
MISSING = frozenset(
    {
        "", "na", "n/a", "nan", "-nan", "null", "none", "?", ".", "<na>", "#na", "#n/a", "#n/a n/a",
        "-", "--", "..", "...", ":", "*",
        "#num!", "#div/0!", "#value!", "#ref!", "#name?", "1.#ind", "-1.#ind", "1.#qnan", "nat",
    }
)  # fmt: skip

TRUTHS = ("true", "false")

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?", re.ASCII)
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([ T].*)?"
    r"|\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4}",
    re.ASCII,
)
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}.*)?", re.ASCII)
# Separators between thousands, and unit signs next to a number.
_ADORNED = re.compile(r"(?<=\d)[\s_'’](?=\d{3}(?!\d))|^[$€£¥]\s*|(?<=[-+])[$€£¥]|\s*[%‰$€£¥°]$")
_MINUS = str.maketrans({"−": "-", "–": "-", "＋": "+", "．": "."})


class Problem(NamedTuple):
    """Reason why a cell is not a number: a kind, by which columns are grouped, and a text."""

    kind: str
    words: str


def as_number(cell: str, decimal: str = ".") -> float | None:
    """Return the number in a cell, or None; its digits are 0 to 9, without separators."""
    text = cell.strip()
    if decimal != ".":
        text = text.replace(".", " ").replace(decimal, ".")
    if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text)
    return None


def problem_of(cell: str, decimal: str = ".", delimiter: str = ",") -> Problem | None:
    """Return why a cell is not a finite number that float64 represents, or None if it is."""
    text = cell.strip()
    value = as_number(text, decimal)
    if value is not None:
        return _problem_of_number(text, value)
    if text.lower() in MISSING:
        return missing(text)
    kind, way = _way_of_text(text, decimal, delimiter)
    return Problem(kind, f"holds {_shown(text)!r}; expected a number: {way}")


def missing(text: str) -> Problem:
    """Return the problem of a cell that is empty or marks a missing value."""
    given = f"holds {text!r}, a missing value" if text else "is empty"
    return Problem("missing", f"{given}; expected a value in every row: fill it in")


def is_missing(cell: str) -> bool:
    """Return whether a cell is empty or marks a missing value."""
    return cell.strip().lower() in MISSING


def is_date(cell: str) -> bool:
    """Return whether a cell looks like a date."""
    return _DATE.fullmatch(cell.strip()) is not None


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _problem_of_number(text: str, value: float) -> Problem | None:
    if not math.isfinite(value):
        return Problem("infinite", f"holds {_shown(text)!r}; expected a finite number: correct it")
    if abs(value) >= 2.0**53 and re.fullmatch(r"[-+]?\d+", text):
        digits = text.lstrip("+-0")  # Python parses at most 4300 of them
        if int(abs(value)) != int(digits):
            return too_long(_shown(text))
    return None


def too_long(number: object) -> Problem:
    """Return the problem of an integer that float64 would round."""
    return Problem(
        "too long",
        f"holds {number}, an integer beyond 2^53 that float64 would round; expected a number of "
        "fewer digits: subtract a constant, or round it yourself",
    )


def _way_of_text(text: str, decimal: str, delimiter: str) -> tuple[str, str]:
    """Return the kind of a text, and advice on what to write instead."""
    plain = "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text.translate(_MINUS)
    )
    if decimal == ",":
        thousands = re.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+(,\d*)?", text, re.ASCII)
        way = f"write {text.replace('.', '')}, without points between thousands"
        if as_number(text) is not None:
            other = f"; if it parts thousands, {way}" if thousands else ""
            return "mark", f"its decimal mark is a point, but --decimal says a comma{other}"
        if thousands:
            return "mark", way
    elif _THOUSANDS.fullmatch(text):
        # if commas delimit the cells, one within a cell is not a decimal mark
        way = f"write {text.replace(',', '')}, without commas between thousands"
        if delimiter != "," and text.count(",") == 1 and "." not in text:
            way = f"if its comma is a decimal mark, say --decimal ,; if not, {way}"
        return "mark", way
    elif _COMMA.fullmatch(text):
        return "mark", f"say --decimal , if its comma is a decimal mark (or write {_dotted(text)})"
    if text.lower() in TRUTHS:
        return "text", "write 1 and 0 (only a column of nothing but true and false is read so)"
    if _DATE.fullmatch(text):
        return "date", (
            "say with --dates which parts are features, as in --dates year,month, or write dates "
            "as numbers, such as days since the first"
        )
    if _TIME.fullmatch(text):
        return "time", "write times as numbers, such as minutes since midnight"
    if plain != text and as_number(plain, decimal) is not None:
        return "digits", f"write {plain}, with the digits 0 to 9 and a plain sign"
    if (bare := _bare(text, decimal)) is not None:
        return "adorned", f"write {bare}, with nothing between its digits or around them"
    return "text", "correct it"


def _bare(text: str, decimal: str) -> str | None:
    """Return the number in a text with a unit or thousands separators, or None."""
    bare = _ADORNED.sub("", text)
    if decimal == "." and _THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    return bare if bare != text and as_number(bare, decimal) is not None else None


def _dotted(text: str) -> str:
    return text.replace(",", ".")
