"""Tikhonov's penalty under losses that are not quadratic: ridge on other columns.

With P = V diag(s) V' and T the columns of V, those with s > 0 divided by its root, w = T c has the
penalty w'P w = sum of c_k^2 over s_k > 0. So the fit to X is a ridge fit c to X T in which the
directions that P does not penalise have no penalty, whatever the loss.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_start
from softreg_fast.options.types import Matrix, Vector
from softreg_fast.penalties.quadratic import Tikhonov
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.tikhonov import check_size
from softreg_fast.system.interrupts import interruptible
from softreg_fast.system.threads import blas_threads_for


def turns(problem: Problem) -> bool:
    """Return whether a problem is one of ridge on turned columns."""
    return problem.penalty_kind == Tikhonov.kind and not problem.loss.quadratic


class Turn(NamedTuple):
    """The problem in X T, with w = T c and c = inverse w."""

    problem: Problem
    T: Matrix
    inverse: Matrix


def turn_of(problem: Problem) -> Turn:
    """Return the problem in turned columns, computed once.

    Raises
    ------
    ValueError
        If P is for another number of features, or these are too many.
    """
    known = getattr(problem, "_turn", None)
    if known is not None and known[0] is problem.design and known[1] is problem.options:
        return known[2]  # type: ignore[no-any-return]
    T, inverse, penalised = _bases(problem)
    weights = problem.penalty.omega.strength * penalised
    penalty = replace(problem.penalty, omega=None, l1_ratio=0.0, l2_weights=weights)
    found = Turn(Problem(_turned(problem.design, T), penalty, problem.options), T, inverse)
    vars(problem)["_turn"] = problem.design, problem.options, found
    return found


def _bases(problem: Problem) -> tuple[Matrix, Matrix, Vector]:
    # T, its inverse, and 1 for each direction with a penalty, 0 for others
    design, omega = problem.design, problem.penalty.omega
    p = design.n_features
    omega.check_fits((p,))
    check_size(p)
    chosen, deviation = np.arange(p), np.ones(p)
    if design.standardize:  # constant columns take no part
        chosen = np.flatnonzero(design.norm > 0.0)
        deviation = design.norm / np.sqrt(design.n_samples)
    given = omega.full() if omega.root is None else omega.root
    given = np.asarray(given.toarray() if sp.issparse(given) else given, np.float64)
    with blas_threads_for(p):
        if omega.root is None:
            squares, V = interruptible(np.linalg.eigh, given[np.ix_(chosen, chosen)])
            sizes = np.sqrt(np.maximum(squares, 0.0))
            least = np.sqrt(p * np.finfo(np.float64).eps)
        else:  # more accurate than its square
            _, short, turned = interruptible(np.linalg.svd, given[:, chosen])
            V, sizes = turned.T, np.zeros(chosen.size)
            sizes[: short.size] = short
            least = max(given.shape) * np.finfo(np.float64).eps
    penalised = sizes > least * sizes.max(initial=0.0)
    sizes = np.where(penalised, sizes, 1.0)
    T, inverse = np.zeros((p, chosen.size)), np.zeros((chosen.size, p))
    T[chosen] = V / sizes / deviation[chosen, np.newaxis]
    inverse[:, chosen] = V.T * sizes[:, np.newaxis] * deviation[chosen]
    return T, inverse, penalised.astype(np.float64)


def _turned(design: Design, T: Matrix) -> Design:
    kind: Any = MultiTaskDesign if isinstance(design, MultiTaskDesign) else Design
    with blas_threads_for(len(T)):
        Z = np.asfortranarray(design.X @ T)
    other: Design = kind(
        Z,
        sample_weight=design.weight,
        fit_intercept=design.fit_intercept,
        n_threads=design.most_threads,
    )
    other.n_threads, other.weight_sum = design.n_threads, design.weight_sum
    other._target = copy.copy(design.described_target)
    other._target._gradient = None  # which is that of other columns
    return other


def start_of_turn(problem: Problem, coef_init: PerFeature) -> PerFeature:
    """Return initial coefficients of the turned columns."""
    design = problem.design
    start = as_start(coef_init, design.n_features, names=design.feature_names)
    return np.asarray(turn_of(problem).inverse @ start)


def turned_back(problem: Problem, coefs: Any) -> Any:
    """Return the coefficients of features from those of turned columns.

    Parameters
    ----------
    problem : Problem
        Before `turn_of`.
    coefs : csc_array or ndarray (n_columns, ...)
    """
    found = turn_of(problem).T @ (coefs.toarray() if sp.issparse(coefs) else coefs)
    return sp.csc_array(found) if sp.issparse(coefs) else found
