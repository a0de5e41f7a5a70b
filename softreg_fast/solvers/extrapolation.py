"""Extrapolation of the limit of a sequence of iterates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def extrapolated(iterates: Sequence[Matrix]) -> Matrix | None:
    """Return sum_k f_k U_k, with sum_k f_k = 1 and ||sum_k f_k (U_k - U_k-1)|| minimal.

    This is Anderson's acceleration (1965); for coordinate descent Bertrand and Massias (2021). None
    if the moves are too nearly dependent to tell.
    """
    moves = np.diff(np.array(iterates), axis=0).reshape(len(iterates) - 1, -1)
    products = moves @ moves.T
    products.flat[:: len(products) + 1] += 1e-12 * np.trace(products)
    try:
        f = np.linalg.solve(products, np.ones(len(products)))
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(f).all() or f.sum() == 0.0:
        return None
    return np.asarray(np.tensordot(f / f.sum(), np.array(iterates[1:]), 1))
