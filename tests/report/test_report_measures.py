"""Measures of predictions against those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from softreg_fast import Outcomes, losses
from softreg_fast.report.measures import measures_of, shown


@pytest.fixture(params=[False, True])
def weight(request, rng):
    return rng.random(80) if request.param else None


def test_numbers(rng, weight):
    y = rng.random(80)
    predicted = y + rng.normal(0.0, 0.2, 80)
    found = measures_of(Outcomes(losses.SQUARED, y, predicted, weight))
    assert found == pytest.approx(
        {
            "variance explained": metrics.r2_score(y, predicted, sample_weight=weight),
            "root mean squared error": np.sqrt(np.average((y - predicted) ** 2, weights=weight)),
            "mean absolute error": np.average(np.abs(y - predicted), weights=weight),
        }
    )


def test_a_constant_target_has_nothing_to_explain():
    found = measures_of(Outcomes(losses.SQUARED, np.ones(5), np.ones(5)))
    assert found == {"root mean squared error": 0.0, "mean absolute error": 0.0}


def test_two_classes(rng, weight):
    p = rng.random(80)
    y = (rng.random(80) < p).astype(float)
    found = measures_of(Outcomes(losses.Logistic(), y, p, weight, ("a", "b")))
    assert found == pytest.approx(
        {
            "AUC": metrics.roc_auc_score(y, p, sample_weight=weight),
            "accuracy": metrics.accuracy_score(y, p > 0.5, sample_weight=weight),
            "Brier score": metrics.brier_score_loss(y, p, sample_weight=weight),
            "log loss": metrics.log_loss(y, p, sample_weight=weight),
        }
    )


def test_three_classes(rng, weight):
    p = rng.dirichlet(np.ones(3), 80)
    y = rng.integers(0, 3, 80).astype(float)
    found = measures_of(Outcomes(losses.Logistic(), y, p, weight, ("a", "b", "c")))
    one = np.eye(3)[y.astype(int)]
    areas = [metrics.roc_auc_score(y == k, p[:, k], sample_weight=weight) for k in range(3)]
    assert found == pytest.approx(
        {
            "AUC, mean of one against the rest": np.mean(areas),
            "accuracy": metrics.accuracy_score(y, p.argmax(axis=1), sample_weight=weight),
            "Brier score": np.average(((one - p) ** 2).sum(axis=1), weights=weight),
            "log loss": metrics.log_loss(y, p, sample_weight=weight),
        }
    )


def test_missing_classes_and_rows():
    assert measures_of(Outcomes(losses.Logistic(), np.ones(5), np.ones(5), None, ("a", "b"))) == {}
    assert measures_of(Outcomes(losses.SQUARED, np.ones(0), np.ones(0))) == {}


def test_shares_are_in_percent():
    assert shown("accuracy", 0.912) == "91.2 %"
    assert shown("AUC", 0.91234) == "0.9123"
