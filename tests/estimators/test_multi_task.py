"""Several targets with joint feature selection: optimality, invariances, scikit-learn."""

import warnings
from itertools import pairwise

import numpy as np
import problems
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from oracles import block_descent, dense, row_problem_of
from problems import INF, some_weights
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut
from sklearn.utils.estimator_checks import check_estimator

import softreg_fast
from softreg_fast import (
    Lasso,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    cv_path,
    enet_path,
    lasso_path,
    path,
)
from softreg_fast.data.design import Design, MultiTaskDesign
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._descent import RowDescent
from softreg_fast.kernels._rows import RowEngine
from softreg_fast.solvers.row_newton import NewtonSteps, Rows, hessian_solver

TIGHT = {"tol": 1e-12, "max_iter": 100_000}

# parameters of MultiTaskElasticNet; alpha in units of alpha_max
PENALTIES = {
    name: problems.PENALTIES[name]
    for name in (
        "lasso",
        "weak lasso",
        "elastic net",
        "nearly ridge",
        "nearly lasso",
        "ridge",
        "weighted",
        "some unpenalised",
        "some ridge only",
        "some excluded",
    )
}


def tasks_of(rng, X, n_tasks, noise=0.5):
    """Return targets (n, n_tasks) that depend on most features."""
    W = rng.standard_normal((X.shape[1], n_tasks)) * (rng.random((X.shape[1], 1)) < 0.5)
    signal = X @ W
    noise = noise * (np.std(signal) + 0.1) * rng.standard_normal(signal.shape)
    return signal + noise + rng.standard_normal(n_tasks)


@pytest.fixture
def data(rng):
    """Return 50 samples, 20 correlated features, 4 tasks."""
    X, _ = problems.make_data(rng, 50, 20)
    return X, tasks_of(rng, X, 4)


def in_units(options, X, Y, **problem):
    """Return the options of a penalty with alpha in the units of this problem."""
    largest = row_problem_of(X, Y, **problem).alpha_max()
    return {**options, "alpha": options["alpha"] * largest}


def fit(X, Y, options, sample_weight=None, **more):
    """Return an estimator with these options, tightly fitted, and the oracle's problem."""
    model = MultiTaskElasticNet(**{"l1_ratio": 1.0, **TIGHT, **options, **more})
    model.fit(X, Y, sample_weight)
    about = {"fit_intercept": model.fit_intercept, "standardize": model.standardize}
    return model, row_problem_of(X, Y, sample_weight=sample_weight, **options, **about)


def assert_optimal(model, problem, kkt=1e-9):
    """Check an estimator against an independent certificate and return that certificate."""
    W, b = model.coef_.T, model.intercept_
    found = problem.certificate(W, b)
    rounding = 1e-13 * float(max(problem.null_loss, found.primal))
    assert problem.is_feasible(W)
    assert found.gap <= 1e-12 * problem.null_loss + rounding
    assert model.dual_gap_ >= 0.0
    assert model.dual_gap_ <= 1e-12 * 2 * problem.null_loss + rounding
    assert np.max(found.kkt) <= kkt
    return found


# --- optimality -------------------------------------------------------------------------------


@pytest.mark.parametrize("n_tasks", [1, 3, 25])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("shape", problems.SHAPES)
def test_fits_are_optimal(shape, penalty, n_tasks, rng):
    X, _ = problems.SHAPES[shape](rng)
    Y = tasks_of(rng, X, n_tasks)
    s = problems.sample_weights(rng, len(X)) if n_tasks == 3 else None
    options = in_units(PENALTIES[penalty](rng, X.shape[1]), X, Y, sample_weight=s)
    assert_optimal(*fit(X, Y, options, s))


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_intercept_and_standardisation(fit_intercept, standardize, data):
    about = {"fit_intercept": fit_intercept, "standardize": standardize}
    options = in_units({"alpha": 0.1, "l1_ratio": 0.6}, *data, **about)
    assert_optimal(*fit(*data, options, **about))


def test_a_point_that_is_not_optimal_is_told(data):
    model, problem = fit(*data, in_units({"alpha": 0.1}, *data))
    for change in (1.001, 0.0):
        model.coef_ = model.coef_ * change
        with pytest.raises(AssertionError):
            assert_optimal(model, problem)


