"""Plots of classes and their predictions, with scikit-learn's Displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from softreg_fast.display.drawing import diagonal, drawn_name
from softreg_fast.display.look import dress
from softreg_fast.options.types import Vector

if TYPE_CHECKING:
    from softreg_fast.display.outcomes import Outcomes

MOST_LETTERS = 36  # of the names of classes along an axis

NORMAL = 1.96  # standard errors of an interval of 95 %


def draw_roc(outcomes: Outcomes, ax: Any) -> Any:
    """Draw the ROC curve, of more than two classes one of each against the rest."""
    from sklearn.metrics import RocCurveDisplay

    dress(ax)
    found = [
        RocCurveDisplay.from_predictions(
            truth, score, sample_weight=weight, pos_label=True, name=name, ax=ax
        )
        for name, (truth, score, weight) in _curves(outcomes)
    ]
    diagonal(ax, 0.0, 1.0)
    ax.set_xlabel("false positive rate")
    ax.set_ylabel("true positive rate")
    _finish(ax, [f"AUC {each.roc_auc:.4g}" for each in found], outcomes, "lower right")
    return found[0] if len(found) == 1 else found


def draw_precision_recall(outcomes: Outcomes, ax: Any) -> Any:
    """Draw precision against recall, and the share of each class as what chance gives."""
    from sklearn.metrics import PrecisionRecallDisplay

    dress(ax)
    found = []
    for name, (truth, score, weight) in _curves(outcomes):
        options = {"sample_weight": weight, "pos_label": True, "name": name, "ax": ax}
        found.append(PrecisionRecallDisplay.from_predictions(truth, score, **options))
        share, colour = np.average(truth, weights=weight), ax.lines[-1].get_color()
        ax.axhline(share, color=colour, linestyle="--", linewidth=1.0)
    ax.set_xlabel("recall")
    ax.set_ylabel("precision")
    _finish(ax, [f"average precision {each.average_precision:.4g}" for each in found], outcomes)
    return found[0] if len(found) == 1 else found


def draw_calibration(outcomes: Outcomes, ax: Any) -> Any:
    """Draw the share of a class against its probability in tenths, with intervals of 95 %."""
    from sklearn.calibration import CalibrationDisplay

    dress(ax)
    found, reach = [], 0.0
    for k, name in _shown(outcomes):
        _, predicted, observed, _, size = outcomes.tenths(k)
        display = CalibrationDisplay(observed, predicted, outcomes.rows(k)[1], estimator_name=name)
        found.append(display.plot(ax=ax, name=name, ref_line=False, marker="o", markersize=4))
        low, high = wilson(observed, size)
        colour = ax.lines[-1].get_color()
        ax.vlines(predicted, low, high, colors=colour, linewidths=1.0)
        reach = max(reach, float(high.max()), float(predicted.max()))
    top = 1.02 if reach > 0.5 else 1.1 * reach  # rare classes would stand in a corner
    diagonal(ax, 0.0, min(top, 1.0))
    ax.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, top))
    ax.set_xlabel("predicted probability, mean of a tenth")
    ax.set_ylabel("observed share")
    _finish(ax, [""] * len(found), outcomes)
    return found[0] if len(found) == 1 else found


def draw_confusion(outcomes: Outcomes, ax: Any) -> Any:
    """Draw the numbers of samples of each class that were taken for each."""
    from sklearn.metrics import ConfusionMatrixDisplay

    names = outcomes.classes or ()
    display = ConfusionMatrixDisplay(outcomes.confusion(), display_labels=names)
    rotation = "vertical" if sum(map(len, names)) > MOST_LETTERS else "horizontal"
    options = {"cmap": "Blues", "colorbar": False, "values_format": ".6g"}
    display.plot(ax=ax, xticks_rotation=rotation, **options)
    ax.set_xlabel("predicted")
    ax.set_ylabel("observed")
    return display


CLASS_PLOTS = {
    "roc": draw_roc,
    "precision_recall": draw_precision_recall,
    "calibration": draw_calibration,
    "confusion": draw_confusion,
}


def wilson(share: Vector, size: Vector) -> tuple[Vector, Vector]:
    """Return the bounds of Wilson's 95 % interval for shares among numbers of samples.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference". It is
    right for shares of 0 and 1, too.
    """
    square = NORMAL**2 / size
    centre = (share + 0.5 * square) / (1.0 + square)
    half = np.sqrt(square * (share * (1.0 - share) + 0.25 * square)) / (1.0 + square)
    # never beyond the share itself, by rounding
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)


def _shown(outcomes: Outcomes) -> list[tuple[int, str]]:
    # of two classes, the second alone stands for both
    named = list(enumerate(outcomes.classes or ()))
    return named[1:] if len(named) == 2 else named


def _curves(outcomes: Outcomes) -> list[tuple[str, Any]]:
    return [(name, outcomes.rows(k)) for k, name in _shown(outcomes)]


def _finish(ax: Any, texts: list[str], outcomes: Outcomes, place: str = "best") -> None:
    # one legend with our words; scikit-learn's equal axes leave large margins in a wide figure
    lines = [line for line in ax.lines if not line.get_label().startswith("_")]
    if ax.get_legend() is not None:
        ax.get_legend().remove()
    for line, text, (_, name) in zip(lines, texts, _shown(outcomes), strict=False):
        line.set(linewidth=1.6, label=", ".join(filter(None, [drawn_name(name), text])))
    ax.set_aspect("auto")
    legend = ax.legend(handles=lines[: len(texts)], fontsize="small", loc=place, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
