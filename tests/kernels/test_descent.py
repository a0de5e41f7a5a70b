"""_descent: coordinate descent, epoch by epoch, against loops in NumPy."""

import numpy as np
import oracles
import pytest
from kernel_cases import (
    BOXES,
    StrangeColumns,
    assert_close,
    each_kind,
    each_weighting,
    make_case,
    make_penalty,
    per_thread,
)
from numpy.testing import assert_array_equal
from oracles import INF, LD

from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._descent import CoordinateDescent
from softreg_fast.kernels._slots import CONVERGED, MAX_ITER, STALLED


def make_descent(case, target, penalty, n_threads=1, gram=False, random_state=None):
    """Return a CoordinateDescent on the columns of a case or on their Gram matrix."""
    Q = case.C.T @ (case.s[:, None] * case.C)
    sumsq = float(case.s @ target**2)
    curvature = np.diag(Q).astype(np.float64)
    if gram:
        columns = Columns.gram(np.asfortranarray(Q, np.float64))
        start = (case.C.T @ (case.s * target)).astype(np.float64)
    else:
        columns, start = case.columns, case.weighted_residual(target)
    rng = None if random_state is None else np.random.RandomState(random_state)
    return CoordinateDescent(columns, start, sumsq, curvature, penalty, n_threads, rng)


@each_kind
@each_weighting
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gram", [False, True], ids=["residual", "gram"])
def test_epochs_are_those_of_numpy(rng, kind, weighted, box, gram):
    case = make_case(rng, kind, weighted=weighted)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 9, box)
    strengths = 0.7, 0.4
    order = rng.permutation(9)[:7]
    descent = make_descent(case, target, penalty, gram=gram)
    start = np.clip(0.0, *penalty[2:])
    assert_array_equal(descent.coef, start)
    descent.certify(*strengths)
    start = descent.coef.copy()  # certify solves for the unpenalised part
    largest = descent.epochs(order, 3)
    strong = (strengths[0] * penalty[0], strengths[1] * penalty[1], *penalty[2:])
    u, expected_largest = oracles.coordinate_descent(
        case.C, case.s, target, strong, start, order, 3
    )
    size = np.sqrt(case.s @ target**2)
    assert_close(descent.coef, u, size, ulps=1e3)
    assert abs(largest - expected_largest) <= 1e-12 * size**2
    if gram:
        assert_close(descent.residual, case.C.T @ (case.s * (target - case.C @ u)), 1e3 * size)
    else:
        expected = np.where(case.s > 0, target - case.C @ u, 0)
        assert_close(case.residual_of(descent.residual), expected, 10 * size)


@each_kind
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("gram", [False, True], ids=["residual", "gram"])
@pytest.mark.parametrize("random_state", [None, 3], ids=["cyclic", "random"])
def test_descent_reaches_the_optimum(rng, kind, box, gram, random_state):
    case = make_case(rng, kind)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 9, box)
    descent = make_descent(case, target, penalty, gram=gram, random_state=random_state)
    tol = 1e-12 * float(case.s @ target**2)
    assert descent.solve(1.0, 1.0, tol, 10_000) == CONVERGED
    assert descent.gap <= tol
    assert 0 <= descent.n_epochs <= 10_000
    # the stored gradient matches the coefficients, and no feature is far from optimal
    r = target - case.C @ descent.coef.astype(LD)
    z = case.C.T @ (case.s * r)
    size = np.sqrt(case.s @ case.C**2) * np.sqrt(case.s @ target**2)
    assert_close(descent.gradient, z, size, ulps=1e3)
    sumsq = case.s @ r**2
    assert abs(descent.residual_sumsq - sumsq) <= 1e-13 * (case.s @ target**2)
    # a prox step of every feature changes nothing
    curvature = case.s @ case.C**2
    again = oracles.prox(z + curvature * descent.coef, curvature, *penalty)
    assert np.all(np.abs(again - descent.coef) * np.sqrt(curvature) <= 1e-5 * size.max())


