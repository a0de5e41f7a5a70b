"""Penalty of a fit: from the object of softreg_fast.penalties that a user gave, if there is one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from softreg_fast.data.coding import check_unknown
from softreg_fast.data.design import Design
from softreg_fast.data.given import as_design, as_design_of_tasks
from softreg_fast.data.tables import PLAIN, TableOptions, as_table
from softreg_fast.options.choices import SOLVER_NAMES
from softreg_fast.penalties.arrays import as_numpy
from softreg_fast.penalties.base import Penalty as BasePenalty
from softreg_fast.penalties.by_column import options_for
from softreg_fast.penalties.elementwise import ElasticNet
from softreg_fast.penalties.groups import GroupLasso
from softreg_fast.penalties.nonconvex import MCP, SCAD, LHalf, LogSum
from softreg_fast.penalties.quadratic import Tikhonov
from softreg_fast.penalties.sorted import SLOPE
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.choice import FACTS, SOLVERS


def penalty_for(given: Any, stated: Penalty) -> Penalty:
    """Return the penalty of a fit: `stated`, unless one of softreg_fast.penalties is given.

    Parameters
    ----------
    given : an object of softreg_fast.penalties, or None
        Its strength is multiplied by alpha.
    stated : Penalty
        alpha, bounds and the other arguments, which must be the defaults beside `given`.

    Raises
    ------
    TypeError, ValueError
        For anything else, for contradicting arguments, and for a penalty that no solver can fit.
    """
    if given is None:
        return stated
    if not isinstance(given, BasePenalty):
        raise TypeError(
            f"penalty must be an object of softreg_fast.penalties, such as L1(strength=1.0), or "
            f"None; got {given!r}."
        )
    usual = Penalty()
    names = ("l1_ratio", "l1_weights", "l2_weights", "positive", "l1", "l2")
    beside = [n for n in names if getattr(stated, n) is not getattr(usual, n)]
    beside = [n for n in beside if n != "l1_ratio" or stated.l1_ratio != usual.l1_ratio]
    if beside:
        raise ValueError(
            f"penalty={type(given).__name__}(...) says what is penalised, but "
            f"{' and '.join(beside)} was given too; leave one of them out."
        )
    if isinstance(given, Tikhonov):
        if stated.bounds is not None:
            raise ValueError("Tikhonov is fitted without bounds only; leave bounds out.")
        return replace(stated, l1_ratio=0.0, omega=given)
    if isinstance(given, SLOPE):
        return replace(stated, l1_weights=given.strength, omega=given)
    if isinstance(given, GroupLasso):
        if stated.bounds is not None:
            raise ValueError(
                f"bounds are not for {type(given).__name__}, which sees the length of a group "
                "only; leave them out."
            )
        return replace(stated, omega=given)
    if not isinstance(given, ElasticNet | MCP | SCAD | LogSum | LHalf):
        raise ValueError(_no_solver(given))
    weights: Any = given.strength
    if given.weights is not None:
        with np.errstate(over="ignore"):
            weights = given.strength * np.asarray(as_numpy(given.weights), np.float64)
        if not np.isfinite(weights).all():
            raise ValueError(
                f"strength * weights of {type(given).__name__} is beyond float64; give less."
            )
    if not isinstance(given, ElasticNet):
        weights = weights * given.steepness
        return replace(stated, l1_weights=weights, positive=given.positive, omega=given)
    return replace(
        stated,
        l1_ratio=float(given.l1_ratio),
        l1_weights=weights,
        l2_weights=weights,
        positive=given.positive,
        omega=given,
    )


def maker_of_design(
    given: Any, options: TableOptions = PLAIN, of_tasks: bool = True
) -> Callable[..., Design]:
    """Return `as_design` for tables, or for penalties of groups the form for several targets.

    It codes the columns of a frame, and takes a formula in place of X.

    Parameters
    ----------
    given : an object of softreg_fast.penalties, a list of them, or None
    options : TableOptions
    of_tasks : bool, default=True
        Whether y may be a matrix of several targets.
    """
    every = given if isinstance(given, list | tuple) else [given]
    known = all(one is None or isinstance(one, ElasticNet | GroupLasso) for one in every)
    make = as_design_of_tasks if of_tasks and known else as_design
    options = options_for(given, options)
    check_unknown(options.unknown)
    return functools.partial(_of_table, make, options)


def _of_table(
    make: Callable[..., Design],
    options: TableOptions,
    X: Any,
    y: Any,
    sample_weight: Any,
    *rest: Any,
) -> Design:
    if type(X) is np.ndarray and options.are_plain:  # the usual case
        return make(X, y, sample_weight, *rest)
    fit_intercept, *others, offset = rest
    table = as_table(X, y, sample_weight, offset, options)
    intercept = table.intercept_beside(fit_intercept)
    design = make(table.X, table.y, table.sample_weight, intercept, *others, table.offset)
    if table.kept is not None:
        design.kept = table.kept
    return design


def _no_solver(penalty: BasePenalty) -> str:
    # which solver needs what of a penalty, for one that none can fit
    solvers: dict[str, list[str]] = {}
    for name in SOLVER_NAMES:
        needs = SOLVERS["warm" if name == "auto" else name].kind.needs
        noun = FACTS["pure L2" if "pure L2" in needs else "elastic net"].noun
        solvers.setdefault(noun, []).append(repr(name))
    said = ", ".join(
        f"{', '.join(names[:-1])} and {names[-1]} need {noun}" for noun, names in solvers.items()
    )
    return (
        f"No solver fits {type(penalty).__name__} yet: {said}; use L1, L2, ElasticNet or "
        "NonNegative of softreg_fast.penalties, or under convex losses MCP, SCAD, LogSum, SLOPE, "
        "GroupLasso or SparseGroupLasso, or with squared error LHalf or GroupMCP."
    )
