"""SlopeEngine: certificates by the oracle, closed forms, equivalences, exact clusters."""

import numpy as np
import penalty_oracles
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.losses import Quantile
from softreg_fast.penalties import SLOPE
from softreg_fast.solvers.protocol import Status

PENALTIES = {
    "bh": SLOPE(),
    "bh 0.5": SLOPE(strength=2.0, q=0.5),
    "oscar": SLOPE(weights="oscar", q=0.02),
    "steep": SLOPE(weights="oscar", q=0.9),
}

LAYOUTS = {
    "dense": np.asfortranarray,
    "rows": np.ascontiguousarray,
    "csc": sp.csc_array,
    "csc int64": lambda X: problems.int64_indices(sp.csc_array(X)),
    "float32": lambda X: np.asfortranarray(X, np.float32),
}

each_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


def data(rng, n=50, p=80, density=1.0):
    X = rng.standard_normal((n, p)) + 0.7 * rng.standard_normal((n, 1))
    X *= np.exp(0.3 * rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    return X, y


def as_dense(X):
    return np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)


def factors(X, s, fit_intercept, standardize):
    if not standardize:
        return np.ones(X.shape[1])
    mean = s @ X if fit_intercept else 0.0
    return np.sqrt(s @ np.square(X - mean))


def worst_gap(X, y, fits, penalty, s=None, fit_intercept=True, standardize=False):
    """Return the largest gap, relative to the null loss, by the oracle."""
    X = as_dense(X)
    s = np.full(len(y), 1.0) if s is None else s
    s = s / s.sum()
    d = factors(X, s, fit_intercept, standardize)
    lambdas = penalty.strength * penalty.lambdas(X.shape[1])
    centred = y - s @ y if fit_intercept else y
    gaps = [
        penalty_oracles.slope_gap(
            (X, y, s, d), fit.coef, fit.intercept if fit_intercept else None, fit.alpha, lambdas
        )
        for fit in fits
    ]
    return float(np.max(gaps) / (s @ centred**2 / 2.0))


@each_penalty
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_alpha_is_certified(rng, penalty, layout, standardize, fit_intercept, weighted):
    X, y = data(rng, density=0.6)
    X = layout(X)
    s = rng.random(len(y)) if weighted else None
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    fits = path(X, y, penalty=penalty, n_alphas=15, eps=0.02, sample_weight=s, **options)
    assert fits.converged
    assert fits.df[0] == 0 < fits.df[-1]
    assert fits.certificate == "duality gap"
    assert fits.stationarity is None
    assert fits.relative_gaps.max() <= 1e-12
    assert worst_gap(X, y, fits, penalty, s, fit_intercept, standardize) <= 1e-11


@each_penalty
@pytest.mark.parametrize("shape", [(120, 20), (20, 60), (30, 30)])
def test_fits_are_stationary(rng, penalty, shape):
    X, y = data(rng, *shape)
    for precompute in (True, False):
        fits = path(X, y, penalty=penalty, n_alphas=30, eps=1e-3, precompute=precompute)
        assert fits.converged
        for fit in fits[::6]:
            gradient = -X.T @ (y - X @ fit.coef - fit.intercept) / len(y)
            violation = penalty.violation(fit.coef, gradient, scale=fit.alpha)
            assert violation.max() <= 1e-10 * fits.alphas[0]


@each_penalty
def test_the_first_alpha_is_the_smallest_without_coefficients(rng, penalty):
    X, y = data(rng)
    first = path(X, y, penalty=penalty, n_alphas=3).alphas[0]
    assert not solve(X, y, alpha=first, penalty=penalty).coef.any()
    assert solve(X, y, alpha=first * (1.0 - 1e-9), penalty=penalty).coef.any()


@each_penalty
def test_orthogonal_columns_are_proximal_points(rng, penalty):
    X = np.linalg.qr(rng.standard_normal((60, 12)))[0] * np.sqrt(60.0)
    y = X @ np.linspace(-3.0, 3.0, 12) + rng.standard_normal(60)
    for alpha in (0.01, 0.1, 0.4):
        fit = solve(X, y, alpha=alpha, penalty=penalty, fit_intercept=False)
        right = penalty.prox(X.T @ y / 60.0, 1.0, scale=alpha)
        assert_allclose(fit.coef, right, atol=1e-12)
        assert np.unique(np.abs(fit.coef)).size == np.unique(np.round(np.abs(right), 12)).size


@pytest.mark.parametrize("standardize", [False, True])
def test_equal_weights_are_the_lasso(rng, standardize):
    X, y = data(rng)
    options = {"n_alphas": 20, "eps": 0.02, "standardize": standardize}
    lasso = path(X, y, **options)
    fits = path(X, y, penalty=SLOPE(strength=0.5, weights=np.full(80, 2.0)), **options)
    assert_allclose(fits.alphas, lasso.alphas)
    assert_allclose(fits.coefs.toarray(), lasso.coefs.toarray(), atol=1e-10)


