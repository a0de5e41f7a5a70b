"""Recipe: what a path needs beside its samples to be fitted again at another alpha."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, NamedTuple, Self

from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Options, Problem


class Recipe(NamedTuple):
    """Settings of a fit without its samples.

    Attributes
    ----------
    penalty : Penalty
        At alpha 1.
    options : Options
    fit_intercept, standardize : bool
    """

    penalty: Penalty
    options: Options
    fit_intercept: bool
    standardize: bool

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Return the recipe of a problem, with weights of its own: the caller may change his."""
        penalty, options, design = problem.penalty, problem.options, problem.design
        if not (
            penalty.l1_weights is penalty.l2_weights is penalty.bounds is penalty.exclude is None
        ):
            penalty = replace(penalty, **_own(penalty))
        if not isinstance(options.precompute, str | bool):
            options = options._replace(precompute="auto")  # a Gram matrix is as large as data
        return cls(penalty, options, design.fit_intercept, design.standardize)


def _own(penalty: Penalty) -> dict[str, Any]:
    names = ("l1_weights", "l2_weights", "bounds", "exclude")
    return {name: copy.deepcopy(getattr(penalty, name)) for name in names}
