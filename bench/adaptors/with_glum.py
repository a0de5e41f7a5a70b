"""glum's regressor along the path, whose Gram matrix has an entry for every pair of features."""

import warnings

import numpy as np
from glum import GeneralizedLinearRegressor

from bench.harness.task import Solver

FAMILIES = {"logistic": "binomial", "poisson": "poisson"}
LADDER = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

# Above this its Gram matrix takes gigabytes.
MOST_FEATURES = 10_000


def prepare(problem, n_threads):
    warnings.simplefilter("ignore")
    if problem.shape[1] > MOST_FEATURES:
        raise NotImplementedError("Gram matrix too large")
    return problem


def path(problem, tol):
    weights = problem.l1_weights
    model = GeneralizedLinearRegressor(
        family=FAMILIES[problem.loss],
        alphas=problem.alphas,
        alpha_search=True,
        l1_ratio=problem.l1_ratio,
        P1="identity" if weights is None else weights,
        gradient_tol=tol,
        max_iter=1000,
    ).fit(problem.X, problem.y)
    return np.asarray(model.coef_path_).T


SOLVERS = dict.fromkeys(("loss path", "loss fit"), Solver(prepare, path, LADDER))
