"""Recipe: what a path needs beside its samples to be fitted again at another alpha."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import NamedTuple, Self

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
        given = {
            name: copy.deepcopy(value)
            for name in ("l1_weights", "l2_weights", "bounds", "exclude")
            if (value := getattr(penalty, name)) is not None
        }
        if not isinstance(options.precompute, bool | str):
            options = options._replace(precompute="auto")  # a Gram matrix is as large as data
        return cls(
            replace(penalty, **given) if given else penalty,
            options,
            design.fit_intercept,
            design.standardize,
        )