def test_the_gap_bounds_the_distance_to_the_minimum(data):
    options = in_units({"alpha": 0.01, "l1_ratio": 0.9}, *data)
    best, problem = fit(*data, options)
    minimum = problem.objective(best.coef_.T, best.intercept_)
    for max_iter in (1, 2, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            rough, _ = fit(*data, options, max_iter=max_iter)
        above = problem.objective(rough.coef_.T, rough.intercept_) - minimum
        assert rough.dual_gap_ >= above - 1e-13 * problem.null_loss


def test_whole_paths_are_optimal(data):
    X, Y = data
    fits = path(MultiTaskDesign(X, Y), n_alphas=30, eps=1e-3, l1_ratio=0.9)
    assert fits.converged
    assert fits.df[0] == 0
    assert fits.df[-1] == 20
    for k in (0, 1, 10, 29):
        one = fits[k]
        problem = row_problem_of(X, Y, alpha=one.alpha, l1_ratio=0.9)
        assert np.max(problem.kkt(one.coef.T, one.intercept)) < 1e-10
        assert one.df == np.count_nonzero(one.coef.any(axis=0))
        loss = problem.loss(one.coef.T, one.intercept)
        assert_allclose(float(1 - loss / problem.null_loss), one.dev_ratio, atol=1e-12)


def test_the_largest_alpha_is_where_rows_enter(rng, data):
    X, Y = data
    for weights in (None, rng.uniform(0.5, 2.0, 20), some_weights(rng, 20, 0.0)):
        free = weights is not None and not weights.all()
        for ratio in (1.0,) if free else (1.0, 0.5):  # L2-only features change with alpha
            options = {"l1_ratio": ratio, "l1_weights": weights}
            top = path(MultiTaskDesign(X, Y), n_alphas=2, **options).alphas[0]
            held = np.ones(20, bool) if weights is None else weights > 0.0
            above, _ = fit(X, Y, {"alpha": top * (1 + 1e-6), **options})
            below, _ = fit(X, Y, {"alpha": top * (1 - 1e-3), **options})
            assert not above.coef_[:, held].any()
            assert below.coef_[:, held].any()


@pytest.mark.parametrize("eps", [1e-2, 1e-4])
def test_more_features_than_samples(eps, rng):
    X, _ = problems.make_data(rng, 40, 600)
    Y = tasks_of(rng, X[:, :8], 5)
    for ratio in (1.0, 0.7):
        largest = row_problem_of(X, Y).alpha_max() / ratio
        model, problem = fit(X, Y, {"alpha": largest * eps, "l1_ratio": ratio})
        assert_optimal(model, problem, kkt=1e-8)
        assert 8 <= np.count_nonzero(model.coef_.any(axis=0)) < 600


def test_targets_that_are_copies_choose_like_one(rng):
    # all rows point in one direction, along which columns can depend on each other
    X, y = problems.make_data(rng, 15, 40)
    X = np.vstack([X, X])
    y = np.concatenate([y, y + 0.1 * rng.standard_normal(15)])
    one = path(X, y, n_alphas=20, eps=1e-4)
    two = path(MultiTaskDesign(X, np.c_[y, 2 * y]), n_alphas=20, eps=1e-4)
    assert two.converged
    assert_allclose(two.alphas, np.sqrt(5) * one.alphas, rtol=1e-12)
    # min of 1/2 ||y - Xw||^2 + alpha |w| for (w, 2w): sqrt(5) alpha |w| and 5 times the loss
    for k in range(20):
        coef = two[k].coef
        assert_allclose(coef[1], 2 * coef[0], atol=1e-9 * np.abs(coef).max(initial=1e-300))
        assert_allclose(X @ coef[0], X @ one[k].coef, atol=1e-7 * np.ptp(y))


# --- one problem in many forms ----------------------------------------------------------------


@pytest.mark.parametrize("layout", problems.LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_layouts(layout, dtype, rng):
    X, _ = problems.make_data(rng, 30, 12, density=0.6)
    X = problems.DTYPES[dtype](X)
    Y = tasks_of(rng, X.astype(np.float64), 3)
    options = in_units({"alpha": 0.05, "l1_ratio": 0.8}, X, Y)
    given = problems.LAYOUTS[layout](np.asfortranarray(X))
    before = problems.snapshot(given, Y)
    plain, _ = fit(X.astype(np.float64), Y, options)
    other, _ = fit(given, Y, options)
    assert_allclose(
        other.coef_,
        plain.coef_,
        rtol=0,
        atol=1e-6 * np.abs(plain.coef_).max()
        if other.coef_.dtype == np.float32
        else 1e-10 * np.abs(plain.coef_).max(),
    )
    assert problems.snapshot(given, Y) == before


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_gram_working_set_and_residual_agree(sparse, weighted, rng):
    X, _ = problems.make_data(
        rng, 60, 25, density=0.5 if sparse else 1.0, offset=0 if sparse else 5
    )
    Y = tasks_of(rng, X, 4)
    s = problems.sample_weights(rng, 60) if weighted else None
    design = MultiTaskDesign(sp.csc_array(X) if sparse else X, Y, s)
    options = {"n_alphas": 12, "eps": 1e-2, "l1_ratio": 0.8, "tol": 1e-14}
    ways = {
        "gram": {"precompute": True},
        "working set": {"precompute": False},
        "residual": {"precompute": False, "gram_memory": 16 * 5**2},
    }
    fits = {}
    for strategy, way in ways.items():
        with warnings.catch_warnings():  # the residual form may not reach 1e-14
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits[strategy] = path(design, **options, **way)
        assert fits[strategy].strategy == strategy
    scale = np.abs(fits["gram"].coefs).max()
    for strategy, atol in (("working set", 1e-10), ("residual", 1e-5)):
        difference = abs(fits[strategy].coefs - fits["gram"].coefs).max()
        assert difference <= atol * scale, strategy
        assert_allclose(fits[strategy].intercepts, fits["gram"].intercepts, atol=1e-4)


def test_residual_form_is_optimal(rng):
    X, _ = problems.make_data(rng, 40, 60)
    Y = tasks_of(rng, X, 3)
    weights = some_weights(rng, 60, 0.0)
    weights[5] = INF
    for ratio in (1.0, 0.6):
        grid = row_problem_of(X, Y).alpha_max() * np.array([0.3, 0.03])
        options = {"l1_ratio": ratio, "l1_weights": weights}
        fits = path(
            MultiTaskDesign(X, Y),
            alphas=grid,
            tol=1e-9,
            gram_memory=16.0,
            precompute=False,
            **options,
        )
        assert fits.strategy == "residual"
        assert fits.converged
        for k, alpha in enumerate(grid):
            problem = row_problem_of(X, Y, alpha=alpha, **options)
            found = problem.certificate(fits[k].coef.T, fits[k].intercept)
            assert found.gap <= 2.01e-9 * problem.null_loss
            assert not fits[k].coef[:, 5].any()


def test_weights_are_repetitions(data, rng):
    X, Y = data
    s = rng.integers(0, 4, len(X))
    options = in_units({"alpha": 0.05, "l1_ratio": 0.8}, X, Y, sample_weight=s)
    weighted, _ = fit(X, Y, options, s)
    repeated, _ = fit(np.repeat(X, s, axis=0), np.repeat(Y, s, axis=0), options)
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-11 * np.abs(repeated.coef_).max())
    assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-9, atol=1e-10)
    assert_allclose(weighted.dual_gap_, repeated.dual_gap_, atol=1e-13 * np.sum(Y**2))
    scaled, _ = fit(X, Y, options, 7.5 * s)
    assert_allclose(scaled.coef_, weighted.coef_, atol=1e-11 * np.abs(repeated.coef_).max())


def test_rotated_tasks_rotate_the_coefficients(data, rng):
    X, Y = data
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    options = in_units({"alpha": 0.03, "l1_ratio": 0.8}, X, Y)
    plain, _ = fit(X, Y, options)
    rotated, _ = fit(X, Y @ turn, options)
    scale = np.abs(plain.coef_).max()
    assert_allclose(rotated.coef_, turn.T @ plain.coef_, atol=1e-11 * scale)
    assert_allclose(rotated.intercept_, plain.intercept_ @ turn, rtol=1e-9, atol=1e-10)


