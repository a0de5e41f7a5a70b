"""scikit-learn's enet_path on centred data, as its LassoCV calls it, and its ElasticNet."""

import warnings

import numpy as np
from sklearn.linear_model import ElasticNet, enet_path

LADDER = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]


def prepare(problem, n_threads):
    warnings.simplefilter("ignore")
    problem.need_no_weights()
    return problem


def solve(problem, tol):
    X, y = problem.X, problem.y
    options = {"l1_ratio": problem.l1_ratio, "tol": tol, "max_iter": 100_000}
    if len(problem.alphas) == 1:
        model = ElasticNet(alpha=problem.alphas[0], **options).fit(X, y)
        return model.coef_[:, np.newaxis]
    options["alphas"] = problem.alphas
    means = np.asarray(X.mean(axis=0)).ravel()
    if problem.is_sparse:
        options |= {"X_offset": means, "X_scale": np.ones(X.shape[1]), "check_input": False}
        return enet_path(X, y - y.mean(), precompute=False, **options)[1]
    precompute = X.shape[0] > X.shape[1]
    return enet_path(X - means, y - y.mean(), precompute=precompute, **options)[1]
