"""Numbers at the ends of the float range give the same results as in moderate units."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import make_data

from softreg_fast import (
    ElasticNet,
    Lasso,
    LassoCV,
    Ridge,
    RidgeCV,
    cv_path,
    path,
    relaxed_path,
    solve,
    stability_path,
)

SCALES = [1e-150, 1e-100, 1e-30, 1e-8, 1e8, 1e30, 1e100, 1e150]
LAYOUTS = {"dense": np.asfortranarray, "sparse": sp.csc_array}


@pytest.fixture
def data(rng):
    return make_data(rng, 60, 12)


def largest_alpha(X, y, s=None):
    s = np.ones(len(y)) if s is None else s
    centered = y - np.average(y, weights=s)
    return np.abs((X - np.average(X, axis=0, weights=s)).T @ (s * centered)).max() / s.sum()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scale", SCALES)
def test_units_of_the_target(data, scale, layout):
    X, y = data
    A = LAYOUTS[layout](X)
    for alpha_in_units in (0.01, 0.3):
        alpha = alpha_in_units * largest_alpha(X, y)
        plain = solve(A, y, alpha=alpha, tol=1e-12)
        scaled = solve(A, y * scale, alpha=alpha * scale, tol=1e-12)
        assert scaled.converged
        assert_allclose(scaled.coef / scale, plain.coef, rtol=1e-7, atol=1e-12)
        assert_allclose(scaled.intercept / scale, plain.intercept, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scale", SCALES)
def test_units_of_the_features(data, scale, layout):
    X, y = data
    alpha = 0.05 * largest_alpha(X, y)
    plain = solve(LAYOUTS[layout](X), y, alpha=alpha, tol=1e-12)
    scaled = solve(LAYOUTS[layout](X * scale), y, alpha=alpha * scale, tol=1e-12)
    assert scaled.converged
    assert_allclose(scaled.coef * scale, plain.coef, rtol=1e-7, atol=1e-12)


def test_units_of_each_feature(data, rng):
    # columns of very different scale, the penalty on standardised coefficients
    X, y = data
    scale = rng.permutation(np.geomspace(1e-150, 1e150, X.shape[1]))
    plain = path(X, y, n_alphas=20, eps=1e-2, standardize=True, tol=1e-12)
    scaled = path(X * scale, y, n_alphas=20, eps=1e-2, standardize=True, tol=1e-12)
    assert scaled.converged
    assert_allclose(
        scaled.coefs.toarray() * scale[:, None], plain.coefs.toarray(), rtol=1e-6, atol=1e-10
    )


FITS = {
    "path": lambda X, y: path(X, y, n_alphas=10).coefs.toarray(),
    "cv_path": lambda X, y: cv_path(X, y, cv=3, n_alphas=10).path.coefs.toarray(),
    "relaxed_path": lambda X, y: relaxed_path(X, y, n_alphas=10).path.coefs.toarray(),
    "stability_path": lambda X, y: stability_path(
        X, y, n_subsamples=10, random_state=0
    ).frequencies.toarray(),
    "Lasso": lambda X, y: Lasso(alpha=0.1).fit(X, y).coef_,
    "ElasticNet": lambda X, y: ElasticNet(alpha=0.1).fit(X, y).coef_,
    "Ridge": lambda X, y: Ridge().fit(X, y).coef_,
    "Ridge, cg": lambda X, y: Ridge(solver="cg").fit(X, y).coef_,
    "RidgeCV": lambda X, y: RidgeCV().fit(X, y).coef_,
    "RidgeCV, folds": lambda X, y: RidgeCV(cv=3).fit(X, y).coef_,
    "LassoCV": lambda X, y: LassoCV(cv=3).fit(X, y).coef_,
    "gradient": lambda X, y: solve(X, y, alpha=0.1, solver="gradient").coef,
}


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-300, 1e300, 5e-324, 0.1])
@pytest.mark.parametrize("fit", FITS)
def test_constant_target(data, fit, value):
    if (fit, value) == ("RidgeCV, folds", 1e300):
        pytest.skip("scikit-learn's R2 squares it")
    X, _ = data
    found = FITS[fit](X, np.full(len(X), value))
    assert_array_equal(found, 0.0)


@pytest.mark.parametrize("constant", [0.0, 3.0, 1e150, 1e-150, 5e-324, 0.1])
@pytest.mark.parametrize("fit", FITS)
def test_columns_without_variance(data, fit, constant):
    X, y = data
    wider = np.column_stack([np.full(len(X), constant), X, np.full(len(X), -constant)])
    found, expected = FITS[fit](wider, y), FITS[fit](X, y)
    assert_array_equal(found[[0, -1]], 0.0)
    assert_allclose(found[1:-1], expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("fit", FITS)
def test_nothing_but_columns_without_variance(data, fit):
    X, y = data
    assert_array_equal(FITS[fit](np.ones_like(X), y), 0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tiny", [5e-324, 1e-310, 1e-305])
def test_denormals(data, tiny, layout):
    X, y = data
    # an additional column of denormals has no effect: its coefficients would be huge
    few = np.where(np.arange(len(X)) % 3 == 0, tiny, 0.0)
    wider = LAYOUTS[layout](np.column_stack([X, few]))
    alpha = 0.05 * largest_alpha(X, y)
    found, expected = solve(wider, y, alpha=alpha), solve(X, y, alpha=alpha)
    assert found.converged
    assert_allclose(found.coef[:-1], expected.coef, rtol=1e-6, atol=1e-9)
    assert found.coef[-1] == 0.0
    # and a target of denormals counts as constant
    assert_array_equal(solve(X, few, alpha=0.0).coef, 0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit", ["solve", "path", "Ridge", "RidgeCV"])
def test_samples_without_weight_are_not_there(data, rng, fit, layout):
    X, y = data
    s = rng.integers(0, 3, len(y)).astype(float)
    s[0] = 1.0
    X, y = X.copy(), y.copy()
    X[s == 0.0] *= 1e6
    y[s == 0.0] = 1e9
    alpha = 0.05 * largest_alpha(X, y, s)
    fits = {
        "solve": lambda X, y, s: solve(X, y, alpha=alpha, sample_weight=s, tol=1e-13).coef,
        "path": lambda X, y, s: path(X, y, n_alphas=10, sample_weight=s, tol=1e-13).coefs.toarray(),
        "Ridge": lambda X, y, s: Ridge(solver="cholesky").fit(X, y, sample_weight=s).coef_,
        "RidgeCV": lambda X, y, s: RidgeCV([0.1], cv=None).fit(X, y, sample_weight=s).coef_,
    }
    kept = s > 0.0
    assert_allclose(
        fits[fit](LAYOUTS[layout](X), y, s),
        fits[fit](LAYOUTS[layout](X[kept]), y[kept], s[kept]),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_units_of_the_weights(data, rng, scale):
    X, y = data
    s = rng.uniform(0.5, 2.0, len(y))
    one, other = (solve(X, y, alpha=0.1, sample_weight=w).coef for w in (s, s * scale))
    assert_allclose(one, other, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("offset", [1e2, 1e4])
@pytest.mark.parametrize("fit", ["solve", "gram", "path", "Ridge", "RidgeCV", "Lasso"])
def test_means_far_beyond_the_spread_in_float32(rng, fit, offset):
    X, y = make_data(rng, 200, 8)
    X = (X / X.std(axis=0) + offset).astype(np.float32)
    exact = X.astype(np.longdouble)
    exact = np.asarray(exact - exact.mean(axis=0), dtype=np.float64)  # the stored values, centred
    alpha = 0.05 * largest_alpha(exact, y)
    fits = {
        "solve": lambda X: solve(X, y, alpha=alpha, tol=1e-13, precompute=False).coef,
        "gram": lambda X: solve(X, y, alpha=alpha, tol=1e-13, precompute=True).coef,
        "path": lambda X: path(X, y, n_alphas=5, eps=1e-2, tol=1e-13).coefs.toarray(),
        "Ridge": lambda X: Ridge(solver="cholesky").fit(X, y).coef_,
        "RidgeCV": lambda X: RidgeCV([0.1, 1.0], cv=None).fit(X, y).coef_,
        "Lasso": lambda X: Lasso(alpha=alpha, tol=1e-13).fit(X, y).coef_,
    }
    assert_allclose(fits[fit](X), fits[fit](exact), rtol=1e-7, atol=1e-9)
