"""softreg_fast's LassoCV."""

from sklearn.model_selection import PredefinedSplit

from bench.peers.problem import Choice
from softreg_fast import LassoCV

LADDER = [1e-6]


def split_of(problem):
    """The folds as scikit-learn takes them."""
    return PredefinedSplit(problem.fold_of)


def prepare(problem, n_threads):
    return problem, LassoCV(alphas=problem.alphas, cv=split_of(problem), n_threads=n_threads)


def fit(prepared, tol):
    """The fitted model, with the paths of all folds."""
    problem, model = prepared
    return model.set_params(tol=tol).fit(problem.X, problem.y)


def solve(prepared, tol):
    model = fit(prepared, tol)
    return Choice(model.alpha_, model.coef_, model.mse_path_.mean(axis=1))
