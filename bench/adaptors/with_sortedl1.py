"""sortedl1's Slope along the path, its early exits switched off."""

import numpy as np
from sortedl1 import Slope

from bench.harness.penalties import sorted_weights
from bench.harness.task import Solver

LADDER = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def prepare(problem, n_threads):
    if problem.omega != "slope":
        raise NotImplementedError("no such penalty")
    return problem, sorted_weights(problem.shape[1])


def path(prepared, tol):
    problem, weights = prepared
    found = Slope(lam=weights, tol=tol).path(
        problem.X,
        problem.y,
        alphas=problem.alphas,
        tol_dev_change=0.0,
        tol_dev_ratio=1.0,
        max_clusters=problem.shape[1],
    )
    coefs = np.asarray(found.coefs).reshape(problem.shape[1], -1)
    if coefs.shape[1] != len(problem.alphas):
        raise RuntimeError(f"sortedl1 stopped after {coefs.shape[1]} alphas")
    return coefs


SOLVERS = {"penalty path": Solver(prepare, path, LADDER)}
