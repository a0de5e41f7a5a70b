"""Relaxed fits: least squares on the supports of a path, and blends with the path."""

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import dense
from scipy.optimize import nnls
from sklearn.model_selection import KFold

from softreg_fast import Design, LassoCV, Penalty, cv_path, path, relaxed_path
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.paths.relaxed import GAMMAS, relax_fits
from softreg_fast.solvers.problem import Problem


@pytest.fixture(params=problems.KINDS)
def data(request, rng):
    density = 0.3 if request.param == "sparse" else 1.0
    return problems.make_kind(rng, request.param, density=density)


def loss(X, y, s, w, b):
    return np.average((y - X @ w - b) ** 2, weights=s) / 2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_refits_are_least_squares_on_the_support(rng, data, weighted, fit_intercept, l1_ratio):
    X, y = data
    s = rng.uniform(0.2, 2.0, len(y)) if weighted else np.ones(len(y))
    options = {"fit_intercept": fit_intercept, "l1_ratio": l1_ratio, "n_alphas": 15, "eps": 0.02}
    found = relaxed_path(X, y, sample_weight=s, **options)
    A, root = dense(X), np.sqrt(s)
    for k in range(len(found.path)):
        support = np.flatnonzero(found.path[k].coef)
        assert not np.any(np.delete(found.refits[k].coef, support))
        columns = np.column_stack([A[:, support], np.ones(len(y))])
        columns = columns if fit_intercept else columns[:, :-1]
        best = np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]
        least = np.average((y - columns @ best) ** 2, weights=s) / 2
        model = found.refits[k]
        null = found.path.null_loss
        assert loss(A, y, s, model.coef, model.intercept) <= least + 1e-11 * null
        assert model.dev_ratio == pytest.approx(1 - least / null, abs=1e-9)
        assert 0 <= model.gap <= 1e-11 * null


@pytest.mark.parametrize("bounded", [False, True])
def test_blends_lie_between(rng, data, bounded):
    X, y = data
    s = rng.uniform(0.2, 2.0, len(y))
    found = relaxed_path(X, y, sample_weight=s, n_alphas=8, eps=0.05, positive=bounded)
    A = dense(X)
    assert found.at(1.0) is found.path
    assert found.at(0.0) is found.refits
    for gamma in (0.25, 0.8):
        blend = found.at(gamma)
        expected = gamma * found.path.coefs + (1 - gamma) * found.refits.coefs
        assert_allclose(blend.coefs.toarray(), expected.toarray(), rtol=1e-14)
        for k in range(len(blend)):
            model = blend[k]
            share = 1 - loss(A, y, s, model.coef, model.intercept) / found.path.null_loss
            assert model.dev_ratio == pytest.approx(share, abs=1e-9)
            assert model.df == np.count_nonzero(model.coef)
    with pytest.raises(ValueError, match="gamma must be a finite number in"):
        found.at(1.5)


def test_refits_stay_in_the_bounds(rng):
    X, y = problems.make_data(rng, 40, 8)
    found = relaxed_path(X, y, positive=True, fit_intercept=False, n_alphas=10, eps=0.01)
    for k in range(len(found.path)):
        support = np.flatnonzero(found.path[k].coef)
        expected = nnls(X[:, support], y)[0] if support.size else []
        assert_allclose(found.refits[k].coef[support], expected, rtol=1e-6, atol=1e-8)
    boxed = relaxed_path(X, y, bounds=(-0.1, 0.1), n_alphas=5, eps=0.01)
    assert np.abs(boxed.refits.coefs.data).max() <= 0.1


def test_dependent_columns_get_the_refit_of_least_norm(rng):
    X, y = problems.make_data(rng, 30, 3)
    X = np.column_stack([X, X[:, 0]])
    found = relaxed_path(X, y, alphas=[1e-3], l1_ratio=0.5)  # takes both copies
    w = found.refits[0].coef
    assert w[0] == pytest.approx(w[3], rel=1e-6)


