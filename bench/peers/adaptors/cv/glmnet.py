"""python-glmnet without standardisation; one fold after the other."""

import numpy as np
from glmnet import ElasticNet

from bench.peers.problem import Choice

LADDER = [1e-7]


def prepare(problem, n_threads, n_jobs=1):
    model = ElasticNet(
        lambda_path=problem.alphas,
        standardize=False,
        n_splits=problem.n_folds,
        scoring="mean_squared_error",
        n_jobs=n_jobs,
        max_iter=100_000_000,
    )
    # it selects rows of each training set
    X = problem.X.tocsr() if problem.is_sparse else problem.X
    return X, np.asarray(problem.y, dtype=np.float64), problem.fold_of, model


def solve(prepared, tol):
    X, y, folds, model = prepared
    # as groups they are the folds themselves
    model.set_params(tol=tol).fit(X, y, groups=folds)
    return Choice.of(model.lambda_path_, model.coef_path_, -model.cv_mean_score_)
