"""LAPACK calls in a separate thread return the result, or raise the error, of the call."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from softreg_fast.system.interrupts import LARGEST_AT_ONCE, interruptible


@pytest.mark.parametrize("n", [3, LARGEST_AT_ONCE + 1])
def test_the_result_is_that_of_the_call(rng, n):
    matrix = rng.standard_normal((n, n))
    assert_array_equal(interruptible(np.linalg.qr, matrix, "r"), np.linalg.qr(matrix, "r"))


@pytest.mark.parametrize("n", [3, LARGEST_AT_ONCE + 1])
def test_the_error_is_that_of_the_call(n):
    with pytest.raises(np.linalg.LinAlgError):
        interruptible(np.linalg.cholesky, -np.eye(n))
