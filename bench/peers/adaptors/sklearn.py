"""scikit-learn's lasso_path on centred data, as its LassoCV calls it."""

import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import lasso_path

LADDER = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]


def prepare(X, y, alphas, n_threads):
    warnings.simplefilter("ignore")
    return X, y, alphas


def path(prepared, tol):
    X, y, alphas = prepared
    means = np.asarray(X.mean(axis=0)).ravel()
    options = {"alphas": alphas, "tol": tol, "max_iter": 100_000}
    if sp.issparse(X):
        options |= {"X_offset": means, "X_scale": np.ones(X.shape[1]), "check_input": False}
        return lasso_path(X, y - y.mean(), precompute=False, **options)[1]
    precompute = X.shape[0] > X.shape[1]
    return lasso_path(X - means, y - y.mean(), precompute=precompute, **options)[1]
