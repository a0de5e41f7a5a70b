"""Fits without a finite optimum: the loss falls for ever along features without a penalty.

Features separate two classes if a direction of them and the intercept has all samples of one class
on one side of 0 and all of the other class on the other side, or at 0. Counts have no finite
optimum where such a direction is negative for samples without counts only, and 0 for others (Albert
and Anderson 1984; Konis 2007 for the linear programme).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.names import listed
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.paths.convergence import level_of_caller
from softreg_fast.paths.endless_coupled import endless_classes, endless_survival
from softreg_fast.paths.predict import BLOCK_ENTRIES, entries
from softreg_fast.paths.result import Path, Solution
from softreg_fast.solvers.certificate import NONE, unpenalised
from softreg_fast.solvers.problem import Problem
from softreg_fast.system.threads import blas_threads_for

# Singular values up to this share of those of independent columns count as 0.
SMALL = 1e-9

# Share of the null loss that rounding may hide in a gap.
ROUNDED = 1e-9

# Rows that are looked at first, for each column: they nearly always rule such directions out.
FIRST_ROWS = 4

# Largest numbers of multiplications, of entries of dense columns, and of entries of a linear
# programme; where more are needed, only the direction of the fit itself is tried.
MOST_PRODUCTS = 1e10
MOST_DENSE = 20_000_000
MOST_ENTRIES = 2_000_000


def warn_of_endless(problem: Problem, fits: Solution | Path) -> bool:
    """Issue a ConvergenceWarning if the last fit has no finite optimum; return whether it has none.

    Parameters
    ----------
    problem : Problem
        That of the fit; of a path with alpha 1.
    fits : Solution or Path
    """
    kind = problem.loss.kind
    find = {"multinomial": endless_classes, "cox": endless_survival}.get(kind, endless)
    # first, for it takes no time
    if find is endless and problem.loss.falls_for_ever(problem.target.observed) is None:
        return False
    strengths = problem.penalty.strengths
    if isinstance(fits, Path):
        if not len(fits):
            return False
        alpha = float(fits.alphas[-1])
        strengths = alpha * problem.l1_ratio, alpha * (1.0 - problem.l1_ratio)
    free = unpenalised(problem.scaled, *strengths)
    free = free[problem.design.norm[free] > 0.0]
    if not free.size:
        return False
    features = find(problem, fits[len(fits) - 1] if isinstance(fits, Path) else fits, free)
    if not features.size:
        return False
    from sklearn.exceptions import ConvergenceWarning  # here, for it imports all of scikit-learn

    names = problem.design.feature_names
    said = listed(features.tolist() if names is None else names[features])
    one = features.size == 1
    target = problem.target
    if target.classes is not None:
        what = f"feature{'' if one else 's'} {said} separate{'s' if one else ''} the classes"
    elif kind == "cox":
        what = (
            f"feature{'' if one else 's'} {said} tell{'s' if one else ''} samples with an event "
            "from others at risk"
        )
    else:
        what = f"feature{'' if one else 's'} {said} tell{'s' if one else ''} apart targets of 0"
    warnings.warn(
        f"No finite optimum: {what}, so that the loss falls for ever as coefficients grow. "
        "Returned is where the gap met the tolerance, or the iterations ended; add a penalty "
        "(alpha > 0, or weights > 0 of these features), or leave the features out.",
        ConvergenceWarning,
        stacklevel=level_of_caller(),
    )
    return True


def endless(problem: Problem, found: Solution, features: Index) -> Index:
    """Return features along which the loss of a fit falls for ever; none: it has a minimum.

    None are returned, too, where that would take too long to tell.

    Parameters
    ----------
    problem : Problem
    found : Solution
        A fit with its gap.
    features : ndarray of int
        Those without a penalty, not constant.
    """
    design, target = problem.design, problem.target
    sides: Any = target.loss.falls_for_ever(target.observed)
    weight = np.ones(design.n_samples) if design.weight is None else design.weight
    counted = np.asarray(weight > 0.0)
    sign = np.where(sides[1], 1.0, -1.0)
    rows = _Rows(problem, features, sign)
    w = np.zeros(design.n_features)
    w[features] = found.coef[features]
    predictor = design.X @ w + found.intercept
    where = np.logical_or(*sides)
    if _is_way(predictor[counted], sign[counted], where[counted]) and rows.allows(w[features]):
        return rows.named(w[features] * design.norm[features])
    # without end, the loss of a sample would fall to its infimum, and by at most the gap; a gap at
    # rounding level is too small by what slopes that count as 0 add along the way
    eta = target.predictors_of(slice(None), design.X @ found.coef + found.intercept)
    excess = 0.5 * weight * target.loss.deviance(target.y, eta)
    most = design.n_samples * (2.0 * found.gap + ROUNDED * found.null_loss)
    may = counted & where & np.asarray(excess <= most)
    if not may.any():
        return NONE
    basis = rows.null_space(np.flatnonzero(counted & ~may))
    return rows.by_programme(np.flatnonzero(may), basis)


def _is_way(d: Vector, sign: Vector, where: NDArray[np.bool_]) -> bool:
    # whether these changes of the predictor never raise the loss, and lower some
    return bool(np.any(d) and np.all((d == 0.0) | (where & (sign * d > 0.0))))


class _Rows:
    """The unpenalised features and the intercept, in columns of about unit variance."""

    def __init__(self, problem: Problem, features: Index, sign: Vector) -> None:
        self.design = problem.design
        self.features = features
        self.sign = sign
        self.lower = np.isfinite(problem.scaled.lower[features])
        self.upper = np.isfinite(problem.scaled.upper[features])
        self.n_columns = len(features) + self.design.fit_intercept

    def changes(self, rows: Index, basis: Matrix) -> Matrix:
        """Return what each direction of a basis changes in some predictors."""
        design, features = self.design, self.features
        unit = np.sqrt(design.n_samples) / design.norm[features]
        center = design.center[features] if design.fit_intercept else 0.0
        X = design.X[:, features].tocsr() if design.is_sparse else design.X
        found = np.empty((len(rows), basis.shape[1]))
        step = max(BLOCK_ENTRIES // len(features), 1)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            block = X[part].toarray() if design.is_sparse else entries(X, part, features)
            changes = ((block - center) * unit) @ basis[: len(features)]
            found[start : start + step] = changes + basis[len(features) :].sum(axis=0)
        return found

    def null_space(self, rows: Index) -> Matrix:
        """Return an orthonormal basis of the directions that are 0 in these rows."""
        basis = np.eye(self.n_columns)
        for n in (FIRST_ROWS * self.n_columns, len(rows)):
            some = rows[:: max(len(rows) // n, 1)] if n else rows
            size = len(some) * basis.shape[1]
            if size > MOST_DENSE or size * self.n_columns > MOST_PRODUCTS:
                return basis[:, :0]
            if len(some):  # what is left is nearly always little
                with blas_threads_for(0):
                    changes = np.linalg.qr(self.changes(some, basis), mode="r")
                    _, sizes, ways = np.linalg.svd(changes)
                rank = np.count_nonzero(sizes > SMALL * np.sqrt(len(some)))
                basis = basis @ ways[rank:].T
            if not basis.size or len(some) == len(rows):
                break
        return basis

    def by_programme(self, rows: Index, basis: Matrix) -> Index:
        """Return the features of the direction in the basis that most of these samples favour."""
        if not basis.size or len(rows) * basis.shape[1] > MOST_ENTRIES:
            return NONE
        from scipy.optimize import linprog  # here, for importing it takes a while

        change = self.sign[rows, np.newaxis] * self.changes(rows, basis)
        part = basis[: len(self.features)]
        bounds = np.concatenate([-part[self.lower], part[self.upper]])
        limits = np.concatenate([-change, change, bounds])
        most = np.repeat([0.0, 1.0, 0.0], [len(rows), len(rows), len(bounds)])
        found = linprog(-change.sum(axis=0), A_ub=limits, b_ub=most, bounds=(None, None))
        if found.x is None or not np.any(change @ found.x > 1e-3):
            return NONE
        return self.named(part @ found.x)

    def allows(self, w: Vector) -> bool:
        """Return whether no bound ends the way in the direction of these coefficients."""
        return not (np.any(self.lower & (w < 0.0)) or np.any(self.upper & (w > 0.0)))

    def named(self, direction: Vector) -> Index:
        """Return the features that make up a direction, of columns of one length."""
        size = np.abs(direction)
        if not size.any():  # the intercept alone
            return self.features
        return np.asarray(self.features[size > 1e-3 * size.max()])
