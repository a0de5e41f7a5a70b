"""Relaxed fits under other losses than squared error: without penalty, on the supports."""

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.model_selection import StratifiedKFold

import softreg_fast as sf
from softreg_fast import cv_path, path, relaxed_path

LOSSES = ["logistic", "probit", "poisson", "gamma", sf.losses.NegativeBinomial(2.0)]


def sample(rng, loss, n=60):
    X = rng.standard_normal((n, 6))
    eta = X[:, :3] @ [0.5, -0.4, 0.3]
    if loss in ("logistic", "probit"):
        return X, (eta + rng.logistic(size=n) > 0).astype(float)
    return X, rng.gamma(2.0, np.exp(eta) / 2.0) if loss == "gamma" else rng.poisson(np.exp(eta))


def minimum(loss, columns, y, offset, weight):
    """Return the smallest mean loss on some columns, by quasi-Newton steps."""

    def value(w):
        eta = columns @ w + offset
        slope = columns.T @ (weight * loss.gradient(y, eta)) / weight.sum()
        return np.average(loss.value(y, eta), weights=weight), slope

    start = np.zeros(columns.shape[1])
    return minimize(value, start, jac=True, method="BFGS", options={"gtol": 1e-10}).fun


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "weights and offset"])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_refits_minimise_the_loss_on_the_support(rng, loss, plain):
    X, y = sample(rng, loss)
    n = len(y)
    weight = np.ones(n) if plain else rng.integers(0, 3, n).astype(float)
    offset = np.zeros(n) if plain else 0.3 * rng.standard_normal(n)
    given = {"fit_intercept": plain}
    if not plain:
        given |= {"sample_weight": weight, "offset": offset}
    found = relaxed_path(X, y, loss=loss, n_alphas=6, eps=0.02, **given)
    of = sf.losses.as_loss(loss)
    y = y.astype(float)

    def mean_loss(model):
        eta = X @ model.coef + model.intercept + offset
        return np.average(of.value(y, eta), weights=weight)

    for k, fit in enumerate(found.path):
        refit, support = found.refits[k], np.flatnonzero(fit.coef)
        assert not np.any(np.delete(refit.coef, support))
        columns = np.column_stack([X[:, support], np.full(n, float(plain))])
        least = minimum(of, columns, y, offset, weight)
        assert mean_loss(refit) <= least + 1e-9 * found.path.null_loss
        assert refit.dev_ratio >= fit.dev_ratio - 1e-9
    # deviances of blends, from the null model's and the saturated one's
    deviance = [2 * (mean_loss(found.path[k])) for k in (0, -1)]
    unit = (deviance[1] - deviance[0]) / (found.path.dev_ratio[-1] - found.path.dev_ratio[0])
    for gamma in (0.25, 0.8):
        blend = found.at(gamma)
        for k in range(len(blend)):
            away = 2 * mean_loss(blend[k]) - deviance[0]
            expected = found.path.dev_ratio[0] + away / unit
            assert blend[k].dev_ratio == pytest.approx(expected, abs=1e-7)
        expected = gamma * found.path.predict(X, kind="link", **_of(given)) + (
            1 - gamma
        ) * found.refits.predict(X, kind="link", **_of(given))
        assert_allclose(found.predict(X, gamma=gamma, kind="link", **_of(given)), expected)


def _of(given):
    return {"offset": given["offset"]} if "offset" in given else {}


def test_refits_stay_in_the_bounds(rng):
    X, y = sample(rng, "poisson")
    found = relaxed_path(X, y, loss="poisson", positive=True, n_alphas=6, eps=0.02)
    assert (found.refits.coefs.data >= 0.0).all()
    assert (found.refits.dev_ratio >= found.path.dev_ratio - 1e-9).all()


def test_separable_classes_have_a_finite_refit(rng):
    X = rng.standard_normal((30, 50))
    y = (X[:, 0] > 0).astype(float)
    found = relaxed_path(X, y, loss="logistic", n_alphas=10, eps=0.01)
    assert np.isfinite(found.refits.coefs.data).all()
    assert found.refits.dev_ratio[-1] == pytest.approx(1.0, abs=1e-9)
    chosen = cv_path(X, y, loss="logistic", relax=True, cv=3, measure="auc")
    assert np.isfinite(chosen.errors_by_gamma).all()


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_cross_validation_tries_every_gamma(rng):
    X, y = problems.make_data(rng, 90, 6)
    y = (y + 2 * rng.standard_normal(90) * y.std() > np.median(y)).astype(float)
    splits = list(StratifiedKFold(3).split(X, y))
    options = {"loss": "logistic", "tol": 1e-9}
    found = cv_path(X, y, relax=[1.0, 0.5, 0.0], cv=splits, n_alphas=6, eps=0.1, **options)
    for k, (train, test) in enumerate(splits):
        fits = relaxed_path(X[train], y[train], alphas=found.alphas[0], **options)
        for g, gamma in enumerate(found.gammas):
            p = fits.predict(X[test], gamma=gamma)
            away = -2 * np.log(np.where(y[test, np.newaxis] == 1, p, 1 - p))
            assert_allclose(found.errors_by_gamma[g, 0, :, k], away.mean(axis=0), rtol=1e-4)
    plain = cv_path(X, y, cv=splits, n_alphas=6, eps=0.1, **options)
    assert_array_equal(found.errors_by_gamma[0], plain.errors)


def test_a_null_model(rng):
    X, y = sample(rng, "poisson")
    found = relaxed_path(X, y, loss="poisson", alphas=[1e9])
    assert found.refits.coefs.nnz == 0
    assert found.refits.predict(X)[0, 0] == pytest.approx(y.mean())
    constant = relaxed_path(X, np.full(60, 2.0), loss="gamma", n_alphas=3)
    for gamma in (0.0, 0.5, 1.0):
        assert_array_equal(constant.at(gamma).dev_ratio, 0.0)
    assert path(X, y, loss="poisson", n_alphas=3).converged
