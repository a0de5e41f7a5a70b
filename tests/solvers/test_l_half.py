"""LHalf in regression: fixed points of its proximal step in each single coefficient."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.penalties import LHalf

LAYOUTS = {
    "dense": np.asfortranarray,
    "csc": sp.csc_array,
    "float32": lambda X: np.asfortranarray(X, np.float32),
}


def data(rng, n=50, p=80, density=1.0):
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    return X, X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)


def centred(X, y, s, fit_intercept):
    """Return weights with sum 1, and X and y without their means."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)
    s = np.full(len(y), 1.0 / len(y)) if s is None else s / s.sum()
    return s, X - fit_intercept * (s @ X), y - fit_intercept * (s @ y)


def moves(X, y, fits, penalty, s=None, fit_intercept=True, standardize=False):
    """Return how far an exact step of a single coefficient goes at most, of the largest one.

    Where a coefficient is at its threshold up to rounding, both ends of the jump are minima.
    """
    s, X, y = centred(X, y, s, fit_intercept)
    if standardize:
        unit = np.sqrt(s @ np.square(X))
        X = X / unit
    weights = np.ones(X.shape[1]) if penalty.weights is None else penalty.weights
    q, worst = s @ np.square(X), 0.0
    for fit in fits:
        w = fit.coef * (unit if standardize else 1.0)
        z = w + X.T @ (s * (y - X @ w)) / q
        at = replace(penalty, strength=penalty.strength * fit.alpha)
        threshold = 1.5 * (at.strength * weights / q) ** (2.0 / 3.0)
        free = np.abs(np.abs(z) - threshold) > 1e-9 * threshold
        away = np.abs(at.prox(z, 1.0 / q) - w)[free].max(initial=0.0)
        worst = max(worst, away / max(np.abs(w).max(), 1e-300) if away else 0.0)
    return worst


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_no_coefficient_alone_can_be_better(rng, layout, standardize, fit_intercept, weighted):
    X, y = data(rng, density=0.6)
    X = layout(X)
    s = rng.random(len(y)) if weighted else None
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    penalty = LHalf(strength=2.0)
    fits = path(X, y, penalty=penalty, n_alphas=30, eps=1e-3, sample_weight=s, **options)
    assert fits.converged
    assert fits.df[0] == 0 < fits.df[1]
    assert moves(X, y, fits, penalty, s, fit_intercept, standardize) <= 1e-9
    assert fits.stationarity.max() <= 1e-11
    assert fits.certificate == "distance to stationarity"
    assert fits.bent == "L1/2"


def test_slopes_are_stationary_and_coefficients_not_small(rng):
    X, y = data(rng)
    fits = path(X, y, penalty=LHalf(), n_alphas=30, eps=1e-3)
    s, Z, t = centred(X, y, None, True)
    q = s @ np.square(Z)
    for fit in fits:
        gradient = -Z.T @ (s * (t - Z @ fit.coef))
        assert LHalf(strength=fit.alpha).violation(fit.coef, gradient).max() <= 1e-10 * np.sqrt(
            q.max()
        ) * np.sqrt(s @ np.square(t))
        support = fit.coef != 0.0
        least = (fit.alpha / q[support]) ** (2.0 / 3.0)
        assert np.all(np.abs(fit.coef[support]) >= least * (1.0 - 1e-9))


def test_orthogonal_columns_are_proximal_points(rng):
    X = np.linalg.qr(rng.standard_normal((60, 12)))[0] * np.sqrt(60.0)
    y = X @ np.linspace(-3.0, 3.0, 12) + rng.standard_normal(60)
    for alpha in (0.1, 0.4, 1.0, 5.0):
        fit = solve(X, y, alpha=alpha, penalty=LHalf(), fit_intercept=False)
        assert_allclose(fit.coef, LHalf(strength=alpha).prox(X.T @ y / 60.0, 1.0), atol=1e-10)


