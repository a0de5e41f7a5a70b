"""Squared loss: what only normal errors have."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.losses import SQUARED


def test_squared_loss_is_that_of_normal_errors(rng):
    y, eta = rng.standard_normal((2, 7))
    assert_array_equal(SQUARED.mean(eta), eta)
    assert_allclose(SQUARED.unit(y, 2.0, None), np.linalg.norm(y - 2.0))
    assert SQUARED.unit(np.full(3, 2.0), 2.0, None) == 0.0
    assert SQUARED.log_normaliser(10, 2.0) == pytest.approx(10 * np.log(4 * np.pi))
    assert SQUARED.null(y, None, np.full(7, 0.5)) == pytest.approx(y.mean() - 0.5)
    assert SQUARED.quadratic
    assert SQUARED.smooth
    assert SQUARED.n_outputs == 1
