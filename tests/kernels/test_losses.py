"""_losses: value, residual, curvature and part of the gap of every loss, against their classes."""

import numpy as np
import pytest
from kernel_cases import each_weighting
from numpy.testing import assert_allclose, assert_array_equal
from oracles import LOSSES as ORACLES

from softreg_fast.kernels._losses import KINDS, evaluate, null_model, part, squared_null
from softreg_fast.losses import (
    SQUARED,
    CLogLog,
    Gamma,
    Huber,
    InverseGaussian,
    Logistic,
    NegativeBinomial,
    Poisson,
    Probit,
    Quantile,
    SquaredHinge,
    Tweedie,
)

LOSSES = [
    SQUARED,
    Logistic(),
    Poisson(),
    Gamma(),
    Tweedie(1.1),
    Tweedie(1.5),
    Tweedie(1.95),
    NegativeBinomial(0.3),
    NegativeBinomial(40.0),
    Probit(),
    CLogLog(),
    Huber(0.4),
    Huber(1.35),
    SquaredHinge(),
    Quantile(0.3),
    Tweedie(2.5),
    InverseGaussian(),
]

each_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
each_convex = pytest.mark.parametrize("loss", [f for f in LOSSES if f.convex], ids=repr)

# From the residual to no dual point at all.
SHARES = (1.0, 1.0 - 1e-9, 1.0 - 1e-4, 0.99, 0.7, 0.1, 1e-6, 0.0)


def targets(rng, loss, shape):
    """Return targets in the domain of a loss, the ends of the domain among them."""
    kind = "gamma" if not loss.convex else loss.kind
    y = ORACLES[kind].targets(rng, int(np.prod(shape)))
    return np.array(y).reshape(shape)


def number_of(loss):
    """Return the parameter of a loss for the kernels."""
    return loss.parameters[0] if loss.parameters else 0.0


def test_every_kind_is_tested():
    assert {loss.kind for loss in LOSSES} == set(KINDS)


@each_loss
@each_weighting
def test_values_up_to_a_constant_residual_and_curvature(rng, loss, weighted):
    y, z = targets(rng, loss, (2, 9)), 2.0 * rng.standard_normal((2, 9))
    s = rng.uniform(0.5, 2.0, 9) if weighted else None
    weight = np.ones(9) if s is None else s
    value, v, curvature = evaluate(loss.kind, y, z, s, number_of(loss))
    start = evaluate(loss.kind, y, 0.0 * z, s, number_of(loss))[0]
    expected = np.sum(weight * (loss.value(y, z) - loss.value(y, 0.0 * z)))
    assert_allclose(value - start, expected, rtol=1e-12)
    assert_allclose(v, weight * loss.residual(y, z), rtol=1e-12, atol=1e-14)
    assert_allclose(curvature, weight * loss.curvature(y, z), rtol=1e-10)


@each_loss
@each_weighting
def test_residual_and_curvature_are_derivatives(rng, loss, weighted):
    y, z, h = targets(rng, loss, (2, 9)), rng.standard_normal((2, 9)), 1e-5
    if loss.kind == "huber":  # off the points where the curvature jumps
        z = np.where(np.abs(np.abs(y - z) - loss.delta) < 2 * h, y, z)
    if loss.kind == "squared hinge":
        z = np.where(np.abs(y * z - 1.0) < 2 * h, -z, z)
    if loss.kind == "quantile":
        z = np.where(np.abs(y - z) < 2 * h, y + 1.0, z)
    s = rng.uniform(0.5, 2.0, 9) if weighted else None

    def of(z):
        return evaluate(loss.kind, y, z, s, number_of(loss))

    _, v, curvature = of(z)
    for output in range(2):
        for i in range(9):
            step = np.zeros((2, 9))
            step[output, i] = h
            (above, v_above, _), (below, v_below, _) = of(z + step), of(z - step)
            scale = 1.0 + abs(v[output, i]) + abs(curvature[output, i])
            assert abs((below - above) / (2.0 * h) - v[output, i]) <= 1e-7 * scale
            if loss.convex:  # otherwise it is an expectation
                second = (v_below - v_above)[output, i] / (2.0 * h)
                assert abs(second - curvature[output, i]) <= 1e-6 * scale


@pytest.mark.parametrize("loss", [Huber(1.35), SquaredHinge()], ids=repr)
def test_where_the_curvature_jumps_the_slope_does_not(loss):
    y = np.array([[1.0, -1.0]])
    edges = y - 1.35 * np.array([[1.0, -1.0]]) if loss.kind == "huber" else 1.0 / y
    for away in (0.0, 1e-12, -1e-12):
        value, v, curvature = evaluate(loss.kind, y, edges + away, None, number_of(loss))
        assert_allclose(value, np.sum(loss.value(y, edges)), atol=1e-11)
        assert_allclose(v, loss.residual(y, edges), atol=1e-11)
        assert_allclose(curvature, loss.curvature(y, edges + away))


