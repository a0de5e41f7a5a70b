"""The estimators: scikit-learn's API, scikit-learn's results, and our extensions."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from oracles import problem_of
from problems import make_data, make_read_only, names, snapshot
from scipy.optimize import Bounds, lsq_linear
from sklearn import linear_model
from sklearn.base import clone, is_regressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import softreg_fast
from softreg_fast import ElasticNet, Lasso, Ridge

INF = np.inf
ESTIMATORS = [Lasso, ElasticNet, Ridge]
RIDGE_SOLVERS = ["auto", "cholesky", "cd", "gradient", "cg"]

# Tight enough for coefficients that agree to some six digits on the problems below.
TIGHT = {"tol": 1e-13, "max_iter": 100_000}

each_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


CONTRACTORS = [
    Lasso(),
    Lasso(alpha=0.01, precompute=True, selection="random"),
    Lasso(alpha=0.01, standardize=True, max_iter=100_000),
    ElasticNet(),
    ElasticNet(alpha=0.01, positive=True),
    ElasticNet(l1_ratio=0.0, warm_start=True),
    *(Ridge(solver=solver) for solver in RIDGE_SOLVERS),
    Ridge(positive=True),
]

# Not parametrize_with_checks, since that of scikit-learn 1.6 makes pytest warn.
CHECKS = [pair for model in CONTRACTORS for pair in estimator_checks_generator(model)]


def name_of(value):
    """Return the test id: the name of a check, or the parameters of an estimator."""
    return value.func.__name__ if hasattr(value, "func") else repr(value).replace("\n", "")


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def data(rng):
    """Return 80 samples, 12 features with a common part, a target that depends on seven."""
    X = rng.standard_normal((80, 12)) + 0.5 * rng.standard_normal((80, 1))
    X = X * rng.uniform(0.7, 1.5, 12) + rng.standard_normal(12)
    w = np.array([3.0, 0.0, -2.0, 2.5, 0.0, 1.5, 0.0, 2.0, -1.0, 0.0, 1.0, 0.0])
    return X, X @ w + rng.standard_normal(80) + 2.0


def strength(X, y, fraction=0.05):
    """Return an alpha at which the Lasso keeps some features but not all."""
    return fraction * problem_of(X, y).alpha_max()


def test_strength_keeps_some(data):
    fit = Lasso(alpha=strength(*data)).fit(*data)
    assert 2 <= np.count_nonzero(fit.coef_) < 12


def as_sparse(X):
    """Return X with about half of its entries set to 0, dense and as CSR."""
    X = np.where(np.abs(X) > np.median(np.abs(X)), X, 0.0)
    return X, sp.csr_matrix(X)


def weights_of(rng, n):
    return rng.integers(0, 4, n) * rng.choice([1.0, 0.37], n)


def reference(name, **params):
    """Return scikit-learn's estimator with a very small tolerance."""
    if name == "Ridge":
        return linear_model.Ridge(**params)
    return getattr(linear_model, name)(**{"tol": 1e-13, "max_iter": 200_000, **params})


