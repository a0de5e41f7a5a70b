"""Paths of differences: Lasso on cumulative sums, isotonic regression, straight pieces."""

import numpy as np
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.isotonic import IsotonicRegression

from softreg_fast import Design, fused_path, path, survival, trend_filter_path
from softreg_fast.losses import as_loss
from softreg_fast.paths.transforms import differences_of, sums_of
from softreg_fast.penalties import difference_matrix


def objective(X, y, fit, order, s=None):
    s = np.ones(len(y)) if s is None else s
    loss = 0.5 * np.average((y - X @ fit.coef - fit.intercept) ** 2, weights=s)
    return loss + fit.alpha * np.abs(np.diff(fit.coef, order)).sum()


def dual_value(X, y, fit, order):
    """Return a lower bound of the minimum without intercept: at a multiple of the residual.

    With D the differences and theta such that X'theta / n = D'z, |z| <= alpha, it is
    (|y|^2 - |y - theta|^2) / 2n; z is found by least squares, and theta moved so that the part of
    X'theta outside the range of D' is 0.
    """
    n, p = X.shape
    D = difference_matrix(p, order).toarray()
    null = np.linalg.svd(D)[2][p - order :].T
    free = X @ null
    theta = y - X @ fit.coef
    theta = theta - free @ np.linalg.lstsq(free, theta, None)[0]
    z = np.linalg.lstsq(D.T, X.T @ theta / n, None)[0]
    theta = theta * min(1.0, fit.alpha / np.abs(z).max())
    return (y @ y - np.sum((y - theta) ** 2)) / (2 * n)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_gaps_are_those_of_the_coefficients(rng, order, layout):
    X, y = problems.make_data(rng, 60, 12)
    fits = trend_filter_path(layout(X), y, order=order, n_alphas=10, fit_intercept=False)
    assert fits.converged
    for fit in fits:
        gap = objective(X, y, fit, order) - dual_value(X, y, fit, order)
        assert -1e-12 <= gap / fit.null_loss <= 1e-6
    assert_array_equal(fits.df, np.count_nonzero(fits.coefs.toarray(), axis=0))


def test_total_variation_is_the_lasso_on_cumulative_sums(rng):
    X, y = problems.make_data(rng, 50, 8)
    s = problems.sample_weights(rng, 50)
    sums = np.stack([X[:, j:].sum(axis=1) for j in range(8)], axis=1)
    lasso = path(sums, y, l1_weights=[0.0] + [1.0] * 7, sample_weight=s, n_alphas=15)
    fits = fused_path(X, y, sample_weight=s, n_alphas=15)
    assert_allclose(fits.alphas, lasso.alphas)
    assert_allclose(fits.coefs.toarray(), np.cumsum(lasso.coefs.toarray(), axis=0), atol=1e-10)
    assert_allclose(fits.intercepts, lasso.intercepts, atol=1e-10)
    assert_allclose(fits.gaps, lasso.gaps, atol=1e-10 * fits.null_loss)
    predicted = lasso.predict(sums)
    assert_allclose(fits.predict(X), predicted, atol=1e-10)
    assert np.ptp(fits.coefs.toarray()[:, 0]) <= 1e-10


def test_plateaus_by_hand():
    fit = fused_path(np.eye(5), [0.0, 0.0, 3.0, 3.0, 3.0], alphas=[0.1], fit_intercept=False)[0]
    assert_allclose(fit.coef, [0.25, 0.25, 17 / 6, 17 / 6, 17 / 6], atol=1e-12)
    y = [1.0, -1.0, 4.0, 4.0, 0.0, 8.0]
    fit = fused_path(np.eye(6), y, alphas=[1 / 6], fit_intercept=False)[0]
    assert_allclose(fit.coef, [0.5, 0.5, 3.0, 3.0, 2.0, 7.0], atol=1e-12)
    assert fit.coef[0] == fit.coef[1]


