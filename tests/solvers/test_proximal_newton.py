"""Proximal Newton steps: certificates, optimality and invariances under every loss.

The objective and its lower bound are computed in long double by formulas of the tests' own
(oracles.py), from the coefficients and the dual point of the solver.
"""

import warnings
from typing import NamedTuple

import numpy as np
import oracles
import problems
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from problems import INF
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor, TweedieRegressor

from softreg_fast import Status, losses, path, solve
from softreg_fast.data.given import as_design
from softreg_fast.losses import Gamma, Huber, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from softreg_fast.paths.path import PathRun
from softreg_fast.penalties.vectors import Penalty
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
}
NOT_CONVEX = [InverseGaussian(), Tweedie(2.5)]

LAYOUTS = {
    "dense": np.asfortranarray,
    "csc": sp.csc_array,
    "csc int64": lambda X: problems.int64_indices(sp.csc_array(X)),
    "float32": lambda X: np.asfortranarray(X, np.float32),
    "csc float32": lambda X: sp.csc_array(X.astype(np.float32)),
    "rows": np.ascontiguousarray,
}

# In units of the largest alpha that matters.
PENALTIES = {
    "lasso": {"alpha": 0.1},
    "weak": {"alpha": 1e-3},
    "elastic net": {"alpha": 0.1, "l1_ratio": 0.5},
    "weighted": {
        "alpha": 0.1,
        "l1_weights": np.array([0, 0, 1, 2, INF, 0.5, 1, 1, 1, 1]),
    },
    "ridge in part": {
        "alpha": 0.1,
        "l1_ratio": 0.6,
        "l1_weights": np.array([0, 1, 1, 2, 0, 0.5, 1, 1, 1, 1]),
        "l2_weights": np.array([1, 1, 0, 2, 0, 0.5, INF, 1, 1, 1]),
    },
    "ridge": {"alpha": 0.1, "l1_ratio": 0.0},
    "positive": {"alpha": 0.05, "positive": True},
    "box": {"alpha": 0.02, "bounds": (np.full(10, -0.2), np.full(10, 0.1))},
    "box without 0": {"alpha": 0.02, "bounds": (np.full(10, 0.05), np.full(10, 0.3))},
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
        "huber": eta + rng.standard_t(2, size=n),
        "squared hinge": sign,
        "gamma": rng.gamma(2.0, np.exp(eta) / 2) + 1e-3,
    }.get(kind, rng.poisson(np.exp(eta)) * 1.0)
    if not np.any(y):
        y[0] = 1.0
    return Data(X, y, problems.sample_weights(rng, n), 0.4 * rng.standard_normal(n))


def alpha_max(data, loss, **options):
    """Return the largest alpha that matters without weights of features."""
    return path(data.X, data.y, loss=loss, n_alphas=1, **options).alphas[0]


def fit_with_dual(X, y, loss, *, alpha, tol=1e-6, max_iter=100_000, gram_memory=2**30, **options):
    """Return the Solution, and the dual point without weights."""
    names = ("l1_ratio", "l1_weights", "l2_weights", "positive", "bounds")
    penalty = Penalty(1.0, **{name: options.pop(name) for name in names if name in options})
    order = ("sample_weight", "fit_intercept", "standardize", "n_threads")
    given = [options.pop(name, None) for name in order]
    design = as_design(X, y, *given, loss, options.pop("offset", None))
    assert not options
    problem = Problem(design, penalty, Options("auto", "auto", tol, max_iter, gram_memory))
    run = PathRun(problem, np.array([alpha]))
    assert isinstance(run.engine, ProximalNewtonEngine)
    run.advance(1)
    s = np.ones(len(y)) if design.weight is None else design.weight
    v = run.engine.dual_point
    return run.path()[0], np.divide(v, s, out=np.zeros(len(y)), where=s > 0)


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


