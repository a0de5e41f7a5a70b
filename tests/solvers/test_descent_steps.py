"""Steps of plain descent outside its loops: working set, unpenalised features, extrapolation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear

from softreg_fast.kernels._columns import Columns
from softreg_fast.solvers.extrapolation import extrapolated
from softreg_fast.solvers.unpenalised import Block
from softreg_fast.solvers.working_set import working_set


def test_the_working_set_is_the_support_and_the_worst_violators(rng):
    distance = rng.uniform(0.1, 1.0, 500)
    distance[:50] = 0.0
    support = np.arange(500) % 100 == 0
    chosen = working_set(support.copy(), distance)
    left = np.setdiff1d(np.flatnonzero(distance > 0.0), np.flatnonzero(support))
    worst = left[np.argsort(distance[left])[-100:]]
    assert_array_equal(chosen, np.union1d(np.flatnonzero(support), worst))


@pytest.mark.parametrize("dependent", [False, True])
def test_steps_on_unpenalised_features_reach_the_bounded_minimum(rng, dependent):
    X, y = np.asfortranarray(rng.standard_normal((30, 6))), rng.standard_normal(30)
    if dependent:
        X[:, 3] = X[:, 4]
    features = np.array([0, 1, 3, 4, 5])
    lower, upper = np.full(6, -0.05), np.full(6, np.inf)
    block = Block(Columns(X), features, lower, upper)
    u = np.zeros(5)
    for _ in range(20):
        reached = block.step(u, X[:, features].T @ (y - X[:, features] @ u), 1e-13)
        if reached is None:
            break
        u = reached
    best = lsq_linear(X[:, features], y, (lower[features], upper[features]), tol=1e-14)
    assert reached is None
    assert_allclose(np.sum((y - X[:, features] @ u) ** 2), 2.0 * best.cost, rtol=1e-9)
    assert np.all(u >= -0.05)


def test_extrapolation_finds_the_limit_of_a_linear_iteration(rng):
    shrink, limit = np.diag([0.9, 0.5, -0.3]), rng.standard_normal((3, 2))
    iterates = [rng.standard_normal((3, 2))]
    for _ in range(5):
        iterates.append(limit + shrink @ (iterates[-1] - limit))
    assert_allclose(extrapolated(iterates), limit, atol=1e-3)
    assert extrapolated([limit, limit, limit]) is None
