"""skglm's AndersonCD along the path, under other losses ProxNewton.

Tolerances are absolute, so they are scaled by the data.
"""

import warnings
from dataclasses import replace

import numpy as np
from skglm.datafits import Cox, Logistic, Poisson, Quadratic
from skglm.penalties import L1, L1_plus_L2, WeightedL1
from skglm.solvers import AndersonCD, ProxNewton

from bench.harness.task import Solver

LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

# Data fit and solver of each loss.
PARTS = {
    "squared": (Quadratic, AndersonCD),
    "logistic": (Logistic, ProxNewton),
    "poisson": (Poisson, ProxNewton),
    "cox": (Cox, ProxNewton),
}


def prepare(problem, n_threads):
    warnings.simplefilter("ignore")
    path(replace(problem, alphas=problem.alphas[:2]), 1e-2)  # compiles
    return problem


def path(problem, tol):
    X, y, alphas = problem.X, problem.y, problem.alphas
    datafit, solver_type = PARTS[problem.loss]
    if problem.loss == "logistic":
        y = 2.0 * y - 1.0
    options = {"fit_intercept": problem.fit_intercept, "max_iter": 100, "warm_start": True}
    solver = solver_type(tol=tol * alphas[0], **options)
    W = np.zeros((X.shape[1], len(alphas)))
    penalty, datafit = penalty_of(problem), datafit()
    w = fitted = None
    for k, alpha in enumerate(alphas):
        penalty.alpha = alpha
        w = solver.solve(X, y, datafit, penalty, w, fitted)[0]
        W[:, k] = w[: len(W)]
        fitted = X @ W[:, k] + w[len(W) :].sum()
    return W


def penalty_of(problem):
    if problem.l1_ratio != 1.0:
        problem.need_no_weights()
        return L1_plus_L2(1.0, problem.l1_ratio)
    return L1(1.0) if problem.l1_weights is None else WeightedL1(1.0, problem.l1_weights)


KINDS = "path", "fit", "loss path", "loss fit"
SOLVERS = dict.fromkeys(KINDS, Solver(prepare, path, LADDER))
