"""Features that plain coordinate descent works on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def working_set(support: NDArray[np.bool_], distance: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the support and the features that violate optimality most, in increasing order.

    There are at most twice as many of these as the support has members (at least 100), so that the
    set grows geometrically until it holds the solution's support.

    Parameters
    ----------
    support : ndarray (n_features,) of bool
        Overwritten.
    distance : ndarray (n_features,)
        Distance of the slope of each feature to the subdifferential of its penalty.
    """
    violators = np.flatnonzero(np.greater(distance, 0.0) & ~support)
    room = max(100, 2 * np.count_nonzero(support))
    if len(violators) > room:
        violators = violators[np.argpartition(np.take(distance, violators), -room)[-room:]]
    support[violators] = True
    return np.flatnonzero(support)