def test_order_and_units(data, rng):
    X, Y = data
    options = in_units({"alpha": 0.03}, X, Y)
    plain, _ = fit(X, Y, options)
    scale = np.abs(plain.coef_).max()
    order, tasks = rng.permutation(20), rng.permutation(4)
    permuted, _ = fit(X[:, order], Y[:, tasks], options)
    assert_allclose(permuted.coef_, plain.coef_[np.ix_(tasks, order)], atol=1e-11 * scale)
    # X_j / c_j with the penalty's weight 1 / c_j has the coefficients c_j w_j
    c = np.exp(rng.standard_normal(20))
    scaled, _ = fit(X / c, Y, {**options, "l1_weights": 1 / c})
    assert_allclose(scaled.coef_ / c, plain.coef_, atol=1e-11 * scale)
    larger, _ = fit(X, 1e5 * Y, {**options, "alpha": 1e5 * options["alpha"]})
    assert_allclose(larger.coef_ / 1e5, plain.coef_, atol=1e-11 * scale)
    assert_allclose(larger.dual_gap_, 0.0, atol=1e-12 * 1e10 * np.sum(Y**2))


@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array])
def test_wide_offsets_change_the_intercept_alone(layout, rng):
    X = np.round(64 * rng.standard_normal((60, 10)))  # so that the sums are exact
    Y = np.round(1024 * tasks_of(rng, X, 3)) / 1024
    options = in_units({"alpha": 0.05}, X, Y)
    plain, _ = fit(X, Y, options)
    far, _ = fit(layout(X + 2.0**26), Y + 2.0**20, options)
    scale = np.abs(plain.coef_).max()
    assert_allclose(far.coef_, plain.coef_, atol=1e-9 * scale)
    assert far.dual_gap_ <= 1e-12 * np.sum((Y - Y.mean(axis=0)) ** 2) / 60


@pytest.mark.parametrize("shape", problems.SHAPES)
def test_one_task_is_the_lasso(shape, rng):
    X, y = problems.SHAPES[shape](rng)
    for ratio, weights in ((1.0, None), (0.5, some_weights(rng, X.shape[1], 0.0))):
        options = {"n_alphas": 15, "eps": 1e-2, "l1_ratio": ratio, "l1_weights": weights}
        one = path(X, y, **options, tol=1e-12)
        rows = path(MultiTaskDesign(X, y[:, np.newaxis]), **options, tol=1e-12)
        assert_allclose(rows.alphas, one.alphas, rtol=1e-9)
        assert rows.converged
        predicted = rows.predict(X)
        assert predicted.shape == (len(y), 1, 15)
        assert_allclose(predicted[:, 0], one.predict(X), atol=1e-8 * np.ptp(y))
        assert_allclose(rows.dev_ratio, one.dev_ratio, atol=1e-9)


def test_one_task_has_the_coefficients_of_the_lasso(data):
    X, Y = data
    alpha = in_units({"alpha": 0.05}, X, Y)["alpha"]
    one = Lasso(alpha, **TIGHT).fit(X, Y[:, 0])
    rows = MultiTaskLasso(alpha, **TIGHT).fit(X, Y[:, :1])
    assert rows.coef_.shape == (1, 20)
    assert rows.intercept_.shape == (1,)
    assert_allclose(rows.coef_[0], one.coef_, atol=1e-12 * np.abs(one.coef_).max())
    assert_allclose(rows.dual_gap_, one.dual_gap_, atol=1e-13 * np.sum(Y**2))


