"""InteriorPointEngine: quantile regression against linear programs, and what only it has."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from softreg_fast import cv_path, path, solve, stability_path
from softreg_fast.losses import Quantile
from softreg_fast.solvers.central_path import Bound, Kink

INF = np.inf


def pinball(X, y, coef, intercept, tau, s):
    """Return the mean pinball loss."""
    r = y - intercept - X @ coef
    return float(s @ np.maximum(tau * r, (tau - 1.0) * r) / s.sum())


def least(X, y, tau, l1, s, bounds=(-INF, INF)):
    """Return the smallest value of the mean pinball loss plus sum_j l1_j |w_j|, by HiGHS."""
    n, p = X.shape
    # w = a - c, b, r = up - down
    cost = np.concatenate([l1, l1, [0.0], tau * s / s.sum(), (1.0 - tau) * s / s.sum()])
    rows = np.hstack([X, -X, np.ones((n, 1)), np.eye(n), -np.eye(n)])
    box = np.hstack([np.eye(p), -np.eye(p), np.zeros((p, 1 + 2 * n))])
    limits = [(-row, -bounds[0]) for row in box] + [(row, bounds[1]) for row in box]
    A = np.array([row for row, limit in limits if np.isfinite(limit)]).reshape(-1, cost.size)
    limit = [limit for _, limit in limits if np.isfinite(limit)]
    free = [(0, None)] * (2 * p) + [(None, None)] + [(0, None)] * (2 * n)
    return linprog(cost, A if limit else None, limit or None, rows, y, free, method="highs").fun


def data(rng, n=45, p=9):
    X = rng.standard_normal((n, p))
    return X, X[:, 0] - 0.5 * X[:, 1] + rng.standard_t(2, n)


@pytest.mark.parametrize("tau", [0.08, 0.5, 0.75])
@pytest.mark.parametrize("shape", [(45, 9), (25, 60)])
@pytest.mark.parametrize("bounds", [(-INF, INF), (-0.1, 0.2), (0.0, INF)])
@pytest.mark.parametrize("ties", [False, True], ids=["", "ties"])
def test_objectives_of_linear_programs(rng, tau, shape, bounds, ties):
    X, y = data(rng, *shape)
    if ties:
        X, y = np.round(X), np.round(y)
    s, weights = rng.integers(0, 4, len(y)) + 0.0, rng.integers(1, 4, X.shape[1]) / 2.0
    for alpha in (0.1, 0.02, 0.002):
        fit = solve(
            X,
            y,
            loss=Quantile(tau),
            alpha=alpha,
            sample_weight=s,
            l1_weights=weights,
            bounds=bounds,
            tol=1e-9,
        )
        found = pinball(X, y, fit.coef, fit.intercept, tau, s) + alpha * weights @ abs(fit.coef)
        best = least(X, y, tau, alpha * weights, s, bounds)
        assert fit.converged
        assert np.all((fit.coef >= bounds[0]) & (fit.coef <= bounds[1]))
        assert best - 1e-9 <= found <= best + fit.gap + 1e-9


def test_without_a_penalty_the_vertex_is_met(rng):
    X, y = data(rng)
    fit = solve(X, y, loss=Quantile(0.3), alpha=0.0)
    r = y - fit.predict(X)
    assert np.sum(np.abs(r) <= 1e-12 * np.abs(y).max()) == 10
    share = np.mean(r < -1e-9)
    assert share <= 0.3 <= share + 10 / 45


def test_tau_and_the_other_side(rng):
    X, y = data(rng)
    for alpha in (0.05, 0.005):
        fit = solve(X, y, loss=Quantile(0.2), alpha=alpha, tol=1e-10)
        flipped = solve(X, -y, loss=Quantile(0.8), alpha=alpha, tol=1e-10)
        assert_allclose(flipped.coef, -fit.coef, atol=1e-8)
        assert_allclose(flipped.intercept, -fit.intercept, atol=1e-8)
        scaled = solve(1e-3 * X, 1e5 * y, loss=Quantile(0.2), alpha=1e-3 * alpha, tol=1e-10)
        assert_allclose(1e-8 * scaled.coef, fit.coef, atol=1e-8)


def test_dependent_columns_and_constants(rng):
    X, y = data(rng)
    X = np.hstack([X, X[:, :3], np.ones((45, 1)), X[:, :1] + X[:, 1:2]])
    for alpha, weights in ((0.0, None), (0.01, np.repeat([0.0, 1.0], 7))):
        fit = solve(X, y, loss="quantile", alpha=alpha, l1_weights=weights)
        assert fit.converged
    s = np.ones(45)
    plain = least(X[:, :9], y, 0.5, np.zeros(9), s)
    fit = solve(X, y, loss="quantile", alpha=0.0)
    assert pinball(X, y, fit.coef, fit.intercept, 0.5, s) == pytest.approx(plain, rel=1e-6)


def test_nothing_to_explain():
    X = np.arange(6.0)[:, np.newaxis]
    fit = solve(X, np.full(6, 3.0), loss="quantile", alpha=0.1)
    assert (fit.coef[0], fit.intercept, fit.gap) == (0.0, 3.0, 0.0)
    exact = solve(X, 2.0 * X[:, 0] + 1.0, loss="quantile", alpha=0.0)
    assert_allclose([exact.coef[0], exact.intercept], [2.0, 1.0])


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")  # the last may be best
def test_everything_around_a_path(rng):
    X, y = data(rng, 60)
    loss = Quantile(0.4)
    fits = path(X, y, loss=loss, n_alphas=20, eps=0.01)
    assert fits.converged
    assert fits.df[0] == 0
    assert fits.df[-1] > 5
    sparse = path(sp.csc_array(np.round(X)), y, loss=loss, n_alphas=8, eps=0.05)
    dense = path(np.round(X), y, loss=loss, n_alphas=8, eps=0.05)
    assert_allclose(sparse.dev_ratio, dense.dev_ratio, atol=3e-6)
    found = cv_path(X, y, loss=loss, alphas=[0.2, 0.1, 0.01, 1e-4])
    assert "pinball" in found.measure
    assert_allclose(found.predict(X, kind="response"), found.predict(X, kind="link"))
    stable = stability_path(X, y, loss=loss, n_subsamples=10, alphas=5, random_state=0)
    frequencies = stable.frequencies.toarray()
    assert frequencies[:2].max() >= frequencies[2:].mean() > 0.0


def test_an_elastic_net_and_ridge(rng):
    X, y = data(rng)
    for l1_ratio in (0.5, 0.0):
        fit = solve(X, y, loss="quantile", alpha=0.1, l1_ratio=l1_ratio, tol=1e-10)
        assert fit.converged

        # no direction improves on it
        def objective(coef, intercept, share=l1_ratio):
            penalty = 0.1 * (share * abs(coef).sum() + 0.5 * (1 - share) * coef @ coef)
            return pinball(X, y, coef, intercept, 0.5, np.ones(45)) + penalty

        best = objective(fit.coef, fit.intercept)
        for _ in range(200):
            step = 1e-3 * rng.standard_normal(10)
            assert objective(fit.coef + step[1:], fit.intercept + step[0]) >= best - fit.gap


def test_other_solvers_refuse(rng):
    X, y = data(rng)
    with pytest.raises(ValueError, match="quadratic loss; leave solver at 'auto'"):
        solve(X, y, loss="quantile", alpha=0.1, solver="cd")
    with pytest.raises(ValueError, match="likelihood"):
        cv_path(X, y, loss="quantile", criterion="bic")


def test_parts_begin_on_the_central_path(rng):
    r, s = np.append(rng.standard_normal(7), 0.0), rng.uniform(0.5, 2.0, 8)
    kink = Kink(r, 0.3, 0.7, 1e-3, s)
    assert_allclose(kink.above - kink.below, r, atol=1e-15)
    assert_allclose(kink.upper + kink.lower, 1.0)
    assert_allclose(kink.products(), 2e-3 * s.sum())
    assert np.all(np.abs(kink.dual / s + 0.2) < 0.5)
    # the derivative of the dual point along the path
    h = 1e-7
    moved = Kink(r + h, 0.3, 0.7, 1e-3, s)
    assert_allclose((moved.dual - kink.dual) / h, kink.curvature, rtol=1e-4, atol=1e-6)
    assert_array_equal(Bound(np.array([2.0, 4.0]), -1.0, 1.0).dual, [-0.5, -0.25])


def test_steps_do_not_go_round_in_circles():
    # with second-order terms the coefficients repeated themselves every third step
    X = np.array([[2.0, -2.0, -2.0], [-1.0, -2.0, 2.0], [2.0, 0.0, -2.0]])
    y = np.array([0.94768723, -3.42623074, -0.22356894])
    options = {"l1_ratio": 0.5, "positive": True, "fit_intercept": False}
    fit = solve(X, y, alpha=0.24, loss=Quantile(0.3), **options)
    assert fit.converged


def falling(X, y, tau, n_alphas=6, **options):
    """Return a path to very small alphas, all of which have to converge."""
    fits = path(X, y, loss=Quantile(tau), n_alphas=n_alphas, eps=1e-6, **options)
    assert fits.converged
    return fits


def test_paths_go_on_from_the_ends_of_boxes(rng):
    # the end of each fit is at many bounds, from where steps of the next one were too short
    X = 0.1 * rng.standard_normal((80, 60)) + rng.standard_normal((80, 1))
    y = np.where(rng.random(80) < 0.8, 2.0, rng.standard_normal(80))
    for intercept in (False, True):
        fits = falling(X, y, 0.02, bounds=(-0.3, 0.5), l1_ratio=0.9, fit_intercept=intercept)
        assert np.all(fits.n_epochs <= 80)


def test_paths_go_on_where_the_loss_is_small(rng):
    # nearly interpolated: the loss is a small part of the objective, from which the next fit begins
    X = rng.standard_normal((200, 12)) * (rng.random((200, 12)) < 0.15)
    y = X[:, :3].sum(axis=1)
    falling(X, y, 0.9, l1_ratio=0.0, positive=True)
    falling(X, y, 0.9, l1_ratio=0.5, positive=True)


def test_unpenalised_features_at_the_largest_alpha():
    # the dual point has to be orthogonal to them to 1e-12, or it proves nothing
    for seed in (5, 6):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((30, 100))
        y = np.where(rng.random(30) < 0.8, 2.0, rng.standard_normal(30))
        weights = np.where(rng.random(100) < 0.2, 0.0, 1.0)
        for positive in (False, True):
            options = {"l1_weights": weights, "positive": positive, "tol": 1e-9}
            assert path(X, y, loss=Quantile(0.5), n_alphas=2, eps=0.5, **options).converged


def test_coefficients_of_columns_with_heavy_tails():
    # with a small alpha they were set to 0 where they are not
    for seed in (2, 8, 9):
        rng = np.random.default_rng(seed)
        X = rng.standard_t(1.5, (200, 40))
        y = X[:, :3].sum(axis=1) / np.abs(X).mean()
        weights = np.where(rng.random(40) < 0.2, 0.0, 1.0)
        options = {"alpha": 7.5e-6, "l1_ratio": 0.9, "bounds": (-0.3, 0.5)}
        assert solve(X, y, loss=Quantile(0.75), tol=1e-9, l1_weights=weights, **options).converged


def test_fixed_coefficients_are_no_part_of_the_search(rng):
    # those of alpha_max are at their bounds, which is the null model of a box without 0
    X, y = data(rng)
    fits = path(X, y, loss="quantile", n_alphas=3, eps=0.1, bounds=(0.1, 0.4))
    assert fits.converged


def test_parts_in_the_middle(rng):
    r = rng.standard_normal(6)
    kink = Kink.in_the_middle(r, 0.3, 0.7, 2.0)
    assert_allclose(kink.above - kink.below, r, atol=1e-15)
    assert_array_equal(kink.dual, 0.0)
    assert np.minimum(kink.above, kink.below).min() == pytest.approx(2.0)
