"""glmnet's Fortran through python-glmnet, without standardisation and cross-validation."""

import numpy as np
from glmnet import ElasticNet

LADDER = [1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17]


def prepare(problem, n_threads):
    if problem.l1_ratio != 1.0 and abs(problem.y.std() - 1.0) > 1e-9:
        raise NotImplementedError("its elastic net is the same only for a y of unit variance")
    return problem


def solve(problem, tol):
    alphas, weights = problem.alphas, problem.l1_weights
    if weights is not None:
        # it scales the weights to a sum of n_features
        alphas = alphas * weights.mean()
    model = ElasticNet(
        alpha=problem.l1_ratio,
        lambda_path=alphas,
        standardize=False,
        n_splits=0,
        tol=tol,
        max_iter=100_000_000,
    ).fit(problem.X, np.asarray(problem.y, dtype=np.float64), relative_penalties=weights)
    if model.coef_path_.shape[-1] != len(alphas):
        raise RuntimeError(f"glmnet stopped after {model.coef_path_.shape[-1]} alphas")
    return model.coef_path_
