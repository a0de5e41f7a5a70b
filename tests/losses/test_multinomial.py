"""The multinomial loss: definitions and kernels."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime
from scipy.special import logsumexp, softmax

from softreg_fast.kernels._multinomial import evaluate, part
from softreg_fast.losses import Logistic, Multinomial, as_loss
from softreg_fast.losses.by_name import loss_of_text

LOSS = Multinomial()


@pytest.fixture
def sample(rng):
    """Return shares, some of them of one class only, predictors, and a feasible dual point."""
    y = rng.dirichlet(np.ones(4), 9)
    y[:5] = np.eye(4)[[0, 1, 2, 3, 3]]
    eta, other = 2.0 * rng.standard_normal((2, 9, 4))
    return y, eta, LOSS.residual(y, other)


def test_derivatives(sample):
    y, eta, _ = sample
    for one, z in zip(y, eta, strict=True):
        assert_allclose(LOSS.value(one, z), logsumexp(z) - one @ z, rtol=1e-14)
        slopes = approx_fprime(z, lambda z, one=one: LOSS.value(one, z))
        assert_allclose(LOSS.gradient(one, z), slopes, atol=1e-6)
        hessian = approx_fprime(z, lambda z, one=one: LOSS.gradient(one, z))
        assert_allclose(np.diag(hessian), LOSS.curvature(one, z), atol=1e-6)
        p = softmax(z)
        assert_allclose(hessian, np.diag(p) - np.outer(p, p), atol=1e-6)
        bound = 0.5 * (np.eye(4) - 0.25)  # curvature_bound, for steps of sum 0
        assert np.linalg.eigvalsh(bound - np.diag(p) + np.outer(p, p)).min() >= -1e-12


def test_fenchel_and_young(sample):
    # f^*(-theta) = sum_c t_c log(t_c), t = y - theta
    y, eta, theta = sample
    t = y - theta
    conjugate = (t * np.log(t)).sum(axis=1)
    expected = LOSS.value(y, eta) + conjugate + (theta * eta).sum(axis=1)
    assert_allclose(LOSS.bregman(y, eta, theta), expected, rtol=1e-10)
    assert_allclose(LOSS.bregman(y, eta, LOSS.residual(y, eta)), 0.0, atol=1e-30)
    outside = np.zeros_like(y)
    outside[:, 0] = 1.5
    assert np.all(np.isinf(LOSS.bregman(y, eta, outside)))


def test_no_digits_are_lost_near_the_optimum(sample):
    y, eta, theta = sample
    residual = LOSS.residual(y, eta)
    near = residual + 1e-9 * (theta - residual)
    away = near - residual
    expected = 0.5 * (away**2 / softmax(eta, axis=1)).sum(axis=1)
    assert_allclose(LOSS.bregman(y, eta, near), expected, rtol=1e-6)


def test_kernels(rng, sample):
    y, eta, theta = sample
    s = np.array([0.0, 1, 2, 0.5, 1.5, 1, 1, 3, 1])
    by_class = [np.ascontiguousarray(each.T) for each in (y, eta, theta)]
    value, v, weighted = evaluate(*by_class[:2], s)
    assert_allclose(value, s @ LOSS.value(y, eta), rtol=1e-14)
    assert_allclose(v.T, s[:, None] * LOSS.residual(y, eta), rtol=1e-13)
    assert_allclose(weighted.T, s[:, None] * LOSS.mean(eta), rtol=1e-14)
    for k in (1.0, 0.7, 0.0):
        found = part(*by_class, s, k)
        assert_allclose(found, s @ LOSS.bregman(y, eta, k * theta), rtol=1e-12)
    assert part(*by_class, s, 50.0) == np.inf


def test_saturated_predictors_keep_their_digits():
    y, eta = np.eye(3)[:1], np.array([[60.0, 0.0, -900.0]])
    assert_allclose(LOSS.residual(y, eta)[0, 0], np.exp(-60.0), rtol=1e-12)
    _, v, _ = evaluate(y.T.copy(), eta.T.copy(), np.ones(1))
    assert_allclose(v[:, 0], [np.exp(-60.0), -np.exp(-60.0), 0.0], rtol=1e-12, atol=1e-300)
    assert np.isfinite(LOSS.deviance(y[:, ::-1], eta)).all()
    assert np.isfinite(part(y[:, ::-1].T.copy(), eta.T.copy(), np.zeros((3, 1)), np.ones(1)))


def test_two_classes_are_the_logistic_loss(rng):
    share, eta = rng.random(6), rng.standard_normal(6)
    y, both = np.column_stack([1 - share, share]), np.column_stack([np.zeros(6), eta])
    logistic = Logistic()
    assert_allclose(LOSS.value(y, both), logistic.value(share, eta), rtol=1e-13)
    assert_allclose(LOSS.residual(y, both)[:, 1], logistic.residual(share, eta), rtol=1e-13)
    assert_allclose(LOSS.deviance(y, both), logistic.deviance(share, eta), rtol=1e-11)
    assert_allclose(LOSS.probabilities(both), logistic.probabilities(eta), rtol=1e-13)
    one, n = np.full((1, 2), 0.5), 6
    assert_allclose(
        LOSS.log_normaliser(n, 1.0, y), logistic.log_normaliser(n, 1.0, share), rtol=1e-12
    )
    assert_allclose(LOSS.log_normaliser(1, 1.0, one), 2.0 * np.log(2.0))


def test_the_null_model(rng, sample):
    y, eta, _ = sample
    s = rng.random(9) + 0.1
    s /= s.mean()
    plain = LOSS.null(y, s)
    assert_allclose(softmax(plain), s @ y / s.sum(), rtol=1e-13)
    assert abs(plain.sum()) < 1e-14
    for offset in (eta, 30.0 * eta):
        found = LOSS.null(y, s, offset)
        assert_allclose(s @ LOSS.residual(y, offset + found), 0.0, atol=1e-7)
        assert abs(found.sum()) < 1e-12
    assert_allclose(LOSS.null(y, None, np.zeros((9, 4))), LOSS.null(y, None), atol=1e-9)
    with pytest.raises(ValueError, match="No target is of class number 2"):
        LOSS.null(np.eye(3)[[0, 1]], None)


def test_grouped():
    with pytest.raises(TypeError, match="grouped must be True or False"):
        Multinomial(grouped="yes")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([[2.0, 1.0], [0.0, 3.0]]), "give the sums as sample_weight"),
        (np.array([[1.5, -0.5]]), "shares of the classes"),
        (np.ones((3, 1)), "at least two classes"),
    ],
)
def test_what_are_no_shares(y, message):
    with pytest.raises(ValueError, match=message):
        LOSS.check(y)


def test_equal_losses_and_pickles():
    assert as_loss("multinomial") == Multinomial(grouped=False)
    assert Multinomial(grouped=True) != LOSS
    rows = Multinomial(grouped=True)
    assert pickle.loads(pickle.dumps(rows)) == rows
    assert repr(rows) == "Multinomial(grouped=True)"


def test_text_names_both_penalties():
    assert loss_of_text("multinomial") == Multinomial()
    assert loss_of_text("multinomial:grouped") == Multinomial(grouped=True)
    with pytest.raises(ValueError, match=r"is no loss; expected one of .*multinomial:grouped"):
        loss_of_text("multinomial:rows")


def test_small_losses_keep_their_digits():
    y = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    eta = np.array([[30.0, 0.0, 0.0], [-40.0, 1.0, 1.0]])
    known = [np.log1p(2.0 * np.exp(-30.0)), np.log(2.0) + np.log1p(0.5 * np.exp(-41.0))]
    assert_allclose(LOSS.value(y, eta), known, rtol=1e-14)
    for k, value in enumerate(known):
        columns = (np.ascontiguousarray(each[k, :, np.newaxis]) for each in (y, eta))
        assert_allclose(evaluate(*columns, np.ones(1))[0], value, rtol=1e-14)
