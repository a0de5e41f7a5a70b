"""Overlapping groups: a problem with a copy of a feature's column for each group that it is in.

Solvers see the copies, whose coefficients are added at the end (Jacob, Obozinski, Vert 2009). All
else sees the features of the user.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_start
from softreg_fast.options.types import Index, Vector
from softreg_fast.penalties.grouping import copies_of
from softreg_fast.solvers.problem import Problem


def overlaps(problem: Problem) -> bool:
    """Return whether the groups of a problem may overlap."""
    return getattr(problem.penalty.omega, "overlap", False)


def with_copies(problem: Problem) -> Problem:
    """Return the problem with copies of columns in place of overlaps; itself if there are none."""
    if not overlaps(problem):
        return problem
    known = getattr(problem, "_with_copies", None)
    if known is not None and known[0] is problem.design and known[1] is problem.options:
        return known[2]  # type: ignore[no-any-return]
    design, penalty, options = problem.design, problem.penalty, problem.options
    if np.ndim(design.described_target.y) > 1 and design.described_target.loss.quadratic:
        raise ValueError(
            "overlap=True is for one target; fit the targets one by one, or give groups that do "
            "not overlap."
        )
    origin, omega = copies_of(penalty.omega, design.n_features, design.feature_names)
    given: Any = options.precompute
    if np.ndim(given):
        given = np.asarray(given)
        options = options._replace(precompute=given[np.ix_(origin, origin)])
    copied = Problem(_copied(design, origin), replace(penalty, omega=omega), options)
    vars(problem)["_with_copies"] = design, problem.options, copied
    return copied


def _copied(design: Design, origin: Index) -> Design:
    other = Design(
        design.X[:, origin],
        sample_weight=design.weight,
        fit_intercept=design.fit_intercept,
        standardize=design.standardize,
        n_threads=design.most_threads,
    )
    other.n_threads, other.weight_sum = design.n_threads, design.weight_sum
    other._target = copy.copy(design.described_target)
    other._target._gradient = None  # which is that of other columns
    return other


def _origin(problem: Problem) -> Index:
    design = problem.design
    return copies_of(problem.penalty.omega, design.n_features, design.feature_names)[0]


def start_of_copies(problem: Problem, coef_init: PerFeature | None) -> PerFeature | None:
    """Return initial coefficients of the copies, which share those of their feature equally."""
    if coef_init is None or not overlaps(problem):
        return coef_init
    design, origin = problem.design, _origin(problem)
    start = as_start(coef_init, design.n_features, names=design.feature_names)
    return np.asarray((start / np.bincount(origin, minlength=design.n_features))[origin])


def summed(problem: Problem, coefs: Any) -> Any:
    """Return the coefficients of features, the sums of those of their copies.

    Parameters
    ----------
    problem : Problem
        Before `with_copies`.
    coefs : csc_array or ndarray (n_copies, ...)
    """
    if not overlaps(problem):
        return coefs
    origin = _origin(problem)
    ones: Vector = np.ones(len(origin))
    shape = problem.design.n_features, len(origin)
    total = sp.csr_array((ones, (origin, np.arange(len(origin)))), shape=shape) @ coefs
    if sp.issparse(total):
        total = sp.csc_array(total)
        total.eliminate_zeros()
        total.sort_indices()
    return total
