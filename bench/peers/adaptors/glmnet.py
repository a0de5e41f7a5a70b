"""glmnet's Fortran through python-glmnet, without standardisation and cross-validation."""

import numpy as np
from glmnet import ElasticNet

LADDER = [1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17]


def prepare(X, y, alphas, n_threads):
    return X.astype(np.float64), np.asarray(y, dtype=np.float64), alphas


def path(prepared, tol):
    X, y, alphas = prepared
    model = ElasticNet(
        lambda_path=alphas, standardize=False, n_splits=0, tol=tol, max_iter=100_000_000
    ).fit(X, y)
    if model.coef_path_.shape[1] != len(alphas):
        raise RuntimeError(f"glmnet stopped after {model.coef_path_.shape[1]} alphas")
    return model.coef_path_
