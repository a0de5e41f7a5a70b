"""Refits of several classes: without penalty on the features selected for any class."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.model_selection import StratifiedKFold

from softreg_fast import cv_path, path, relaxed_path
from softreg_fast.losses import Multinomial
from softreg_fast.paths.refits import dev_ratios, features_in

BOTH = pytest.mark.parametrize("grouped", [False, True])


def sample(rng, n=90):
    X = rng.standard_normal((n, 5))
    eta = X[:, :3] @ rng.standard_normal((3, 3))
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    return X, np.array([rng.choice(3, p=each) for each in p])


def smallest(columns, y, weight, bound=np.inf):
    """Return the smallest mean loss on some columns, the last of them free of the bounds."""
    truth, shape = np.eye(3)[y], (columns.shape[1], 3)

    def value(w):
        eta = columns @ w.reshape(shape)
        eta -= eta.max(axis=1, keepdims=True)
        p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
        slope = columns.T @ (weight[:, np.newaxis] * (p - truth)) / weight.sum()
        return -np.average(np.log((p * truth).sum(axis=1)), weights=weight), slope.ravel()

    limits = [(-bound, bound)] * (3 * (shape[0] - 1)) + [(None, None)] * 3
    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9}
    return minimize(value, np.zeros(np.prod(shape)), jac=True, bounds=limits, options=options).fun


def mean_loss(X, y, weight, model):
    p = model.predict(X, kind="proba")
    return -np.average(np.log(p[np.arange(len(y)), y]), weights=weight)


@BOTH
@pytest.mark.parametrize("weighted", [False, True])
def test_refits_minimise_the_loss_on_the_support(rng, grouped, weighted):
    X, y = sample(rng)
    weight = rng.integers(1, 4, 90).astype(float) if weighted else np.ones(90)
    found = relaxed_path(
        X, y, loss=Multinomial(grouped), n_alphas=6, eps=0.05, sample_weight=weight
    )
    for k, fit in enumerate(found.path):
        refit, support = found.refits[k], np.flatnonzero(fit.coef.any(axis=0))
        assert not np.any(np.delete(refit.coef, support, axis=1))
        least = smallest(np.column_stack([X[:, support], np.ones(90)]), y, weight)
        assert mean_loss(X, y, weight, refit) == pytest.approx(least, abs=1e-8)
        assert refit.dev_ratio >= fit.dev_ratio - 1e-9
        assert refit.df == fit.df == support.size
    assert_allclose(found.refits.coefs.toarray().reshape(5, -1, 3).sum(axis=2), 0.0, atol=1e-12)


@BOTH
def test_blends(rng, grouped):
    X, y = sample(rng)
    found = relaxed_path(X, y, loss=Multinomial(grouped), n_alphas=6, eps=0.05)
    one = np.ones(90)
    null = mean_loss(X, y, one, found.path[0])
    for gamma in (0.0, 0.3, 1.0):
        blend = found.at(gamma)
        assert blend.df.tolist() == found.path.df.tolist()
        for k, model in enumerate(blend):
            expected = gamma * found.path[k].coef + (1 - gamma) * found.refits[k].coef
            assert_allclose(model.coef, expected, atol=1e-12)
            ratio = 1.0 - mean_loss(X, y, one, model) / null
            assert model.dev_ratio == pytest.approx(ratio, abs=1e-7)
    assert found.predict(X, gamma=0.3, kind="proba").shape == (90, 3, 6)


@pytest.mark.parametrize("how", ["relaxed", "unpenalised"])
def test_bounds_hold_for_coefficients_without_a_penalty(rng, how):
    # which are not moved to the sum 0 there, for that could leave the bounds
    X, y = sample(rng)
    bounds = -0.2, 0.2
    if how == "relaxed":
        model = relaxed_path(X, y, loss="multinomial", n_alphas=6, bounds=bounds).refits[-1]
    else:
        given = {"l1_weights": 0.0, "bounds": bounds, "tol": 1e-10}
        model = path(X, y, loss="multinomial", alphas=[1.0], **given)[0]
    assert np.abs(model.coef).max() == 0.2
    assert model.df == 5
    least = smallest(np.column_stack([X, np.ones(90)]), y, np.ones(90), 0.2)
    assert mean_loss(X, y, np.ones(90), model) == pytest.approx(least, abs=1e-8)


@BOTH
@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_cross_validation_tries_every_gamma(rng, grouped):
    X, y = sample(rng)
    splits, loss = list(StratifiedKFold(3).split(X, y)), Multinomial(grouped)
    options = {"loss": loss, "tol": 1e-9}
    found = cv_path(X, y, relax=[1.0, 0.5, 0.0], cv=splits, n_alphas=5, eps=0.1, **options)
    for k, (train, test) in enumerate(splits):
        fits = relaxed_path(X[train], y[train], alphas=found.alphas[0], **options)
        for g, gamma in enumerate(found.gammas):
            p = fits.predict(X[test], gamma=gamma, kind="proba")
            away = -2 * np.log(p[np.arange(len(test)), y[test]])
            assert_allclose(found.errors_by_gamma[g, 0, :, k], away.mean(axis=0), rtol=1e-4)


def test_classes_that_features_separate_have_a_finite_refit(rng):
    X = rng.standard_normal((60, 8))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    found = relaxed_path(X, y, loss="multinomial", n_alphas=8, eps=0.01)
    assert np.isfinite(found.refits.coefs.data).all()
    assert found.refits.dev_ratio[-1] > 0.99


def test_shares_of_the_deviance_and_counts_of_features(rng):
    X, y = sample(rng)
    fits = path(X, y, loss="multinomial", n_alphas=6, eps=0.05)
    design = relaxed_path(X, y, loss="multinomial", n_alphas=2).design
    assert_allclose(dev_ratios(design, fits.coefs, fits.intercepts), fits.dev_ratio, atol=1e-9)
    assert features_in(fits.coefs, len(fits)).tolist() == fits.df.tolist()
    assert features_in(fits.coefs[:, :0], 0).tolist() == []
