"""The table of solvers, and penalties given as objects."""

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import (
    Design,
    Penalty,
    cv_path,
    path,
    relaxed_path,
    solve,
    stability_path,
)
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.penalties import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    NonNegative,
)
from softreg_fast.penalties.elementwise import Elementwise
from softreg_fast.solvers import limits
from softreg_fast.solvers.choice import AUTO, FACTS, SOLVERS, solver_for
from softreg_fast.solvers.problem import Options, Problem


class OfSomebody(Elementwise):
    """A penalty that no solver knows."""

    _omega = _slope = _prox = None


WITHOUT_SOLVER = [OfSomebody]
WEIGHTS = np.array([0.0, 0.5, 1.0, 2.0, 3.0])


@pytest.fixture
def data(rng):
    return problems.make_data(rng, 40, 5)


@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
@pytest.mark.parametrize(
    ("penalty", "stated"),
    [
        (L1(strength=1.0), {}),
        (L1(strength=0.5, weights=WEIGHTS), {"l1_weights": 0.5 * WEIGHTS}),
        (L2(strength=1.0), {"l1_ratio": 0.0}),
        (ElasticNet(strength=1.0, l1_ratio=0.3), {"l1_ratio": 0.3}),
        (
            ElasticNet(strength=2.0, weights=WEIGHTS, positive=True),
            {
                "l1_ratio": 0.5,
                "l1_weights": 2.0 * WEIGHTS,
                "l2_weights": 2.0 * WEIGHTS,
                "positive": True,
            },
        ),
        (NonNegative(), {"l1_weights": np.zeros(5), "positive": True}),
    ],
    ids=lambda case: type(case).__name__ if not isinstance(case, dict) else "",
)
def test_penalties_are_those_of_the_arguments(data, penalty, stated):
    X, y = data
    close = {"rtol": 1e-12, "atol": 1e-14}
    assert_allclose(
        solve(X, y, alpha=0.1, penalty=penalty).coef,
        solve(X, y, alpha=0.1, **stated).coef,
        **close,
    )
    grid = {"alphas": [1.0, 0.1]}
    one, other = path(X, y, penalty=penalty, **grid), path(X, y, **grid, **stated)
    assert_allclose(one.coefs.toarray(), other.coefs.toarray(), **close)
    one, other = cv_path(X, y, penalty=penalty, **grid), cv_path(X, y, **grid, **stated)
    assert_allclose(one.errors, other.errors, **close)


def test_bounds_go_with_a_penalty(data):
    X, y = data
    bounded = {"alpha": 0.1, "bounds": (-0.1, 0.2)}
    assert_array_equal(
        solve(X, y, penalty=L1(strength=1.0), **bounded).coef, solve(X, y, **bounded).coef
    )


def test_stability_and_refits_take_a_penalty(data):
    X, y = data
    options = {"n_subsamples": 4, "random_state": 0}
    one = stability_path(X, y, penalty=L1(strength=1.0), **options)
    assert_array_equal(one.max_frequencies, stability_path(X, y, **options).max_frequencies)
    with pytest.raises(ValueError, match=r"l1_ratio must be a finite number in \(0, 1\]"):
        stability_path(X, y, penalty=L2(strength=1.0), **options)
    found = relaxed_path(X, -y, penalty=L1(strength=1.0, positive=True), n_alphas=5)
    assert found.refits.coefs.min() >= 0.0


@pytest.mark.parametrize("penalty", WITHOUT_SOLVER)
@pytest.mark.parametrize("function", [solve, path, cv_path, stability_path])
def test_penalties_without_a_solver(data, penalty, function):
    said = (
        f"No solver fits {penalty.__name__} yet: 'auto', 'cd' and 'gradient' need an L1 and an "
        "L2 part of single coefficients, 'cholesky' and 'cg' need a pure L2 penalty; use L1, L2, "
        "ElasticNet or NonNegative of softreg_fast.penalties, or under convex losses MCP, SCAD, "
        "LogSum, SLOPE, GroupLasso or SparseGroupLasso, or with squared error LHalf or GroupMCP."
    )
    with pytest.raises(ValueError, match="No solver fits") as error:
        function(*data, penalty=penalty(strength=1.0))
    assert str(error.value) == said