def test_threads_change_rounding_only(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    monkeypatch.setattr("softreg_fast.model_selection.workers.SMALLEST_PATH", 1)
    filled = rng.standard_normal((300, 900))
    holes = np.where(rng.random((300, 900)) < 0.1, filled, 0.0)
    for X, layout in ((filled, np.asfortranarray), (holes, sp.csc_array)):
        Y, X = tasks_of(rng, X[:, :10], 6), layout(X)
        one, two = (MultiTaskLasso(0.05, n_threads=k, **TIGHT).fit(X, Y) for k in (1, 2))
        assert_allclose(two.coef_, one.coef_, rtol=0, atol=1e-10 * np.abs(one.coef_).max())
        one, two = (MultiTaskLassoCV(alphas=8, n_threads=k, cv=3).fit(X, Y) for k in (1, 2))
        assert_allclose(two.mse_path_, one.mse_path_, rtol=1e-10)


# --- edges ------------------------------------------------------------------------------------


def test_weights_of_zero_and_infinity(rng, data):
    X, Y = data
    weights = rng.uniform(0.5, 2.0, 20)
    weights[:3], weights[3:6] = 0.0, INF
    model, problem = fit(X, Y, in_units({"alpha": 2.0, "l1_weights": weights}, X, Y))
    assert_optimal(model, problem)
    least_squares = np.linalg.lstsq(
        X[:, :3] - X[:, :3].mean(axis=0), Y - Y.mean(axis=0), rcond=None
    )[0]
    assert_allclose(model.coef_[:, :3], least_squares.T, rtol=1e-9)
    assert not model.coef_[:, 3:].any()


@pytest.mark.parametrize("constant", ["one", "all"])
def test_constant_targets(constant, data):
    X, Y = data
    Y = Y.copy()
    chosen = slice(1, 2) if constant == "one" else slice(None)
    Y[:, chosen] = np.array([3.0, -1e8, 0.1, 7.0])[chosen]
    model, problem = fit(X, Y, {"alpha": 0.1})
    assert_optimal(model, problem)
    assert not model.coef_[chosen].any()
    assert_allclose(model.intercept_[chosen], Y[0, chosen])


def test_constant_and_copied_columns(rng):
    X, _ = problems.make_data(rng, 25, 9)
    X = problems.degenerate(X)
    Y = tasks_of(rng, X, 3)
    for ratio in (1.0, 0.5, 0.0):
        model, problem = fit(X, Y, in_units({"alpha": 0.01, "l1_ratio": ratio}, X, Y))
        assert_optimal(model, problem)
        assert not model.coef_[:, -2:].any()


def test_no_penalty_at_all(rng):
    X, _ = problems.make_data(rng, 30, 5)
    Y = tasks_of(rng, X, 3)
    model, _ = fit(X, Y, {"alpha": 0.0})
    expected = np.linalg.lstsq(X - X.mean(axis=0), Y - Y.mean(axis=0), rcond=None)[0]
    assert_allclose(model.coef_, expected.T, rtol=1e-9)


def test_more_tasks_than_samples(rng):
    X, _ = problems.make_data(rng, 12, 30)
    Y = tasks_of(rng, X, 80)
    assert_optimal(*fit(X, Y, in_units({"alpha": 0.02}, X, Y)))


def test_columns_of_tiny_and_huge_units(data):
    X, Y = data
    units = 10.0 ** np.resize([-150, 0, 120, -8], 20)
    options = in_units({"alpha": 0.05}, X, Y)
    plain, _ = fit(X, Y, options, standardize=True)
    scaled, _ = fit(X * units, Y, options, standardize=True)
    assert_allclose(scaled.coef_ * units, plain.coef_, atol=1e-10 * np.abs(plain.coef_).max())


# --- kernels ----------------------------------------------------------------------------------


def hessian(gram, U, ridge, curvature):
    """Return the Hessian of the rows u_a, (k T, k T), from its definition."""
    n_tasks, k = U.shape
    H = np.kron(gram + np.diag(ridge), np.eye(n_tasks))
    for a in range(k):
        e = U[:, a] / np.linalg.norm(U[:, a])
        part = slice(a * n_tasks, (a + 1) * n_tasks)
        H[part, part] += curvature[a] * (np.eye(n_tasks) - np.outer(e, e))
    return H


@pytest.mark.parametrize(("n_tasks", "k"), [(1, 1), (1, 6), (4, 1), (3, 8), (9, 5)])
def test_the_hessian_is_inverted(n_tasks, k, rng):
    C = rng.standard_normal((k + 3, k))
    U, G = rng.standard_normal((2, n_tasks, k))
    ridge, curvature = rng.random(k), rng.random(k)
    curvature[::3] = 0.0
    D = hessian_solver(C.T @ C, U, ridge, curvature)(G)
    expected = np.linalg.solve(hessian(C.T @ C, U, ridge, curvature), G.T.ravel())
    assert_allclose(D.T.ravel(), expected, rtol=1e-8, atol=1e-10)


def test_large_hessians_are_inverted_in_pieces(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.solvers.row_newton.LARGEST_INVERSE_AT_ONCE", 5)
    monkeypatch.setattr("softreg_fast.solvers.row_newton.LARGEST_PRODUCT", 800)
    C = rng.standard_normal((30, 20))
    U, G = rng.standard_normal((2, 3, 20))
    ridge, curvature = rng.random((2, 20))
    D = hessian_solver(C.T @ C, U, ridge, curvature)(G)
    expected = np.linalg.solve(hessian(C.T @ C, U, ridge, curvature), G.T.ravel())
    assert_allclose(D.T.ravel(), expected, rtol=1e-8, atol=1e-10)


def objective_of_rows(gram, at, U):
    """Return the objective at U, up to a constant, given the slopes `at.Z` at `at.U`."""
    D = U - at.U
    lengths = np.linalg.norm(U, axis=0)
    return np.sum(D * (0.5 * D @ gram - at.Z)) + at.l1 @ lengths + 0.5 * at.ridge @ lengths**2


def test_newton_steps_go_down_and_converge(rng):
    C = rng.standard_normal((30, 6))
    gram, q = C.T @ C, C.T @ rng.standard_normal((30, 3))
    l1, ridge = rng.uniform(0.1, 1.0, 6), rng.random(6)
    U, steps = rng.standard_normal((3, 6)), NewtonSteps()
    for k in range(16):
        members = np.flatnonzero(U.any(axis=0))
        at = Rows(U[:, members], (q.T - U @ gram)[:, members], l1[members], ridge[members])
        new, way = steps.step(gram[members], members, at, fresh=k % 2 == 0)
        assert_allclose(way, (new - at.U) @ gram[members], atol=1e-12)
        change = objective_of_rows(gram[np.ix_(members, members)], at, new)
        change -= objective_of_rows(gram[np.ix_(members, members)], at, at.U)
        assert change <= 1e-12
        assert_allclose(at.change(new, way[:, members]), change, atol=1e-12)
        U = np.zeros((3, 6))
        U[:, members] = new
    assert_allclose(at.downhill, 0.0, atol=1e-11)


def engine_data(rng, n, p, n_tasks, density=1.0):
    """Return a design, its columns as an array, and penalty vectors, in the engine's units."""
    X, _ = problems.make_data(rng, n, p, density=density)
    s = problems.sample_weights(rng, n)
    design = MultiTaskDesign(sp.csc_array(X) if density < 1.0 else X, tasks_of(rng, X, n_tasks), s)
    C = np.empty((n, p), order="F")
    design.columns.gather(0, C)  # times sqrt(s)
    target = (design.y - design.y_mean) / design.y_norm * np.sqrt(design.weight)[:, np.newaxis]
    return design, C, target


@pytest.mark.parametrize("density", [1.0, 0.3])
def test_slopes_of_all_tasks(density, rng):
    design, C, target = engine_data(rng, 40, 11, 3, density)
    found = np.empty((3, 11))
    for n_threads in (1, 2):
        design.columns.slopes_of_tasks(design.target, found, n_threads)
        assert_allclose(found, target.T @ C, atol=1e-13)
    with pytest.raises(ValueError, match="one row per task"):
        design.columns.slopes_of_tasks(design.target, np.empty((2, 11)))


@pytest.mark.parametrize("kind", ["engine", "gram", "descent"])
def test_solvers_against_slow_descent(kind, rng):
    design, C, target = engine_data(rng, 30, 8, 3)
    l1, l2 = rng.uniform(0.5, 2.0, 8), rng.uniform(0.5, 2.0, 8)
    penalty = l1, l2, np.full(8, -INF), np.full(8, INF)
    if kind == "descent":
        solver = RowDescent(
            design.columns, design.target, 1.0, design.curvature, penalty, design.n_threads
        )
    elif kind == "gram":
        solver = RowEngine(Columns.gram(design.gram), target.T @ C, 1.0, penalty)
    else:
        solver = RowEngine(design.columns, design.target, 1.0, penalty)
    for strength in (0.1, 0.02):
        assert solver.solve(strength, 0.3, 1e-14, 10_000) == 0
        U = block_descent(
            dense(C), np.ones(30), dense(target), strength * l1, 0.3 * l2, np.zeros((8, 3)), 300
        )
        assert_allclose(solver.coef.T, U.astype(float), atol=1e-7)
        rest = float(np.sum((dense(target) - dense(C) @ U) ** 2))
        assert_allclose(solver.residual_sumsq, rest, atol=1e-7)


def test_solvers_refuse_what_does_not_fit(rng):
    design, _, _ = engine_data(rng, 30, 8, 3)
    penalty = [np.ones(8)] * 4
    with pytest.raises(ValueError, match="one entry per feature"):
        RowEngine(design.columns, design.target, 1.0, [np.ones(7)] * 4)
    with pytest.raises(ValueError, match="not fit the columns"):
        RowEngine(design.columns, design.target[:, 1:].copy(), 1.0, penalty)
    with pytest.raises(ValueError, match="one entry per feature"):
        RowDescent(design.columns, design.target, 1.0, np.ones(7), penalty)
    with pytest.raises(ValueError, match="not fit the columns"):
        RowDescent(Columns.gram(design.gram), design.target, 1.0, np.ones(8), penalty)


def test_few_features_are_looked_at(rng):
    X, _ = problems.make_data(rng, 100, 3000)
    Y = tasks_of(rng, X[:, :5], 4)
    design = MultiTaskDesign(X, Y)
    gradient = np.sqrt(np.square(design.gradient_at_zero()).sum(axis=0))
    ones, inf = np.ones(3000), np.full(3000, INF)
    engine = RowEngine(design.columns, design.target, 1.0, (ones, 0 * ones, -inf, inf))
    grid = gradient.max() * np.geomspace(1.0, 0.2, 50)
    assert all(engine.solve(strength, 0.0, 1e-8, 1000) == 0 for strength in grid)
    assert engine.n_reads < 25  # of 50 alphas, each with a certificate over all features
    assert engine.n_slots < 1000


# --- many rows --------------------------------------------------------------------------------


@pytest.fixture
def few_rows_are_cheap(monkeypatch):
    """Switch to descent on the residuals from the fifth row on."""
    monkeypatch.setattr("softreg_fast.solvers.limits.FEWEST_ROWS", 5)
    monkeypatch.setattr("softreg_fast.solvers.limits.ROWS_PER_ROOT", 0.1)


def assert_paths_are_as_good_as_told(fits, X, Y, tol, **options):
    for k in range(len(fits)):
        problem = row_problem_of(X, Y, alpha=fits.alphas[k], **options)
        found = problem.certificate(fits[k].coef.T, fits[k].intercept)
        assert found.gap <= (2 * tol + 1e-12) * problem.null_loss
        assert_allclose(float(found.gap), fits.gaps[k], atol=1e-2 * tol * float(problem.null_loss))


@pytest.mark.parametrize("tol", [1e-4, 1e-8])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.01])
@pytest.mark.parametrize("sparse", [False, True])
def test_many_rows_are_left_to_descent(sparse, ratio, tol, rng, few_rows_are_cheap):
    X, _ = problems.make_data(rng, 40, 90, density=0.5 if sparse else 1.0, offset=0.0)
    Y = tasks_of(rng, X, 3)
    design = MultiTaskDesign(sp.csc_array(X) if sparse else X, Y)
    fits = path(design, n_alphas=8, eps=0.05, l1_ratio=ratio, tol=tol)
    assert fits.converged
    assert fits.strategy == "residual"
    assert_paths_are_as_good_as_told(fits, X, Y, tol, l1_ratio=ratio)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40)])
