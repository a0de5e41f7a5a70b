"""Data for the tests of the estimators."""

import numpy as np
import pytest


@pytest.fixture
def data(rng):
    """Return 80 samples, 12 features with a common part, a target that depends on seven."""
    X = rng.standard_normal((80, 12)) + 0.5 * rng.standard_normal((80, 1))
    X = X * rng.uniform(0.7, 1.5, 12) + rng.standard_normal(12)
    w = np.array([3.0, 0.0, -2.0, 2.5, 0.0, 1.5, 0.0, 2.0, -1.0, 0.0, 1.0, 0.0])
    return X, X @ w + rng.standard_normal(80) + 2.0
