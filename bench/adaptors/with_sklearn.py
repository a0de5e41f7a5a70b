"""scikit-learn: enet_path on centred data, as its LassoCV calls it, and its estimators.

In cross-validation its BLAS has all threads, whatever the number of jobs.
"""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.linear_model import (
    ElasticNet,
    LassoCV,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    Ridge,
    enet_path,
)
from sklearn.model_selection import PredefinedSplit

from bench.harness.problem import Choice
from bench.harness.task import Solver, tolerances

LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def prepare(problem, n_threads):
    warnings.simplefilter("ignore")
    problem.need_no_weights()
    return problem


def path(problem, tol):
    X, y = problem.X, problem.y
    options = {"l1_ratio": problem.l1_ratio, "alphas": problem.alphas}
    options |= {"tol": tol, "max_iter": 100_000}
    if not problem.fit_intercept:
        return enet_path(X, y, **options)[1]
    means = np.asarray(X.mean(axis=0)).ravel()
    if problem.is_sparse:
        options |= {"X_offset": means, "X_scale": np.ones(X.shape[1]), "check_input": False}
        return enet_path(X, y - y.mean(), precompute=False, **options)[1]
    precompute = X.shape[0] > X.shape[1]
    return enet_path(X - means, y - y.mean(), precompute=precompute, **options)[1]


def fit(problem, tol):
    options = {"l1_ratio": problem.l1_ratio, "tol": tol, "max_iter": 100_000}
    model = ElasticNet(alpha=problem.alphas[0], **options).fit(problem.X, problem.y)
    return model.coef_[:, np.newaxis]


def prepare_logistic(problem, n_threads):
    if problem.loss not in ("logistic", "multinomial"):
        raise NotImplementedError("classes only")
    return prepare(problem, n_threads)


def prepare_liblinear(problem, n_threads):
    if problem.l1_ratio != 1.0:
        raise NotImplementedError("no elastic net")
    if problem.n_outputs > 1:
        raise NotImplementedError("two classes only")
    return prepare_logistic(problem, n_threads)


def intercept_scaling(problem):
    """Return a scale at which liblinear hardly penalises the intercept: far above the entries."""
    return 100.0 * float(abs(problem.X).max())


def liblinear(problem, tol):
    scaling = intercept_scaling(problem)
    model = LogisticRegression(solver="liblinear", intercept_scaling=scaling, random_state=0)
    return _logistic(problem, model.set_params(l1_ratio=1.0, tol=tol, max_iter=10_000))


def saga(problem, tol):
    model = LogisticRegression(solver="saga", warm_start=True, random_state=0)
    return _logistic(problem, model.set_params(l1_ratio=problem.l1_ratio, tol=tol, max_iter=10_000))


def _logistic(problem, model):
    parts, n = [], problem.shape[0]
    for alpha in problem.alphas:
        parts.append(model.set_params(C=1.0 / (n * alpha)).fit(problem.X, problem.y).coef_.T)
    return np.hstack(parts)


def prepare_search(problem, n_threads, solver):
    problem = prepare_logistic(problem, n_threads)
    X = problem.X.tocsr() if problem.is_sparse else np.ascontiguousarray(problem.X)
    options = {"solver": solver, "max_iter": 10_000, "random_state": 0}
    options["intercept_scaling"] = intercept_scaling(problem)
    return replace(problem, X=X), options


def search(prepared, tol):
    """Choose C by the same call as ours; liblinear's refit forgets intercept_scaling, and is done
    apart."""
    problem, options = prepared
    X, y, apart = problem.X, problem.y, options["solver"] == "liblinear"
    model = LogisticRegressionCV(**problem.search_options, **options, tol=tol, refit=not apart)
    choice = Choice.of_search(problem, model.fit(X, y))
    if not apart:
        return choice
    C = 1.0 / (len(y) * choice.alpha)
    final = LogisticRegression(C=C, l1_ratio=problem.l1_ratio, tol=tol, **options).fit(X, y)
    return choice._replace(coef=final.coef_[0])


def prepare_cv(problem, n_threads, n_jobs=1):
    warnings.simplefilter("ignore")
    split = PredefinedSplit(problem.fold_of)
    return problem, LassoCV(alphas=problem.alphas, cv=split, n_jobs=n_jobs)


def prepare_cv_jobs(problem, n_threads):
    return prepare_cv(problem, n_threads, n_jobs=n_threads)


def choose(prepared, tol):
    problem, model = prepared
    model.set_params(tol=tol).fit(problem.X, problem.y)
    return Choice(model.alpha_, model.coef_, model.mse_path_.mean(axis=1))


def multi_task_path(problem, tol):
    options = {"l1_ratio": problem.l1_ratio, "tol": tol, "max_iter": 100_000}
    return enet_path(problem.X, problem.y, alphas=problem.alphas, **options)[1].T


def multi_task_fit(problem, tol):
    options = {"l1_ratio": problem.l1_ratio, "tol": tol, "max_iter": 100_000}
    model = MultiTaskElasticNet(problem.alphas[0], **options).fit(problem.X, problem.y)
    return model.coef_.T[np.newaxis]


def weighted_ridge(problem, tol):
    """Solve with columns divided by sqrt(l2), which is part of the work, and one strength."""
    root = np.sqrt(problem.l2)
    options = {"fit_intercept": False, "solver": "cholesky", "copy_X": False}
    model = Ridge(alpha=problem.shape[0], **options)
    return model.fit(problem.X / root, problem.y).coef_ / root


SOLVERS = {
    "path": Solver(prepare, path, LADDER),
    "fit": Solver(prepare, fit, LADDER),
    "cv": Solver(prepare_cv, choose, (1e-4,)),
    "cv, jobs": Solver(prepare_cv_jobs, choose, (1e-4,)),
    **dict.fromkeys(
        ("loss path, liblinear", "loss fit, liblinear"),
        Solver(prepare_liblinear, liblinear, LADDER[:7]),
    ),
    **dict.fromkeys(
        ("loss path, saga", "loss fit, saga"), Solver(prepare_logistic, saga, LADDER[:7])
    ),
    **{
        f"loss search, {name}": Solver(partial(prepare_search, solver=name), search, LADDER[:7])
        for name in ("liblinear", "saga")
    },
    "multi-task path": Solver(prepare, multi_task_path, (1e-4, 1e-8)),
    "multi-task fit": Solver(prepare, multi_task_fit, (1e-4, 1e-8)),
    "lasso path": Solver(prepare, path, tolerances("lasso path")),
    "weighted ridge": Solver(prepare, weighted_ridge),
}
