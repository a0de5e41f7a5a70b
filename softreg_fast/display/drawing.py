"""Parts of plots: axes, lines, names beside their ends, numbers of nonzeros along the top."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.axes import axes
from softreg_fast.options.spelling import printable
from softreg_fast.options.types import Vector

# Smallest distance between two labels, relative to a label's height.
LABEL_SPACING = 1.2

# Room along a horizontal axis for a labelled tick, and for a digit of one in small type.
INCHES_OF_A_TICK = 0.6
INCHES_OF_A_DIGIT = 0.09

LONGEST_NAME = 28  # letters; of a longer one the beginning is drawn

# Numbers between these, whose labels are short, are not written as powers of ten.
PLAIN = (0.9e-4, 1.1e5)

# What the direction of an axis of strengths means.
WEAKER = {"alpha": "alpha (weaker penalty \N{RIGHTWARDS ARROW})"}
WEAKER["C"] = WEAKER["alpha"].replace("alpha", "C")


def background_lines(ax: Any, x: Vector, rows: NDArray[np.float64]) -> Any:
    """Draw a thin line for each row, the fainter the more there are."""
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        [np.column_stack([x, row]) for row in rows],
        colors=[ax.xaxis.label.get_color()],
        linewidths=0.6,
        alpha=max(0.15, 0.5 - 0.1 * np.log10(len(rows) + 1.0)),
    )
    ax.add_collection(lines)
    return lines


def label_ends(ax: Any, lines: list[Any], names: list[str], top: float = np.inf) -> list[Any]:
    """Place names beside the lines' ends, moved apart if they would overlap, none above `top`.

    A thin line leads from each end to its name.
    """
    if not names:
        return []
    from matplotlib.collections import LineCollection

    height, (low, high) = height_of_a_label(ax), ax.get_ylim()
    ends = np.clip([line.get_ydata()[-1] for line in lines], low, high)
    places = spread(ends, height, min(top, high - 0.5 * height), low)
    placed = ax.get_yaxis_transform()
    leaders = LineCollection(
        [[(1.0, end), (1.025, place)] for end, place in zip(ends, places, strict=True)],
        colors=[line.get_color() for line in lines],
        linewidths=0.8,
        transform=placed,
        clip_on=False,
    )
    ax.add_artist(leaders)
    return [
        ax.text(
            1.03,
            place,
            drawn_name(name),
            color=line.get_color(),
            transform=placed,
            va="center",
            size="small",
            parse_math=False,
        )
        for name, place, line in zip(names, places, lines, strict=True)
    ]


def drawn_name(name: Any) -> str:
    """Return a name that can be drawn: in one line, not too long, without control characters."""
    text = printable(str(name), keep="")
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def height_of_a_label(ax: Any, settled: bool = True) -> float:
    """Return the spacing of neighbouring labels, in the units of the vertical axis.

    Unless the height of the Axes is to be settled, it is nearly so, and found at once.
    """
    from matplotlib.font_manager import FontProperties

    if settled:
        ax.figure.draw_without_rendering()  # computes the layout
    points = FontProperties(size="small").get_size_in_points()
    pixels = points * ax.figure.dpi / 72.0
    low, high = ax.get_ylim()
    return float(LABEL_SPACING * pixels * (high - low) / ax.get_window_extent().height)


def falling_alphas(ax: Any, alphas: Vector) -> None:
    """Set a logarithmic axis from the largest alpha on the left to the smallest on the right."""
    if len(alphas) > 1 and alphas[0] > alphas[-1]:
        if alphas[-1] > 0.0:
            logarithmic(ax, float(alphas[-1]), float(alphas[0]))
        ax.set_xlim(alphas[0], alphas[-1])


def logarithmic(ax: Any, low: float, high: float) -> None:
    """Make the horizontal axis logarithmic, with few enough labelled ticks between two numbers.

    Labels are plain numbers, and powers of ten where these would be long. matplotlib's own ticks
    of less than a decade overlap in small Axes.
    """
    from matplotlib import ticker

    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
    room = max(int(inches_of(ax) / INCHES_OF_A_TICK), 2)
    if high / low >= 100.0:
        ax.xaxis.set_major_locator(ticker.LogLocator(numticks=room + 1))
        if not PLAIN[0] <= low < high <= PLAIN[1]:
            return
    else:
        ax.xaxis.set_major_locator(ticker.FixedLocator(_round_numbers(low, high, room)))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.6g}"))


def _round_numbers(low: float, high: float, room: int) -> list[float]:
    # round numbers between two others: evenly spaced in the logarithm, or plainly for short spans
    from matplotlib.ticker import MaxNLocator

    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1.0)
    for first_digits in ([1.0, 2.0, 5.0], [1.0, 3.0], [1.0]):
        numbers = np.outer(powers, first_digits).ravel()
        numbers = numbers[(numbers >= low) & (numbers <= high)]
        if 3 <= len(numbers) <= room:
            return [float(number) for number in numbers]
    plain = MaxNLocator(max(room - 1, 2), steps=[1, 2, 5, 10])
    return [float(number) for number in plain.tick_values(low, high)]


def inches_of(ax: Any) -> float:
    """Return the width of Axes in inches."""
    return float(ax.get_window_extent().width / ax.figure.dpi)


def show_nonzeros(ax: Any, x: Vector, df: NDArray[Any], label: str = "nonzero coefficients") -> Any:
    """Add Axes with the numbers of nonzero coefficients along the top, where there is room.

    A number is not repeated: it stands where it is reached.
    """
    left, right = ax.get_xlim()
    scale = ax.xaxis.get_transform().transform
    first, last = scale(np.array([left, right]))
    texts = [f"{number:.0f}" for number in df]
    room = int(inches_of(ax) / (INCHES_OF_A_DIGIT * max(map(len, texts), default=1) + 0.2))
    wanted = np.linspace(float(first), float(last), min(max(room, 2), 8))
    found = sorted({int(np.argmin(np.abs(scale(x) - at))) for at in wanted})
    chosen = [k for j, k in enumerate(found) if not j or texts[k] != texts[found[j - 1]]]
    top = ax.twiny()
    top.spines["right"].set_visible(ax.spines["right"].get_visible())
    top.set_xscale(ax.get_xscale())
    top.set_xlim(left, right)
    top.set_xticks([], minor=True)
    top.set_xticks(x[chosen], [texts[k] for k in chosen])
    top.tick_params(labelsize="small")
    top.set_xlabel(label, fontsize="small")
    return top


def spread(places: Vector, distance: float, top: float = np.inf, bottom: float = -np.inf) -> Vector:
    """Move `places` as little as possible to keep neighbours `distance` apart, within bounds.

    The order is kept. This is isotonic regression of places[k] - k * distance, by pooling
    neighbours that are too near; `top` and `bottom` are one upper and one lower bound for all of
    these. Without room for all of them the lowest are below the bottom.
    """
    order = np.argsort(places, kind="stable")
    pools: list[list[float]] = []  # [mean, count]
    for k, place in enumerate(places[order]):
        pools.append([float(place) - k * distance, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, count = pools.pop()
            before, n = pools[-1]
            pools[-1] = [(before * n + mean * count) / (n + count), n + count]
    moved = np.concatenate([np.full(int(count), mean) for mean, count in pools])
    moved = np.minimum(np.maximum(moved, bottom), top - (len(places) - 1) * distance)
    out = np.empty(len(places))
    out[order] = moved + distance * np.arange(len(places))
    return out


def panels(ax: Any, n_panels: int, n_columns: int = 3, **options: Any) -> tuple[list[Any], Any]:
    """Return Axes to draw into, those of a new figure for None, and their Figure.

    The options are those of a new figure with several.

    Raises
    ------
    ValueError
        If the number of Axes given is not n_panels.
    """
    given = [] if ax is None else list(np.ravel(np.array(ax, dtype=object)))
    if n_panels == 1:
        one, figure = axes(given[0] if given else None)
        return [one], figure
    if len(given) == n_panels:
        return given, given[0].figure
    if given:
        raise ValueError(
            f"ax holds {len(given)} Axes for {n_panels} plots; give {n_panels}, or None for a new "
            "figure."
        )
    from matplotlib import pyplot

    n_columns = min(n_panels, n_columns)
    n_rows = -(-n_panels // n_columns)
    figure, drawn = pyplot.subplots(
        n_rows,
        n_columns,
        **options,
        squeeze=False,
        figsize=(4.0 * n_columns, 3.7 * n_rows),
        layout="constrained",
    )
    for unused in drawn.ravel()[n_panels:]:
        unused.remove()
    return list(drawn.ravel()[:n_panels]), figure


def diagonal(ax: Any, low: float, high: float) -> None:
    """Draw the broken line on which both axes are equal."""
    ink = ax.xaxis.label.get_color()
    ax.plot([low, high], [low, high], color=ink, linestyle="--", linewidth=1.0, zorder=1)
