"""Compiled kernels of softreg_fast."""

from copy import copy

import numpy as np

from bench.harness.internals import Columns, CoordinateDescent, GradientUpdates
from bench.harness.task import STEPS, Task, descent
from softreg_fast import Design


def raw_columns(given, n_threads):
    """Return the columns of X unchanged, and the number of threads the package uses for them."""
    design = Design(given.X, fit_intercept=False, n_threads=n_threads)
    return design.unscaled_columns, design.n_threads


def cd_epoch(given, n_threads, centred=False):
    design = Design(given.X, given.y, fit_intercept=centred)
    target = np.append(given.y - design.y_mean, 0.0)
    return _descent(given, design.unscaled_columns, target, design.norm**2)


def cd_epoch_centred(given, n_threads):
    return cd_epoch(given, n_threads, centred=True)


def cd_epoch_gram(given, n_threads):
    Q, q = given.gram
    return _descent(given, Columns.gram(Q), q, np.diag(Q).copy())


def _descent(given, columns, target, curvature):
    n, p = given.shape
    inf = np.full(p, np.inf)
    penalty = np.full(p, given.alpha * n), np.zeros(p), -inf, inf
    engine = CoordinateDescent(columns, target, given.y @ given.y, curvature, penalty)
    engine.certify(1.0, 1.0)  # sets the strengths of both penalties
    chosen = np.flatnonzero(curvature > 0.0)

    def start():
        engine.coef[:] = 0.0
        engine.refresh()

    return descent(start, lambda count: engine.epochs(chosen, count), lambda: engine.coef.copy())


def slopes(given, n_threads):
    columns, n_threads = raw_columns(given, n_threads)
    v = np.append(given.residual, 0.0)
    out = np.empty(given.shape[1])

    def work():
        columns.slopes(v, out, None, n_threads)

    def answer():
        work()
        return out.copy()

    return Task(answer, work)


def moments(given, n_threads):
    columns, n_threads = raw_columns(given, n_threads)

    def work():
        return columns.moments(True, n_threads)[:2]

    return Task(work, work)


def gram(given, n_threads):
    design = Design(given.X, n_threads=n_threads)

    def work():
        return copy(design).gram  # a design keeps what it has computed

    return Task(work, work)


def product(given, n_threads):
    return _product(given, given.coef, n_threads)


def sparse_product(given, n_threads):
    return _product(given, given.sparse_coef, n_threads)


def _product(given, coef, n_threads):
    columns, n_threads = raw_columns(given, n_threads)
    v = np.append(given.residual, 0.0)

    def answer():
        fresh = np.append(given.residual, 0.0)
        columns.subtract_product(coef, fresh, n_threads)
        return fresh[:-1]

    return Task(answer, lambda: columns.subtract_product(coef, v, n_threads))


def gradient_step(given, n_threads):
    n, p = given.shape
    columns, n_threads = raw_columns(given, n_threads)
    target = np.append(given.y, 0.0)
    zero, inf = np.zeros(p), np.full(p, np.inf)

    def updates():
        box = zero, zero, -inf, inf
        return GradientUpdates(columns, target, n * given.l2, box, None, n_threads)

    def answer():
        fresh = updates()
        fresh.descend(given.learning_rate / n, STEPS)
        return fresh.coef

    running = updates()
    return Task(answer, lambda: running.descend(given.learning_rate / n, STEPS), units=STEPS)


KERNELS = {
    "cd epoch": cd_epoch,
    "cd epoch, centred": cd_epoch_centred,
    "cd epoch, Gram": cd_epoch_gram,
    "slopes": slopes,
    "moments": moments,
    "gram": gram,
    "product": product,
    "product, sparse w": sparse_product,
    "gradient step": gradient_step,
}
