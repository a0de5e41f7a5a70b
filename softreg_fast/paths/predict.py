"""Linear predictors of some rows of X by the models of a path, in blocks and without copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.result import Path

# Number of entries of X, or of predictions, processed at a time.
BLOCK_ENTRIES = 1 << 17


def predict_rows(X: Any, rows: Index, coefs: Any, intercepts: Vector) -> NDArray[np.float64]:
    """Return the linear predictors of some rows by several models, (n_rows, n_models).

    They have no offset; coefs is a csc_array.
    """
    out = np.empty((len(rows), len(intercepts)))
    for part, predicted in row_blocks(X, rows, coefs, intercepts):
        out[part] = predicted
    return out


def predict_all(X: Any, coefs: Any, intercepts: Vector) -> NDArray[np.float64]:
    """Return the linear predictors of all rows, as `predict_rows` does, in Fortran order."""
    support, W = _dense(coefs)
    n, n_models = X.shape[0], len(intercepts)
    out = np.empty((n_models, n))
    if sp.issparse(X):
        out[...] = (X[:, support] @ W).T
    else:
        whole = support.size == X.shape[1]
        step = max(BLOCK_ENTRIES // max(support.size, n_models, 1), 1)
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            block = X[part].T if whole else X[part].T[support]
            np.matmul(W.T, block, out=out[:, part])
    out += intercepts[:, np.newaxis]
    return out.T


def row_blocks(
    X: Any, rows: Index, coefs: Any, intercepts: Vector
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield such predictors in cache-sized blocks of rows, each with its slice of the rows.

    Only columns with a nonzero coefficient are read, and at most a few MiB of dense ones copied.
    """
    support, W = _dense(coefs)
    chosen = X[:, support].tocsr()[rows] if sp.issparse(X) else None
    width = len(intercepts) if sp.issparse(X) else max(support.size, len(intercepts))
    step = max(BLOCK_ENTRIES // max(width, 1), 1)
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        block = entries(X, rows[part], support) if chosen is None else chosen[part]
        predicted = block @ W
        predicted += intercepts
        yield part, predicted


def _dense(coefs: Any) -> tuple[Index, NDArray[np.float64]]:
    # the features with a nonzero coefficient, and these rows
    if coefs.shape[0] * coefs.shape[1] <= BLOCK_ENTRIES:  # indexing sparse arrays takes longer
        W = coefs.toarray()
        support = np.flatnonzero(W.any(axis=1))
        return support, W if support.size == len(W) else W[support]
    support = np.unique(coefs.indices)
    return support, coefs[support].toarray()


def entries(X: NDArray[Any], rows: Index, columns: Index) -> NDArray[Any]:
    """Return X[rows][:, columns], gathered by columns in the memory order of X."""
    if not X.flags.f_contiguous:
        return X.T[np.ix_(columns, rows)].T
    # twice as fast; and np.ix_ may read unallocated buffers when memory runs out
    return X.T.reshape(-1).take(columns[:, None] * len(X) + rows).T


def predictor_by(X: Any, rows: Index, fits: Path, k: int) -> Vector:
    """Return the linear predictors of some rows by the k-th model of a path, without an offset.

    (n_rows,) or (n_rows, n_tasks).
    """
    support, w = fits.support_of(k)
    product = (X[:, support] @ w)[rows] if sp.issparse(X) else entries(X, rows, support) @ w
    return np.asarray(product + fits.intercepts[k])
