"""The ridge solvers against numpy.linalg, and plain gradient descent against its loop."""

import warnings

import numpy as np
import oracles
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF, LD, assert_certified, problem_of
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Design, Ridge, gradient_descent, path, solve
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.gradient import GradientEngine
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.ridge import RidgeEngine

SOLVERS = ("cholesky", "cg", "gradient", "cd")

each_solver = pytest.mark.parametrize("solver", SOLVERS)


def exact_ridge(X, y, l2, s=None, fit_intercept=True):
    """Return (coef, intercept) of min 1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + sum_j l2_j / 2 w_j^2.

    Solved as least squares with one additional row per penalty, so that it works for any shape.
    """
    n, p = X.shape
    s = np.ones(n) if s is None else s
    root = np.sqrt(s / s.sum())
    A = np.column_stack([X, np.ones(n)]) if fit_intercept else X
    rows = np.eye(p, A.shape[1]) * np.sqrt(l2)[:, None]
    stacked = np.vstack([root[:, None] * A, rows])
    w = np.linalg.lstsq(stacked, np.append(root * y, np.zeros(p)), rcond=None)[0]
    return w[:p], w[p] if fit_intercept else 0.0


@each_solver
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
@pytest.mark.parametrize("layout", ["fortran", "csc_array"])
@pytest.mark.parametrize(("n", "p"), [(40, 7), (12, 30), (9, 1)])
def test_ridge_is_that_of_numpy(rng, solver, fit_intercept, weighted, layout, n, p):
    X, y = problems.make_data(rng, n, p, density=0.7)
    l2 = rng.uniform(0.05, 1.0, p)
    l2[: min(2, p - 1)] = 0.0  # not penalised
    s = problems.sample_weights(rng, n) if weighted else None
    fit = solve(
        problems.LAYOUTS[layout](X), y, l2=l2, sample_weight=s, fit_intercept=fit_intercept,
        solver=solver, tol=1e-15,
    )  # fmt: skip
    coef, intercept = exact_ridge(X, y, l2, s, fit_intercept)
    assert_allclose(fit.coef, coef, atol=1e-5 * np.abs(coef).max())
    assert_allclose(fit.intercept, intercept, atol=1e-5 * np.abs(y).max())
    assert_certified(problem_of(X, y, l2=l2, sample_weight=s, fit_intercept=fit_intercept), fit)


@each_solver
@pytest.mark.parametrize("shape", problems.SHAPES)
@pytest.mark.parametrize("standardize", [True, False], ids=["std", "raw"])
def test_every_shape_is_certified(rng, solver, shape, standardize):
    X, y = problems.SHAPES[shape](rng)
    p = X.shape[1]
    weights = problems.some_weights(rng, p, INF)
    weights[0] = 0.0
    options = {
        "l1_ratio": 0.0,
        "alpha": 0.1,
        "l2_weights": weights,
        "standardize": standardize,
        "sample_weight": problems.sample_weights(rng, len(y)),
    }
    fit = solve(X, y, solver=solver, **options)
    assert_certified(problem_of(X, y, **options), fit)
    assert not fit.coef[np.isinf(weights)].any()
    assert fit.strategy == {"cd": "residual"}.get(solver, solver)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate"])
