"""Choice of the solver and of the form of X: tables of loss, penalty and size, with reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.kernels._losses import KINDS
from softreg_fast.options.choices import SOLVER_NAMES
from softreg_fast.penalties.group_mcp import GroupMCP
from softreg_fast.penalties.grouping import GROUPED
from softreg_fast.penalties.nonconvex import NONCONVEX, LHalf
from softreg_fast.penalties.quadratic import Tikhonov
from softreg_fast.penalties.sorted import SLOPE
from softreg_fast.solvers import limits
from softreg_fast.solvers.cox import CoxEngine
from softreg_fast.solvers.descent import PlainEngine
from softreg_fast.solvers.gradient import GradientEngine
from softreg_fast.solvers.group_engine import GroupEngine
from softreg_fast.solvers.group_reweighted import ReweightedGroups
from softreg_fast.solvers.group_tasks import TaskGroupEngine
from softreg_fast.solvers.interior_point import InteriorPointEngine
from softreg_fast.solvers.multi_task import MultiTaskEngine, cheap_rows
from softreg_fast.solvers.multinomial import GroupedMultinomialEngine, MultinomialEngine
from softreg_fast.solvers.newton import NewtonEngine
from softreg_fast.solvers.nonconvex import NonconvexEngine
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Engine
from softreg_fast.solvers.proximal_newton import ProximalNewtonEngine
from softreg_fast.solvers.ridge import RidgeEngine
from softreg_fast.solvers.rotated import RotatedEngine, n_penalised
from softreg_fast.solvers.scalar_reweighted import ReweightedNonconvex, ReweightedSlope
from softreg_fast.solvers.slope import SlopeEngine
from softreg_fast.solvers.tikhonov import TikhonovEngine, check_fitted
from softreg_fast.solvers.warm import WarmEngine, largest_gram

Gram = NDArray[np.float64] | None


class Fact(NamedTuple):
    """A property of a problem that a solver may need, and the error where it is missing."""

    holds: Callable[[Problem], bool]
    noun: str
    misfit: str  # {solver} stands for the user's solver


FACTS = {
    "quadratic loss": Fact(
        lambda problem: problem.loss.quadratic,
        "a quadratic loss",
        "solver={solver!r} is for a quadratic loss; leave solver at 'auto'.",
    ),
    "compiled loss": Fact(
        lambda problem: problem.loss.kind in KINDS,
        "a loss of softreg_fast.losses",
        "No solver knows this loss; use one of softreg_fast.losses.",
    ),
    "smooth loss": Fact(
        lambda problem: problem.loss.smooth,
        "a loss with a derivative",
        "solver={solver!r} is for losses with a derivative; leave solver at 'auto'.",
    ),
    "piecewise linear loss": Fact(
        lambda problem: problem.loss.kind == "quantile",
        "the quantile loss",
        "solver={solver!r} is for the quantile loss; leave solver at 'auto'.",
    ),
    "survival times": Fact(
        lambda problem: problem.loss.kind == "cox",
        "survival times",
        "solver={solver!r} is for survival times.",
    ),
    "pure L2": Fact(
        lambda problem: problem.is_ridge,
        "a pure L2 penalty",
        "solver={solver!r} solves pure L2 problems; with an L1 part or bounds use solver='auto', "
        "'cd' or 'gradient'.",
    ),
    "elastic net": Fact(
        lambda problem: problem.penalty_kind == "elastic_net",
        "an L1 and an L2 part of single coefficients",
        "MCP, SCAD, LogSum, LHalf, SLOPE and the penalties of groups are fitted with "
        "solver='auto' only; with another solver use L1, L2 or ElasticNet.",
    ),
    "modelled loss": Fact(
        lambda problem: problem.loss.kind in KINDS and problem.loss.smooth and problem.loss.convex,
        "a convex loss with a derivative, of one number per sample",
        "MCP, SCAD, LogSum, SLOPE and the penalties of groups are fitted under convex losses with "
        "a derivative, of one number per sample; with another loss use L1, L2 or ElasticNet.",
    ),
    "modelled penalty": Fact(
        lambda problem: (
            not (
                problem.penalty_kind in (LHalf.kind, GroupMCP.kind)
                or getattr(problem.penalty.omega, "l2_ratio", 0.0) > 0.0
            )
        ),
        "a penalty but LHalf, GroupMCP and those of groups with an l2_ratio",
        "LHalf, GroupMCP and groups with an l2_ratio are fitted with squared error only; with "
        "another loss use MCP, SCAD, LogSum, SLOPE, or groups without l2_ratio.",
    ),
    "groups": Fact(
        lambda problem: problem.penalty_kind in GROUPED,
        "a penalty of groups",
        "solver={solver!r} is for GroupLasso, SparseGroupLasso and GroupMCP.",
    ),
    "nonconvex penalty": Fact(
        lambda problem: problem.penalty_kind in NONCONVEX,
        "MCP, SCAD, LogSum or LHalf",
        "solver={solver!r} is for MCP, SCAD, LogSum and LHalf.",
    ),
    "Tikhonov": Fact(
        lambda problem: problem.penalty_kind == Tikhonov.kind,
        "Tikhonov's penalty",
        "solver={solver!r} is for Tikhonov's penalty.",
    ),
    "SLOPE": Fact(
        lambda problem: problem.penalty_kind == SLOPE.kind,
        "SLOPE",
        "solver={solver!r} is for SLOPE.",
    ),
    "no box": Fact(
        lambda problem: not has_bounds(problem),
        "no bounds",
        "bounds are not for SLOPE, whose coefficients change places; leave them out.",
    ),
    "one target": Fact(
        lambda problem: not has_tasks(problem),
        "one target",
        "Several tasks are fitted by solver='auto' only; got {solver!r}.",
    ),
    "no bounds": Fact(
        lambda problem: not has_bounds(problem),
        "no bounds",
        "positive and bounds are not for several tasks at once: their penalty sees the length of "
        "a row only; leave them out, or fit the tasks one by one.",
    ),
}


class Choice(NamedTuple):
    """A row of the table of solvers: the first whose condition holds is chosen by "auto".

    Its condition is read only for losses that are quadratic, or only for others.
    """

    quadratic: bool
    solver: str
    when: Callable[[Problem], bool]
    reason: str


def has_tasks(problem: Problem) -> bool:
    """Return whether a problem has several targets that are fitted together."""
    return isinstance(problem.design, MultiTaskDesign)


def has_bounds(problem: Problem) -> bool:
    """Return whether a feature has a bound other than exclusion."""
    _, _, lower, upper = problem.scaled
    free = np.isneginf(lower) & np.isposinf(upper)
    return not np.all(free | ((lower == 0.0) & (upper == 0.0)))


def ridge_solver(design: Design) -> str:
    """Return the solver that "auto" stands for in a pure L2 problem."""
    smaller_side = min(design.n_samples, design.n_features)
    return "cholesky" if smaller_side <= limits.LARGEST_AUTO_FACTOR else "cg"


def is_wide_ridge(problem: Problem) -> bool:
    """Return whether a pure L2 problem has more features than samples, of which not too many."""
    n = problem.design.n_samples
    return problem.is_ridge and n <= limits.LARGEST_AUTO_FACTOR and n_penalised(problem) > n


AUTO = (
    Choice(
        True,
        "tikhonov",
        lambda problem: problem.penalty_kind == Tikhonov.kind,
        "One decomposition gives the exact solutions at all alphas.",
    ),
    Choice(
        True,
        "groups of rows",
        lambda problem: problem.penalty_kind in GROUPED and has_tasks(problem),
        "The rows of a group are one group of the columns X (x) I.",
    ),
    Choice(
        True,
        "groups",
        lambda problem: problem.penalty_kind in GROUPED,
        "A group's coefficients become zero together, so that descent is by blocks.",
    ),
    Choice(
        True,
        "nonconvex",
        lambda problem: problem.penalty_kind in NONCONVEX,
        "Newton steps where the objective is convex near the fit, descent elsewhere, to rounding.",
    ),
    Choice(
        True,
        "slope",
        lambda problem: problem.penalty_kind == SLOPE.kind,
        "Newton steps on clusters of equal sizes, which sorted slopes split and collisions merge.",
    ),
    Choice(
        False,
        "reweighted groups",
        lambda problem: problem.penalty_kind in GROUPED,
        "Newton's models of the loss are weighted least squares, which descent on blocks fits.",
    ),
    Choice(
        False,
        "reweighted SLOPE",
        lambda problem: problem.penalty_kind == SLOPE.kind,
        "As for groups; the models are fitted by Newton steps on clusters.",
    ),
    Choice(
        False,
        "reweighted nonconvex",
        lambda problem: problem.penalty_kind in NONCONVEX,
        "As for groups; the models are fitted to rounding.",
    ),
    Choice(
        False,
        "rotated",
        lambda problem: (
            problem.loss.kind in ("quantile", "cox", "multinomial") and is_wide_ridge(problem)
        ),
        "Without an L1 part the features may be replaced by as many as there are samples; Newton's "
        "method for a loss of single samples works in the samples by itself.",
    ),
    Choice(
        False,
        "interior point",
        lambda problem: problem.loss.kind == "quantile",
        "Without curvature there is no Newton step; these need a dozen steps from anywhere.",
    ),
    Choice(
        False,
        "cox",
        lambda problem: problem.loss.kind == "cox",
        "The loss compares samples, so that its Hessian is not diagonal.",
    ),
    Choice(
        False,
        "grouped multinomial",
        lambda problem: problem.loss.n_outputs != 1 and problem.loss.by_rows,
        "Newton steps on the rows of features, with the Hessian that couples the classes.",
    ),
    Choice(
        False,
        "multinomial",
        lambda problem: problem.loss.n_outputs != 1,
        "Newton steps on a working set of features and classes, whose Hessian couples them.",
    ),
    Choice(
        False,
        "newton",
        lambda problem: problem.is_ridge and bool(problem.scaled.l2.any()),
        "Without kinks Newton's method needs no working set. Fits on a few features without a "
        "penalty do, and where these separate two classes there is no minimum to step to.",
    ),
    Choice(
        False,
        "proximal newton",
        lambda problem: True,
        "Newton steps on a working set, each at the curvature of the loss.",
    ),
    Choice(
        True,
        "cholesky",
        lambda problem: problem.is_ridge and ridge_solver(problem.design) == "cholesky",
        "One factorisation gives the exact solution.",
    ),
    Choice(
        True,
        "cg",
        lambda problem: problem.is_ridge,
        "Both sides of X are too large for a factorisation; products with X are not.",
    ),
    Choice(
        True,
        "rows",
        has_tasks,
        "The penalty couples the tasks, whose coefficients of a feature are a row.",
    ),
    Choice(
        True,
        "cd",
        lambda problem: problem.options.rng is not None,
        "Only plain descent has a random order.",
    ),
    Choice(
        True,
        "warm",
        lambda problem: True,
        "Newton steps on a working set end at rounding level and start each alpha from the last.",
    ),
)


class Solver(NamedTuple):
    """A solver: its class, which names what it needs of a problem, and a function that makes it."""

    kind: Any
    make: Callable[[Problem, int], Engine]


def _plain(problem: Problem, n_alphas: int) -> Engine:
    single = limits.LARGEST_SINGLE_GRAM if problem.options.solver == "auto" else 0
    largest = limits.LARGEST_AUTO_GRAM if n_alphas > 1 else single
    gram = gram_for(problem, min(largest, largest_gram(problem.options.gram_memory)))
    engine = PlainEngine(problem, gram)
    engine.foreign_gram = is_foreign(problem.design, gram)
    return engine


def _warm(problem: Problem, n_alphas: int) -> Engine:
    room = largest_gram(problem.options.gram_memory)
    gram = _early_gram(problem, n_alphas, room)
    engine = WarmEngine(problem, gram, gram is None and _may_grow(problem, n_alphas, room), room)
    engine.foreign_gram = is_foreign(problem.design, gram)
    return engine


def _rotated(problem: Problem, n_alphas: int) -> Engine:
    def make(inner: Problem) -> Engine:
        return SOLVERS[chosen_by_auto(inner)].make(inner, n_alphas)

    return RotatedEngine(problem, make)


def _rows(problem: Problem, n_alphas: int) -> Engine:
    design: Any = problem.design
    room = min(largest_gram(problem.options.gram_memory), cheap_rows(design))
    gram = _early_gram(problem, n_alphas, room)
    engine = MultiTaskEngine(problem, gram, gram is None and _may_grow(problem, n_alphas, room))
    if gram is None and n_alphas == 1:
        engine.begin_single()
    engine.foreign_gram = is_foreign(design, gram)
    return engine


def _nonconvex(problem: Problem, n_alphas: int) -> Engine:
    room = largest_gram(problem.options.gram_memory)
    gram = _early_gram(problem, n_alphas, room)
    engine = NonconvexEngine(problem, gram, gram is None and _may_grow(problem, n_alphas, room))
    engine.foreign_gram = is_foreign(problem.design, gram)
    return engine


def _groups(problem: Problem, n_alphas: int) -> Engine:
    room = largest_gram(problem.options.gram_memory)
    return GroupEngine(problem, _early_gram(problem, n_alphas, room), room)


def _slope(problem: Problem, n_alphas: int) -> Engine:
    room = largest_gram(problem.options.gram_memory)
    gram = _early_gram(problem, n_alphas, room)
    engine = SlopeEngine(problem, gram, gram is None and _may_grow(problem, n_alphas, room))
    engine.foreign_gram = is_foreign(problem.design, gram)
    return engine


SOLVERS = {
    "tikhonov": Solver(TikhonovEngine, lambda problem, _: TikhonovEngine(problem)),
    "groups": Solver(GroupEngine, _groups),
    "groups of rows": Solver(
        TaskGroupEngine,
        lambda problem, _: TaskGroupEngine(problem, largest_gram(problem.options.gram_memory)),
    ),
    "slope": Solver(SlopeEngine, _slope),
    "nonconvex": Solver(NonconvexEngine, _nonconvex),
    "reweighted groups": Solver(ReweightedGroups, lambda problem, _: ReweightedGroups(problem)),
    "reweighted SLOPE": Solver(ReweightedSlope, lambda problem, _: ReweightedSlope(problem)),
    "reweighted nonconvex": Solver(
        ReweightedNonconvex, lambda problem, _: ReweightedNonconvex(problem)
    ),
    "rotated": Solver(RotatedEngine, _rotated),
    "interior point": Solver(InteriorPointEngine, lambda problem, _: InteriorPointEngine(problem)),
    "newton": Solver(NewtonEngine, lambda problem, _: NewtonEngine(problem)),
    "proximal newton": Solver(
        ProximalNewtonEngine, lambda problem, _: ProximalNewtonEngine(problem)
    ),
    "cox": Solver(CoxEngine, lambda problem, _: CoxEngine(problem)),
    "multinomial": Solver(MultinomialEngine, lambda problem, _: MultinomialEngine(problem)),
    "grouped multinomial": Solver(
        GroupedMultinomialEngine, lambda problem, _: GroupedMultinomialEngine(problem)
    ),
    "cholesky": Solver(RidgeEngine, lambda problem, _: RidgeEngine(problem, "cholesky")),
    "cg": Solver(RidgeEngine, lambda problem, _: RidgeEngine(problem, "cg")),
    "gradient": Solver(GradientEngine, lambda problem, _: GradientEngine(problem)),
    "cd": Solver(PlainEngine, _plain),
    "rows": Solver(MultiTaskEngine, _rows),
    "warm": Solver(WarmEngine, _warm),
}


def make_engine(problem: Problem, coef_init: PerFeature | None = None, n_alphas: int = 1) -> Engine:
    """Return the solver for a problem, started from coef_init.

    Raises
    ------
    ValueError
        For an unknown solver, and for one that needs what the problem does not have.
    """
    _check_precompute(problem)
    solver = SOLVERS[solver_for(problem)]
    start = None
    if coef_init is not None:
        start = np.clip(
            problem.design.from_user(coef_init), problem.scaled.lower, problem.scaled.upper
        )
    engine = solver.make(problem, n_alphas)
    if start is not None:
        engine.start(start)
    return engine


def solver_for(problem: Problem) -> str:
    """Return the name of the solver, after checking that it fits the problem."""
    asked = problem.options.solver
    if asked not in SOLVER_NAMES:
        raise ValueError(f"solver must be one of {', '.join(SOLVER_NAMES)}; got {asked!r}.")
    if problem.penalty_kind == Tikhonov.kind:
        check_fitted(problem)
    if asked != "auto" and has_tasks(problem):
        raise ValueError(FACTS["one target"].misfit.format(solver=asked))
    name = chosen_by_auto(problem) if asked == "auto" else asked
    for need in SOLVERS[name].kind.needs:
        fact = FACTS[need]
        if not fact.holds(problem):
            raise ValueError(fact.misfit.format(solver=asked))
    return name


def chosen_by_auto(problem: Problem) -> str:
    """Return the name of the solver in the first row of AUTO whose condition holds."""
    quadratic = problem.loss.quadratic
    for row in AUTO:
        if row.quadratic == quadratic and row.when(problem):
            break
    return row.solver


def is_foreign(design: Design, gram: Gram) -> bool:
    """Return whether a Gram matrix is the user's and not the Design's own."""
    return not (gram is None or (design.has_gram and gram is design.gram))


def _early_gram(problem: Problem, n_alphas: int, room: int) -> Gram:
    # at the start of a path of the warm engine
    largest = limits.LARGEST_EARLY_GRAM if n_alphas > 1 else limits.LARGEST_SINGLE_GRAM
    return gram_for(problem, min(largest, room))


def _may_grow(problem: Problem, n_alphas: int, room: int) -> bool:
    # whether the Gram matrix of all features may be built later on the path
    n, p = problem.design.n_samples, problem.design.n_features
    few = p <= min(n, limits.LARGEST_AUTO_GRAM, room)
    return n_alphas > 1 and few and isinstance(problem.options.precompute, str)


def _check_precompute(problem: Problem) -> None:
    precompute = problem.options.precompute
    if isinstance(precompute, str) and precompute != "auto":
        raise ValueError(
            f"precompute must be True, False, 'auto' or the matrix X'X; got {precompute!r}."
        )
    if not (problem.loss.quadratic or isinstance(precompute, bool | str) or precompute is None):
        raise ValueError(
            f"precompute is a matrix X'X, which solvers of squared error use; the loss is "
            f"{problem.loss!r}, whose Gram matrix changes with the coefficients; leave it out."
        )


def gram_for(problem: Problem, largest: int) -> Gram:
    """Return the Gram matrix of all features if `precompute` is true or "auto" finds it cheap."""
    design, precompute = problem.design, problem.options.precompute
    if isinstance(precompute, str):
        return design.gram if design.n_features <= min(design.n_samples, largest) else None
    if isinstance(precompute, bool) or precompute is None:
        return design.gram if precompute else None
    return design.gram_from(precompute)
