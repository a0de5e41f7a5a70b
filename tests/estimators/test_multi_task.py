"""Several targets with joint feature selection: optimality, invariances, scikit-learn."""

import warnings

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from multi_task import PENALTIES, TIGHT, assert_optimal, fit, in_units, tasks_of
from numpy.testing import assert_allclose
from problems import INF, some_weights
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

import softreg_fast
from softreg_fast import (
    Lasso,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    path,
)
from softreg_fast.data.multi_task_design import MultiTaskDesign


@pytest.fixture
def data(rng):
    """Return 50 samples, 20 correlated features, 4 tasks."""
    X, _ = problems.make_data(rng, 50, 20)
    return X, tasks_of(rng, X, 4)


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
