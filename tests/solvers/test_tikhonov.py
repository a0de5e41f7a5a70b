"""Squared error with Tikhonov's penalty: least squares on more rows, the penalty's violation."""

import numpy as np
import penalty_oracles
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.penalties import Tikhonov, difference_matrix
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.solvers.tikhonov import spectrum_of

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

LAYOUTS = {
    "dense": np.asfortranarray,
    "rows": np.ascontiguousarray,
    "csc": sp.csc_array,
    "csc int64": lambda X: problems.int64_indices(sp.csc_array(X)),
    "float32": lambda X: np.asfortranarray(X, np.float32),
}
SHAPES = {"tall": (60, 12), "wide": (15, 40), "square": (20, 20)}
ALPHAS = np.geomspace(1e3, 1e-6, 7)


def data(rng, n=60, p=12):
    X, y = problems.make_data(rng, n, p, density=0.6)
    return X, y


def violations(X, y, fits, penalty, s=None, scale=1.0):
    """Return the largest violation of stationarity at each alpha, relative to its terms."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)
    s = np.ones(len(y)) if s is None else s
    s = s / s.sum()
    worst, slopes = [], np.abs(X.T @ (s * y) / scale).max()
    P = abs(penalty.full()) * penalty.strength
    for fit in fits:
        gradient = -X.T @ (s * (y - X @ fit.coef - fit.intercept))
        left = penalty.violation(fit.coef * scale, gradient / scale, scale=fit.alpha)
        worst.append(left.max() / (slopes + fit.alpha * (P @ np.abs(fit.coef * scale)).max()))
    return np.array(worst)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_alpha_is_stationary(rng, layout, standardize, fit_intercept, weighted):
    X, y = data(rng)
    X = layout(X)
    s = problems.sample_weights(rng, len(y)) if weighted else None
    penalty = Tikhonov(strength=2.0, root=difference_matrix(12, 2))
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    fits = path(X, y, penalty=penalty, n_alphas=12, sample_weight=s, **options)
    assert fits.converged
    scale = 1.0
    if standardize:
        design = Design(X, y, s, fit_intercept=fit_intercept)
        scale = design.norm / np.sqrt(len(y))
    assert violations(X, y, fits, penalty, s, scale).max() <= 1e-10
    assert fits.relative_gaps.max() <= 1e-12
    assert fits.stationarity is None
    assert fits.certificate == "duality gap"
    assert fits.penalty_kind == "tikhonov"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("form", ["root", "matrix"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
def test_fits_are_least_squares_with_more_rows(rng, shape, form, fit_intercept):
    X, y = data(rng, *shape)
    D = rng.standard_normal((shape[1] - 3, shape[1]))
    penalty = Tikhonov(strength=0.5, **({"root": D} if form == "root" else {"matrix": D.T @ D}))
    s = rng.random(shape[0])
    fits = path(X, y, penalty=penalty, alphas=ALPHAS, sample_weight=s, fit_intercept=fit_intercept)
    assert fits.converged
    for fit in fits:
        w, b = penalty_oracles.tikhonov(X, y, np.sqrt(0.5) * D, fit.alpha, s, fit_intercept)
        assert_allclose(fit.coef, w, rtol=1e-6, atol=1e-7 * np.abs(w).max())
        assert_allclose(fit.intercept, b, rtol=1e-6, atol=1e-6 * np.abs(y).max())
        alone = solve(
            X, y, penalty=penalty, alpha=fit.alpha, sample_weight=s, fit_intercept=fit_intercept
        )
        assert_allclose(alone.coef, fit.coef, rtol=1e-9, atol=1e-12 * np.abs(w).max())


def test_gaps_are_distances_from_the_minimum(rng):
    # of coefficients that are moved away from it
    X, y = data(rng)
    D = difference_matrix(12)
    problem = Problem(Design(X, y), penalty_of(D), Options())
    spectrum = spectrum_of(problem)
    w, b = penalty_oracles.tikhonov(X, y, D, 0.3)

    def objective(w, b):
        return 0.5 * np.mean((y - X @ w - b) ** 2) + 0.15 * np.sum((D @ w) ** 2)

    moved = w + rng.standard_normal(12)
    shift = y.mean() - X.mean(axis=0) @ moved
    v = moved / (problem.design.y_norm * spectrum.per_scale)
    e = spectrum.slopes - spectrum.gram @ v - 0.3 * spectrum.unit * (spectrum.P @ v)
    gap = 0.5 * spectrum.shares(0.3) @ np.square(spectrum.Z.T @ e)
    unit = problem.target.objective_unit
    assert_allclose(gap * unit, objective(moved, shift) - objective(w, b), rtol=1e-8)


def penalty_of(D):
    return Penalty(1.0, l1_ratio=0.0, omega=Tikhonov(root=D))


def test_a_diagonal_is_ridge_with_weights(rng):
    X, y = data(rng)
    weights = rng.uniform(0.0, 3.0, 12)
    weights[3] = 0.0
    for standardize in (False, True):
        options = {"alphas": ALPHAS, "standardize": standardize}
        ridge = path(X, y, l1_ratio=0.0, l2_weights=weights, tol=1e-14, **options)
        fits = path(X, y, penalty=Tikhonov(matrix=np.diag(weights)), **options)
        assert_allclose(fits.coefs.toarray(), ridge.coefs.toarray(), rtol=1e-6, atol=1e-8)
        assert_allclose(fits.dev_ratio, ridge.dev_ratio, atol=1e-10)


def test_directions_without_penalty_are_least_squares(rng):
    # Whittaker's smoother: straight lines pass, sums and first moments are kept
    n, t = 30, np.arange(30.0)
    y = rng.standard_normal(n)
    penalty = Tikhonov(root=difference_matrix(n, 2))
    fits = path(
        np.eye(n), y, penalty=penalty, fit_intercept=False, alphas=np.geomspace(1e8, 1e-8, 9)
    )
    assert fits.converged
    W = fits.coefs.toarray()
    assert_allclose(W.sum(axis=0), y.sum(), atol=1e-9)
    assert_allclose(t @ W, t @ y, atol=1e-8)
    assert_allclose(W[:, 0], np.polyval(np.polyfit(t, y, 1), t), atol=1e-6)
    assert_allclose(W[:, -1], y, atol=1e-5)
    line = solve(np.eye(n), 2.0 + 3.0 * t, penalty=penalty, alpha=1e4, fit_intercept=False)
    assert_allclose(line.coef, 2.0 + 3.0 * t, atol=1e-8)


def test_whittaker_by_hand():
    y = np.array([1, 3, 2, 5, 4, 6, 9, 7, 8, 12, 10, 13.0])
    penalty = Tikhonov(root=difference_matrix(12, 2))
    fit = solve(np.eye(12), y, penalty=penalty, alpha=0.5, fit_intercept=False)
    D = np.diff(np.eye(12), 2, axis=0)
    assert_allclose(fit.coef, np.linalg.solve(np.eye(12) / 12 + 0.5 * D.T @ D, y / 12), rtol=1e-12)


def test_degrees_of_freedom_are_a_trace(rng):
    X, y = data(rng)
    D = difference_matrix(12, 2)
    problem = Problem(Design(X, y), penalty_of(D), Options())
    found = spectrum_of(problem).degrees_of_freedom(ALPHAS)
    C = X - X.mean(axis=0)
    for alpha, df in zip(ALPHAS, found, strict=True):
        hat = C @ np.linalg.solve(C.T @ C / 60 + alpha * (D.T @ D), C.T / 60)
        assert_allclose(df, np.trace(hat), rtol=1e-8)


@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
def test_what_neither_X_nor_P_determines_is_shortest(rng, fit_intercept):
    # a multiple of a column, for P too; a column of zeros; with intercept a constant one
    X, y = data(rng, 40, 9)
    X[:, 4] = 2.0 * X[:, 3]
    X[:, 7] = 0.0
    X[:, 8] = 2.0
    D = rng.standard_normal((3, 9))
    D[:, 4] = 2.0 * D[:, 3]
    D[:, 7] = 0.0
    fits = path(X, y, penalty=Tikhonov(root=D), alphas=ALPHAS, fit_intercept=fit_intercept)
    assert fits.converged
    for fit in fits:
        w, b = penalty_oracles.tikhonov(X, y, D, fit.alpha, None, fit_intercept)
        assert_allclose(fit.coef, w, rtol=1e-6, atol=1e-6 * np.abs(w).max())
        assert_allclose(fit.intercept, b, rtol=1e-6, atol=1e-6 * np.abs(y).max())
        assert_allclose(2.0 * fit.coef[3], fit.coef[4], rtol=1e-8)


@pytest.mark.parametrize("sparse", [False, True], ids=["", "sparse"])
def test_coefficients_of_empty_columns_are_interpolated(rng, sparse):
    X, y = data(rng, 50, 12)
    X[:, 5:7] = 0.0
    X = sp.csc_array(X) if sparse else X
    fits = path(X, y, penalty=Tikhonov(root=difference_matrix(12, 2)), alphas=[1.0, 1e-3])
    for fit in fits:
        ends = fit.coef[[4, 7]]
        assert np.abs(fit.coef[5:7]).max() > 0.0
        w, _ = penalty_oracles.tikhonov(X, y, difference_matrix(12, 2), fit.alpha)
        assert_allclose(fit.coef, w, rtol=1e-7, atol=1e-9)
        assert ends.size == 2
    still = path(X, y, penalty=Tikhonov(root=difference_matrix(12)), alphas=[1.0], standardize=True)
    assert_allclose(still.coefs.toarray()[5:7], 0.0)


def test_a_vanishing_alpha_is_least_squares(rng):
    X, y = data(rng)
    penalty = Tikhonov(root=difference_matrix(12, 1))
    w, _ = penalty_oracles.tikhonov(X, y, np.zeros((1, 12)), 0.0)
    assert_allclose(solve(X, y, penalty=penalty, alpha=0.0).coef, w, rtol=1e-7)
    wide, target = data(rng, 12, 30)
    fit = solve(wide, target, penalty=Tikhonov(root=difference_matrix(30, 1)), alpha=0.0)
    assert fit.dev_ratio >= 1.0 - 1e-12
    nothing = solve(X, y, penalty=Tikhonov(strength=0.0, matrix=np.eye(12)), alpha=1.0)
    assert_allclose(nothing.coef, w, rtol=1e-7)
    assert_allclose(solve(X, y, penalty=Tikhonov(matrix=np.zeros((12, 12)))).coef, w, rtol=1e-7)


def test_extreme_alphas_converge(rng):
    X, y = data(rng, 50, 20)
    for root in (difference_matrix(20, 3), difference_matrix(20, 1)):
        fits = path(X, y, penalty=Tikhonov(root=root), alphas=np.geomspace(1e14, 1e-14, 29))
        assert fits.converged
        assert np.all(np.diff(fits.dev_ratio) >= -1e-12)


def test_the_scale_of_the_data_has_no_effect(rng):
    X, y = data(rng)
    D = difference_matrix(12, 2)
    fits = path(X, y, penalty=Tikhonov(root=D), n_alphas=10)
    for factor in (1e-100, 1e100):
        other = path(factor * X, y, penalty=Tikhonov(root=factor * D), n_alphas=10)
        assert other.converged
        assert_allclose(other.coefs.toarray() * factor, fits.coefs.toarray(), rtol=1e-6, atol=1e-9)
        other = path(X, factor * y, penalty=Tikhonov(root=D), n_alphas=10)
        assert_allclose(other.coefs.toarray() / factor, fits.coefs.toarray(), rtol=1e-6, atol=1e-9)


def test_nearly_dependent_columns_are_certified_from_X(rng):
    X, y = data(rng, 80, 6)
    X[:, 5] = X[:, 4] + 1e-6 * rng.standard_normal(80)
    y = y + 1e5 * (X[:, 5] - X[:, 4])
    fit = solve(X, y, penalty=Tikhonov(root=difference_matrix(6)), alpha=1e-12)
    w, _ = penalty_oracles.tikhonov(X, y, difference_matrix(6), 1e-12)
    assert fit.converged
    residual = y - X @ fit.coef - fit.intercept
    assert_allclose(
        1.0 - np.sum(residual**2) / np.sum((y - y.mean()) ** 2), fit.dev_ratio, rtol=1e-9
    )
    assert_allclose(fit.coef, w, rtol=1e-3)


def test_grids_go_from_the_null_space_to_least_squares(rng):
    X, y = data(rng)
    penalty = Tikhonov(strength=3.0, root=difference_matrix(12, 2))
    fits = path(X, y, penalty=penalty, n_alphas=20)
    assert len(fits) == 20
    null = X @ np.column_stack([np.ones(12), np.arange(12.0)])
    ends = [np.linalg.lstsq(np.column_stack([np.ones(60), each]), y, None)[0] for each in (null, X)]
    whole = np.sum((y - y.mean()) ** 2)
    for k, each, best in zip((0, -1), (null, X), ends, strict=True):
        rss = np.sum((y - np.column_stack([np.ones(60), each]) @ best) ** 2)
        assert_allclose(fits.dev_ratio[k], 1.0 - rss / whole, atol=0.02)
    stronger = path(X, y, penalty=Tikhonov(strength=6.0, root=penalty.root), n_alphas=20)
    assert_allclose(stronger.alphas, fits.alphas / 2.0, rtol=1e-9)
    assert_allclose(stronger.coefs.toarray(), fits.coefs.toarray(), rtol=1e-7, atol=1e-9)


def test_folds_are_fits_to_their_samples(rng):
    X, y = data(rng, 90, 12)
    D = difference_matrix(12, 2)
    for given in (X, sp.csc_array(X)):
        found = cv_path(given, y, penalty=Tikhonov(root=D), alphas=ALPHAS, cv=3, seed=None)
        for k, test in enumerate(np.split(np.arange(90), 3)):
            train = np.setdiff1d(np.arange(90), test)
            for i, alpha in enumerate(ALPHAS):
                w, b = penalty_oracles.tikhonov(X[train], y[train], D, alpha)
                error = np.mean((y[test] - X[test] @ w - b) ** 2)
                assert_allclose(found.errors[0, i, k], error, rtol=1e-6)
    several = [Tikhonov(root=difference_matrix(12, order)) for order in (1, 2, 3)]
    found = cv_path(X, y, penalty=several, cv=3)
    assert found.penalties == tuple(several)


def test_gram_matrices_offsets_and_designs(rng):
    X, y = data(rng)
    penalty = Tikhonov(root=difference_matrix(12, 2))
    fits = path(X, y, penalty=penalty, alphas=ALPHAS)
    given = path(X, y, penalty=penalty, alphas=ALPHAS, precompute=X.T @ X)
    assert_allclose(given.coefs.toarray(), fits.coefs.toarray(), rtol=1e-8, atol=1e-10)
    offset = rng.standard_normal(60)
    moved = path(Design(X), y + offset, offset=offset, penalty=penalty, alphas=ALPHAS)
    assert_allclose(moved.coefs.toarray(), fits.coefs.toarray(), rtol=1e-8, atol=1e-10)
    seen = []
    path(X, y, penalty=penalty, alphas=ALPHAS, callback=seen.append)
    assert len(seen) == len(ALPHAS)
    flat = path(X, np.ones(60), penalty=penalty, n_alphas=3)
    assert_allclose(flat.coefs.toarray(), 0.0)


def test_repeated_rows_are_weights(rng):
    X, y = data(rng, 30, 12)
    s = rng.integers(1, 4, 30)
    rows = np.repeat(np.arange(30), s)
    penalty = Tikhonov(root=difference_matrix(12, 2))
    one = path(X, y, sample_weight=s.astype(float), penalty=penalty, n_alphas=5)
    other = path(X[rows], y[rows], penalty=penalty, n_alphas=5)
    assert_allclose(one.alphas, other.alphas, rtol=1e-9)
    assert_allclose(one.coefs.toarray(), other.coefs.toarray(), rtol=1e-6, atol=1e-8)


def test_refits_are_least_squares(rng):
    X, y = data(rng)
    found = relaxed_path(X, y, penalty=Tikhonov(root=difference_matrix(12)), alphas=[1.0, 0.1])
    w, _ = penalty_oracles.tikhonov(X, y, np.zeros((1, 12)), 0.0)
    assert_allclose(found.refits.coefs.toarray()[:, 0], w, rtol=1e-4)


WHERE = "Tikhonov is fitted with one target, or several classes, and solver='auto' only"
REFUSED = {
    "bounds": ({"bounds": (0.0, None)}, "Tikhonov is fitted without bounds only"),
    "positive": ({"positive": True}, "positive was given too"),
    "l1_ratio": ({"l1_ratio": 0.5}, "l1_ratio was given too"),
    "solver": ({"solver": "cholesky"}, WHERE),
    "descent": ({"solver": "cd"}, WHERE),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("function", [solve, path, cv_path])
def test_what_is_not_fitted_is_refused_in_one_sentence(rng, options, said, function):
    X, y = data(rng)
    y = np.arange(60) % 2 if options.get("loss") == "logistic" else y
    with pytest.raises(ValueError, match=said) as error:
        function(X, y, penalty=Tikhonov(root=difference_matrix(12)), **options)
    assert ". " not in str(error.value)


def test_other_misfits(rng, monkeypatch):
    X, y = data(rng)
    with pytest.raises(ValueError, match="Tikhonov is for 11 weights, but there are 12"):
        path(X, y, penalty=Tikhonov(root=difference_matrix(11)))
    with pytest.raises(ValueError, match=r"l1_ratio must be a finite number in \(0, 1\]"):
        stability_path(X, y, penalty=Tikhonov(root=difference_matrix(12)))
    monkeypatch.setattr("softreg_fast.solvers.tikhonov.MOST_FEATURES", 10)
    with pytest.raises(ValueError, match="up to 10 are fitted"):
        solve(X, y, penalty=Tikhonov(root=difference_matrix(12)))
