"""glmnet's Fortran through python-glmnet, without standardisation."""

import numpy as np
from glmnet import ElasticNet

from bench.harness.problem import Choice
from bench.harness.task import Solver

LADDER = (1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17)


def prepare(problem, n_threads):
    if problem.l1_ratio != 1.0 and abs(problem.y.std() - 1.0) > 1e-9:
        raise NotImplementedError("its elastic net is the same only for a y of unit variance")
    return problem


def path(problem, tol):
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


def prepare_cv(problem, n_threads, n_jobs=1):
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


def prepare_cv_jobs(problem, n_threads):
    return prepare_cv(problem, n_threads, n_jobs=n_threads)


def choose(prepared, tol):
    X, y, folds, model = prepared
    # as groups they are the folds themselves
    model.set_params(tol=tol).fit(X, y, groups=folds)
    return Choice.of(model.lambda_path_, model.coef_path_, -model.cv_mean_score_)


SOLVERS = dict.fromkeys(("path", "fit"), Solver(prepare, path, LADDER))
SOLVERS["cv"] = Solver(prepare_cv, choose, (1e-7,))
SOLVERS["cv, jobs"] = Solver(prepare_cv_jobs, choose, (1e-7,))
