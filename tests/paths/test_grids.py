"""Grids of alphas: their largest and smallest alpha, with and without an L1 penalty."""

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import problem_of
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from softreg_fast import cv_path, path, solve
from softreg_fast.data.multi_task_design import MultiTaskDesign

fit_intercepts = pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
weightings = pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])


def moments(X, weight=None, standardize=False, l2_weights=1.0):
    """Return X'SX / S of the centred columns, each divided by the root of its weight."""
    weight = np.ones(len(X)) if weight is None else weight
    centered = X - np.average(X, axis=0, weights=weight)
    if standardize:
        centered /= np.sqrt(np.average(centered**2, axis=0, weights=weight))
    centered = centered / np.sqrt(np.broadcast_to(l2_weights, X.shape[1]))
    return (weight[:, np.newaxis] * centered).T @ centered / weight.sum()


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_ridge_grid_of_columns_far_from_zero(rng, sparse):
    X, y = rng.standard_normal((60, 8)), rng.standard_normal(60)
    far = np.round(X, 6) + 2.0**33  # so that nothing is lost by the shift
    grids = [
        path(sp.csc_array(given) if sparse else given, y, l1_ratio=0.0, n_alphas=3).alphas
        for given in (far - 2.0**33, far)
    ]
    assert_allclose(grids[1], grids[0], rtol=1e-12)


@pytest.mark.parametrize("shape", [(60, 8), (20, 50)])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_grid(rng, shape, standardize, weighted):
    X, y = problems.make_data(rng, *shape)
    X = X * rng.uniform(0.5, 2.0, shape[1])
    weight = rng.uniform(0.2, 2.0, shape[0]) if weighted else None
    l2_weights = rng.uniform(0.5, 2.0, shape[1])
    options = {"sample_weight": weight, "standardize": standardize, "l2_weights": l2_weights}
    M = moments(X, weight, standardize, l2_weights)
    d_max = np.linalg.eigvalsh(M)[-1]
    for given in (X, sp.csc_array(X), np.asfortranarray(X, dtype=np.float32)):
        fits = path(given, y, l1_ratio=0.0, eps=1e-2, n_alphas=7, **options)
        # power iterations find the eigenvalue from below
        assert 0.8 * d_max <= 1e-2 * fits.alphas[0] <= d_max * (1 + 1e-5)
        assert fits.alphas[-1] == pytest.approx(1e-2 * np.diag(M).min(), rel=1e-5)
        assert_allclose(np.diff(np.log(fits.alphas)), np.log(fits.alphas[1] / fits.alphas[0]))
    # whatever the scale of y
    other = path(X, 1e4 * y, l1_ratio=0.0, eps=1e-2, n_alphas=7, **options).alphas
    assert_allclose(other, fits.alphas, rtol=1e-5)


@pytest.mark.parametrize("shape", [(80, 10), (30, 100)])
@pytest.mark.parametrize("scales", [1.0, np.geomspace(1e-2, 1e2, 10)])
def test_ridge_grid_reaches_from_nothing_to_least_squares(rng, shape, scales):
    X, y = problems.make_data(rng, *shape)
    X = X * np.resize(scales, shape[1])
    fits = path(X, y, l1_ratio=0.0, tol=1e-14)
    Z, t = X - X.mean(axis=0), y - y.mean()
    residual = t - Z @ np.linalg.lstsq(Z, t, rcond=None)[0]
    whole = 1.0 - residual @ residual / (t @ t)
    assert fits.dev_ratio[0] <= 3e-3
    assert fits.dev_ratio[-1] == pytest.approx(whole, abs=1e-3)
    for fit in fits.part(slice(0, None, 33)):
        n = len(y)
        expected = Ridge(alpha=n * fit.alpha, tol=1e-12).fit(X, y)
        assert_allclose(fit.predict(X), expected.predict(X), rtol=1e-6, atol=1e-6)


def test_ridge_grid_with_weights_of_zero_and_infinity_and_constant_columns(rng):
    X, y = problems.make_data(rng, 50, 6)
    X[:, 4] = 3.0
    l2_weights = np.array([1.0, 0.0, np.inf, 4.0, 1.0, 1.0])
    counted = [0, 3, 5]
    M = moments(X[:, counted], None, False, l2_weights[counted])
    alphas = path(X, y, l1_ratio=0.0, l2_weights=l2_weights).alphas
    assert 0.8 * np.linalg.eigvalsh(M)[-1] <= 1e-3 * alphas[0] <= np.linalg.eigvalsh(M)[-1]
    assert alphas[-1] == pytest.approx(1e-3 * np.diag(M).min())
    # L1 weights that are all zero leave ridge, whatever the l1_ratio
    ridge = path(X, y, l1_ratio=0.5, l1_weights=0.0, l2_weights=l2_weights)
    assert_allclose(ridge.alphas, 2.0 * alphas, rtol=1e-12)
    for nothing in ({"l2_weights": 0.0}, {"l1_ratio": 1.0, "l1_weights": 0.0}):
        fits = path(X, y, **{"l1_ratio": 0.0, **nothing}, n_alphas=3)
        assert_array_equal(fits.alphas, fits.alphas[0])
        assert fits.converged
    assert path(X, np.ones(50), l1_ratio=0.0, n_alphas=3).converged


def test_a_column_of_hardly_any_variance_does_not_stretch_the_grid(rng):
    X, y = problems.make_data(rng, 50, 6)
    X[:, 2] *= 1e-9
    alphas = path(X, y, l1_ratio=0.0).alphas
    assert alphas[0] / alphas[-1] == pytest.approx(1e12, rel=1e-6)


