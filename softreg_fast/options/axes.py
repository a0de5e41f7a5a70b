"""The option `ax` of plots."""

from __future__ import annotations

from typing import Any


def axes(ax: Any) -> tuple[Any, Any]:
    """Return the Axes to draw into, those of a new figure for None, and their Figure."""
    if ax is not None:
        return ax, ax.figure
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install 'softreg_fast[plot]'.") from None
    figure, ax = pyplot.subplots(figsize=(7.0, 4.5), layout="constrained")
    return ax, figure