@each_loss
@pytest.mark.parametrize("name", PENALTIES)
def test_the_gap_is_that_of_the_dual_point(rng, kind, name):
    loss, data = LOSSES[kind], make(rng, kind)
    unit = alpha_max(data, loss)
    for more in (
        {},
        {"sample_weight": data.s},
        {"offset": data.offset, "standardize": True},
        {"fit_intercept": False},
        {"sample_weight": data.s, "offset": data.offset},
    ):
        options = PENALTIES[name] | {"alpha": unit * PENALTIES[name]["alpha"]} | more
        for tol in (1e-6, 1e-10):
            fit, theta = fit_with_dual(data.X, data.y, loss, tol=tol, **options)
            assert fit.converged
            assert fit.strategy == "working set"
            problem = assert_proven(kind, data.X, data.y, fit, theta, **options)
        assert problem.kkt(fit.coef, fit.intercept).max() <= 1e-4
        if problem.intercept:
            residual = problem.residual(fit.coef, fit.intercept)
            assert abs(problem.s @ residual) <= 1e-4 * problem.s.sum() * fit.null_loss**0.5


@each_loss
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_every_layout_gives_the_same(rng, kind, layout, weighted):
    loss, data = LOSSES[kind], make(rng, kind, n=50, p=30, density=0.3)
    options = {"loss": loss, "n_alphas": 15, "eps": 0.02, "tol": 1e-11}
    if weighted:
        options |= {"sample_weight": data.s, "offset": data.offset}
    expected = path(data.X, data.y, **options)
    found = path(LAYOUTS[layout](data.X), data.y, **options)
    assert expected.converged
    assert found.converged
    assert_allclose(found.alphas, expected.alphas, rtol=1e-12)
    assert_allclose(found.coefs.toarray(), expected.coefs.toarray(), atol=2e-4)
    assert_allclose(found.dev_ratio, expected.dev_ratio, atol=1e-5)
    given = {key: options[key] for key in ("sample_weight", "offset") if weighted}
    for k in (5, 14):
        one = {"alpha": found.alphas[k], **given}
        fit, theta = fit_with_dual(LAYOUTS[layout](data.X), data.y, loss, **one)
        assert_proven(kind, data.X, data.y, fit, theta, **one)


@each_loss
def test_a_path_is_its_single_fits(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind, n=40, p=60)
    fits = path(data.X, data.y, loss=loss, n_alphas=12, eps=0.03, tol=1e-11)
    assert fits.converged
    assert fits.df[0] == 0
    for k in (1, 6, 11):
        fit = solve(data.X, data.y, loss=loss, alpha=fits.alphas[k], tol=1e-11)
        assert abs(fit.dev_ratio - fits.dev_ratio[k]) <= 1e-5
        assert_allclose(fits[k].coef, fit.coef, atol=1e-3)
        started = solve(
            data.X, data.y, loss=loss, alpha=fits.alphas[k], tol=1e-11, coef_init=np.ones(60)
        )
        assert_allclose(started.coef, fit.coef, atol=1e-3)


@each_loss
def test_starting_coefficients_do_not_spoil_the_certificate(rng, kind):
    # features that the start does not have, and starts far from the solution
    loss, data = LOSSES[kind], make(rng, kind)
    alpha = 0.05 * alpha_max(data, loss)
    expected = solve(data.X, data.y, loss=loss, alpha=alpha, tol=1e-11)
    for start in (np.eye(10)[9], 0.5 * np.ones(10), 3.0 * rng.standard_normal(10)):
        found = solve(data.X, data.y, loss=loss, alpha=alpha, tol=1e-11, coef_init=start)
        assert found.converged
        assert_allclose(found.coef, expected.coef, atol=1e-4)


@each_loss
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_threads_give_the_same_bits(rng, kind, sparse):
    data = make(rng, kind, n=9_000, p=12, density=0.5)
    X = sp.csc_array(data.X) if sparse else np.asfortranarray(data.X)
    first, *others = (
        path(X, data.y, loss=LOSSES[kind], n_alphas=5, eps=0.05, n_threads=n) for n in (1, 2, 3)
    )
    for other in others:
        assert_array_equal(other.coefs.toarray(), first.coefs.toarray())
        assert_array_equal(other.intercepts, first.intercepts)
        assert_array_equal(other.gaps, first.gaps)


TIGHT = {"tol": 1e-12, "n_alphas": 8, "eps": 0.02}