def test_gram_matrix_weights_repeats_and_threads_give_the_same(rng, monkeypatch):
    X, y = data(rng, 120, 20)
    options = {"penalty": LHalf(), "n_alphas": 30, "eps": 1e-3}
    one = path(X, y, precompute=True, **options)
    other = path(X, y, precompute=False, **options)
    assert [one.strategy, other.strategy] == ["gram", "working set"]
    away = np.abs((one.coefs - other.coefs).toarray()).max(axis=0)
    assert np.median(away) <= 1e-9
    counts = rng.integers(1, 4, 120)
    rows = np.repeat(np.arange(120), counts)
    fits = path(X, y, sample_weight=counts.astype(float), **options)
    repeated = path(X[rows], y[rows], **options)
    assert_allclose(fits.coefs.toarray(), repeated.coefs.toarray(), atol=1e-8)
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    each = [path(X, y, n_threads=k, **options).coefs.toarray() for k in (1, 2)]
    assert_array_equal(*each)


def test_alpha_goes_with_the_power_three_halves_of_y(rng):
    X, y = data(rng)
    one = path(X, y, penalty=LHalf(), n_alphas=20, eps=1e-3)
    other = path(X, 100.0 * y, penalty=LHalf(), n_alphas=20, eps=1e-3)
    assert_allclose(other.alphas, 1000.0 * one.alphas, rtol=1e-12)
    assert_allclose(other.coefs.toarray(), 100.0 * one.coefs.toarray(), rtol=1e-8, atol=1e-8)
    s, Z, t = centred(X, y, None, True)
    q = s @ np.square(Z)
    entry = (np.abs(Z.T @ (s * t)) / q / 1.5) ** 1.5 * q
    assert_allclose(one.alphas[0], entry.max(), rtol=1e-12)


def test_convexity_on_the_support_by_eigenvalues(rng):
    Z = rng.standard_normal((60, 1)) + 0.5 * rng.standard_normal((60, 25))
    y = Z[:, :5].sum(axis=1) + rng.standard_normal(60)
    X = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    fits = path(X, y, penalty=LHalf(), eps=1e-4)
    found = set()
    for fit in fits:
        A = np.flatnonzero(fit.coef)
        smallest = np.linalg.eigvalsh(X[:, A].T @ X[:, A] / 60.0).min(initial=np.inf) - 0.25
        if abs(smallest) > 1e-9:
            assert fit.locally_convex == (smallest > 0.0)
            found.add(fit.locally_convex)
    assert found == {True, False}


def test_weights_and_signs(rng):
    X, y = data(rng, 50, 30)
    y -= 3.0 * X[:, 7]
    weights = rng.random(30)
    weights[:2] = 0.0
    penalty = LHalf(strength=0.5, weights=weights)
    fits = path(X, y, penalty=penalty, n_alphas=20, eps=1e-3)
    assert fits.df[0] == 2
    assert moves(X, y, fits, penalty) <= 1e-9
    signed = LHalf(positive=True)
    fits = path(X, y, penalty=signed, n_alphas=20, eps=1e-3)
    assert fits.coefs.min() >= 0.0
    assert moves(X, y, fits, signed) <= 1e-9


def test_everything_around_a_path(rng):
    X, y = data(rng, 80, 30)
    found = cv_path(X, y, penalty=LHalf(), n_alphas=20, eps=1e-3)
    assert moves(X, y, found.path, LHalf()) <= 1e-9
    assert cv_path(X, y, penalty=LHalf(), n_alphas=20, eps=1e-3, criterion="bic").path.converged
    assert relaxed_path(X, y, penalty=LHalf(), n_alphas=20, eps=1e-2).path.converged
    stable = stability_path(X, y, penalty=LHalf(), n_subsamples=10, n_alphas=20, eps=0.1)
    assert len(stable.max_frequencies) == 30
    design = Design(X, y)
    fit = solve(design, alpha=0.05, penalty=LHalf())
    assert fit.converged
    again = solve(design, alpha=0.05, penalty=LHalf(), coef_init=fit.coef)
    assert_allclose(again.coef, fit.coef, atol=1e-10)


def test_misfits(rng):
    X, y = data(rng)
    for words, options in (
        ("alpha is 0, at which LHalf penalises nothing", {"alphas": [1.0, 0.0]}),
        ("bounds are not for LHalf, under which a coefficient jumps", {"bounds": (-1.0, 1.0)}),
        ("solver='auto' only", {"solver": "cd"}),
        ("LHalf penalises nothing", {"penalty": LHalf(strength=0.0)}),
    ):
        with pytest.raises(ValueError, match=words):
            path(X, y, **{"penalty": LHalf(), **options})
