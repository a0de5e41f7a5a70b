"""Adaptor of scikit-learn: compiled kernels (private, varying signatures) and solvers."""

import numpy as np
from sklearn.linear_model import Ridge, _cd_fast
from sklearn.linear_model import lasso_path as sklearn_lasso_path
from sklearn.utils.sparsefuncs import mean_variance_axis

from bench.solvers import Solver, Task, descent, tolerances


def cd_epoch(problem, n_threads):
    X, y = problem.rival_X, problem.rival_y
    if not problem.is_sparse:
        return _descent(problem, _cd_fast.enet_coordinate_descent, (X, y))
    return _sparse_descent(problem, y, np.zeros(X.shape[1]))


def cd_epoch_centred(problem, n_threads):
    y, mean = problem.rival_y, problem.rival_X.mean(axis=0)
    return _sparse_descent(problem, y - y.mean(), mean)


def _sparse_descent(problem, y, mean):
    X = problem.rival_X
    arguments = (X.data, X.indices, X.indptr, y, None, mean.astype(X.dtype))
    return _descent(problem, _cd_fast.sparse_enet_coordinate_descent, arguments)


def cd_epoch_gram(problem, n_threads):
    Q, q = problem.gram
    arguments = (np.ascontiguousarray(Q), q, problem.rival_y)
    return _descent(problem, _cd_fast.enet_coordinate_descent_gram, arguments)


def _descent(problem, kernel, arguments):
    # A tolerance of 0 makes the kernel run all epochs allowed; screening is newer than the oldest
    # supported version.
    rng = np.random.RandomState(0)
    state = {}

    def start():
        state["w"] = np.zeros(problem.shape[1], dtype=problem.rival_X.dtype)

    def call(count, **options):
        l1 = problem.alpha * problem.shape[0]
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


def moments(problem, n_threads):
    X = problem.rival_X

    def work():
        mean, variance = mean_variance_axis(X, axis=0)
        return mean, np.sqrt(variance * X.shape[0])

    return Task(work, work)


def lasso_path(problem, n_threads, target):
    def run(tol):
        return sklearn_lasso_path(
            problem.X, problem.y, alphas=problem.alphas, tol=tol, max_iter=100_000
        )

    return Solver(run, lambda result: result[1], tolerances(target))


def weighted_ridge(problem, n_threads, target):
    """Solve with columns divided by sqrt(l2), which is part of the work, and one strength."""
    n = problem.shape[0]

    def run(_):
        root = np.sqrt(problem.l2)
        model = Ridge(alpha=n, fit_intercept=False, solver="cholesky", copy_X=False)
        return model.fit(problem.X / root, problem.y).coef_ / root

    return Solver(run, lambda w: w, (None,))


KERNELS = {
    "cd epoch": cd_epoch,
    "cd epoch, centred": cd_epoch_centred,
    "cd epoch, Gram": cd_epoch_gram,
    "moments": moments,
}

SOLVERS = {"lasso path": lasso_path, "weighted ridge": weighted_ridge}
