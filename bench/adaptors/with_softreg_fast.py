"""softreg_fast, through its public names only, so that builds can be compared.

For paths one tolerance is enough, since every alpha ends with a Newton step on its support.
"""

import math
import warnings
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import PredefinedSplit

import softreg_fast
from bench.harness.penalties import GAMMA, SHARE, A, Q
from bench.harness.problem import Choice
from bench.harness.task import DESCENT_STEPS, Solver, tolerances

LADDER = (1e-3, 1e-6)
CV_TOL = 1e-6
LOSS_LADDER = (1e-4, 1e-6)
PENALTY_LADDER = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
GROUPED = "grouped multinomial"


def prepare(problem, n_threads):
    return problem, n_threads


def _penalty(problem):
    weights = {} if problem.l1_weights is None else {"l1_weights": problem.l1_weights}
    return {"l1_ratio": problem.l1_ratio, "fit_intercept": problem.fit_intercept, **weights}


def path(prepared, tol):
    problem, n_threads = prepared
    options = {**_penalty(problem), "tol": tol, "n_threads": n_threads}
    return softreg_fast.path(problem.X, problem.y, alphas=problem.alphas, **options).coefs


def fit(prepared, tol):
    problem, n_threads = prepared
    options = {**_penalty(problem), "tol": tol, "n_threads": n_threads}
    model = softreg_fast.ElasticNet(alpha=problem.alphas[0], **options)
    return model.fit(problem.X, problem.y).coef_[:, np.newaxis]


def prepare_loss(problem, n_threads):
    if problem.loss == "cox":
        time, event = problem.y.T
        return replace(problem, y=softreg_fast.survival(time, event)), n_threads
    return problem, n_threads


def _loss_options(prepared, tol):
    problem, n_threads = prepared
    loss = (
        softreg_fast.losses.Multinomial(grouped=True) if problem.loss == GROUPED else problem.loss
    )
    return {**_penalty(problem), "tol": tol, "n_threads": n_threads, "loss": loss}


def loss_path(prepared, tol):
    problem, options = prepared[0], _loss_options(prepared, tol)
    fits = softreg_fast.path(problem.X, problem.y, alphas=problem.alphas, **options)
    return certified(fits).coefs


def certified(fits):
    """Return a path or a fit whose duality gaps meet its tolerance; raise an error for others."""
    if not fits.converged:
        raise RuntimeError("not certified")
    return fits


def loss_fit(prepared, tol):
    problem, options = prepared[0], _loss_options(prepared, tol)
    fit = softreg_fast.solve(problem.X, problem.y, alpha=problem.alphas[0], **options)
    return np.atleast_2d(certified(fit).coef).T


def loss_cv(prepared, tol):
    problem, options = prepared[0], _loss_options(prepared, tol)
    options |= {"alphas": problem.alphas, "cv": split_of(problem), "measure": problem.measure}
    found = softreg_fast.cv_path(problem.X, problem.y, **options)
    return Choice(found.alpha, found.path[found.index].coef.T, found.mean_errors[0])


def prepare_search(problem, n_threads):
    warnings.simplefilter("error", ConvergenceWarning)
    options = {**problem.search_options, "n_threads": n_threads}
    return problem, softreg_fast.LogisticRegressionCV(**options)


def search(prepared, tol):
    """Choose C; the estimator's tol is that of a gradient, with whose square the gap scales."""
    problem, model = prepared
    return Choice.of_search(problem, model.set_params(tol=math.sqrt(tol)).fit(problem.X, problem.y))


def split_of(problem):
    """Return the folds as scikit-learn takes them."""
    return PredefinedSplit(problem.fold_of)


def prepare_cv(problem, n_threads):
    options = {"cv": split_of(problem), "n_threads": n_threads}
    return problem, softreg_fast.LassoCV(alphas=problem.alphas, **options)