def assert_same(found, expected, atol=1e-4):
    """Assert that two paths have the same models."""
    assert_allclose(found.alphas, expected.alphas, rtol=1e-9)
    assert_allclose(found.coefs.toarray(), expected.coefs.toarray(), atol=atol)
    assert_allclose(found.intercepts, expected.intercepts, atol=atol)


@each_loss
def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row(rng, kind):
    X, y, _, offset = make(rng, kind)
    times = np.append([1, 1, 2, 0], rng.integers(0, 3, len(y) - 4))
    rows = np.repeat(np.arange(len(y)), times)
    weighted = path(X, y, loss=LOSSES[kind], sample_weight=times, offset=offset, **TIGHT)
    repeated = path(X[rows], y[rows], loss=LOSSES[kind], offset=offset[rows], **TIGHT)
    assert_same(weighted, repeated)


@each_loss
def test_a_constant_offset_is_absorbed(rng, kind):
    X, y, *_ = make(rng, kind)
    plain = path(X, y, loss=LOSSES[kind], **TIGHT)
    moved = path(X, y, loss=LOSSES[kind], offset=np.full(len(y), 0.7), **TIGHT)
    assert_allclose(moved.intercepts + 0.7, plain.intercepts, atol=1e-4)
    assert_allclose(moved.coefs.toarray(), plain.coefs.toarray(), atol=1e-4)


def test_exposure_is_an_offset_or_a_weight(rng):
    X, y, *_ = make(rng, "poisson")
    exposure = rng.uniform(0.5, 3.0, len(y))
    rate = path(X, y / exposure, loss="poisson", sample_weight=exposure, **TIGHT)
    alphas = rate.alphas * exposure.mean()
    count = path(X, y, loss="poisson", offset=np.log(exposure), alphas=alphas, tol=1e-12)
    assert_allclose(count.coefs.toarray(), rate.coefs.toarray(), atol=1e-5)
    assert_allclose(count.intercepts, rate.intercepts, atol=1e-5)


@pytest.mark.parametrize("kind", ["logistic", "probit", "squared hinge"])
def test_classes_exchanged_are_mirrored(rng, kind):
    X, y, *_ = make(rng, kind)
    other = -y if kind == "squared hinge" else 1.0 - y
    first, second = (path(X, each, loss=LOSSES[kind], **TIGHT) for each in (y, other))
    assert_allclose(second.coefs.toarray(), -first.coefs.toarray(), atol=1e-5)
    assert_allclose(second.intercepts, -first.intercepts, atol=1e-5)


@pytest.mark.parametrize(
    ("near", "limit", "kind", "atol"),
    [
        (Tweedie(1.0), Poisson(), "poisson", 0.0),
        (Tweedie(2.0), Gamma(), "gamma", 0.0),
        (Tweedie(1.0 + 1e-6), Poisson(), "tweedie", 1e-4),
        (NegativeBinomial(1e8), Poisson(), "poisson", 1e-4),
        (Huber(1e6), losses.SQUARED, "huber", 1e-5),
    ],
    ids=repr,
)
def test_limits_are_other_losses(rng, near, limit, kind, atol):
    X, y, *_ = make(rng, kind)
    found, expected = (path(X, y, loss=loss, **TIGHT) for loss in (near, limit))
    assert_same(found, expected, atol) if atol else assert_array_equal(found.gaps, expected.gaps)
    assert_allclose(found.coefs.toarray(), expected.coefs.toarray(), atol=atol)


def test_scikit_learn_finds_the_same_without_l1(rng):
    strict = {"tol": 1e-10, "max_iter": 10_000}
    X, y, s, _ = make(rng, "logistic")
    theirs = LogisticRegression(C=1 / (0.05 * s.sum()), **strict).fit(X, y, s)
    ours = solve(
        X, y, loss="logistic", alpha=0.05, l1_ratio=0.0, sample_weight=s, standardize=False, tol=1e-13
    )
    assert_allclose(ours.coef, theirs.coef_[0], atol=1e-5)
    assert_allclose(ours.intercept, theirs.intercept_[0], atol=1e-5)
    for kind, model, loss in (
        ("poisson", PoissonRegressor(alpha=0.05, **strict), "poisson"),
        ("tweedie", TweedieRegressor(alpha=0.05, power=1.5, link="log", **strict), Tweedie(1.5)),
        ("gamma", TweedieRegressor(alpha=0.05, power=2, link="log", **strict), "gamma"),
        (
            "gamma",
            TweedieRegressor(alpha=0.05, power=3, link="log", **strict),
            "inverse_gaussian",
        ),
    ):
        X, y, s, _ = make(rng, kind)
        theirs = model.fit(X, y, s)
        ours = solve(X, y, loss=loss, alpha=0.05, l1_ratio=0.0, sample_weight=s, tol=1e-13)
        assert_allclose(ours.coef, theirs.coef_, atol=1e-4)


