"""Degrees of freedom of penalties that couple coefficients: groups and SLOPE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Matrix, Vector
from softreg_fast.paths.clusters import clusters_of
from softreg_fast.paths.result import Path
from softreg_fast.solvers.factor import cholesky
from softreg_fast.solvers.group_newton import Bend
from softreg_fast.solvers.group_slots import Layout
from softreg_fast.solvers.problem import Problem
from softreg_fast.system.interrupts import interruptible


def degrees_of_clusters(fits: Path) -> Vector:
    """Return the number of clusters of nonzero coefficients of every model under SLOPE.

    Within the clusters the fit is that of least squares with a constant slope added, in which the
    coefficients of a cluster are one.
    """
    coefs = fits.coefs
    found = np.zeros(len(fits))
    for k in range(len(fits)):
        column = coefs[:, [k]].toarray()[:, 0]
        found[k] = len(clusters_of(fits, column))
    return found


def degrees_of_groups(fits: Path, problem: Problem) -> Vector:
    """Return the divergence of every fit by y under a penalty of groups.

    It is trace((C_A'C_A + H)^-1 C_A'C_A), A the nonzero coefficients and H the Hessian of the
    penalty there: directions that a norm bends count less than one. Under group MCP the length of
    a group counts one, as a coefficient under MCP does.
    """
    design, layout = problem.design, Layout(problem)
    support = np.unique(fits.coefs.indices).astype(np.intp)
    gram = design.crossproduct(support, layout.ratio[support])
    block = np.full(design.n_features, -1)
    sizes = np.diff(layout.start)
    block[layout.feature] = np.repeat(np.arange(layout.n_blocks), sizes)
    found = np.zeros(len(fits))
    for k, alpha in enumerate(fits.alphas):
        ends = fits.coefs.indptr[k : k + 2]
        members = fits.coefs.indices[ends[0] : ends[1]].astype(np.intp)
        coef = np.zeros(design.n_features)
        coef[members] = fits.coefs.data[ends[0] : ends[1]]
        members = members[block[members] >= 0]
        members = members[np.argsort(block[members], kind="stable")]
        u = design.from_user(coef)[members] / layout.ratio[members]
        weight, l2 = alpha * layout.weight, alpha * layout.l2
        bend = Bend.at(u, block[members], weight, l2, layout.gamma)
        bend = bend._replace(curve=np.zeros(len(u)))
        place = np.searchsorted(support, members)
        found[k] = _trace(gram[np.ix_(place, place)], bend)
    return found


def _trace(gram: Matrix, bend: Bend) -> float:
    if not len(gram):
        return 0.0
    H: NDArray[np.float64] = np.array(bend.added_to(gram))
    try:
        return float(np.trace(interruptible(cholesky(H), np.array(gram))))
    except np.linalg.LinAlgError:  # dependent columns, whose common fit counts once
        return float(np.trace(interruptible(np.linalg.lstsq, H, gram, None)[0]))
