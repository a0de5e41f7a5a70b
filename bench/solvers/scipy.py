"""Adaptor of SciPy: products with sparse matrices, and a linear solve for ridge."""

import numpy as np
import scipy.linalg

from bench.solvers import STEPS, Solver, Task


def slopes(problem, n_threads):
    X, r = problem.rival_X, problem.residual

    def work():
        return X.T @ r

    return Task(work, work)


def moments(problem, n_threads):
    X = problem.rival_X

    def work():
        mean = X.mean(axis=0)
        return mean, np.sqrt(X.power(2).sum(axis=0) - X.shape[0] * mean * mean)

    return Task(work, work)


def gram(problem, n_threads):
    """Compute X'X with SciPy, sparse; dense, centred and scaled only for the comparison."""
    X = problem.rival_X
    mean, norm = moments(problem, n_threads).answer()

    def work():
        return X.T @ X

    def answer():
        return (work().toarray() - X.shape[0] * np.outer(mean, mean)) / np.outer(norm, norm)

    return Task(answer, work)


def product(problem, n_threads):
    X, r, w = problem.rival_X, problem.residual, problem.coef

    def work():
        return r - X @ w

    return Task(work, work)


def gradient_step(problem, n_threads):
    X, y, l2 = problem.rival_X, problem.y, problem.l2
    step, n = problem.learning_rate, problem.shape[0]
    running = np.zeros(problem.shape[1])

    def steps(w):
        for _ in range(STEPS):
            w += step * (X.T @ (y - X @ w) / n - l2 * w)
        return w

    return Task(lambda: steps(np.zeros(len(l2))), lambda: steps(running), units=STEPS)


def weighted_ridge(problem, n_threads, target):
    """Solve the normal equations, or their dual if n_features > n_samples, by Cholesky."""
    X, y, l2 = problem.X, problem.y, problem.l2
    n, p = X.shape

    def primal(_):
        A = X.T @ X
        A[np.diag_indices(p)] += n * l2
        return scipy.linalg.solve(A, X.T @ y, assume_a="pos", overwrite_a=True)

    def dual(_):
        Z = X / np.sqrt(n * l2)
        K = Z @ Z.T
        K[np.diag_indices(n)] += 1.0
        return X.T @ scipy.linalg.solve(K, y, assume_a="pos", overwrite_a=True) / (n * l2)

    return Solver(primal if p <= n else dual, lambda w: w, (None,))


KERNELS = {
    "slopes": slopes,
    "moments": moments,
    "gram": gram,
    "product": product,
    "gradient step": gradient_step,
}

SOLVERS = {"weighted ridge": weighted_ridge}
