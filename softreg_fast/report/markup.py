"""HTML of a page: text, tables, figures side by side."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from softreg_fast.options.spelling import printable


def facts_table(facts: Mapping[str, str]) -> str:
    """Format names beside values."""
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>\n"
        for name, value in facts.items()
    )
    return f'<table class="facts">\n{rows}</table>\n'


def table(header: list[str], rows: Iterable[list[str]], with_bars: bool = False) -> str:
    """Format a table with names in the first column and optionally HTML bars in the last one."""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in header)
    lines = [f"<tr>{_cells(row, with_bars)}</tr>\n" for row in rows]
    return (
        f'<table class="numbers">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody>\n</table>\n"
    )


def _cells(row: list[str], with_bars: bool) -> str:
    name, *numbers = row
    bar = f'<td class="bar">{numbers.pop()}</td>' if with_bars else ""
    cells = "".join(f"<td>{escape(number)}</td>" for number in numbers)
    return f"<th scope=row>{escape(name)}</th>{cells}{bar}"


def escape(text: str) -> str:
    """Return text escaped as HTML, so that a browser displays every character of it."""
    return html.escape(printable(text, keep=""))


def figures(pictures: Iterable[tuple[str, str]], more: str = "") -> str:
    """Format pictures (SVG, caption) side by side, and further HTML behind them."""
    each = "".join(
        f"<figure>\n{svg}<figcaption>{caption}</figcaption>\n</figure>\n"
        for svg, caption in pictures
    )
    return f'<div class="pair">\n{each}{more}</div>\n'