def test_slow_descent_is_left_to_newton_steps(shape, rng, few_rows_are_cheap, monkeypatch):
    monkeypatch.setattr("softreg_fast.solvers.limits.EPOCHS_BEFORE_NEWTON", 1)
    X, _ = problems.make_data(rng, *shape)
    X = X + 3.0 * rng.standard_normal((shape[0], 1))  # all columns alike: slow
    Y = tasks_of(rng, X, 3)
    fits = path(MultiTaskDesign(X, Y), n_alphas=8, eps=0.01, tol=1e-12)
    assert fits.converged
    assert fits.strategy == ("gram" if shape[0] > shape[1] else "working set")
    assert_paths_are_as_good_as_told(fits, X, Y, 1e-12)
    # nothing of the previous state is lost
    exact = path(MultiTaskDesign(X, Y), alphas=fits.alphas, tol=1e-12, precompute=True)
    assert_allclose(fits.coefs.toarray(), exact.coefs.toarray(), atol=1e-5 * abs(exact.coefs).max())


def test_single_fits_begin_with_descent(rng, few_rows_are_cheap, monkeypatch):
    X, _ = problems.make_data(rng, 40, 90)
    Y = tasks_of(rng, X, 3)
    design, alpha = MultiTaskDesign(X, Y), 0.05 * row_problem_of(X, Y).alpha_max()
    one = path(design, alphas=[alpha], tol=1e-7)
    assert one.strategy == "residual"
    assert_paths_are_as_good_as_told(one, X, Y, 1e-7)
    wide = MultiTaskElasticNet(alpha, l1_ratio=1.0, tol=1e-7, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="number of iterations"):
        wide.fit(X, Y)
    assert wide.n_iter_ == 3
    monkeypatch.setattr("softreg_fast.solvers.limits.EPOCHS_BEFORE_NEWTON", 1)
    model = MultiTaskElasticNet(alpha, l1_ratio=1.0, tol=1e-12, max_iter=None).fit(X, Y)
    assert model.n_iter_ > 1
    assert_optimal(model, row_problem_of(X, Y, alpha=alpha))


def test_strong_ridge_needs_few_epochs(rng):
    X, _ = problems.make_data(rng, 60, 500)
    Y = tasks_of(rng, X, 3)
    fits = path(MultiTaskDesign(X, Y), n_alphas=12, eps=0.01, l1_ratio=0.001, tol=1e-6)
    assert fits.strategy == "residual"
    assert fits.df[-1] > 400
    assert np.all(fits.n_epochs <= 20)
    assert_paths_are_as_good_as_told(fits, X, Y, 1e-6, l1_ratio=0.001)


@pytest.mark.parametrize("weights", ["all", "some", "none penalised"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 12), (20, 70)])
def test_ridge_is_that_of_the_normal_equations(shape, weighted, weights, rng):
    X, _ = problems.make_data(rng, *shape)
    Y = tasks_of(rng, X, 4)
    s = problems.sample_weights(rng, len(X)) if weighted else np.ones(len(X))
    l2 = rng.uniform(0.5, 2.0, shape[1])
    if weights != "all":
        l2[:3] = 0.0
    l2[5] = INF
    alpha = 0.0 if weights == "none penalised" and shape[0] > shape[1] else 0.02
    model = MultiTaskElasticNet(alpha, l1_ratio=0.0, l2_weights=l2, **TIGHT).fit(X, Y, s)
    free = np.isfinite(l2)
    X, Y = (a - s @ a / s.sum() for a in (X[:, free], Y))
    normal = X.T @ (s[:, np.newaxis] * X) / s.sum() + alpha * np.diag(l2[free])
    expected = np.linalg.solve(normal, X.T @ (s[:, np.newaxis] * Y) / s.sum())
    assert_allclose(model.coef_[:, free].T, expected, atol=1e-8 * np.abs(expected).max())
    assert not model.coef_[:, 5].any()
    assert model.dual_gap_ <= 1e-12 * np.sum(Y**2)


