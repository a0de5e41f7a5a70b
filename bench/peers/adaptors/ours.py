"""softreg_fast: one tolerance, since every alpha ends with a Newton step on its support."""

import numpy as np

import softreg_fast

LADDER = [1e-3, 1e-6]


def prepare(problem, n_threads):
    return problem, n_threads


def solve(prepared, tol):
    problem, n_threads = prepared
    options = {"l1_ratio": problem.l1_ratio, "tol": tol, "n_threads": n_threads}
    if problem.l1_weights is not None:
        options["l1_weights"] = problem.l1_weights
    if len(problem.alphas) == 1:
        model = softreg_fast.ElasticNet(alpha=problem.alphas[0], **options)
        return model.fit(problem.X, problem.y).coef_[:, np.newaxis]
    return softreg_fast.path(problem.X, problem.y, alphas=problem.alphas, **options).coefs
