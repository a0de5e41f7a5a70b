"""Cells: a few facts of a result, a table and a small picture, as HTML for notebooks.

Text and axes have the colour of their surroundings (currentColor), and backgrounds none, so that
light and dark pages show them alike. Nothing needs scripts, style sheets or matplotlib.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from softreg_fast.options.spelling import printable

# Colours of named lines, legible on white and on black (Okabe and Ito 2008, "Color universal
# design", without yellow and black).
COLOURS = ("#0090d0", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#8a7fd0")

WIDTH, HEIGHT = 440, 210
LEFT, RIGHT, TOP, BOTTOM = 8, 120, 14, 22
MOST_POINTS = 120  # of a line
MOST_LETTERS = 40  # of a name

_CELL = 'style="padding:1px 10px 1px 0;text-align:right;border:none;background:none"'
_NAME = 'style="padding:1px 10px 1px 0;text-align:left;border:none;background:none"'
_SIDES = 'style="margin-top:0.4em;display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start"'


# A list, or a vector.
Line: TypeAlias = Any


class Picture(NamedTuple):
    """Lines over positions that are equally far from each other.

    Attributes
    ----------
    title : str
        What screen readers say.
    named : list of (str, sequence of float)
        Lines with a colour and a name at their end.
    others : list of sequence of float
        Lines without.
    ends : (str, str)
        Texts at the left and right end of the horizontal axis.
    band : (sequence of float, sequence of float) or None
        Lower and upper end of a band.
    marks : list of (str, int)
        Positions of vertical lines, with their names.
    level : float or None
        Height of a broken horizontal line.
    """

    title: str
    named: list[tuple[str, Line]]
    others: list[Line]
    ends: tuple[str, str]
    band: tuple[Line, Line] | None = None
    marks: Sequence[tuple[str, int]] = ()
    level: float | None = None


class Bars(NamedTuple):
    """Bars to the right for positive values, to the left for negative ones.

    Attributes
    ----------
    title : str
        What screen readers say.
    bars : list of (str, float)
    """

    title: str
    bars: Sequence[tuple[str, float]]


class Cell(NamedTuple):
    """Contents of a cell.

    Attributes
    ----------
    title : str
    facts : list of (str, str)
        Names beside values.
    header : list of str
    rows : list of list of str
        A table, whose first column holds names or numbers.
    picture : Picture, Bars or None
    note : str
        A sentence below.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    picture: Picture | Bars | None = None
    note: str = ""

    def html(self) -> str:
        """Return the cell as HTML."""
        parts = [f"<div><strong>{escaped(self.title)}</strong>"]
        if self.facts:
            parts.append(_table([], self.facts))
        sides = [_table(self.header, self.rows)] if self.rows else []
        if self.picture is not None:
            sides.append(svg_of(self.picture))
        if sides:
            parts.append(f"<div {_SIDES}>{''.join(f'<div>{side}</div>' for side in sides)}</div>")
        if self.note:
            parts.append(f"<div>{escaped(self.note)}</div>")
        return "".join([*parts, "</div>"])


def escaped(text: object) -> str:
    """Return text, such as a name of the data, that a browser shows and does not obey."""
    return html.escape(printable(str(text), keep=""))


def in_digits(value: float, digits: int = 4) -> str:
    """Return a number with so many digits, without an exponent unless it is long."""
    if not math.isfinite(value) or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits}g}"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{decimals}f}"


def shortened(name: object) -> str:
    """Return a name that fits a table: its beginning, if it is long."""
    text = str(name)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}\u2026"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f"<th scope=col {_CELL}>{escaped(name)}</th>" for name in header)
    head = f"<thead><tr>{names}</tr></thead>" if header else ""
    body = "".join(f"<tr>{_cells(row, bool(header))}</tr>" for row in rows)
    return f'<table style="border-collapse:collapse">{head}<tbody>{body}</tbody></table>'


def _cells(row: Sequence[str], numbers: bool) -> str:
    first, *rest = (escaped(shortened(cell)) for cell in row)
    style = _CELL if numbers else _NAME
    others = "".join(f"<td {style}>{cell}</td>" for cell in rest)
    return f"<th scope=row {_NAME}>{first}</th>{others}"