def test_ridge_by_conjugate_gradients(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.solvers.limits.LARGEST_AUTO_FACTOR", 5)
    X, _ = problems.make_data(rng, 40, 30)
    Y = tasks_of(rng, X, 3)
    fits = path(MultiTaskDesign(X, Y), alphas=[1.0, 0.01], l1_ratio=0.0, tol=1e-12)
    assert fits.strategy == "cg"
    assert_paths_are_as_good_as_told(fits, X, Y, 1e-12, l1_ratio=0.0)
    one = path(X, Y[:, 1], alphas=[1.0, 0.01], l1_ratio=0.0, tol=1e-14)
    coef = fits[1].coef[1]
    assert_allclose(coef, one[1].coef, atol=1e-5 * np.abs(coef).max())


@pytest.mark.parametrize("p", [9, 60])
def test_unpenalised_features_without_gram_columns(p, rng):
    # correlated, so that descent alone needs thousands of epochs to bring their slopes to 0
    X, _ = problems.make_data(rng, 40, p)
    X[:, :4] = X[:, :1] + 1e-3 * rng.standard_normal((40, 4))
    Y = tasks_of(rng, X, 3)
    weights = np.ones(p)
    weights[:4] = 0.0
    design, penalty = (
        MultiTaskDesign(X, Y),
        (weights, np.zeros(p), np.full(p, -INF), np.full(p, INF)),
    )
    engine = RowDescent(design.columns, design.target, 1.0, design.curvature, penalty)
    strength = np.sqrt(np.square(design.gradient_at_zero()).sum(axis=0)).max()
    assert engine.solve(strength, 0.0, 1e-10, 50) == 0
    slopes = np.empty((3, p))
    design.columns.slopes_of_tasks(engine.residual, slopes)
    assert np.abs(slopes[:, :4]).max() <= 1e-11
    assert engine.certify(strength, 0.0) <= 1e-10


def test_descent_that_cannot_reach_the_tolerance_ends(rng):
    X, _ = problems.make_data(rng, 20, 15)
    design = MultiTaskDesign(X, tasks_of(rng, X, 3))
    penalty = np.ones(15), np.ones(15), np.full(15, -INF), np.full(15, INF)
    engine = RowDescent(design.columns, design.target, 1.0, design.curvature, penalty)
    assert engine.solve(0.01, 0.01, 0.0, 1_000_000) in (0, 2)
    assert engine.n_epochs < 10_000
    assert engine.gap < 1e-16


# --- functions --------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("name", ["lasso_path", "enet_path"])
def test_paths_are_those_of_sklearn(name, layout, rng):
    X, _ = problems.make_data(rng, 40, 12, density=0.7)
    Y = tasks_of(rng, X, 3)
    found = getattr(softreg_fast, name)(layout(X), Y, alphas=12, eps=1e-2, return_n_iter=True)
    alphas, coefs, gaps, n_iters = found
    given = {"alphas": alphas, "tol": 1e-10, "max_iter": 100_000}
    theirs = getattr(linear_model, name)(X, Y, **given)
    assert coefs.shape == (3, 12, 12)
    assert_array_equal(alphas, theirs[0])
    assert_allclose(coefs, theirs[1], atol=1e-7 * np.abs(coefs).max())
    assert gaps.shape == n_iters.shape == (12,)
    assert np.all(gaps <= 1e-10 * np.sum(Y**2))


def test_path_of_a_matrix_with_one_column(data):
    X, Y = data
    _, one, _ = enet_path(X, Y[:, 0], alphas=5)
    _, rows, _ = enet_path(X, Y[:, :1], alphas=5)
    assert rows.shape == (1, *one.shape)
    assert_allclose(rows[0], one, atol=1e-10 * np.abs(one).max())


def test_paths_take_what_path_takes(data, rng):
    X, Y = data
    s = problems.sample_weights(rng, 50)
    more = {"sample_weight": s, "fit_intercept": True, "standardize": True, "n_threads": 1}
    alphas, coefs, _ = lasso_path(X, Y, alphas=3, l1_weights=np.arange(20.0), **more)
    fits = path(MultiTaskDesign(X, Y, s, standardize=True), n_alphas=3, l1_weights=np.arange(20.0))
    assert_array_equal(alphas, fits.alphas)
    assert_allclose(coefs[:, :, 2], fits[2].coef, atol=1e-9)
    start = enet_path(X, Y, alphas=[alphas[1]], coef_init=coefs[:, :, 1])[1]
    assert start.shape == (4, 20, 1)


def test_paths_refuse_what_rows_cannot_have(data):
    X, Y = data
    with pytest.raises(ValueError, match="positive=True is not allowed for multi-output"):
        enet_path(X, Y, positive=True)
    with pytest.raises(ValueError, match="bounds are not for several tasks"):
        enet_path(X, Y, bounds=(0.0, 1.0))
    with pytest.raises(ValueError, match="solver='auto' only"):
        enet_path(X, Y, solver="cd")
    with pytest.raises(ValueError, match=r"coef_init has shape \(20,\); .* \(4, 20\)"):
        enet_path(X, Y, coef_init=np.zeros(20))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        enet_path(X, Y[1:])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        enet_path(X, np.where(Y[3, 1] == Y, np.nan, Y))


def test_a_path_of_several_tasks_is_a_path(data):
    X, Y = data
    fits = path(MultiTaskDesign(X, Y), n_alphas=12, eps=1e-2)
    assert (len(fits), fits.n_tasks) == (12, 4)
    assert fits.coefs.shape == (20, 48)
    predicted = fits.predict(X)
    assert predicted.shape == (50, 4, 12)
    for k in (0, 7, -1):
        one = fits[k]
        assert one.coef.shape == (4, 20)
        assert_allclose(one.predict(X), predicted[..., k], atol=1e-12)
        assert_allclose(one.predict(X), X @ one.coef.T + one.intercept, atol=1e-12)
        assert_allclose(fits.predict(X, alpha=one.alpha), predicted[..., k], atol=1e-12)
        rows = one.selected()
        assert sorted(j for j, _ in rows) == np.flatnonzero(one.coef.any(axis=0)).tolist()
        lengths = [np.linalg.norm(row) for _, row in rows]
        assert all(a >= b - 1e-12 for a, b in pairwise(lengths))
        assert all(np.array_equal(row, one.coef[:, j]) for j, row in rows)
    part = fits.part(slice(3, 6))
    assert len(part) == 3
    assert_array_equal(part[1].coef, fits[4].coef)
    assert_array_equal(part.predict(X), predicted[..., 3:6])
    middle = np.sqrt(fits.alphas[4] * fits.alphas[5])
    low, high = np.minimum(fits[4].coef, fits[5].coef), np.maximum(fits[4].coef, fits[5].coef)
    assert np.all((low <= fits.coef_at(middle)) & (fits.coef_at(middle) <= high))
    assert "12 alphas, 20 features" in repr(fits)
    assert "of 20 coefficients" in repr(fits[3])


# --- estimators -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        MultiTaskLasso(),
        MultiTaskLasso(alpha=0.01, standardize=True, selection="random"),
        MultiTaskElasticNet(alpha=0.01),
        MultiTaskElasticNet(l1_ratio=0.0, warm_start=True),
        MultiTaskLassoCV(alphas=5, cv=3),
        MultiTaskElasticNetCV(l1_ratio=[0.3, 1.0], alphas=5),
    ],
)
def test_check_estimator(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(model)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("options", [{"alpha": 0.1}, {"alpha": 0.3, "l1_ratio": 0.4}])
def test_agrees_with_sklearn(options, fit_intercept, data):
    X, Y = data
    options = in_units(options, X, Y, fit_intercept=fit_intercept)
    name = "MultiTaskElasticNet" if "l1_ratio" in options else "MultiTaskLasso"
    given = {**options, "fit_intercept": fit_intercept}
    ours = getattr(softreg_fast, name)(**given, **TIGHT).fit(X, Y)
    theirs = getattr(linear_model, name)(**given, tol=1e-13, max_iter=100_000).fit(X, Y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-8 * np.abs(theirs.coef_).max())
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-8 * np.abs(Y).max())
    assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8 * np.abs(Y).max())
    assert_allclose(ours.eps_ / ours.tol, theirs.eps_ / theirs.tol)
    assert_allclose(ours.sparse_coef_.toarray(), ours.coef_)
    for attribute in ("n_iter_", "dual_gap_", "n_features_in_"):
        assert np.ndim(getattr(ours, attribute)) == 0
    missing = set(theirs.get_params()) - set(ours.get_params())
    assert missing <= {"n_alphas"}
    assert {k for k in vars(theirs) if k.endswith("_")} <= set(vars(ours))


