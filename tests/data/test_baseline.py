"""Baseline hazards: Breslow's and Efron's estimates, strata, and predictors far from 0."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import path, survival
from softreg_fast.data.baseline import baseline_of
from softreg_fast.data.survival import as_survival
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.losses import Cox


def target_of(y, ties="breslow", weight=None):
    """Return the target of survival times."""
    given = as_survival(y, len(y))
    return SurvivalTarget(given.y, weight, loss=Cox(ties), classes=given.labels)


def test_without_predictors_it_is_that_of_nelson_and_aalen():
    y = survival([1, 2, 2, 3, 4], [1, 1, 1, 0, 1])
    found = baseline_of(target_of(y), np.zeros(5))
    assert_array_equal(found.times[0], [1, 2, 3, 4])
    assert_allclose(found.cumulative[0], np.cumsum([1 / 5, 2 / 4, 0, 1]))
    efron = baseline_of(target_of(y, "efron"), np.zeros(5))
    assert_allclose(efron.cumulative[0], np.cumsum([1 / 5, 1 / 4 + 1 / 3, 0, 1]))
    weighted = baseline_of(target_of(y, weight=np.array([1.0, 2, 0, 1, 1])), np.zeros(5))
    assert_array_equal(weighted.times[0], [1, 2, 3, 4])
    assert_allclose(weighted.cumulative[0], np.cumsum([1 / 5, 2 / 4, 0, 1]))


def test_known_numbers():
    # basehaz(centered = FALSE) of R's survival, at the coefficients of coxph
    y = survival([1, 1, 6, 6, 8, 9], [1, 0, 1, 1, 0, 1])
    x = np.array([1.0, 1, 1, 0, 0, 0])
    right = {
        "breslow": (1.4752849148290, [0.06204688721150237, 1 / 3, 4 / 3]),
        "efron": (
            1.676857485592897,
            [0.05250401271148796, 0.36554343254404886, 1.3655434325440488],
        ),
    }
    for ties, (coef, expected) in right.items():
        found = baseline_of(target_of(y, ties), coef * x)
        hazards = found.hazards(0.0, 0, np.array([1.0, 6.0, 9.0]))
        assert_allclose(hazards, expected, rtol=1e-7)
        assert_array_equal(found.hazards(np.zeros(2), 0, np.array([0.0, 0.99])), 0.0)


def test_every_stratum_has_its_own(rng):
    time, event = rng.integers(1, 9, 40), rng.random(40) < 0.7
    strata, eta = np.array(["b", "a"])[rng.integers(0, 2, 40)], rng.standard_normal(40)
    both = baseline_of(target_of(survival(time, event, strata=strata)), eta)
    assert_array_equal(both.labels, ["a", "b"])
    for k, label in enumerate("ab"):
        rows = strata == label
        alone = baseline_of(target_of(survival(time[rows], event[rows])), eta[rows])
        assert_array_equal(both.times[k], alone.times[0])
        assert_allclose(both.hazards(0.3, k), alone.hazards(0.3, 0), rtol=1e-12)
    censored = np.where(strata == "a", False, event)  # a stratum without events
    none = baseline_of(target_of(survival(time, censored, strata=strata)), eta)
    assert_array_equal(none.cumulative[0], 0.0)
    assert none.cumulative[1][-1] > 0.0


def test_predictors_far_from_zero():
    y = survival([1, 2, 3], [1, 1, 1])
    found = baseline_of(target_of(y), np.array([1000.0, 1001, 1002]))
    near = baseline_of(target_of(y), np.array([0.0, 1, 2]))
    assert_allclose(found.hazards(1000.5, 0), near.hazards(0.5, 0), rtol=1e-12)
    assert_array_equal(found.hazards(-1e4, 0), 0.0)


def test_predictions_of_survival(rng):
    X = rng.standard_normal((30, 3))
    time = rng.exponential(np.exp(-X[:, 0])) + 0.1
    fits = path(X, survival(time, time < 2), loss="cox", n_alphas=4, eps=0.1)
    of_all = fits.predict(X[:5], kind="survival")
    assert of_all.shape == (5, 4, 30)
    for k in range(4):
        each = fits[k].predict(X[:5], kind="survival")
        assert_allclose(of_all[:, k], each, rtol=1e-12)
        assert_allclose(fits.predict(X[:5], fits.alphas[k], kind="survival"), each, rtol=1e-12)
        assert np.all(np.diff(each, axis=1) <= 0.0)
        assert np.all((each >= 0.0) & (each <= 1.0))
    ratio = np.log(of_all[0, 3]) / np.log(of_all[1, 3])  # proportional hazards
    eta = fits[3].predict(X[:2], kind="link")
    assert_allclose(ratio[np.isfinite(ratio)], np.exp(eta[0] - eta[1]), rtol=1e-9)
    assert_allclose(np.log(fits[3].predict(X[:2])), eta)
    two = path(X, survival(time, time < 2, strata=np.arange(30) % 2), loss="cox", n_alphas=2)
    with pytest.raises(ValueError, match="2 strata, and kind='survival' knows no stratum"):
        two.predict(X, kind="survival")
    with pytest.raises(ValueError, match="kind='survival' is for losses of survival times"):
        path(X, time, n_alphas=2).predict(X, kind="survival")