@each_convex
@each_weighting
def test_the_part_of_the_gap_at_every_share_of_the_residual(rng, loss, weighted):
    y, z = targets(rng, loss, (1, 12)), 1.5 * rng.standard_normal((1, 12))
    s = rng.uniform(0.5, 2.0, 12) if weighted else None
    theta = loss.residual(y, z)
    for k in SHARES:
        found = part(loss.kind, y, z, theta, s, k, number_of(loss))
        terms = loss.bregman(y, z, k * theta)
        assert np.isfinite(found)
        assert_allclose(found, np.sum(terms if s is None else s * terms), rtol=1e-5, atol=1e-28)


@pytest.mark.parametrize("loss", [Logistic(), Poisson()], ids=repr)
@each_weighting
def test_the_part_of_the_gap_from_residual_and_curvature(rng, loss, weighted):
    z = np.concatenate(
        [2.0 * rng.standard_normal(300), [30.0, -30.0, 300.0, -300.0, 720.0, -720.0]]
    )
    y = (rng.random(306) < 0.5).astype(float)
    if loss.kind == "poisson":
        y = rng.poisson(3.0, 306).astype(float)
        z = np.minimum(z, 30.0)
    s = rng.uniform(0.0, 2.0, 306) * (rng.random(306) < 0.8) if weighted else None
    y, z = y[np.newaxis], z[np.newaxis]
    _, v, curvature = evaluate(loss.kind, y, z, s)
    towards = loss.residual(y, z + 0.3 * rng.standard_normal(z.shape))
    for theta in (loss.residual(y, z), towards):
        for k in SHARES:
            found = part(loss.kind, y, z, theta, s, k, 0.0, v, curvature)
            terms = loss.bregman(y, z, k * theta)
            assert np.isfinite(found)
            total = np.sum(terms if s is None else s * terms)
            assert_allclose(found, total, rtol=1e-5, atol=1e-16)  # 0 where theta is v


@each_convex
def test_the_part_of_the_gap_at_other_dual_points(rng, loss):
    y, z = targets(rng, loss, (1, 12)), rng.standard_normal((1, 12))
    theta = loss.residual(y, z + 0.3 * rng.standard_normal((1, 12)))
    for i in range(12):
        one = (each[:, i : i + 1].copy() for each in (y, z, theta))
        found = part(loss.kind, *one, None, 1.0, number_of(loss))
        expected = loss.bregman(y, z, theta)[0, i]
        assert found == expected or abs(found - expected) <= 1e-9 * expected + 1e-15


@pytest.mark.parametrize(
    ("loss", "y", "theta"),
    [
        (Logistic(), 1.0, -0.01),
        (Logistic(), 0.3, 0.31),
        (Poisson(), 2.0, 2.01),
        (Gamma(), 2.0, -1.01),
        (Tweedie(1.5), 0.0, 0.01),
        (NegativeBinomial(0.5), 2.0, -0.51),
        (NegativeBinomial(0.5), 2.0, 2.01),
        (Probit(), 1.0, -0.01),
        (Probit(), 0.0, 0.01),
        (CLogLog(), 1.0, -0.01),
        (CLogLog(), 0.3, 0.31),
        (Huber(1.0), 0.0, -1.01),
        (SquaredHinge(), -1.0, 0.01),
    ],
)
def test_the_part_of_the_gap_is_infinite_outside_the_domain(loss, y, theta):
    point = (np.array([[each]]) for each in (y, 0.5, theta))
    assert part(loss.kind, *point, None, 1.0, number_of(loss)) == np.inf


@each_loss
def test_samples_without_weight_do_not_count(loss):
    y = targets(np.random.default_rng(0), loss, (1, 4))
    z, s = np.array([[0.3, 800.0, -800.0, 1e300]]), np.array([1.5, 0.0, 0.0, 0.0])
    value, v, curvature = evaluate(loss.kind, y, z, s, number_of(loss))
    alone = evaluate(loss.kind, y[:, :1], z[:, :1], s[:1], number_of(loss))
    assert value == alone[0]
    for found, expected in ((v, alone[1]), (curvature, alone[2])):
        assert_array_equal(found, np.append(expected, [[0.0, 0.0, 0.0]], axis=1))
    theta = np.array([[0.5 * float(v[0, 0]) / 1.5, 7.0, -7.0, 0.0]])
    if loss.convex:
        found = part(loss.kind, y, z, theta, s, 1.0, number_of(loss))
        expected = part(loss.kind, y[:, :1], z[:, :1], theta[:, :1], s[:1], 1.0, number_of(loss))
        assert found == expected


