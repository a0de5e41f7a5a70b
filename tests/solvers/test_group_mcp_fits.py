"""GroupMCP in regression: stationary points by the penalty's own formulas, and its limits."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.penalties import MCP, GroupLasso, GroupMCP
from softreg_fast.solvers import group_engine


def data(rng, n=50, p=60, density=1.0):
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    return X, X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)


def labels_of(rng, p):
    return np.unique(rng.integers(0, max(p // 5, 2), p), return_inverse=True)[1]


def violations(X, y, fits, penalty, s=None, fit_intercept=True, standardize=False):
    """Return the largest violation of stationarity at each alpha, relative to a group's strength.

    gamma is in units of the curvature of the longest column: where that is 1 in each group the
    penalty is that of its class, with weights of the groups there.
    """
    X = np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)
    labels = np.asarray(penalty.groups)
    s = np.full(len(X), 1 / len(X)) if s is None else s / s.sum()
    deviation = np.sqrt(s @ np.square(X - fit_intercept * (s @ X)))
    scale = deviation if standardize else np.ones(X.shape[1])
    longest = np.zeros(labels.max() + 1)
    np.maximum.at(longest, labels, deviation / scale)
    c = penalty.group_weights
    c = np.sqrt(np.bincount(labels)) if c is None else np.asarray(c)
    unit = longest[labels] * scale
    worst = []
    for fit in fits:
        gradient = -X.T @ (s * (y - X @ fit.coef - fit.intercept)) / unit
        at = replace(penalty, strength=penalty.strength * fit.alpha, group_weights=c / longest)
        if penalty.l2_ratio:
            l2 = at.strength * penalty.l2_ratio * (c / longest**2)[labels]
            gradient = gradient + l2 * fit.coef * unit
            at = replace(at, strength=at.strength * (1 - penalty.l2_ratio), l2_ratio=0.0)
        strengths = at.strength * np.where(c > 0, c, c.max()) / longest
        worst.append((at.violation(fit.coef * unit, gradient) / strengths).max())
    return np.array(worst)


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_array], ids=["dense", "csc"])
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("settings", [{}, {"gamma": 1.5, "l2_ratio": 0.1}], ids=["", "bent"])
def test_every_alpha_is_stationary(rng, layout, standardize, fit_intercept, settings):
    X, y = data(rng, density=0.6)
    s = rng.random(len(y))
    penalty = GroupMCP(groups=labels_of(rng, 60), **settings)
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    fits = path(layout(X), y, penalty=penalty, n_alphas=20, eps=0.05, sample_weight=s, **options)
    assert fits.converged
    assert fits.df[0] == 0 < fits.df[1]
    assert fits.certificate == "distance to stationarity"
    assert fits.stationarity.max() <= 1e-9
    assert violations(X, y, fits, penalty, s, fit_intercept, standardize).max() <= 1e-8


@pytest.mark.parametrize("shape", [(200, 30), (30, 200)], ids=["tall", "wide"])
@pytest.mark.parametrize("residual", [False, True], ids=["", "residual"])
def test_every_form_of_newton_and_epochs(rng, monkeypatch, shape, residual):
    if residual:
        monkeypatch.setattr(group_engine, "SLOTS_PER_SAMPLE", 0.0)
    monkeypatch.setattr(group_engine, "NEWTON_CALL", 0.0)
    X, y = data(rng, *shape)
    penalty = GroupMCP(groups=labels_of(rng, shape[1]))
    fits = path(X, y, penalty=penalty, n_alphas=15, eps=0.05, precompute=False)
    assert fits.stationarity.max() <= 1e-9
    assert violations(X, y, fits, penalty).max() <= 1e-8


@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_groups_of_one_are_mcp(rng, standardize):
    X, y = data(rng, 100, 20)
    options = {"n_alphas": 20, "eps": 0.02, "standardize": standardize}
    weights = 0.5 + rng.random(20)
    single = path(X, y, penalty=MCP(weights=weights, gamma=4.0), **options)
    penalty = GroupMCP(groups=np.arange(20), group_weights=weights, gamma=4.0)
    fits = path(X, y, penalty=penalty, **options)
    assert_allclose(fits.alphas, single.alphas, rtol=1e-12)
    away = np.abs((fits.coefs - single.coefs).toarray()).max(axis=0)
    assert np.median(away) <= 1e-9  # descent may choose another valley


def test_with_an_infinite_gamma_it_is_the_group_lasso(rng):
    X, y = data(rng)
    labels = labels_of(rng, 60)
    options = {"n_alphas": 10, "eps": 0.02}
    lasso = path(X, y, penalty=GroupLasso(groups=labels), tol=1e-15, **options)
    fits = path(X, y, penalty=GroupMCP(groups=labels, gamma=1e12), **options)
    assert_allclose(fits.coefs.toarray(), lasso.coefs.toarray(), atol=1e-5)


def test_orthogonal_groups_are_proximal_points(rng):
    X = np.linalg.qr(rng.standard_normal((60, 12)))[0] * np.sqrt(60.0)
    y = X @ np.linspace(-3.0, 3.0, 12) + rng.standard_normal(60)
    for alpha in (0.1, 0.5, 1.0):
        fit = solve(X, y, alpha=alpha, penalty=GroupMCP(size=3), fit_intercept=False)
        firm = GroupMCP(strength=alpha, size=3).prox(X.T @ y / 60.0, 1.0)
        assert_allclose(fit.coef, firm, atol=1e-9)


def test_long_groups_are_not_shrunk(rng):
    X = rng.standard_normal((100, 8))
    y = X[:, :4] @ np.full(4, 5.0) + rng.standard_normal(100)
    fit = solve(X, y, alpha=0.5, penalty=GroupMCP(size=4))
    plain = solve(X[:, :4], y, alpha=0.0)
    assert_allclose(fit.coef, np.append(plain.coef, np.zeros(4)), atol=1e-9)


def test_convexity_on_the_support_by_eigenvalues(rng):
    Z = rng.standard_normal((60, 1)) + 0.8 * rng.standard_normal((60, 24))
    y = Z[:, :6].sum(axis=1) + rng.standard_normal(60)
    X = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    for precompute in (True, False):
        fits = path(X, y, penalty=GroupMCP(size=3), eps=0.01, n_alphas=40, precompute=precompute)
        for fit in fits:
            A = np.flatnonzero(fit.coef)
            smallest = np.linalg.eigvalsh(X[:, A].T @ X[:, A] / 60.0).min(initial=np.inf) - 1 / 3
            if abs(smallest) > 1e-9:
                assert fit.locally_convex == (smallest > 0.0)
        assert fits.locally_convex[0]
        assert not fits.locally_convex[-1]


def test_no_neighbour_is_lower(rng):
    X, y = data(rng, 40, 30)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y -= y.mean()
    penalty = GroupMCP(size=3)
    for fit in path(X, y, penalty=penalty, n_alphas=10, eps=0.05):
        at = replace(penalty, strength=fit.alpha)

        def objective(w, at=at):
            return 0.5 * np.mean(np.square(y - X @ w)) + at.value(w)

        moves = 1e-4 * rng.standard_normal((40, 30)) * (rng.random((40, 30)) < 0.1)
        least = objective(fit.coef)
        assert min(objective(fit.coef + e) for e in moves) >= least - 1e-12


def test_weights_zero_and_infinite(rng):
    X, y = data(rng)
    labels = np.arange(60) // 6
    weights = np.ones(10)
    weights[0], weights[1] = 0.0, np.inf
    fits = path(X, y, penalty=GroupMCP(groups=labels, group_weights=weights), n_alphas=8, eps=0.1)
    assert np.all(fits.coefs.toarray()[:6].any(axis=1))
    assert not fits.coefs.toarray()[6:12].any()
    finite = GroupMCP(groups=labels, group_weights=np.minimum(weights, 1e6))
    assert violations(X, y, fits, finite).max() <= 1e-8


def test_everything_around_a_path(rng):
    X, y = data(rng, 60, 24)
    penalty = GroupMCP(size=4)
    options = {"penalty": penalty, "n_alphas": 8}
    found = cv_path(X, y, cv=3, **options)
    assert found.path.stationarity.max() <= 1e-9
    assert relaxed_path(X, y, eps=0.1, **options).path.converged
    stable = stability_path(X, y, n_subsamples=6, eps=0.2, **options)
    assert len(stable.max_frequencies) == 6  # of groups
    design = Design(X, y)
    fits = path(design, eps=0.1, **options)
    again = path(design, eps=0.1, n_threads=None, **options)
    assert_array_equal(fits.coefs.toarray(), again.coefs.toarray())
    assert fits.bent == "GROUP-MCP"
    assert fits[3].stationarity <= 1e-9


def test_misfits(rng):
    X, y = data(rng)
    for words, options in (
        ("alpha is 0, at which GroupMCP penalises nothing", {"alphas": [1.0, 0.0]}),
        ("bounds are not for GroupMCP", {"bounds": (-1.0, 1.0)}),
        ("solver='auto' only", {"solver": "cd"}),
        ("GroupMCP penalises nothing", {"penalty": GroupMCP(size=5, strength=0.0)}),
        ("size=7 does not divide the 60 features", {"penalty": GroupMCP(size=7)}),
    ):
        with pytest.raises(ValueError, match=words):
            path(X, y, **{"penalty": GroupMCP(size=5), **options})
    with pytest.raises(ValueError, match="gamma must be a number > 0"):
        GroupMCP(gamma=0.0)
    with pytest.warns(UserWarning, match="gamma of GroupMCP is 0.5, in units of the curvature"):
        fits = path(X, y, penalty=GroupMCP(size=5, gamma=0.5), n_alphas=5, eps=0.3)
    assert len(fits) == 5
