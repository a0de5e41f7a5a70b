"""CoxRegression and CoxRegressionCV: fits, functions of time, strata, scikit-learn's contract."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import CoxRegression, CoxRegressionCV, concordance, cv_path, solve, survival
from softreg_fast.losses import Cox


class OfNumbers(CoxRegression):
    """The estimator with targets that scikit-learn's checks make: ranks, all of them events."""

    def fit(self, X, y=None, sample_weight=None, offset=None):
        return super().fit(X, _times(y), sample_weight, offset)

    def score(self, X, y, sample_weight=None, offset=None):
        return super().score(X, _times(y), sample_weight, offset)


def _times(y):
    if y is None or np.asarray(y).ndim != 1 or np.asarray(y).dtype.kind not in "fiub":
        return y
    values = np.asarray(y).astype(np.float64)
    return np.column_stack([values - min(values.min(), 0.0), np.ones(len(values))])


@pytest.fixture
def data(rng):
    """Return features, times and events."""
    X = rng.standard_normal((80, 5))
    time = rng.exponential(np.exp(-X[:, 0] + 0.5 * X[:, 1])) + 0.01
    return X, time, time < 1.5


# The message about a y of text asks for survival times, not for labels.
NOT_OURS = {"check_dtype_object": "no classifier"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_contract():
    check_estimator(OfNumbers(alpha=0.1), expected_failed_checks=NOT_OURS, on_fail="raise")


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_it_is_the_solution_of_solve(data, ties):
    X, time, event = data
    time = np.ceil(4 * time)
    y = survival(time, event)
    model = CoxRegression(alpha=0.05, l1_ratio=0.7, ties=ties, tol=1e-6).fit(X, y)
    fit = solve(X, y, loss=Cox(ties), alpha=0.05, l1_ratio=0.7, tol=1e-12)
    assert_array_equal(model.coef_, fit.coef)
    assert model.intercept_ == 0.0
    assert model.loss_ == Cox(ties)
    assert model.dual_gap_ == fit.gap
    assert_allclose(model.predict(X), X @ fit.coef, rtol=1e-12)
    assert model.score(X, y) == concordance(y, X @ fit.coef)
    columns = np.column_stack([time, event])
    assert_array_equal(model.fit(X, columns).coef_, fit.coef)


def test_functions_of_time(data):
    X, time, event = data
    model = CoxRegression(alpha=0.01).fit(X, survival(time, event))
    times = model.unique_times_
    assert_array_equal(times, np.unique(time))
    hazards = model.predict_cumulative_hazard_function(X[:3], return_array=True)
    chances = model.predict_survival_function(X[:3], return_array=True)
    assert hazards.shape == chances.shape == (3, len(times))
    assert_allclose(chances, np.exp(-hazards))
    found = model.predict_survival_function(X[:3])
    assert found.shape == (3,)
    assert found.dtype == object
    for k, function in enumerate(found):
        assert_array_equal(function.x, times)
        assert_array_equal(function.y, chances[k])
        assert_array_equal(function(times), chances[k])
        assert function(times[0] - 1e-9) == 1.0
        assert function(0.5 * (times[3] + times[4])) == chances[k, 3]
        assert function.domain[1] == times[-1]
        with pytest.raises(ValueError, match="known up to"):
            function(times[-1] + 1.0)
        with pytest.raises(ValueError, match="got nan"):
            function([0.1, np.nan])
    assert model.predict_cumulative_hazard_function(X[:1])[0](0.0) == 0.0
    # at every event the expected number of events is the observed one
    own = np.searchsorted(times, time)
    whole = model.predict_cumulative_hazard_function(X, return_array=True)
    assert_allclose(whole[np.arange(80), own].sum(), event.sum(), rtol=1e-9)


def test_strata(data):
    X, time, event = data
    labels = np.array(["low", "high"])[(np.arange(80) % 3 == 0).astype(int)]
    model = CoxRegression(alpha=0.01).fit(X, survival(time, event, strata=labels))
    found = model.predict_survival_function(X, strata=labels)
    for label in ("low", "high"):
        rows = labels == label
        for function in found[rows]:
            assert_array_equal(function.x, np.unique(time[rows]))
    table = model.predict_survival_function(X[:2], return_array=True, strata=labels[:2])
    assert table.shape == (2, 80)
    at = np.searchsorted(model.unique_times_, found[1].x)
    assert_array_equal(table[1, at], found[1].y)
    with pytest.raises(ValueError, match=r"fitted with 2 strata \('high', 'low'\)"):
        model.predict_survival_function(X)
    with pytest.raises(ValueError, match="strata holds 'middle', which was no stratum"):
        model.predict_survival_function(X[:1], strata=["middle"])
    with pytest.raises(ValueError, match="strata has shape"):
        model.predict_survival_function(X, strata=["low"])
    plain = CoxRegression(alpha=0.01).fit(X, survival(time, event))
    with pytest.raises(ValueError, match="the model was fitted without"):
        plain.predict_survival_function(X, strata=labels)


def test_offsets(data, rng):
    X, time, event = data
    offset = rng.standard_normal(80)
    model = CoxRegression(alpha=0.05).fit(X, survival(time, event), offset=offset)
    assert_allclose(model.predict(X, offset), X @ model.coef_ + offset)
    with pytest.raises(ValueError, match="fitted with an offset, and offset is missing"):
        model.predict_survival_function(X)
    one = model.predict_cumulative_hazard_function(X[:1], True, offset=[0.0])
    other = model.predict_cumulative_hazard_function(X[:1], True, offset=[np.log(2.0)])
    assert_allclose(other, 2.0 * one)


def test_containers_and_copies(data):
    X, time, event = data
    y = survival(time, event)
    expected = CoxRegression(alpha=0.05, l1_ratio=1.0, tol=1e-6).fit(X, y)
    frame = pd.DataFrame(X, columns=list("abcde"))
    named = clone(expected).fit(frame, pd.DataFrame({"time": time, "event": event}))
    assert_array_equal(named.coef_, expected.coef_)
    assert_array_equal(named.feature_names_in_, list("abcde"))
    with pytest.raises(ValueError, match="feature names"):
        named.predict(frame[list("edcba")])
    sparse = clone(expected).fit(sp.csr_matrix(X), y)
    assert_allclose(sparse.coef_, expected.coef_, atol=1e-5)
    single = clone(expected).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    again = pickle.loads(pickle.dumps(expected))
    assert again.predict_survival_function(X[:1])[0](0.5) == (
        expected.predict_survival_function(X[:1])[0](0.5)
    )


def test_in_scikit_learns_tools(data):
    X, time, event = data
    y = survival(time, event)
    model = make_pipeline(StandardScaler(), CoxRegression(alpha=0.05))
    scores = cross_val_score(model, X, y, cv=4)
    assert np.all(scores > 0.5)
    grid = GridSearchCV(CoxRegression(l1_ratio=1.0), {"alpha": [0.5, 0.05]}, cv=3).fit(X, y)
    assert grid.best_params_ == {"alpha": 0.05}


def test_warm_starts(data):
    X, time, event = data
    model = CoxRegression(alpha=0.05, l1_ratio=1.0, warm_start=True).fit(X, survival(time, event))
    before = model.coef_
    assert model.fit(X, survival(time, event)).n_iter_ <= 3
    assert_allclose(model.coef_, before, atol=1e-6)


def test_wrong_parameters_and_targets(data):
    X, time, event = data
    y = survival(time, event)
    with pytest.raises(ValueError, match="ties must be one of breslow, efron"):
        CoxRegression(ties="exact").fit(X, y)
    with pytest.raises(TypeError, match="unexpected keyword argument 'family'"):
        CoxRegression(family="cox")
    with pytest.raises(ValueError, match="the target y is None"):
        CoxRegression().fit(X)
    with pytest.raises(ValueError, match="wants survival times"):
        CoxRegression().fit(X, time)
    with pytest.raises(NotFittedError):
        CoxRegression().predict_survival_function(X)


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
@pytest.mark.parametrize("measure", ["deviance", "concordance"])
@pytest.mark.parametrize("rule", ["min", "1se"])
def test_the_choice_of_alpha_is_that_of_cv_path(data, measure, rule):
    X, time, event = data
    y = survival(time, event)
    options = {"measure": measure, "rule": rule, "l1_ratio": [0.5, 1.0]}
    model = CoxRegressionCV(alphas=20, eps=0.05, cv=4, ties="efron", **options).fit(X, y)
    found = cv_path(X, y, loss=Cox("efron"), n_alphas=20, eps=0.05, cv=4, **options)
    assert model.alpha_ == found.alpha
    assert model.l1_ratio_ == found.l1_ratio
    assert_array_equal(model.coef_, found.path[found.index].coef)
    assert_array_equal(model.alphas_, found.alphas)
    assert_array_equal(model.cv_path_.errors, found.errors)
    assert 0.6 < model.score(X, y) <= 1.0
    assert model.predict_survival_function(X[:2], return_array=True).shape == (2, 80)
    fitted = CoxRegressionCV(alphas=[0.2, 0.1]).fit(X, y, sample_weight=np.arange(80.0))
    assert_array_equal(fitted.alphas_, [0.2, 0.1])
