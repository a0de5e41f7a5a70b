"""Groups of rows for several targets: the groups of I (x) X, certified by the oracle of one."""

from types import SimpleNamespace

import numpy as np
import penalty_oracles
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from softreg_fast import Design, MultiTaskLasso, cv_path, path, solve
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.losses import Huber
from softreg_fast.penalties import GroupLasso, GroupMCP, SparseGroupLasso
from softreg_fast.solvers import group_engine

PENALTIES = {
    "groups": GroupLasso(size=4),
    "sparse groups": SparseGroupLasso(size=4, l1_ratio=0.3),
    "with l2": GroupLasso(size=4, l2_ratio=0.3),
    "free": GroupLasso(groups=np.arange(24) // 4 - 1),
}


def data(rng, n=40, p=24, n_tasks=3, density=1.0):
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    return X, X[:, :5] @ rng.standard_normal((5, n_tasks)) + rng.standard_normal((n, n_tasks))


def kronecker(X, Y, s, fit_intercept):
    """Return I (x) X, the stacked targets and their weights of sum 1."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)
    s = np.full(len(X), 1 / len(X)) if s is None else s / s.sum()
    if fit_intercept:
        X, Y = X - s @ X, Y - s @ Y
    n_tasks = Y.shape[1]
    return np.kron(np.eye(n_tasks), X), Y.T.reshape(-1), np.tile(s, n_tasks) / n_tasks


def check(X, Y, fits, penalty, *, s=None, fit_intercept=True):
    """Assert the gaps by the oracle of one target, whose objective is that of all over n_tasks."""
    n_tasks, p = Y.shape[1], X.shape[1]
    K, y, weights = kronecker(X, Y, s, fit_intercept)
    labels = penalty.groups if np.ndim(penalty.groups) else np.arange(p) // penalty.size
    c = np.sqrt(np.bincount(labels[labels >= 0]))
    sharp = 1 - penalty.l2_ratio
    thin = np.full(c.size, sharp * penalty.l1_ratio)
    labels = np.tile(labels, n_tasks)
    for fit in fits:
        alpha = fit.alpha / n_tasks
        l2 = alpha * penalty.l2_ratio * np.append(c, 0.0)[labels]
        more = np.vstack([K * np.sqrt(weights)[:, np.newaxis], np.diag(np.sqrt(l2))])
        also = np.append(y * np.sqrt(weights), np.zeros(len(labels)))
        root = np.sqrt(len(more))
        alone = SimpleNamespace(coef=fit.coef.reshape(-1), alpha=alpha)
        gap, null = penalty_oracles.group_gap(
            root * more,
            root * also,
            alone,
            labels,
            sharp * (1 - penalty.l1_ratio) * c,
            thin,
            fit_intercept=False,
        )
        assert n_tasks * gap <= fit.tol + 1e-12 * null
        assert fit.gap <= fit.tol


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_array], ids=["dense", "csc"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_alpha_is_certified(rng, penalty, layout, fit_intercept, weighted):
    X, Y = data(rng, density=0.6)
    s = rng.random(len(Y)) if weighted else None
    options = {"n_alphas": 6, "eps": 0.01, "tol": 1e-11, "sample_weight": s}
    fits = path(layout(X), Y, penalty=penalty, fit_intercept=fit_intercept, **options)
    assert fits.converged
    assert fits.df[0] == 4 * (np.ndim(penalty.groups) > 0) < fits.df[1]
    check(X, Y, fits, penalty, s=s, fit_intercept=fit_intercept)


@pytest.mark.parametrize("shape", [(120, 24), (12, 120)], ids=["tall", "wide"])
@pytest.mark.parametrize("residual", [False, True], ids=["", "residual"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3])
def test_every_form_of_newton_and_epochs(rng, monkeypatch, shape, residual, l1_ratio):
    if residual:
        monkeypatch.setattr(group_engine, "SLOTS_PER_SAMPLE", 0.0)
    monkeypatch.setattr(group_engine, "NEWTON_CALL", 0.0)
    X, Y = data(rng, *shape)
    penalty = SparseGroupLasso(size=4, l1_ratio=l1_ratio)
    fits = path(X, Y, penalty=penalty, n_alphas=5, eps=0.02, tol=1e-11)
    assert fits.converged
    check(X, Y, fits, penalty)


@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_groups_of_one_are_the_multi_task_lasso(rng, standardize):
    X, Y = data(rng)
    design = MultiTaskDesign(X, Y, standardize=standardize)
    options = {"n_alphas": 6, "eps": 0.05, "tol": 1e-12}
    rows = path(design, **options)
    fits = path(X, Y, penalty=GroupLasso(groups=np.arange(24)), standardize=standardize, **options)
    assert_allclose(fits.alphas, rows.alphas, rtol=1e-12)
    assert_allclose(fits.coefs.toarray(), rows.coefs.toarray(), atol=1e-5)
    alpha = float(fits.alphas[3])
    if not standardize:
        model = MultiTaskLasso(alpha=alpha, tol=1e-12).fit(X, Y)
        assert_allclose(fits[3].coef, model.coef_, atol=1e-5)


def test_group_mcp_is_that_of_the_kronecker_product(rng):
    X, Y = data(rng, 100, 12)
    fits = path(X, Y, penalty=GroupMCP(size=4), n_alphas=8, eps=0.1)
    assert fits.stationarity.max() <= 1e-9
    K, y, _ = kronecker(X, Y, None, True)
    labels = np.tile(np.arange(12) // 4, 3)
    # the curvature of a column, the unit of gamma, is a third of that of X
    penalty = GroupMCP(groups=labels, group_weights=np.full(3, 2.0))
    alone = path(K, y, penalty=penalty, alphas=fits.alphas / 3.0, fit_intercept=False)
    each = [np.abs(f.coef.reshape(-1) - g.coef).max() for f, g in zip(fits, alone, strict=True)]
    assert np.median(each) <= 1e-8  # descent may choose another valley


def test_one_fit_is_that_of_the_path(rng):
    X, Y = data(rng)
    penalty = GroupLasso(size=4)
    fits = path(X, Y, penalty=penalty, n_alphas=5, tol=1e-12)
    fit = solve(X, Y, alpha=float(fits.alphas[2]), penalty=penalty, tol=1e-12)
    assert_allclose(fit.coef, fits[2].coef, atol=1e-5)
    assert fit.coef.shape == (3, 24)
    again = solve(
        Design(X), Y, alpha=float(fits.alphas[2]), penalty=penalty, tol=1e-12, coef_init=fit.coef
    )
    assert_allclose(again.coef, fit.coef, atol=1e-5)
    assert_allclose(fit.predict(X), X @ fit.coef.T + fit.intercept)
    groups = fit.coef.any(axis=0).reshape(6, 4)
    assert np.all(groups.all(axis=1) == groups.any(axis=1))


def test_folds(rng):
    X, Y = data(rng, 60)
    found = cv_path(X, Y, penalty=GroupLasso(size=4), n_alphas=6, cv=3)
    check(X, Y, found.path, GroupLasso(size=4))
    assert found.path[0].coef.shape == (3, 24)


def test_misfits(rng):
    X, Y = data(rng)
    for words, options in (
        ("solver='auto' only", {"solver": "cd"}),
        ("expected a vector", {"loss": Huber(delta=1.0)}),
        ("bounds are not for GroupLasso", {"bounds": (-1.0, 1.0)}),
        ("inconsistent numbers of samples", {"y": Y[1:]}),
        ("alpha is 0", {"alphas": [0.0]}),
    ):
        with pytest.raises(ValueError, match=words):
            path(X, **{"y": Y, "penalty": GroupLasso(size=4), **options})
