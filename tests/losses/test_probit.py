"""Probit: the inverse Mills ratio far out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast.losses import Probit

ONE = np.ones(1)


@pytest.mark.parametrize("x", [6.0, 10.0, 30.0, 100.0, 1000.0])
def test_slope_and_curvature_are_right_in_the_tail(x):
    # phi / Phi(-x) = x + 1/(x + 2/(x + 3/(x + ...))), from far enough inside, in long double
    fraction = np.longdouble(x)
    for k in range(400, 1, -1):
        fraction = x + k / fraction
    more = 1 / fraction
    found = Probit().residual(ONE, -x), Probit().curvature(ONE, -x)
    assert_allclose(found[0], float(x + more), rtol=1e-15)
    assert_allclose(found[1], float(more * (x + more)), rtol=4e-15)
    assert_allclose(Probit().residual(0 * ONE, x), -found[0])
    # on the other side the slope is the density
    assert_allclose(Probit().residual(ONE, 8.0), np.exp(-32.0) / np.sqrt(2 * np.pi), rtol=1e-14)


def test_both_forms_of_the_ratio_meet():
    below, above = np.nextafter(-5.0, -6.0), -5.0
    for verb in (Probit().residual, Probit().curvature):
        assert_allclose(verb(ONE, below), verb(ONE, above), rtol=1e-13)


@pytest.mark.parametrize("eta", [-1000.0, -30.0, -3.0, 0.0, 3.0, 10.0, 30.0])
@pytest.mark.parametrize("distance", [1e-9, 1e-3, 0.3, 0.9999, 1.0001, 3.0])
def test_the_part_of_the_gap_is_an_integral_of_the_curvature(eta, distance):
    # d^2 times the integral of u f''(eta - u d), by many points
    loss, d = Probit(), distance
    nodes, shares = np.polynomial.legendre.leggauss(200)
    u = (nodes + 1) / 2
    expected = d * d * np.sum(shares / 2 * u * loss.curvature(ONE, eta - u * d))
    mean_slope = d * np.sum(shares / 2 * loss.curvature(ONE, eta - u * d))
    theta = loss.residual(ONE, eta) + mean_slope
    found = loss.bregman(ONE, eta, theta)
    exact = float(theta[0]) * 1e-15 * d  # what rounding theta costs
    assert_allclose(found, expected, rtol=1e-9 if abs(eta) < 100 else 1e-5, atol=exact)
