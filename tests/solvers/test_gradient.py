"""Plain gradient descent against its loop, and its minimum."""

import numpy as np
import oracles
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF, LD, exact_ridge

from softreg_fast import gradient_descent


@pytest.mark.parametrize("layout", ["fortran", "c", "csc_array"])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
@pytest.mark.parametrize("p", [3, 40])
def test_gradient_descent_is_its_loop(rng, layout, weighted, p, n_threads):
    n = 30
    X, y = problems.make_data(rng, n, p, density=0.6)
    s = problems.sample_weights(rng, n) if weighted else np.ones(n)
    l2 = rng.uniform(0.0, 1.0, p)
    start = rng.standard_normal(p)
    S = s.sum()
    rate = 1.0 / (np.linalg.eigvalsh(X.T @ (s[:, None] * X))[-1] / S + 1.0)
    w = start.astype(LD)
    for _ in range(25):
        w = w + rate * (X.T.astype(LD) @ (s * (y - X.astype(LD) @ w)) / S - l2 * w)
    found = gradient_descent(
        problems.LAYOUTS[layout](X), y, learning_rate=rate, n_iter=25, l2=l2, coef_init=start,
        sample_weight=s if weighted else None, n_threads=n_threads,
    )  # fmt: skip
    assert_allclose(found, w.astype(float), atol=1e-12 * float(np.abs(w).max()))


def test_gradient_descent_reaches_the_minimum(rng):
    X, y = problems.make_data(rng, 40, 4)
    rate = 1.0 / np.linalg.eigvalsh(X.T @ X / 40 + 0.1 * np.eye(4))[-1]
    w = gradient_descent(X, y, learning_rate=rate, n_iter=3000, l2=0.1)
    assert_allclose(w, exact_ridge(X, y, np.full(4, 0.1), fit_intercept=False)[0], rtol=1e-6)


def test_gradient_descent_details(rng):
    X, y = problems.make_data(rng, 20, 3)
    start = np.array([1.0, 2.0, 3.0])
    assert_array_equal(gradient_descent(X, y, learning_rate=0.1, n_iter=0, coef_init=start), start)
    assert_array_equal(gradient_descent(X, y, learning_rate=0.1, n_iter=0), np.zeros(3))
    held = gradient_descent(X, y, learning_rate=1e-3, n_iter=5, l2=[0.0, INF, 0.0])
    assert held[1] == 0.0
    assert held[0] != 0.0
    loop = oracles.gradient_descent(
        X[:, ::2], np.ones(20), y, np.zeros(2), (0, 0, -INF, INF), np.zeros(2), 1e-3 / 20, 5
    )
    assert_allclose(held[::2], loop.astype(float), rtol=1e-12)
    with pytest.raises(ValueError, match="diverged"):
        gradient_descent(X, y, learning_rate=1e3, n_iter=10_000)
    for wrong in (
        {"learning_rate": 0.0},
        {"learning_rate": 0.1, "n_iter": -1},
        {"learning_rate": 0.1, "l2": -1.0},
        {"learning_rate": 0.1, "coef_init": [1.0]},
    ):
        with pytest.raises(ValueError):
            gradient_descent(X, y, **wrong)
