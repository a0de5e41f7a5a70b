"""skglm's AndersonCD along the path, under other losses ProxNewton.

Tolerances are absolute, so they are scaled by the data.
"""

import warnings
from dataclasses import replace

import numpy as np
from skglm.datafits import Cox, Logistic, Poisson, Quadratic, QuadraticGroup
from skglm.penalties import L1, SCAD, L1_plus_L2, MCPenalty, WeightedGroupL2, WeightedL1
from skglm.solvers import AndersonCD, GroupBCD, ProxNewton

from bench.harness.penalties import GAMMA, A
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


def prepare_penalty(problem, n_threads):
    warnings.simplefilter("ignore")
    if problem.omega not in PENALTIES:
        raise NotImplementedError("no path")
    penalty_path(replace(problem, alphas=problem.alphas[:2]), 1e-2)  # compiles
    return problem


def penalty_path(problem, tol):
    """Fit the path with AndersonCD, or GroupBCD for groups."""
    X, y, alphas = problem.X, problem.y, problem.alphas
    datafit, penalty, solver_type = PENALTIES[problem.omega](problem)
    options = {"fit_intercept": True, "max_iter": 1000, "warm_start": True}
    solver = solver_type(tol=tol * alphas[0], **options)
    W = np.zeros((X.shape[1], len(alphas)))
    w = np.zeros(X.shape[1] + 1)
    for k, alpha in enumerate(alphas):
        penalty.alpha = alpha
        w = solver.solve(X, y, datafit, penalty, w, X @ w[:-1] + w[-1])[0]
        W[:, k] = w[:-1]
    return W


def _grouped(problem):
    _, of = np.unique(problem.groups, return_inverse=True)
    sizes, order = np.bincount(of), np.argsort(of, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    penalty = WeightedGroupL2(1.0, np.sqrt(sizes), starts, order)
    return QuadraticGroup(starts, order), penalty, GroupBCD


PENALTIES = {
    "mcp": lambda problem: (Quadratic(), MCPenalty(1.0, GAMMA), AndersonCD),
    "scad": lambda problem: (Quadratic(), SCAD(1.0, A), AndersonCD),
    "groups": _grouped,
}

KINDS = "path", "fit", "loss path", "loss fit"
SOLVERS = dict.fromkeys(KINDS, Solver(prepare, path, LADDER))
SOLVERS["penalty path"] = Solver(prepare_penalty, penalty_path, LADDER)
