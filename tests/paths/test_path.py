"""solve() and path(): every fit is checked by the independent certificate of oracles.py."""

import warnings

import numpy as np
import oracles
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF, assert_certified, problem_of
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path as sklearn_enet_path
from sklearn.linear_model import lasso_path as sklearn_lasso_path

from softreg_fast import Design, Status, enet_path, lasso_path, path, solve
from softreg_fast.solvers import limits
from softreg_fast.system import threads as thread_rules

fit_intercepts = pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
standardizes = pytest.mark.parametrize("standardize", [True, False], ids=["std", "raw"])
weightings = pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])


def make_problem(rng, shape, penalty, weighted=False, **options):
    """Return (X, y, keyword arguments of solve) for a shape and a penalty of the catalogue."""
    X, y = problems.SHAPES[shape](rng)
    if weighted:
        options["sample_weight"] = problems.sample_weights(rng, len(y))
    options |= problems.penalty_options(penalty, rng, problem_of(X, y, **options))
    return X, y, options


def certified(X, y, options, fit, **judged):
    return assert_certified(problem_of(X, y, **options), fit, **judged)


# ---------------------------------------------------------------------------------------------
# the certificate


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


# ---------------------------------------------------------------------------------------------
# layouts, types, threads


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


@pytest.mark.parametrize("layout", ["fortran", "csc_array"])
@pytest.mark.parametrize("precompute", [False, True])
def test_threads_do_not_change_a_bit(rng, monkeypatch, layout, precompute):
    monkeypatch.setattr(thread_rules, "SMALLEST_PARALLEL_WORK", 1)
    X, y = problems.make_data(rng, 60, 150, density=0.4)
    X = problems.LAYOUTS[layout](np.asfortranarray(X))
    one, two = (path(X, y, n_alphas=8, precompute=precompute, n_threads=k) for k in (1, 2))
    assert_array_equal(one.coefs.toarray(), two.coefs.toarray())
    assert_array_equal(one.gaps, two.gaps)
    assert_array_equal(one.intercepts, two.intercepts)


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


# ---------------------------------------------------------------------------------------------
# closed forms


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


# ---------------------------------------------------------------------------------------------
# arguments of solve


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


# ---------------------------------------------------------------------------------------------
# convergence


@pytest.mark.parametrize("solver", ["cd", "gradient"])
def test_one_warning_when_the_epochs_run_out(rng, solver):
    X, y, options = make_problem(rng, "square", "weak lasso")
    with pytest.warns(ConvergenceWarning, match="did not converge.*max_iter") as caught:
        fit = solve(X, y, max_iter=1, tol=1e-10, solver=solver, **options)
    assert len(caught) == 1
    assert f"{fit.gap:.6e}" in str(caught[0].message)
    assert f"{fit.tol:.6e}" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert fit.status == Status.MAX_ITER
    assert not fit.converged
    certified(X, y, options, fit, must_converge=False)


def test_one_warning_for_a_whole_path(rng):
    X, y = problems.SHAPES["square"](rng)
    with pytest.warns(ConvergenceWarning, match="of 10 alphas, worst at alpha") as caught:
        fits = path(X, y, n_alphas=10, max_iter=1, tol=1e-10)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not fits.converged
    assert np.any(fits.status == Status.MAX_ITER)


def test_a_tolerance_that_float64_cannot_meet(rng):
    X, y, options = make_problem(rng, "tall", "elastic net")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = solve(X, y, tol=0.0, **options)
    assert fit.status in (Status.CONVERGED, Status.STALLED)
    assert fit.relative_gap <= 1e-13
    certified(X, y, options, fit, must_converge=False)


# ---------------------------------------------------------------------------------------------
# path


