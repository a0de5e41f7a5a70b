"""Ridge as an estimator: the results of scikit-learn by every solver, bounds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import problem_of
from problems import make_data
from regressors import INF, RIDGE_SOLVERS, as_sparse, reference, weights_of
from scipy.optimize import lsq_linear
from sklearn import linear_model

from softreg_fast import Ridge


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


def test_ridge_gap_is_a_bound(data):
    X, y = data
    exact = Ridge(alpha=5.0, tol=1e-15).fit(X, y)
    rough = Ridge(alpha=5.0, solver="gradient", tol=1e-2).fit(X, y)
    problem = problem_of(X, y, l2=5.0 / len(y))
    best = problem.objective(exact.coef_, exact.intercept_)
    above = float(problem.objective(rough.coef_, rough.intercept_) - best)
    assert 1e-12 < above <= rough.dual_gap_ <= 1e-2 * np.sum((y - y.mean()) ** 2) / len(y)


def test_l2_weights_are_scales_of_columns(data, rng):
    X, y = data
    o = rng.uniform(0.3, 3.0, 12)
    weighted = Ridge(alpha=5.0, l2_weights=o).fit(X, y)
    scaled = Ridge(alpha=5.0).fit(X / np.sqrt(o), y)
    assert_allclose(weighted.coef_, scaled.coef_ / np.sqrt(o), rtol=1e-9)
    centered = X - X.mean(axis=0)
    exact = np.linalg.solve(centered.T @ centered + 5.0 * np.diag(o), centered.T @ (y - y.mean()))
    assert_allclose(weighted.coef_, exact, rtol=1e-9)


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
