"""Ridge's penalty in scikit-learn's units, and its L2 strengths in ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.penalties.vectors import nonnegative_vector


def l2_weights_of(given: Any, design: Design) -> NDArray[np.float64]:
    """Return the L2 weights, one per feature, from the user's argument."""
    return nonnegative_vector("l2_weights", given, design.n_features, 1.0, design.feature_names)


def ridge_strengths(
    weights: NDArray[np.float64], alpha: float, design: Design
) -> NDArray[np.float64]:
    """Return 1/(2S) of alpha * weights; an infinite weight excludes even at alpha = 0."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(weights), np.inf, weights * (alpha / design.weight_sum))
