"""Parts of plots: axes, lines, names beside their ends, numbers of nonzeros along the top."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Vector

# Smallest distance between two labels, relative to a label's height.
LABEL_SPACING = 1.2


def check_n_labels(n_labels: Any) -> None:
    """Raise ValueError unless n_labels is an integer >= 0."""
    if not isinstance(n_labels, int | np.integer) or n_labels < 0:
        raise ValueError(f"n_labels must be an integer >= 0, got {n_labels!r}.")


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
    """Place names beside the lines' ends, moved apart if they would overlap, none above `top`."""
    if not names:
        return []
    ends = np.array([line.get_ydata()[-1] for line in lines])
    places = spread(ends, height_of_a_label(ax), top)
    placed = ax.get_yaxis_transform()
    return [
        ax.text(
            1.01,
            place,
            name,
            color=line.get_color(),
            transform=placed,
            va="center",
            size="small",
            parse_math=False,
        )
        for name, place, line in zip(names, places, lines, strict=True)
    ]


def height_of_a_label(ax: Any) -> float:
    """Return the spacing of neighbouring labels, in the units of the vertical axis."""
    from matplotlib.font_manager import FontProperties

    ax.figure.draw_without_rendering()  # computes the layout
    points = FontProperties(size="small").get_size_in_points()
    pixels = points * ax.figure.dpi / 72.0
    low, high = ax.get_ylim()
    return float(LABEL_SPACING * pixels * (high - low) / ax.get_window_extent().height)


def falling_alphas(ax: Any, alphas: Vector) -> None:
    """Set a logarithmic axis from the largest alpha on the left to the smallest on the right."""
    if len(alphas) > 1 and alphas[0] > alphas[-1]:
        positive = alphas[alphas > 0.0]
        if len(positive) == len(alphas):
            ax.set_xscale("log")
        ax.set_xlim(alphas[0], alphas[-1])


def show_nonzeros(
    ax: Any, x: Vector, df: NDArray[np.int64], label: str = "nonzero coefficients"
) -> Any:
    """Add Axes with the numbers of nonzero coefficients along the top, at about eight positions."""
    left, right = ax.get_xlim()
    scale = ax.xaxis.get_transform().transform
    first, last = scale(np.array([left, right]))
    wanted = np.linspace(float(first), float(last), 8)
    chosen = sorted({int(np.argmin(np.abs(scale(x) - at))) for at in wanted})
    top = ax.twiny()
    top.set_xscale(ax.get_xscale())
    top.set_xlim(left, right)
    top.set_xticks([], minor=True)
    top.set_xticks(x[chosen], [f"{df[k]}" for k in chosen])
    top.tick_params(labelsize="small")
    top.set_xlabel(label, fontsize="small")
    return top


def spread(places: Vector, distance: float, top: float = np.inf) -> Vector:
    """Move `places` as little as possible to keep neighbours `distance` apart, none above `top`.

    The order is kept. This is isotonic regression of places[k] - k * distance, by pooling
    neighbours that are too near; `top` gives one upper bound for all of these.
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
    moved = np.minimum(moved, top - (len(places) - 1) * distance)
    out = np.empty(len(places))
    out[order] = moved + distance * np.arange(len(places))
    return out
