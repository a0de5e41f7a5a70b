"""The look of plots and pages: colours on light and on dark backgrounds, fonts.

Plots follow the style sheet of matplotlib; where it leaves the colours of lines as matplotlib has
them, they are those of this module. The page of a report has all of its colours, as variables.
"""

from __future__ import annotations

from typing import Any

# Colours by name. Lines differ for colour-blind people, too.
LIGHT = {
    "ink": "#1c2128",
    "quiet": "#59636e",
    "faint": "#999999",
    "paper": "#ffffff",
    "panel": "#f3f5f7",
    "rule": "#d5dae0",
    "good": "#1a7f37",
    "bad": "#b42318",
    "line-1": "#0b63b5",
    "line-2": "#b8480a",
    "line-3": "#008852",
    "line-4": "#933af0",
    "line-5": "#84000a",
    "line-6": "#00466e",
    "line-7": "#37059b",
    "line-8": "#6a002b",
}
DARK = {
    "ink": "#e4e8ec",
    "quiet": "#9da7b1",
    "faint": "#7d8590",
    "paper": "#14181d",
    "panel": "#1f252c",
    "rule": "#363d46",
    "good": "#57c46f",
    "bad": "#ff8f82",
    "line-1": "#6cb6ff",
    "line-2": "#ffa066",
    "line-3": "#c9ffb4",
    "line-4": "#ba71a4",
    "line-5": "#807bff",
    "line-6": "#cab900",
    "line-7": "#3cefff",
    "line-8": "#8cbe9d",
}

N_LINES = 8  # lines with a colour of their own

TEXT_FONTS = 'system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif'
CODE_FONTS = 'ui-monospace, "DejaVu Sans Mono", monospace'


def lines_of(colours: dict[str, str]) -> list[str]:
    """Return the colours of lines."""
    return [colours[f"line-{k}"] for k in range(1, N_LINES + 1)]


def line_colours(ax: Any) -> list[Any]:
    """Return the colours of lines in Axes: the style sheet's, or those of this module."""
    from matplotlib import rcParams, rcParamsDefault

    cycle = rcParams["axes.prop_cycle"]
    if cycle != rcParamsDefault["axes.prop_cycle"]:
        return list(cycle.by_key().get("color", ["C0"]))
    return lines_of(DARK if is_dark(ax) else LIGHT)


def is_dark(ax: Any) -> bool:
    """Return whether the background of Axes is dark."""
    from matplotlib.colors import to_rgba

    for colour in (ax.get_facecolor(), ax.figure.get_facecolor()):
        red, green, blue, opacity = to_rgba(colour)
        if opacity > 0.5:
            return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4)
    return False


def dress(ax: Any, keep: tuple[str, ...] = ()) -> None:
    """Give Axes these colours of lines, and no lines at the top and the right, except `keep`."""
    ax.set_prop_cycle(color=line_colours(ax))
    for side in ("top", "right"):
        ax.spines[side].set_visible(side in keep)