@pytest.mark.parametrize("precompute", [True, False])
@pytest.mark.parametrize("shape", ["tall", "wide", "degenerate", "with holes"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.01])
@fit_intercepts
@weightings
def test_every_alpha_of_a_path_is_certified(
    rng, shape, l1_ratio, precompute, fit_intercept, weighted
):
    X, y = problems.SHAPES[shape](rng)
    options = {"l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
    if weighted:
        options["sample_weight"] = problems.sample_weights(rng, len(y))
    fits = path(X, y, n_alphas=7, eps=1e-2, tol=1e-7, precompute=precompute, **options)
    assert fits.converged
    assert len(fits) == 7
    assert np.all(np.diff(fits.alphas) < 0)
    for k, fit in enumerate(fits):
        assert fit.alpha == fits.alphas[k]
        certified(X, y, {"alpha": fit.alpha, **options}, fit)
    # the loss falls with alpha
    assert np.all(np.diff(fits.dev_ratio) >= -1e-6)


@pytest.mark.parametrize("penalty", ["positive", "box", "some unpenalised", "ridge", "weighted"])
@standardizes
def test_paths_of_other_penalties(rng, penalty, standardize):
    X, y, options = make_problem(rng, "tall", penalty, weighted=True, standardize=standardize)
    del options["alpha"]
    fits = path(X, y, n_alphas=5, **options)
    for fit in fits:
        certified(X, y, {"alpha": fit.alpha, **options}, fit)


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


@pytest.mark.parametrize("precompute", [True, False])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_warm_starts_do_not_change_the_answer(rng, shape, precompute):
    X, y = problems.SHAPES[shape](rng)
    fits = path(X, y, n_alphas=6, eps=0.05, tol=1e-12, precompute=precompute)
    for fit in fits:
        cold = solve(X, y, alpha=fit.alpha, tol=1e-12)
        assert_allclose(fit.coef, cold.coef, atol=1e-4 * np.abs(fit.coef).max())
        assert_allclose(fit.intercept, cold.intercept, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precompute", [True, False])
def test_a_shorter_path_is_the_beginning_of_a_longer_one(rng, precompute):
    X, y = problems.make_data(rng, 40, 15)
    longer = path(X, y, n_alphas=12, precompute=precompute)
    shorter = path(X, y, alphas=longer.alphas[:5], precompute=precompute)
    assert_array_equal(shorter.coefs.toarray(), longer.coefs.toarray()[:, :5])
    assert_array_equal(shorter.gaps, longer.gaps[:5])


def test_paths_that_end_early(rng):
    X, y = problems.make_data(rng, 40, 15)
    whole = path(X, y, n_alphas=20)

    def is_beginning(fits):
        k = len(fits)
        assert_array_equal(fits.coefs.toarray(), whole.coefs.toarray()[:, :k])
        assert_array_equal(fits.alphas, whole.alphas[:k])
        return k

    middle = (whole.dev_ratio[8] + whole.dev_ratio[9]) / 2
    assert is_beginning(path(X, y, n_alphas=20, max_dev_ratio=middle)) == 10
    assert is_beginning(path(X, y, n_alphas=20, max_df=3)) == 1 + np.argmax(whole.df >= 3)
    assert is_beginning(path(X, y, n_alphas=20, max_df=99)) == 20


def test_callback(rng):
    X, y = problems.make_data(rng, 40, 15)
    whole = path(X, y, n_alphas=6)
    seen = []
    fits = path(X, y, n_alphas=6, callback=seen.append)
    assert_array_equal(fits.coefs.toarray(), whole.coefs.toarray())
    assert [step.position for step in seen] == list(range(6))
    for k, step in enumerate(seen):
        assert step.n_alphas == 6
        assert (step.alpha, step.df) == (whole.alphas[k], whole.df[k])
        assert (step.dev_ratio, step.gap) == (whole.dev_ratio[k], whole.gaps[k])
        assert step.tol == whole.tols[k]
    assert len(path(X, y, n_alphas=6, callback=lambda step: step.position == 2)) == 3


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("shape", [(60, 8), (30, 50)])
def test_watched_paths_are_the_same(rng, shape, l1_ratio):
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    alone = path(X, y, l1_ratio=l1_ratio, precompute=True)
    watched = path(X, y, l1_ratio=l1_ratio, precompute=True, callback=lambda step: None)
    assert np.array_equal(alone.coefs.toarray(), watched.coefs.toarray())
    for name in ("gaps", "n_epochs", "status", "dev_ratio"):
        assert np.array_equal(getattr(alone, name), getattr(watched, name))


def test_callback_may_raise(rng):
    X, y = problems.make_data(rng, 40, 15)

    def fail(step):
        raise KeyError(step.alpha)

    with pytest.raises(KeyError):
        path(X, y, n_alphas=6, callback=fail)


# ---------------------------------------------------------------------------------------------
# scikit-learn's functions


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("positive", [False, True], ids=["free", "positive"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_paths_of_scikit_learn(rng, sparse, positive, l1_ratio):
    X, y = problems.make_data(rng, 40, 8)
    X = X - X.mean(0)
    y = y - y.mean()
    y *= np.sign(max(X.T @ y, key=abs))  # so that positive coefficients can explain it
    given = sp.csc_array(X) if sparse else np.asfortranarray(X)
    options = {"tol": 1e-12, "max_iter": 100_000, "positive": positive, "return_n_iter": True}
    ours = enet_path(given, y, l1_ratio=l1_ratio, n_alphas=12, eps=1e-2, **options)
    theirs = sklearn_enet_path(given, y, l1_ratio=l1_ratio, alphas=ours[0], **options)
    slopes = X.T @ y / 40
    alpha_max = np.max(slopes if positive else np.abs(slopes)) / l1_ratio
    assert_allclose(ours[0], np.geomspace(alpha_max, alpha_max / 100, 12), rtol=1e-12)
    assert ours[1].shape == (8, 12)
    assert_allclose(ours[1], theirs[1], atol=1e-5)
    assert np.all(ours[2] <= 1e-12 * (y @ y) / 40)
    assert len(ours[3]) == 12
    if l1_ratio == 1.0:
        again = lasso_path(given, y, n_alphas=12, eps=1e-2, **options)
        for a, b in zip(again, ours, strict=True):
            assert_array_equal(a, b)


def test_dual_gaps_have_the_scale_of_scikit_learn(rng):
    X, y = problems.make_data(rng, 40, 8)
    alphas = problem_of(X, y, fit_intercept=False).alpha_max() * np.array([0.3, 0.1, 0.03])
    for function in (lasso_path, sklearn_lasso_path):
        _, coefs, gaps = function(X, y, alphas=alphas, tol=1e-2)
        for alpha, coef, gap in zip(alphas, coefs.T, gaps, strict=True):
            problem = problem_of(X, y, alpha=alpha, fit_intercept=False)
            true = float(problem.certificate(coef, 0.0).gap)
            assert_allclose(gap, true, rtol=0.1, atol=1e-9 * float(problem.null_loss))


def test_scikit_learn_arguments_that_change_nothing(rng, capsys):
    X, y = problems.make_data(rng, 20, 5)
    plain = enet_path(X, y, n_alphas=4)
    assert capsys.readouterr().out == ""
    other = enet_path(
        X, y, n_alphas=4, Xy=X.T @ y, copy_X=False, check_input=False, verbose=True,
        precompute=X.T @ X, selection="random", random_state=3,
    )  # fmt: skip
    assert "gap/P0" in capsys.readouterr().out
    for a, b in zip(plain, other, strict=True):
        assert_allclose(a, b, atol=1e-3)
    with pytest.raises(ValueError, match="l1_ratio=0"):
        enet_path(X, y, l1_ratio=0.0)
    assert enet_path(X, y, l1_ratio=0.0, alphas=[1.0])[1].shape == (5, 1)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.7])
def test_the_gram_matrix_is_built_when_many_features_have_entered(rng, monkeypatch, l1_ratio):
    monkeypatch.setattr(limits, "LARGEST_EARLY_GRAM", 0)
    X, y = problems.make_data(rng, 120, 40)
    dense = X @ rng.standard_normal(40) + 0.1 * y
    options = {"l1_ratio": l1_ratio, "eps": 1e-4, "n_alphas": 25, "tol": 1e-10}
    fits = path(X, dense, **options)
    assert fits.strategy == "gram"
    assert fits.df[0] <= 5 < fits.df[-1]
    for k in range(len(fits)):
        problem = problem_of(X, dense, alpha=fits.alphas[k], l1_ratio=l1_ratio)
        found = assert_certified(problem, fits[k])
        assert_allclose(fits.gaps[k], float(found.gap), rtol=1e-3, atol=1e-13 * fits.null_loss)
    # the reported certificate is not that of an engine without any iteration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        hasty = path(X, dense, max_iter=1, **options)
    assert hasty.strategy == "gram"
    assert not hasty.converged
    for k, fit in enumerate(hasty):
        problem = problem_of(X, dense, alpha=fit.alpha, l1_ratio=l1_ratio)
        best = problem.certificate(fits[k].coef, fits[k].intercept)
        assert_certified(problem, fit, reference=best, must_converge=False)
    assert path(X, dense, precompute=False, **options).strategy == "working set"
    assert path(X, dense, max_df=3, **options).strategy == "working set"