@pytest.mark.parametrize("kind", ["logistic", "probit", "squared hinge"])
@pytest.mark.parametrize("alpha", [1e-2, 1e-4, 1e-7])
def test_separable_data_have_a_certified_fit(rng, kind, alpha):
    X, y, *_ = make(rng, kind)
    side = np.where(X[:, 0] > 0, 1.0, -1.0 if kind == "squared hinge" else 0.0)
    fit, theta = fit_with_dual(X, side, LOSSES[kind], alpha=alpha)
    assert fit.converged
    problem = assert_proven(kind, X, side, fit, theta, alpha=alpha)
    assert problem.loss(fit.coef, fit.intercept) < 30 * alpha


def test_the_separable_fit_of_one_feature_has_a_closed_form():
    X, y = np.repeat([[-1.0], [1.0]], 20, axis=0), np.repeat([0.0, 1.0], 20)
    for alpha in (0.4, 1e-3, 1e-5):
        fit = solve(X, y, loss="logistic", alpha=alpha, tol=1e-15)
        assert_allclose(fit.coef, np.log((1 - alpha) / alpha), rtol=1e-7)
        assert abs(fit.intercept) < 1e-8
        assert_allclose(fit.predict([[1.0]]), 1 - alpha, rtol=1e-9)
        # 1/S sum (1 - w)^2 + alpha w
        hinge = solve(X, y, loss="squared_hinge", alpha=alpha)
        assert_allclose(hinge.coef, 1 - alpha / 2, rtol=1e-12)


@each_loss
def test_copies_and_constants_among_the_columns(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind)
    X = np.column_stack([data.X, data.X[:, :4], -2.0 * data.X[:, 1], np.ones((60, 2))])
    X[:, -1] = 0.0
    unit = alpha_max(data, loss)
    for alpha in (0.1 * unit, 1e-3 * unit, 0.0):
        options = {"alpha": alpha, "tol": 1e-8}
        fit, theta = fit_with_dual(X, data.y, loss, **options)
        assert fit.converged
        plain = solve(data.X, data.y, loss=loss, **options)
        assert abs(fit.dev_ratio - plain.dev_ratio) <= 0.1
        assert_array_equal(fit.coef[-2:], 0.0)
        if alpha:
            assert_proven(kind, X, data.y, fit, theta, **options)


@each_loss
def test_one_feature_and_two_samples(kind):
    y = {"logistic": [0.0, 1.0], "probit": [0.0, 1.0], "squared hinge": [-1.0, 1.0]}
    y = np.array(y.get(kind, [1.0, 3.0]))
    for X in (np.array([[0.0], [1.0]]), sp.csc_array([[0.0], [1.0]])):
        for alpha in (0.3, 0.01):
            fit, theta = fit_with_dual(X, y, LOSSES[kind], alpha=alpha)
            assert fit.converged
            assert_proven(kind, X, y, fit, theta, alpha=alpha)


@each_loss
def test_where_nothing_is_to_be_explained_nothing_is_fitted(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind)
    same = np.full(60, 0.5 if kind in ("logistic", "probit") else 1.0)
    for X, y in ((data.X, same), (np.zeros((60, 3)), data.y)):
        for alpha in (0.1, 0.0):
            fit = solve(X, y, loss=loss, alpha=alpha)
            assert fit.converged
            assert fit.df == 0
            assert 0 <= fit.gap <= 1e-15
            assert fit.intercept == pytest.approx(float(loss.null(loss.check(y), None)))
    assert path(data.X, same, loss=loss, n_alphas=4).converged


