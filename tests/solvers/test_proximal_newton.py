"""Proximal Newton steps: certificates and optimality under every loss, and what may go wrong.

The objective and its lower bound are computed in long double by formulas of the tests' own
(oracles.py), from the coefficients and the dual point of the solver.
"""

import warnings

import numpy as np
import oracles
import problems
import pytest
import scipy.sparse as sp
from glm import LOSSES, alpha_max, assert_proven, each_loss, fit_with_dual, make, run_along
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from problems import INF
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Status, path, solve
from softreg_fast.losses import Huber, InverseGaussian, Tweedie
from softreg_fast.losses.classes import Binomial

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
    "positive": {"alpha": 0.05, "positive": True},
    "box": {"alpha": 0.02, "bounds": (np.full(10, -0.2), np.full(10, 0.1))},
    "box without 0": {"alpha": 0.02, "bounds": (np.full(10, 0.05), np.full(10, 0.3))},
}


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
        if not loss.smooth:  # its residual is a dual point only where nothing is met
            continue
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
    if (
        loss.smooth
    ):  # vertices of the quantile loss may have objectives that differ by less than tol
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
        started = solve(
            data.X, data.y, loss=loss, alpha=fits.alphas[k], tol=1e-11, coef_init=np.ones(60)
        )
        assert abs(started.dev_ratio - fit.dev_ratio) <= 1e-5
        if loss.smooth:
            assert_allclose(fits[k].coef, fit.coef, atol=1e-3)
            assert_allclose(started.coef, fit.coef, atol=1e-3)


@each_loss
@pytest.mark.parametrize("shape", [(40, 60), (300, 30), (2_500, 60)], ids=str)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_gaps_along_a_path_are_proven(rng, kind, shape, sparse):
    # by models made for an earlier alpha, which follow the curvature
    loss, data = LOSSES[kind], make(rng, kind, *shape, density=0.7)
    X = sp.csc_array(data.X) if sparse else np.asfortranarray(data.X)
    for more in ({}, {"sample_weight": data.s, "offset": data.offset}):
        grid = alpha_max(data, loss, **more) * np.geomspace(0.9, 0.03, 12)
        for k in (2, 7, 11):
            options = {"alpha": grid[k], **more}
            fit, theta = fit_with_dual(X, data.y, loss, before=grid[:k], tol=1e-5, **options)
            assert fit.converged
            assert_proven(kind, data.X, data.y, fit, theta, **options)


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
@pytest.mark.parametrize("p", [12, 48])
def test_threads_give_the_same_bits(rng, kind, p, sparse):
    data = make(rng, kind, n=9_000, p=p, density=0.5)
    X = sp.csc_array(data.X) if sparse else np.asfortranarray(data.X)
    first, *others = (
        path(X, data.y, loss=LOSSES[kind], n_alphas=5, eps=0.05, n_threads=n) for n in (1, 2, 3)
    )
    for other in others:
        assert_array_equal(other.coefs.toarray(), first.coefs.toarray())
        assert_array_equal(other.intercepts, first.intercepts)
        assert_array_equal(other.gaps, first.gaps)


@pytest.mark.parametrize("kind", ["logistic", "probit", "squared hinge"])
@pytest.mark.parametrize("alpha", [1e-2, 1e-4, 1e-7])
def test_separable_data_have_a_certified_fit(rng, kind, alpha):
    X = make(rng, kind).X
    side = np.where(X[:, 0] > 0, 1.0, -1.0 if kind == "squared hinge" else 0.0)
    fit, theta = fit_with_dual(X, side, LOSSES[kind], alpha=alpha)
    assert fit.converged
    problem = assert_proven(kind, X, side, fit, theta, alpha=alpha)
    assert problem.loss(fit.coef, fit.intercept) < 30 * alpha


def test_an_unpenalised_feature_of_one_class_has_a_certified_fit(rng):
    # its coefficient tends to minus infinity, and the dual point to an end of its domain
    data = make(rng, "logistic", n=200)
    X = data.X.copy()
    X[:, 0] = np.where((data.y == 0) & (rng.random(200) < 0.2), rng.random(200), 0.0)
    weights = np.ones(10)
    weights[0] = 0.0
    options = {"l1_weights": weights, "alpha": 0.2 * alpha_max(data, LOSSES["logistic"])}
    fit, theta = fit_with_dual(X, data.y, LOSSES["logistic"], tol=1e-6, **options)
    assert fit.converged
    assert fit.coef[0] < -10.0
    assert_proven("logistic", X, data.y, fit, theta, **options)


def test_the_separable_fit_of_one_feature_has_a_closed_form():
    X, y = np.repeat([[-1.0], [1.0]], 20, axis=0), np.repeat([0.0, 1.0], 20)
    for alpha in (0.4, 1e-3, 1e-5):
        fit = solve(X, y, loss="logistic", alpha=alpha, tol=1e-15)
        assert_allclose(fit.coef, np.log((1 - alpha) / alpha), rtol=1e-6)
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
    for alpha in (0.1 * unit, 1e-3 * unit):
        options = {"alpha": alpha, "tol": 1e-8}
        fit, theta = fit_with_dual(X, data.y, loss, **options)
        assert fit.converged
        assert_array_equal(fit.coef[-2:], 0.0)
        assert_proven(kind, X, data.y, fit, theta, **options)
    free = solve(X, data.y, loss=loss, alpha=0.0, tol=1e-8)
    plain = solve(data.X, data.y, loss=loss, alpha=0.0, tol=1e-8)
    assert free.converged
    assert free.dev_ratio == pytest.approx(plain.dev_ratio, abs=1e-6)


