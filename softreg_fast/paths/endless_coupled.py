"""Directions without end where a loss couples predictors: several classes, survival times.

Several classes have no finite optimum where changes of the predictors never favour another class
than that of a sample, and favour its own somewhere. Cox's loss has none where no sample at risk
gains on the one that has the event, and some fall behind (monotone likelihood; Heinze and Schemper
2001).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.losses.cox import EVENT, START, STOP, STRATUM
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.paths.result import Solution
from softreg_fast.solvers.certificate import NONE
from softreg_fast.solvers.problem import Problem

# Share of the null loss that rounding may hide in a gap.
ROUNDED = 1e-9

# Singular values up to this share of those of independent columns count as 0.
SMALL = 1e-9

# Largest numbers of pairs of samples, of entries of dense columns, and of those of a linear
# programme; where more are needed, no direction is found.
MOST_PAIRS = 4_000_000
MOST_DENSE = 20_000_000
MOST_ENTRIES = 2_000_000

CHUNK = 20_000  # pairs that are looked at together


def endless_classes(problem: Problem, found: Solution, features: Index) -> Index:
    """Return features along which the multinomial loss of a fit falls for ever; none: there are no.

    Parameters
    ----------
    problem : Problem
    found : Solution
        A fit with its gap.
    features : ndarray of int
        Those without a penalty, not constant.
    """
    design, target = problem.design, problem.target
    y, loss = target.y, target.loss
    weight = np.ones(len(y)) if target.weight is None else target.weight
    counted = weight > 0.0
    if np.count_nonzero(counted) * (len(features) + 1) > MOST_DENSE:
        return NONE
    # the probability of another class is what the loss of a sample falls by where that falls behind
    eta = target.predictors_of(slice(None), design.X @ found.coef.T + found.intercept)
    p, n_classes = loss.mean(eta), y.shape[1]
    other = counted[:, np.newaxis] & (y == 0.0)
    may = other & (weight[:, np.newaxis] * p <= _most(design.n_samples, found))
    if not may.any():
        return NONE
    A = _columns(problem, features)
    if design.fit_intercept:
        A = np.column_stack([A, np.ones(len(A))])
    m = A.shape[1]

    def changes(i: Index, up: Index, down: Index) -> Matrix:
        # of the predictors of classes `up` less those of `down`; that of the first class is fixed
        rows = np.zeros((len(i), n_classes, m))
        rows[np.arange(len(i)), up] = A[i]
        rows[np.arange(len(i)), down] -= A[i]
        return rows[:, 1:].reshape(len(i), -1)

    own, basis = y.argmax(axis=1), np.eye(m * (n_classes - 1))
    i, k = np.nonzero(counted[:, np.newaxis] & ~may)  # those of its own class are all 0
    for at in range(0, len(i), CHUNK):
        part = slice(at, at + CHUNK)
        basis = _orthogonal(basis, changes(i[part], own[i[part]], k[part]))
        if not basis.size:
            return NONE
    i, k = np.nonzero(may)
    if len(i) * len(basis) > MOST_ENTRIES:
        return NONE
    z = _by_programme(changes(i, own[i], k) @ basis)
    if z is None:
        return NONE
    ways = (basis @ z).reshape(n_classes - 1, m)[:, : len(features)]
    return _named(features, np.sqrt(np.square(ways).sum(axis=0)))


def endless_survival(problem: Problem, found: Solution, features: Index) -> Index:
    """Return features along which Cox's loss of a fit falls for ever; none: there are no.

    Parameters
    ----------
    problem : Problem
    found : Solution
        A fit with its gap.
    features : ndarray of int
        Those without a penalty, not constant.
    """
    design, target = problem.design, problem.target
    start, stop, event, stratum = (target.y[:, k] for k in (START, STOP, EVENT, STRATUM))
    n, weight = len(stop), np.ones(len(stop)) if target.weight is None else target.weight
    dead = np.flatnonzero((event > 0.0) & (weight > 0.0))
    if len(dead) * n > MOST_PAIRS or n * len(features) > MOST_DENSE:
        return NONE
    at = stop[dead, np.newaxis]
    at_risk = (start < at) & (at <= stop) & (stratum == stratum[dead, np.newaxis]) & (weight > 0.0)
    at_risk[np.arange(len(dead)), dead] = False
    eta = target.predictors_of(slice(None), np.asarray(design.X @ found.coef))
    # the share of one at risk in the sum of an event, which its loss falls by where it falls behind
    away = np.where(at_risk, eta - eta[dead, np.newaxis], -np.inf)
    top = np.maximum(away.max(axis=1, initial=0.0), 0.0)[:, np.newaxis]
    terms = weight * np.exp(away - top)
    share = terms / (terms.sum(axis=1, keepdims=True) + weight[dead, np.newaxis] * np.exp(-top))
    may = at_risk & (weight[dead, np.newaxis] * share <= _most(n, found))
    if not may.any():
        return NONE
    A = _columns(problem, features)
    basis = np.eye(len(features))
    i, j = np.nonzero(at_risk & ~may)
    for k in range(0, len(i), CHUNK):
        part = slice(k, k + CHUNK)
        basis = _orthogonal(basis, A[dead[i[part]]] - A[j[part]])
        if not basis.size:
            return NONE
    i, j = np.nonzero(may)
    if len(i) * basis.shape[1] > MOST_ENTRIES:
        return NONE
    scaled = problem.scaled
    lower, upper = np.isfinite(scaled.lower[features]), np.isfinite(scaled.upper[features])
    limits = np.concatenate([basis[lower], -basis[upper]])
    z = _by_programme((A[dead[i]] - A[j]) @ basis, limits)
    return NONE if z is None else _named(features, np.abs(basis @ z))


def _most(n: int, found: Solution) -> float:
    # what a sample's loss may still fall by, times the number of samples
    return n * (2.0 * found.gap + ROUNDED * found.null_loss)


def _columns(problem: Problem, features: Index) -> Matrix:
    # centred, of about unit variance
    design = problem.design
    X = design.X[:, features]
    X = X.toarray() if design.is_sparse else np.asarray(X, np.float64)
    return np.asarray((X - design.center[features]) * (np.sqrt(len(X)) / design.norm[features]))


def _orthogonal(basis: Matrix, rows: Matrix) -> Matrix:
    # an orthonormal basis of the directions in a basis that are 0 in these rows
    if not len(rows):
        return basis
    _, sizes, ways = np.linalg.svd(np.linalg.qr(rows @ basis, mode="r"))
    rank = np.count_nonzero(sizes > SMALL * np.sqrt(len(rows)))
    return np.asarray(basis @ ways[rank:].T)


def _by_programme(change: Matrix, limits: Matrix | None = None) -> Vector | None:
    # a direction in which no change is below 0 and the sum of those up to 1 is largest
    from scipy.optimize import linprog  # here, for importing it takes a while

    bound = np.zeros((0, change.shape[1])) if limits is None else limits
    sides = np.concatenate([-change, change, -bound])
    most = np.repeat([0.0, 1.0, 0.0], [len(change), len(change), len(bound)])
    found: Any = linprog(-change.sum(axis=0), A_ub=sides, b_ub=most, bounds=(None, None))
    if found.x is None or not np.any(change @ found.x > 1e-3):
        return None
    return np.asarray(found.x)


def _named(features: Index, size: NDArray[np.float64]) -> Index:
    # the features that make up a direction
    return features[size > 1e-3 * size.max()] if size.any() else features
