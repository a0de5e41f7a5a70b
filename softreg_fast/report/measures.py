"""Measures of predictions against what came true, in units that people know."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.display.outcomes import Outcomes
from softreg_fast.model_selection.survival_measures import c_index
from softreg_fast.report.numbers import number, percent

EXPLAINED = "variance explained"
OFF_BY = "root mean squared error"

# Measures that are shares, shown in percent.
SHARES = (EXPLAINED, "accuracy", "share of observations up to the prediction")


def measures_of(outcomes: Outcomes) -> dict[str, float]:
    """Return measures by name; none where they are not defined, as for a missing class."""
    if not outcomes.plots or not len(outcomes.y):
        return {}
    if outcomes.classes is not None:
        return _of_classes(outcomes, len(outcomes.classes))
    if outcomes.loss.kind == "cox":
        index = c_index(outcomes.y, outcomes.predicted, outcomes.weights)
        return {"concordance": index} if np.isfinite(index) else {}
    return _of_numbers(outcomes)


def shown(name: str, value: float) -> str:
    """Format a measure."""
    return percent(value) if name in SHARES else number(value, 4)


def _of_numbers(outcomes: Outcomes) -> dict[str, float]:
    from sklearn import metrics

    found: dict[str, float] = {}
    given: Any = (outcomes.y, outcomes.predicted)
    weight = {"sample_weight": outcomes.weight}
    if outcomes.loss.kind == "quantile":
        tau = float(outcomes.loss.tau)  # type: ignore[attr-defined]
        below = np.average(outcomes.y <= outcomes.predicted, weights=outcomes.weight)
        found[SHARES[-1]] = float(below)
        found["mean pinball loss"] = metrics.mean_pinball_loss(*given, alpha=tau, **weight)
    elif np.ptp(outcomes.y) > 0.0:
        found[EXPLAINED] = metrics.r2_score(*given, **weight)
    found[OFF_BY] = metrics.root_mean_squared_error(*given, **weight)
    found["mean absolute error"] = metrics.mean_absolute_error(*given, **weight)
    return {name: float(value) for name, value in found.items()}


def _of_classes(outcomes: Outcomes, n_classes: int) -> dict[str, float]:
    from sklearn import metrics

    contests = [outcomes.rows(k) for k in ((1,) if n_classes == 2 else range(n_classes))]
    areas = [metrics.roc_auc_score(t, s, sample_weight=w) for t, s, w in contests]
    counts = outcomes.confusion()
    several = ", mean of one against the rest" if n_classes > 2 else ""
    found = {f"AUC{several}": np.mean(areas), "accuracy": counts.trace() / counts.sum()}
    if outcomes.has_probabilities:
        errors = [np.average((t - s) ** 2, weights=w) for t, s, w in contests]
        found["Brier score"] = np.sum(errors)
        found["log loss"] = _log_loss(contests)
    return {name: float(value) for name, value in found.items()}


def _log_loss(contests: list[Any]) -> float:
    # minus the mean logarithm of the probability of the class that came true
    tiny = np.finfo(np.float64).tiny
    lost = of = 0.0
    for truth, score, weight in contests:
        lost -= weight[truth] @ np.log(np.maximum(score[truth], tiny))
        of += weight[truth].sum()
        if len(contests) == 1:
            lost -= weight[~truth] @ np.log(np.maximum(1.0 - score[~truth], tiny))
            of += weight[~truth].sum()
    return float(lost / of)
