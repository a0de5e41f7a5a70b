"""Entries: which features, or groups of them, entered the paths of subsamples, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.names import Names
from softreg_fast.options.scalars import check_count
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.path import PathRun
from softreg_fast.paths.result import Path
from softreg_fast.penalties.vectors import PenaltyVectors
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import is_alarm


def candidates_of(vectors: PenaltyVectors) -> NDArray[np.bool_]:
    """Return the features that an L1 penalty excludes until it is small enough."""
    _, _, lower, upper = vectors
    return (vectors.l1 > 0.0) & (lower <= 0.0) & (upper >= 0.0) & (lower < upper)


class Entries:
    """Record of the features that entered at each alpha, over the subsamples.

    Under a penalty of groups its units are groups, otherwise single features.

    Parameters
    ----------
    problem : Problem
    max_selected : int or None
        Number of candidates whose entry counts; None: as `stability_path` chooses it.
    threshold : float

    Attributes
    ----------
    candidates, always_in : ndarray (n_units,) of bool
        Units that the penalty excludes until it is small enough, and those it never excludes.
    names : ndarray (n_units,) of object or None
        Names of the units.
    """

    def __init__(self, problem: Problem, max_selected: int | None, threshold: float) -> None:
        vectors, design = problem.vectors, problem.design
        self.owner: Index = np.arange(design.n_features)  # the unit of each feature
        self.names: Names | None = design.feature_names
        if problem.groups is not None:
            groups = problem.groups.with_singles(design.feature_names)
            self.owner = groups.labels
            self.names = np.fromiter(groups.names, dtype=object, count=len(groups.names))
        candidates = candidates_of(vectors)
        self.candidates = self._any(candidates)
        self.always_in = self._any(~candidates & ((vectors.lower < 0.0) | (vectors.upper > 0.0)))
        self.n_candidates = int(np.count_nonzero(self.candidates))
        if max_selected is None:
            max_selected = max(int(np.sqrt((2.0 * threshold - 1.0) * self.n_candidates)), 1)
        self.max_selected = check_count("max_selected", max_selected)
        self.features: list[Index] = []
        self.positions: list[Index] = []
        self.missed: list[Path] = []

    def _any(self, features: NDArray[np.bool_]) -> NDArray[np.bool_]:
        # whether a unit has one of these features
        return np.bincount(self.owner, features, int(self.owner.max(initial=-1)) + 1) > 0.0

    def count(self, run: PathRun, df: int) -> int:
        """Return the number of units with a nonzero coefficient, of `df` features."""
        if len(self.candidates) == len(self.owner):
            return df
        return len(np.unique(self.owner[np.flatnonzero(run.engine.coef)]))

    def add(self, fits: Path, norm: Vector) -> None:
        """Add the first units to enter this path; `norm` holds the norms of the columns."""
        coefs = fits.coefs
        n_outputs = coefs.shape[1] // max(len(fits), 1)  # columns of each alpha, one for each class
        owner = self.owner[coefs.indices]
        units, first, place = np.unique(owner, return_index=True, return_inverse=True)
        at = np.repeat(np.arange(coefs.shape[1]), np.diff(coefs.indptr)) // n_outputs
        position = at[first]
        entering = at == position[place]
        effects = np.abs(coefs.data[entering]) * norm[coefs.indices[entering]]
        squares = np.square(effects / (effects.max(initial=0.0) or 1.0))
        size = np.sqrt(np.bincount(place[entering], squares, len(units)))
        candidate = self.candidates[units]
        order = np.lexsort((-size, position, candidate))  # non-candidates come first
        kept = order[: self.max_selected + np.count_nonzero(~candidate)]
        self.features.append(units[kept])
        self.positions.append(position[kept])
        if is_alarm(fits.status).any():
            self.missed.append(fits)

    def frequencies(self, alphas: Vector) -> Any:
        """Return the share of subsamples that each unit entered by each alpha (csc_array)."""
        features, position = np.concatenate(self.features), np.concatenate(self.positions)
        support, place = np.unique(features, return_inverse=True)
        counts = np.zeros((len(support), len(alphas)))
        np.add.at(counts, (place, position), 1.0)
        shares = sp.csc_array(counts.cumsum(axis=1) / len(self.features))
        shape = len(self.candidates), len(alphas)
        return sp.csc_array((shares.data, support[shares.indices], shares.indptr), shape=shape)

    def warn(self, max_iter: int) -> None:
        """Issue one ConvergenceWarning for all subsamples."""
        if not self.missed:
            return
        where = f" in {len(self.missed)} of {len(self.features)} subsamples"
        gaps, tols, status = (
            np.concatenate([getattr(fits, name)[is_alarm(fits.status)] for fits in self.missed])
            for name in ("gaps", "tols", "status")
        )
        warn_not_converged(gaps, tols, status, max_iter, where)
