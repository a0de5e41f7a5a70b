"""Measures of survival models: the partial likelihood of folds, and concordance."""

import gc

import cox_cases as cases
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import KFold

from softreg_fast import Design, concordance, cv_path, path, stability_path, survival
from softreg_fast.losses import Cox
from softreg_fast.model_selection.folds import Training, make_folds
from softreg_fast.model_selection.survival_measures import PartialLikelihood

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def by_pairs(y, risk, s):
    """Return the C-index from all pairs."""
    start, stop, event, stratum = y.T
    right = total = 0.0
    for i in np.flatnonzero(event):
        for j in range(len(y)):
            later = stop[j] > stop[i] or (stop[j] == stop[i] and not event[j])
            if stratum[i] == stratum[j] and later and start[j] < stop[i]:
                total += s[i] * s[j]
                right += s[i] * s[j] * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    return right / total


@pytest.mark.parametrize("strata", [1, 3])
@pytest.mark.parametrize("late", [0.0, 0.6])
def test_concordance_is_that_of_all_pairs(rng, strata, late):
    y, s = cases.data(rng, 50, strata, late), rng.random(50)
    s[rng.random(50) < 0.2] = 0.0
    risk = np.round(rng.standard_normal(50), 1)  # some are equal
    start = None if late == 0.0 else np.where(np.isneginf(y[:, 0]), -1.0, y[:, 0])
    given = survival(y[:, 1], y[:, 2], start, y[:, 3].astype(int))
    assert_allclose(concordance(given, risk), by_pairs(y, risk, np.ones(50)), rtol=1e-12)
    assert_allclose(concordance(given, risk, s), by_pairs(y, risk, s), rtol=1e-12)


def test_ties_of_times_and_risks():
    time, event = np.array([1, 2, 2, 2, 3.0]), np.array([1, 1, 1, 0, 0])
    assert concordance(survival(time, event), [5, 4, 1, 3, 2]) == 0.75
    assert concordance(survival([5.0, 5.0], [1, 0]), [0.1, 0.9]) == 0.0
    assert concordance(survival(time, event), np.zeros(5)) == 0.5


def test_what_has_no_concordance():
    with pytest.raises(ValueError, match="No two samples can be compared"):
        concordance(survival([1, 1], [1, 1]), [1.0, 2.0])
    with pytest.raises(ValueError, match="risk contains NaN"):
        concordance(survival([1, 2], [1, 1]), [1.0, np.nan])
    with pytest.raises(ValueError, match=r"risk has shape \(2, 1\)"):
        concordance(survival([1, 2], [1, 1]), [[1.0], [2.0]])
    with pytest.raises(ValueError, match="X has 3, y has 2"):
        concordance(survival([1, 2], [1, 1]), [1.0, 2.0, 3.0])


def make(rng, n=80):
    """Return features and survival times, two strata, some late."""
    X = rng.standard_normal((n, 6))
    y = cases.data(rng, n, 2, 0.3)
    y[:, 1] = np.ceil(5 * rng.exponential(np.exp(-X[:, 0]))) + np.maximum(y[:, 0], 0.0)
    start = np.where(np.isneginf(y[:, 0]), -1.0, y[:, 0])
    return X, y, survival(y[:, 1], y[:, 2], start, y[:, 3].astype(int))


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_deviance_of_folds(rng, ties, weighted):
    X, y, given = make(rng)
    s = rng.random(80) + 0.1 if weighted else np.ones(80)
    options = {"loss": Cox(ties), "sample_weight": s if weighted else None}
    found = cv_path(X, given, cv=KFold(3), alphas=[0.1, 0.05], **options)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        fits = path(X[train], given[train], alphas=[0.1, 0.05], loss=Cox(ties),
                    sample_weight=s[train] if weighted else None)  # fmt: skip
        for j in range(2):
            eta = X @ fits[j].coef

            def excess(rows, eta=eta):
                weight = np.where(np.isin(np.arange(80), rows), s, 0.0)
                return Cox(ties).deviance_of(y, eta[:, np.newaxis], weight)[0]

            expected = (excess(np.arange(80)) - excess(train)) / (s[test] @ y[test, 2])
            # ties of weights that are not of mean one shift the infimum by a constant
            assert_allclose(found.errors_by_gamma[0, 0, j, k], expected, rtol=1e-4)
    assert found.measure == "partial likelihood deviance"


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_a_training_target_in_use_is_not_described_again(rng, ties):
    X, _, given = make(rng)
    weight = rng.random(80) + 0.1
    design = Design(X, sample_weight=weight).with_target(given, Cox(ties))
    fits = path(design, alphas=[0.1, 0.02])
    for pairs in (KFold(3).split(X), [(np.arange(50), np.arange(20, 80))]):  # one overlaps
        training = Training(design, make_folds(list(pairs), 80))
        for k in range(len(training.folds)):
            expected = PartialLikelihood().errors(training, k, fits)
            in_use = training.design_of(k)
            assert training.target_of(k) is in_use.described_target
            assert_allclose(PartialLikelihood().errors(training, k, fits), expected, rtol=1e-9)
            del in_use
            gc.collect()
            assert training.target_of(k) is None