def test_oscar_by_hand():
    # X'X / n = [[1, r], [r, 1]]; penalty |w_1| + |w_2| + q max: in a cluster w_1 = w_2 = c with
    # 2 (1 + r) c = z_1 + z_2 - alpha (2 + q), apart each has its own slope
    r, q = 0.5, 0.5
    X = 2.0 * np.linalg.cholesky(np.array([[1.0, r], [r, 1.0]])).T
    X = np.vstack([X, np.zeros((2, 2))])
    z = np.array([3.0, 2.8])
    y = np.linalg.lstsq(X.T / 4.0, z, rcond=None)[0]
    penalty = SLOPE(weights="oscar", q=q)
    for alpha, right in (
        (1.0, np.full(2, (5.8 - 2.5) / 3.0)),
        (0.1, np.linalg.solve([[1.0, r], [r, 1.0]], z - 0.1 * np.array([1.5, 1.0]))),
    ):
        fit = solve(X, y, alpha=alpha, penalty=penalty, fit_intercept=False)
        assert_allclose(fit.coef, right, rtol=1e-12)
    assert fit.clusters()[0].tolist() == [0]


def test_weights_are_repeated_rows_and_order_is_of_no_effect(rng):
    X, y = data(rng, 40, 30)
    s = rng.integers(1, 4, 40)
    options = {"penalty": SLOPE(q=0.4), "n_alphas": 20, "eps": 0.05}
    fits = path(X, y, sample_weight=s.astype(float), **options)
    rows = np.repeat(np.arange(40), s)
    repeated = path(X[rows], y[rows], **options)
    assert_allclose(fits.coefs.toarray(), repeated.coefs.toarray(), atol=1e-10)
    turn = rng.permutation(30)
    turned = path(X[:, turn], y, sample_weight=s.astype(float), **options)
    assert_allclose(turned.coefs.toarray(), fits.coefs.toarray()[turn], atol=1e-10)


@each_penalty
def test_constant_and_dependent_columns(rng, penalty):
    X, y = data(rng, 30, 40)
    X[:, 3] = 2.5
    X[:, 7], X[:, 8], X[:, 9] = X[:, 1], -X[:, 1], X[:, 1] + X[:, 2]
    X[:, 10:20] = X[:, 20:30]
    y += 3.0 * X[:, 1] + X[:, 12]
    fits = path(X, y, penalty=penalty, n_alphas=40, eps=1e-3)
    assert fits.converged
    assert not fits.coefs.toarray()[3].any()
    assert worst_gap(X, y, fits, penalty) <= 1e-11


@each_penalty
def test_clusters_are_exact(rng, penalty):
    X, y = data(rng)
    fits = path(X, y, penalty=penalty, n_alphas=20, eps=0.01)
    for fit in fits:
        clusters = fit.clusters()
        sizes = [np.unique(np.abs(fit.coef[each])) for each in clusters]
        assert all(size.size == 1 for size in sizes)
        assert (np.diff(np.concatenate(sizes)) < 0.0).all() if sizes else fit.df == 0
        assert sum(each.size for each in clusters) == fit.df
        # clusters are facts: some have several members, and in each the penalty is not smooth
    assert max(each.size for fit in fits for each in fit.clusters()) > 1
    between = 0.5 * (fits.alphas[-1] + fits.alphas[-2])
    assert sum(each.size for each in fits.clusters_at(between)) == np.count_nonzero(
        fits.coef_at(between)
    )


def test_clusters_of_standardised_columns_and_names(rng):
    pd = pytest.importorskip("pandas")
    X, y = data(rng, 50, 20)
    names = np.array([f"x{j}" for j in range(20)], dtype=object)
    penalty = SLOPE(weights="oscar", q=0.5)
    fits = path(
        pd.DataFrame(X, columns=names), y, penalty=penalty, standardize=True, n_alphas=20, eps=0.01
    )
    scaled = path((X - X.mean(axis=0)) / X.std(axis=0), y, penalty=penalty, n_alphas=20, eps=0.01)
    assert_allclose(fits.alphas, scaled.alphas)
    alpha = fits.alphas[12]
    found = fits.clusters_at(alpha)
    assert len(found) == len(scaled.clusters_at(scaled.alphas[12])) < fits.df[12]
    for mine, other in zip(found, scaled.clusters_at(scaled.alphas[12]), strict=True):
        assert_array_equal(mine, names[other])
    assert_array_equal(fits[12].clusters()[0], found[0])
    assert_array_equal(fits[10:15].clusters_at(alpha)[0], found[0])
    with pytest.raises(ValueError, match="Clusters are those of SLOPE"):
        path(X, y, alphas=[0.1]).clusters_at(0.1)


