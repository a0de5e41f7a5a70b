"""Clusters of coefficients of equal size, which SLOPE makes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.types import Vector
from softreg_fast.paths.kinds import Certified

# Sizes are exactly equal in the units in which SLOPE compares them; the units of X may round them.
ROUNDING = 1e-12


def clusters_of(fit: Certified, coef: Vector) -> list[NDArray[Any]]:
    """Return the features of each cluster of nonzero coefficients, the largest sizes first.

    Parameters
    ----------
    fit : Solution or Path
    coef : ndarray (n_features,)
    """
    if fit.penalty_kind != "slope":
        raise ValueError(
            "Clusters are those of SLOPE, and this model was fitted with another penalty; give "
            "penalty=SLOPE() to the fit."
        )
    sizes = np.abs(coef) if fit.deviations is None else np.abs(coef) * fit.deviations
    support = np.flatnonzero(sizes)
    support = support[np.argsort(-sizes[support], kind="stable")]
    falls = np.flatnonzero(np.diff(sizes[support]) < -ROUNDING * sizes[support][:-1]) + 1
    parts = [np.sort(part) for part in np.split(support, falls) if part.size]
    return parts if fit.feature_names is None else [fit.feature_names[part] for part in parts]
