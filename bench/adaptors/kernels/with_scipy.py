"""Kernels in SciPy: products with sparse matrices."""

import numpy as np

from bench.adaptors.descent import gradient_steps
from bench.harness.task import STEPS, Task


def slopes(given, n_threads):
    X, r = given.rival_X, given.residual

    def work():
        return X.T @ r

    return Task(work, work)


def moments(given, n_threads):
    X = given.rival_X

    def work():
        mean = X.mean(axis=0)
        return mean, np.sqrt(X.power(2).sum(axis=0) - X.shape[0] * mean * mean)

    return Task(work, work)


def gram(given, n_threads):
    """Compute X'X with SciPy, sparse; dense, centred and scaled only for the comparison."""
    X = given.rival_X
    mean, norm = moments(given, n_threads).answer()

    def work():
        return X.T @ X

    def answer():
        return (work().toarray() - X.shape[0] * np.outer(mean, mean)) / np.outer(norm, norm)

    return Task(answer, work)


def product(given, n_threads):
    X, r, w = given.rival_X, given.residual, given.coef

    def work():
        return r - X @ w

    return Task(work, work)


def gradient_step(given, n_threads):
    operands = given.rival_X, given.y, given.l2, given.learning_rate
    running = np.zeros(given.shape[1])

    def answer():
        w = np.zeros(given.shape[1])
        gradient_steps(*operands, w, STEPS)
        return w

    return Task(answer, lambda: gradient_steps(*operands, running, STEPS), units=STEPS)


KERNELS = {
    "slopes": slopes,
    "moments": moments,
    "gram": gram,
    "product": product,
    "gradient step": gradient_step,
}