def test_the_words_of_sklearn(data):
    X, Y = data
    for model in (MultiTaskElasticNet(), MultiTaskLasso()):
        assert isinstance(model, softreg_fast.ElasticNet)
        with pytest.raises(ValueError, match=f"mono-task outputs, use {type(model).__name__[9:]}"):
            model.fit(X, Y[:, 0])
        with pytest.raises(ValueError, match="requires y to be passed"):
            model.fit(X, None)
        with pytest.raises(ValueError, match="selection must be"):
            clone(model).set_params(selection="sorted").fit(X, Y)
    with pytest.raises(ValueError, match="mono-task outputs, use LassoCV"):
        MultiTaskLassoCV().fit(X, Y[:, 0])
    with pytest.warns(ConvergenceWarning, match="increase the number of iterations"):
        MultiTaskLasso(1e-3, max_iter=1, tol=1e-12).fit(X, Y)


@pytest.mark.parametrize("p", [20, 80])
def test_warm_start_ends_where_a_cold_one_does(p, rng):
    X, _ = problems.make_data(rng, 50, p)
    Y = tasks_of(rng, X, 4)
    options = in_units({"alpha": 0.02}, X, Y)
    model = MultiTaskLasso(5 * options["alpha"], warm_start=True, **TIGHT).fit(X, Y)
    warm = model.set_params(**options).fit(X, Y)
    cold = MultiTaskLasso(**options, **TIGHT).fit(X, Y)
    assert_allclose(warm.coef_, cold.coef_, atol=1e-11 * np.abs(cold.coef_).max())
    again = warm.fit(X, Y)
    assert again.n_iter_ <= 2
    assert_allclose(again.coef_, cold.coef_, atol=1e-11 * np.abs(cold.coef_).max())
    model.fit(X[:, :5], Y[:, :2])  # another shape begins at zero
    assert model.coef_.shape == (2, 5)


# --- cross-validation -------------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(50, 8), (30, 40)])
def test_cross_validation_is_that_of_sklearn(shape, fit_intercept, rng):
    X, _ = problems.make_data(rng, *shape)
    Y = tasks_of(rng, X, 3)
    grid = row_problem_of(X, Y).alpha_max() * np.geomspace(1.5, 0.03, 8)
    given = {"l1_ratio": [0.4, 0.9], "alphas": grid, "fit_intercept": fit_intercept}
    ours = MultiTaskElasticNetCV(**given, tol=1e-12, cv=4).fit(X, Y)
    theirs = linear_model.MultiTaskElasticNetCV(**given, tol=1e-12, max_iter=100_000, cv=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, Y)
    assert ours.alphas_.shape == theirs.alphas_.shape == (8,)
    assert ours.mse_path_.shape == theirs.mse_path_.shape == (2, 8, 4)
    assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    assert (ours.l1_ratio_, ours.alpha_) == (theirs.l1_ratio_, pytest.approx(theirs.alpha_))
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-7 * np.abs(theirs.coef_).max())
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-7 * np.abs(Y).max())
    sparse = clone(ours).fit(sp.csr_array(X), Y)
    assert_allclose(sparse.mse_path_, ours.mse_path_, rtol=1e-9)


