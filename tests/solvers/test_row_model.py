"""Newton steps on rows of coupled classes: the Hessian is solved, steps go down and converge."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.solvers import row_model
from softreg_fast.solvers.row_model import (
    CoupledNewtonSteps,
    conjugate_gradients,
    curvature_at,
    regular_factor,
)
from softreg_fast.solvers.row_newton import Rows


class Model:
    """A quadratic loss of rows whose Gram matrix is that of the multinomial loss, and a penalty."""

    def __init__(self, rng, n=60, k=8, K=3):
        self.X, p = rng.standard_normal((n, k)), rng.dirichlet(np.ones(K), n)
        weights = p[:, :, np.newaxis] * np.eye(K) - p[:, :, np.newaxis] * p[:, np.newaxis]
        self.gram = np.einsum("ij,icd,il->jcld", self.X, weights, self.X).reshape(k * K, k * K)
        self.q = (self.X.T @ (np.eye(K)[rng.integers(K, size=n)] - 1.0 / K)).ravel()
        self.l1, self.ridge = rng.uniform(0.01, 0.1, k), rng.random(k)
        self.shape = k, K

    def slopes(self, u):
        """Return minus the gradient of the loss."""
        return self.q - self.gram @ u

    def objective(self, u):
        """Return the objective, from its definition."""
        size = np.linalg.norm(u.reshape(self.shape), axis=1)
        penalty = self.l1 @ size + 0.5 * self.ridge @ size**2
        return u @ (0.5 * self.gram @ u - self.q) + penalty

    def hessian(self, u):
        """Return the Hessian at u, without a row that is 0."""
        K, H = self.shape[1], self.gram.copy()
        for a, row in enumerate(u.reshape(self.shape)):
            size, part = np.linalg.norm(row), slice(a * K, (a + 1) * K)
            H[part, part] += self.ridge[a] * np.eye(K)
            H[part, part] += self.l1[a] / size * (np.eye(K) - np.outer(row, row) / size**2)
        return H

    def gradient(self, u):
        """Return the gradient of the objective on the rows that are not 0."""
        rows = u.reshape(self.shape)
        size = np.linalg.norm(rows, axis=1)
        here = size > 0.0
        pull = (self.ridge + self.l1 / np.where(here, size, 1.0))[here, np.newaxis] * rows[here]
        return (pull - self.slopes(u).reshape(self.shape)[here]).ravel()

    def start(self, rng):
        """Return coefficients with the sum 0 over classes."""
        u = rng.standard_normal(self.shape)
        return (u - u.mean(axis=1, keepdims=True)).ravel()


def step(steps, model, u):
    """Return the coefficients after a step, whose slopes must be right."""
    u, slopes = u.copy(), model.slopes(u)
    steps.step(model.gram, u, slopes, model.l1, model.ridge, np.arange(model.shape[0]))
    assert_allclose(slopes, model.slopes(u), atol=1e-9)
    return u


@pytest.mark.parametrize("K", [2, 3, 6])
def test_a_step_is_the_newton_step(rng, K):
    model = Model(rng, K=K)
    u = np.linalg.lstsq(model.gram, model.q, rcond=1e-10)[0]  # of the loss alone
    for _ in range(20):  # near the optimum the step is not shortened
        u = step(CoupledNewtonSteps(), model, u)
    assert u.all()
    assert_allclose(model.gradient(u), 0.0, atol=1e-9)
    u += 1e-3 * model.start(rng)
    expected = u - np.linalg.lstsq(model.hessian(u), model.gradient(u), rcond=1e-10)[0]
    assert_allclose(step(CoupledNewtonSteps(), model, u), expected, atol=1e-10)


def test_the_hessian_is_that_of_changes_with_the_sum_0(rng):
    model = Model(rng)
    k, K = model.shape
    u, rows = model.start(rng), np.array([0, 2, 3, 7])
    at = Rows(
        *(each.reshape(k, K)[rows].T for each in (u, model.slopes(u))),
        *(each[rows] for each in (model.l1, model.ridge)),
    )
    hessian = curvature_at(model.gram, rows, at)
    J = np.kron(np.eye(rows.size), np.eye(K)[:, :-1] - 1.0 / K)
    whole = (rows[:, np.newaxis] * K + np.arange(K)).ravel()
    expected = J.T @ model.hessian(u)[np.ix_(whole, whole)] @ J
    assert_allclose(np.tril(hessian.lower()), np.tril(expected), atol=1e-12)
    assert_allclose(hessian.diagonal, np.diagonal(expected), atol=1e-12)
    b = rng.standard_normal(len(expected))
    assert_allclose(hessian.product(b), expected @ b, atol=1e-12)
    factor = np.triu(regular_factor(hessian))
    assert_allclose(factor.T @ factor, expected, atol=1e-10)


def test_rows_with_another_sum_get_the_sum_0(rng):
    model = Model(rng)
    u = model.start(rng) + np.repeat(rng.standard_normal(8), 3)
    for _ in range(20):
        new = step(CoupledNewtonSteps(), model, u)
        assert model.objective(new) <= model.objective(u) + 1e-12
        u = new
    assert_allclose(u.reshape(model.shape).sum(axis=1), 0.0, atol=1e-12)
    assert_allclose(model.gradient(u), 0.0, atol=1e-9)


def test_factors_are_reused_while_they_are_near(rng, monkeypatch):
    made = []

    def counted(hessian):
        made.append(len(hessian.rows))
        return regular_factor(hessian)

    monkeypatch.setattr(row_model, "regular_factor", counted)
    monkeypatch.setattr(row_model, "UNKNOWNS_PER_STEP", 2)
    model, steps = Model(rng, n=200, k=20), CoupledNewtonSteps()
    u = model.start(rng)
    for _ in range(15):
        new = step(steps, model, u)
        assert model.objective(new) <= model.objective(u) + 1e-12
        u = new
    assert_allclose(model.gradient(u), 0.0, atol=1e-9)
    assert 1 <= len(made) < 15
    n_made = len(made)
    monkeypatch.setattr(row_model, "UNKNOWNS_PER_STEP", 10**9)
    step(steps, model, u + 1e-3 * model.start(rng))
    assert len(made) == n_made + 1


def test_factors_of_other_rows_are_near(rng, monkeypatch):
    monkeypatch.setattr(row_model, "UNKNOWNS_PER_STEP", 1)
    model, steps = Model(rng, n=200, k=20), CoupledNewtonSteps()
    u = model.start(rng)
    u[:9] = 0.0
    first = step(steps, model, u)
    assert_array_equal(first[:9], 0.0)
    features = steps._features
    assert_array_equal(features, np.arange(3, 20))
    u[:9], u[30:33] = model.start(rng)[:9], 0.0
    at = model.slopes(u)
    new = u.copy()
    steps.step(model.gram, new, at, model.l1, model.ridge, np.arange(20))
    assert steps._features is features  # with 3 rows more and 1 less
    exact = step(CoupledNewtonSteps(), model, u)
    assert_allclose(new, exact, atol=1e-3 * np.abs(exact - u).max())


def test_a_singular_hessian_gets_a_ridge(rng):
    model = Model(rng, n=5, k=8)
    model.l1[:], model.ridge[:] = 0.0, 0.0
    u = step(CoupledNewtonSteps(), model, model.start(rng))
    assert_allclose(model.slopes(u), 0.0, atol=1e-6)


def test_conjugate_gradients_solve_or_give_up(rng):
    C = rng.standard_normal((40, 20))
    A, b = C.T @ C, rng.standard_normal(20)
    near = np.linalg.inv(A + 0.1 * np.eye(20))
    x = conjugate_gradients(A.__matmul__, near.__matmul__, b, 20, 1e-9)
    assert_allclose(x, np.linalg.solve(A, b), rtol=1e-6, atol=1e-8)
    assert conjugate_gradients(A.__matmul__, np.eye(20).__matmul__, b, 3, 1e-9) is None
    assert conjugate_gradients((-A).__matmul__, near.__matmul__, b, 20, 1e-9) is None
