"""Kernels of scikit-learn, compiled: private, with signatures that differ between versions."""

import numpy as np
from sklearn.linear_model import _cd_fast
from sklearn.utils.sparsefuncs import mean_variance_axis

from bench.harness.task import Task, descent


def cd_epoch(given, n_threads):
    X, y = given.rival_X, given.rival_y
    if not given.is_sparse:
        return _descent(given, _cd_fast.enet_coordinate_descent, (X, y))
    return _sparse_descent(given, y, np.zeros(X.shape[1]))


def cd_epoch_centred(given, n_threads):
    y, mean = given.rival_y, given.rival_X.mean(axis=0)
    return _sparse_descent(given, y - y.mean(), mean)


def _sparse_descent(given, y, mean):
    X = given.rival_X
    arguments = (X.data, X.indices, X.indptr, y, None, mean.astype(X.dtype))
    return _descent(given, _cd_fast.sparse_enet_coordinate_descent, arguments)


def cd_epoch_gram(given, n_threads):
    Q, q = given.gram
    arguments = (np.ascontiguousarray(Q), q, given.rival_y)
    return _descent(given, _cd_fast.enet_coordinate_descent_gram, arguments)


def _descent(given, kernel, arguments):
    # A tolerance of 0 makes the kernel run all epochs allowed; screening is newer than the oldest
    # supported version.
    rng = np.random.RandomState(0)
    state = {}

    def start():
        state["w"] = np.zeros(given.shape[1], dtype=given.rival_X.dtype)

    def call(count, **options):
        l1 = given.alpha * given.shape[0]
        return kernel(state["w"], l1, 0.0, *arguments, count, 0.0, rng, False, False, **options)

    start()
    options = {"do_screening": False}
    try:
        call(1, **options)
    except TypeError:
        options = {}

    def epochs(count):
        done = call(count, **options)[3]
        if done != count:
            raise RuntimeError(f"scikit-learn stopped after {done} of {count} epochs")

    return descent(start, epochs, lambda: state["w"])


def moments(given, n_threads):
    X = given.rival_X

    def work():
        mean, variance = mean_variance_axis(X, axis=0)
        return mean, np.sqrt(variance * X.shape[0])

    return Task(work, work)


KERNELS = {
    "cd epoch": cd_epoch,
    "cd epoch, centred": cd_epoch_centred,
    "cd epoch, Gram": cd_epoch_gram,
    "moments": moments,
}
