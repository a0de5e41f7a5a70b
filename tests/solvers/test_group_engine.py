"""GroupEngine: certified by the penalties' own violations and by a duality gap of its own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import penalty_oracles
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import (
    Design,
    MultiTaskLasso,
    cv_path,
    path,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.losses import Quantile
from softreg_fast.penalties import GroupLasso, SparseGroupLasso
from softreg_fast.solvers import group_engine

INF = np.inf
RATIOS = {"group": 0.0, "sparse": 0.3, "thin": 0.9}

LAYOUTS = {
    "dense": np.asfortranarray,
    "rows": np.ascontiguousarray,
    "csc": sp.csc_array,
    "csc int64": lambda X: problems.int64_indices(sp.csc_array(X)),
    "float32": lambda X: np.asfortranarray(X, np.float32),
}

each_ratio = pytest.mark.parametrize("ratio", RATIOS.values(), ids=RATIOS)


def make(ratio, **settings):
    return SparseGroupLasso(l1_ratio=ratio, **settings) if ratio else GroupLasso(**settings)


def data(rng, n=50, p=80, density=1.0):
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    X *= rng.random((n, p)) < density
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    return X, y


def labels_of(rng, p, most=9):
    """Return labels of groups of 1 to about 12 features, in no order."""
    return np.unique(rng.integers(0, max(p // most, 2), p), return_inverse=True)[1]


def as_dense(X):
    return np.asarray(X.toarray() if sp.issparse(X) else X, np.float64)


def parts(penalty, labels):
    """Return the weights c_g and a_g of a penalty with default group weights or its own."""
    sizes = np.bincount(labels[labels >= 0])
    c = np.sqrt(sizes) if penalty.group_weights is None else np.asarray(penalty.group_weights)
    return penalty.strength * (1 - penalty.l1_ratio) * c, np.full(
        sizes.size, penalty.strength * penalty.l1_ratio
    )


def check(X, y, fits, penalty, *, s=None, fit_intercept=True, standardize=False):
    """Assert that the gaps are true, by an oracle and by the penalty's own proximal step.

    A step of length 1 / L from w, L the largest eigenvalue of the loss, lowers the objective by
    L / 2 times its squared length, at least, which is at most the gap.
    """
    X = as_dense(X)
    labels = np.asarray(penalty.groups)
    weights = np.full(len(X), 1 / len(X)) if s is None else s / np.sum(s)
    centred = X - weights @ X if fit_intercept else X
    scale = np.sqrt(weights @ np.square(centred)) if standardize else np.ones(X.shape[1])
    scale[scale == 0.0] = 1.0
    centred = centred / scale
    curvature = np.linalg.norm(centred * np.sqrt(weights)[:, np.newaxis], 2) ** 2
    own = {"s": s, "fit_intercept": fit_intercept, "standardize": standardize}
    for fit in fits:
        gap, null = penalty_oracles.group_gap(X, y, fit, labels, *parts(penalty, labels), **own)
        assert gap <= fit.tol + 1e-12 * null
        assert fit.gap <= fit.tol
        gradient = -centred.T @ (weights * (y - X @ fit.coef - fit.intercept))
        at = replace(penalty, strength=penalty.strength * fit.alpha)
        w = fit.coef * scale
        step = w - at.prox(w - gradient / curvature, 1.0 / curvature)
        assert 0.5 * curvature * step @ step <= fit.tol + 1e-12 * null


@each_ratio
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_every_alpha_is_certified(rng, ratio, layout, standardize, fit_intercept, weighted):
    X, y = data(rng, 40, 60, density=0.6)
    X = layout(X)
    s = rng.random(len(y)) if weighted else None
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    penalty = make(ratio, groups=labels_of(rng, 60))
    fits = path(X, y, penalty=penalty, n_alphas=8, eps=0.01, sample_weight=s, tol=1e-12, **options)
    assert fits.converged
    assert fits.certificate == "duality gap"
    assert fits.stationarity is None
    assert fits.df[0] == 0 < fits.df[-1]
    check(X, y, fits, penalty, s=s, **options)


@each_ratio
def test_slopes_are_stationary(rng, ratio):
    X, y = data(rng)
    penalty = make(ratio, groups=labels_of(rng, 80))
    distances = []
    for fit in path(X, y, penalty=penalty, n_alphas=20, eps=0.02, tol=1e-14):
        at = replace(penalty, strength=fit.alpha)
        gradient = -X.T @ (y - X @ fit.coef - fit.intercept) / len(y)
        distances.append(at.violation(fit.coef, gradient).max() / fit.alpha)
    assert np.median(distances) <= 1e-6  # a tiny coefficient in place of 0 makes some larger


@each_ratio
def test_the_default_tolerance_is_met(rng, ratio):
    X, y = data(rng, 60, 200)
    penalty = make(ratio, groups=labels_of(rng, 200))
    fits = path(X, y, penalty=penalty, n_alphas=30, eps=0.01)
    assert fits.relative_gaps.max() <= 2e-6
    check(X, y, fits, penalty)


@each_ratio
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_alpha_max_is_where_the_first_group_enters(rng, ratio, standardize):
    X, y = data(rng)
    labels = labels_of(rng, 80)
    labels[:2] = -1
    labels = np.where(labels < 0, -1, np.unique(labels, return_inverse=True)[1] - 1)
    penalty = make(ratio, groups=labels)
    options = {"penalty": penalty, "standardize": standardize, "tol": 1e-13}
    largest = path(X, y, n_alphas=2, eps=0.5, **options).alphas[0]
    fits = path(X, y, alphas=[1.000001 * largest, 0.9999 * largest], **options)
    assert fits.df[0] == 2 < fits.df[1]


@pytest.mark.parametrize("shape", [(200, 30), (30, 200)], ids=["tall", "wide"])
@each_ratio
def test_every_strategy_gives_the_same(rng, ratio, shape, monkeypatch):
    X, y = data(rng, *shape)
    penalty = make(ratio, groups=labels_of(rng, shape[1]))
    options = {"penalty": penalty, "n_alphas": 10, "eps": 0.02, "tol": 1e-13}
    fits = [path(X, y, precompute=precompute, **options) for precompute in (True, False)]
    monkeypatch.setattr(group_engine, "SLOTS_PER_SAMPLE", 0.01)
    fits.append(path(X, y, precompute=False, **options))
    assert [each.strategy for each in fits[::2]] == ["gram", "residual"]
    assert fits[1].strategy in ("working set", "residual")
    for other in fits[1:]:
        assert other.converged
        assert_allclose(other.coefs.toarray(), fits[0].coefs.toarray(), atol=1e-5)
    check(X, y, fits[2], penalty)


@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@each_ratio
def test_groups_of_one_are_the_weighted_lasso(rng, ratio, standardize):
    X, y = data(rng)
    weights = rng.random(80)
    weights[:3] = [0.0, 5.0, INF]
    penalty = make(ratio, strength=0.5, group_weights=weights)
    options = {"n_alphas": 15, "eps": 0.02, "standardize": standardize}
    fits = path(X, y, penalty=penalty, tol=1e-14, **options)
    whole = 0.5 * (ratio + (1 - ratio) * weights)
    lasso = path(X, y, l1_weights=whole, **options)
    assert_allclose(fits.alphas, lasso.alphas, rtol=1e-9)
    exact = path(X, y, l1_weights=whole, alphas=fits.alphas, standardize=standardize)
    assert_allclose(fits.coefs.toarray(), exact.coefs.toarray(), rtol=1e-8, atol=1e-9)


def test_sparse_groups_at_their_ends(rng):
    X, y = data(rng)
    labels = labels_of(rng, 80)
    alphas = np.geomspace(0.5, 0.02, 8)
    lasso = path(X, y, alphas=alphas)
    one = path(
        X, y, penalty=SparseGroupLasso(groups=labels, l1_ratio=1.0), alphas=alphas, tol=1e-14
    )
    assert_allclose(one.coefs.toarray(), lasso.coefs.toarray(), atol=1e-8)
    zero = path(
        X, y, penalty=SparseGroupLasso(groups=labels, l1_ratio=0.0), alphas=alphas, tol=1e-14
    )
    group = path(X, y, penalty=GroupLasso(groups=labels), alphas=alphas, tol=1e-14)
    assert_array_equal(zero.coefs.toarray(), group.coefs.toarray())


def test_rows_of_several_tasks_are_groups(rng):
    X, _ = data(rng, 40, 20)
    Y = X[:, :3] @ rng.standard_normal((3, 2)) + rng.standard_normal((40, 2))
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    for alpha in (1.0, 0.3, 0.1):
        rows = MultiTaskLasso(alpha=alpha, tol=1e-12).fit(X, Y)
        stacked = solve(
            np.kron(X, np.eye(2)),
            Y.ravel(),
            penalty=GroupLasso(size=2, strength=1 / np.sqrt(2)),
            alpha=alpha / 2,
            fit_intercept=False,
            tol=1e-14,
        )
        assert_allclose(stacked.coef.reshape(20, 2).T, rows.coef_, atol=1e-7)


@each_ratio
def test_orthogonal_columns_are_proximal_points(rng, ratio):
    X = np.linalg.qr(rng.standard_normal((60, 12)))[0] * np.sqrt(60.0)
    y = X @ np.linspace(-3.0, 3.0, 12) + rng.standard_normal(60)
    penalty = make(ratio, groups=[0, 1, 1, 2, 2, 2, 0, 3, 3, 3, 3, 3])
    for alpha in (0.1, 0.4, 1.0):
        fit = solve(X, y, alpha=alpha, penalty=penalty, fit_intercept=False, tol=1e-15)
        at = replace(penalty, strength=alpha)
        assert_allclose(fit.coef, at.prox(X.T @ y / 60.0, 1.0), atol=1e-10)


def test_one_group_by_its_secular_equation(rng):
    X, y = data(rng, 60, 5)
    alpha = 0.3
    fit = solve(
        X, y, alpha=alpha, penalty=GroupLasso(groups=[0] * 5), fit_intercept=False, tol=1e-15
    )
    size = np.linalg.norm(fit.coef)
    ridge = np.linalg.solve(X.T @ X / 60 + alpha * np.sqrt(5) / size * np.eye(5), X.T @ y / 60)
    assert_allclose(fit.coef, ridge, rtol=1e-9)


@each_ratio
def test_order_is_of_no_effect_and_weights_are_repeated_rows(rng, ratio):
    X, y = data(rng, 40, 30)
    s, labels = rng.integers(1, 4, 40), labels_of(rng, 30)
    options = {"n_alphas": 8, "eps": 0.05, "tol": 1e-14}
    fits = path(X, y, sample_weight=s, penalty=make(ratio, groups=labels), **options)
    rows = np.repeat(np.arange(40), s)
    repeated = path(X[rows], y[rows], penalty=make(ratio, groups=labels), **options)
    assert_allclose(fits.coefs.toarray(), repeated.coefs.toarray(), atol=1e-6)
    turn = rng.permutation(30)
    other = make(ratio, groups=rng.permutation(labels.max() + 1)[labels[turn]])
    turned = path(X[:, turn], y, sample_weight=s, penalty=other, **options)
    assert_allclose(turned.coefs.toarray(), fits.coefs.toarray()[turn], atol=1e-6)


@each_ratio
def test_degenerate_columns_and_features_without_penalty(rng, ratio):
    X, y = data(rng, 40, 50)
    X = problems.degenerate(X)
    labels = np.repeat(np.arange(10), 5)
    labels[[1, 11, 16]] = -1  # the third is a multiple of the first
    penalty = make(ratio, groups=labels, group_weights=np.append(0.0, np.ones(9)))
    fits = path(X, y, penalty=penalty, n_alphas=8, eps=0.01, tol=1e-11)
    assert fits.converged
    check(X, y, fits, penalty)
    assert not fits.coefs.toarray()[-2:].any()


@each_ratio
def test_groups_larger_than_the_samples(rng, ratio):
    X, y = data(rng, 20, 90)
    penalty = make(ratio, groups=np.repeat([0, 1, 2], [50, 35, 5]))
    fits = path(X, y, penalty=penalty, n_alphas=8, eps=0.05, tol=1e-11)
    assert fits.converged
    check(X, y, fits, penalty)


def test_collinear_dummies_by_their_closed_form(rng):
    levels, rows = 4, 6
    level = np.repeat(np.arange(levels), rows)
    X = (level[:, np.newaxis] == np.arange(levels)).astype(float)
    y = np.array([1.0, 2.0, 4.0, 7.0])[level] + rng.standard_normal(level.size)
    away = np.array([y[level == k].mean() for k in range(levels)]) - y.mean()
    size = np.linalg.norm(away)
    penalty = GroupLasso(groups=[0] * levels)
    fit = solve(X, y, alpha=0.1, penalty=penalty, tol=1e-14)
    shrunk = max(1.0 - 0.1 * levels**1.5 / size, 0.0)
    assert_allclose(fit.coef, shrunk * away, atol=1e-10)
    assert_allclose(fit.intercept, y.mean())
    assert_allclose(path(X, y, penalty=penalty, n_alphas=3).alphas[0], size / levels**1.5)


@pytest.mark.parametrize("unit", [1e-160, 1e-20, 1e30, 1e150])
def test_units_of_X_and_y(rng, unit):
    X, y = data(rng, 40, 20)
    penalty = GroupLasso(groups=labels_of(rng, 20, 5))
    options = {"penalty": penalty, "n_alphas": 5, "eps": 0.05, "tol": 1e-13}
    fits = path(X, y, **options)
    scaled = path(X * unit, y, **options)
    assert_allclose(scaled.coefs.toarray() * unit, fits.coefs.toarray(), atol=1e-6)
    of_y = path(X, y * 1e30, **options)
    assert_allclose(of_y.coefs.toarray() / 1e30, fits.coefs.toarray(), atol=1e-6)


def test_names_of_columns(rng):
    X, y = data(rng, 40, 6)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    wanted = solve(X, y, alpha=0.2, penalty=GroupLasso(groups=[0, 0, 1, 1, 2, 2]))
    for groups in (
        [["a", "b"], ["d", "c"], ["e", "f"]],
        {"a": 9, "b": 9, "c": 3, "d": 3, "e": 5, "f": 5},
    ):
        fit = solve(frame, y, alpha=0.2, penalty=GroupLasso(groups=groups))
        assert_allclose(fit.coef, wanted.coef, atol=1e-5)


@each_ratio
def test_everything_around_a_path(rng, ratio):
    X, y = data(rng, 80, 30)
    penalty = make(ratio, groups=labels_of(rng, 30))
    found = cv_path(X, y, penalty=penalty, n_alphas=20)
    check(X, y, found.path, penalty)
    assert cv_path(X, y, penalty=penalty, n_alphas=20, criterion="bic").path.converged
    assert relaxed_path(X, y, penalty=penalty, n_alphas=20, eps=0.05).path.converged
    stable = stability_path(X, y, penalty=penalty, n_subsamples=10, n_alphas=20, eps=0.1)
    assert len(stable.max_frequencies) == penalty.groups.max() + 1  # of groups
    steps = []
    path(X, y, penalty=penalty, n_alphas=5, callback=steps.append)
    assert len(steps) == 5
    assert all(step.gap <= step.tol for step in steps)


@pytest.mark.filterwarnings("ignore:The last alpha")
def test_folds_are_fitted_by_themselves(rng):
    X, y = data(rng, 60, 20)
    penalty = GroupLasso(groups=labels_of(rng, 20, 5))
    folds = [(np.arange(20, 60), np.arange(20)), (np.arange(40), np.arange(40, 60))]
    found = cv_path(X, y, penalty=penalty, alphas=[1.0, 0.3, 0.1], cv=folds, tol=1e-12)
    for k, (train, test) in enumerate(folds):
        fits = path(X[train], y[train], penalty=penalty, alphas=[1.0, 0.3, 0.1], tol=1e-12)
        errors = np.mean(np.square(y[test, np.newaxis] - fits.predict(X[test])), axis=0)
        assert_allclose(found.errors[..., k].ravel(), errors, rtol=1e-5)


def test_several_l1_ratios_are_searched(rng):
    X, y = data(rng, 80, 30)
    labels = labels_of(rng, 30)
    each = [SparseGroupLasso(groups=labels, l1_ratio=a) for a in (0.1, 0.5, 0.9)]
    found = cv_path(X, y, penalty=each, n_alphas=20)
    assert found.penalty in each


@each_ratio
def test_threads_give_the_same(rng, ratio, monkeypatch):
    monkeypatch.setattr("softreg_fast.system.threads.SMALLEST_PARALLEL_WORK", 1)
    X, y = data(rng)
    penalty = make(ratio, groups=labels_of(rng, 80))
    fits = [path(X, y, penalty=penalty, n_alphas=20, n_threads=k) for k in (1, 2, 3)]
    for other in fits[1:]:
        assert_allclose(other.coefs.toarray(), fits[0].coefs.toarray(), atol=1e-9)


@each_ratio
def test_a_start_at_the_solution_stays(rng, ratio):
    X, y = data(rng)
    penalty = make(ratio, groups=labels_of(rng, 80))
    fit = solve(X, y, alpha=0.1, penalty=penalty, tol=1e-13)
    again = solve(X, y, alpha=0.1, penalty=penalty, tol=1e-13, coef_init=fit.coef)
    assert again.n_epochs <= 10
    assert_allclose(again.coef, fit.coef, atol=1e-6)
    elsewhere = solve(X, y, alpha=0.1, penalty=penalty, tol=1e-13, coef_init=rng.random(80))
    assert_allclose(elsewhere.coef, fit.coef, atol=1e-5)


def test_limits(rng):
    X, y = data(rng)
    penalty = GroupLasso(groups=labels_of(rng, 80))
    with pytest.warns(UserWarning, match="did not converge"):
        fit = solve(X, y, alpha=0.01, penalty=penalty, tol=1e-12, max_iter=3)
    assert fit.n_epochs == 3
    assert fit.gap > fit.tol
    small = path(X, y, penalty=penalty, n_alphas=5, gram_memory=1000)
    assert small.converged
    assert small.strategy == "residual"
    assert path(X, np.ones(50), penalty=penalty, n_alphas=3).df.max() == 0


def test_misfits(rng):
    X, y = data(rng)
    penalty = GroupLasso(size=4)
    for words, options in (
        ("alpha is 0", {"alphas": [1.0, 0.0]}),
        ("under convex losses with a derivative", {"loss": Quantile(0.3)}),
        ("solver='auto' only", {"solver": "cd"}),
        ("solver='auto' only", {"solver": "gradient"}),
        ("bounds are not for GroupLasso", {"bounds": (0.0, None)}),
        ("positive was given too", {"positive": True}),
        ("l1_ratio was given too", {"l1_ratio": 0.5}),
    ):
        with pytest.raises(ValueError, match=words):
            path(X, y, penalty=penalty, **options)
    with pytest.raises(ValueError, match="does not divide"):
        path(X, y, penalty=GroupLasso(size=7))


def test_a_design_may_be_shared(rng):
    X, y = data(rng)
    design, penalty = Design(X, y), GroupLasso(size=4)
    first = path(design, penalty=penalty, n_alphas=10)
    path(design, n_alphas=10)
    assert_array_equal(
        path(design, penalty=penalty, n_alphas=10).coefs.toarray(), first.coefs.toarray()
    )
