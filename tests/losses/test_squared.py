"""Squared loss: its verbs agree with each other and with the definitions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime

from softreg_fast.losses import SQUARED

losses = pytest.mark.parametrize("loss", [SQUARED], ids=lambda loss: type(loss).__name__)


def sample(rng):
    return rng.standard_normal(7), rng.standard_normal(7), rng.standard_normal(7)


@losses
def test_derivatives(loss, rng):
    y, eta, _ = sample(rng)

    def total(z):
        return loss.value(y, z).sum()

    def slopes(z):
        return loss.gradient(y, z)

    assert_allclose(loss.gradient(y, eta), approx_fprime(eta, total), atol=1e-6)
    assert_array_equal(loss.residual(y, eta), -loss.gradient(y, eta))
    assert_allclose(np.diag(approx_fprime(eta, slopes)), loss.curvature(y, eta), atol=1e-6)


@losses
def test_the_part_of_the_gap_vanishes_at_the_residual_only(loss, rng):
    y, eta, theta = sample(rng)
    assert_allclose(loss.bregman(y, eta, loss.residual(y, eta)), 0.0, atol=1e-15)
    assert np.all(loss.bregman(y, eta, theta) > 0.0)


@losses
def test_the_part_of_the_gap_is_that_of_fenchel(loss, rng):
    # f(eta) + f*(-theta) + theta eta, with the conjugate as the largest of -theta z - f(z)
    y, eta, theta = sample(rng)
    grid = np.linspace(-20, 20, 200_001)[:, np.newaxis]
    conjugate = np.max(-theta * grid - loss.value(y, grid), axis=0)
    expected = loss.value(y, eta) + conjugate + theta * eta
    assert_allclose(loss.bregman(y, eta, theta), expected, atol=1e-6)


@losses
@pytest.mark.parametrize("weighted", [True, False])
def test_the_null_model_has_no_slope(loss, rng, weighted):
    y, _, _ = sample(rng)
    weight = np.array([0.0, 1, 2, 0.5, 1.5, 1, 1]) if weighted else None
    null = loss.null(y, weight)
    residual = loss.residual(y, null)
    assert_allclose(np.sum(residual if weight is None else weight * residual), 0.0, atol=1e-14)


@losses
def test_the_deviance_is_twice_the_excess(loss, rng):
    y, eta, _ = sample(rng)
    best = loss.value(y, y)
    assert_allclose(loss.deviance(y, eta), 2.0 * (loss.value(y, eta) - best), rtol=1e-14)


def test_squared_loss_is_that_of_normal_errors(rng):
    y, eta, _ = sample(rng)
    assert_array_equal(SQUARED.mean(eta), eta)
    assert_allclose(SQUARED.unit(y, 2.0, None), np.linalg.norm(y - 2.0))
    assert SQUARED.unit(np.full(3, 2.0), 2.0, None) == 0.0
    assert SQUARED.log_normaliser(10, 2.0) == pytest.approx(10 * np.log(4 * np.pi))
    assert SQUARED.null(y, None, np.full(7, 0.5)) == pytest.approx(y.mean() - 0.5)
    assert SQUARED.quadratic
    assert SQUARED.smooth
    assert SQUARED.n_outputs == 1
