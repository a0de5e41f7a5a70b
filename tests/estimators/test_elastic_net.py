"""ElasticNet and Lasso: the results of scikit-learn, and their own parameters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import problem_of
from regressors import TIGHT, as_sparse, fit_reference, reference, strength, weights_of
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning

import softreg_fast
from softreg_fast import ElasticNet, Lasso


@pytest.mark.parametrize("layout", ["dense", "sparse", "float32"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("positive", [False, True], ids=["free", "positive"])
@pytest.mark.parametrize("name", ["Lasso", "ElasticNet"])
def test_agrees_with_sklearn(name, positive, fit_intercept, weighted, layout, data, rng):
    X, y = data
    given = X
    if layout == "sparse":
        X, given = as_sparse(X)
    elif layout == "float32":
        given = X.astype(np.float32)
        X = given.astype(np.float64)
    s = weights_of(rng, len(y)) if weighted else None
    params = {"alpha": strength(X, y), "fit_intercept": fit_intercept, "positive": positive}
    if name == "ElasticNet":
        params |= {"l1_ratio": 0.7, "alpha": 0.2 * params["alpha"]}
    ours = getattr(softreg_fast, name)(**params, **TIGHT).fit(given, y, sample_weight=s)
    theirs = fit_reference(reference(name, **params), X, y, sample_weight=s)
    scale = np.max(np.abs(theirs.coef_))
    assert np.count_nonzero(theirs.coef_) >= 2  # a penalty too small to hide differences
    assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-6 * scale)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=1e-5 * scale)
    assert_allclose(ours.predict(given), theirs.predict(X), rtol=0, atol=1e-5 * np.ptp(y))
    assert_allclose(ours.score(given, y, s), theirs.score(X, y, s), atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_dual_gap_is_that_of_sklearn(l1_ratio, weighted, data, rng):
    """Both are gaps of 1/(2S) sum s r^2 + alpha * penalty, divided by S as in scikit-learn."""
    X, y = data
    s = weights_of(rng, len(y)) if weighted else np.ones(len(y))
    alpha = strength(X, y, 0.01)
    # plain coordinate descent, which two epochs leave far from the optimum
    model = ElasticNet(
        alpha=alpha, l1_ratio=l1_ratio, tol=1e-8, max_iter=2, selection="random", random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y, sample_weight=s if weighted else None)
    problem = problem_of(X, y, alpha=alpha, l1_ratio=l1_ratio, sample_weight=s)
    w = model.coef_
    r = problem.y_centered - problem.X_centered @ w
    S, l1, l2 = s.sum(), S_times(s, alpha * l1_ratio), S_times(s, alpha * (1 - l1_ratio))
    # scikit-learn's formula, for the sum form of the objective
    dual_norm = np.max(np.abs(problem.X_centered.T @ (s * r) - l2 * w))
    rr, ww = s @ r**2, w @ w
    k = min(l1 / dual_norm, 1.0)
    gap = rr * (1 + k * k) / 2 if k < 1 else rr
    gap += l1 * np.sum(np.abs(w)) - k * (s * r) @ problem.y_centered + l2 / 2 * (1 + k * k) * ww
    expected = float(gap / S)
    found = problem.certificate(w, model.intercept_)
    assert expected > 1e-6  # far enough from the optimum to be compared
    assert model.dual_gap_ <= expected * (1 + 1e-9)
    if l1_ratio == 1.0:
        assert_allclose(model.dual_gap_, expected, rtol=1e-9)
    assert model.dual_gap_ >= float(found.primal - optimum(X, y, s, alpha, l1_ratio)) * (1 - 1e-9)


def S_times(s, value):
    return s.sum() * value


def optimum(X, y, s, alpha, l1_ratio):
    fit = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, **TIGHT).fit(X, y, sample_weight=s)
    problem = problem_of(X, y, alpha=alpha, l1_ratio=l1_ratio, sample_weight=s)
    return problem.certificate(fit.coef_, fit.intercept_).dual


@pytest.mark.parametrize("Estimator", [Lasso, ElasticNet])
def test_scale_of_sample_weights_means_nothing(Estimator, data, rng):
    X, y = data
    s = weights_of(rng, len(y))
    one = Estimator(alpha=0.1, **TIGHT).fit(X, y, sample_weight=s)
    other = Estimator(alpha=0.1, **TIGHT).fit(X, y, sample_weight=1024 * s)
    assert_array_equal(one.coef_, other.coef_)
    equal = Estimator(alpha=0.1, **TIGHT).fit(X, y, sample_weight=3.0)
    assert_array_equal(equal.coef_, Estimator(alpha=0.1, **TIGHT).fit(X, y).coef_)


@pytest.mark.parametrize("Estimator", [Lasso, ElasticNet])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_precompute(Estimator, fit_intercept, data):
    X, y = data
    X = X + 3.0
    params = {"alpha": strength(X, y), "fit_intercept": fit_intercept, **TIGHT}
    plain = Estimator(**params).fit(X, y)
    centered = X - X.mean(axis=0)
    grams = [True, "auto", X.T @ X, *([centered.T @ centered] if fit_intercept else [])]
    for given in grams:
        other = Estimator(**params, precompute=given).fit(X, y)
        assert_allclose(other.coef_, plain.coef_, rtol=1e-5, atol=1e-7)
        assert_allclose(other.intercept_, plain.intercept_, rtol=1e-5, atol=1e-6)
        assert other.dual_gap_ * len(y) <= 1e-13 * np.sum((y - fit_intercept * y.mean()) ** 2)


@pytest.mark.parametrize("precompute", [False, True])
def test_random_selection(precompute, data):
    X, y = data
    params = {"alpha": strength(X, y), "precompute": precompute}
    cyclic = Lasso(**params, **TIGHT).fit(X, y)
    tight = Lasso(**params, **TIGHT, selection="random", random_state=0).fit(X, y)
    assert_allclose(tight.coef_, cyclic.coef_, rtol=1e-5, atol=1e-7)

    def loose(seed):
        return Lasso(**params, tol=1e-2, selection="random", random_state=seed).fit(X, y).coef_

    assert_array_equal(loose(1), loose(1))
    generator = np.random.RandomState(1)
    assert_array_equal(loose(generator), loose(1))
    assert any(not np.array_equal(loose(1), loose(seed)) for seed in range(2, 6))


@pytest.mark.parametrize("Estimator", [Lasso, ElasticNet])
def test_warm_start(Estimator, data):
    X, y = data
    params = {"alpha": strength(X, y, 1e-3), "tol": 1e-8, "max_iter": 100_000}
    cold = Estimator(**params).fit(X, y)
    warm = Estimator(**params, warm_start=True).fit(X, y)
    assert_array_equal(warm.coef_, cold.coef_)
    first = warm.coef_
    assert warm.fit(X, y).n_iter_ == 0  # it exists already
    assert_allclose(warm.coef_, first, rtol=1e-12)
    warm.set_params(alpha=2 * params["alpha"]).fit(X, y)
    target = Estimator(**{**params, "alpha": 2 * params["alpha"]}).fit(X, y)
    assert_allclose(warm.coef_, target.coef_, rtol=1e-3, atol=1e-3)
    # coefficients of another shape than the new data are not used as a start
    assert_array_equal(warm.set_params(**params).fit(X[:, :5], y).coef_.shape, (5,))
    several = warm.fit(X[:, :5], np.c_[y, -y])
    assert several.coef_.shape == (2, 5)
    assert several.fit(X[:, :5], np.c_[y, -y]).n_iter_ == [0, 0]


def test_what_float32_cannot_hold_stays_float64(data):
    X, y = data
    for scale in (1e40, 1e-50):
        model = Lasso(0.1 * scale, tol=1e-10).fit(X.astype(np.float32), scale * y)
        assert model.coef_.dtype == np.float64
        assert np.isfinite(model.coef_).all()
        assert model.coef_.any()


def test_l1_weights_are_scales_of_columns(data, rng):
    X, y = data
    a = rng.uniform(0.3, 3.0, 12)
    weighted = Lasso(alpha=strength(X, y), l1_weights=a, **TIGHT).fit(X, y)
    scaled = Lasso(alpha=strength(X, y), **TIGHT).fit(X / a, y)
    assert 0 < np.count_nonzero(weighted.coef_) < 12
    assert_allclose(weighted.coef_, scaled.coef_ / a, rtol=1e-5, atol=1e-7)
    assert_allclose(weighted.dual_gap_, scaled.dual_gap_, atol=1e-12 * np.var(y))


def test_weights_of_the_elastic_net_are_separate(data, rng):
    X, y = data
    a, o = rng.uniform(0.3, 3.0, 12), rng.uniform(0.3, 3.0, 12)
    alpha, n = strength(X, y), len(y)
    model = ElasticNet(alpha=alpha, l1_ratio=0.7, l1_weights=a, l2_weights=o, **TIGHT).fit(X, y)
    # an L2 penalty is one more sample for every feature
    rows = np.sqrt(n * alpha * 0.3 * o) * np.eye(12)
    longer = np.r_[X - X.mean(axis=0), rows]
    target = np.r_[y - y.mean(), np.zeros(12)]
    lasso = Lasso(alpha=alpha * 0.7 * n / (n + 12), l1_weights=a, fit_intercept=False, **TIGHT).fit(
        longer, target
    )
    assert_allclose(model.coef_, lasso.coef_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("Estimator", [Lasso, ElasticNet])
def test_all_weights_zero_is_least_squares(Estimator, data):
    X, y = data
    model = Estimator(alpha=1.0, l1_weights=0.0, l2_weights=0.0).fit(X, y)
    exact = linear_model.LinearRegression().fit(X, y)
    assert_allclose(model.coef_, exact.coef_, rtol=1e-7)
    without = Estimator(alpha=0.0, tol=1e-12).fit(X, y)
    assert_allclose(without.coef_, exact.coef_, rtol=1e-7)
