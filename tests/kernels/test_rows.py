"""Kernels of several tasks: slopes, and solvers against slow descent."""

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from multi_task import tasks_of
from numpy.testing import assert_allclose
from oracles import block_descent, dense
from problems import INF

from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._descent import RowDescent
from softreg_fast.kernels._rows import RowEngine


def engine_data(rng, n, p, n_tasks, density=1.0):
    """Return a design, its columns as an array, and penalty vectors, in the engine's units."""
    X, _ = problems.make_data(rng, n, p, density=density)
    s = problems.sample_weights(rng, n)
    design = MultiTaskDesign(sp.csc_array(X) if density < 1.0 else X, tasks_of(rng, X, n_tasks), s)
    C = np.empty((n, p), order="F")
    design.columns.gather(0, C)  # times sqrt(s)
    target = (design.y - design.y_mean) / design.y_norm * np.sqrt(design.weight)[:, np.newaxis]
    return design, C, target


@pytest.mark.parametrize("density", [1.0, 0.3])
def test_slopes_of_all_tasks(density, rng):
    design, C, target = engine_data(rng, 40, 11, 3, density)
    found = np.empty((3, 11))
    for n_threads in (1, 2):
        design.columns.slopes_of_tasks(design.target, found, n_threads)
        assert_allclose(found, target.T @ C, atol=1e-13)
    with pytest.raises(ValueError, match="one row per task"):
        design.columns.slopes_of_tasks(design.target, np.empty((2, 11)))


@pytest.mark.parametrize("kind", ["engine", "gram", "descent"])
def test_solvers_against_slow_descent(kind, rng):
    design, C, target = engine_data(rng, 30, 8, 3)
    l1, l2 = rng.uniform(0.5, 2.0, 8), rng.uniform(0.5, 2.0, 8)
    penalty = l1, l2, np.full(8, -INF), np.full(8, INF)
    if kind == "descent":
        solver = RowDescent(
            design.columns, design.target, 1.0, design.curvature, penalty, design.n_threads
        )
    elif kind == "gram":
        solver = RowEngine(Columns.gram(design.gram), target.T @ C, 1.0, penalty)
    else:
        solver = RowEngine(design.columns, design.target, 1.0, penalty)
    for strength in (0.1, 0.02):
        assert solver.solve(strength, 0.3, 1e-14, 10_000) == 0
        U = block_descent(
            dense(C), np.ones(30), dense(target), strength * l1, 0.3 * l2, np.zeros((8, 3)), 300
        )
        assert_allclose(solver.coef.T, U.astype(float), atol=1e-7)
        rest = float(np.sum((dense(target) - dense(C) @ U) ** 2))
        assert_allclose(solver.residual_sumsq, rest, atol=1e-7)


def test_solvers_refuse_what_does_not_fit(rng):
    design, _, _ = engine_data(rng, 30, 8, 3)
    penalty = [np.ones(8)] * 4
    with pytest.raises(ValueError, match="one entry per feature"):
        RowEngine(design.columns, design.target, 1.0, [np.ones(7)] * 4)
    with pytest.raises(ValueError, match="not fit the columns"):
        RowEngine(design.columns, design.target[:, 1:].copy(), 1.0, penalty)
    with pytest.raises(ValueError, match="one entry per feature"):
        RowDescent(design.columns, design.target, 1.0, np.ones(7), penalty)
    with pytest.raises(ValueError, match="not fit the columns"):
        RowDescent(Columns.gram(design.gram), design.target, 1.0, np.ones(8), penalty)


def test_few_features_are_looked_at(rng):
    X, _ = problems.make_data(rng, 100, 3000)
    Y = tasks_of(rng, X[:, :5], 4)
    design = MultiTaskDesign(X, Y)
    gradient = np.sqrt(np.square(design.gradient_at_zero()).sum(axis=0))
    ones, inf = np.ones(3000), np.full(3000, INF)
    engine = RowEngine(design.columns, design.target, 1.0, (ones, 0 * ones, -inf, inf))
    grid = gradient.max() * np.geomspace(1.0, 0.2, 50)
    assert all(engine.solve(strength, 0.0, 1e-8, 1000) == 0 for strength in grid)
    assert engine.n_reads < 25  # of 50 alphas, each with a certificate over all features
    assert engine.n_slots < 1000


@pytest.mark.parametrize("p", [9, 60])
def test_unpenalised_features_without_gram_columns(p, rng):
    # correlated, so that descent alone needs thousands of epochs to bring their slopes to 0
    X, _ = problems.make_data(rng, 40, p)
    X[:, :4] = X[:, :1] + 1e-3 * rng.standard_normal((40, 4))
    Y = tasks_of(rng, X, 3)
    weights = np.ones(p)
    weights[:4] = 0.0
    design, penalty = (
        MultiTaskDesign(X, Y),
        (weights, np.zeros(p), np.full(p, -INF), np.full(p, INF)),
    )
    engine = RowDescent(design.columns, design.target, 1.0, design.curvature, penalty)
    strength = np.sqrt(np.square(design.gradient_at_zero()).sum(axis=0)).max()
    assert engine.solve(strength, 0.0, 1e-10, 50) == 0
    slopes = np.empty((3, p))
    design.columns.slopes_of_tasks(engine.residual, slopes)
    assert np.abs(slopes[:, :4]).max() <= 1e-11
    assert engine.certify(strength, 0.0) <= 1e-10


def test_descent_that_cannot_reach_the_tolerance_ends(rng):
    X, _ = problems.make_data(rng, 20, 15)
    design = MultiTaskDesign(X, tasks_of(rng, X, 3))
    penalty = np.ones(15), np.ones(15), np.full(15, -INF), np.full(15, INF)
    engine = RowDescent(design.columns, design.target, 1.0, design.curvature, penalty)
    assert engine.solve(0.01, 0.01, 0.0, 1_000_000) in (0, 2)
    assert engine.n_epochs < 10_000
    assert engine.gap < 1e-16