@pytest.mark.parametrize("unit", [1e-5, 1.0, 1e5])
def test_little_l1(rng, unit):
    X, y = problems.make_data(rng, 60, 8)
    y *= unit
    ratio = 1e-4
    centered = X - X.mean(axis=0)
    largest = np.abs(centered.T @ y).max() / len(y) / ratio
    ridge = path(X, y, l1_ratio=0.0).alphas / (1.0 - ratio)
    fits = path(X, y, l1_ratio=ratio)
    assert fits.alphas[0] == pytest.approx(min(largest, ridge[0]))
    assert fits.alphas[-1] == pytest.approx(min(1e-3 * largest, ridge[-1]))
    assert fits.dev_ratio[0] <= 3e-3
    assert fits.dev_ratio[-1] == pytest.approx(path(X, y, l1_ratio=0.0).dev_ratio[-1], abs=2e-3)


def test_ridge_by_cross_validation():
    X, y = load_diabetes(return_X_y=True)
    found = cv_path(X, y, l1_ratio=0.0, standardize=True, seed=None)
    assert 0 < found.index < len(found.path) - 1
    assert found.mean_errors.min() == pytest.approx(2993, abs=5)
    # the same search by scikit-learn, far beyond our grid
    errors = []
    for alpha in np.geomspace(1e-6, 1e6, 121):
        each = []
        for train, test in KFold(5).split(X):
            center, spread = X[train].mean(axis=0), X[train].std(axis=0)
            model = Ridge(alpha=alpha * len(train)).fit((X[train] - center) / spread, y[train])
            each.append(np.mean((model.predict((X[test] - center) / spread) - y[test]) ** 2))
        errors.append(np.mean(each))
    assert found.mean_errors.min() == pytest.approx(min(errors), rel=1e-3)
    several = cv_path(X, y, l1_ratio=[0.0, 1e-4, 0.5], standardize=True, seed=None)
    n = len(found.path)
    assert_allclose(several.errors[0, :n], found.errors[0], rtol=1e-9)
    smallest = np.nanmin(several.mean_errors, axis=1)
    assert smallest[1] == pytest.approx(smallest[0], rel=1e-3)


def test_ridge_of_several_tasks(rng):
    X, y = problems.make_data(rng, 60, 5)
    Y = np.column_stack([y, rng.standard_normal(60)])
    found = cv_path(MultiTaskDesign(X, Y), l1_ratio=0.0)
    assert_allclose(found.alphas[0, [0, 99]], path(X, y, l1_ratio=0.0).alphas[[0, 99]])


def test_grid(rng):
    X, y = problems.make_data(rng, 30, 6)
    alpha_max = problem_of(X, y).alpha_max()
    fits = path(X, y)
    assert len(fits) == 100
    assert_allclose(fits.alphas, np.geomspace(alpha_max, 1e-3 * alpha_max, 100), rtol=1e-12)
    assert fits.df[0] == 0
    fits = path(X, y, n_alphas=4, eps=0.1, l1_ratio=0.25)
    assert_allclose(fits.alphas, np.geomspace(4 * alpha_max, 0.4 * alpha_max, 4), rtol=1e-12)
    assert_allclose(path(X, y, n_alphas=1).alphas, [alpha_max], rtol=1e-12)
    given = path(X, y, alphas=[0.1, 0.3, 0.2])
    assert_array_equal(given.alphas, [0.3, 0.2, 0.1])


def test_grid_where_nothing_can_be_explained():
    X = np.arange(12.0).reshape(6, 2)
    fits = path(X, np.full(6, 3.0), n_alphas=3)
    assert not fits.coefs.toarray().any()
    assert_array_equal(fits.intercepts, 3.0)
    assert fits.converged
    assert_array_equal(fits.dev_ratio, 0.0)


@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate", "with holes"])
@fit_intercepts
@weightings
def test_largest_alpha_that_matters(rng, shape, fit_intercept, weighted):
    X, y = problems.SHAPES[shape](rng)
    options = {"fit_intercept": fit_intercept, "l1_weights": rng.uniform(0.5, 2.0, X.shape[1])}
    if weighted:
        options["sample_weight"] = problems.sample_weights(rng, len(y))
    exact = problem_of(X, y, **options).alpha_max(options["l1_weights"])
    largest = path(X, y, n_alphas=1, **options).alphas[0]
    assert_allclose(largest, exact, rtol=1e-12)
    assert solve(X, y, alpha=largest * (1 + 1e-12), **options).df == 0
    assert solve(X, y, alpha=0.999 * largest, tol=1e-12, **options).df > 0


def test_largest_alpha_beside_unpenalised_features(rng):
    X, y = problems.make_data(rng, 40, 8)
    weights = np.where(np.arange(8) < 2, 0.0, 1.0)
    fits = path(X, y, l1_weights=weights, n_alphas=5, tol=1e-12)
    free = np.linalg.lstsq(np.column_stack([X[:, :2], np.ones(40)]), y, rcond=None)[0]
    assert_allclose(fits[0].coef[:2], free[:2], rtol=1e-6)
    assert np.all(np.abs(fits[0].coef[2:]) <= 1e-9)
    assert solve(X, y, alpha=0.99 * fits.alphas[0], l1_weights=weights, tol=1e-12).df > 2


def test_largest_alpha_knows_the_box(rng):
    X, y = problems.make_data(rng, 40, 8)
    X[:, 1] = -0.5 * X[:, 0]  # there are slopes of both signs
    slopes = problem_of(X, y).slopes(problem_of(X, y).y_centered)
    fits = path(X, y, positive=True, n_alphas=2)
    assert_allclose(fits.alphas[0], float(slopes.max()), rtol=1e-12)
    fits = path(X, y, bounds=(None, 0.0), n_alphas=2)
    assert_allclose(fits.alphas[0], float(-slopes.min()), rtol=1e-12)