@each_kind
def test_descent_does_not_depend_on_the_threads(rng, kind):
    case = make_case(rng, kind, n=31, p=80)
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 80, "free")

    def coef(n_threads):
        descent = make_descent(case, target, penalty, n_threads)
        descent.solve(0.3, 0.1, 1e-9, 1_000)
        return np.array(descent.coef)

    per_thread(coef)


def test_descent_says_how_it_ended(rng):
    case = make_case(rng, "dense float64", n=30, p=20)
    target = case.random_residual(rng)[1]
    zero = np.zeros(20)
    penalty = (np.ones(20), zero, zero - INF, zero + INF)
    descent = make_descent(case, target, penalty)
    assert descent.solve(0.01, 0.0, 0.0, 2) == MAX_ITER
    assert descent.n_epochs == 2
    assert descent.solve(0.01, 0.0, 0.0, 1_000_000) in (CONVERGED, STALLED)
    assert descent.gap <= 1e-14 * float(case.s @ target**2)
    assert descent.solve(1e6, 0.0, 0.0, 10) == CONVERGED
    assert not descent.coef.any()


def test_refresh_and_scan_follow_the_coefficients(rng):
    case = make_case(rng, "csc float64 int32")
    target = case.random_residual(rng)[1]
    descent = make_descent(case, target, make_penalty(rng, 9, "free"))
    descent.coef[:] = rng.standard_normal(9)
    descent.refresh()
    descent.scan()
    r = target - case.C @ descent.coef.astype(LD)
    assert_close(case.residual_of(descent.residual), np.where(case.s > 0, r, 0), 10)
    assert_close(descent.gradient, case.C.T @ (case.s * r), 1e3)


@pytest.mark.parametrize("n_held", range(5))
@pytest.mark.parametrize("sample", range(10))
def test_unpenalised_features_are_solved_for_exactly(rng, n_held, sample):
    # bounds keep the first ones from their unconstrained values; the last two are equal
    case = make_case(rng, "dense float64", n=30, p=8)
    case.C[:, 4] = case.C[:, 3]
    target = case.random_residual(rng)[1]
    zero = np.zeros(8)
    l1 = (np.arange(8) > 4) * 1.0
    root = np.sqrt(case.s).astype(float)
    A, b = root[:, None] * case.C[:, :5].astype(float), root * target.astype(float)
    held = np.linalg.lstsq(A, b, rcond=None)[0][:n_held]
    lower, upper = zero - INF, zero + INF
    upper[:n_held][held > 0] = 0.0
    lower[:n_held][held < 0] = 0.0
    twins = Columns(np.asfortranarray(case.C, np.float64), weight=case.s.astype(np.float64))
    case = case._replace(columns=twins)
    descent = make_descent(case, target, (l1, zero, lower, upper))
    gap = descent.certify(1e9, 0.0)
    assert 0.0 <= gap <= 1e-12 * float(b @ b)
    assert np.all((lower <= descent.coef) & (descent.coef <= upper))
    problem = oracles.Problem(case.C, target, case.s, False, 1e9 * l1, zero, lower, upper)
    assert case.s.sum() * problem.certificate(descent.coef, 0.0).gap <= 1e-12 * float(b @ b)


@pytest.mark.parametrize("gram", [False, True], ids=["residual", "gram"])
def test_descent_refuses_what_does_not_fit(rng, gram):
    case = make_case(rng, "dense float64")
    target = case.random_residual(rng)[1]
    penalty = make_penalty(rng, 9, "free")
    with pytest.raises(ValueError, match="per feature"):
        make_descent(case, target, (*penalty[:3], penalty[3][:-1]), gram=gram)
    descent = make_descent(case, target, penalty, gram=gram)
    for chosen in ([], [0, 9], [-1, 2]):
        with pytest.raises(ValueError, match="name features"):
            descent.epochs(np.array(chosen, np.intp), 1)
    with pytest.raises(ValueError, match="does not fit"):
        CoordinateDescent(case.columns, np.zeros(3), 1.0, np.ones(9), penalty)
    with pytest.raises(ValueError, match=r"capsule|Capsule"):
        CoordinateDescent(StrangeColumns(), np.zeros(3), 1.0, np.ones(9), penalty)
