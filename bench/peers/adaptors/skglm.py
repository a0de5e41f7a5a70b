"""skglm's AndersonCD along the path; tolerances are absolute, so they are scaled by the data."""

import warnings

import numpy as np
from skglm.datafits import Quadratic
from skglm.penalties import L1
from skglm.solvers import AndersonCD

LADDER = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]


def prepare(X, y, alphas, n_threads):
    warnings.simplefilter("ignore")
    path((X, y, alphas[:2]), 1e-2)  # compiles
    return X, y, alphas


def path(prepared, tol):
    X, y, alphas = prepared
    solver = AndersonCD(tol=tol * alphas[0], fit_intercept=True, max_iter=100, warm_start=True)
    W = np.zeros((X.shape[1], len(alphas)))
    penalty, datafit = L1(1.0), Quadratic()
    w = fitted = None
    for k, alpha in enumerate(alphas):
        penalty.alpha = alpha
        w = solver.solve(X, y, datafit, penalty, w, fitted)[0]
        fitted = X @ w[:-1] + w[-1]
        W[:, k] = w[:-1]
    return W
