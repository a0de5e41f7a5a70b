"""scikit-survival's CoxnetSurvivalAnalysis, a translation of glmnet's Cox path."""

import warnings

from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

from bench.harness.task import Solver

LADDER = tuple(10.0**-k for k in range(5, 15))


def prepare(problem, n_threads):
    warnings.simplefilter("ignore")
    if problem.loss != "cox" or problem.is_sparse:
        raise NotImplementedError("survival times and dense X only")
    time, event = problem.y.T
    return problem, Surv.from_arrays(event > 0.0, time)


def path(prepared, tol):
    problem, y = prepared
    alphas, weights = problem.alphas, problem.l1_weights
    if weights is not None:
        # it scales the weights to a sum of n_features
        alphas = alphas * weights.mean()
    model = CoxnetSurvivalAnalysis(
        alphas=alphas,
        l1_ratio=problem.l1_ratio,
        penalty_factor=weights,
        tol=tol,
        max_iter=10_000_000,
    ).fit(problem.X, y)
    if model.coef_.shape[1] != len(alphas):
        raise RuntimeError(f"stopped after {model.coef_.shape[1]} of {len(alphas)} alphas")
    return model.coef_


SOLVERS = dict.fromkeys(("loss path", "loss fit"), Solver(prepare, path, LADDER))