@each_convex
@pytest.mark.parametrize("size", [30.0, 300.0, 690.0])
def test_far_predictors(loss, size):
    y = targets(np.random.default_rng(0), loss, (1, 6))
    for sign in (1.0, -1.0):
        z = np.full((1, 6), sign * size)
        value, v, curvature = evaluate(loss.kind, y, z, None, number_of(loss))
        assert np.isfinite(value)
        assert_allclose(v, loss.residual(y, z), rtol=1e-9)
        assert_allclose(curvature, loss.curvature(y, z), rtol=1e-6, atol=1e-300)
        for k in (1.0, 0.5, 0.0) if np.abs(v).max() < 1e10 else ():
            found = part(loss.kind, y, z, v, None, k, number_of(loss))
            expected = np.sum(loss.bregman(y, z, k * loss.residual(y, z)))
            assert_allclose(found, expected, rtol=1e-6, atol=1e-20)


@each_convex
def test_predictors_that_underflow_leave_the_gap_finite(loss):
    # a probability of e^-1000 is 0 in float64; its logarithm is not
    y = targets(np.random.default_rng(0), loss, (1, 6))
    for z in (np.full((1, 6), 1000.0), np.full((1, 6), -1000.0)):
        value, v, _ = evaluate(loss.kind, y, z, None, number_of(loss))
        if np.isfinite(value) and np.abs(v).max() < 1e150:
            found = part(loss.kind, y, z, v, None, 0.5, number_of(loss))
            assert_allclose(found, np.sum(loss.bregman(y, z, 0.5 * v)), rtol=1e-9)


def test_losses_reject_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="shape of y"):
        evaluate("squared", np.zeros((1, 3)), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="one entry per sample"):
        evaluate("squared", np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(4))


@pytest.mark.parametrize("loss", [Poisson(), Logistic(), NegativeBinomial(2.0), CLogLog()])
def test_a_dual_point_next_to_the_end_of_the_domain(loss):
    # 1 + away / m rounds to 0, which made a term of the gap vanish
    y, z = np.zeros((1, 3)), np.full((1, 3), -6.0)
    for theta in (0.0, -1e-20, -1e-12, -1e-5):
        point = np.full((1, 3), theta)
        found = part(loss.kind, y, z, point, None, 1.0, number_of(loss))
        assert_allclose(found, loss.bregman(y, z, point).sum(), rtol=1e-9)


@each_convex
@each_weighting
def test_the_null_model(rng, loss, weighted):
    y = targets(rng, loss, 40)
    z, weight = rng.standard_normal(40), np.ones(40)
    if weighted:
        weight = rng.random(40) * (np.arange(40) % 5 > 0)
        z[0] = 800.0  # without weight: infinite terms count nowhere
    given = weight if weighted else None
    deviance, excess, residual = null_model(loss.kind, y, z, given, number_of(loss), 1e-3)
    counted = weight > 0.0
    of_loss = y[counted], z[counted]
    if loss.smooth:
        each, r = loss.deviance(*of_loss), loss.residual(*of_loss)
        assert_allclose(deviance, weight[counted] @ each, rtol=1e-12)
        assert_allclose(residual[counted], weight[counted] * r, rtol=1e-12, atol=1e-14)
        assert_array_equal(residual[~counted], 0.0)
        rounding = 1e-3 * (1.0 + np.abs(of_loss[1])) * loss.curvature(*of_loss)
        assert_allclose(excess, (np.abs(r) - rounding).max(), rtol=1e-12)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-3, 1e9), (1e200, 0.0), (1e-250, 0.0)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_null_model_of_squared_error(rng, scale, shift, weighted, fit_intercept):
    n = 1003
    y = shift + scale * rng.standard_normal(n)
    weight = rng.exponential(size=n) if weighted else None
    s = np.ones(n) if weight is None else weight * (n / weight.sum())
    fine = s.astype(np.longdouble)
    mean, norm, residual = squared_null(y, s if weighted else None, fit_intercept, 1e-290)
    exact = (fine * y).sum() / fine.sum() if fit_intercept else 0.0
    away = y.astype(np.longdouble) - exact
    length = np.sqrt((s * away**2).sum())
    assert abs(mean - exact) <= 4 * np.spacing(abs(float(exact))) + 32 * np.spacing(scale)
    assert norm == pytest.approx(float(length), rel=1e-8 if shift else 1e-13)
    assert residual[:-1] == pytest.approx((s * away / length).astype(float), abs=1e-6)
    assert residual[-1] == 0.0
    if fit_intercept:
        assert abs(residual.sum()) < 1e-12


def test_a_target_whose_deviations_are_too_small_has_no_residual(rng):
    y = 1e-300 * rng.standard_normal(20)
    _, norm, residual = squared_null(y, None, True, 1e-290)
    assert norm == 0.0
    assert not residual.any()
