"""celer's path function on centred data; its Lasso class fails with scikit-learn 1.9."""

import warnings

import numpy as np
from celer import celer_path

from bench.harness.task import Solver

LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)


def prepare(problem, n_threads):
    warnings.simplefilter("ignore")
    if problem.l1_weights is not None and not problem.l1_weights.all():
        raise NotImplementedError("no unpenalised features")
    return problem


def path(problem, tol):
    X, y = problem.X, problem.y - problem.y.mean()
    means = np.asarray(X.mean(axis=0), dtype=X.dtype).ravel()
    options = {"alphas": problem.alphas, "tol": tol, "max_iter": 100, "prune": True}
    options |= {"l1_ratio": problem.l1_ratio, "weights": problem.l1_weights}
    if problem.is_sparse:
        options |= {"X_offset": means, "X_scale": np.ones_like(means)}
        return celer_path(X, y.astype(X.dtype), "lasso", **options)[1]
    return celer_path(np.asfortranarray(X - means), y.astype(X.dtype), "lasso", **options)[1]


SOLVERS = dict.fromkeys(("path", "fit"), Solver(prepare, path, LADDER))
