"""Data of several tasks, fits to them, and what makes a fit optimal."""

import numpy as np
import problems
from oracles import row_problem_of

from softreg_fast import MultiTaskElasticNet

TIGHT = {"tol": 1e-12, "max_iter": 100_000}

# parameters of MultiTaskElasticNet; alpha in units of alpha_max
PENALTIES = {
    name: problems.PENALTIES[name]
    for name in (
        "lasso",
        "weak lasso",
        "elastic net",
        "nearly ridge",
        "nearly lasso",
        "ridge",
        "weighted",
        "some unpenalised",
        "some ridge only",
        "some excluded",
    )
}


def tasks_of(rng, X, n_tasks, noise=0.5):
    """Return targets (n, n_tasks) that depend on most features."""
    W = rng.standard_normal((X.shape[1], n_tasks)) * (rng.random((X.shape[1], 1)) < 0.5)
    signal = X @ W
    noise = noise * (np.std(signal) + 0.1) * rng.standard_normal(signal.shape)
    return signal + noise + rng.standard_normal(n_tasks)


def in_units(options, X, Y, **problem):
    """Return the options of a penalty with alpha in the units of this problem."""
    largest = row_problem_of(X, Y, **problem).alpha_max()
    return {**options, "alpha": options["alpha"] * largest}


def fit(X, Y, options, sample_weight=None, **more):
    """Return an estimator with these options, tightly fitted, and the oracle's problem."""
    model = MultiTaskElasticNet(**{"l1_ratio": 1.0, **TIGHT, **options, **more})
    model.fit(X, Y, sample_weight)
    about = {"fit_intercept": model.fit_intercept, "standardize": model.standardize}
    return model, row_problem_of(X, Y, sample_weight=sample_weight, **options, **about)


def assert_optimal(model, problem, kkt=1e-9):
    """Check an estimator against an independent certificate and return that certificate."""
    W, b = model.coef_.T, model.intercept_
    found = problem.certificate(W, b)
    rounding = 1e-13 * float(max(problem.null_loss, found.primal))
    assert problem.is_feasible(W)
    assert found.gap <= 1e-12 * problem.null_loss + rounding
    assert model.dual_gap_ >= 0.0
    assert model.dual_gap_ <= 1e-12 * 2 * problem.null_loss + rounding
    assert np.max(found.kkt) <= kkt
    return found