def fit_cv(prepared, tol):
    """Return the fitted model, with the paths of all folds."""
    problem, model = prepared
    return model.set_params(tol=tol).fit(problem.X, problem.y)


def choose(prepared, tol):
    model = fit_cv(prepared, tol)
    return Choice(model.alpha_, model.coef_, model.mse_path_.mean(axis=1))


def _omega(problem):
    penalties = softreg_fast.penalties
    return {
        "l1": lambda: penalties.L1(),
        "mcp": lambda: penalties.MCP(gamma=GAMMA),
        "scad": lambda: penalties.SCAD(a=A),
        "slope": lambda: penalties.SLOPE(weights="bh", q=Q),
        "groups": lambda: penalties.GroupLasso(groups=problem.groups),
        "logistic groups": lambda: penalties.GroupLasso(groups=problem.groups),
        "sparse groups": lambda: penalties.SparseGroupLasso(groups=problem.groups, l1_ratio=SHARE),
    }[problem.omega]()


def penalty_path(prepared, tol):
    problem, n_threads = prepared
    options = {"alphas": problem.alphas, "tol": tol, "n_threads": n_threads}
    options["loss"] = problem.loss
    fits = softreg_fast.path(problem.X, problem.y, penalty=_omega(problem), **options)
    return certified(fits).coefs


def multi_task_path(prepared, tol):
    problem, n_threads = prepared
    options = {"l1_ratio": problem.l1_ratio, "max_iter": 100_000, "n_threads": n_threads}
    options |= {"alphas": problem.alphas, "tol": tol}
    _, coefs, _ = softreg_fast.enet_path(problem.X, problem.y, **options)
    return coefs.T


def multi_task_fit(prepared, tol):
    problem, n_threads = prepared
    options = {"l1_ratio": problem.l1_ratio, "max_iter": None, "n_threads": n_threads}
    model = softreg_fast.MultiTaskElasticNet(problem.alphas[0], tol=tol, **options)
    return model.fit(problem.X, problem.y).coef_.T[np.newaxis]


def weighted_ridge(prepared, tol):
    return _solve(prepared, "cholesky", tol)


def accelerated_gradient(prepared, tol):
    return _solve(prepared, "gradient", tol)


def _solve(prepared, method, tol):
    problem, n_threads = prepared
    options = {"l2": problem.l2, "fit_intercept": False, "n_threads": n_threads}
    return softreg_fast.solve(problem.X, problem.y, solver=method, tol=tol, **options).coef


def gradient_descent(prepared, tol):
    problem, n_threads = prepared
    options = {"learning_rate": problem.learning_rate, "n_iter": DESCENT_STEPS}
    options |= {"l2": problem.l2, "n_threads": n_threads}
    return softreg_fast.gradient_descent(problem.X, problem.y, **options)


GRADIENT = "accelerated gradient"

SOLVERS = {
    "path": Solver(prepare, path, LADDER),
    "fit": Solver(prepare, fit, LADDER),
    "loss path": Solver(prepare_loss, loss_path, LOSS_LADDER),
    "loss fit": Solver(prepare_loss, loss_fit, LOSS_LADDER),
    "loss cv": Solver(prepare_loss, loss_cv, LOSS_LADDER),
    "loss search": Solver(prepare_search, search, LOSS_LADDER),
    "cv": Solver(prepare_cv, choose, (CV_TOL,)),
    "penalty path": Solver(prepare, penalty_path, PENALTY_LADDER),
    "multi-task path": Solver(prepare, multi_task_path, (1e-4, 1e-8)),
    "multi-task fit": Solver(prepare, multi_task_fit, (1e-4, 1e-8)),
    "lasso path": Solver(prepare, path, tolerances("lasso path")),
    "weighted ridge": Solver(prepare, weighted_ridge, tolerances("weighted ridge")),
    GRADIENT: Solver(prepare, accelerated_gradient, tolerances("accelerated gradient")),
    "gradient descent": Solver(prepare, gradient_descent),
}