def test_concordance_of_folds(rng):
    X, _, given = make(rng)
    options = {"loss": "cox", "alphas": [0.1, 0.02], "measure": "concordance"}
    found = cv_path(X, given, cv=KFold(4), **options)
    for k, (_, test) in enumerate(KFold(4).split(X)):
        for j in range(2):
            risk = X[test] @ found.fold_paths[k][j].coef
            assert_allclose(found.errors_by_gamma[0, 0, j, k], -concordance(given[test], risk))
    assert found.shown[0] == "concordance"
    assert found.predictions.shape == (80,)
    assert np.isfinite(found.predictions).all()


def test_folds_get_the_same_share_of_events(rng):
    X, time = rng.standard_normal((60, 3)), rng.exponential(size=60) + 0.1
    event = np.arange(60) < 10  # few, and in the first rows
    found = cv_path(X, survival(time, event), loss="cox", cv=5, n_alphas=5, seed=None)
    assert np.isfinite(found.errors).all()
    rows = np.arange(60)
    options = {"loss": "cox", "n_alphas": 5}
    for train, test, measure, match in (
        (rows[:30], rows[30:], None, "No test sample of fold 0 has an event"),
        (rows[10:], rows[:10], None, "training samples of fold 0 cannot be fitted"),
        (rows[:50], rows[50:], "concordance", "No two test samples of fold 0 can be compared"),
    ):
        pairs = [(train, test), (train, test)]
        with pytest.raises(ValueError, match=match):
            cv_path(X, survival(time, event), cv=pairs, measure=measure, **options)


def test_measures_that_survival_times_do_not_have(rng):
    X, _, given = make(rng)
    for options in ({"measure": "auc"}, {"measure": "mse"}, {"scoring": "r2"}):
        with pytest.raises(ValueError, match="compared by measure='deviance' or 'concordance'"):
            cv_path(X, given, loss="cox", **options)
    with pytest.raises(ValueError, match="measure='concordance' is for survival times"):
        cv_path(X, np.arange(80.0), measure="concordance")


def test_relaxed_fits_criteria_and_stability(rng):
    X, y, given = make(rng)
    relaxed = cv_path(X, given, loss="cox", relax=True, n_alphas=10)
    assert np.isfinite(relaxed.errors_by_gamma).all()
    for name in ("aic", "bic", "ebic"):
        found = cv_path(X, given, loss="cox", criterion=name, n_alphas=20, l1_ratio=0.5)
        assert found.alpha > 0.0
    lasso = cv_path(X, given, loss="cox", criterion="aic", alphas=[0.05, 0.01])
    T = cases.terms(y, np.ones(80), False)
    expected = [2.0 * (cases.value(T, X @ lasso.path[k].coef) + lasso.path.df[k]) for k in range(2)]
    assert_allclose(lasso.errors[0, :, 0], expected, rtol=1e-9)
    stable = stability_path(X, given, loss="cox", n_subsamples=6, random_state=0)
    assert stable.frequencies.toarray().max() >= 0.5
