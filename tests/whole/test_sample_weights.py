"""Sample weights as repetitions: weight 3 is the row three times, 0 is the row removed."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from softreg_fast import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    Ridge,
    RidgeCV,
    cv_path,
    path,
    stability_path,
)

TOL = 1e-12
N, P = 48, 10

# alpha as a fraction of alpha_max
MODELS = {
    "lasso": Lasso(alpha=0.3, tol=TOL),
    "lasso, gram": Lasso(alpha=0.3, tol=TOL, precompute=True),
    "lasso, random": Lasso(alpha=0.3, tol=TOL, selection="random", random_state=0, max_iter=10_000),
    "lasso, standardized": Lasso(alpha=0.3, tol=TOL, standardize=True),
    "lasso, weights": Lasso(alpha=0.3, tol=TOL, l1_weights=np.r_[0.0, np.inf, np.ones(P - 2)]),
    "lasso, bounds": Lasso(alpha=0.1, tol=TOL, bounds=(-0.5, 1.75)),
    "lasso, positive": Lasso(alpha=0.2, tol=TOL, positive=True),
    "elastic net": ElasticNet(alpha=0.4, l1_ratio=0.7, tol=TOL),
    "ridge": Ridge(alpha=3.0),
    "ridge, positive": Ridge(alpha=3.0, positive=True, tol=TOL),
    "ridge, weights": Ridge(alpha=3.0, l2_weights=np.r_[0.0, np.inf, np.ones(P - 2)]),
    "ridge, standardized": Ridge(alpha=3.0, standardize=True),
}
SELECTING = set(MODELS) - {"lasso, bounds"} - {name for name in MODELS if "ridge" in name}

SIGNAL = np.array([2.0, 0.0, -1.5, 1.0, 0.0, 3.0, 0.0, 0.0, 1.5, 0.0])

SEARCHES = {
    "lasso": LassoCV(alphas=30, tol=TOL),
    "lasso, 1se": LassoCV(alphas=30, tol=TOL, rule="1se"),
    "lasso, relaxed": LassoCV(alphas=30, tol=TOL, relax=[0.25, 1.0]),
    "lasso, gram": LassoCV(alphas=30, tol=TOL, precompute=True),
    "elastic net": ElasticNetCV(alphas=30, l1_ratio=[0.3, 0.8, 1.0], tol=TOL),
    "elastic net, standardized": ElasticNetCV(alphas=30, standardize=True, tol=TOL),
    "ridge": RidgeCV(alphas=np.geomspace(1e-2, 1e3, 20)),
    "ridge, mae": RidgeCV(alphas=np.geomspace(1e-2, 1e3, 20), scoring="neg_mean_squared_error"),
}


@pytest.fixture(params=["dense", "sparse", "wide"])
def data(request, rng):
    """Return X, y, weights from 0 to 4, and the indices of the repeated rows."""
    n = 8 if request.param == "wide" else N
    X = rng.standard_normal((n, P)) + 1.0
    X *= rng.random((n, P)) < (0.5 if request.param == "sparse" else 1.0)
    y = X @ SIGNAL + 0.3 * rng.standard_normal(n) + 2.0
    weight = rng.integers(0, 5, n)
    weight[:3] = 0, 1, 4
    rows = np.repeat(np.arange(n), weight)
    if request.param == "sparse":
        X = sp.csc_array(X)
    return X, y, weight, rows


def taken(X, rows):
    """Return these rows of X, in the layout of X."""
    return sp.csc_array(X.tocsr()[rows]) if sp.issparse(X) else X[rows]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_models(name, fit_intercept, data):
    X, y, weight, rows = data
    model = clone(MODELS[name]).set_params(fit_intercept=fit_intercept)
    if not isinstance(model, Ridge):
        options = ("l1_weights", "positive", "bounds", "standardize", "fit_intercept")
        options = {key: getattr(model, key) for key in options}
        largest = path(X, y, sample_weight=weight, n_alphas=1, **options).alphas[0]
        model.set_params(alpha=model.alpha * largest)
    model.fit(X, y, sample_weight=weight)
    coef, intercept = model.coef_, model.intercept_
    model.fit(taken(X, rows), y[rows])
    assert_allclose(coef, model.coef_, rtol=1e-8, atol=1e-10)
    assert_allclose(intercept, model.intercept_, rtol=1e-8, atol=1e-10)
    n_nonzero = np.count_nonzero(coef)
    assert n_nonzero > 0
    assert n_nonzero < P or name not in SELECTING


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", SEARCHES)
def test_searches(name, fit_intercept, data, rng):
    X, y, weight, _ = data
    fold = rng.permutation(np.arange(len(y)) % 4)  # repetitions of a row are in one fold
    for k in range(4):  # something to test each on
        weight[np.flatnonzero(fold == k)[:2]] += 1
    rows = np.repeat(np.arange(len(y)), weight)

    def splits(folds):
        return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(4)]

    model = clone(SEARCHES[name]).set_params(fit_intercept=fit_intercept, cv=splits(fold))
    weighted = vars(model.fit(X, y, sample_weight=weight)).copy()
    model.set_params(cv=splits(fold[rows])).fit(taken(X, rows), y[rows])
    assert model.coef_.any() or len(y) < P  # with so few samples nothing may be selected
    for key in ("alpha_", "alphas_", "coef_", "intercept_", "l1_ratio_", "gamma_"):
        if hasattr(model, key):
            assert_allclose(weighted[key], getattr(model, key), rtol=1e-8, atol=1e-10, err_msg=key)
    if hasattr(model, "mse_path_"):
        assert_allclose(weighted["mse_path_"], model.mse_path_, rtol=1e-7)


def test_paths(data):
    X, y, weight, rows = data
    weighted = path(X, y, sample_weight=weight, n_alphas=20, tol=TOL)
    repeated = path(taken(X, rows), y[rows], n_alphas=20, tol=TOL)
    assert_array_equal(weighted.df, repeated.df)
    assert weighted.df[-1] > 0
    for key in ("alphas", "intercepts", "dev_ratio"):
        assert_allclose(getattr(weighted, key), getattr(repeated, key), rtol=1e-8, atol=1e-10)
    assert_allclose(weighted.coefs.toarray(), repeated.coefs.toarray(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_no_weight_is_no_sample_to_criteria(criterion, data):
    X, y, weight, _ = data
    kept = np.flatnonzero(weight)
    weighted = cv_path(X, y, sample_weight=weight > 0, criterion=criterion, n_alphas=20, tol=TOL)
    removed = cv_path(taken(X, kept), y[kept], criterion=criterion, n_alphas=20, tol=TOL)
    assert weighted.alpha == pytest.approx(removed.alpha, rel=1e-10)


def test_no_weight_is_no_sample_to_ridge_left_out(data):
    X, y, weight, _ = data
    kept = np.flatnonzero(weight)
    weighted = RidgeCV().fit(X, y, sample_weight=weight > 0)
    removed = RidgeCV().fit(taken(X, kept), y[kept])
    assert weighted.alpha_ == removed.alpha_
    assert_allclose(weighted.coef_, removed.coef_, rtol=1e-8, atol=1e-10)


def test_no_weight_is_no_sample_to_stability(rng):
    X = rng.standard_normal((60, P))
    y = X @ SIGNAL + rng.standard_normal(60)
    weight = rng.integers(0, 2, 60)
    kept = np.flatnonzero(weight)
    options = {"n_subsamples": 20, "n_alphas": 20, "random_state": 0}
    weighted = stability_path(X, y, sample_weight=weight, **options).max_frequencies
    assert weighted.any()
    assert_array_equal(weighted, stability_path(X[kept], y[kept], **options).max_frequencies)
