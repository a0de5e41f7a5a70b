"""Roots of decreasing functions."""

import numpy as np
from numpy.testing import assert_allclose

from softreg_fast.losses.roots import root


def test_roots_are_found_to_rounding():
    exact = np.array([-3.0, 0.25, 1e-8, 40.0])

    def function(x):
        # steep on one side, flat on the other: Newton's method alone goes astray or crawls
        return np.exp(-x) - np.exp(-exact), np.exp(-x)

    assert_allclose(root(function, -50.0, 600.0 + exact), exact, rtol=1e-13, atol=1e-15)
    assert root(lambda x: (2.0 - x, np.ones_like(x)), 0.0, 5.0) == 2.0


def test_a_function_with_steps_and_flat_parts_has_a_root_between():
    calls = []

    def function(x):
        calls.append(x)
        return np.clip(3.0 - x, -1.0, 1.0), np.asarray(np.abs(3.0 - x) <= 1.0, float)

    assert root(function, -1e6, 1e3) == 3.0
    assert len(calls) < 60
    assert root(lambda x: (np.zeros_like(x), np.zeros_like(x)), -1.0, 2.0) == 0.5
