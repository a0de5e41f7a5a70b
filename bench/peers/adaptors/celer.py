"""celer's path function on centred data; its Lasso class fails with scikit-learn 1.9."""

import warnings

import numpy as np
import scipy.sparse as sp
from celer import celer_path

LADDER = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10]


def prepare(X, y, alphas, n_threads):
    warnings.simplefilter("ignore")
    return X, y, alphas


def path(prepared, tol):
    X, y, alphas = prepared
    means = np.asarray(X.mean(axis=0), dtype=X.dtype).ravel()
    options = {"alphas": alphas, "tol": tol, "max_iter": 100, "prune": True}
    if sp.issparse(X):
        options |= {"X_offset": means, "X_scale": np.ones_like(means)}
        return celer_path(X, (y - y.mean()).astype(X.dtype), "lasso", **options)[1]
    centered = np.asfortranarray(X - means)
    return celer_path(centered, (y - y.mean()).astype(X.dtype), "lasso", **options)[1]
