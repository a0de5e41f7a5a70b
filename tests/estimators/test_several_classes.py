"""LogisticRegression and its search with more than two classes: scikit-learn's solutions."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model
from sklearn.metrics import get_scorer

from softreg_fast import LogisticRegression, LogisticRegressionCV, cv_path, path
from softreg_fast.estimators.logistic_search import MEANS, measured
from softreg_fast.losses import Multinomial

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


def test_a_class_that_a_training_fold_lacks():
    # the class has one sample; without features the best probabilities are the shares
    X, y = np.zeros((10, 1)), np.array([1, 1, 1, 1, 1, 2, 2, 2, 2, 3])
    folds = [(np.delete(np.arange(10), [0, 9]), [0, 9]), (np.arange(1, 10), [0])]
    for scoring in ("neg_log_loss", "accuracy"):
        with pytest.warns(UserWarning, match="fold 0 hold no sample of class 3, whose probability"):
            model = LogisticRegressionCV(cv=folds, scoring=scoring).fit(X, y)
        assert_array_equal(model.classes_, [1, 2, 3])
        assert_allclose(model.predict_proba(X)[0], [0.5, 0.4, 0.1], rtol=1e-5)
    for loss in (Multinomial(), Multinomial(grouped=True)):
        with pytest.warns(UserWarning, match="no sample of class 3"):
            found = cv_path(X + np.arange(10.0)[:, np.newaxis], y, loss=loss, cv=folds)
        assert found.fold_paths[0].converged
        assert np.isfinite(found.errors).all()
        # two classes are fitted as without the third
        lacking = found.fold_paths[0]
        train = folds[0][0]
        alone = path(
            X[train] + train[:, np.newaxis], y[train], loss=loss, alphas=lacking.alphas, tol=1e-9
        )
        eta, both = (each.predict(X[:3], kind="link") for each in (lacking, alone))
        assert_allclose(eta[:, 1] - eta[:, 0], both[:, 1] - both[:, 0], rtol=0.02, atol=0.02)
