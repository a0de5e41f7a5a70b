"""Relative entropy, near its minimum and far from it."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import kl_div

from softreg_fast.losses.entropy import relative_entropy, relative_entropy_near


def test_it_is_the_relative_entropy():
    t, m = np.array([0.0, 1, 2.5, 1e-3, 7]), np.array([2.0, 2, 0.3, 1, 7])
    with np.errstate(divide="ignore"):
        u = np.log(m / t)
    assert_allclose(relative_entropy(t, m, u), kl_div(t, m), rtol=1e-14)
    assert_allclose(relative_entropy_near(t, m, np.log(m), t - m), kl_div(t, m), rtol=1e-14)
    assert relative_entropy_near(-0.1, 1.0, 0.0, -1.1) == np.inf


def test_it_does_not_cancel_near_its_minimum():
    away = np.array([1e-3, -1e-6, 1e-9, 1e-15])
    found = relative_entropy_near(1.0 + away, np.ones(4), np.zeros(4), away)
    assert_allclose(found, away**2 / 2 - away**3 / 6 + away**4 / 12, rtol=1e-8)
    assert_array_equal(relative_entropy_near(3.0, 3.0, np.log(3.0), 0.0), 0.0)


def test_it_is_finite_where_m_underflows():
    assert relative_entropy_near(0.5, 0.0, -800.0, 0.5) == np.log(0.5) / 2 - 0.5 + 400.0
    assert relative_entropy_near(0.0, 0.0, -800.0, 0.0) == 0.0
