"""The blocked factorisations of softreg_fast.factor against their defining equations."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast.solvers import factor

SIZES = [0, 1, 2, 7, 8, 9, 16, 33, 70]


@pytest.fixture(autouse=True)
def _many_blocks(monkeypatch):
    monkeypatch.setattr(factor, "LARGEST_AT_ONCE", 4)
    monkeypatch.setattr(factor, "BLOCK", 8)
    monkeypatch.setattr(factor, "PANEL", 8)
    monkeypatch.setattr(factor, "LARGEST_PRODUCT", 300)


def semidefinite(size, rank, seed=0):
    """Return a matrix of that rank and a basis of its column space."""
    B = np.random.default_rng(seed).standard_normal((size, rank))
    return B @ B.T, B


@pytest.mark.parametrize("size", SIZES)
def test_cholesky_solves(size):
    matrix = semidefinite(size, size)[0] + np.eye(size)
    before = matrix.copy()
    z = np.random.default_rng(1).standard_normal((size, 3))
    for solver in (factor.cholesky, factor.solver_of, factor.least_norm):
        assert_allclose(matrix @ solver(matrix)(z), z, rtol=1e-9, atol=1e-9)
    assert np.array_equal(matrix, before)


@pytest.mark.parametrize("size", [1, 7, 33])
@pytest.mark.parametrize("where", [0, -1])
def test_an_indefinite_matrix_is_refused(size, where):
    matrix = np.eye(size)
    matrix[where, where] = -1e-3
    with pytest.raises(np.linalg.LinAlgError):
        factor.cholesky(matrix)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("function", [factor.least_norm, factor.solver_of])
def test_least_norm(size, share, function):
    rank = int(share * size)
    matrix, B = semidefinite(size, rank)
    rng = np.random.default_rng(2)
    reachable = matrix @ rng.standard_normal(size)
    x = function(matrix)(reachable)
    # a solution, and the one without a component in the null space
    assert_allclose(matrix @ x, reachable, rtol=1e-9, atol=1e-9 * max(size, 1))
    seen = B @ np.linalg.lstsq(B, x, rcond=None)[0]
    assert_allclose(x, seen, rtol=1e-7, atol=1e-9)
    # the component outside the column space does not count
    other = rng.standard_normal(size)
    other -= B @ np.linalg.lstsq(B, other, rcond=None)[0]
    if rank:
        assert_allclose(function(matrix)(reachable + other), x, rtol=1e-6, atol=1e-7)


def test_scales_and_duplicates():
    # equal rows, and very different units
    B = np.random.default_rng(3).standard_normal((20, 9))
    B = np.vstack([B, B[:6]]) * np.repeat(10.0 ** np.arange(-2, 3), [5, 5, 5, 5, 6])[:, None]
    matrix = B @ B.T
    z = matrix @ np.ones(len(matrix))
    assert_allclose(matrix @ factor.solver_of(matrix)(z), z, rtol=1e-8, atol=1e-8 * np.max(z))
