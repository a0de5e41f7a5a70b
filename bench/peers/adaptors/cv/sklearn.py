"""scikit-learn's LassoCV; its BLAS has all threads."""

import warnings

from sklearn.linear_model import LassoCV
from sklearn.model_selection import PredefinedSplit

from bench.peers.problem import Choice

LADDER = [1e-4]


def prepare(problem, n_threads, n_jobs=1):
    warnings.simplefilter("ignore")
    split = PredefinedSplit(problem.fold_of)
    return problem, LassoCV(alphas=problem.alphas, cv=split, n_jobs=n_jobs)


def solve(prepared, tol):
    problem, model = prepared
    model.set_params(tol=tol).fit(problem.X, problem.y)
    return Choice(model.alpha_, model.coef_, model.mse_path_.mean(axis=1))