def svg_of(picture: Picture | Bars) -> str:
    """Return a picture as inline SVG."""
    if isinstance(picture, Bars):
        height = 16 * len(picture.bars) + 4
        return _svg(picture.title, height, _bars(picture.bars))
    every = [*(line for _, line in picture.named), *picture.others, *(picture.band or ())]
    levels = [0.0] if picture.level is None else [0.0, picture.level]
    finite = [y for line in every for y in line if math.isfinite(y)]
    low, high = min(finite + levels), max(finite + levels)
    if picture.band is not None and finite:  # an error curve need not show zero
        low, high = min(finite), max(finite)
    frame = _Frame(low, high, max(map(len, every), default=1))
    parts = [frame.axes(picture)]
    if picture.band is not None:
        parts.append(frame.band(*picture.band))
    parts += [
        frame.line(line, 'stroke="currentColor" stroke-opacity="0.25"') for line in picture.others
    ]
    ends = []
    for k, (name, line) in enumerate(picture.named):
        colour = COLOURS[k % len(COLOURS)]
        parts.append(frame.line(line, f'stroke="{colour}" stroke-width="1.6"'))
        ends.append((frame.y(line[-1]) if len(line) else 0.0, name, colour))
    parts += _labels(sorted(ends))
    return _svg(picture.title, HEIGHT, parts)


def _svg(title: str, height: int, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{escaped(title)}" '
        f'style="max-width:100%;height:auto" font-size="11" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _bars(bars: Sequence[tuple[str, float]]) -> list[str]:
    values = [value if math.isfinite(value) else 0.0 for _, value in bars]
    low, high = min(0.0, *values), max(0.0, *values)
    unit = (WIDTH - RIGHT - LEFT) / ((high - low) or 1.0)
    zero = RIGHT - low * unit
    parts = [_line(zero, zero, 0.0, 16.0 * len(values), 'stroke="currentColor"')]
    for k, ((name, _), value) in enumerate(zip(bars, values, strict=True)):
        colour = COLOURS[0 if value > 0.0 else 1]
        x, width = min(zero, zero + value * unit), abs(value) * unit
        parts.append(
            f'<rect x="{x:.1f}" y="{16 * k + 2}" width="{width:.1f}" height="11" fill="{colour}"/>'
        )
        parts.append(_text(RIGHT - 6, 16 * k + 12, _brief(name), "end"))
    return parts


class _Frame:
    """Places of positions and values in a picture."""

    def __init__(self, low: float, high: float, n: int) -> None:
        self.low, self.high, self.n = low, high, n
        self.right = WIDTH - RIGHT

    def x(self, k: int) -> float:
        return LEFT + (self.right - LEFT) * k / max(self.n - 1, 1)

    def y(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span > 0.0 and math.isfinite(value) else 0.5
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def points(self, values: Line) -> list[str]:
        step = max(1, math.ceil(len(values) / MOST_POINTS))
        chosen = [*range(0, len(values), step)]
        if len(values) and chosen[-1] != len(values) - 1:
            chosen.append(len(values) - 1)
        return [
            f"{self.x(k):.1f},{self.y(float(values[k])):.1f}"
            for k in chosen
            if math.isfinite(values[k])
        ]

    def line(self, values: Line, style: str) -> str:
        return f'<polyline fill="none" {style} points="{" ".join(self.points(values))}"/>'

    def band(self, low: Line, high: Line) -> str:
        around = [*self.points(low), *reversed(self.points(high))]
        return f'<polygon fill-opacity="0.15" points="{" ".join(around)}"/>'

    def axes(self, picture: Picture) -> str:
        bottom, faint = HEIGHT - BOTTOM, 'stroke="currentColor" stroke-opacity="0.5"'
        heights = [self.y(0.0)] if self.low <= 0.0 <= self.high else [bottom]
        parts = [_line(LEFT, self.right, at, at, faint) for at in heights]
        if picture.level is not None:
            at = self.y(picture.level)
            parts.append(_line(LEFT, self.right, at, at, f'{faint} stroke-dasharray="4 3"'))
        sides = ("end", "start") if len(picture.marks) == 2 else ("middle",) * len(picture.marks)
        ordered = sorted(picture.marks, key=lambda mark: mark[1])
        for (name, k), side in zip(ordered, sides, strict=True):
            at = self.x(k)
            parts.append(_line(at, at, TOP, bottom, f'{faint} stroke-dasharray="4 3"'))
            parts.append(_text(max(at, 24.0), TOP - 3, name, side))
        left, right = picture.ends
        parts.append(_text(LEFT, HEIGHT - 6, left, "start"))
        parts.append(_text(self.right, HEIGHT - 6, right, "end"))
        return "".join(parts)


def _line(x1: float, x2: float, y1: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" {style}/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "currentColor") -> str:
    said = escaped(text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{said}</text>'


def _labels(ends: list[tuple[float, str, str]]) -> list[str]:
    # names beside the ends of lines, moved apart
    texts, last = [], -math.inf
    top = HEIGHT - BOTTOM - 13.0 * (len(ends) - 1)
    for k, (y, name, colour) in enumerate(ends):
        last = max(min(y + 4.0, top + 13.0 * k), last + 13.0)
        texts.append(_text(WIDTH - RIGHT + 5, last, _brief(name), "start", colour))
    return texts


def _brief(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}\u2026"
