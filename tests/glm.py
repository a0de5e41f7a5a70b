"""Data for losses that are not quadratic, and fits that come with their dual point."""

from typing import NamedTuple

import numpy as np
import oracles
import problems
import pytest

from softreg_fast import losses, path
from softreg_fast.data.given import as_design
from softreg_fast.losses import Gamma, Huber, NegativeBinomial, Poisson, Quantile, Tweedie
from softreg_fast.paths.path import PathRun
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.interior_point import InteriorPointEngine
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.solvers.proximal_newton import ProximalNewtonEngine

LOSSES = {
    "logistic": losses.Logistic(),
    "poisson": Poisson(),
    "gamma": Gamma(),
    "tweedie": Tweedie(1.5),
    "negative binomial": NegativeBinomial(2.0),
    "probit": losses.Probit(),
    "huber": Huber(1.35),
    "squared hinge": losses.SquaredHinge(),
    "quantile": Quantile(0.3),
    "cloglog": losses.CLogLog(),
}

each_loss = pytest.mark.parametrize("kind", LOSSES)


class Data(NamedTuple):
    """Features, targets, sample weights with zeros, offset."""

    X: np.ndarray
    y: np.ndarray
    s: np.ndarray
    offset: np.ndarray


def make(rng, kind, n=60, p=10, density=1.0):
    """Return data of which a few features explain the target."""
    X = rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((n, 1))
    X *= rng.random((n, p)) < density
    X = X.astype(np.float32).astype(np.float64)  # the same numbers in single precision
    eta = X[:, : min(p, 3)] @ np.array([0.8, -0.6, 0.4])[: min(p, 3)]
    sign = np.where(eta + rng.logistic(size=n) > 0, 1.0, -1.0)
    sign[:2] = 1.0, -1.0  # both classes are there, with weight
    shares = np.where(rng.random(n) < 0.3, rng.random(n), (1 + sign) / 2)
    y = {
        "logistic": (1 + sign) / 2,
        "probit": shares,
        "cloglog": shares,
        "huber": eta + rng.standard_t(2, size=n),
        "quantile": eta + rng.standard_t(2, size=n),
        "squared hinge": sign,
        "gamma": rng.gamma(2.0, np.exp(eta) / 2) + 1e-3,
    }.get(kind, rng.poisson(np.exp(eta)) * 1.0)
    if not np.any(y):
        y[0] = 1.0
    return Data(X, y, problems.sample_weights(rng, n), 0.4 * rng.standard_normal(n))


def alpha_max(data, loss, **options):
    """Return the largest alpha that matters without weights of features."""
    return path(data.X, data.y, loss=loss, n_alphas=1, **options).alphas[0]


def run_along(X, y, loss, alphas, tol=1e-6, max_iter=100_000, gram_memory=2**30, **options):
    """Return the run of a path through its last alpha, and its Design."""
    names = ("l1_ratio", "l1_weights", "l2_weights", "positive", "bounds")
    penalty = Penalty(1.0, **{name: options.pop(name) for name in names if name in options})
    order = ("sample_weight", "fit_intercept", "standardize", "n_threads")
    given = [options.pop(name, None) for name in order]
    design = as_design(X, y, *given, loss, options.pop("offset", None))
    assert not options
    problem = Problem(design, penalty, Options("auto", "auto", tol, max_iter, gram_memory))
    run = PathRun(problem, np.array(alphas))
    assert isinstance(run.engine, ProximalNewtonEngine | InteriorPointEngine)
    run.advance(len(alphas))
    return run, design


def fit_with_dual(X, y, loss, *, alpha, before=(), **options):
    """Return the Solution, at the end of a path of the alphas before, and its dual point without
    weights."""
    run, design = run_along(X, y, loss, [*before, alpha], **options)
    s = np.ones(len(y)) if design.weight is None else design.weight
    v = run.engine.dual_point
    theta = np.divide(v, s, out=np.zeros(len(y)), where=s > 0)
    if isinstance(design.described_target.loss, losses.Logistic):
        # a dual point may end beyond its domain by rounding
        inside = np.clip(theta, np.asarray(y) - 1.0, y)
        assert np.all(np.abs(theta - inside) <= 1e-13)
        theta = inside
    return run.path()[-1], theta


def assert_proven(kind, X, y, fit, theta, **options):
    """Check the gap of a fit against primal and dual value; return the oracle's problem."""
    options.pop("tol", None)
    problem = oracles.loss_problem_of(X, y, kind, **options)
    primal = problem.objective(fit.coef, fit.intercept)
    rounding = 1e-12 * (abs(primal) + fit.null_loss)
    assert np.isfinite(fit.coef).all()
    assert problem.is_feasible(fit.coef)
    assert primal - problem.bound(fit.coef, theta) <= fit.gap * (1 + 1e-6) + rounding
    assert fit.gap <= fit.tol if fit.converged else fit.gap > fit.tol
    assert fit.tol > 0
    return problem
