"""Blocks of indicators in group_slots.py and rank_one.pxd: the same fits as by eigenvectors."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

import softreg_fast as sf
from softreg_fast.penalties import GroupLasso, SparseGroupLasso
from softreg_fast.solvers import group_slots


def table(rng, n=400, levels=(40, 3, 60), numbers=3, unlabelled=0.0):
    """Return indicators of categories beside some numbers, sparse, the groups, and a target."""
    parts, groups = [rng.standard_normal((n, numbers))], list(range(numbers))
    for k, size in enumerate(levels):
        level = rng.integers(0, size, n)
        part = (level[:, np.newaxis] == np.arange(size)).astype(float)
        parts.append(part * (rng.random((n, 1)) >= unlabelled))
        groups += [numbers + k] * size
    X = np.hstack(parts)
    X = X[:, X.any(axis=0)]
    w = rng.standard_normal(X.shape[1])
    return sp.csc_array(X), np.array(groups)[: X.shape[1]], X @ w + rng.standard_normal(n)


def by_eigenvectors(monkeypatch, fit):
    monkeypatch.setattr(group_slots, "SMALLEST_RANK_ONE", 10**9)
    return fit()


@pytest.mark.parametrize("kind", [GroupLasso, SparseGroupLasso])
@pytest.mark.parametrize("unlabelled", [0.0, 0.3])
@pytest.mark.parametrize("given", [{}, {"fit_intercept": False}, {"standardize": True}])
def test_they_are_fitted_as_by_eigenvectors(rng, monkeypatch, kind, unlabelled, given):
    X, groups, y = table(rng, unlabelled=unlabelled)
    if unlabelled == 0.0 and kind is GroupLasso:
        given = given | {"sample_weight": rng.exponential(size=len(y))}

    def fit():
        return sf.path(X, y, penalty=kind(groups=groups), n_alphas=15, tol=1e-12, **given)

    fits = fit()
    others = by_eigenvectors(monkeypatch, fit)
    assert fits.converged
    assert_allclose(fits.coefs.toarray(), others.coefs.toarray(), atol=1e-7 * abs(fits.coefs).max())


def test_an_l2_part_beside_the_length(rng, monkeypatch):
    X, groups, y = table(rng)

    def fit():
        penalty = GroupLasso(groups=groups, l2_ratio=0.4)
        return sf.path(X, y, penalty=penalty, n_alphas=15, tol=1e-12)

    fits = fit()
    others = by_eigenvectors(monkeypatch, fit)
    assert_allclose(fits.coefs.toarray(), others.coefs.toarray(), atol=1e-8 * abs(fits.coefs).max())


def test_only_indicators_are_taken_for_some(rng):
    X, _, _ = table(rng, levels=(40,), numbers=0)
    C = X.toarray() - X.toarray().mean(axis=0)
    found = group_slots._rank_one(C.T @ C)
    size = C.shape[1]
    a, m = found.D[:size], found.D[size : 2 * size]
    assert_allclose(np.diag(a) - np.outer(m, m), C.T @ C, atol=1e-12 * len(C))
    assert found.D[-1] == 0.0  # the levels sum to 1 in each sample
    C[0, 0] += 1e-4
    assert group_slots._rank_one(C.T @ C) is None
    X = rng.standard_normal((100, 40))
    assert group_slots._rank_one(X.T @ X) is None


def test_many_levels_need_no_eigenvectors(rng, monkeypatch):
    X, groups, y = table(rng, n=3000, levels=(1500,), numbers=1)

    def eigh(gram):
        assert gram.shape[-1] < 100
        return plain(gram)

    plain = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", eigh)
    penalty = GroupLasso(groups=groups, group_weights=np.ones(2))
    fits = sf.path(X, y, penalty=penalty, n_alphas=5, eps=0.01)
    assert fits.converged
    assert fits.df[-1] > 1000
