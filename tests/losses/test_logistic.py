"""Logistic: the deviance of classes, which is twice the loss."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.losses import Logistic

LOSS = Logistic()


def test_the_deviance_of_classes_is_that_of_shares_next_to_them():
    y = np.array([0.0, 1.0, 0.0, 1.0])[:, np.newaxis]
    eta = np.array([-40.0, -1.0, 0.0, 1e-9, 2.0, 40.0])
    assert_allclose(LOSS.deviance(y, eta), 2.0 * LOSS.bregman(y, eta, np.zeros_like(y)), rtol=1e-14)
    assert_allclose(LOSS.deviance(y, eta)[:, 2], 2.0 * np.log(2.0), rtol=1e-15)


def test_the_deviance_of_classes_is_finite_and_keeps_its_digits():
    y = np.array([1.0, 0.0, 1.0, 0.0])
    assert_array_equal(
        LOSS.deviance(y, np.array([-800.0, 800.0, 800.0, -800.0])), [1600, 1600, 0, 0]
    )
    assert_allclose(LOSS.deviance(y[:2], np.array([600.0, -600.0])), 2.0 * np.exp(-600.0))
    assert_array_equal(LOSS.deviance(y, np.array([np.inf, -np.inf, -np.inf, np.inf]))[:2], 0.0)


def test_some_shares_do_not_take_the_way_of_classes():
    y = np.array([0.0, 0.25, 1.0])
    assert_array_equal(LOSS.deviance(y, np.log(1.0 / 3.0))[1], 0.0)
    assert np.all(LOSS.deviance(y, np.log(1.0 / 3.0))[[0, 2]] > 0.5)
