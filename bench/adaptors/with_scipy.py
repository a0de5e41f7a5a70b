"""SciPy: a linear solve for weighted ridge."""

import numpy as np
import scipy.linalg

from bench.harness.task import Solver


def prepare(problem, n_threads):
    return problem


def weighted_ridge(problem, tol):
    """Solve the normal equations, or their dual if n_features > n_samples, by Cholesky."""
    n, p = problem.shape
    return (primal if p <= n else dual)(problem.X, problem.y, n * problem.l2)


def primal(X, y, l2):
    A = X.T @ X
    A[np.diag_indices(len(l2))] += l2
    return scipy.linalg.solve(A, X.T @ y, assume_a="pos", overwrite_a=True)


def dual(X, y, l2):
    Z = X / np.sqrt(l2)
    K = Z @ Z.T
    K[np.diag_indices(len(y))] += 1.0
    return X.T @ scipy.linalg.solve(K, y, assume_a="pos", overwrite_a=True) / l2


SOLVERS = {"weighted ridge": Solver(prepare, weighted_ridge)}