def test_weights_that_end_at_zero(rng):
    X, y = data(rng, 40, 12)
    penalty = SLOPE(weights=np.r_[3.0, 2.0, 1.0, np.zeros(9)])
    fits = path(X, y, penalty=penalty, n_alphas=20, eps=0.01)
    assert worst_gap(X, y, fits, penalty) <= 1e-11


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_everything_around_a_path(rng):
    X, y = data(rng, 80, 30)
    options = {"penalty": SLOPE(), "n_alphas": 20}
    found = cv_path(X, y, **options)
    assert found.path.certificate == "duality gap"
    assert worst_gap(X, y, found.path, SLOPE()) <= 1e-11
    several = cv_path(X, y, penalty=[SLOPE(q=0.05), SLOPE(q=0.5)], n_alphas=20)
    assert several.penalty in (several.penalties[0], several.penalties[1])
    assert relaxed_path(X, y, eps=0.05, **options).path.converged
    stable = stability_path(X, y, n_subsamples=10, eps=0.1, **options)
    assert len(stable.max_frequencies) == 30
    steps = []
    path(X, y, penalty=SLOPE(), n_alphas=5, callback=steps.append)
    assert max(step.gap for step in steps) <= 1e-10
    design = Design(X, y)
    first = path(design, **options)
    path(design, n_alphas=10)
    assert_array_equal(first.coefs.toarray(), path(design, **options).coefs.toarray())


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_folds_are_fits_without_their_samples(rng):
    X, y = data(rng, 60, 25)
    parts = np.arange(60).reshape(3, 20)
    folds = [(np.setdiff1d(np.arange(60), part), part) for part in parts]
    options = {"penalty": SLOPE(q=0.3), "alphas": np.geomspace(0.4, 0.1, 5)}
    found = cv_path(X, y, cv=folds, **options)
    train, test = folds[0]
    alone = path(X[train], y[train], **options)
    errors = np.mean((alone.predict(X[test]) - y[test, np.newaxis]) ** 2, axis=0)
    assert_allclose(found.errors[0, :, 0], errors, rtol=1e-9)


def test_the_gram_matrix_may_come_late(rng):
    X, y = data(rng, 700, 600)
    penalty = SLOPE(q=0.5)
    fits = path(X, y, penalty=penalty, n_alphas=6, eps=1e-4)
    assert fits.strategy == "gram"
    assert worst_gap(X, y, fits, penalty) <= 1e-11
    assert fits.coefs.nnz == fits.df.sum()


def test_threads_give_the_same_bits(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    X, y = data(rng)
    fits = [path(X, y, penalty=SLOPE(), n_alphas=20, n_threads=k) for k in (1, 2, 3)]
    for other in fits[1:]:
        assert_array_equal(other.coefs.toarray(), fits[0].coefs.toarray())


@each_penalty
def test_starts(rng, penalty):
    X, y = data(rng)
    fit = solve(X, y, alpha=0.05, penalty=penalty)
    for start in (fit.coef, rng.standard_normal(80), np.ones(80)):
        again = solve(X, y, alpha=0.05, penalty=penalty, coef_init=start)
        assert_allclose(again.coef, fit.coef, atol=1e-9)
        assert again.relative_gap <= 1e-12


def test_the_case_of_two_clusters():
    H = np.array([[1, 1], [1, -1]])
    X = np.kron(np.kron(H, H), H)[:, 1:5].astype(float)
    y = 1.0 + X @ [3.0, -2.9, 1.0, 0.2]
    penalty = SLOPE(weights=[1.0, 0.7, 0.5, 0.4])
    fit = solve(X, y, penalty=penalty, alpha=1.0, tol=1e-14)
    assert_allclose(fit.coef, [2.1, -2.1, 0.5, 0.0], rtol=1e-14)
    assert fit.coef[0] == -fit.coef[1]
    assert [each.tolist() for each in fit.clusters()] == [[0, 1], [2]]
    assert fit.intercept == pytest.approx(1.0)


def test_limits(rng):
    X, y = data(rng)
    fit = solve(X, y, alpha=1e-4, penalty=SLOPE(), tol=0.0)
    assert fit.status in (Status.PRECISION, Status.CONVERGED)
    assert fit.relative_gap <= 1e-12
    flat = path(X, np.ones(50), penalty=SLOPE(), n_alphas=3)
    assert not flat.coefs.nnz
    with pytest.warns(Warning, match="max_iter"):
        assert solve(X, y, alpha=0.01, penalty=SLOPE(), max_iter=1).status == Status.MAX_ITER


def test_misfits(rng):
    X, y = data(rng)
    for words, options in (
        ("alpha is 0, at which SLOPE penalises nothing", {"alphas": [1.0, 0.0]}),
        ("under convex losses with a derivative", {"loss": Quantile(0.3)}),
        ("solver='auto' only", {"solver": "cd"}),
        ("solver='auto' only", {"solver": "gradient"}),
        ("bounds are not for SLOPE", {"bounds": (-1.0, 1.0)}),
        ("positive was given too", {"positive": True}),
        ("l1_weights was given too", {"l1_weights": np.ones(80)}),
        ("gram_memory", {"gram_memory": 100}),
    ):
        with pytest.raises(ValueError, match=words):
            path(X, y, penalty=SLOPE(), **options)
    with pytest.raises(ValueError, match="SLOPE penalises nothing: its strength is 0"):
        path(X, y, penalty=SLOPE(strength=0.0))
    with pytest.raises(ValueError, match="weights of SLOPE has 3 entries; expected 80"):
        path(X, y, penalty=SLOPE(weights=[3.0, 2.0, 1.0]))