@pytest.mark.parametrize("increasing", [True, False])
def test_without_penalty_it_is_isotonic_regression(rng, increasing):
    y = rng.standard_normal(80).cumsum() * (1.0 if increasing else -1.0)
    s = rng.uniform(0.5, 2.0, 80)
    options = {"sample_weight": s, "fit_intercept": False, "tol": 1e-12}
    fits = fused_path(np.eye(80), y, increasing=increasing, alphas=[0.1, 0.0], **options)
    expected = (
        IsotonicRegression(increasing=increasing).fit(np.arange(80), y, s).predict(np.arange(80))
    )
    assert_allclose(fits[1].coef, expected, atol=1e-8)
    for fit in fits:
        steps = np.diff(fit.coef)
        assert (steps >= 0.0).all() if increasing else (steps <= 0.0).all()
        assert fit.gap <= fit.tol


@pytest.mark.parametrize("convex", [True, False])
def test_convex_sequences(rng, convex):
    t, sign = np.linspace(-1.0, 1.0, 40), 1.0 if convex else -1.0
    y = sign * t**2 + 0.1 * rng.standard_normal(40)
    options = {"fit_intercept": False, "alphas": [0.0], "tol": 1e-12}
    fit = trend_filter_path(np.eye(40), y, convex=convex, **options)[0]
    bends = sign * np.diff(fit.coef, 2)
    assert bends.min() >= -1e-12
    # optimal in the cone of convex sequences: the residual is orthogonal to the fit and has no
    # positive product with lines and hinges
    residual = y - fit.coef
    assert abs(residual @ fit.coef) <= 1e-8
    assert np.abs(residual @ np.column_stack([np.ones(40), t])).max() <= 1e-8
    hinges = np.maximum(0.0, t[:, np.newaxis] - t)
    assert (sign * residual @ hinges).max() <= 1e-8
    curve = trend_filter_path(np.eye(40), sign * t**2, convex=convex, **options)[0]
    assert_allclose(curve.coef, sign * t**2, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_pieces_without_noise_are_found(order):
    t = np.arange(40.0)
    y = (t / 10.0) ** (order - 1) + np.maximum(0.0, t - 19.5) ** (order - 1) * (t > 19.5) / 5.0
    bends = np.abs(np.diff(y, order)) > 1e-9
    fits = trend_filter_path(
        np.eye(40), y, order=order, alphas=[1e-4, 0.0], fit_intercept=False, tol=1e-11
    )
    assert_allclose(fits[1].coef, y, atol=1e-7 * np.abs(y).max())
    found = np.abs(np.diff(fits[0].coef, order)) > 1e-6
    assert found.sum() <= bends.sum() + 1
    one = trend_filter_path(
        np.eye(40), t ** (order - 1), order=order, n_alphas=3, fit_intercept=False
    )
    for fit in one:
        assert_allclose(fit.coef, t ** (order - 1), atol=1e-7 * t.max() ** (order - 1))


def test_long_curves_are_certified(rng):
    t = np.linspace(0.0, 9.0, 300)
    y = np.sin(t) + 0.2 * rng.standard_normal(300)
    fits = trend_filter_path(np.eye(300), y, n_alphas=20, fit_intercept=False)
    assert fits.converged
    error = np.sqrt(np.mean(np.square(fits.coefs.toarray() - np.sin(t)[:, np.newaxis]), axis=0))
    assert error.min() < 0.08
    knots = np.abs(np.diff(fits.coefs.toarray(), 2, axis=0)) > 1e-8
    assert knots.sum(axis=0).max() < 100


def test_they_are_starts_and_designs_and_names(rng):
    X, y = problems.make_data(rng, 40, 6)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    fits = fused_path(frame, y, n_alphas=6)
    assert list(fits.feature_names) == list("abcdef")
    assert_allclose(fits.predict(frame[list("fedcba")]), fits.predict(X))
    again = fused_path(Design(X, y), n_alphas=6)
    assert_allclose(again.coefs.toarray(), fits.coefs.toarray(), atol=1e-10)
    alpha = float(fits.alphas[3])
    start = dict(zip("abcdef", fits[3].coef, strict=True))
    warm = fused_path(frame, y, alphas=[alpha], coef_init=start)
    assert_allclose(warm.coefs.toarray()[:, 0], fits[3].coef, atol=1e-8)
    with pytest.raises(ValueError, match="another order"):
        fused_path(frame, pd.Series(y, index=np.arange(40)[::-1]))


@pytest.mark.parametrize("loss", ["logistic", "poisson"])
def test_other_losses(rng, loss):
    X, y = problems.make_data(rng, 60, 6)
    X = X / 5.0
    y = (
        (y > np.median(y)).astype(float)
        if loss == "logistic"
        else rng.poisson(2.0, 60).astype(float)
    )
    options = {"loss": loss, "n_alphas": 6, "eps": 0.05, "tol": 1e-11}
    fits = fused_path(X, y, **options)
    sums = np.stack([X[:, j:].sum(axis=1) for j in range(6)], axis=1)
    lasso = path(sums, y, l1_weights=[0.0] + [1.0] * 5, **options)
    assert_allclose(fits.coefs.toarray(), np.cumsum(lasso.coefs.toarray(), axis=0), atol=1e-4)
    assert_allclose(fits.predict(X), lasso.predict(sums), rtol=1e-4)
    assert type(fits.loss) is type(as_loss(loss))


def test_several_classes(rng):
    X, y = problems.make_data(rng, 60, 6)
    labels = np.array(list("abc"))[np.digitize(y, np.quantile(y, [0.3, 0.6]))]
    options = {"loss": "multinomial", "n_alphas": 5, "eps": 0.1, "tol": 1e-11}
    fits = fused_path(X / 5.0, labels, **options)
    sums = np.stack([X[:, j:].sum(axis=1) / 5.0 for j in range(6)], axis=1)
    lasso = path(sums, labels, l1_weights=[0.0] + [1.0] * 5, **options)
    # a number added to the first coefficients of all classes is of no effect
    steps, expected = np.diff(fits.coefs.toarray(), axis=0), lasso.coefs.toarray()[1:]
    assert_allclose(steps, expected, atol=1e-4)
    assert fits.df.shape == (5,)
    assert_allclose(fits.predict(X / 5.0), lasso.predict(sums), atol=1e-5)


def test_survival_times_have_baselines(rng):
    X, y = problems.make_data(rng, 60, 6)
    times = survival(np.exp(y - y.max()), rng.random(60) < 0.8)
    options = {"loss": "cox", "n_alphas": 4, "eps": 0.2, "tol": 1e-11}
    fits = fused_path(X / 5.0, times, **options)
    sums = np.stack([X[:, j:].sum(axis=1) / 5.0 for j in range(6)], axis=1)
    lasso = path(sums, times, l1_weights=[0.0] + [1.0] * 5, **options)
    found = fits.predict(X[:5] / 5.0, kind="survival")
    assert_allclose(found, lasso.predict(sums[:5], kind="survival"), atol=1e-5)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_sums_and_differences_are_inverse(rng, order):
    w = rng.standard_normal((9, 2))
    assert_allclose(sums_of(differences_of(w, order), order), w, atol=1e-12)
    assert_allclose(differences_of(w, order)[order:], np.diff(w, order, axis=0), atol=1e-12)


REFUSED = {
    "penalty": ({"l1_weights": 1.0}, TypeError, "l1_weights has no place here"),
    "bounds": ({"bounds": (0, 1)}, TypeError, "bounds has no place here"),
    "standardize": ({"standardize": True}, TypeError, "standardize has no place here"),
    "unknown": ({"lambdas": [1.0]}, TypeError, "lambdas"),
    "order": ({"order": 6}, ValueError, "order is 6, but 6 features have differences of order 5"),
    "order 0": ({"order": 0}, ValueError, "order must be an integer >= 1"),
    "convex": ({"order": 3, "convex": True}, ValueError, "convex is for order 2"),
    "flag": ({"convex": "yes"}, TypeError, "convex"),
}


@pytest.mark.parametrize(("options", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(rng, options, kind, said):
    X, y = problems.make_data(rng, 20, 6)
    with pytest.raises(kind, match=said):
        trend_filter_path(X, y, **options)


def test_designs_that_standardise_are_refused(rng):
    X, y = problems.make_data(rng, 20, 6)
    with pytest.raises(ValueError, match="standardize=True; make it without"):
        fused_path(Design(X, y, standardize=True))