@pytest.mark.parametrize("magnitude", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_weak_and_strong_penalties(rng, solver, shape, magnitude):
    X, y = problems.SHAPES[shape](rng)
    l2 = magnitude * rng.uniform(0.5, 2.0, X.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = solve(X, y, l2=l2, solver=solver)
    easy = solver == "cholesky" or magnitude >= 1e-6
    assert_certified(problem_of(X, y, l2=l2), fit, must_converge=easy)


@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate"])
@pytest.mark.parametrize("solver", ["cholesky", "cg", "auto"])
def test_without_any_penalty(rng, shape, solver):
    X, y = problems.SHAPES[shape](rng)
    fit = solve(X, y, l2=0.0, solver=solver)
    assert_certified(problem_of(X, y, l2=0.0), fit)
    A = np.column_stack([X, np.ones(len(y))])
    best = A @ np.linalg.lstsq(A, y, rcond=None)[0]
    assert_allclose(fit.predict(X), best, atol=1e-6 * np.abs(y).max())


def test_a_cholesky_factor_is_refined_to_rounding(rng):
    # nearly equal columns: the factor alone gives only a few digits
    X, y = problems.make_data(rng, 50, 6)
    X[:, 1] = X[:, 0] + 1e-6 * rng.standard_normal(50)
    fit = solve(X, y, l2=1e-9, solver="cholesky", tol=1e-13)
    assert_certified(problem_of(X, y, l2=1e-9), fit)


@each_solver
def test_largest_offsets(rng, solver):
    X, y = problems.make_data(rng, 40, 6, offset=1e6)
    fit = solve(X, y, l2=0.1, solver=solver, tol=1e-12)
    coef, _ = exact_ridge(X - 1e6, y, np.full(6, 0.1))
    assert_allclose(fit.coef, coef, rtol=1e-5, atol=1e-6)
    assert_certified(problem_of(X, y, l2=0.1), fit, rounding=1e-9)


def test_words_and_vectors_say_the_same(rng):
    X, y = problems.make_data(rng, 30, 5)
    o = rng.uniform(0.5, 2.0, 5)
    for solver in ("auto", "cholesky", "cg"):
        words = solve(X, y, alpha=0.3, l1_ratio=0.0, l2_weights=o, solver=solver)
        vectors = solve(X, y, l2=0.3 * o, solver=solver)
        assert_allclose(words.coef, vectors.coef, rtol=1e-9)
        assert words.strategy == vectors.strategy != "residual"


def test_ridge_paths_factorise(rng):
    X, y = problems.make_data(rng, 30, 5)
    fits = path(X, y, l1_ratio=0.0, n_alphas=4)
    assert fits.strategy == "cholesky"
    for fit in fits:
        options = {"alpha": fit.alpha, "l1_ratio": 0.0}
        assert_certified(problem_of(X, y, **options), fit)
    boxed = path(X, y, l1_ratio=0.0, n_alphas=4, positive=True)
    assert boxed.strategy == "gram"


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
@pytest.mark.parametrize("options", [{"l1": 0.1, "l2": 0.1}, {"l2": 0.1, "positive": True}])
def test_exact_solvers_refuse_other_problems(rng, solver, options):
    X, y = problems.make_data(rng, 30, 5)
    with pytest.raises(ValueError, match="pure L2"):
        solve(X, y, solver=solver, **options)
    with pytest.raises(ValueError, match="solver must be"):
        solve(X, y, solver="newton")


def test_soft_regularisation_of_the_course(rng):
    # J = 1/(2m) sum (h - y)^2 + lambda/(2m) sum_j omega_j theta_j^2  is  l2 = lambda omega / m,
    # and scikit-learn's Ridge with alpha = lambda
    m, p, strength = 50, 6, 3.0
    X, y = problems.make_data(rng, m, p)
    omega = rng.uniform(0.0, 2.0, p)
    omega[2] = 0.0
    C, t = X - X.mean(0), y - y.mean()
    normal = np.linalg.solve(C.T @ C + strength * np.diag(omega), C.T @ t)
    assert_allclose(solve(X, y, l2=strength * omega / m, tol=1e-14).coef, normal, rtol=1e-8)
    for solver in SOLVERS:
        model = Ridge(alpha=strength, l2_weights=omega, solver=solver, tol=1e-14).fit(X, y)
        assert_allclose(model.coef_, normal, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# engines alone: the same result from any start, and along a path


@pytest.mark.parametrize("engine", ["cholesky", "cg", "gradient"])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_engines_keep_their_state(rng, engine, shape):
    X, y = problems.SHAPES[shape](rng)
    p = X.shape[1]
    design = Design(X, y)
    zero = np.zeros(p)
    scaled = PenaltyVectors(*design.to_engine(zero, np.ones(p), zero - INF, zero + INF))
    make = GradientEngine if engine == "gradient" else RidgeEngine
    problem = Problem.in_engine_units(design, scaled)
    solver = make(problem, *(() if engine == "gradient" else (engine,)))
    for strength in (1.0, 0.1, 10.0, 0.1):
        assert solver.solve(0.0, strength, 1e-13, 10_000) == 0
        one_fit = np.array([0, p])
        w, _ = design.to_user(np.arange(p), solver.coef, one_fit, zero - INF, zero + INF)
        expected = exact_ridge(X, y, np.full(p, strength))[0]
        assert_allclose(w, expected, atol=1e-4 * np.abs(expected).max())
        assert solver.gap <= 1e-13
    assert solver.solve(0.0, 0.1, 1e-13, 10_000) == 0
    assert solver.n_epochs == 0


# ---------------------------------------------------------------------------------------------
# gradient_descent


@pytest.mark.parametrize("layout", ["fortran", "c", "csc_array"])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
@pytest.mark.parametrize("p", [3, 40])
def test_gradient_descent_is_its_loop(rng, layout, weighted, p, n_threads):
    n = 30
    X, y = problems.make_data(rng, n, p, density=0.6)
    s = problems.sample_weights(rng, n) if weighted else np.ones(n)
    l2 = rng.uniform(0.0, 1.0, p)
    start = rng.standard_normal(p)
    S = s.sum()
    rate = 1.0 / (np.linalg.eigvalsh(X.T @ (s[:, None] * X))[-1] / S + 1.0)
    w = start.astype(LD)
    for _ in range(25):
        w = w + rate * (X.T.astype(LD) @ (s * (y - X.astype(LD) @ w)) / S - l2 * w)
    found = gradient_descent(
        problems.LAYOUTS[layout](X), y, learning_rate=rate, n_iter=25, l2=l2, coef_init=start,
        sample_weight=s if weighted else None, n_threads=n_threads,
    )  # fmt: skip
    assert_allclose(found, w.astype(float), atol=1e-12 * float(np.abs(w).max()))


def test_gradient_descent_reaches_the_minimum(rng):
    X, y = problems.make_data(rng, 40, 4)
    rate = 1.0 / np.linalg.eigvalsh(X.T @ X / 40 + 0.1 * np.eye(4))[-1]
    w = gradient_descent(X, y, learning_rate=rate, n_iter=3000, l2=0.1)
    assert_allclose(w, exact_ridge(X, y, np.full(4, 0.1), fit_intercept=False)[0], rtol=1e-6)


def test_gradient_descent_details(rng):
    X, y = problems.make_data(rng, 20, 3)
    start = np.array([1.0, 2.0, 3.0])
    assert_array_equal(gradient_descent(X, y, learning_rate=0.1, n_iter=0, coef_init=start), start)
    assert_array_equal(gradient_descent(X, y, learning_rate=0.1, n_iter=0), np.zeros(3))
    held = gradient_descent(X, y, learning_rate=1e-3, n_iter=5, l2=[0.0, INF, 0.0])
    assert held[1] == 0.0
    assert held[0] != 0.0
    loop = oracles.gradient_descent(
        X[:, ::2], np.ones(20), y, np.zeros(2), (0, 0, -INF, INF), np.zeros(2), 1e-3 / 20, 5
    )
    assert_allclose(held[::2], loop.astype(float), rtol=1e-12)
    with pytest.raises(ValueError, match="diverged"):
        gradient_descent(X, y, learning_rate=1e3, n_iter=10_000)
    for wrong in (
        {"learning_rate": 0.0},
        {"learning_rate": 0.1, "n_iter": -1},
        {"learning_rate": 0.1, "l2": -1.0},
        {"learning_rate": 0.1, "coef_init": [1.0]},
    ):
        with pytest.raises(ValueError):
            gradient_descent(X, y, **wrong)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (30, 33)])
def test_without_a_penalty_the_norm_is_least(shape, sparse, fit_intercept, rng):
    # in the units of X, whatever those are; one column in three is the sum of two others
    X = rng.standard_normal(shape) * rng.uniform(0.1, 5.0, shape[1])
    X[:, ::3] = X[:, 1::3] + X[:, [-1]]
    y = rng.standard_normal(shape[0])
    options = {"alpha": 0.0, "fit_intercept": fit_intercept, "tol": 1e-12}
    model = Ridge(**options).fit(sp.csr_array(X) if sparse else X, y)
    assert_allclose(model.coef_, least_norm(X, y, fit_intercept), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("alpha", [1e-300, 1e-100, 1e-16])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_a_vanishing_penalty_on_more_features_than_samples(fit_intercept, alpha, rng):
    X = rng.standard_normal((12, 30)) * rng.uniform(0.1, 5.0, 30)
    y = rng.standard_normal(12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # no gap can certify this
        model = Ridge(alpha, fit_intercept=fit_intercept, tol=1e-12).fit(X, y)
    assert_allclose(model.coef_, least_norm(X, y, fit_intercept), rtol=1e-7, atol=1e-9)


def least_norm(X, y, fit_intercept):
    """Return the minimum-norm least-squares solution."""
    if fit_intercept:
        X, y = X - X.mean(axis=0), y - y.mean()
    return np.linalg.lstsq(X, y, rcond=1e-12)[0]


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_factorisations_are_exact_whatever_tol(shape, rng):
    # at this alpha coefficients of zero meet the tolerance, too
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    expected = X.T @ np.linalg.solve(X @ X.T + 1e6 * np.eye(len(y)), y)
    for start in (None, np.zeros(shape[1])):
        fit = solve(X, y, l1=0.0, l2=1e6 / len(y), fit_intercept=False, tol=0.1, coef_init=start)
        assert_allclose(fit.coef, expected, rtol=1e-9)
