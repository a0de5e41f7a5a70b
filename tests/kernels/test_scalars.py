"""_scalars: the warm engine for one target, along any sequence of strengths."""

from typing import NamedTuple

import numpy as np
import oracles
import pytest
import scipy.sparse as sp
from kernel_cases import BOXES, KINDS, each_kind, make_penalty, make_weights, per_thread
from oracles import INF, LD

from softreg_fast.data.design import Design
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._scalars import ScalarEngine
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, NO_ROOM


class UnitProblem(NamedTuple):
    """Columns and a target of unit length, as Design makes them, and the oracle's Problem."""

    design: Design
    C: np.ndarray
    s: np.ndarray

    def engine(self, penalty, gram=False, **options):
        design = self.design
        if gram:
            columns, target = Columns.gram(design.gram), design.gradient_at_zero()
        else:
            columns, target = design.columns, design.target
        return ScalarEngine(columns, target, design.target_sumsq, penalty, **options)

    def oracle(self, penalty, l1_strength, l2_strength):
        """Return the oracle, whose objective is the engine's divided by the number of samples."""
        n = len(self.s)
        l1, l2, lower, upper = (np.asarray(a, LD) for a in penalty)
        target = np.where(self.s > 0, self.design.target[:-1] / np.where(self.s > 0, self.s, 1), 0)
        l1, l2 = l1_strength * l1 / n, l2_strength * l2 / n
        return oracles.Problem(self.C, target, self.s, False, l1, l2, lower, upper)

    def assert_solved(self, engine, penalty, l1_strength, l2_strength, tol):
        problem = self.oracle(penalty, l1_strength, l2_strength)
        n = len(self.s)
        assert problem.is_feasible(engine.coef)
        found = problem.certificate(engine.coef, 0.0)
        assert n * found.gap <= tol + 1e-12
        assert abs(engine.residual_sumsq - 2 * n * problem.loss(engine.coef, 0.0)) <= 1e-12
        return found