@pytest.mark.parametrize(
    "beside", [{"l1_ratio": 0.5}, {"positive": True}, {"l1_weights": WEIGHTS}, {"l1": 0.1}]
)
def test_contradictions(data, beside):
    with pytest.raises(ValueError, match=f"{next(iter(beside))} was given too; leave one"):
        solve(*data, penalty=L1(strength=1.0), **beside)


@pytest.mark.parametrize("penalty", ["l1", 0.5, Penalty()])
def test_what_is_no_penalty(data, penalty):
    with pytest.raises(TypeError, match=r"penalty must be an object of softreg_fast\.penalties"):
        path(*data, penalty=penalty)


def chosen(design, penalty=None, **options):
    return solver_for(Problem(design, penalty or Penalty(), Options(**options)))


def test_the_table(data, monkeypatch):
    X, y = data
    design, ridge = Design(X, y), Penalty(l1_ratio=0.0)
    tasks = MultiTaskDesign(X, np.column_stack([y, -y]))
    assert chosen(design) == "warm"
    assert chosen(tasks) == "rows"
    assert chosen(design, rng=np.random.RandomState(0)) == "cd"
    assert chosen(design, ridge) == chosen(tasks, ridge) == "cholesky"
    assert chosen(design, Penalty(l1_ratio=0.0, positive=True)) == "warm"
    assert chosen(design, solver="gradient") == "gradient"
    monkeypatch.setattr(limits, "LARGEST_AUTO_FACTOR", 4)
    assert chosen(design, ridge) == "cg"


def test_a_misfit_is_one_sentence(data):
    X, y = data
    design, tasks = Design(X, y), MultiTaskDesign(X, np.column_stack([y, -y]))
    for options, problem in (
        ({"solver": "cg"}, "solver='cg' solves pure L2 problems"),
        ({"solver": "fast"}, "solver must be one of auto, cd, cholesky, cg, gradient; got 'fast'"),
    ):
        with pytest.raises(ValueError, match=problem):
            chosen(design, **options)
    with pytest.raises(ValueError, match="Several tasks are fitted by solver='auto' only"):
        chosen(tasks, solver="cd")
    with pytest.raises(ValueError, match="positive and bounds are not for several tasks"):
        chosen(tasks, Penalty(positive=True))


@pytest.mark.parametrize("kind", [ElasticNet, L1, MCP, SCAD])
def test_messages_name_the_weights_of_the_penalty(rng, kind):
    X, y = rng.standard_normal((20, 5)), rng.standard_normal(20)
    for weights, problem in (
        (np.ones(3), r"^weights of the penalty have shape \(3,\); expected .* one for each weight"),
        (np.ones((5, 1)), r"^weights of the penalty have shape \(5, 1\)"),
    ):
        with pytest.raises(ValueError, match=problem):
            solve(X, y, alpha=0.1, penalty=kind(weights=weights))
    assert solve(X, y, alpha=0.1, penalty=kind(weights=[1.0])).alpha == 0.1
    with pytest.raises(ValueError, match=f"^strength \\* weights of {kind.__name__} is beyond"):
        solve(X, y, alpha=0.1, penalty=kind(strength=1e308, weights=[1e3] * 5))


def test_solvers_say_what_they_need():
    for solver in SOLVERS.values():
        assert set(solver.kind.needs) <= set(FACTS)
    assert {row.solver for row in AUTO} <= set(SOLVERS)


def test_a_gram_matrix_is_for_squared_error(rng):
    X, y = rng.standard_normal((20, 3)), np.arange(20) % 2
    fits = [
        solve(X, y, loss="logistic", alpha=0.1, precompute=p).coef for p in (True, False, "auto")
    ]
    assert_array_equal(fits[0], fits[1])
    assert_array_equal(fits[0], fits[2])
    with pytest.raises(ValueError, match="whose Gram matrix changes with the coefficients; leave"):
        solve(X, y, loss="logistic", alpha=0.1, precompute=X.T @ X)
    with pytest.raises(ValueError, match="precompute must be True, False, 'auto'"):
        solve(X, y, loss="logistic", alpha=0.1, precompute="yes")
