"""solve(): every fit is checked by the independent certificate of oracles.py."""

import warnings

import numpy as np
import oracles
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF, certified, problem_of
from problems import make_problem
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Design, path, solve

fit_intercepts = pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])


standardizes = pytest.mark.parametrize("standardize", [True, False], ids=["std", "raw"])


weightings = pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])


@pytest.mark.parametrize("penalty", problems.PENALTIES)
@pytest.mark.parametrize("shape", problems.SHAPES)
@fit_intercepts
@standardizes
@weightings
def test_every_problem_is_certified(rng, shape, penalty, fit_intercept, standardize, weighted):
    X, y, options = make_problem(
        rng, shape, penalty, weighted, fit_intercept=fit_intercept, standardize=standardize
    )
    fit = solve(X, y, **options)
    found = certified(X, y, options, fit)
    assert_allclose(fit.tol, 2e-6 * fit.null_loss)
    # near the optimum the reported gap equals the oracle's
    assert_allclose(fit.gap, float(found.gap), rtol=1e-4, atol=1e-13 * fit.null_loss)


@pytest.mark.parametrize("penalty", [name for name in problems.PENALTIES if "nearly" not in name])
@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate"])
@pytest.mark.parametrize("layout", ["fortran", "csc_array"])
def test_tight_tolerances_are_met(rng, shape, penalty, layout):
    X, y, options = make_problem(rng, shape, penalty, weighted=True)
    fit = solve(problems.LAYOUTS[layout](X), y, tol=1e-12, **options)
    found = certified(X, y, options, fit)
    assert np.max(found.kkt) <= 1e-5


