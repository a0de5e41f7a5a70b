"""Losses that are not quadratic: the same model by other data, other losses, other packages."""

import numpy as np
import pytest
from glm import LOSSES, each_loss, make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression, PoissonRegressor, TweedieRegressor

from softreg_fast import losses, path, solve
from softreg_fast.losses import Gamma, Huber, NegativeBinomial, Poisson, Tweedie

TIGHT = {"tol": 1e-12, "n_alphas": 8, "eps": 0.02}


def assert_same(found, expected, atol=1e-4):
    """Assert that two paths have the same models."""
    assert_allclose(found.alphas, expected.alphas, rtol=1e-5)
    assert_allclose(found.coefs.toarray(), expected.coefs.toarray(), atol=atol)
    assert_allclose(found.intercepts, expected.intercepts, atol=atol)


@each_loss
def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row(rng, kind):
    X, y, _, offset = make(rng, kind)
    times = np.append([1, 1, 2, 0], rng.integers(0, 3, len(y) - 4))
    rows = np.repeat(np.arange(len(y)), times)
    weighted = path(X, y, loss=LOSSES[kind], sample_weight=times, offset=offset, **TIGHT)
    repeated = path(X[rows], y[rows], loss=LOSSES[kind], offset=offset[rows], **TIGHT)
    assert_same(weighted, repeated)


@each_loss
def test_a_constant_offset_is_absorbed(rng, kind):
    X, y, *_ = make(rng, kind)
    plain = path(X, y, loss=LOSSES[kind], **TIGHT)
    moved = path(X, y, loss=LOSSES[kind], offset=np.full(len(y), 0.7), **TIGHT)
    assert_allclose(moved.intercepts + 0.7, plain.intercepts, atol=1e-4)
    assert_allclose(moved.coefs.toarray(), plain.coefs.toarray(), atol=1e-4)


def test_exposure_is_an_offset_or_a_weight(rng):
    X, y, *_ = make(rng, "poisson")
    exposure = rng.uniform(0.5, 3.0, len(y))
    rate = path(X, y / exposure, loss="poisson", sample_weight=exposure, **TIGHT)
    alphas = rate.alphas * exposure.mean()
    count = path(X, y, loss="poisson", offset=np.log(exposure), alphas=alphas, tol=1e-12)
    assert_allclose(count.coefs.toarray(), rate.coefs.toarray(), atol=1e-5)
    assert_allclose(count.intercepts, rate.intercepts, atol=1e-5)


@pytest.mark.parametrize("kind", ["logistic", "probit", "squared hinge"])
def test_classes_exchanged_are_mirrored(rng, kind):
    X, y, *_ = make(rng, kind)
    other = -y if kind == "squared hinge" else 1.0 - y
    first, second = (path(X, each, loss=LOSSES[kind], **TIGHT) for each in (y, other))
    assert_allclose(second.coefs.toarray(), -first.coefs.toarray(), atol=1e-5)
    assert_allclose(second.intercepts, -first.intercepts, atol=1e-5)


@pytest.mark.parametrize(
    ("near", "limit", "kind", "atol"),
    [
        (Tweedie(1.0), Poisson(), "poisson", 0.0),
        (Tweedie(2.0), Gamma(), "gamma", 0.0),
        (Tweedie(1.0 + 1e-6), Poisson(), "tweedie", 1e-4),
        (NegativeBinomial(1e8), Poisson(), "poisson", 1e-4),
        (Huber(1e6), losses.SQUARED, "huber", 1e-5),
    ],
    ids=repr,
)
def test_limits_are_other_losses(rng, near, limit, kind, atol):
    X, y, *_ = make(rng, kind)
    found, expected = (path(X, y, loss=loss, **TIGHT) for loss in (near, limit))
    assert_same(found, expected, atol) if atol else assert_array_equal(found.gaps, expected.gaps)
    assert_allclose(found.coefs.toarray(), expected.coefs.toarray(), atol=atol)


def test_scikit_learn_finds_the_same_without_l1(rng):
    strict = {"tol": 1e-10, "max_iter": 10_000}
    X, y, s, _ = make(rng, "logistic")
    theirs = LogisticRegression(C=1 / (0.05 * s.sum()), **strict).fit(X, y, s)
    ours = solve(
        X,
        y,
        loss="logistic",
        alpha=0.05,
        l1_ratio=0.0,
        sample_weight=s,
        standardize=False,
        tol=1e-13,
    )
    assert_allclose(ours.coef, theirs.coef_[0], atol=1e-5)
    assert_allclose(ours.intercept, theirs.intercept_[0], atol=1e-5)
    for kind, model, loss in (
        ("poisson", PoissonRegressor(alpha=0.05, **strict), "poisson"),
        ("tweedie", TweedieRegressor(alpha=0.05, power=1.5, link="log", **strict), Tweedie(1.5)),
        ("gamma", TweedieRegressor(alpha=0.05, power=2, link="log", **strict), "gamma"),
        (
            "gamma",
            TweedieRegressor(alpha=0.05, power=3, link="log", **strict),
            "inverse_gaussian",
        ),
    ):
        X, y, s, _ = make(rng, kind)
        theirs = model.fit(X, y, s)
        ours = solve(X, y, loss=loss, alpha=0.05, l1_ratio=0.0, sample_weight=s, tol=1e-13)
        assert_allclose(ours.coef, theirs.coef_, atol=1e-4)
