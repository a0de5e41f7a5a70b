"""The table of coefficients: the largest effects first, groups with their features folded below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.display.look import N_LINES
from softreg_fast.paths.selected import norms_of_groups
from softreg_fast.report.contents import Report, Vector
from softreg_fast.report.markup import escape, folded, name_cell, row_below, row_of, table_of
from softreg_fast.report.meaning import meaning_of
from softreg_fast.report.numbers import number
from softreg_fast.report.summary import largest_first

SHOWN = 50  # rows that are not folded
MOST_ROWS = 25_000
SEARCHED = 20  # rows from which on there is a box to search them
MOST_COLUMNS = 6  # for classes

# Bars are stretched, and the line at 0 is not.
_FIXED = 'vector-effect="non-scaling-stroke"'

NONE_FOUND = "No feature with a coefficient has this in its name."


_OF_GROUPS = " Numbers of a group are the norms of those of its features, folded below its name."


class Entry(NamedTuple):
    """A row of the table.

    name : str
    coef, effect : float; of a group of several features their norms
    members : list of Entry, the features of a group with a coefficient
    n_features : int, of the group
    """

    name: str
    coef: float
    effect: float
    members: Sequence[Entry] = ()
    n_features: int = 1


def coefficients(report: Report) -> Iterator[str]:
    """Yield the pieces of the section."""
    model = report.model
    classes = report.outcomes.classes if report.outcomes is not None else None
    changed, factor = meaning_of(model.loss, classes)
    yield '<section class="searched">\n<h2>Coefficients</h2>\n'
    yield (
        f"<p>Largest effect first: the change of {escape(changed)} when the feature grows by one "
        "standard deviation. Coefficients alone depend on the units of the columns."
        f"{_OF_GROUPS if report.path.groups is not None else ''}</p>\n"
    )
    effect = np.atleast_2d(model.coef * report.deviation)  # (n_outputs, n_features)
    if len(effect) == 1:
        header, rows, last = _of_one(report, effect[0], factor)
    else:
        header, rows, last = _of_classes(report, effect)
    yield from _searched(report, header, rows, last)
    yield "</section>\n"


def _searched(report: Report, header: list[str], rows: list[str], last: str) -> Iterator[str]:
    # the first rows and the last one, and the others folded
    n = len(rows)
    if n > SEARCHED:
        others = report.n_features - report.model.df
        none = NONE_FOUND + (f" {others} others have the coefficient 0." if others else "")
        yield (
            '<p class="filter" hidden><label>Find a feature <input type="search" '
            f'autocomplete="off" spellcheck="false"></label> <output data-none="{escape(none)}">'
            "</output></p>\n"
        )
    yield from table_of(header, [*rows[:SHOWN], last], "wide" if "effect" in header else "")
    rest = rows[SHOWN:MOST_ROWS]
    if rest:
        plain = [name for name in header if name != "effect"]
        content = "".join(table_of(plain, rest))
        yield folded(f"{len(rest)} more, with smaller effects", content, "long")
    if n > MOST_ROWS:
        yield (f"<p>And {n - MOST_ROWS} more; fit --coefficients OUT.csv writes all of them.</p>\n")


def _of_one(report: Report, effect: Vector, factor: str) -> tuple[list[str], list[str], str]:
    model = report.model
    entries = _entries(report, effect)
    rows = []
    low = min(min((each.effect for each in entries), default=0.0), 0.0)
    high = max(max((each.effect for each in entries), default=0.0), 0.0)
    for rank, each in enumerate(entries):
        bar = _bar(each.effect, low, high, _colour(report, rank)) if rank < SHOWN else ""
        rows.append(_row(each, factor, bar))
    header = ["feature", "coefficient", "per st.dev.", *([factor] if factor else [])]
    last = ""
    if model.loss.kind != "cox":  # its baseline hazard has the place of an intercept
        blank = [""] * (len(header) - 2)
        last = row_of("(intercept)", [number(model.intercept, 6), *blank], "&nbsp;")
    return [*header, "effect"], rows, last


def _entries(report: Report, effect: Vector) -> list[Entry]:
    coef, groups = report.model.coef, report.path.groups
    order = largest_first(coef, effect)
    if groups is None:
        return [Entry(report.label(j), float(coef[j]), float(effect[j])) for j in order.tolist()]
    labels = np.array([report.label(j) for j in range(len(coef))], dtype=object)
    groups = groups.with_singles(labels)
    sizes = np.bincount(groups.labels, minlength=len(groups.names))
    coefs, effects = (norms_of_groups(each, groups) for each in (coef, effect))
    members: dict[int, list[Entry]] = {}
    for j in order.tolist():
        each = Entry(str(labels[j]), float(coef[j]), float(effect[j]))
        members.setdefault(int(groups.labels[j]), []).append(each)
    found = []
    for g, own in members.items():
        if sizes[g] == 1:
            found += own
        else:
            name = str(groups.names[g])
            found.append(Entry(name, float(coefs[g]), float(effects[g]), own, int(sizes[g])))
    return sorted(found, key=lambda each: -abs(each.effect))


def _row(each: Entry, factor: str, bar: str) -> str:
    cells = [number(each.coef, 6), number(each.effect)]
    if factor:
        cells.append("" if each.members else number(float(np.exp(each.effect)), 4))
    head = name_cell(each.name)
    if each.members:
        inner = "".join(_row(member, factor, "") for member in each.members)
        columns = "".join(
            f"<th scope=col>{escape(name)}</th>"
            for name in ("feature", "coefficient", "per st.dev.", *([factor] if factor else []))
        )
        some = "" if len(each.members) == each.n_features else f"{len(each.members)} of "
        head = name_cell(
            each.name,
            f"<details><summary>{escape(each.name)} ({some}{each.n_features} features)</summary>"
            f'<table class="members"><thead><tr>{columns}</tr></thead><tbody>{inner}</tbody>'
            "</table></details>",
        )
    return row_below(head, cells, bar, "feature")


def _colour(report: Report, rank: int) -> str:
    # the colour that the feature has in the plot of the path
    if len(report.path) == 1:
        return "line-1"
    return f"line-{rank + 1}" if rank < N_LINES else "faint"


def _bar(effect: float, low: float, high: float, colour: str) -> str:
    # from 0, which is at the left if nothing is negative, in a box as wide as all bars together
    scale = 1000.0 / ((high - low) or 1.0)
    start, width = (min(effect, 0.0) - low) * scale, abs(effect) * scale
    zero = f'<path d="M{-low * scale:.0f} 0V12" stroke="var(--quiet)" {_FIXED} />'
    zero = zero if low < 0.0 < high else ""
    return (
        '<svg viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect x="{start:.0f}" width="{max(width, 1.0):.0f}" height="12" fill="var(--{colour})" />'
        f"{zero}</svg>"
    )


def _of_classes(report: Report, effect: NDArray[np.float64]) -> tuple[list[str], list[str], str]:
    # a column for each class or, of many, the class with the largest effect
    order = largest_first(report.model.coef, effect).tolist()
    if len(effect) <= MOST_COLUMNS:
        rows = [row_of(report.label(j), map(number, effect[:, j]), kind="feature") for j in order]
        intercepts = map(number, np.atleast_1d(report.model.intercept))
        return ["per st.dev.", *report.outputs], rows, row_of("(intercept)", intercepts)
    largest = np.abs(effect).argmax(axis=0)
    rows = [
        row_of(
            report.label(j),
            [report.outputs[largest[j]], number(effect[largest[j], j])],
            kind="feature",
        )
        for j in order
    ]
    return ["feature", "largest for", "per st.dev."], rows, ""
