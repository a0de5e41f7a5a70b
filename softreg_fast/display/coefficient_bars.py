"""Bars of the largest coefficients of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.display.checks import check_n_labels
from softreg_fast.options.axes import axes
from softreg_fast.options.spelling import printable


def coefficient_bars(chosen: list[tuple[Any, Any]], ax: Any, n_labels: int) -> Any:
    """Return the Axes with a bar for each of the first coefficients.

    Parameters
    ----------
    chosen : list of (name, coefficient or ndarray)
        As `Solution.selected` returns them; of several coefficients the bar is their norm.
    ax : matplotlib Axes or None
    n_labels : int
        Largest number of bars.
    """
    check_n_labels(n_labels)
    ax, _ = axes(ax)
    shown = chosen[:n_labels]
    values = [float(v) if np.ndim(v) == 0 else float(np.linalg.norm(v)) for _, v in shown]
    places = np.arange(len(shown))
    ax.barh(places, values, color=["C0" if value > 0.0 else "C1" for value in values])
    # escaped, for "$" would begin a formula
    names = [printable(str(name), keep="").replace("$", r"\$") for name, _ in shown]
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.axvline(0.0, color=ax.xaxis.label.get_color(), linewidth=0.6)
    ax.set_xlabel("coefficient")
    return ax
