"""scikit-learn's tools around models of survival times, of quantiles and of classes."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softreg_fast as sf

N = 120

# Estimators by what they predict; all take an offset.
REGRESSORS = {
    "CoxRegression": sf.CoxRegression(alpha=0.02),
    "QuantileRegressor": sf.QuantileRegressor(alpha=0.02),
    "PoissonRegressor": sf.PoissonRegressor(alpha=0.02),
    "HuberRegressor": sf.HuberRegressor(alpha=0.02),
    "GammaRegressor": sf.GammaRegressor(alpha=0.02),
    "NegativeBinomialRegressor": sf.NegativeBinomialRegressor(alpha=0.02),
}
CLASSIFIERS = {
    "LogisticRegression": sf.LogisticRegression(),
    "ProbitRegression": sf.ProbitRegression(alpha=0.02),
    "LinearSVC": sf.LinearSVC(),
}
MODELS = {**REGRESSORS, **CLASSIFIERS}

each = pytest.mark.parametrize("name", MODELS)
each_classifier = pytest.mark.parametrize("name", CLASSIFIERS)


@pytest.fixture
def X(rng):
    return pd.DataFrame(rng.standard_normal((N, 4)), columns=list("abcd"))


def target(rng, name, X):
    eta = 0.8 * X["a"].to_numpy() - 0.5 * X["b"].to_numpy()
    if name == "CoxRegression":
        return sf.survival(rng.exponential(np.exp(-eta)), rng.random(N) < 0.8)
    if name in CLASSIFIERS:
        return np.where(eta + rng.logistic(size=N) > 0, "yes", "no")
    if name in ("PoissonRegressor", "NegativeBinomialRegressor"):
        return rng.poisson(np.exp(eta))
    return np.exp(eta) * rng.gamma(3.0, 1 / 3, N) + 0.01


def output(model, X, **given):
    kind = "decision_function" if hasattr(model, "decision_function") else "predict"
    return getattr(model, kind)(X, **given)


@each
def test_copies(rng, name, X):
    y, model = target(rng, name, X), MODELS[name]
    assert clone(model).get_params() == model.get_params()
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(output(again, X), output(fitted, X))
    if name == "CoxRegression":
        here, there = (
            each.predict_survival_function(X, return_array=True) for each in (fitted, again)
        )
        assert_array_equal(here, there)


@each
def test_scores_of_folds(rng, name, X):
    y, cv = target(rng, name, X), KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(MODELS[name], X, y, cv=cv)
    for score, (train, test) in zip(scores, cv.split(X), strict=True):
        model = clone(MODELS[name]).fit(X.iloc[train], y[train])
        assert score == pytest.approx(model.score(X.iloc[test], y[test]))
    assert np.isfinite(scores).all()


@each
def test_searches_in_pipelines_of_frames(rng, name, X):
    y = target(rng, name, X)
    pipeline = make_pipeline(StandardScaler(), MODELS[name]).set_output(transform="pandas")
    step = pipeline.steps[-1][0]
    strength = "C" if "C" in MODELS[name].get_params() else "alpha"
    grid = {f"{step}__{strength}": [0.01, 0.1]}
    found = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    best = found.best_estimator_
    assert best[-1].feature_names_in_.tolist() == list("abcd")
    assert_allclose(output(best[-1], best[:-1].transform(X)), output(found, X))


@each
def test_permutation_importance(rng, name, X):
    y = target(rng, name, X)
    found = permutation_importance(
        clone(MODELS[name]).fit(X, y), X, y, n_repeats=10, random_state=0
    )
    means = found.importances_mean
    assert means.argmax() == 0
    assert means[0] > 3 * np.abs(means[2:]).max()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "CoxRegression"])
def test_partial_dependence(rng, name, X):
    model = clone(MODELS[name]).fit(X, target(rng, name, X))
    kind = "auto" if name not in CLASSIFIERS else "decision_function"
    found = partial_dependence(model, X, ["a"], response_method=kind, grid_resolution=5)
    steps = np.diff(found["average"][0])
    assert (steps * steps[0] > 0.0).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@each_classifier
def test_calibration(rng, name, method, X):
    y = target(rng, name, X)
    model = CalibratedClassifierCV(CLASSIFIERS[name], method=method, cv=3).fit(X, y)
    p = model.predict_proba(X)
    assert_allclose(p.sum(axis=1), 1.0)
    assert model.score(X, y) > 0.6
    classes = np.digitize(X["a"], [-0.5, 0.5])
    if name == "LogisticRegression":
        several = CalibratedClassifierCV(CLASSIFIERS[name], method=method, cv=3).fit(X, classes)
        assert several.predict_proba(X).shape == (N, 3)


@each
def test_weights_and_offsets_are_routed(rng, name, X):
    y, weight = target(rng, name, X), rng.integers(1, 3, N).astype(float)
    offset = 0.2 * rng.standard_normal(N)
    cv = KFold(3, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = clone(MODELS[name]).set_fit_request(sample_weight=True, offset=True)
        model.set_score_request(sample_weight=True, offset=True)
        given = {"sample_weight": weight, "offset": offset}
        found = cross_validate(model, X, y, cv=cv, params=given, return_estimator=True)
        for k, (train, test) in enumerate(cv.split(X)):
            alone = clone(MODELS[name])
            alone.fit(X.iloc[train], y[train], weight[train], offset=offset[train])
            assert_allclose(found["estimator"][k].coef_, alone.coef_)
            parts = {"sample_weight": weight[test], "offset": offset[test]}
            assert found["test_score"][k] == pytest.approx(
                alone.score(X.iloc[test], y[test], **parts)
            )
