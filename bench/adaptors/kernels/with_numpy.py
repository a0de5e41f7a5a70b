"""Kernels in NumPy, vectorised over samples, with Python loops where needed."""

import numpy as np

from bench.adaptors.descent import Gram, columns_of, gradient_steps
from bench.harness.task import STEPS, Task, descent


def cd_epoch(given, n_threads):
    return _descent(given, columns_of(given.rival_X, given.rival_y))


def cd_epoch_gram(given, n_threads):
    return _descent(given, Gram(*given.gram, given.y @ given.y))


def _descent(given, state):
    l1 = given.alpha * given.shape[0]
    chosen = np.flatnonzero(state.curvature > 0.0).tolist()

    def epochs(count):
        for _ in range(count):
            state.epoch(chosen, l1)

    return descent(state.restart, epochs, lambda: state.w)


def slopes(given, n_threads):
    X, r = given.rival_X, given.residual.astype(given.rival_X.dtype)

    def work():
        return X.T @ r

    return Task(work, work)


def moments(given, n_threads):
    X = given.rival_X

    def dense():
        mean = X.mean(axis=0)
        Z = X - mean
        return mean, np.sqrt(np.einsum("ij,ij->j", Z, Z))

    def sparse():
        mean = X.mean(axis=0)
        return mean, np.sqrt(X.power(2).sum(axis=0) - X.shape[0] * mean * mean)

    work = sparse if given.is_sparse else dense
    return Task(work, work)


def gram(given, n_threads):
    X = given.rival_X
    mean, norm = moments(given, n_threads).answer()

    def work():
        Z = (X - mean) / norm
        return Z.T @ Z

    return Task(work, work)


def product(given, n_threads):
    X, r, w = given.rival_X, given.residual, given.coef

    def work():
        return r - X @ w

    return Task(work, work)


def sparse_product(given, n_threads):
    X, r = given.rival_X, given.residual
    support = np.flatnonzero(given.sparse_coef)
    w = given.sparse_coef[support]

    def work():
        return r - X[:, support] @ w

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
    "cd epoch": cd_epoch,
    "cd epoch, Gram": cd_epoch_gram,
    "slopes": slopes,
    "moments": moments,
    "gram": gram,
    "product": product,
    "product, sparse w": sparse_product,
    "gradient step": gradient_step,
}