def test_a_path_without_features(rng):
    X, y = problems.make_data(rng, 20, 3)
    found = relaxed_path(X, y, alphas=[1e9])
    assert found.refits.coefs.nnz == 0
    assert found.refits.intercepts[0] == pytest.approx(y.mean())
    constant = relaxed_path(X, np.ones(20), n_alphas=3)
    assert_array_equal(constant.at(0.5).df, 0)
    for bounded in (False, True):
        found = relaxed_path(X, np.ones(20), n_alphas=3, positive=bounded)
        for gamma in (0.0, 0.5, 1.0):
            assert_array_equal(found.at(gamma).dev_ratio, 0.0)


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_cross_validation_tries_every_gamma(rng, data):
    X, y = data
    found = cv_path(X, y, relax=True, cv=KFold(3), n_alphas=12, eps=0.05)
    assert_array_equal(found.gammas, GAMMAS)
    assert found.errors_by_gamma.shape == (5, 1, 12, 3)
    A, n = dense(X), len(y)
    for k, test in enumerate(np.array_split(np.arange(n), 3)):
        weight = np.ones(n)
        weight[test] = 0.0
        design = Design(X, y, weight)
        fits = relax_fits(Problem(design, Penalty()), path(design, alphas=found.alphas[0]))
        for g, gamma in enumerate(GAMMAS):
            blend = fits.at(gamma)
            missing = y[test, None] - A[test] @ blend.coefs.toarray() - blend.intercepts
            expected = (missing**2).mean(axis=0)
            assert_allclose(found.errors_by_gamma[g, 0, :, k], expected, rtol=1e-6)
    g, _, a = np.unravel_index(
        found.errors_by_gamma.mean(-1).argmin(), found.errors_by_gamma.shape[:3]
    )
    assert (found.gamma, found.index_min) == (GAMMAS[g], a)
    assert_array_equal(found.errors, found.errors_by_gamma[g])
    plain = cv_path(X, y, cv=KFold(3), n_alphas=12, eps=0.05)
    assert_allclose(found.errors_by_gamma[0], plain.errors, rtol=1e-10)
    model = LassoCV(relax=GAMMAS, cv=3, alphas=12, eps=0.05).fit(X, y)
    assert model.gamma_ == found.gamma
    assert_allclose(model.predict(X), found.predict(X))
    assert not hasattr(LassoCV(cv=3, alphas=5).fit(X, y), "gamma_")


def test_relaxing_finds_a_sparse_truth(rng):
    # few strong features: shrinkage only hurts, so that the refit predicts better with fewer
    X = rng.standard_normal((200, 40))
    y = X[:, :3] @ [5.0, -4.0, 3.0] + rng.standard_normal(200)
    found = cv_path(X, y, relax=True)
    plain = cv_path(X, y)
    assert found.gamma < 1.0
    assert found.mean_errors.min() < plain.mean_errors.min()
    assert found.path.df[found.index] < plain.path.df[plain.index]
    assert "gamma" in str(found)


def test_bad_gammas(rng):
    X, y = problems.make_data(rng, 20, 3)
    for relax, message in (([0.5, 2.0], "relax must be a finite number in"), ([], "relax must be")):
        with pytest.raises(ValueError, match=message):
            cv_path(X, y, relax=relax)
    with pytest.raises(
        TypeError, match=r"relax must be True, False or gammas in \[0, 1\], got 'yes'"
    ):
        cv_path(X, y, relax="yes")
    for relax in (True, 0.0, [0.25]):
        with pytest.raises(ValueError, match="relax and patience need folds"):
            cv_path(X, y, relax=relax, criterion="bic")


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_predictions_are_those_of_the_blend(data, gamma):
    X, y = data
    found = relaxed_path(X, y, n_alphas=6, eps=0.1)
    blend = gamma * found.path.coefs.toarray() + (1 - gamma) * found.refits.coefs.toarray()
    intercepts = gamma * found.path.intercepts + (1 - gamma) * found.refits.intercepts
    expected = dense(X) @ blend + intercepts
    assert_allclose(found.predict(X, gamma=gamma), expected, rtol=1e-10, atol=1e-10)
    alphas = found.path.alphas[[1, 3]]
    assert_allclose(found.predict(X, alphas, gamma), expected[:, [1, 3]], rtol=1e-10, atol=1e-10)
    assert_allclose(found.coef_at(alphas, gamma), blend[:, [1, 3]], rtol=1e-10, atol=1e-12)
    if gamma == 0.0:
        assert_array_equal(found.predict(X), found.predict(X, gamma=0.0))


def test_relaxed_fits_of_several_targets():
    X = np.random.default_rng(0).random((20, 3))
    design = MultiTaskDesign(X, X[:, :2])
    for call in (relaxed_path, lambda d: cv_path(d, relax=True)):
        with pytest.raises(ValueError, match="one target"):
            call(design)
