"""Newton steps on rows: the Hessian is inverted, steps go down and converge."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast.solvers.row_newton import NewtonSteps, Rows, hessian_solver


def hessian(gram, U, ridge, curvature):
    """Return the Hessian of the rows u_a, (k T, k T), from its definition."""
    n_tasks, k = U.shape
    H = np.kron(gram + np.diag(ridge), np.eye(n_tasks))
    for a in range(k):
        e = U[:, a] / np.linalg.norm(U[:, a])
        part = slice(a * n_tasks, (a + 1) * n_tasks)
        H[part, part] += curvature[a] * (np.eye(n_tasks) - np.outer(e, e))
    return H


@pytest.mark.parametrize(("n_tasks", "k"), [(1, 1), (1, 6), (4, 1), (3, 8), (9, 5)])
def test_the_hessian_is_inverted(n_tasks, k, rng):
    C = rng.standard_normal((k + 3, k))
    U, G = rng.standard_normal((2, n_tasks, k))
    ridge, curvature = rng.random(k), rng.random(k)
    curvature[::3] = 0.0
    D = hessian_solver(C.T @ C, U, ridge, curvature)(G)
    expected = np.linalg.solve(hessian(C.T @ C, U, ridge, curvature), G.T.ravel())
    assert_allclose(D.T.ravel(), expected, rtol=1e-8, atol=1e-10)


def test_large_hessians_are_inverted_in_pieces(rng, monkeypatch):
    monkeypatch.setattr("softreg_fast.solvers.row_newton.LARGEST_INVERSE_AT_ONCE", 5)
    monkeypatch.setattr("softreg_fast.solvers.row_newton.LARGEST_PRODUCT", 800)
    C = rng.standard_normal((30, 20))
    U, G = rng.standard_normal((2, 3, 20))
    ridge, curvature = rng.random((2, 20))
    D = hessian_solver(C.T @ C, U, ridge, curvature)(G)
    expected = np.linalg.solve(hessian(C.T @ C, U, ridge, curvature), G.T.ravel())
    assert_allclose(D.T.ravel(), expected, rtol=1e-8, atol=1e-10)


def objective_of_rows(gram, at, U):
    """Return the objective at U, up to a constant, given the slopes `at.Z` at `at.U`."""
    D = U - at.U
    lengths = np.linalg.norm(U, axis=0)
    return np.sum(D * (0.5 * D @ gram - at.Z)) + at.l1 @ lengths + 0.5 * at.ridge @ lengths**2


def test_newton_steps_go_down_and_converge(rng):
    C = rng.standard_normal((30, 6))
    gram, q = C.T @ C, C.T @ rng.standard_normal((30, 3))
    l1, ridge = rng.uniform(0.1, 1.0, 6), rng.random(6)
    U, steps = rng.standard_normal((3, 6)), NewtonSteps()
    for k in range(16):
        members = np.flatnonzero(U.any(axis=0))
        at = Rows(U[:, members], (q.T - U @ gram)[:, members], l1[members], ridge[members])
        new, way = steps.step(gram[members], members, at, fresh=k % 2 == 0)
        assert_allclose(way, (new - at.U) @ gram[members], atol=1e-12)
        change = objective_of_rows(gram[np.ix_(members, members)], at, new)
        change -= objective_of_rows(gram[np.ix_(members, members)], at, at.U)
        assert change <= 1e-12
        assert_allclose(at.change(new, way[:, members]), change, atol=1e-12)
        U = np.zeros((3, 6))
        U[:, members] = new
    assert_allclose(at.downhill, 0.0, atol=1e-11)
