"""The plots of a report: SVG in the page's light or dark colours, with text kept as text."""

from __future__ import annotations

import dataclasses
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.display.cv_path_display import CVPathDisplay
from softreg_fast.display.outcomes import Outcomes
from softreg_fast.display.path_display import PathDisplay
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import printable
from softreg_fast.paths.result import Path

# The colours given to matplotlib, and the page's CSS variables that replace them, so that a style
# sheet can change them. They are those of the light page. Lines differ for colour-blind people,
# too.
INK = "#1c2128"
PAPER = "#ffffff"
FAINT = "#999999"
LINES = (
    "#0b63b5", "#b8480a", "#008852", "#933af0", "#84000a", "#00466e", "#37059b", "#6a002b",
)  # fmt: skip
COLOURS = {
    INK: "ink",
    PAPER: "paper",
    FAINT: "faint",
    **{c: f"line-{k}" for k, c in enumerate(LINES, 1)},
}

SIZE = (5.0, 3.7)  # inches: small, so that text can be read on a phone

# Beyond this number, lines are drawn as one bitmap.
MOST_LINES = 500

LONGEST_NAME = 18

# Plots of outcomes, as screen readers say them.
TITLES = {
    "roc": "ROC curve",
    "precision_recall": "Precision and recall",
    "calibration": "Calibration",
    "confusion": "Confusion of classes",
    "observed": "Observed against predicted",
    "residuals": "Residuals",
    "rootogram": "Rootogram",
    "coverage": "Coverage",
    "survival": "Survival by risk",
}


def check_pictures() -> None:
    """Raise InputError unless matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError(
            "a report has pictures, which need matplotlib: pip install 'softreg_fast[plot]', or "
            "leave out --report"
        ) from None


def errors_picture(found: CVPath) -> str:
    """Draw the cross-validation errors along alpha, as SVG."""
    return svg_of("errors", "Errors on the rows left out", lambda ax: _draw_errors(found, ax))


def path_picture(
    path: Path,
    k: int,
    label: Callable[[int], str],
    deviation: NDArray[np.float64],
    output: int = 0,
) -> str:
    """Draw the coefficients along a path per standard deviation, the k-th alpha marked, as SVG.

    With several classes, those of the one with this number.
    """
    names = [_shortened(label(j)) for j in range(path.coefs.shape[0])]
    groups = path.groups
    if groups is not None:
        groups = groups._replace(names=[_shortened(str(each)) for each in groups.names])
    shown = dataclasses.replace(
        path,
        groups=groups,
        coefs=sp.csc_array(sp.diags_array(deviation) @ path.coefs),
        feature_names=np.array(names, dtype=object),
    )
    name = f"path-{output}" if output else "path"
    return svg_of(name, "Coefficients along the path", lambda ax: _draw_path(shown, k, output, ax))


def outcome_picture(name: str, outcomes: Outcomes) -> str:
    """Draw one of the plots of outcomes, as SVG."""
    classes = outcomes.classes and tuple(_shortened(each) for each in outcomes.classes)
    shown = dataclasses.replace(outcomes, classes=classes)

    def draw(ax: Any) -> None:
        shown.plot(name, ax)
        ax.spines["top"].set_visible(name == "confusion")

    return svg_of(name, TITLES[name], draw)


def _shortened(name: str) -> str:
    name = printable(name, keep="")
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _draw_errors(found: CVPath, ax: Any) -> None:
    CVPathDisplay.from_path(found, ax=ax)


def _draw_path(path: Path, k: int, output: int, ax: Any) -> None:
    picture = PathDisplay.from_path(path, ax=ax, mark=k, output=output)
    ax.set_ylabel(ax.get_ylabel().replace("coefficient", "coefficient per st.dev."))
    lines: Any = picture.lines_
    if len(lines.get_segments()) > MOST_LINES:
        lines.set(rasterized=True, color="0.5")


@contextmanager
def _style(name: str) -> Iterator[None]:
    import matplotlib
    from cycler import cycler

    ink = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
    style: Any = {
        **dict.fromkeys(ink, INK),
        "axes.facecolor": "none",
        "axes.prop_cycle": cycler(color=LINES),
        "axes.spines.right": False,
        "figure.facecolor": "none",
        "font.size": 11.0,
        "legend.edgecolor": FAINT,
        "legend.facecolor": PAPER,
        "svg.fonttype": "none",
        "svg.hashsalt": name,  # reproducible, with ids of its own for each picture
    }
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser has others
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style)
        yield


def svg_of(name: str, title: str, draw: Callable[[Any], None]) -> str:
    """Return what `draw` draws into Axes as SVG for the page; screen readers say the title."""
    from matplotlib.figure import Figure

    with _style(name):
        figure = Figure(figsize=SIZE, layout="constrained")
        draw(figure.subplots())
        written = io.StringIO()
        unsaid: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", dpi=150, metadata=unsaid)
    return _for_page(written.getvalue(), title)


def _for_page(svg: str, title: str) -> str:
    # remove the file header and size, and use the colours and fonts of the page
    opening, rest = svg[svg.index("<svg") :].split(">", 1)
    box = re.search('viewBox="[^"]*"', opening)
    rest = re.sub(r"<style.*?</style>\s*", "", rest, flags=re.DOTALL)  # would affect the page
    rest = re.sub("<[^>]*>", lambda tag: _tag_for_page(tag[0]), rest)
    return f'<svg {box[0] if box else ""} role="img" aria-label="{escape(title)}">{rest}'


def _tag_for_page(tag: str) -> str:
    if tag.startswith("<g "):
        tag = re.sub(' id="[^"]*"', "", tag)  # ids would collide between two pictures
    tag = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", tag)
    return re.sub("#[0-9a-f]{6}", lambda colour: _variable(colour[0]), tag)


def _variable(colour: str) -> str:
    return f"var(--{COLOURS[colour]})" if colour in COLOURS else colour
