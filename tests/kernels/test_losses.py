"""_losses: value, residual and curvature of every loss."""

import numpy as np
import pytest
from kernel_cases import each_weighting
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.kernels._losses import KINDS as LOSSES
from softreg_fast.kernels._losses import evaluate


@pytest.mark.parametrize("kind", LOSSES)
@each_weighting
def test_residual_and_curvature_are_derivatives_of_the_loss(rng, kind, weighted):
    y, z, h = rng.standard_normal((2, 9)), rng.standard_normal((2, 9)), 1e-4
    s = rng.uniform(0.5, 2.0, 9) if weighted else None
    value, v, curvature = evaluate(kind, y, z, s)
    for output in range(2):
        for i in range(9):
            step = np.zeros((2, 9))
            step[output, i] = h
            above, below = (evaluate(kind, y, z + d, s)[0] for d in (step, -step))
            assert_allclose((below - above) / (2.0 * h), v[output, i], atol=1e-8)
            assert_allclose((above - 2 * value + below) / h**2, curvature[output, i], atol=1e-5)


def test_the_squared_loss(rng):
    y, z, s = rng.standard_normal((1, 9)), rng.standard_normal((1, 9)), rng.uniform(0.0, 2.0, 9)
    value, v, curvature = evaluate("squared", y, z, s)
    assert_allclose(value, 0.5 * np.sum(s * (y - z) ** 2), rtol=1e-14)
    assert_array_equal(v, s * (y - z))
    assert_array_equal(curvature, s[np.newaxis])


def test_losses_reject_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="shape of y"):
        evaluate("squared", np.zeros((1, 3)), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="one entry per sample"):
        evaluate("squared", np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(4))
