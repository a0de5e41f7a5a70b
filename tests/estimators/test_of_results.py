"""Results as fitted estimators: predictions are equal, and clones repeat the fit."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.metrics import d2_pinball_score

import softreg_fast as sf
from softreg_fast import losses

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

OF_LOSS = {
    "ElasticNet": "squared",
    "PoissonRegressor": "poisson",
    "GammaRegressor": "gamma",
    "InverseGaussianRegressor": "inverse_gaussian",
    "TweedieRegressor": losses.Tweedie(power=1.5),
    "NegativeBinomialRegressor": losses.NegativeBinomial(theta=2.0),
    "HuberRegressor": losses.Huber(delta=1.35),
    "QuantileRegressor": losses.Quantile(0.8),
    "LogisticRegression": "logistic",
    "ProbitRegression": "probit",
    "LinearSVC": "squared_hinge",
}


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 60, 5, noise=2.0)
    return pd.DataFrame(X, columns=problems.names(5)), y


def target_for(name, y):
    if name in ("LogisticRegression", "ProbitRegression", "LinearSVC"):
        return np.where(y > np.median(y), "yes", "no")
    return y if name in ("ElasticNet", "HuberRegressor", "QuantileRegressor") else 0.1 + np.abs(y)


@pytest.mark.parametrize("name", OF_LOSS)
def test_predictions_are_equal(data, name):
    X, y = data
    y = target_for(name, y)
    fits = sf.path(X, y, loss=OF_LOSS[name], n_alphas=5, eps=0.05, l1_ratio=0.7, tol=1e-12)
    alpha = float(fits.alphas[3])
    model = fits.to_sklearn(alpha)
    assert type(model).__name__ == name
    kind = "class" if is_classifier(model) else "response"
    assert_array_equal(model.predict(X), fits.predict(X, alpha, kind=kind))
    if name == "QuantileRegressor":  # whose score is R squared, as in scikit-learn
        d2 = d2_pinball_score(y, model.predict(X), alpha=0.8)
        assert_allclose(fits.score(X, y, alpha), d2, atol=1e-6)
    else:
        assert_allclose(fits.score(X, y, alpha), model.score(X, y), atol=1e-12)
    assert model.feature_names_in_.tolist() == list(X.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[X.columns[::-1]])
    if name != "LinearSVC":  # which has C in place of alpha, and no l1_ratio
        again = clone(model).set_params(tol=1e-12).fit(X, y)
        assert_allclose(again.coef_, model.coef_, atol=2e-5)


def test_of_every_result(data):
    X, y = data
    found = sf.cv_path(X, y, n_alphas=10)
    for rule in ("min", "1se"):
        assert_array_equal(found.to_sklearn(rule).predict(X), found.predict(X, rule=rule))
    between = 0.5 * (found.path.alphas[3] + found.path.alphas[4])
    assert_allclose(found.to_sklearn(between).predict(X), found.predict(X, between))
    relaxed = sf.relaxed_path(X, y, alphas=[0.3, 0.1])
    assert_array_equal(relaxed.to_sklearn(0.1).predict(X), relaxed.predict(X, 0.1))
    one = sf.solve(X.to_numpy(), y, alpha=0.1)
    assert_array_equal(one.to_sklearn().predict(X.to_numpy()), one.predict(X.to_numpy()))


def test_clones_leave_out_what_was_left_out(data):
    X, y = data
    one = sf.solve(X, y, alpha=0.1, exclude=["x1", 3], l1_weights={"x0": 2.0}, tol=1e-12)
    model = clone(one.to_sklearn()).set_params(tol=1e-12).fit(X, y)
    assert_allclose(model.coef_, one.coef, atol=1e-6)
    assert not model.coef_[[1, 3]].any()


def test_of_several_outputs(data, rng):
    X, y = data
    labels = rng.choice([3, 5, 7], 60)
    fits = sf.path(X, labels, loss="multinomial", n_alphas=4, eps=0.1)
    model = fits.to_sklearn(float(fits.alphas[2]))
    assert model.classes_.tolist() == [3, 5, 7]
    expected = fits[2].predict(X, kind="proba")
    assert_allclose(model.predict_proba(X), expected)
    tasks = sf.solve(X, np.column_stack([y, labels]), alpha=0.5)
    assert_array_equal(tasks.to_sklearn().predict(X), tasks.predict(X))


def test_of_survival_times(data, rng):
    X, y = data
    times = sf.survival(np.exp(0.1 * y), rng.random(60) < 0.7)
    fits = sf.path(X, times, loss="cox", n_alphas=4)
    model = fits.to_sklearn(float(fits.alphas[2]))
    assert_array_equal(model.predict(X), fits[2].predict(X, kind="link"))
    expected = fits[2].predict(X, kind="survival")
    assert_allclose(model.predict_survival_function(X, return_array=True), expected)


def test_of_other_penalties_and_offsets(data, rng):
    X, y = data
    penalty = sf.penalties.MCP(gamma=3.0)
    fits = sf.path(X, y, n_alphas=5, penalty=penalty)
    model = fits.to_sklearn(float(fits.alphas[3]))
    assert type(model).__name__ == "PenalizedRegression"
    assert model.penalty is penalty
    assert_array_equal(model.predict(X), fits[3].predict(X))
    offset = rng.standard_normal(60)
    one = sf.solve(X, y, alpha=0.2, l1_ratio=0.5, offset=offset)
    model = one.to_sklearn()
    assert_array_equal(model.predict(X, offset), one.predict(X, offset=offset))
    assert_allclose(clone(model).fit(X, y, offset=offset).coef_, one.coef, atol=1e-3)
    frame = X.assign(colour=rng.choice(["red", "blue"], 60))
    grouped = sf.solve(frame, y, alpha=0.1, penalty=sf.penalties.GroupLasso(groups="columns"))
    assert_array_equal(grouped.to_sklearn().predict(frame), grouped.predict(frame))


def test_of_a_stability_path(data):
    X, y = data
    y = y + 20.0 * X["x1"]
    found = sf.stability_path(X, y, n_subsamples=10, random_state=0, threshold=0.6, max_selected=3)
    selector = found.to_sklearn()
    assert set(selector.get_feature_names_out()) == {name for name, _ in found.selected()}
    assert selector.transform(X).shape == (60, len(found.selected()))
    assert clone(selector).set_params(random_state=0).fit(X, y).get_support().sum() > 0


def test_without_an_estimator(data):
    X, y = data
    fit = sf.solve(X, y > 0.0, loss="cloglog", alpha=0.1)
    with pytest.raises(ValueError, match=r"no estimator for CLogLog\(\)"):
        fit.to_sklearn()


def test_loaded_from_a_file(data, tmp_path):
    X, y = data
    fit = sf.solve(X, y, alpha=0.1)
    fit.save(tmp_path / "fit.json")
    assert_array_equal(sf.load(tmp_path / "fit.json").to_sklearn().predict(X), fit.predict(X))
