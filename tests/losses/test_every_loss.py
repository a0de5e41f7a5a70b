"""Every loss: its methods agree with the definitions, with each other and with the kernels."""

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime

from softreg_fast import Design, losses, solve
from softreg_fast.kernels._losses import KINDS, evaluate, part

# One of each kind, with the numbers of the oracles.
LOSSES = {
    each.kind: each
    for each in (
        losses.SQUARED,
        losses.Logistic(),
        losses.Poisson(),
        losses.Gamma(),
        losses.Tweedie(1.5),
        losses.NegativeBinomial(2.0),
        losses.Probit(),
        losses.Huber(1.35),
        losses.SquaredHinge(),
        losses.Quantile(0.3),
        losses.CLogLog(),
    )
}
WEIGHT = np.array([0.0, 1, 2, 0.5, 1.5, 1, 1])

each_loss = pytest.mark.parametrize("kind", LOSSES)


def sample(rng, kind):
    """Return the loss, its oracle, targets, predictors, and dual points, some of them feasible."""
    oracle, n = oracles.LOSSES[kind], len(WEIGHT)
    loss, y, eta, other = LOSSES[kind], oracle.targets(rng, n), *rng.standard_normal((2, n))
    theta = np.where(np.arange(n) < 4, loss.residual(y, other), 2.0 * other)
    return loss, oracle, y, eta, theta


def test_every_loss_has_an_oracle_and_a_kernel():
    assert LOSSES.keys() == oracles.LOSSES.keys() == KINDS.keys()
    classes = {each for each in vars(losses).values() if isinstance(each, type)}
    known = {type(loss) for loss in LOSSES.values()} | {losses.Loss, losses.InverseGaussian}
    # the inverse Gaussian is Tweedie(3); Cox's loss is no sum over samples (test_cox.py), and the
    # multinomial one has several outputs (test_multinomial.py)
    assert classes == known | {losses.Cox, losses.Multinomial}


@each_loss
def test_derivatives(kind, rng):
    loss, oracle, y, eta, _ = sample(rng, kind)

    def slopes(z):
        return loss.gradient(y, z)

    assert_allclose(loss.value(y, eta), oracle.value(y, eta).astype(float), rtol=1e-14)
    total = approx_fprime(eta, lambda z: loss.value(y, z).sum())
    assert_allclose(loss.gradient(y, eta), total, atol=1e-6)
    assert_array_equal(loss.residual(y, eta), -loss.gradient(y, eta))
    assert_allclose(np.diag(approx_fprime(eta, slopes)), loss.curvature(y, eta), atol=1e-6)


@each_loss
def test_quadratic_functions_above_the_loss(kind, rng):
    loss, _, y, eta, _ = sample(rng, kind)
    if kind in ("poisson", "gamma", "tweedie"):  # there is none: the curvature at the minimum
        positive = y[y > 0.0]
        bound = loss.curvature_bound(positive, 0.0)
        assert_allclose(bound, loss.curvature(positive, np.log(positive)), rtol=1e-13)
        return
    if kind == "cloglog":  # there is one for class 1 only; otherwise it is enough at the minimum
        inner = np.clip(y, 0.01, 0.99)
        at_minimum = loss.curvature(inner, np.log(-np.log1p(-inner)))
        assert np.all(loss.curvature_bound(inner, 0.0) >= at_minimum)
        y = np.ones_like(y)
    bound = loss.curvature_bound(y, eta)
    for step in np.linspace(-5.0, 5.0, 101):
        above = loss.value(y, eta) - step * loss.residual(y, eta) + 0.5 * bound * step**2
        assert np.all(above >= loss.value(y, eta + step) - 1e-12)


@each_loss
def test_the_part_of_the_gap_vanishes_at_the_residual_only(kind, rng):
    loss, _, y, eta, theta = sample(rng, kind)
    assert_allclose(loss.bregman(y, eta, loss.residual(y, eta)), 0.0, atol=1e-15)
    found, away = loss.bregman(y, eta, theta), theta != loss.residual(y, eta)
    assert np.all(found[away] > 0.0)
    assert_array_equal(found[~away], 0.0)


@each_loss
def test_the_part_of_the_gap_is_that_of_fenchel(kind, rng):
    loss, oracle, y, eta, theta = sample(rng, kind)
    conjugate = oracle.conjugate(y, -theta)
    expected = oracle.value(y, eta) + conjugate + theta * eta
    assert_allclose(loss.bregman(y, eta, theta), expected.astype(float), rtol=1e-13, atol=1e-15)
    grid = np.linspace(-36, 36, 360_001)[:, np.newaxis]
    largest = np.max(-theta * grid - loss.value(y, grid), axis=0)
    finite = np.isfinite(conjugate)
    assert finite[:4].all()
    assert_allclose(conjugate[finite].astype(float), largest[finite], atol=1e-6)


@each_loss
@pytest.mark.parametrize("weight", [WEIGHT, None], ids=["weighted", "plain"])
def test_the_null_model_has_no_slope(kind, rng, weight):
    loss, _, y, _, _ = sample(rng, kind)
    residual = loss.null_residual(y, loss.null(y, weight), weight)
    assert_allclose(np.sum(residual if weight is None else weight * residual), 0.0, atol=1e-14)


@each_loss
def test_the_deviance_is_twice_the_excess(kind, rng):
    loss, oracle, y, eta, _ = sample(rng, kind)
    lowest = -oracle.conjugate(y, np.zeros_like(y))
    expected = 2.0 * (oracle.value(y, eta) - lowest)
    assert_allclose(loss.deviance(y, eta), expected.astype(float), rtol=1e-13)


@each_loss
@pytest.mark.parametrize("weight", [WEIGHT, None], ids=["weighted", "plain"])
def test_the_kernels_compute_the_same(kind, rng, weight):
    loss, _, y, eta, theta = sample(rng, kind)
    s = np.ones(len(y)) if weight is None else weight
    number = loss.parameters[0] if loss.parameters else 0.0
    value, residual, curvature = evaluate(kind, y[np.newaxis], eta[np.newaxis], weight, number)
    start = evaluate(kind, y[np.newaxis], 0.0 * eta[np.newaxis], weight, number)[0]
    rise = np.sum(s * (loss.value(y, eta) - loss.value(y, 0.0 * eta)))  # up to a constant in y
    assert_allclose(value - start, rise, rtol=1e-12, atol=1e-13)
    assert_allclose(residual[0], s * loss.residual(y, eta), rtol=1e-12, atol=1e-15)
    assert_allclose(curvature[0], s * loss.curvature(y, eta), rtol=1e-12)
    feasible = np.where(np.arange(len(y)) < 4, theta, loss.residual(y, eta))
    for k in (1.0, 0.9):
        for point in (feasible, theta):
            found = part(kind, *np.array([y, eta, point])[:, np.newaxis], weight, k, number)
            terms = loss.bregman(y, eta, k * point)[s > 0.0]
            assert_allclose(found, np.sum(s[s > 0.0] * terms), rtol=1e-9, atol=1e-15)


@each_loss
def test_a_solver_fits_it(kind, rng):
    loss, _, y, _, _ = sample(rng, kind)
    design = Design(rng.standard_normal((len(y), 2))).with_target(y, loss)
    assert solve(design, alpha=0.01).converged
