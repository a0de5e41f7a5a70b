"""LogisticRegression and its search with more than two classes: scikit-learn's solutions."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model
from sklearn.metrics import get_scorer

from softreg_fast import LogisticRegression, LogisticRegressionCV
from softreg_fast.estimators.logistic_search import MEANS, measured

TIGHT = {"tol": 1e-7}

# Older ones name parameters otherwise, and their scorers want targets of two columns.
needs_new_words = pytest.mark.skipif(sklearn.__version__ < "1.9", reason="names of 1.9")


@pytest.fixture
def data(rng):
    X = rng.standard_normal((150, 4))
    scores = X @ rng.standard_normal((4, 3)) + rng.gumbel(size=(150, 3))
    return X, np.array(["a", "b", "c"])[scores.argmax(axis=1)], rng.uniform(0.5, 2.0, 150)


@pytest.mark.parametrize(
    "options",
    [{}, {"C": 30.0}, {"fit_intercept": False}, {"class_weight": {"a": 3.0}}],
)
def test_coefficients_of_scikit_learn(options, data):
    X, labels, weight = data
    ours = LogisticRegression(**options, **TIGHT).fit(X, labels, weight)
    theirs = linear_model.LogisticRegression(tol=1e-10, max_iter=10_000, **options)
    theirs.fit(X, labels, weight)
    assert ours.coef_.shape == (3, 4)
    assert ours.intercept_.shape == (3,)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-4, atol=1e-5)
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        found, known = getattr(ours, method)(X), getattr(theirs, method)(X)
        assert_allclose(found, known, rtol=1e-3, atol=1e-4)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, labels, weight) == pytest.approx(theirs.score(X, labels, weight))


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_optimality(l1_ratio, data):
    X, labels, weight = data
    C = 0.5
    model = LogisticRegression(C=C, l1_ratio=l1_ratio, **TIGHT).fit(X, labels, weight)
    hits = labels[:, np.newaxis] == model.classes_
    residual = weight[:, np.newaxis] * (hits - model.predict_proba(X))
    assert_allclose(residual.sum(axis=0), 0.0, atol=1e-5)
    W = model.coef_
    slopes = C * residual.T @ X - (1.0 - l1_ratio) * W
    assert_allclose(slopes[W != 0.0], l1_ratio * np.sign(W[W != 0.0]), atol=1e-4)
    assert np.all(np.abs(slopes[W == 0.0]) <= l1_ratio + 1e-4)


def test_warm_starts_and_other_classes(data):
    X, labels, _ = data
    model = LogisticRegression(warm_start=True, **TIGHT).fit(X, labels)
    cold = model.coef_
    assert_allclose(model.fit(X, labels).coef_, cold, rtol=1e-4, atol=1e-7)
    two = model.fit(X, labels == "a").coef_
    assert_allclose(two, LogisticRegression(**TIGHT).fit(X, labels == "a").coef_, rtol=1e-5)
    assert_allclose(model.fit(X, labels).coef_, cold, rtol=1e-4, atol=1e-7)


def test_offsets_have_a_column_for_each_class(data):
    X, labels, _ = data
    whole = LogisticRegression(C=np.inf, **TIGHT).fit(X, labels)
    offset = X[:, :1] * whole.coef_[:, 0]
    rest = LogisticRegression(C=np.inf, **TIGHT).fit(X[:, 1:], labels, offset=offset)
    assert_allclose(rest.predict_proba(X[:, 1:], offset), whole.predict_proba(X), rtol=1e-4)
    with pytest.raises(ValueError, match="offset is missing"):
        rest.predict(X[:, 1:])


@needs_new_words
def test_scores_without_a_scorer_are_those_of_scikit_learn(data):
    X, labels, weight = data
    model = LogisticRegression().fit(X, labels)
    codes = np.searchsorted(model.classes_, labels)
    for given in (None, weight):
        eta = model.decision_function(X)[:, np.newaxis]
        for name in sorted(set(MEANS) - {"deviance"}):
            known = get_scorer(name)(model, X, labels, sample_weight=given)
            (found,) = measured(name, model.loss_, codes, eta, given)
            assert found == pytest.approx(known, rel=1e-9)


@needs_new_words
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scoring": "neg_log_loss", "l1_ratios": [0.0]},
        {"scoring": "roc_auc_ovr"},
        {"scoring": "neg_log_loss", "refit": False},
        {"scoring": "neg_log_loss", "l1_ratios": [0.0], "use_legacy_attributes": False},
    ],
)
def test_searches_of_scikit_learn(options, data):
    X, labels, weight = data
    options = {"Cs": [1.0, 0.01, 0.1], "cv": 3, **options}
    ours = LogisticRegressionCV(tol=1e-7, **options).fit(X, labels, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = linear_model.LogisticRegressionCV(tol=1e-10, max_iter=10_000, **options)
        theirs.fit(X, labels, weight)
    assert_allclose(ours.C_, theirs.C_)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-5)
    for name in ("scores_", "coefs_paths_"):
        mine, yours = (getattr(model, name) for model in (ours, theirs))
        if isinstance(yours, dict):
            assert list(mine) == list(yours)
            mine, yours = (np.array(list(each.values())) for each in (mine, yours))
        assert_allclose(mine, yours, rtol=1e-3, atol=1e-5)
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    assert ours.score(X, labels) == pytest.approx(theirs.score(X, labels), rel=1e-4)
