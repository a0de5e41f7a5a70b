"""Grids of alphas: their ends, and their extension beyond the smaller end."""

from __future__ import annotations

import numbers
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.contents import check_unmasked
from softreg_fast.options.scalars import check_count, check_number, is_real
from softreg_fast.options.types import Vector
from softreg_fast.penalties.grouping import GROUPED
from softreg_fast.penalties.nonconvex import LHalf
from softreg_fast.penalties.quadratic import Tikhonov
from softreg_fast.solvers.choice import solver_for
from softreg_fast.solvers.cox import CoxEngine
from softreg_fast.solvers.descent import gradient_without_l1
from softreg_fast.solvers.gradient import largest_variance
from softreg_fast.solvers.group_engine import alpha_max_of_groups
from softreg_fast.solvers.interior_point import InteriorPointEngine
from softreg_fast.solvers.multinomial import GroupedMultinomialEngine, MultinomialEngine
from softreg_fast.solvers.nonconvex import first_alpha as first_alpha_of_halves
from softreg_fast.solvers.overlap import with_copies
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.proximal_newton import ProximalNewtonEngine, slopes_without_l1
from softreg_fast.solvers.slope import first_alpha
from softreg_fast.solvers.substitution import substituted
from softreg_fast.solvers.tikhonov import spectrum_of
from softreg_fast.solvers.turned import turns

AUTO: Literal["auto"] = "auto"

# Ratio of the smallest alpha to the largest: initially with eps="auto", and by default for a path
# without folds.
EPS = 1e-3

N_ALPHAS = 100

# Below this l1_ratio it is the L2 part that shrinks the models, so the grid is chosen for L2.
LEAST_L1_RATIO = 1e-3

# Columns with less than this share of the largest eigenvalue do not extend the grid of ridge: they
# would need disproportionately large coefficients.
LEAST_VARIANCE = 1e-6

# An extended grid ends when alpha is this share of the originally smallest alpha.
LEAST_CONTINUATION = 1e-5

# Ratio of alphas over one block of an extended grid, between two checks of the errors.
BLOCK = 10.0 ** (-1.0 / 3.0)


class EndOfGridWarning(UserWarning):
    """The smallest alpha of a grid was chosen: smaller ones, not tried, may be better.

    `cv_path` issues it; the result's `note` says what can be done.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import EndOfGridWarning, cv_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", EndOfGridWarning)
    ...     try:
    ...         _ = cv_path(X, y, alphas=[10.0, 1.0])
    ...     except EndOfGridWarning as warning:
    ...         print(str(warning)[:54])
    The last alpha of the grid, 1, has the smallest error:
    """


def check_one_grid(alphas: Any, n_alphas: Any, eps: Any, usual_eps: Any) -> None:
    """Raise ValueError if `alphas` overrides an n_alphas or eps that is not the default."""
    if alphas is None:
        return
    unused = ["n_alphas"] if n_alphas != N_ALPHAS else []
    if eps != usual_eps and not isinstance(alphas, numbers.Integral):
        unused.append("eps")
    if unused:
        raise ValueError(
            f"{' and '.join(unused)} would have no effect beside alphas, which gives the grid; "
            "leave out one or the other."
        )


def check_grid(n_alphas: Any, eps: Any) -> None:
    """Raise ValueError or TypeError for an invalid n_alphas or eps."""
    check_number("eps", eps, low=0.0, high=1.0, low_open=True)
    check_count("n_alphas", n_alphas)


def as_alphas(alphas: ArrayLike) -> Vector:
    """Return a user's grid, validated and in falling order."""
    return np.sort(checked_alphas(alphas))[::-1]