@each_loss
def test_few_iterations_are_told(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind)
    alpha = 0.01 * alpha_max(data, loss)
    with pytest.warns(ConvergenceWarning, match="max_iter, now 1"):
        solve(data.X, data.y, loss=loss, alpha=alpha, max_iter=1, tol=1e-12)
    best = solve(data.X, data.y, loss=loss, alpha=alpha, tol=1e-12)
    problem = oracles.loss_problem_of(data.X, data.y, kind, alpha=alpha)
    lowest = problem.objective(best.coef, best.intercept)
    for max_iter in (1, 2, 4):
        fit, theta = fit_with_dual(data.X, data.y, loss, alpha=alpha, max_iter=max_iter, tol=1e-14)
        assert fit.status in (Status.MAX_ITER, Status.CONVERGED, Status.STALLED)
        if np.isfinite(fit.gap):
            assert_proven(kind, data.X, data.y, fit, theta, alpha=alpha)
        assert problem.objective(fit.coef, fit.intercept) - lowest <= fit.gap + 1e-12


@each_loss
def test_too_little_memory_for_the_slots_leaves_an_honest_gap(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind)
    alpha = 0.01 * alpha_max(data, loss)
    best = solve(data.X, data.y, loss=loss, alpha=alpha, tol=1e-12)
    problem = oracles.loss_problem_of(data.X, data.y, kind, alpha=alpha)
    lowest = problem.objective(best.coef, best.intercept)
    for room in (60.0, 200.0, 500.0):
        for more in ({}, {"l1_weights": np.append(0.0, np.ones(9))}):
            fit, theta = fit_with_dual(
                data.X, data.y, loss, alpha=alpha, gram_memory=room, **more
            )
            if np.isfinite(fit.gap):
                assert_proven(kind, data.X, data.y, fit, theta, alpha=alpha, **more)
            else:
                assert fit.status == Status.STALLED
            if not more:
                away = problem.objective(fit.coef, fit.intercept) - lowest
                assert away <= fit.gap + 1e-12
    with pytest.warns(ConvergenceWarning):
        solve(data.X, data.y, loss=loss, alpha=alpha, gram_memory=60.0)


@each_loss
def test_a_tolerance_out_of_reach_ends_soon(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind)
    alpha = 0.05 * alpha_max(data, loss)
    with pytest.warns(ConvergenceWarning, match="Float64 allows no further progress"):
        fit = solve(data.X, data.y, loss=loss, alpha=alpha, tol=0.0)
    assert fit.n_epochs < 1000
    assert fit.relative_gap < 1e-12


@pytest.mark.parametrize("delta", [1.0, 0.01, 1e-4])
def test_huber_with_few_errors_inside(rng, delta):
    # the curvature is 0 nearly everywhere, at two clusters of targets everywhere
    X = rng.standard_normal((40, 5))
    clusters = np.repeat([-10.0, 10.0], 20) + 0.1 * rng.standard_normal(40)
    X[:, 0] += np.sign(clusters)
    for y in (clusters, X[:, 0] + rng.standard_t(2, size=40)):
        for alpha in (0.2 * delta, 0.01 * delta):
            fit = solve(X, y, loss=Huber(delta), alpha=alpha)
            assert fit.converged
    far = solve(X, y, loss=Huber(delta), alpha=alpha, offset=np.repeat([0.0, 30.0], 20))
    assert far.converged


@pytest.mark.parametrize("kind", ["logistic", "poisson", "gamma", "negative binomial", "probit"])
def test_offsets_far_apart(rng, kind):
    # probabilities and means that underflow
    data = make(rng, kind)
    offset = np.repeat([0.0, 1e3], 30)
    fit = solve(data.X, data.y, loss=LOSSES[kind], alpha=1e-2, offset=offset)
    assert fit.converged
    assert np.isfinite(fit.coef).all()
    assert not np.isnan(fit.predict(data.X, offset=offset)).any()


