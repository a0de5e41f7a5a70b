"""Regressors and classifiers of a loss: optimality of each, offsets, D2, robust scale."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_ndtr
from sklearn import linear_model
from sklearn.base import ClassifierMixin, clone

import softreg_fast as sf

# The derivative by eta of minus the loss, written out.
RESIDUALS = {
    "PoissonRegressor": lambda y, eta: y - np.exp(eta),
    "GammaRegressor": lambda y, eta: y * np.exp(-eta) - 1.0,
    "InverseGaussianRegressor": lambda y, eta: y * np.exp(-2.0 * eta) - np.exp(-eta),
    "NegativeBinomialRegressor": lambda y, eta: (y - np.exp(eta)) / (1.0 + np.exp(eta)),
    "TweedieRegressor": lambda y, eta: y - eta,
    "HuberRegressor": lambda y, eta: np.clip(y - eta, -1.35, 1.35),
    "LinearSVC": lambda y, eta: 2.0 * y * np.maximum(1.0 - y * eta, 0.0),
    "ProbitRegression": lambda y, eta: y * np.exp(-0.5 * eta**2 - log_ndtr(y * eta)) / 2.5066282746,
}


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
@pytest.mark.parametrize("name", RESIDUALS)
def test_optimality(name, l1_ratio, rng):
    X, weight, offset = rng.standard_normal((70, 5)), rng.uniform(0.5, 2.0, 70), np.full(70, 0.2)
    eta = X[:, 0] - 0.5 * X[:, 1] + 0.3 * rng.standard_normal(70)
    y = np.sign(eta) if name in ("LinearSVC", "ProbitRegression") else np.exp(eta)
    alpha = 0.05
    strength = {"C": 1.0 / (alpha * weight.sum())} if name == "LinearSVC" else {"alpha": alpha}
    model = getattr(sf, name)(l1_ratio=l1_ratio, tol=1e-7, **strength)
    model.fit(X, y, weight, offset)
    w = np.ravel(model.coef_)
    residual = weight * RESIDUALS[name](y, X @ w + np.ravel(model.intercept_) + offset)
    assert_allclose(residual.sum() / weight.sum(), 0.0, atol=1e-6)
    slopes = X.T @ residual / weight.sum() - alpha * (1.0 - l1_ratio) * w
    inside = alpha * l1_ratio
    assert_allclose(slopes[w != 0.0], inside * np.sign(w[w != 0.0]), atol=1e-6)
    assert np.all(np.abs(slopes[w == 0.0]) <= inside + 1e-6)


@pytest.mark.parametrize("name", ["PoissonRegressor", "GammaRegressor", "TweedieRegressor"])
def test_solutions_and_scores_of_scikit_learn(name, rng):
    X, weight = rng.standard_normal((70, 5)), rng.uniform(0.5, 2.0, 70)
    y = np.exp(X[:, 0] + 0.3 * rng.standard_normal(70))
    options = {"power": 1.5} if name == "TweedieRegressor" else {}
    ours = getattr(sf, name)(alpha=0.1, tol=1e-7, **options).fit(X, y, weight)
    theirs = getattr(linear_model, name)(alpha=0.1, tol=1e-9, max_iter=10_000, **options)
    theirs.fit(X, y, weight)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-6)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)
    assert ours.score(X, y, weight) == pytest.approx(theirs.score(X, y, weight), rel=1e-5)


def test_scale_from_the_residuals(rng):
    X = rng.standard_normal((90, 3))
    y = 5.0 * X[:, 0] + 2.0 * rng.standard_t(2, 90)
    model = sf.HuberRegressor(scale="mad", alpha=0.0, tol=1e-7).fit(X, y)
    residuals = y - model.predict(X)
    assert model.scale_ == pytest.approx(np.median(np.abs(residuals)) / 0.67448975, rel=1e-3)
    with pytest.raises(ValueError, match="finds no scale"):
        model.fit(X, X[:, 0])


@pytest.mark.parametrize("epsilon", [1.05, 1.35, 3.0])
def test_huber_at_the_scale_that_scikit_learn_fits(epsilon, rng):
    """Its coefficients minimise, at its scale, the loss in units of that scale: ours / scale."""
    X = rng.standard_normal((80, 3))
    y = X @ [2.0, 0.0, -1.0] + rng.standard_t(2, 80)
    theirs = linear_model.HuberRegressor(epsilon=epsilon, alpha=0.5, tol=1e-10, max_iter=10_000)
    theirs.fit(X, y)
    # scale * sum_i 2 ours(r_i / scale) + 0.5 |w|^2, divided by 2 n and multiplied by the scale
    ours = sf.HuberRegressor(
        delta=epsilon, scale=theirs.scale_, alpha=0.5 * theirs.scale_ / 80, tol=1e-7
    )
    assert_allclose(ours.fit(X, y).coef_, theirs.coef_, rtol=1e-4, atol=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-4)


def test_messages(rng):
    X, y = rng.standard_normal((20, 2)), np.arange(20.0)
    for model, said in (
        (sf.TweedieRegressor(power=0.5), "power must be >= 1"),
        (sf.TweedieRegressor(power=0.0, link="log"), "does not go with power=0.0"),
        (sf.TweedieRegressor(link="logit"), "link must be one of"),
        (sf.TweedieRegressor(power=1.5, link="identity"), "means may be negative, which no"),
        (sf.PoissonRegressor(solver="sag"), "solver must be one of"),
        (sf.HuberRegressor(scale="sd"), "scale must be a number > 0 or 'mad'"),
        (sf.GammaRegressor(), "targets > 0"),
    ):
        with pytest.raises(ValueError, match=said):
            model.fit(X, y)
    with pytest.raises(ValueError, match="loss='logistic' takes the labels"):
        sf.Lasso().fit(X, np.where(y > 9.0, "a", "b"))
    with pytest.raises(TypeError, match=r"PoissonRegressor\(\) got an unexpected"):
        sf.PoissonRegressor(lambda_=1.0)


@pytest.mark.parametrize(
    "model",
    [
        sf.LogisticRegression(alpha=0.02, l1_ratio=1.0),
        sf.LogisticRegression(),
        sf.ProbitRegression(alpha=0.02, l1_ratio=0.5),
        sf.LinearSVC(),
        sf.PoissonRegressor(alpha=0.02, l1_ratio=1.0),
        sf.PoissonRegressor(alpha=0.02),
        sf.GammaRegressor(alpha=0.02, l1_ratio=0.5),
        sf.NegativeBinomialRegressor(alpha=0.02, l1_ratio=0.5),
        sf.HuberRegressor(alpha=0.02),
    ],
    ids=lambda model: f"{type(model).__name__} {model.get_params().get('l1_ratio')}",
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_warm_starts_begin_at_the_last_intercept(rng, model, n_classes):
    X = rng.standard_normal((200, 8)) + 0.5
    eta = X[:, :3] @ np.array([1.0, -1.0, 0.5]) + 2.0
    y = 0.1 + rng.gamma(4.0, np.exp(0.3 * eta) / 4.0)
    if isinstance(model, ClassifierMixin):
        if n_classes == 3 and not isinstance(model, sf.LogisticRegression):
            pytest.skip("has two classes")
        y = np.digitize(eta + rng.logistic(size=200), [1.0, 3.0][: n_classes - 1])
    elif not isinstance(model, sf.GammaRegressor | sf.HuberRegressor):
        y = np.round(y)
    model = clone(model).set_params(warm_start=True).fit(X, y)
    first = np.max(model.n_iter_)
    model.fit(X, y)
    # the certificate of a point is that of a step from it, which may be needed
    assert np.max(model.n_iter_) <= min(2, first)