def checked_alphas(alphas: ArrayLike, positive: bool = False) -> Vector:
    """Return a user's alphas in their order; raise an error naming the first invalid one."""
    check_unmasked("alphas", alphas)
    given = np.asarray(alphas)
    if given.dtype.kind not in "fiu":
        for k, alpha in enumerate(np.ravel(np.asarray(alphas, dtype=object))):
            if not is_real(alpha):
                kind = type(alpha).__name__
                raise TypeError(f"alphas[{k}] must be an instance of float, not {kind}.")
        raise TypeError(f"alphas must be real numbers, got dtype {given.dtype}.")
    grid = given.astype(np.float64)
    if grid.ndim != 1 or not grid.size:
        raise ValueError(
            f"alphas must be a vector of at least one number, got shape {grid.shape}; for one "
            "alpha use [alpha]."
        )
    bad = ~np.isfinite(grid) | ((grid <= 0.0) if positive else (grid < 0.0))
    if bad.any():
        k, wanted = int(np.flatnonzero(bad)[0]), "> 0.0" if positive else ">= 0.0"
        raise ValueError(f"alphas[{k}] == {given[k]}, must be {wanted} and finite.")
    return grid


def alpha_grid(problem: Problem, n_alphas: int, eps: float) -> Vector:
    """Return n_alphas log-spaced values, from a null model's alpha down to eps times that.

    With l1_ratio >= 1e-3 the grid goes from `alpha_max` to alpha_max * eps. Below, or if no feature
    has an L1 part, each end is the smaller of this one and that of ridge, `ridge_ends`.
    """
    if isinstance(eps, str) and eps == AUTO:
        raise ValueError(
            "eps='auto' lets a grid go on while the error on samples left out falls, and there is "
            f"no such error here. Give a number, such as {EPS:g}, or use cv_path."
        )
    check_grid(n_alphas, eps)
    if turns(problem):
        problem = substituted(problem)
    l1_ratio, scaled = problem.l1_ratio, problem.scaled
    if problem.penalty_kind == Tikhonov.kind:
        ends = spectrum_of(problem).ends(eps, LEAST_VARIANCE)
        return _spaced(ends[0], ends[1], n_alphas)
    has_l1 = l1_ratio > 0.0 and bool(np.any((scaled.l1 > 0.0) & (scaled.lower < scaled.upper)))
    largest = smallest = np.inf
    if has_l1:
        largest = alpha_max(problem)
        smallest = largest * eps
    if l1_ratio < LEAST_L1_RATIO or not has_l1:
        ends = ridge_ends(problem, eps)
        largest, smallest = min(largest, ends[0]), min(smallest, ends[1])
    return _spaced(largest, smallest, n_alphas)


def _spaced(largest: float, smallest: float, n_alphas: int) -> Vector:
    # evenly spaced in the logarithm
    if not largest > np.finfo(np.float64).tiny:  # nothing to explain, or nothing penalised
        return np.full(int(n_alphas), np.finfo(np.float64).resolution)
    grid = np.geomspace(largest, smallest, int(n_alphas))
    grid[0] = largest
    return grid


def alpha_max(problem: Problem) -> float:
    """Return the smallest alpha at which no L1-penalised coefficient leaves its null value.

    With u the fit of the features without L1 penalty, alpha_max is the largest
    |x_j.r| / (l1_ratio * l1_weights_j) over the others, counted only in a direction that the
    bounds allow. Of groups it is the smallest alpha at which no group enters.
    """
    if problem.penalty_kind != "elastic_net":
        solver_for(problem)  # raises an error for a loss that the penalty is not for
    if problem.penalty_kind == "slope":
        return first_alpha(problem)
    problem = with_copies(problem)
    design, scaled, l1_ratio = problem.design, problem.scaled, problem.l1_ratio
    l1, _, lower, upper = scaled
    penalised = l1 > 0.0
    start = np.clip(0.0, lower, upper)
    untouched = ~penalised & (lower < upper)
    grouped = problem.penalty_kind in GROUPED  # whose lengths are those of groups
    sizes = _lengths if problem.loss.by_rows and not grouped else np.asarray
    gradient = sizes(design.gradient_at_zero())
    if untouched.any() or start.any():
        frozen = scaled._replace(
            lower=np.where(penalised, start, lower), upper=np.where(penalised, start, upper)
        )
        # Ridge-only features are fitted with their strength at an alpha near the answer.
        guess = _largest(gradient, l1, penalised) / l1_ratio
        null = problem.with_scaled(frozen)
        gradient = sizes(_slopes_without_l1(null, guess * (1.0 - l1_ratio)))
    if grouped:
        return alpha_max_of_groups(problem, gradient)
    allowed = ((gradient > 0.0) & (start < upper)) | ((gradient < 0.0) & (start > lower))
    if problem.penalty_kind == LHalf.kind:
        return first_alpha_of_halves(problem, np.where(penalised & allowed, np.abs(gradient), 0.0))
    return _largest(gradient, l1, penalised & allowed) / l1_ratio


