"""Records of an engine's fits along a path, in its units."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Vector


class Kept(NamedTuple):
    """Concatenated fits.

    `figures` has a row for each fit: nonzeros, gap, ||y - C u||^2, epochs, status. The features and
    coefficients of the first fit come first, then those of the second, ... With several tasks
    `values` has a column for each.
    """

    features: NDArray[np.intp]
    values: Vector
    figures: Vector


class Record:
    """Record of fits for solvers that do not keep them themselves."""

    def __init__(self) -> None:
        self.features: list[NDArray[np.intp]] = []
        self.values: list[Vector] = []
        self.figures: list[tuple[float, ...]] = []

    def keep(self, solver: Any, status: int) -> None:
        """Append the solver's current fit."""
        by_feature = solver.coef.T  # (n_features,), or with a column for each task
        features = np.flatnonzero(by_feature.reshape(len(by_feature), -1).any(axis=1))
        self.features.append(features)
        self.values.append(by_feature[features])
        self.figures.append(
            (len(features), solver.gap, solver.residual_sumsq, solver.n_epochs, status)
        )

    def kept(self) -> Kept:
        """Return all kept fits."""
        return joined([Kept(*map(np.asarray, part)) for part in self._parts()])

    def count_nonzero(self) -> int:
        """Return the number of nonzero coefficients of the last fit."""
        return len(self.features[-1])

    def _parts(self) -> Any:
        figures = (np.array([row], np.float64) for row in self.figures)
        return zip(self.features, self.values, figures, strict=True)


def joined(parts: list[Kept]) -> Kept:
    """Concatenate the records."""
    parts = [part for part in parts if len(part.figures)] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Kept(np.empty(0, np.intp), np.empty(0), np.empty((0, 5)))
    return Kept(*map(np.concatenate, zip(*parts, strict=True)))
