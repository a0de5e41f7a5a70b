"""LinearSVC: scikit-learn's words and solutions, several classes, what it refuses."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import svm

from softreg_fast import LinearSVC

TIGHT = {"tol": 1e-7}


@pytest.fixture
def data(rng):
    X = rng.standard_normal((120, 4))
    scores = X @ rng.standard_normal((4, 3)) + rng.standard_normal((120, 3))
    return X, np.array(["a", "b", "c"])[scores.argmax(axis=1)], rng.uniform(0.5, 2.0, 120)


@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("classes", ["ab", "abc"])
def test_solutions_of_scikit_learn(penalty, classes, data):
    X, labels, weight = data
    kept = np.isin(labels, list(classes))
    X, labels, weight = X[kept], labels[kept], weight[kept]
    # without an intercept, since theirs is penalised
    options = {"penalty": penalty, "C": 0.5, "fit_intercept": False}
    if sklearn.__version__ >= "1.9":  # where "balanced" counts weights, not rows
        options["class_weight"] = "balanced"
    ours = LinearSVC(**options, **TIGHT).fit(X, labels, weight)
    theirs = svm.LinearSVC(dual=False, tol=1e-10, max_iter=100_000, **options)
    theirs.fit(X, labels, weight)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-5)
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-3, atol=1e-4)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.intercept_ == theirs.intercept_ == 0.0


def test_each_of_several_classes_is_fitted_against_all_others(data):
    X, labels, weight = data
    offset = 0.1 * X[:, 1]
    model = LinearSVC(C=0.3, l1_ratio=0.5, **TIGHT).fit(X, labels, weight, offset)
    assert model.coef_.shape == (3, 4)
    assert model.intercept_.shape == (3,)
    eta = model.decision_function(X, offset)
    for k, name in enumerate("abc"):
        one = LinearSVC(C=0.3, l1_ratio=0.5, **TIGHT).fit(X, labels == name, weight, offset)
        assert_array_equal(model.coef_[k], one.coef_[0])
        assert_array_equal(model.intercept_[k], one.intercept_[0])
        assert_allclose(eta[:, k], one.decision_function(X, offset))
        assert model.dual_gap_ >= one.dual_gap_
        assert model.n_iter_ >= one.n_iter_
    assert_array_equal(model.predict(X, offset), model.classes_[eta.argmax(axis=1)])


def test_warm_starts(data):
    X, labels, _ = data
    model = LinearSVC(l1_ratio=0.5, warm_start=True, **TIGHT).fit(X, labels)
    cold = model.coef_
    assert_allclose(model.fit(X, labels).coef_, cold, rtol=1e-5)
    two = model.fit(X, labels == "a").coef_  # the rows of three classes start no fit of two
    assert_allclose(two, LinearSVC(l1_ratio=0.5, **TIGHT).fit(X, labels == "a").coef_, rtol=1e-5)
    assert model.fit(X, labels).coef_.shape == (3, 4)


def test_the_penalty_by_name_or_by_number(data):
    X, labels, _ = data
    for name, ratio in (("l1", 1.0), ("l2", 0.0)):
        named, numbered = LinearSVC(name), LinearSVC(l1_ratio=ratio)
        assert_array_equal(named.fit(X, labels).coef_, numbered.fit(X, labels).coef_)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": "hinge"}, "loss must be 'squared_hinge'; 'hinge' is left to"),
        ({"multi_class": "crammer_singer"}, "multi_class must be 'ovr'"),
        ({"penalty": "elasticnet"}, "penalty must be one of 'l1', 'l2'; got 'elasticnet'"),
        ({"penalty": "l1", "l1_ratio": 0.5}, "contradict each other"),
        ({"C": 0.0}, "C must be a finite number > 0"),
    ],
)
def test_messages(options, said, data):
    X, labels, _ = data
    for y in (labels, labels == "a"):
        with pytest.raises(ValueError, match=said):
            LinearSVC(**options).fit(X, y)