def test_lasso_cv_is_that_of_sklearn(data):
    X, Y = data
    ours = MultiTaskLassoCV(tol=1e-10, eps=0.05).fit(X, Y)
    theirs = linear_model.MultiTaskLassoCV(tol=1e-10, eps=0.05, max_iter=100_000)
    with warnings.catch_warnings():  # for any other names
        warnings.simplefilter("ignore", FutureWarning)
        theirs.fit(X, Y)
    assert_allclose(ours.alphas_, theirs.alphas_, rtol=1e-10)
    assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-7 * np.abs(theirs.coef_).max())
    assert {k for k in vars(theirs) if k.endswith("_")} <= set(vars(ours))
    assert not hasattr(ours, "l1_ratio_")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 8), (40, 60)])
def test_errors_are_those_of_fits_to_the_training_samples(shape, weighted, rng):
    X, _ = problems.make_data(rng, *shape, offset=100.0)
    Y = tasks_of(rng, X, 3)
    s = problems.sample_weights(rng, len(X)) if weighted else np.ones(len(X))
    cv = KFold(4, shuffle=True, random_state=0)
    model = MultiTaskLassoCV(alphas=6, eps=0.05, tol=1e-12, cv=cv).fit(X, Y, s)
    found = model.cv_path_
    for k, (train, test) in enumerate(cv.split(X)):
        design = MultiTaskDesign(X[train], Y[train], s[train])
        fits = path(design, alphas=model.alphas_, tol=1e-12)
        predicted = fits.predict(X[test])
        errors = np.square(predicted - Y[test][:, :, np.newaxis]).mean(axis=1)
        expected = s[test] @ errors / s[test].sum()
        assert_allclose(model.mse_path_[:, k], expected, rtol=1e-8)
        assert_allclose(found.predictions[test], predicted[..., found.index], atol=1e-6)
    assert_allclose(model.coef_, found.path[found.index].coef)
    assert model.coef_path_.shape == (shape[1], 6 * 3)


def test_a_matrix_of_one_column_is_chosen_like_a_vector(data):
    X, Y = data
    one = cv_path(X, Y[:, 0], n_alphas=10, cv=4)
    rows = cv_path(MultiTaskDesign(X, Y[:, :1]), n_alphas=10, cv=4)
    assert_allclose(rows.errors, one.errors, rtol=1e-9)
    assert_allclose(rows.predictions[:, 0], one.predictions, rtol=1e-7, atol=1e-9)
    assert rows.alpha == pytest.approx(one.alpha)


def test_one_standard_error(data):
    X, Y = data
    least = MultiTaskLassoCV(alphas=30).fit(X, Y)
    simple = MultiTaskLassoCV(alphas=30, rule="1se").fit(X, Y)
    mean = least.mse_path_.mean(axis=1)
    spread = least.mse_path_.std(axis=1, ddof=1) / np.sqrt(5)
    k = np.argmin(mean)
    expected = least.alphas_[np.flatnonzero(mean <= mean[k] + spread[k])[0]]
    assert simple.alpha_ == expected >= least.alpha_


def test_groups_splitters_and_metadata(data, rng):
    X, Y = data
    groups = rng.permutation(np.repeat(np.arange(10), 5))
    pairs = list(GroupKFold(5).split(X, Y, groups))
    by_pairs = MultiTaskLassoCV(alphas=5, cv=pairs).fit(X, Y)
    by_groups = MultiTaskLassoCV(alphas=5, cv=GroupKFold(5)).fit(X, Y, groups=groups)
    assert_array_equal(by_groups.mse_path_, by_pairs.mse_path_)
    with sklearn.config_context(enable_metadata_routing=True):
        cv = GroupKFold(5).set_split_request(groups=True)
        routed = MultiTaskLassoCV(alphas=5, cv=cv).fit(X, Y, groups=groups)
    assert_array_equal(routed.mse_path_, by_pairs.mse_path_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert MultiTaskLassoCV(alphas=3, cv=LeaveOneOut()).fit(X, Y).mse_path_.shape == (3, 50)


def test_scorers_see_all_tasks(data):
    X, Y = data
    model = MultiTaskElasticNetCV(alphas=6, cv=3, scoring="neg_mean_absolute_error").fit(X, Y)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        fits = path(MultiTaskDesign(X[train], Y[train]), alphas=model.alphas_, l1_ratio=0.5)
        predicted = fits.predict(X[test])
        expected = [mean_absolute_error(Y[test], predicted[..., i]) for i in range(6)]
        assert_allclose(model.mse_path_[:, k], expected, rtol=1e-6)


def test_patience_leaves_the_grid(data):
    X, Y = data
    whole = MultiTaskLassoCV(alphas=60, eps=1e-6).fit(X, Y)
    early = MultiTaskLassoCV(alphas=60, eps=1e-6, patience=5).fit(X, Y)
    tried = ~np.isnan(early.mse_path_[:, 0])
    assert 5 < tried.sum() < 60
    assert_allclose(early.mse_path_[tried], whole.mse_path_[tried], rtol=1e-8)


def test_an_interrupted_fit_changes_nothing(data, monkeypatch):
    X, Y = data
    for model in (MultiTaskLasso(0.1), MultiTaskLassoCV(alphas=5)):
        model.fit(X, Y)
        before = model.coef_.copy()

        def interrupted(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("softreg_fast.solvers.row_newton.lower_factor", interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.fit(X[:, ::-1], Y)
        assert_array_equal(model.coef_, before)


def test_designs_keep_what_they_are_given(data, rng):
    X, Y = data
    s = problems.sample_weights(rng, 50)
    design = MultiTaskDesign(X, Y, s)
    again = MultiTaskDesign(X, sample_weight=s).with_target(Y)
    assert_array_equal(design.target, again.target)
    assert_allclose(design.gradient_at_zero(), again.gradient_at_zero())
    one = Design(X, Y[:, 0], s)
    single = MultiTaskDesign(X, Y[:, :1], s)
    assert_allclose(single.target[0], one.target, atol=1e-15)
    assert_allclose(single.y_norm, one.y_norm, rtol=1e-14)
    with pytest.raises(ValueError, match=r"y has shape \(50,\); expected a matrix"):
        MultiTaskDesign(X, Y[:, 0])
    with pytest.raises(ValueError, match="squares leave the range"):
        MultiTaskDesign(X, 1e200 * Y)


def test_paths_fall_together(data):
    # along the path the objective at the optimum falls with alpha, and the fit grows closer
    fits = path(MultiTaskDesign(*data), n_alphas=25)
    assert all(a <= b + 1e-12 for a, b in pairwise(fits.dev_ratio))
