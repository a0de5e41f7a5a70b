"""_gradient: steps and accelerated steps against loops in NumPy."""

import numpy as np
import oracles
import pytest
from kernel_cases import BOXES, each_kind, each_weighting, make_case, make_penalty, per_thread
from oracles import INF

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._gradient import GradientUpdates, largest_eigenvalue


def make_updates(case, target, ridge, penalty, coef, n_threads=1):
    return GradientUpdates(
        case.columns, case.weighted_residual(target), ridge, penalty, coef, n_threads
    )


@each_kind
@each_weighting
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("method", ["descend", "accelerate"])
def test_gradient_steps_are_those_of_numpy(rng, kind, weighted, box, method):
    p = 21
    case = make_case(rng, kind, p=p, weighted=weighted)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, p, box)
    ridge = rng.uniform(0.0, 2.0, p)
    Q = (case.C.T @ (case.s[:, None] * case.C)).astype(float)
    step = 0.9 / (np.linalg.eigvalsh(Q)[-1] + 2.0)
    coef = rng.standard_normal(p)

    def run(n_threads):
        updates = make_updates(case, target, ridge, penalty, coef, n_threads)
        getattr(updates, method)(step, 17)
        updates.settle()
        assert updates.n_steps == 17
        return np.concatenate([updates.coef, updates.residual])

    found = per_thread(run)
    loop = {"descend": oracles.gradient_descent, "accelerate": oracles.accelerated_gradient}[method]
    start = np.clip(coef, *penalty[2:])
    w = loop(case.C, case.s, target, ridge, penalty, start, step, 17)
    size = np.abs(w).max() + 1
    assert np.all(np.abs(found[:p] - w) <= 1e-12 * size)
    r = np.where(case.s > 0, target - case.C @ w, 0)
    assert np.all(np.abs(case.residual_of(found[p:]) - r) <= 1e-12 * 10 * size)


def test_accelerated_steps_start_again_when_they_go_uphill(rng):
    # far more steps than the problem needs: without restarts it would still oscillate
    case = make_case(rng, "dense float64", n=60, p=8)
    target = case.random_residual(rng)[1]
    zero = np.zeros(8)
    penalty = (zero, zero, zero - INF, zero + INF)
    Q = (case.C.T @ (case.s[:, None] * case.C)).astype(float)
    step = 1.0 / np.linalg.eigvalsh(Q)[-1]
    updates = make_updates(case, target, zero, penalty, None)
    updates.accelerate(step, 600)
    expected = np.linalg.solve(Q, (case.C.T @ (case.s * target)).astype(float))
    np.testing.assert_allclose(updates.coef, expected, rtol=1e-9, atol=1e-10)


def test_gradient_updates_refuse_what_does_not_fit(rng):
    case = make_case(rng, "dense float64")
    penalty = make_penalty(rng, 9, "free")
    with pytest.raises(TypeError, match="Gram"):
        GradientUpdates(Columns.gram(np.eye(9, order="F")), np.zeros(9), np.zeros(9), penalty)
    with pytest.raises(ValueError, match="per feature"):
        GradientUpdates(case.columns, np.zeros(24), np.zeros(8), penalty)
    with pytest.raises(ValueError, match="does not fit"):
        GradientUpdates(case.columns, np.zeros(23), np.zeros(9), penalty)


@each_kind
@each_weighting
def test_largest_eigenvalue(rng, kind, weighted):
    case = make_case(rng, kind, p=12, weighted=weighted)
    Q = (case.C.T @ (case.s[:, None] * case.C)).astype(float)
    exact = np.linalg.eigvalsh(Q)[-1]
    start = rng.standard_normal(12)
    few, many = (largest_eigenvalue(case.columns, start, count) for count in (3, 300))
    assert few <= exact * (1 + 1e-12)
    assert abs(many - exact) <= 1e-6 * exact
    assert largest_eigenvalue(case.columns, np.zeros(12), 5) == 0.0
