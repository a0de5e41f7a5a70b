"""Plots of numbers and their predictions: counts, amounts, quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from softreg_fast.display.class_plots import NORMAL, wilson
from softreg_fast.display.drawing import diagonal
from softreg_fast.display.links import has_log_link
from softreg_fast.display.look import dress, line_colours
from softreg_fast.options.types import Vector

if TYPE_CHECKING:
    from softreg_fast.display.outcomes import Outcomes

MOST_POINTS = 10_000  # drawn; more are thinned out evenly in the order of their predictions
MOST_VECTORS = 500  # beyond, points are a bitmap in files of vector graphics
MOST_BARS = 30
WIDE = 30.0  # ratio of predictions from which on axes are logarithmic


def draw_observed(outcomes: Outcomes, ax: Any) -> Any:
    """Draw mean targets against mean predictions of tenths, with intervals of 95 %."""
    dress(ax)
    _, predicted, observed, error, _ = outcomes.tenths()
    up = down = NORMAL * error
    is_linear = not has_log_link(outcomes.loss)
    if is_linear:  # targets are near their means, and are shown
        points(ax, outcomes.predicted, outcomes.y)
    elif min(predicted[0], observed.min()) > 0.0 and predicted[-1] > WIDE * predicted[0]:
        ax.set(xscale="log", yscale="log")
        down = np.minimum(down, 0.9 * observed)
    ax.errorbar(
        predicted,
        observed,
        yerr=[down, up],
        fmt="o-",
        linewidth=1.6,
        markersize=4,
        capsize=2,
        label="tenths",
    )
    ends = np.concatenate([predicted, observed - down, observed + up])
    if is_linear:
        ends = np.append(outcomes.predicted, predicted)
    diagonal(ax, float(ends.min()), float(ends.max()))
    ax.set_xlabel("predicted, mean of a tenth" if not is_linear else "predicted")
    ax.set_ylabel("observed, mean of the same" if not is_linear else "observed")
    return ax


def draw_residuals(outcomes: Outcomes, ax: Any) -> Any:
    """Draw deviance residuals against predictions, with their means in tenths."""
    dress(ax)
    residuals, predicted = outcomes.residuals(), outcomes.predicted
    shown = np.isfinite(residuals)
    residuals, predicted = residuals[shown], predicted[shown]
    if has_log_link(outcomes.loss) and predicted.max() > WIDE * predicted.min():
        ax.set_xscale("log")
    points(ax, predicted, residuals)
    centres, means = _means(predicted, residuals, outcomes.weights[shown])
    ax.plot(centres, means, "o-", linewidth=1.6, markersize=4)
    ax.axhline(0.0, color=ax.xaxis.label.get_color(), linestyle="--", linewidth=1.0)
    ax.set_xlabel("predicted")
    quadratic = outcomes.loss.quadratic
    ax.set_ylabel("residual" if quadratic else "deviance residual")
    return ax


def draw_rootogram(outcomes: Outcomes, ax: Any) -> Any:
    """Draw the roots of how often counts were observed, hanging from what the model expects."""
    dress(ax)
    second = (2 * line_colours(ax))[1]
    edges, observed, expected = frequencies(outcomes)
    width = np.diff(edges)
    places, line = edges[:-1] + 0.5 * (width - 1.0), np.sqrt(expected)
    height = np.sqrt(observed)
    ink = ax.xaxis.label.get_color()
    ax.bar(places, height, 0.85 * width, bottom=line - height, alpha=0.6, label="observed")
    ax.plot(places, line, "o-", color=second, linewidth=1.6, markersize=3, label="expected")
    ax.axhline(0.0, color=ink, linewidth=1.0)
    ax.set_xlabel("count" if width[0] == 1 else f"count, in steps of {width[0]}")
    ax.set_ylabel("root of the frequency")
    ax.legend(fontsize="small", frameon=False)
    return ax


def draw_coverage(outcomes: Outcomes, ax: Any) -> Any:
    """Draw the share of targets up to the predicted quantile, by tenths, with intervals of 95 %."""
    dress(ax)
    tau = float(outcomes.loss.tau)  # type: ignore[attr-defined]
    below = np.asarray(outcomes.y <= outcomes.predicted, np.float64)
    held = type(outcomes)(outcomes.loss, below, outcomes.predicted, outcomes.weight)
    _, predicted, share, _, size = held.tenths()
    low, high = wilson(share, size)
    bars = np.stack([share - low, high - share])
    ax.errorbar(predicted, share, yerr=bars, fmt="o-", linewidth=1.6, markersize=4, capsize=2)
    ink = ax.xaxis.label.get_color()
    ax.axhline(tau, color=ink, linestyle="--", linewidth=1.0)
    words: Any = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points"}
    ax.annotate(f"quantile {tau:g}", (0.0, tau), (4.0, 3.0), color=ink, size="small", **words)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("predicted, mean of a tenth")
    ax.set_ylabel("share of observations up to it")
    return ax


AMOUNT_PLOTS = {
    "observed": draw_observed,
    "residuals": draw_residuals,
    "rootogram": draw_rootogram,
    "coverage": draw_coverage,
}


def frequencies(outcomes: Outcomes) -> tuple[Any, Vector, Vector]:
    """Return bins of counts, and the weights of samples observed and expected in each.

    Returns
    -------
    edges : ndarray (n_bins + 1,) of int
        The first count of each bin, and the one behind the last; bins are as wide as needed for at
        most 30 to hold nearly all targets.
    observed, expected : ndarray (n_bins,)
    """
    y, weight = outcomes.y, outcomes.weights
    largest = int(np.quantile(y, 0.99)) + 1
    width = -(-largest // MOST_BARS)
    edges = np.arange(0, largest + width, width)
    observed = np.histogram(y, edges - 0.5, weights=weight)[0]
    up_to = np.array([weight @ _distribution(outcomes, k) for k in edges - 1.0])
    return edges, np.asarray(observed, np.float64), np.diff(up_to)


def _distribution(outcomes: Outcomes, k: float) -> Vector:
    # probability of a count of at most k, for every sample
    from scipy.special import betainc, pdtr

    mean = outcomes.predicted
    if k < 0.0:
        return np.zeros(len(mean))
    theta = getattr(outcomes.loss, "theta", None)
    if theta is None:
        return np.asarray(pdtr(k, mean))
    return np.asarray(betainc(theta, k + 1.0, theta / (theta + mean)))


def points(ax: Any, x: Vector, y: Vector) -> None:
    """Draw faint points, thinned out if they are many, the denser the fainter."""
    if len(x) > MOST_POINTS:
        order = np.argsort(x, kind="stable")
        kept = order[np.linspace(0, len(x) - 1, MOST_POINTS).astype(np.intp)]
        x, y = x[kept], y[kept]
    alpha = float(np.clip(30.0 / np.sqrt(len(x) + 1.0), 0.15, 0.6))
    ax.plot(
        x,
        y,
        "o",
        color="0.5",
        markersize=3 if len(x) < 2000 else 2,
        markeredgewidth=0.0,
        alpha=alpha,
        rasterized=len(x) > MOST_VECTORS,
        zorder=0,
    )


def _means(x: Vector, y: Vector, weight: Vector) -> tuple[Vector, Vector]:
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, min(10, len(order)))
    centres, means = (
        np.array([np.average(values[g], weights=weight[g]) for g in groups]) for values in (x, y)
    )
    return centres, means