def fit_reference(model, *args, **kwargs):
    """Fit scikit-learn's model, which may miss a tolerance of 1e-13; our fits may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*args, **kwargs)


# --- the same numbers as scikit-learn ---------------------------------------------------------


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


@pytest.mark.parametrize("layout", ["dense", "sparse", "wide"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", RIDGE_SOLVERS)
def test_ridge_agrees_with_sklearn(solver, fit_intercept, weighted, layout, data, rng):
    X, y = make_data(rng, 12, 30) if layout == "wide" else data
    given = X
    if layout == "sparse":
        X, given = as_sparse(X)
    s = weights_of(rng, len(y)) if weighted else None
    params = {"alpha": 3.0, "fit_intercept": fit_intercept}
    theirs = reference("Ridge", solver="svd", **params).fit(X, y, sample_weight=s)
    ours = Ridge(solver=solver, tol=1e-15, **params).fit(given, y, sample_weight=s)
    scale = np.max(np.abs(theirs.coef_))
    assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-6 * scale)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=1e-5 * scale)
    if solver == "cholesky":
        assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-11 * scale)


def test_positive_ridge_agrees_with_sklearn(data):
    X, y = data
    ours = Ridge(alpha=3.0, positive=True, tol=1e-14).fit(X, y)
    theirs = reference("Ridge", alpha=3.0, positive=True, tol=1e-12).fit(X, y)
    assert (ours.coef_ == 0.0).any()
    assert (ours.coef_ > 0.0).any()
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)


@each_estimator
def test_several_targets_are_several_fits(Estimator, data, rng):
    X, y = data
    Y = np.c_[y, -2.0 * y + X[:, 3], rng.standard_normal(len(y))]
    model = Estimator(alpha=0.1, **TIGHT).fit(X, Y)
    singles = [Estimator(alpha=0.1, **TIGHT).fit(X, target) for target in Y.T]
    assert_array_equal(model.coef_, [single.coef_ for single in singles])
    assert_array_equal(model.intercept_, [single.intercept_ for single in singles])
    assert_array_equal(model.dual_gap_, [single.dual_gap_ for single in singles])
    assert_array_equal(model.n_iter_, [single.n_iter_ for single in singles])
    assert model.predict(X).shape == Y.shape
    for k, single in enumerate(singles):
        assert_allclose(model.predict(X)[:, k], single.predict(X))
    assert model.sparse_coef_.shape == (3, 12)


@each_estimator
@pytest.mark.parametrize("columns", [None, 1, 2])
def test_shapes_of_what_is_learned(Estimator, columns, data):
    X, y = data
    target = y if columns is None else np.tile(y[:, None], columns)
    ours = Estimator(alpha=0.5).fit(X, target)
    theirs = reference(Estimator.__name__, alpha=0.5).fit(X, target)
    for name in ("coef_", "intercept_"):
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
    assert ours.predict(X).shape == theirs.predict(X).shape
    if Estimator is not Ridge:
        assert np.shape(ours.dual_gap_) == np.shape(theirs.dual_gap_)
        assert np.shape(ours.n_iter_) == np.shape(theirs.n_iter_)
        assert ours.sparse_coef_.shape == theirs.sparse_coef_.shape


def test_alpha_for_each_target(data):
    X, y = data
    Y = np.c_[y, y, y - 1.0]
    alpha = [0.1, 10.0, 0.0]
    ours = Ridge(alpha=alpha).fit(X, Y)
    theirs = reference("Ridge", alpha=np.array(alpha)).fit(X, Y)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7)
    assert_array_equal(
        Ridge(alpha=np.array([2.0])).fit(X, Y).coef_, Ridge(alpha=2.0).fit(X, Y).coef_
    )


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


@each_estimator
def test_gap_meets_the_tolerance_of_sklearn(Estimator, data):
    """gap * n <= tol * ||y - mean(y)||^2, whatever the units of y."""
    X, y = data
    for unit in (1.0, 1e-8, 1e8):
        alpha = strength(X, y, 1e-3) * (1.0 if Estimator is Ridge else unit)
        for tol in (1e-2, 1e-4, 1e-8):
            model = Estimator(alpha=alpha, tol=tol).fit(X, unit * y)
            bound = tol * np.sum((y - y.mean()) ** 2) * unit**2
            assert 0.0 <= model.dual_gap_ * len(y) <= bound


def test_ridge_gap_is_a_bound(data):
    X, y = data
    exact = Ridge(alpha=5.0, tol=1e-15).fit(X, y)
    rough = Ridge(alpha=5.0, solver="gradient", tol=1e-2).fit(X, y)
    problem = problem_of(X, y, l2=5.0 / len(y))
    best = problem.objective(exact.coef_, exact.intercept_)
    above = float(problem.objective(rough.coef_, rough.intercept_) - best)
    assert 1e-12 < above <= rough.dual_gap_ <= 1e-2 * np.sum((y - y.mean()) ** 2) / len(y)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@each_estimator
def test_sample_weights_are_repetitions(Estimator, sparse, data, rng):
    X, y = data
    repeat = rng.integers(0, 4, len(y))
    alpha = strength(X, y)
    given, repeated = X, np.repeat(X, repeat, axis=0)
    if sparse:
        X, given = as_sparse(X)
        repeated = sp.csc_array(np.repeat(X, repeat, axis=0))
    weighted = Estimator(alpha=alpha, **TIGHT).fit(given, y, sample_weight=repeat)
    copied = Estimator(alpha=alpha, **TIGHT).fit(repeated, np.repeat(y, repeat))
    scale = np.max(np.abs(copied.coef_))
    assert np.count_nonzero(weighted.coef_) >= 2
    assert_allclose(weighted.coef_, copied.coef_, rtol=0, atol=1e-6 * scale)
    assert_allclose(weighted.intercept_, copied.intercept_, rtol=0, atol=1e-5 * scale)
    kept = repeat > 0
    left_out = Estimator(alpha=alpha, **TIGHT).fit(given[kept], y[kept], sample_weight=repeat[kept])
    assert_allclose(weighted.coef_, left_out.coef_, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("Estimator", [Lasso, ElasticNet])
def test_scale_of_sample_weights_means_nothing(Estimator, data, rng):
    X, y = data
    s = weights_of(rng, len(y))
    one = Estimator(alpha=0.1, **TIGHT).fit(X, y, sample_weight=s)
    other = Estimator(alpha=0.1, **TIGHT).fit(X, y, sample_weight=1024 * s)
    assert_array_equal(one.coef_, other.coef_)
    equal = Estimator(alpha=0.1, **TIGHT).fit(X, y, sample_weight=3.0)
    assert_array_equal(equal.coef_, Estimator(alpha=0.1, **TIGHT).fit(X, y).coef_)


# --- the solver makes no difference -----------------------------------------------------------


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


@each_estimator
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("columns", [None, 2])
def test_float32_is_rounded_at_the_end(Estimator, sparse, columns, data):
    X, y = data
    y = y if columns is None else np.c_[y, -y]
    X32 = X.astype(np.float32)
    X64 = X32.astype(np.float64)
    if sparse:
        X32, X64 = sp.csr_array(X32), sp.csr_array(X64)
    single = Estimator(alpha=0.1, **TIGHT).fit(X32, y)
    double = Estimator(alpha=0.1, **TIGHT).fit(X64, y)
    for name in ("coef_", "intercept_"):
        assert getattr(single, name).dtype == np.float32
        assert getattr(double, name).dtype == np.float64
        # half a unit in the last place, and rounding by the order of the double sums
        assert_allclose(getattr(single, name), getattr(double, name), rtol=6.1e-8, atol=1e-9)
    assert_array_equal(single.coef_ != 0.0, double.coef_ != 0.0)
    assert single.predict(X32).dtype == np.float32
    assert single.predict(X64).dtype == double.predict(X32).dtype == np.float64


def test_what_float32_cannot_hold_stays_float64(data):
    X, y = data
    for scale in (1e40, 1e-50):
        model = Lasso(0.1 * scale, tol=1e-10).fit(X.astype(np.float32), scale * y)
        assert model.coef_.dtype == np.float64
        assert np.isfinite(model.coef_).all()
        assert model.coef_.any()


# --- weights, bounds, standardisation ---------------------------------------------------------


def test_l1_weights_are_scales_of_columns(data, rng):
    X, y = data
    a = rng.uniform(0.3, 3.0, 12)
    weighted = Lasso(alpha=strength(X, y), l1_weights=a, **TIGHT).fit(X, y)
    scaled = Lasso(alpha=strength(X, y), **TIGHT).fit(X / a, y)
    assert 0 < np.count_nonzero(weighted.coef_) < 12
    assert_allclose(weighted.coef_, scaled.coef_ / a, rtol=1e-5, atol=1e-7)
    assert_allclose(weighted.dual_gap_, scaled.dual_gap_, atol=1e-12 * np.var(y))


def test_l2_weights_are_scales_of_columns(data, rng):
    X, y = data
    o = rng.uniform(0.3, 3.0, 12)
    weighted = Ridge(alpha=5.0, l2_weights=o).fit(X, y)
    scaled = Ridge(alpha=5.0).fit(X / np.sqrt(o), y)
    assert_allclose(weighted.coef_, scaled.coef_ / np.sqrt(o), rtol=1e-9)
    centered = X - X.mean(axis=0)
    exact = np.linalg.solve(centered.T @ centered + 5.0 * np.diag(o), centered.T @ (y - y.mean()))
    assert_allclose(weighted.coef_, exact, rtol=1e-9)


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


@pytest.mark.parametrize("kind", ["l1_weights", "l2_weights"])
def test_infinite_weights_exclude(kind, data):
    X, y = data
    weights = np.ones(12)
    weights[[0, 5]] = INF
    kept = np.isfinite(weights)
    estimators = [Ridge] if kind == "l2_weights" else [Lasso]
    for Estimator in [*estimators, ElasticNet]:
        for alpha in (0.1, 0.0):
            model = Estimator(alpha=alpha, **{kind: weights}, **TIGHT).fit(X, y)
            fewer = Estimator(alpha=alpha, **TIGHT).fit(X[:, kept], y)
            assert_array_equal(model.coef_[~kept], 0.0)
            assert_allclose(model.coef_[kept], fewer.coef_, rtol=1e-5, atol=1e-6)
            assert_allclose(model.intercept_, fewer.intercept_, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("Estimator", [Lasso, Ridge])
def test_zero_weights_leave_unpenalised(Estimator, data):
    """Frisch-Waugh: the part explained by such features can be projected out first."""
    X, y = data
    weights = np.ones(12)
    weights[:3] = 0.0
    name = "l2_weights" if Estimator is Ridge else "l1_weights"
    alpha = 20.0 if Estimator is Ridge else strength(X, y, 0.3)
    model = Estimator(alpha=alpha, **{name: weights}, **TIGHT).fit(X, y)
    Z = np.c_[np.ones(len(y)), X[:, :3]]
    rest = X[:, 3:] - Z @ np.linalg.lstsq(Z, X[:, 3:], rcond=None)[0]
    target = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    partial = Estimator(alpha=alpha, fit_intercept=False, **TIGHT).fit(rest, target)
    scale = np.max(np.abs(model.coef_))
    assert_allclose(model.coef_[3:], partial.coef_, rtol=0, atol=1e-6 * scale)
    assert (model.coef_[:3] != 0.0).all()
    residual = y - model.predict(X)
    assert_allclose(Z.T @ residual, 0.0, atol=1e-8 * np.linalg.norm(y) * np.linalg.norm(X))


@pytest.mark.parametrize("Estimator", [Lasso, ElasticNet])
def test_all_weights_zero_is_least_squares(Estimator, data):
    X, y = data
    model = Estimator(alpha=1.0, l1_weights=0.0, l2_weights=0.0).fit(X, y)
    exact = linear_model.LinearRegression().fit(X, y)
    assert_allclose(model.coef_, exact.coef_, rtol=1e-7)
    without = Estimator(alpha=0.0, tol=1e-12).fit(X, y)
    assert_allclose(without.coef_, exact.coef_, rtol=1e-7)


@pytest.mark.parametrize("solver", ["auto", "cd", "gradient"])
def test_bounds_agree_with_scipy(solver, data, rng):
    X, y = data
    free = Ridge(alpha=2.0).fit(X, y).coef_
    lower = np.where(rng.random(12) < 0.4, -0.5 * np.abs(free), -INF)
    upper = np.where(rng.random(12) < 0.4, 0.5 * np.abs(free), INF)
    model = Ridge(alpha=2.0, bounds=(lower, upper), solver=solver, tol=1e-14).fit(X, y)
    rows = np.r_[X - X.mean(axis=0), np.sqrt(2.0) * np.eye(12)]
    exact = lsq_linear(rows, np.r_[y - y.mean(), np.zeros(12)], (lower, upper), tol=1e-14)
    at_a_bound = (model.coef_ == lower) | (model.coef_ == upper)
    assert at_a_bound.any()
    assert not at_a_bound.all()
    assert_allclose(model.coef_, exact.x, atol=1e-5)


@each_estimator
def test_ways_to_say_bounds(Estimator, data):
    X, y = data

    def fit(**params):
        return Estimator(alpha=0.1, **TIGHT, **params).fit(X, y).coef_

    free = fit()
    assert (free < 0).any()
    assert (free > 1.5).any()
    assert_array_equal(fit(bounds=(None, None)), free)
    assert_array_equal(fit(bounds=(0.0, None)), fit(positive=True))
    assert_array_equal(fit(bounds=(np.zeros(12), INF)), fit(positive=True))
    both = fit(bounds=(-1.0, 1.3), positive=True)
    assert_array_equal(both, fit(bounds=(0.0, 1.3)))
    assert_array_equal(both, fit(bounds=Bounds(0.0, 1.3)))
    assert both.min() == 0.0
    assert both.max() == 1.3
    fixed = fit(bounds=(0.25, 0.25))
    assert_array_equal(fixed, 0.25)


@each_estimator
def test_bounds_are_met_to_the_last_digit(Estimator, data, rng):
    X, y = data
    count = 0
    for _ in range(10):
        lower, upper = -rng.uniform(0.01, 0.5, 12), rng.uniform(0.01, 0.5, 12)
        coef = Estimator(alpha=1e-3, bounds=(lower, upper), **TIGHT).fit(X, y).coef_
        at_lower, at_upper = (np.abs(coef - bound) < 1e-9 for bound in (lower, upper))
        assert_array_equal(coef[at_lower], lower[at_lower])
        assert_array_equal(coef[at_upper], upper[at_upper])
        count += np.count_nonzero(at_lower | at_upper)
    assert count >= 30


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@each_estimator
def test_standardize_is_a_scaler_before(Estimator, sparse, weighted, data, rng):
    X, y = data
    X, csr = as_sparse(X)
    s = weights_of(rng, len(y)) if weighted else None
    alpha = strength(X, y)
    model = Estimator(alpha=alpha, standardize=True, **TIGHT)
    model.fit(csr if sparse else X, y, sample_weight=s)
    scaler = StandardScaler(with_mean=False).fit(X, sample_weight=s)
    plain = Estimator(alpha=alpha, **TIGHT).fit(scaler.transform(X), y, sample_weight=s)
    assert np.count_nonzero(model.coef_) >= 2
    assert_allclose(model.coef_, plain.coef_ / scaler.scale_, rtol=1e-5, atol=1e-6)
    assert_allclose(model.intercept_, plain.intercept_, rtol=1e-5, atol=1e-5)


# --- conventions of scikit-learn estimators ---------------------------------------------------


@each_estimator
def test_parameters(Estimator):
    model = Estimator(alpha=0.3, positive=True, bounds=(None, 2.0), n_threads=1)
    twin = clone(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert twin.set_params(alpha=0.4).alpha == 0.4
    assert repr(model).startswith(f"{Estimator.__name__}(")
    assert "alpha=0.3" in repr(model)
    assert is_regressor(model)
    with pytest.raises(NotFittedError):
        model.predict(np.eye(3))


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "Ridge"])
def test_parameters_and_defaults_of_sklearn(name):
    ours = getattr(softreg_fast, name)().get_params()
    theirs = getattr(linear_model, name)().get_params()
    assert theirs.keys() <= ours.keys()
    assert {key: ours[key] for key in theirs} == theirs


@each_estimator
def test_copies_predict_the_same(Estimator, data):
    X, y = data
    model = Estimator(alpha=0.1).fit(pd.DataFrame(X, columns=names(12)), y)
    frame = pd.DataFrame(X, columns=names(12))
    expected = model.predict(frame)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(model, protocol))
        assert_array_equal(twin.predict(frame), expected)
        assert vars(twin).keys() == vars(model).keys()
    assert_array_equal(copy.deepcopy(model).predict(frame), expected)
    assert_array_equal(clone(model).fit(frame, y).coef_, model.coef_)


@each_estimator
def test_sparse_coef(Estimator, data):
    X, y = data
    model = Estimator(alpha=0.1).fit(X, y)
    assert sp.issparse(model.sparse_coef_)
    assert model.sparse_coef_.format == "csr"
    assert_array_equal(model.sparse_coef_.toarray(), model.coef_[None, :])


@each_estimator
def test_frames_and_lists(Estimator, data):
    X, y = data
    plain = Estimator(alpha=0.1).fit(X, y)
    assert plain.n_features_in_ == 12
    assert not hasattr(plain, "feature_names_in_")
    given = {
        "pandas": (pd.DataFrame(X, columns=names(12)), pd.Series(y)),
        "polars": (pl.DataFrame(X, schema=names(12)), pl.Series(y)),
        "lists": (X.tolist(), y.tolist()),
        "C order": (np.ascontiguousarray(X), y),
    }
    for name, (frame, target) in given.items():
        model = Estimator(alpha=0.1).fit(frame, target)
        assert_allclose(model.coef_, plain.coef_, rtol=1e-12, atol=1e-14)
        assert_allclose(model.predict(frame), plain.predict(X), rtol=1e-12, atol=1e-12)
        assert model.n_features_in_ == 12
        if name == "pandas":
            assert_array_equal(model.feature_names_in_, names(12))
        # scikit-learn decides which frames have names
        theirs = linear_model.LinearRegression().fit(frame, target)
        known = getattr(theirs, "feature_names_in_", None)
        assert_array_equal(getattr(model, "feature_names_in_", None), known)


def test_names_are_compared(data):
    X, y = data
    frame = pd.DataFrame(X, columns=names(12))
    model = Lasso(alpha=0.1).fit(frame, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"x0": "other"}))
    with pytest.raises(ValueError, match="12 features"):
        Lasso(alpha=0.1).fit(X, y).predict(X[:, :3])
    model.fit(X, y)  # names of an earlier fit are dropped
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("layout", ["fortran", "c", "float32", "csc", "csr"])
@each_estimator
def test_input_stays_as_it_was(Estimator, layout, data, rng):
    X, y = data
    X = {
        "fortran": np.asfortranarray,
        "c": np.ascontiguousarray,
        "float32": lambda X: np.asfortranarray(X, dtype=np.float32),
        "csc": sp.csc_matrix,
        "csr": sp.csr_matrix,
    }[layout](X)
    y, s = y.copy(), weights_of(rng, len(y))
    before = snapshot(X, y, s)
    expected = Estimator(alpha=0.1, copy_X=False).fit(X, y, sample_weight=s)
    assert snapshot(X, y, s) == before
    for array in (X, y, s):
        make_read_only(array)
    model = Estimator(alpha=0.1).fit(X, y, sample_weight=s)
    assert_array_equal(model.coef_, expected.coef_)
    assert_array_equal(model.predict(X), expected.predict(X))


@each_estimator
def test_pipeline_and_search(Estimator, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), Estimator())
    grid = {f"{Estimator.__name__.lower()}__alpha": [1e-3, 1e-1, 1e6]}
    search = GridSearchCV(pipeline, grid, cv=KFold(4)).fit(X, y)
    assert search.best_params_ != {next(iter(grid)): 1e6}
    assert search.best_score_ > 0.3
    best = clone(pipeline).set_params(**search.best_params_)
    scores = cross_val_score(best, X, y, cv=KFold(4))
    assert_allclose(scores.mean(), search.best_score_)


def test_set_output(data):
    X, y = data
    frame = pd.DataFrame(X, columns=names(12))
    pipeline = make_pipeline(StandardScaler(), Lasso(alpha=0.1)).set_output(transform="pandas")
    pipeline.fit(frame, y)
    assert_array_equal(pipeline[-1].feature_names_in_, names(12))
    selector = SelectFromModel(Lasso(alpha=strength(X, y, 0.3)), threshold=1e-10)
    chosen = selector.set_output(transform="pandas").fit_transform(frame, y)
    support = selector.estimator_.coef_ != 0
    assert 0 < support.sum() < 12
    assert list(chosen.columns) == list(np.array(names(12))[support])


@each_estimator
def test_metadata_routing(Estimator, data, rng):
    X, y = data
    s = weights_of(rng, len(y)) + 0.01
    expected = Estimator(alpha=0.1).fit(X, y, sample_weight=s)
    assert not np.allclose(expected.coef_, Estimator(alpha=0.1).fit(X, y).coef_)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = Estimator(alpha=0.1).set_fit_request(sample_weight=True)
        asking.set_score_request(sample_weight=False)
        pipeline = make_pipeline(StandardScaler(with_mean=False, with_std=False), asking)
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline.fit(X, y, sample_weight=s)
        assert_array_equal(pipeline[-1].coef_, expected.coef_)
        search = GridSearchCV(asking, {"alpha": [0.1]}, cv=2).fit(X, y, sample_weight=s)
        assert_array_equal(search.best_estimator_.coef_, expected.coef_)
        refusing = Estimator(alpha=0.1)
        with pytest.raises(ValueError, match="sample_weight"):
            GridSearchCV(refusing, {"alpha": [0.1]}, cv=2).fit(X, y, sample_weight=s)


@each_estimator
def test_path_method_or_none(Estimator, data):
    X, y = data
    if Estimator is Ridge:
        assert not hasattr(Estimator, "path")
        return
    grid = strength(X, y, 1.0) * np.geomspace(0.9, 0.01, 5)
    alphas, coefs, gaps = Estimator.path(X, y, alphas=grid, **TIGHT)
    function = linear_model.lasso_path if Estimator is Lasso else linear_model.enet_path
    theirs = function(X, y, alphas=grid, **TIGHT)
    assert_allclose(alphas, theirs[0])
    assert coefs.shape == theirs[1].shape
    assert_allclose(coefs, theirs[1], atol=1e-5)
    assert gaps.shape == theirs[2].shape


@each_estimator
def test_a_fit_that_fails_keeps_the_last(Estimator, data):
    X, y = data
    model = Estimator(alpha=0.1).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((9, 4), np.nan), np.ones(9))
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X[:, :4], y, sample_weight=-1.0)
    assert pickle.dumps(model) == before


@each_estimator
def test_one_warning_names_this_line(Estimator, data):
    X, y = data
    params = {"solver": "gradient"} if Estimator is Ridge else {"selection": "random"}
    model = Estimator(alpha=1e-4, tol=1e-12, max_iter=1, **params)
    for target in (y, np.c_[y, -y, y]):
        with pytest.warns(ConvergenceWarning, match="Objective did not converge") as caught:
            model.fit(X, target)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert np.max(model.dual_gap_) * len(y) > 1e-12 * np.sum((y - y.mean()) ** 2)
        assert f"{np.max(model.dual_gap_):.6e}" in str(caught[0].message)
    assert "3 of 3 targets" in str(caught[0].message)


@pytest.mark.parametrize("shape", [(300, 60), (60, 120)])
def test_conjugate_gradients_are_as_exact_as_those_of_sklearn(shape, rng, monkeypatch):
    # at the same, default tol; also where "auto" chooses them
    X, y = make_data(rng, *shape)
    exact = Ridge(solver="cholesky").fit(X, y).coef_
    error = np.linalg.norm(linear_model.Ridge(solver="sparse_cg").fit(X, y).coef_ - exact)
    monkeypatch.setattr("softreg_fast.solvers.limits.LARGEST_AUTO_FACTOR", 10)
    for solver in ("cg", "auto"):
        model = Ridge(solver=solver).fit(X, y)
        assert model.solver_ == "cg"
        assert 0.0 < np.linalg.norm(model.coef_ - exact) < 10.0 * error


def test_solvers_that_bounds_are_not_for(data):
    X, y = data
    for solver in ("svd", "cholesky", "lsqr", "sparse_cg", "cg"):
        with pytest.raises(ValueError, match=f"solver='{solver}' does not support positive"):
            Ridge(solver=solver, positive=True).fit(X, y)
    for solver in ("auto", "lbfgs", "sag"):
        model = Ridge(solver=solver, positive=True).fit(X, y)
        assert model.solver_ == ("cd" if solver == "auto" else solver)
    with pytest.raises(
        ValueError, match="Number of targets and number of penalties do not corresp"
    ):
        Ridge([1.0, 2.0]).fit(X, np.c_[y, y, y])
