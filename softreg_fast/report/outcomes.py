"""Comparisons of predictions with what came true: of two classes, of counts and amounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.losses import Loss
from softreg_fast.report.pictures import INK, svg_of

Vector = NDArray[np.float64]

TENTHS = 10  # groups of samples by their predictions


@dataclass(frozen=True)
class Outcomes:
    """Targets, and their predictions.

    Attributes
    ----------
    loss : Loss
    y : ndarray (n_samples,)
        Targets; 0 and 1 for classes.
    predicted : ndarray (n_samples,)
        Means; probabilities of class 1.
    weight : ndarray (n_samples,) or None
    classes : (str, str) or None
        Names of two classes.
    left_out : bool
        Whether the predictions are of models fitted without the sample.
    """

    loss: Loss
    y: Vector
    predicted: Vector
    weight: Vector | None
    classes: tuple[str, str] | None
    left_out: bool

    @property
    def has_classes(self) -> bool:
        """Return whether every target is one of two classes, and both occur."""
        return self.classes is not None and np.unique(self.y).size == 2

    @property
    def whose(self) -> str:
        """The rows that were predicted, in words."""
        return "rows left out" if self.left_out else "the rows it was fitted to"


def roc_picture(outcomes: Outcomes) -> str:
    """Draw the ROC curve, as SVG."""
    from sklearn.metrics import auc, roc_curve

    wrong, right, _ = roc_curve(
        outcomes.y, outcomes.predicted, sample_weight=outcomes.weight, pos_label=_second(outcomes)
    )

    def draw(ax: Any) -> None:
        ax.plot(wrong, right, linewidth=1.6, label=f"area {auc(wrong, right):.4g}")
        _diagonal(ax, 0.0, 1.0)
        ax.set_xlabel("share of false alarms")
        ax.set_ylabel("share found")
        ax.legend(fontsize="small", loc="lower right")

    return svg_of("roc", "ROC curve", draw)


def calibration_picture(outcomes: Outcomes) -> str:
    """Draw the shares of class 1 against their probabilities, in tenths of the rows, as SVG."""
    from sklearn.calibration import calibration_curve

    shares, probabilities = calibration_curve(
        outcomes.y,
        outcomes.predicted,
        n_bins=TENTHS,
        strategy="quantile",
        pos_label=_second(outcomes),
    )

    def draw(ax: Any) -> None:
        ax.plot(probabilities, shares, "o-", linewidth=1.6, markersize=4)
        _diagonal(ax, 0.0, 1.0)
        ax.set_xlabel("probability, mean of a tenth of the rows")
        ax.set_ylabel("share that came true")

    return svg_of("calibration", "Calibration", draw)


def tenths_picture(outcomes: Outcomes) -> str:
    """Draw mean targets against mean predictions, in tenths of the rows, as SVG."""
    _, predicted, observed = tenths(outcomes)

    def draw(ax: Any) -> None:
        ax.plot(predicted, observed, "o-", linewidth=1.6, markersize=4)
        _diagonal(ax, *_span(np.append(predicted, observed)))
        ax.set_xlabel("predicted, mean of a tenth of the rows")
        ax.set_ylabel("observed, mean of the same rows")

    return svg_of("tenths", "Observed against predicted", draw)


def tenths(outcomes: Outcomes) -> tuple[Vector, Vector, Vector]:
    """Return weights, mean predictions and mean targets of tenths of the rows, by prediction."""
    order = np.argsort(outcomes.predicted, kind="stable")
    n = len(order)
    weight = np.ones(n) if outcomes.weight is None else outcomes.weight
    order = order[weight[order] > 0.0]
    groups = np.array_split(order, min(TENTHS, len(order)))
    predicted, observed = (
        np.array([np.average(values[group], weights=weight[group]) for group in groups])
        for values in (outcomes.predicted, outcomes.y)
    )
    return np.array([weight[group].sum() for group in groups]), predicted, observed


def confusion(outcomes: Outcomes) -> NDArray[np.float64]:
    """Return the weights of the rows of each class (rows) that were taken for each (columns)."""
    from sklearn.metrics import confusion_matrix

    loss: Any = outcomes.loss
    middle = float(loss.mean(np.full(1, loss.middle))[0])
    truth = outcomes.y == _second(outcomes)
    taken = outcomes.predicted > middle
    return np.asarray(confusion_matrix(truth, taken, sample_weight=outcomes.weight), np.float64)


def _second(outcomes: Outcomes) -> float:
    loss: Any = outcomes.loss
    return float(loss.labels[1])


def _diagonal(ax: Any, low: float, high: float) -> None:
    ax.plot([low, high], [low, high], color=INK, linestyle="--", linewidth=1.0)


def _span(values: Vector) -> tuple[float, float]:
    return float(values.min()), float(values.max())
