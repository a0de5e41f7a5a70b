"""Exact fits at alphas between those of a path, from its samples given again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from softreg_fast.data.coding import Coded
from softreg_fast.data.design import Design
from softreg_fast.data.given import as_design_of_tasks
from softreg_fast.data.names import in_order, labels_of
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.recipe import Recipe
from softreg_fast.paths.result import Path
from softreg_fast.paths.solution import Solution
from softreg_fast.paths.solve import solve_problem
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import is_alarm

# Null losses of the same samples differ by rounding.
SAME = 1e-8

# What `exact` may name, if it is a dict.
SAMPLES = ("X", "y", "offset", "sample_weight")


def fitted_at(fits: Path, alphas: list[float], exact: Any) -> list[Solution]:
    """Return the models at some alphas, fitted to the samples of the path.

    Parameters
    ----------
    fits : Path
    alphas : list of float
    exact : tuple (X, y), dict or Design
        The samples, as `Path.at` takes them.

    Raises
    ------
    ValueError, TypeError
        For a path without a recipe, and for samples that are not those of the path.
    """
    if fits.recipe is None:
        raise ValueError(
            "exact= fits again with the settings of path(), which this path does not have: it was "
            "loaded from a file, or is made of other paths; call solve(X, y, alpha=...)."
        )
    design = _design(fits, fits.recipe, _samples(exact))
    found = design.described_target.null_loss
    if not abs(found - fits.null_loss) <= SAME * max(abs(found), abs(fits.null_loss)):
        raise ValueError(
            f"exact= holds other samples than the path was fitted to: their loss without features "
            f"is {found:.6g}, that of the path {fits.null_loss:.6g}; give X, y, offset and "
            "sample_weight of the fit."
        )
    return [_solved(design, fits.recipe, alpha) for alpha in alphas]


def _solved(design: Design, recipe: Recipe, alpha: float) -> Solution:
    penalty = replace(recipe.penalty, alpha=alpha)
    solution = solve_problem(Problem(design, penalty, recipe.options))
    if is_alarm(solution.status):
        figures = [solution.gap], [solution.tol], [solution.status]
        most = recipe.options.max_iter
        warn_not_converged(*figures, most, certificate=solution.certificate)
    return solution


def _samples(exact: Any) -> dict[str, Any]:
    if isinstance(exact, Design):
        return {"X": exact}
    if isinstance(exact, Mapping):
        unknown = [name for name in exact if name not in SAMPLES]
        if unknown or "X" not in exact:
            said = f"unknown are {', '.join(map(repr, unknown))}" if unknown else "X is missing"
            raise ValueError(f"exact= takes a dict of {', '.join(SAMPLES)}; {said}.")
        return dict(exact)
    if isinstance(exact, tuple) and len(exact) == 2:
        return {"X": exact[0], "y": exact[1]}
    given = "True" if exact is True else f"a {type(exact).__name__}"
    raise TypeError(
        "A path keeps no samples, which an exact fit needs: give exact=(X, y), or a dict of "
        f"{', '.join(SAMPLES)}, with what the path was fitted to; got {given}."
    )


def _design(fits: Path, recipe: Recipe, given: dict[str, Any]) -> Design:
    X, y, weight = given["X"], given.get("y"), given.get("sample_weight")
    intercept, standardize = recipe.fit_intercept, recipe.standardize
    if not isinstance(X, Design):
        if fits.coding is not None and labels_of(X) is not None:
            X = Coded.made(X, fits.coding, fits.coding.matrix(X))
        else:
            X = in_order(X, fits.feature_names, fits.coefs.shape[0])
    loss = None if isinstance(X, Design) and y is None else fits.loss
    settings = weight, intercept, standardize, None, loss, given.get("offset")
    design = as_design_of_tasks(X, y, *settings)
    if design.n_features != fits.coefs.shape[0]:
        raise ValueError(
            f"exact= holds {design.n_features} features, and the path was fitted to "
            f"{fits.coefs.shape[0]}; give X of the fit."
        )
    return design