def _slopes_without_l1(problem: Problem, l2_strength: float) -> Vector:
    # X'r at the optimum without the L1 part
    if problem.loss.quadratic:
        return gradient_without_l1(problem, l2_strength)
    own = {"cox": CoxEngine, "quantile": InteriorPointEngine}
    solver: Any = own.get(problem.loss.kind, ProximalNewtonEngine)
    if problem.loss.n_outputs != 1:
        solver = GroupedMultinomialEngine if problem.loss.by_rows else MultinomialEngine
    return slopes_without_l1(solver(problem), l2_strength)


def ridge_ends(problem: Problem, eps: float) -> tuple[float, float]:
    """Return the ends of a grid for the L2 part of a penalty, independent of the scale of y.

    Where an eigenvalue of X'X / n, each column divided by the root of its l2 weight, is d, the
    least squares fit is shrunk by the factor d / (d + alpha). At the larger end, d_max / eps, less
    than the share eps of it is left in any direction; the smaller end is eps times the smallest
    variance of a column over its l2 weight, which the smallest eigenvalue does not exceed. Power
    iterations find d_max; columns without L2 penalty are not counted.
    """
    design, scaled, l1_ratio = problem.design, problem.scaled, problem.l1_ratio
    l2 = scaled.l2
    counted = (l2 > 0.0) & (design.norm > 0.0) & (scaled.lower < scaled.upper)
    if not counted.any() or design.is_null or l1_ratio == 1.0:
        return 0.0, 0.0
    variance = 1.0 / l2[counted]  # of columns of length one in the engine's units
    scale = np.zeros(design.n_features)
    scale[counted] = np.sqrt(variance / variance.max()) / design.norm[counted]
    d_max = max(largest_variance(design, scale), 1.0) * float(variance.max())
    least = max(float(variance.min()), LEAST_VARIANCE * d_max)
    return d_max / eps / (1.0 - l1_ratio), eps * least / (1.0 - l1_ratio)


def continued(grids: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Extend every grid at its own ratio, to the length of the longest extension.

    Parameters
    ----------
    grids : ndarray (n_grids, n_alphas), falling

    Returns
    -------
    longer : ndarray (n_grids, n_longer)
    most : ndarray (n_grids,)
        Largest number of alphas that each grid may use, at least n_alphas.
    """
    n_alphas = grids.shape[1]
    steps = np.zeros(len(grids))
    if n_alphas > 1:
        steps = np.log(grids[:, 0] / grids[:, -1]) / (n_alphas - 1)
    more = np.zeros(len(grids), np.intp)
    more[steps > 0.0] = np.floor(-np.log(LEAST_CONTINUATION) / steps[steps > 0.0] + 1e-9)
    beyond = np.exp(-steps[:, np.newaxis] * np.arange(1, more.max(initial=0) + 1))
    return np.hstack([grids, grids[:, -1:] * beyond]), n_alphas + more


def block_of(alphas: Vector) -> int:
    """Return the number of alphas in one block of a grid's extension."""
    step = np.log(alphas[0] / alphas[1])
    return max(int(np.floor(-np.log(BLOCK) / step + 1e-9)), 1)


def _lengths(gradient: Vector) -> Vector:
    # magnitude of the slopes for the L1 part; with several tasks the length of each row
    return gradient if gradient.ndim == 1 else np.asarray(np.sqrt(np.square(gradient).sum(axis=0)))


def _largest(gradient: Vector, l1: Vector, counted: NDArray[np.bool_]) -> float:
    # largest ratio of a slope to its l1; of a gradient (n_tasks, n_features) over all tasks, too
    ratio = np.divide(np.abs(gradient), l1, out=np.zeros(gradient.shape), where=counted)
    return float(ratio.max(initial=0.0))