def make_unit_problem(rng, kind, n=25, p=60, copies=False):
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    dtype, index = KINDS[kind]
    if index is not None:
        X *= rng.random((n, p)) < 0.5
        X[:3] += 1.0
    if copies:
        X[:, p // 2 :] = X[:, : p - p // 2] * rng.choice([-2.0, 1.0], p - p // 2)
    X = X.astype(dtype)
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    weight = make_weights(rng, n, True)
    design = Design(sp.csc_array(X) if index else X, y, weight, n_threads=1)
    s = design.weight.astype(LD)
    C = X.astype(LD)
    C -= s @ C / s.sum()
    return UnitProblem(design, C / np.sqrt(s @ C**2), s)


def unit_penalty(rng, p, box):
    """Return a penalty with at most three features unpenalised."""
    l1, l2, lower, upper = make_penalty(rng, p, box)
    l1[3:][l1[3:] == 0.0] = 1.0
    return l1, l2, lower, upper


STRENGTHS = ((0.5, 0.0), (0.3, 0.0), (0.03, 0.0), (0.01, 0.1), (0.2, 0.1), (0.05, 0.0))


@each_kind
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gram", [False, True], ids=["columns", "gram"])
@pytest.mark.parametrize("p", [8, 60])
def test_engine_follows_any_path(rng, kind, box, gram, p):
    problem = make_unit_problem(rng, kind, p=p)
    penalty = unit_penalty(rng, p, box)
    engine = problem.engine(penalty, gram)
    for strengths in STRENGTHS:  # down, up again, with and without an L2 part
        assert engine.solve(*strengths, 1e-10, 10_000) == CONVERGED
        assert engine.gap <= 1e-10
        problem.assert_solved(engine, penalty, *strengths, 1e-10)
    assert 0 <= engine.n_slots <= p


@each_kind
@pytest.mark.parametrize("gram", [False, True], ids=["columns", "gram"])
@pytest.mark.parametrize("box", ["free", "positive", "box"])
def test_engine_with_copies_of_features(rng, kind, gram, box):
    problem = make_unit_problem(rng, kind, p=40, copies=True)
    l1 = rng.choice([0.5, 1.0], 40)
    lower, upper = BOXES[box]
    penalty = l1, np.zeros(40), np.full(40, lower), np.full(40, upper)
    engine = problem.engine(penalty, gram)
    for strength in (0.4, 0.1, 0.02, 0.2):
        assert engine.solve(strength, 0.0, 1e-9, 10_000) == CONVERGED
        problem.assert_solved(engine, penalty, strength, 0.0, 1e-9)


@each_kind
def test_engine_looks_at_few_features(rng, kind):
    # bounds exclude most features: fewer reads than a scan per alpha, and nothing is missed
    problem = make_unit_problem(rng, kind, n=30, p=300)
    zero = np.zeros(300)
    penalty = (zero + 1.0, zero, zero - INF, zero + INF)
    engine = problem.engine(penalty)
    strengths = np.geomspace(0.9, 0.1, 40)
    for strength in strengths:
        assert engine.solve(strength, 0.0, 1e-10, 10_000) == CONVERGED
        problem.assert_solved(engine, penalty, strength, 0.0, 1e-10)
    assert engine.n_reads < 0.8 * len(strengths)
    assert engine.n_slots < 300
    assert engine.n_newton > 0


@each_kind
def test_engine_does_not_depend_on_the_threads(rng, kind):
    problem = make_unit_problem(rng, kind, n=30, p=200)
    penalty = unit_penalty(rng, 200, "free")

    def coef(n_threads):
        engine = problem.engine(penalty, n_threads=n_threads)
        for strength in np.geomspace(0.9, 0.1, 10):
            engine.solve(strength, 0.0, 1e-9, 1000)
        return np.array(engine.coef)

    per_thread(coef)


def test_engine_says_how_it_ended(rng):
    problem = make_unit_problem(rng, "dense float64")
    zero = np.zeros(60)
    penalty = (zero + 1.0, zero, zero - INF, zero + INF)
    engine = problem.engine(penalty)
    assert engine.solve(1.01, 0.0, 0.0, 10) == CONVERGED
    assert not engine.coef.any()
    assert engine.solve(0.01, 0.0, 0.0, 1) == MAX_ITER
    assert engine.n_epochs == 1
    found = problem.oracle(penalty, 0.01, 0.0).certificate(engine.coef, 0.0)
    best = problem.engine(penalty)
    assert best.solve(0.01, 0.0, 1e-11, 100_000) == CONVERGED
    reference = problem.assert_solved(best, penalty, 0.01, 0.0, 1e-11)
    assert engine.gap >= 25 * (found.primal - reference.primal)
    small = problem.engine(penalty, most_slots=3)
    assert small.solve(0.01, 0.0, 1e-9, 1000) == NO_ROOM
    assert np.isfinite(small.coef).all()


@pytest.mark.parametrize("gram", [False, True], ids=["columns", "gram"])
def test_engine_starts_anywhere(rng, gram):
    problem = make_unit_problem(rng, "csc float64 int64")
    penalty = unit_penalty(rng, 60, "box")
    engine = problem.engine(penalty, gram)
    for _ in range(3):
        engine.coef[:] = np.clip(rng.standard_normal(60), *penalty[2:])
        engine.refresh()
        assert engine.solve(0.1, 0.2, 1e-10, 10_000) == CONVERGED
        problem.assert_solved(engine, penalty, 0.1, 0.2, 1e-10)


def test_engine_refuses_what_does_not_fit(rng):
    problem = make_unit_problem(rng, "dense float64")
    penalty = unit_penalty(rng, 60, "free")
    with pytest.raises(ValueError, match="per feature"):
        problem.engine((*penalty[:3], penalty[3][:-1]))
    with pytest.raises(ValueError, match="does not fit"):
        ScalarEngine(problem.design.columns, np.zeros(3), 1.0, penalty)