def test_callbacks_see_gaps_and_end_the_path(rng):
    data = make(rng, "poisson")
    steps = []

    def stop_at_three(step):
        steps.append(step)
        return step.df >= 3

    fits = path(data.X, data.y, loss="poisson", callback=stop_at_three)
    assert len(fits) == len(steps) < 100
    assert fits.df[-1] >= 3 > fits.df[-2]
    for step, fit in zip(steps, fits, strict=True):
        assert (step.df, step.gap, step.tol) == (fit.df, fit.gap, fit.tol)
        assert step.dev_ratio == pytest.approx(fit.dev_ratio)


@pytest.mark.parametrize("loss", NOT_CONVEX, ids=repr)
@pytest.mark.parametrize("name", ["lasso", "elastic net", "weighted", "box", "positive"])
def test_losses_that_are_not_convex_end_at_stationary_points(rng, loss, name):
    data = make(rng, "gamma")
    given = {"alpha": PENALTIES[name]["alpha"] * alpha_max(data, loss), "sample_weight": data.s}
    options = PENALTIES[name] | given
    fit = solve(data.X, data.y, loss=loss, tol=1e-12, **options)
    assert fit.converged
    problem = oracles.problem_of(data.X, data.y, **options)
    eta = data.X @ fit.coef + fit.intercept
    z = (data.s * loss.residual(data.y, eta)) @ data.X / data.s.sum() - problem.l2 * fit.coef
    inside = (fit.coef != 0) & (problem.lower < fit.coef) & (fit.coef < problem.upper)
    edge = problem.l1 * np.sign(fit.coef)
    assert_allclose(np.where(inside, z - edge, 0).astype(float), 0.0, atol=1e-5)
    free = (fit.coef == 0) & (problem.lower < 0) & (0 < problem.upper)
    assert np.all(np.abs(z[free]) <= problem.l1[free] + 1e-5)
    assert abs(data.s @ loss.residual(data.y, eta)) <= 1e-4


@st.composite
def drawn(draw):
    """Return the name of a loss, small integers as features, targets, and options of solve."""
    kind = draw(st.sampled_from(sorted(LOSSES)))
    n, p = draw(st.integers(3, 12)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.integers(-2, 3, (n, p)) * 1.0
    if draw(st.booleans()):
        X[:, -1] = X[:, 0]
    y = make(rng, kind, n, p).y
    if kind == "gamma":
        y = np.round(y, 1) + 0.1
    options = {"l1_ratio": draw(st.sampled_from([1.0, 1.0, 0.5, 0.01]))}
    if draw(st.booleans()):
        options["sample_weight"] = np.append([1.0, 1.0], rng.integers(0, 3, n - 2))
    if draw(st.booleans()):
        options["offset"] = rng.integers(-1, 2, n) * 0.5
    if draw(st.booleans()):
        options["positive"] = True
    options["fit_intercept"] = draw(st.booleans())
    share = draw(st.sampled_from([0.9, 0.3, 0.03, 1e-3]))
    return kind, X, y, share, options


@settings(max_examples=150)
@given(drawn())
def test_certificates_hold_for_small_problems(case):
    kind, X, y, share, options = case
    loss = LOSSES[kind]
    given = {k: v for k, v in options.items() if k in ("sample_weight", "offset", "fit_intercept")}
    if kind == "poisson" and not np.any(y * options.get("sample_weight", 1.0)):
        return
    try:
        unit = path(X, y, loss=loss, n_alphas=1, **given).alphas[0]
    except ValueError as error:  # all counts of positive weight are 0
        assert "best intercept" in str(error)
        return
    options["alpha"] = share * unit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit, theta = fit_with_dual(X, y, loss, **options)
        tight, best = fit_with_dual(X, y, loss, tol=1e-12, **options)
    assert fit.converged or fit.tol == 0.0
    if fit.tol == 0.0:
        return
    problem = assert_proven(kind, X, y, fit, theta, **options)
    lowest = problem.bound(tight.coef, best)
    primal = problem.objective(fit.coef, fit.intercept)
    rounding = 1e-12 * (abs(primal) + fit.null_loss)
    assert primal - lowest <= fit.gap + (tight.gap if np.isfinite(tight.gap) else 0) + rounding
    assert primal - lowest <= 2e-6 * fit.null_loss + tight.gap + rounding
