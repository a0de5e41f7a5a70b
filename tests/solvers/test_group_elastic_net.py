"""Penalties of groups with an L2 part: the same as further samples, as the oracle has it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import penalty_oracles
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from softreg_fast import cv_path, path, relaxed_path, solve, stability_path
from softreg_fast.penalties import ElasticNet, GroupLasso, SparseGroupLasso
from softreg_fast.solvers import group_engine


def data(rng, n=40, p=60, density=1.0):
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    return X, X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)


def labels_of(rng, p):
    return np.unique(rng.integers(0, max(p // 6, 2), p), return_inverse=True)[1]


def make(l1_ratio, **settings):
    return SparseGroupLasso(l1_ratio=l1_ratio, **settings) if l1_ratio else GroupLasso(**settings)


def check(X, y, fits, penalty, *, s=None, fit_intercept=True, standardize=False):
    """Assert the gaps by the oracle without an L2 part, on rows added for it."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)
    labels = np.asarray(penalty.groups)
    c = np.sqrt(np.bincount(labels)) if penalty.group_weights is None else penalty.group_weights
    s = np.full(len(X), 1 / len(X)) if s is None else s / s.sum()
    if fit_intercept:
        X, y = X - s @ X, y - s @ y
    scale = np.sqrt(s @ np.square(X)) if standardize else np.ones(X.shape[1])
    rows, p = len(X) + X.shape[1], X.shape[1]
    sharp = penalty.strength * (1 - penalty.l2_ratio)
    weights = sharp * (1 - penalty.l1_ratio) * c
    thin = np.full(c.size, sharp * penalty.l1_ratio)
    for fit in fits:
        l2 = fit.alpha * penalty.strength * penalty.l2_ratio * np.asarray(c)[labels]
        more = np.vstack([X / scale * np.sqrt(s)[:, np.newaxis], np.diag(np.sqrt(l2))])
        also = np.append(y * np.sqrt(s), np.zeros(p))
        alone = SimpleNamespace(coef=fit.coef * scale, alpha=fit.alpha)
        root = np.sqrt(rows)
        gap, null = penalty_oracles.group_gap(
            root * more, root * also, alone, labels, weights, thin, fit_intercept=False
        )
        assert gap <= fit.tol + 1e-12 * null
        assert fit.gap <= fit.tol


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_array], ids=["dense", "csc"])
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_alpha_is_certified(rng, l1_ratio, layout, standardize, weighted):
    X, y = data(rng, density=0.6)
    s = rng.random(len(y)) if weighted else None
    penalty = make(l1_ratio, groups=labels_of(rng, 60), l2_ratio=0.3)
    options = {"standardize": standardize, "tol": 1e-12}
    fits = path(layout(X), y, penalty=penalty, n_alphas=8, eps=0.01, sample_weight=s, **options)
    assert fits.converged
    assert fits.df[0] == 0 < fits.df[1]
    check(X, y, fits, penalty, s=s, standardize=standardize)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
@pytest.mark.parametrize("shape", [(200, 30), (30, 200)], ids=["tall", "wide"])
@pytest.mark.parametrize("residual", [False, True], ids=["", "residual"])
def test_every_form_of_newton_and_epochs(rng, monkeypatch, l1_ratio, shape, residual):
    if residual:
        monkeypatch.setattr(group_engine, "SLOTS_PER_SAMPLE", 0.0)
    monkeypatch.setattr(group_engine, "NEWTON_CALL", 0.0)
    X, y = data(rng, *shape)
    penalty = make(l1_ratio, groups=labels_of(rng, shape[1]), l2_ratio=0.2)
    options = {"penalty": penalty, "n_alphas": 8, "eps": 0.01, "tol": 1e-13}
    fits = path(X, y, precompute=False, **options)
    assert fits.converged
    check(X, y, fits, penalty)
    if shape[0] > shape[1]:
        gram = path(X, y, precompute=True, **options)
        assert_allclose(gram.coefs.toarray(), fits.coefs.toarray(), atol=1e-6)


def test_slopes_are_stationary(rng):
    X, y = data(rng)
    penalty = GroupLasso(groups=labels_of(rng, 60), l2_ratio=0.5)
    for fit in path(X, y, penalty=penalty, n_alphas=20, eps=0.02, tol=1e-15):
        at = replace(penalty, strength=fit.alpha)
        gradient = -X.T @ (y - X @ fit.coef - fit.intercept) / len(y)
        assert at.violation(fit.coef, gradient).max() <= 1e-5 * fit.alpha


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_groups_of_one_are_the_elastic_net(rng, l1_ratio, standardize):
    X, y = data(rng)
    weights = rng.random(60) if l1_ratio == 0.0 else np.ones(60)
    one = make(l1_ratio, groups=np.arange(60), group_weights=weights, l2_ratio=0.3)
    other = ElasticNet(l1_ratio=0.7, weights=weights)
    options = {"tol": 1e-14, "standardize": standardize}
    fits = path(X, y, penalty=other, n_alphas=10, eps=0.01, **options)
    grouped = path(X, y, penalty=one, alphas=fits.alphas, **options)
    assert_allclose(grouped.coefs.toarray(), fits.coefs.toarray(), atol=1e-6)
    own = path(X, y, penalty=one, n_alphas=10, eps=0.01, **options)
    assert_allclose(own.alphas, fits.alphas, rtol=1e-10)


def test_groups_that_are_alike_share(rng):
    z = rng.standard_normal(50)
    X = np.column_stack([z, z, rng.standard_normal((50, 2))])
    fit = solve(X, z, alpha=0.1, penalty=GroupLasso(groups=[0, 1, 2, 2], l2_ratio=0.5), tol=1e-15)
    assert_allclose(fit.coef[0], fit.coef[1], rtol=1e-6)


def test_weights_zero_and_infinite(rng):
    X, y = data(rng)
    labels = np.arange(60) // 6
    weights = np.ones(10)
    weights[0], weights[1] = 0.0, np.inf
    penalty = GroupLasso(groups=labels, group_weights=weights, l2_ratio=0.4)
    fits = path(X, y, penalty=penalty, n_alphas=8, eps=0.01, tol=1e-12)
    assert fits.converged
    assert np.all(fits.coefs.toarray()[:6].any(axis=1))
    assert not fits.coefs.toarray()[6:12].any()
    finite = np.where(np.isinf(weights), 1e12, weights)
    check(X, y, fits, replace(penalty, group_weights=finite))


def test_everything_around_a_path(rng):
    X, y = data(rng, 60, 24)
    penalty = GroupLasso(size=4, l2_ratio=0.3)
    options = {"penalty": penalty, "n_alphas": 8}
    found = cv_path(X, y, cv=3, **options)
    check(X, y, found.path, replace(penalty, groups=np.arange(24) // 4, size=1))
    assert relaxed_path(X, y, eps=0.1, **options).path.converged
    stable = stability_path(X, y, n_subsamples=6, eps=0.2, **options)
    assert len(stable.max_frequencies) == 6  # of groups
    each = [GroupLasso(size=4, l2_ratio=r) for r in (0.0, 0.5)]
    assert cv_path(X, y, penalty=each, n_alphas=8, cv=3).penalty in each


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 1.1, np.nan, "0.5"])
def test_misfits(ratio):
    with pytest.raises(ValueError, match="l2_ratio must be"):
        GroupLasso(l2_ratio=ratio)
