"""Fits without a finite optimum: found whatever the tolerance, named, and never where there is one.

Whether there is one follows here from how the data were made.
"""

import functools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning

import softreg_fast as sf

N = 200
CLASSES = ("logistic", "probit")
COUNTS = ("poisson", sf.losses.Tweedie(1.5), sf.losses.NegativeBinomial(1.0))
TOLS = (1e-2, 1e-6, 1e-9, 1e-13)


def made(rng, loss):
    """Return X whose last column marks samples of one class, or without counts, and y."""
    X = rng.standard_normal((N, 4))
    X[:, -1] = np.arange(N) < 3
    eta = X[:, 0]
    y = (eta + rng.logistic(size=N) > 0.0) * 1.0 if loss in CLASSES else rng.poisson(np.exp(eta))
    y[:3] = 1.0 if loss in CLASSES else 0.0
    return X, y * 1.0


def said(fit):
    """Return the messages about infinite optima, and what was fitted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = fit()
    return [str(each.message) for each in caught if "No finite" in str(each.message)], found


@pytest.mark.parametrize("tol", TOLS)
@pytest.mark.parametrize("loss", [*CLASSES, *COUNTS], ids=str)
def test_a_feature_without_a_penalty_that_tells_samples_apart(rng, loss, tol):
    X, y = made(rng, loss)
    options = {"loss": loss, "tol": tol}
    free = {"alpha": 0.1, "l1_weights": [1.0, 1.0, 1.0, 0.0]}
    endless = (
        lambda: sf.solve(X, y, alpha=0.0, **options),
        lambda: sf.solve(sp.csc_array(X), y, alpha=0.0, **options),
        lambda: sf.solve(X, y, alpha=0.0, sample_weight=1.0 + rng.random(N), **options),
        lambda: sf.solve(X, y, alpha=0.0, offset=rng.standard_normal(N), **options),
        lambda: sf.solve(X, y, alpha=0.0, standardize=True, **options),
        lambda: sf.solve(X, y, alpha=0.0, positive=loss in CLASSES, **options),
        lambda: sf.solve(X, y, **free, **options),
        lambda: sf.path(X, y, alphas=[0.1, 0.0], **options),
    )
    for fit in endless:
        messages, found = said(fit)
        assert len(messages) == 1
        assert "feature 3 " in messages[0]
        last = found[len(found) - 1] if isinstance(found, sf.Path) else found
        assert np.isfinite(last.coef).all()
        assert last.gap <= last.tol
    finite = (
        lambda: sf.solve(X, y, alpha=0.01, **options),
        lambda: sf.solve(X, y, alpha=0.1, l1_weights=[0.0, 0.0, 1.0, 1.0], **options),
        lambda: sf.solve(X, y, alpha=0.0, l1_weights=[1, 1, 1, np.inf], **options),
        lambda: sf.solve(X, y, alpha=0.0, bounds=(-9.0, 9.0), **options),
        lambda: sf.solve(X[:, :3], y, alpha=0.0, **options),
        lambda: sf.solve(np.c_[X[:, :3], X[:, 0]], y, alpha=0.0, **options),  # a copy
    )
    for fit in finite:
        assert said(fit)[0] == []
    if loss in CLASSES:  # the bound ends the way
        assert said(lambda: sf.solve(-X, y, alpha=0.0, positive=True, **options))[0] == []


@pytest.mark.parametrize("loss", CLASSES)
def test_classes_that_are_separated_altogether(rng, loss):
    X = np.repeat([[-1.0], [1.0]], 20, axis=0)
    y = np.repeat(["a", "b"], 20)
    with pytest.warns(ConvergenceWarning, match="feature 0 separates the classes") as caught:
        fit = sf.solve(X, y, loss=loss, alpha=0.0)
    assert caught[0].filename == __file__
    assert (fit.predict(X, kind="class") == y).all()
    assert np.isfinite(fit.coef).all()
    wide = rng.standard_normal((20, 30))
    with pytest.warns(ConvergenceWarning, match=r"features 0, 1, .* more separate the classes"):
        sf.solve(wide, rng.permutation(20) % 2, loss=loss, alpha=0.0)


def test_a_steep_slope_is_finite(rng):
    X = rng.standard_normal((N, 3))
    y = 30.0 * X[:, 0] + rng.logistic(size=N) > 0.0
    y[np.argmin(np.abs(X[:, 0]))] ^= True
    left, right = X[~y, 0].max(), X[y, 0].min()
    assert left > right  # they overlap
    assert said(lambda: sf.solve(X[:, :1], y, loss="logistic", alpha=0.0))[0] == []


def test_losses_with_a_minimum_everywhere(rng):
    X, y = made(rng, "poisson")
    for loss, target in (
        ("gamma", y + 1.0),
        ("squared", y),
        ("squared_hinge", 1.0 * (X[:, 0] > 0.0)),
        (sf.losses.Huber(1.0), y),
    ):
        assert said(lambda: sf.solve(X, target, loss=loss, alpha=0.0))[0] == []  # noqa: B023


def test_estimators_and_searches(rng):
    X, y = made(rng, "logistic")
    with pytest.warns(ConvergenceWarning, match="feature 3 separates"):
        model = sf.LogisticRegression(C=np.inf).fit(X, y)
    assert np.isfinite(model.coef_).all()
    with pytest.warns(ConvergenceWarning, match="feature 3 separates"):
        sf.ProbitRegression(alpha=0.0).fit(X, y)
    free = {"l1_weights": [1.0, 1.0, 1.0, 0.0], "alphas": [0.05]}
    for more in ({}, {"criterion": "bic"}):
        messages, _ = said(lambda: sf.cv_path(X, y, loss="logistic", **free, **more))  # noqa: B023
        assert len(messages) == 1
    X, y = made(rng, "poisson")
    with pytest.warns(ConvergenceWarning, match="feature 3 tells apart targets of 0"):
        sf.PoissonRegressor(alpha=0.0).fit(X, y)


def test_names(rng):
    import pandas as pd

    X, y = made(rng, "logistic")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "rare"])
    with pytest.warns(ConvergenceWarning, match="feature 'rare' separates the classes"):
        sf.solve(frame, y, loss="logistic", alpha=0.0)


@pytest.mark.parametrize("tol", TOLS)
def test_the_answer_is_that_of_the_linear_programme_of_all_samples(rng, tol):
    found = []
    for _ in range(30):
        k = int(rng.integers(5, 20))
        X = rng.standard_normal((k, 3))
        y = X[:, 0] + rng.logistic(size=k) > 0.0
        if y.all() or not y.any():
            continue
        signed = np.c_[X, np.ones(k)] * np.where(y, 1.0, -1.0)[:, np.newaxis]
        limits = np.r_[np.zeros(k), np.ones(k)]
        way = linprog(-signed.sum(axis=0), np.r_[-signed, signed], limits, bounds=(None, None))
        found.append(-way.fun > 1e-6)
        fit = functools.partial(sf.solve, X, y, loss="logistic", alpha=0.0, tol=tol)
        assert bool(said(fit)[0]) == found[-1]
    assert 0 < sum(found) < len(found)  # both occur


def with_dark_pixels(rng):
    """Return X whose columns 1 to 6 are zero in one class, up to 255 in the other, and y."""
    X = rng.standard_normal((300, 20))
    y = np.where(X[:, 0] + rng.logistic(size=300) > 0, 1, 0)
    X[:, 1:7] = 0.0
    for j in range(1, 7):
        lit = rng.permutation(np.flatnonzero(y == 0))[: 8 + 5 * j]
        X[lit, j] = rng.integers(1, 256, len(lit))
    return X, y


@pytest.mark.parametrize("container", [np.asarray, sp.csc_array])
def test_coefficients_stay_finite_in_meaning_along_a_path(rng, container):
    # The curvature of dark pixels underflows: once steps went to 1e280, and of 200 such paths 14
    # stalled where slopes that are rounding errors are divided by it.
    weights = np.ones(20)
    weights[1:7] = 0.0
    for each in rng.spawn(40):
        X, y = with_dark_pixels(each)
        X = container(X)
        with pytest.warns(ConvergenceWarning, match="No finite optimum"):
            fits = sf.path(X, y, loss="logistic", n_alphas=40, eps=0.001, l1_weights=weights)
        assert fits.converged
        assert np.abs(fits.coefs.toarray()).max() < 1000.0
