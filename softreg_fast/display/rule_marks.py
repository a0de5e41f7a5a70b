"""Vertical lines of choices, with their names in room above the data."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.display.drawing import height_of_a_label

POINTS_BESIDE = 4.0  # between a line and its text

# Texts are taken to be wider than they are, for the layout may still change.
WIDER = 1.1

# Costs of a place from which on texts are shortened: a share of the width that is outside.
TOO_MUCH = 0.01


def headroom(ax: Any, n_rows: int) -> float:
    """Raise the top of the vertical axis to make room for rows of text; return a row's height.

    The height is in shares of that of the Axes.
    """
    low, high = ax.get_ylim()
    row = min(1.25 * height_of_a_label(ax, settled=False) / (high - low), 0.15)
    ax.set_ylim(low, low + (high - low) / (1.0 - n_rows * row))
    return float(row)


class Rule(NamedTuple):
    """A choice on the horizontal axis.

    place : float
    name : str
    style : str, of the line
    more : tuple of str, what is there, from which words are left out if room is short
    """

    place: float
    name: str
    style: str
    more: tuple[str, ...] = ()

    def text(self, n_words: int) -> str:
        """Return the name and the last `n_words` parts of what is there."""
        said = ", ".join(self.more[len(self.more) - n_words :])
        return f"{self.name}: {said}" if said else self.name


def draw_rules(ax: Any, rules: list[Rule], row: float, n_rows: int = 1) -> list[Any]:
    """Draw a vertical line for each rule, with its text beside its top in the room above the data.

    Rules at one place share a text. Several rows are for long texts, a row for each.

    Parameters
    ----------
    ax : matplotlib Axes
    rules : list of Rule
    row : float
        As `headroom` returns it.
    n_rows : int
    """
    if not rules:
        return []
    merged: dict[float, list[Rule]] = {}
    for each in rules:
        merged.setdefault(each.place, []).append(each)
    shown = [
        same[0]._replace(name=" = ".join(each.name for each in same)) for same in merged.values()
    ]
    ink = ax.xaxis.label.get_color()
    options: Any = {"va": "center", "size": "small", "color": ink, "parse_math": False}
    options["transform"] = ax.get_xaxis_transform()
    texts = [ax.text(each.place, 0.0, "", **options) for each in shown]
    for text in texts:
        text.set_in_layout(False)  # it has its place inside
    sides, rows = _settled(ax, shown, texts, n_rows)
    for each, text, side, at in zip(shown, texts, sides, rows, strict=True):
        height = 1.0 - (n_rows - at - 0.5) * row
        text.set(y=height, ha="right" if side < 0 else "left")
        text.set_transform(text.get_transform() + _shifted(ax, POINTS_BESIDE * side))
        for rule in merged[each.place]:
            style: Any = {"color": ink, "linestyle": rule.style, "linewidth": 1.0, "zorder": 1.5}
            ax.axvline(rule.place, ymax=height, label=rule.text(len(rule.more)), **style)
    return texts


def _settled(ax: Any, rules: list[Rule], texts: list[Any], n_rows: int) -> tuple[Any, Any]:
    # the sides and rows of the longest texts that have room
    ax.figure.draw_without_rendering()
    box, beside = ax.get_window_extent(), POINTS_BESIDE * ax.figure.dpi / 72.0
    starts = [(ax.transData.transform((each.place, 0.0))[0] - box.x0) / box.width for each in rules]
    widths: dict[tuple[int, int], float] = {}
    for k, (rule, text) in enumerate(zip(rules, texts, strict=True)):
        for n_words in range(len(rule.more) + 1):
            text.set_text(rule.text(n_words))
            width = WIDER * text.get_window_extent().width + beside
            widths[k, n_words] = width / box.width
    choices = product(*(range(len(each.more) + 1) for each in rules))
    for words in sorted(choices, key=sum, reverse=True):
        cost, sides, rows = _placed(starts, [widths[each] for each in enumerate(words)], n_rows)
        if cost < TOO_MUCH:
            break
    for rule, text, n_words in zip(rules, texts, words, strict=True):
        text.set_text(rule.text(n_words))
    return sides, rows


def _placed(
    starts: list[float], widths: list[float], n_rows: int
) -> tuple[float, list[int], list[int]]:
    # the cost, the side of each line on which its text stands (-1: left), and its row, counted from
    # below, so that no text leaves the Axes or crosses a text or a line that goes as high
    n = len(starts)
    least, best = np.inf, ([1] * n, [0] * n)
    tie = 1e-4 / max(n * n_rows, 1)
    for rows in product(range(n_rows), repeat=n):
        for sides in product((-1, 1), repeat=n):
            spans = [
                (start, start + side * width)
                for start, side, width in zip(starts, sides, widths, strict=True)
            ]
            cost = sum(max(-min(each), 0.0) + max(max(each) - 1.0, 0.0) for each in spans)
            for i, j in permutations(range(n), 2):
                low, high = min(spans[i]), max(spans[i])
                cost += rows[j] >= rows[i] and low < starts[j] < high
                cost += rows[j] == rows[i] and low < max(spans[j]) and min(spans[j]) < high
            cost += tie * (sum(rows) + 1e-2 * sum(sides))
            if cost < least:
                least, best = cost, (list(sides), list(rows))
    return least, *best


def _shifted(ax: Any, points: float) -> Any:
    from matplotlib.transforms import ScaledTranslation

    return ScaledTranslation(points / 72.0, 0.0, ax.figure.dpi_scale_trans)