@pytest.mark.parametrize("penalty", problems.PENALTIES)
@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate", "with holes"])
@pytest.mark.parametrize("solver", ["cd", "gradient"])
def test_the_gap_covers_what_is_missing(rng, shape, penalty, solver):
    X, y, options = make_problem(rng, shape, penalty, standardize=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        best = solve(X, y, tol=1e-10, max_iter=2000, **options)
        reference = certified(X, y, options, best, must_converge=False)
        for tol, max_iter in ((0.3, 10**5), (1e-2, 10**5), (1e-4, 10**5), (1e-10, 1), (1e-10, 4)):
            fit = solve(X, y, tol=tol, max_iter=max_iter, solver=solver, **options)
            certified(X, y, options, fit, reference=reference, must_converge=tol > 1e-10)
            assert fit.n_epochs <= max_iter


@pytest.mark.parametrize("read_only", [False, True], ids=["writeable", "read-only"])
@pytest.mark.parametrize("dtype", problems.DTYPES)
@pytest.mark.parametrize("layout", problems.LAYOUTS)
def test_layouts(rng, layout, dtype, n_threads, read_only):
    X, y = problems.make_data(rng, 24, 10, density=0.6)
    X = np.asfortranarray(problems.DTYPES[dtype](X))
    weights = problems.sample_weights(rng, 24)
    given = problems.LAYOUTS[layout](X)
    options = {"alpha": 0.1 * problem_of(X, y).alpha_max(), "l1_ratio": 0.9}
    options["sample_weight"] = weights
    if read_only:
        problems.make_read_only(given)
        y.flags.writeable = weights.flags.writeable = False
    before = problems.snapshot(given, y, weights)
    fit = solve(given, y, n_threads=n_threads, **options)
    fits = path(given, y, n_alphas=3, sample_weight=weights, n_threads=n_threads)
    assert problems.snapshot(given, y, weights) == before
    certified(X, y, options, fit)
    certified(X, y, {"alpha": fits.alphas[1], "sample_weight": weights}, fits[1])
    has_names = layout in ("pandas", "polars")
    assert (fit.feature_names is not None) == has_names
    if has_names:
        assert list(fits.feature_names) == problems.names(10)


@pytest.mark.parametrize("layout", ["fortran", "csc with zeros"])
@pytest.mark.parametrize("precompute", [False, True])
@pytest.mark.parametrize("penalty", ["lasso", "elastic net", "ridge", "some unpenalised", "box"])
def test_wide_offsets(rng, layout, precompute, penalty):
    X, y = problems.make_data(rng, 40, 8, offset=1e6)
    y += 1e6
    near = X - 1e6  # exact
    options = problems.penalty_options(penalty, rng, problem_of(near, y - 1e6))
    fit = solve(problems.LAYOUTS[layout](X), y, tol=1e-11, precompute=precompute, **options)
    certified(X, y, options, fit, rounding=1e-9)
    centred = solve(near, y - 1e6, tol=1e-11, **options)
    problem = problem_of(near, y - 1e6, **options)
    values = [problem.objective(w, problem.best_intercept(w)) for w in (fit.coef, centred.coef)]
    assert abs(values[0] - values[1]) <= 1e-9 * problem.null_loss
    assert_allclose(fit.null_loss, centred.null_loss, rtol=1e-9)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("bounds", [None, (0.0, None), (-0.4, 0.7), (0.2, 0.5)])
@weightings
def test_orthogonal_columns_are_soft_thresholded(rng, l1_ratio, bounds, weighted):
    n, p, alpha = 32, 6, 0.3
    s = problems.sample_weights(rng, n) if weighted else np.ones(n)
    root = np.sqrt(s)[:, None]
    basis, _ = np.linalg.qr(np.hstack([root, root * rng.standard_normal((n, p))]))
    size = rng.uniform(0.5, 3.0, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        X = np.where(root > 0, basis[:, 1:] / root, 1.0) * size * np.sqrt(s.sum())
    y = 3 * rng.standard_normal(n) + 5.0
    a, o = rng.uniform(0.5, 2.0, p), rng.uniform(0.5, 2.0, p)
    fit = solve(
        X, y, alpha=alpha, l1_ratio=l1_ratio, l1_weights=a, l2_weights=o, bounds=bounds,
        sample_weight=s, tol=1e-13,
    )  # fmt: skip
    expected = oracles.soft_threshold(X.T @ (s * y) / s.sum(), alpha * l1_ratio * a)
    expected /= size**2 + alpha * (1 - l1_ratio) * o
    if bounds is not None:
        low, high = bounds
        expected = np.clip(expected, low, INF if high is None else high)
    assert_allclose(fit.coef, expected, atol=1e-6)
    assert_array_equal(fit.coef == 0, expected == 0)
    assert_allclose(fit.intercept, np.average(y, weights=s), rtol=1e-6)


@pytest.mark.parametrize("solver", ["auto", "cd", "gradient"])
@fit_intercepts
def test_alpha_zero_is_least_squares(rng, solver, fit_intercept):
    X, y = problems.make_data(rng, 30, 5)
    fit = solve(X, y, alpha=0.0, fit_intercept=fit_intercept, solver=solver, tol=1e-14)
    A = np.column_stack([X, np.ones(30)]) if fit_intercept else X
    expected = np.linalg.lstsq(A, y, rcond=None)[0]
    assert_allclose(fit.coef, expected[:5], rtol=1e-6)
    if fit_intercept:
        assert_allclose(fit.intercept, expected[5], rtol=1e-6)


@pytest.mark.parametrize("shape", ["wide", "degenerate"])
@pytest.mark.parametrize("solver", ["auto", "cd"])
def test_alpha_zero_where_the_optimum_is_not_unique(rng, shape, solver):
    X, y = problems.SHAPES[shape](rng)
    fit = solve(X, y, alpha=0.0, solver=solver)
    certified(X, y, {"alpha": 0.0}, fit)
    if shape == "wide":
        assert_allclose(fit.predict(X), y, atol=1e-6)


@pytest.mark.parametrize("penalty", ["lasso", "elastic net", "positive", "box", "weighted"])
@pytest.mark.parametrize("shape", ["tall", "with holes"])
def test_solvers_agree(rng, penalty, shape):
    X, y, options = make_problem(rng, shape, penalty, weighted=True)
    coefs = [
        solve(X, y, tol=1e-13, **options, **choice).coef
        for choice in (
            {},
            {"solver": "cd"},
            {"solver": "gradient"},
            {"precompute": True},
            {"precompute": False},
        )
    ]
    for coef in coefs[1:]:
        assert_allclose(coef, coefs[0], atol=1e-5)


@pytest.mark.parametrize("precompute", [True, False, "auto"])
def test_precompute(rng, precompute):
    X, y, options = make_problem(rng, "tall", "elastic net")
    fit = solve(X, y, precompute=precompute, **options)
    certified(X, y, options, fit)
    assert fit.strategy == ("working set" if precompute is False else "gram")
    fits = path(X, y, precompute=precompute, n_alphas=3)
    assert fits.strategy == ("working set" if precompute is False else "gram")
    wide = path(X.T, X[0], precompute=precompute, n_alphas=3)
    assert wide.strategy == ("gram" if precompute is True else "working set")


def test_precomputed_gram_matrix(rng):
    X, y, options = make_problem(rng, "tall", "elastic net")
    for gram in (X.T @ X, (X - X.mean(0)).T @ (X - X.mean(0))):
        fit = solve(X, y, precompute=gram, **options)
        certified(X, y, options, fit)
        assert fit.strategy == "gram"
    with pytest.raises(ValueError, match="did not pass validation"):
        solve(X, y, precompute=2 * X.T @ X, **options)


def test_starting_at_the_solution_costs_nothing(rng):
    X, y, options = make_problem(rng, "tall", "lasso")
    cold = solve(X, y, **options)
    assert cold.n_epochs > 0
    warm = solve(X, y, coef_init=cold.coef, **options)
    assert warm.n_epochs == 0
    assert_allclose(warm.coef, cold.coef, rtol=1e-14)
    certified(X, y, options, warm)


@pytest.mark.parametrize("penalty", ["lasso", "box", "ridge", "some excluded"])
@pytest.mark.parametrize("precompute", [True, False])
def test_any_start_leads_to_the_optimum(rng, penalty, precompute):
    X, y, options = make_problem(rng, "tall", penalty)
    start = 100 * rng.standard_normal(X.shape[1])
    fit = solve(X, y, coef_init=start, precompute=precompute, **options)
    certified(X, y, options, fit)


def test_a_design_can_be_used_again(rng):
    X, y = problems.make_data(rng, 30, 6)
    weights = problems.sample_weights(rng, 30)
    design = Design(X, y, weights, standardize=True, fit_intercept=False)
    described = {"sample_weight": weights, "standardize": True, "fit_intercept": False}
    for alpha in (0.5, 0.01):
        options = {"alpha": alpha, **described}
        assert_array_equal(solve(design, alpha=alpha).coef, solve(X, y, **options).coef)
    certified(X, -y + 1, {"alpha": 0.1, **described}, solve(design, -y + 1, alpha=0.1))
    assert_array_equal(path(design, n_alphas=4).gaps, path(X, y, n_alphas=4, **described).gaps)
    with pytest.raises(ValueError, match="no target"):
        solve(Design(X))


def test_vectors_l1_and_l2_given_outright(rng):
    X, y = problems.make_data(rng, 30, 6)
    a, o = rng.uniform(0.0, 2.0, 6), rng.uniform(0.0, 2.0, 6)
    words = solve(X, y, alpha=0.1, l1_ratio=0.3, l1_weights=a, l2_weights=o)
    vectors = solve(X, y, l1=0.1 * 0.3 * a, l2=0.1 * 0.7 * o)
    assert_allclose(vectors.coef, words.coef, rtol=1e-12)
    assert np.isnan(vectors.alpha)
    assert words.alpha == 0.1