@each_loss
def test_one_feature_and_two_samples(kind):
    is_of_classes = isinstance(LOSSES[kind], Binomial)
    y = np.array(
        [-1.0, 1.0] if kind == "squared hinge" else [0.0, 1.0] if is_of_classes else [1, 3.0]
    )
    for X in (np.array([[0.0], [1.0]]), sp.csc_array([[0.0], [1.0]])):
        for alpha in (0.3, 0.01):
            fit, theta = fit_with_dual(X, y, LOSSES[kind], alpha=alpha)
            assert fit.converged
            assert_proven(kind, X, y, fit, theta, alpha=alpha)


@each_loss
def test_where_nothing_is_to_be_explained_nothing_is_fitted(rng, kind):
    loss, data = LOSSES[kind], make(rng, kind)
    same = np.full(60, 0.5 if isinstance(loss, Binomial) else 1.0)
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
    if kind not in ("huber", "squared hinge"):  # where one step may be enough
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
            fit, theta = fit_with_dual(data.X, data.y, loss, alpha=alpha, gram_memory=room, **more)
            if np.isfinite(fit.gap):
                assert_proven(kind, data.X, data.y, fit, theta, alpha=alpha, **more)
            else:
                assert fit.status == Status.NO_ROOM
            if not more:
                away = problem.objective(fit.coef, fit.intercept) - lowest
                assert away <= fit.gap + 1e-12
    with pytest.warns(ConvergenceWarning, match="than there is room for: raise gram_memory"):
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
    with warnings.catch_warnings():  # Poisson may end where no Newton step leads further
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = solve(data.X, data.y, loss=LOSSES[kind], alpha=1e-2, offset=offset)
    assert fit.converged or kind == "poisson"
    assert 0 <= fit.gap <= fit.null_loss
    assert np.isfinite(fit.coef).all()
    with np.errstate(over="ignore"):
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
    free = (fit.coef == 0) & (problem.lower < 0) & (problem.upper > 0)
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
    try:
        unit = path(X, y, loss=loss, n_alphas=1, **given).alphas[0]
    except ValueError:  # one class only, or all counts are 0, among the samples with weight
        assume(False)
    counted = X[np.asarray(options.get("sample_weight", np.ones(len(y)))) > 0]
    assume(np.ptp(counted, axis=0).any())  # otherwise there is no feature
    assume(unit > 1e-12)  # otherwise the slopes that it is made of are rounding errors
    options["alpha"] = share * unit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit, theta = fit_with_dual(X, y, loss, **options)
        tight, best = fit_with_dual(X, y, loss, tol=1e-12, **options)
    assume(fit.tol > 0.0)  # something is to be explained
    assert fit.converged
    problem = assert_proven(kind, X, y, fit, theta, **options)
    lowest = problem.bound(tight.coef, best)
    primal = problem.objective(fit.coef, fit.intercept)
    rounding = 1e-12 * (abs(primal) + fit.null_loss)
    assert primal - lowest <= fit.gap + (tight.gap if np.isfinite(tight.gap) else 0) + rounding
    assert primal - lowest <= 2e-6 * fit.null_loss + tight.gap + rounding


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_near_copies_of_a_column_need_few_epochs(seed):
    # an epoch lets a copy in, which the Newton step that follows puts out again
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 1)) + 1e-3 * rng.standard_normal((40, 20))
    y = np.exp(rng.standard_normal(40)) * rng.gamma(2.0, size=40)
    options = {"loss": "gamma", "fit_intercept": False, "offset": rng.standard_normal(40)}
    fits = path(X, y, n_alphas=20, standardize=True, eps=1e-2, **options)
    assert np.all(fits.status == 0)
    assert fits.n_epochs.max() < 50


@pytest.mark.parametrize("kind", ["logistic", "poisson", "probit"])
@pytest.mark.parametrize("layout", ["dense", "csc"])
def test_certificates_hold_all_along_a_path(rng, kind, layout):
    """Models are kept from alpha to alpha, and their errors are foreseen."""
    loss, data = LOSSES[kind], make(rng, kind, n=1500, p=50, density=0.5)
    X = LAYOUTS[layout](data.X)
    options = {"sample_weight": data.s, "offset": data.offset}
    alphas = alpha_max(data, loss) * np.geomspace(0.3, 0.01, 25)
    alphas[12:] *= 0.8  # one step is larger than the others
    for k in (3, 8, 12, 13, 18, 24):
        at = {"alpha": alphas[k], **options}
        fit, theta = fit_with_dual(X, data.y, loss, before=alphas[:k], tol=1e-6, **at)
        assert fit.converged
        assert_proven(kind, data.X, data.y, fit, theta, **at)


def test_most_alphas_of_a_path_take_one_step(rng):
    data = make(rng, "logistic", n=2000, p=60)
    loss, n_alphas = LOSSES["logistic"], 80
    alphas = alpha_max(data, loss) * np.geomspace(1.0, 0.01, n_alphas)
    run, _ = run_along(data.X, data.y, loss, alphas)
    assert np.all(run.path().status == Status.CONVERGED)
    assert run.engine._solver.n_steps <= 1.2 * n_alphas
    assert run.engine._solver.n_grams <= 0.5 * n_alphas
