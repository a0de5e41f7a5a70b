"""HTML of a page: text, tables, figures side by side, parts that are folded."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from softreg_fast.options.spelling import printable

# Letters of a name from which on it may be broken anywhere; shorter ones are never broken.
LONG = 48


def escape(text: str) -> str:
    """Return text escaped as HTML, so that a browser displays every character of it."""
    return html.escape(printable(text, keep=""))


def facts_table(facts: Mapping[str, str]) -> str:
    """Format names beside values."""
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>\n"
        for name, value in facts.items()
    )
    return f'<table class="facts">\n{rows}</table>\n'


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    """Format a table with names in the first column and numbers in the others."""
    return "".join(table_of(header, (row_of(name, cells) for name, *cells in rows)))


def table_of(header: list[str], rows: Iterable[str], kind: str = "") -> Iterable[str]:
    """Yield the pieces of a table of rows of HTML; a column "effect" is one of bars."""
    kind = f"numbers {kind}".strip()
    yield f'<div class="scroll">\n<table class="{kind}">\n<thead><tr>'
    for name in header:
        bars = ' class="bar"' if name == "effect" else ""
        yield f"<th scope=col{bars}>{escape(name)}</th>"
    yield "</tr></thead>\n<tbody>\n"
    yield from rows
    yield "</tbody>\n</table>\n</div>\n"


def row_of(name: str, cells: Iterable[str], bar: str = "", kind: str = "") -> str:
    """Format a row: a name, numbers, and perhaps a bar, which is HTML already."""
    return row_below(name_cell(name), cells, bar, kind)


def row_below(head: str, cells: Iterable[str], bar: str = "", kind: str = "") -> str:
    """Format a row as `row_of`, below a first cell that is HTML already."""
    numbers = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    drawn = f'<td class="bar">{bar}</td>' if bar else ""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<tr{of_kind}>{head}{numbers}{drawn}</tr>\n"


def name_cell(name: str, more: str = "") -> str:
    """Format the first cell of a row: a name, and further HTML."""
    text = escape(name)
    long = ' class="long"' if len(text) > LONG else ""
    return f"<th scope=row{long}>{more or text}</th>"


def figures(pictures: Iterable[tuple[str, str]], more: str = "") -> str:
    """Format pictures (SVG, caption) side by side, and further HTML behind them."""
    each = "".join(
        f"<figure>\n{svg}<figcaption>{caption}</figcaption>\n</figure>\n"
        for svg, caption in pictures
    )
    return f'<div class="pair">\n{each}{more}</div>\n'


def folded(summary: str, content: str, kind: str = "") -> str:
    """Format a part that is shown on request, and on paper unless it is of the kind "long"."""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<details{of_kind}>\n<summary>{escape(summary)}</summary>\n{content}</details>\n"
