"""The plots of a report: SVG in the page's light or dark colours, with text kept as text."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.display.cv_path_display import SQUARES, CVPathDisplay, in_words
from softreg_fast.display.look import LIGHT, lines_of
from softreg_fast.display.outcomes import Outcomes
from softreg_fast.display.path_display import PathDisplay
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import printable
from softreg_fast.report.contents import Report
from softreg_fast.report.numbers import number
from softreg_fast.report.svg import SHADE, Hover, for_page

SIZE = (4.6, 3.5)  # inches: small, so that text can be read on a phone
POINTS_PER_INCH = 72  # the unit of SVG

# Of more lines the leading ones have names for the pointer, and the others are a shade: between
# their extremes, darker between quantiles.
MOST_LINES = 500
LEADING = 150
QUANTILES = ((0.0, 1.0), (0.01, 0.99), (0.1, 0.9))

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

    def draw(ax: Any) -> Hover | None:
        root = found.shown[0] == SQUARES
        picture = CVPathDisplay.from_path(found, ax=ax, root=root)
        picture.errorbar_[0].set_gid("line-0")
        measure = in_words(found.shown[0])
        return _hover(ax, found.path.alphas, {"line-0": [f"root {measure}" if root else measure]})

    return svg_of("errors", "Errors on the rows left out", draw)


def path_picture(report: Report, output: int = 0) -> str:
    """Draw the coefficients along the path per standard deviation, the model marked, as SVG.

    With several classes, those of the one with this number.
    """
    path = report.path
    names = np.array([report.label(j) for j in range(report.n_features)], dtype=object)
    scaled = sp.csc_array(sp.diags_array(report.deviation) @ path.coefs)
    shown = dataclasses.replace(path, coefs=scaled, feature_names=names)
    found: Any = shown
    if report.search is not None:
        found = dataclasses.replace(report.search, path=shown)

    def draw(ax: Any) -> Hover | None:
        picture: Any = PathDisplay.from_path(found, ax=ax, mark=report.k, output=output)
        ax.set_ylabel(ax.get_ylabel().replace("coefficient", "coefficient per st.dev."))
        gids = {}
        for k, (line, text) in enumerate(zip(picture.labelled_, picture.text_, strict=True)):
            line.set_gid(f"line-{k}")
            gids[f"line-{k}"] = [text.get_text()]
            text.set_text(_shortened(text.get_text()))
        gids["lines"] = _leading(ax, picture)
        return _hover(ax, path.alphas, gids)

    name = f"path-{output}" if output else "path"
    return svg_of(name, "Coefficients along the path", draw)


def _leading(ax: Any, picture: Any) -> list[str]:
    # names of the lines without a label; of many only the largest are lines, the rest a shade
    lines = picture.lines_
    segments, names = lines.get_segments(), picture.names_
    lines.set_gid("lines")
    if len(segments) <= MOST_LINES:
        return [printable(name, keep="") for name in names]
    size = [float(np.abs(segment[:, 1]).max()) for segment in segments]
    order = np.argsort(-np.array(size), kind="stable")
    first, rest = order[:LEADING].tolist(), order[LEADING:].tolist()
    places, values = segments[0][:, 0], np.stack([segments[j][:, 1] for j in rest])
    for ends in QUANTILES:
        low, high = np.quantile(values, ends, axis=0)
        shade: Any = {"color": LIGHT["ink"], "alpha": 0.13, "linewidth": 0.0, "zorder": 0.5}
        ax.fill_between(places, low, high, gid=SHADE, **shade)
    lines.set_segments([segments[j] for j in first])
    return [printable(names[j], keep="") for j in first]


def _hover(ax: Any, alphas: NDArray[np.float64], names: dict[str, list[str]]) -> Hover | None:
    # what the page's script needs to say alpha and value at the pointer
    if len(alphas) < 2:
        return None
    return Hover(ax, alphas, [number(alpha, 4) for alpha in alphas], names)


def outcome_picture(name: str, outcomes: Outcomes) -> str:
    """Draw one of the plots of outcomes, as SVG."""
    classes = outcomes.classes and tuple(_shortened(each) for each in outcomes.classes)
    shown = dataclasses.replace(outcomes, classes=classes)

    def draw(ax: Any) -> None:
        shown.plot(name, ax)

    return svg_of(name, TITLES[name], draw)


def _shortened(name: str) -> str:
    name = printable(name, keep="")
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


@contextmanager
def _style(name: str) -> Iterator[None]:
    import matplotlib
    from cycler import cycler

    ink = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")
    style: Any = {
        **dict.fromkeys(ink, LIGHT["ink"]),
        "axes.facecolor": "none",
        "axes.labelsize": "small",
        "axes.linewidth": 0.6,
        "axes.prop_cycle": cycler(color=lines_of(LIGHT)),
        "figure.facecolor": "none",
        "font.size": 12.0,
        "svg.fonttype": "none",
        "svg.hashsalt": name,  # reproducible, with ids of its own for each picture
        "xtick.labelsize": "small",
        "ytick.labelsize": "small",
    }
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the browser has others
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style)
        yield


def svg_of(name: str, title: str, draw: Callable[[Any], Hover | None]) -> str:
    """Return what `draw` draws into Axes as SVG for the page; screen readers say the title.

    `draw` returns what there is to say at the pointer, or None.
    """
    from matplotlib.figure import Figure

    with _style(name):
        figure = Figure(figsize=SIZE, dpi=POINTS_PER_INCH, layout="constrained")
        hover = draw(figure.subplots())
        written = io.StringIO()
        unsaid: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", dpi=150, metadata=unsaid)
        return for_page(written.getvalue(), title, hover)
