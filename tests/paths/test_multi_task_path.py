"""Paths of several tasks: optimality, solvers, the functions of scikit-learn."""

import warnings
from itertools import pairwise

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from multi_task import assert_optimal, fit, tasks_of
from numpy.testing import assert_allclose, assert_array_equal
from oracles import row_problem_of
from problems import INF, some_weights
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning

import softreg_fast
from softreg_fast import MultiTaskElasticNet, enet_path, lasso_path, path
from softreg_fast.data.multi_task_design import MultiTaskDesign


@pytest.fixture
def data(rng):
    """Return 50 samples, 20 correlated features, 4 tasks."""
    X, _ = problems.make_data(rng, 50, 20)
    return X, tasks_of(rng, X, 4)


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


def test_paths_fall_together(data):
    # along the path the objective at the optimum falls with alpha, and the fit grows closer
    fits = path(MultiTaskDesign(*data), n_alphas=25)
    assert all(a <= b + 1e-12 for a, b in pairwise(fits.dev_ratio))
