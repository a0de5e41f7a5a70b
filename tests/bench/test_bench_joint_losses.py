"""Tests of the benchmarks' judge under Cox's and the multinomial loss, and of packages for them."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize

from bench.adaptors import solver_of
from bench.families.losses import FAMILIES, numbers, simulated_times
from bench.harness.bounds import JointBounds, bounds_of
from bench.harness.joint_losses import JOINT, fitted
from bench.harness.judge import largest_alpha
from bench.harness.problem import Choice, Problem
from bench.losses import judge_of
from bench.reports import losses as pages

P = 8
PENALTIES = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.5},
    "weights": {"l1_weights": np.linspace(0.5, 2.0, P)},
    "some free": {"l1_weights": np.where(np.arange(P) < 2, 0.0, 1.0)},
}
EACH = [(loss, penalty) for loss in JOINT for penalty in PENALTIES]


def target(loss, eta, rng):
    if loss == "cox":
        time = np.ceil(4.0 * rng.exponential(np.exp(-eta)))  # with ties
        return np.column_stack([time, rng.random(len(eta)) < 0.7]) * 1.0
    scores = np.column_stack([eta, -eta, 0.5 * eta]) + rng.gumbel(size=(len(eta), 3))
    return np.argmax(scores, axis=1) * 1.0


def small_problem(loss, penalty="lasso", n_alphas=5, n=70):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((n, P)) + 0.5)
    y = target(loss, X[:, :3] @ [1.0, -1.0, 0.5], rng)
    bare = Problem(X, y, loss=loss, fit_intercept=loss != "cox", **PENALTIES[penalty])
    return replace(bare, alphas=largest_alpha(bare) * np.geomspace(0.9, 0.05, n_alphas))


def risk_sets(y):
    """Yield (event, those at risk) of every event."""
    for i in np.flatnonzero(y[:, 1]):
        yield i, np.flatnonzero(y[:, 0] >= y[i, 0])


def plain_value(loss, y, eta):
    """Return the loss written in the plainest way."""
    if loss == "cox":
        terms = (np.log(np.exp(eta[risk, 0]).sum()) - eta[i, 0] for i, risk in risk_sets(y))
        return sum(terms) / len(y)
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(y)), y.astype(int)]))


def plain_entropy(loss, y, eta, k):
    """Return the mean entropy of the moved distributions, written in the plainest way."""
    total = 0.0
    if loss == "cox":
        for i, risk in risk_sets(y):
            u = k * np.exp(eta[risk, 0]) / np.exp(eta[risk, 0]).sum() + (1.0 - k) * (risk == i)
            total -= np.sum(u[u > 0.0] * np.log(u[u > 0.0]))
        return total / len(y)
    for y_i, eta_i in zip(y, eta, strict=True):
        u = k * np.exp(eta_i) / np.exp(eta_i).sum() + (1.0 - k) * (np.arange(3) == y_i)
        total -= np.sum(u[u > 0.0] * np.log(u[u > 0.0]))
    return total / len(y)


def sizes(loss, B):
    return np.linalg.norm(B, axis=1) if loss.startswith("grouped") else np.abs(B).sum(axis=1)


def objective(problem, alpha, B, b):
    """Return the objective at coefficients and intercepts."""
    c = np.ones(P) if problem.l1_weights is None else problem.l1_weights
    ridge = 0.5 * (1.0 - problem.l1_ratio) * np.sum(B * B)
    penalty = alpha * (problem.l1_ratio * c @ sizes(problem.loss, B) + ridge)
    return plain_value(problem.loss, problem.y, problem.X @ B + b) + penalty


def optimum(problem, alpha, B):
    """Return the smallest objective found by a general method near a point."""
    K = problem.n_outputs
    # with positive and negative parts; a length has a slope but at 0, where parts stay
    moving = B != 0.0
    if problem.l1_weights is not None:
        moving |= (problem.l1_weights == 0.0)[:, None]

    def at(v):
        full = np.zeros((P, K))
        full[moving] = v[K:]
        return objective(problem, alpha, full, v[:K])

    start = np.concatenate([np.zeros(K), B[moving]])
    best = minimize(at, start, method="BFGS", options={"gtol": 1e-9})
    return min(best.fun, minimize(at, best.x, method="Powell", options={"ftol": 1e-14}).fun)


def ours(problem, tol=1e-11):
    solver = solver_of("ours", "loss path")
    return sp.csc_matrix(solver.solve(solver.prepare(problem, 1), tol))


# ---------------------------------------------------------------------------------------------
# Formulas


@pytest.mark.parametrize("name", JOINT)
def test_formulas_are_those_of_the_definition(name):
    given, rng = small_problem(name), np.random.default_rng(1)
    loss = JOINT[name](given.y)
    eta = rng.standard_normal((loss.n, loss.n_outputs))
    assert loss.value(eta) == pytest.approx(plain_value(name, given.y, eta), rel=1e-12)
    for k in (0.0, 0.3, 1.0):
        exact = plain_entropy(name, given.y, eta, k)
        assert loss.entropy(eta, k) == pytest.approx(exact, abs=1e-13)


@pytest.mark.parametrize("name", JOINT)
def test_residual_and_hessian_are_derivatives(name):
    given, rng = small_problem(name), np.random.default_rng(2)
    loss, step = JOINT[name](given.y), 1e-5
    eta = rng.standard_normal((loss.n, loss.n_outputs))
    columns = given.X[:, :4]
    active = rng.random((4, loss.n_outputs)) < 0.7
    active[0] = True
    hessian = loss.hessian(eta, columns, active)
    places = [(j, c) for c in range(loss.n_outputs) for j in np.flatnonzero(active[:, c])]
    assert hessian.shape == (len(places), len(places))
    for number, (j, c) in enumerate(places):
        move = np.zeros_like(eta)
        move[:, c] = step * columns[:, j]
        above, below = eta + move, eta - move
        slope = (loss.value(above) - loss.value(below)) / (2.0 * step)
        r = loss.residual(eta)[:, c]
        assert slope == pytest.approx(-columns[:, j] @ r / loss.n, abs=1e-8)
        change = (loss.residual(below) - loss.residual(above)) / (2.0 * step)
        exact = (columns.T @ change / loss.n).T[active.T]
        assert np.allclose(hessian[number], exact, atol=1e-8)


def test_the_loss_has_its_infimum_where_all_fail_at_once():
    y = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 0.0]])
    loss = JOINT["cox"](y)
    eta = np.array([[80.0], [80.0], [40.0], [0.0]])
    assert loss.value(eta) == pytest.approx(loss.saturated, abs=1e-12)


@pytest.mark.parametrize("name", JOINT)
def test_intercepts_and_free_columns_are_optimal(name):
    given = small_problem(name)
    loss = JOINT[name](given.y)
    eta = given.X[:, 2:3] * np.ones(loss.n_outputs)
    r = loss.residual(fitted(loss, eta, given.X[:, :2]))
    assert np.abs(r.sum(axis=0)).max() < 1e-11
    assert np.abs(given.X[:, :2].T @ r).max() < 1e-10


# ---------------------------------------------------------------------------------------------
# The judge


@pytest.mark.parametrize(("loss", "penalty"), EACH)
def test_suboptimality_is_the_distance_from_the_optimum(loss, penalty):
    given = small_problem(loss, penalty)
    bounds, K = bounds_of(given), given.n_outputs
    W = ours(given).toarray()
    assert bounds.gap(W) < 1e-9
    for k, alpha in enumerate(given.alphas[1:3], start=1):
        best = optimum(given, alpha, W[:, k * K : (k + 1) * K])
        # never above the optimum, and close to it
        assert bounds.lower[k] <= best + 1e-10
        assert bounds.lower[k] == pytest.approx(best, abs=1e-7)
    # an answer that is wrong at one alpha
    wrong, at = W.copy(), slice(3 * K, 4 * K)
    wrong[:, at] *= 1.05
    loss_there = JOINT[loss](given.y)
    free = given.l1_weights is not None and not given.l1_weights.all()
    if not free:
        eta = fitted(loss_there, given.X @ wrong[:, at], np.empty((len(given.y), 0)))
        b = (eta - given.X @ wrong[:, at])[0]
        exact = objective(given, given.alphas[3], wrong[:, at], b) - bounds.lower[3]
        assert bounds.gap(wrong) == pytest.approx(exact / bounds.null_deviance, rel=1e-3)
    assert bounds.gap(wrong) > 1e-6


@pytest.mark.parametrize("loss", JOINT)
def test_wrong_answers_are_refused_even_if_they_come_first(loss):
    given = small_problem(loss)
    right = ours(given).toarray()
    other = np.roll(right, given.n_outputs, axis=1)
    for wrong in (np.zeros_like(right), -right, other, right + 0.01, 1.03 * right):
        bounds = bounds_of(given)
        assert bounds.gap(wrong) > pages.TARGET
        assert bounds.gap(right) < pages.TARGET
        assert bounds.gap(wrong) > pages.TARGET


@pytest.mark.parametrize("penalty", ["lasso", "some free"])
@pytest.mark.parametrize("loss", JOINT)
def test_predictors_without_the_best_intercepts_bound_nothing(loss, penalty):
    given = small_problem(loss, penalty)
    bounds = bounds_of(given)
    bounds.gap(ours(given))
    best = bounds.lower.copy()
    eta = np.random.default_rng(1).standard_normal((bounds.loss.n, bounds.loss.n_outputs))
    for k in range(len(given.alphas)):
        bounds.learn(k, 100.0 * eta)
        bounds.learn(k, np.zeros_like(eta))
    assert np.all(bounds.lower >= best)
    assert np.allclose(bounds.lower, best, atol=1e-9)


def test_two_classes_are_the_logistic_loss():
    given = small_problem("multinomial")
    y = (given.y > 0.0) * 1.0
    alone = replace(given, y=y, loss="logistic")
    alone = replace(alone, alphas=largest_alpha(alone) * np.geomspace(0.9, 0.05, 5))
    pair = replace(alone, loss="multinomial")
    assert largest_alpha(pair) == pytest.approx(largest_alpha(alone))
    one, two = bounds_of(alone), bounds_of(pair)
    W = ours(alone).toarray()
    assert one.gap(W) < 1e-9
    halves = np.stack([-0.5 * W, 0.5 * W], axis=2).reshape(P, -1)
    assert two.gap(halves) < 1e-9
    assert np.allclose(one.lower, two.lower, atol=1e-9)
    assert one.null_deviance == pytest.approx(two.null_deviance)


@pytest.mark.parametrize("loss", JOINT)
def test_alpha_max_is_where_the_first_coefficient_enters(loss):
    given = small_problem(loss)
    alphas = largest_alpha(given) * np.array([1.001, 0.99])
    none, some = np.split(ours(replace(given, alphas=alphas)).toarray(), 2, axis=1)
    assert not none.any()
    assert some.any()


def test_a_sparse_matrix_is_judged_as_a_dense_one():
    given = small_problem("multinomial")
    sparse = replace(given, X=sp.csc_matrix(given.X))
    W = ours(given)
    bounds = bounds_of(sparse)
    assert isinstance(bounds, JointBounds)
    assert bounds.gap(W) < 1e-9
    assert bounds.gap(1.05 * W) > 1e-6


# ---------------------------------------------------------------------------------------------
# Packages


@pytest.mark.parametrize("loss", JOINT)
def test_single_fits_and_choices_are_judged_as_paths_are(loss):
    given = small_problem(loss, n=120)
    one = replace(given, alphas=given.alphas[2:3])
    solver = solver_of("ours", "loss fit")
    assert bounds_of(one).gap(solver.solve(solver.prepare(one, 1), 1e-10)) < 1e-9
    folded = replace(given, n_folds=4)
    solver, judged = solver_of("ours", "loss cv"), judge_of(folded)
    choice = solver.solve(solver.prepare(folded, 1), 1e-10)
    assert judged(folded, choice) < 1e-9
    assert judged(folded, choice._replace(coef=1.1 * choice.coef)) > 1e-6


def test_choices_by_areas_differ_from_those_by_the_deviance():
    rng = np.random.default_rng(3)
    X = np.asfortranarray(rng.standard_normal((150, P)))
    y = (rng.random(150) < 1.0 / (1.0 + np.exp(-X[:, 0]))) * 1.0
    given = Problem(X, y, loss="logistic", n_folds=5, measure="auc")
    given = replace(given, alphas=largest_alpha(given) * np.geomspace(0.9, 0.05, 6))
    solver = solver_of("ours", "loss cv")
    errors = solver.solve(solver.prepare(given, 1), 1e-8).errors
    assert np.all((errors < -0.5) & (errors > -1.0))


def test_saga_solves_the_multinomial_problem():
    given = small_problem("multinomial")
    solver = solver_of("sklearn", "loss path, saga")
    found = solver.solve(solver.prepare(given, 1), 1e-8)
    bounds = bounds_of(given)
    bounds.gap(ours(given))
    assert bounds.gap(found) < 1e-6
    with pytest.raises(NotImplementedError, match="classes only"):
        solver.prepare(small_problem("cox"), 1)
    with pytest.raises(NotImplementedError, match="two classes only"):
        solver_of("sklearn", "loss path, liblinear").prepare(given, 1)


def test_choices_hold_a_column_for_every_class():
    coefs = np.arange(24.0).reshape(4, 6)
    choice = Choice.of(np.array([3.0, 2.0, 1.0]), sp.csc_matrix(coefs), np.array([2.0, 1.0, 3.0]))
    assert choice.alpha == 2.0
    assert np.array_equal(choice.coef, coefs[:, 2:4])
    assert Choice.of(np.array([1.0]), coefs[:, :1], np.ones(1)).coef.shape == (4,)


def test_rivals_solve_the_losses_they_have():
    assert pages.able("rglmnet", "path", "cox")
    assert pages.able("sksurv", "fit", "cox")
    assert not pages.able("sksurv", "path", "logistic")
    assert not pages.able("adelie", "path", "multinomial")
    assert not pages.able("adelie", "cv", "logistic")


# ---------------------------------------------------------------------------------------------
# Families


def test_families_of_survival_times_and_classes():
    kinds = {family.name: family.kind for family in FAMILIES}
    assert kinds["CoxExample"] == "Cox"
    assert kinds["glmnet_Multinomial, grouped"] == "grouped multinomial"
    assert numbers(np.array([3, 1, 7, 1])).tolist() == [1, 0, 2, 0]
    made = simulated_times(n=60, p=20)
    time, event = made.y.T
    assert time.min() > 0.0
    assert 0.3 < event.mean() < 0.7
