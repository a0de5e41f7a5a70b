"""Parameters, data and references that the tests of the regressors share."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import problem_of
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import ElasticNet, Lasso, Ridge

INF = np.inf
ESTIMATORS = [Lasso, ElasticNet, Ridge]
RIDGE_SOLVERS = ["auto", "cholesky", "cd", "gradient", "cg"]

# Tight enough for coefficients that agree to some six digits on the data of these tests.
TIGHT = {"tol": 1e-13, "max_iter": 100_000}

each_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


def strength(X, y, fraction=0.05):
    """Return an alpha at which the Lasso keeps some features but not all."""
    return fraction * problem_of(X, y).alpha_max()


def as_sparse(X):
    """Return X with about half of its entries set to 0, dense and as CSR."""
    X = np.where(np.abs(X) > np.median(np.abs(X)), X, 0.0)
    return X, sp.csr_matrix(X)


def weights_of(rng, n):
    """Return sample weights, some of them 0."""
    return rng.integers(0, 4, n) * rng.choice([1.0, 0.37], n)


def reference(name, **params):
    """Return scikit-learn's estimator with a very small tolerance."""
    if name == "Ridge":
        return linear_model.Ridge(**params)
    return getattr(linear_model, name)(**{"tol": 1e-13, "max_iter": 200_000, **params})


def fit_reference(model, *args, **kwargs):
    """Fit scikit-learn's model, which may miss a tolerance of 1e-13; our fits may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*args, **kwargs)
