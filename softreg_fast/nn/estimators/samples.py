"""Training samples of a network: standardised, weighted, partly held out, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Values = NDArray[Any]
Rows = NDArray[np.intp]

# Standard deviations below this fraction of a feature's largest value count as rounding errors.
SMALLEST_SPREAD = 1e-14

# Number of sparse rows that are made dense at once.
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Samples:
    """Samples with their targets; the inputs of the network are (X - mean) * inverse.

    Attributes
    ----------
    X : ndarray or CSR (n_samples, n_features)
    targets : ndarray (n_samples, n_outputs)
    weight : ndarray (n_samples,)
        Sample weights, of mean 1 over `rows`.
    rows, held_out : ndarray of int
        Indices of training samples, and of held-out samples.
    mean, inverse : ndarray (n_features,)
        inverse is 0 for constant features.
    """

    X: Any
    targets: Values
    weight: Values
    rows: Rows
    held_out: Rows
    mean: Values
    inverse: Values

    def inputs(self, rows: Rows) -> Values:
        """Return the standardised inputs of these rows."""
        return (_dense(self.X, rows) - self.mean) * self.inverse

    def batches(self, size: int, rng: Any) -> Iterator[tuple[Values, Values, Values]]:
        """Yield batches (inputs, targets, weights) of one pass, shuffled unless rng is None."""
        order = self.rows if rng is None else rng.permutation(self.rows)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield self.inputs(rows), self.targets[rows], self.weight[rows]

    def of_columns(self, columns: Rows) -> Samples:
        """Return the samples with these columns of X only."""
        if len(columns) == self.X.shape[1]:
            return self
        mean, inverse = self.mean[columns], self.inverse[columns]
        return replace(self, X=self.X[:, columns], mean=mean, inverse=inverse)


def _dense(X: Any, rows: Any) -> Values:
    found = X[rows]
    return np.asarray(found.toarray() if sp.issparse(found) else found)


def centre_and_inverse(X: Any, weight: Values, rows: Rows) -> tuple[Values, Values]:
    """Compute weighted means, and inverse weighted standard deviations, 0 for constant columns.

    Columns are scaled by their largest entry, so that squares neither overflow nor underflow.
    """
    parts = [rows[k : k + ROWS_AT_ONCE] for k in range(0, len(rows), ROWS_AT_ONCE)]
    most = np.max([np.abs(_dense(X, part)).max(0) for part in parts], axis=0).astype(np.float64)
    most[most < np.finfo(np.float64).tiny] = 1.0
    total = weight[rows].sum()
    mean = sum(weight[part] @ (_dense(X, part) / most) for part in parts) / total
    variance = sum(weight[part] @ (_dense(X, part) / most - mean) ** 2 for part in parts) / total
    spread = np.sqrt(variance)
    varies = spread > SMALLEST_SPREAD
    with np.errstate(over="ignore"):
        inverse = np.divide(1.0, spread * most, out=np.zeros_like(spread), where=varies)
    inverse[~np.isfinite(inverse)] = 0.0
    return mean * most, inverse
