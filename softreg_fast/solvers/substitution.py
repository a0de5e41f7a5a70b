"""Problems that are solved with other columns in place of those of X.

Overlapping groups have copies of columns (overlap.py); Tikhonov's penalty under losses that are not
quadratic is ridge on turned ones (turned.py). Paths and fits of these become ones of the features.
"""

from __future__ import annotations

from typing import Any

from softreg_fast.data.names import PerFeature
from softreg_fast.solvers.overlap import start_of_copies, summed, with_copies
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.turned import start_of_turn, turn_of, turned_back, turns


def substituted(problem: Problem) -> Problem:
    """Return the problem in other columns; itself if it is solved in its own."""
    return turn_of(problem).problem if turns(problem) else with_copies(problem)


def substituted_start(problem: Problem, coef_init: PerFeature | None) -> PerFeature | None:
    """Return the initial coefficients of these columns."""
    if coef_init is not None and turns(problem):
        return start_of_turn(problem, coef_init)
    return start_of_copies(problem, coef_init)


def restored(problem: Problem, coefs: Any) -> Any:
    """Return coefficients of features, from those of `substituted(problem)`.

    Parameters
    ----------
    problem : Problem
        Before the substitution.
    coefs : csc_array or ndarray (n_columns, ...)
    """
    return turned_back(problem, coefs) if turns(problem) else summed(problem, coefs)
