"""Pure L2 problems with more features than samples: the same fits as in all features, cheaply."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf
from softreg_fast import path, solve
from softreg_fast.data.given import as_design
from softreg_fast.losses import Cox, Multinomial, Quantile, as_loss
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.choice import SOLVERS, chosen_by_auto
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.solvers.rotated import n_penalised

N, P = 24, 60

LOSSES = {
    "cox": Cox(),
    "efron": Cox("efron"),
    "quantile": Quantile(0.7),
    "multinomial": Multinomial(),
    "grouped": Multinomial(grouped=True),
}
INNER = {"efron": "cox", "quantile": "interior point", "grouped": "grouped multinomial"}
EVERY = pytest.mark.parametrize("name", LOSSES)


def sample(rng, name, n=N, p=P):
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 2.0, p) + rng.standard_normal(p)
    eta = X[:, 0] - X[:, 1]
    if name in ("cox", "efron"):
        time = np.ceil(4.0 * rng.exponential(np.exp(-0.5 * eta)))
        return X, sf.survival(time, rng.random(n) < 0.7, strata=rng.integers(0, 2, n))
    if name == "quantile":
        return X, eta + rng.standard_normal(n)
    return X, np.digitize(eta + rng.standard_normal(n), [-0.7, 0.7])


def problem_of(X, y, loss, l2=None, **options):
    names = ("sample_weight", "fit_intercept", "standardize", "n_threads")
    given = [options.pop(name, None) for name in names]
    design = as_design(X, y, *given, loss, options.pop("offset", None))
    return Problem(design, Penalty(1.0, l1_ratio=0.0, l2_weights=l2), Options(tol=1e-11))


def objective(problem, alpha, engine):
    """Return the engine's objective of its coefficients."""
    square = problem.scaled.l2 @ np.square(np.atleast_2d(engine.coef)).T
    return 0.5 * engine.residual_sumsq + 0.5 * alpha * square.sum()


def assert_close(here, there):
    assert_allclose(here, there, atol=1e-3 * np.abs(there).max())


def both(problem, name, alpha, tol=1e-11):
    """Return the problem solved by the rotation, and by the solver for the loss in all features."""
    assert chosen_by_auto(problem) == "rotated"
    found = []
    for solver in ("rotated", INNER.get(name, name)):
        engine = SOLVERS[solver].make(problem, 1)
        engine.keep(engine.solve(0.0, alpha, tol, 10_000))
        found.append(engine)
    return found


@EVERY
@pytest.mark.parametrize("alpha", [3.0, 0.1])
@pytest.mark.parametrize("kind", ["plain", "all at once", "sparse", "float32"])
def test_fits_are_those_in_all_features(rng, name, alpha, kind):
    X, y = sample(rng, name)
    options, l2 = {}, None
    if kind == "all at once":
        l2 = rng.uniform(0.5, 2.0, P)
        l2[:2], l2[2:4] = 0.0, np.inf  # without a penalty, and left out
        X[:, 5] = 7.0
        weight = rng.uniform(0.5, 2.0, N)
        weight[3] = 0.0
        options = {"sample_weight": weight, "standardize": True}
        shape = (N, 3) if "multi" in name or name == "grouped" else N
        options["offset"] = 0.3 * rng.standard_normal(shape)
    elif kind == "sparse":
        X = sp.csc_array(np.where(np.abs(X) > 1.0, X, 0.0))
    elif kind == "float32":
        X = X.astype(np.float32)
    problem = problem_of(X, y, LOSSES[name], l2, **options)
    ours, other = both(problem, name, alpha)
    assert ours.gap <= 1e-11 * problem.target.null_deviance
    assert other.gap <= 1e-8 * problem.target.null_deviance
    here, there = (objective(problem, alpha, engine) for engine in (ours, other))
    assert abs(here - there) <= ours.gap + max(other.gap, 0.0) + 1e-12 * there
    if l2 is not None:
        assert not ours.coef[..., [2, 3, 5]].any()
    fits, rest = ours.kept(), other.kept()
    assert_array_equal(fits.features, rest.features)
    # features without a penalty may nearly separate the classes
    free = np.isin(fits.features, [0, 1] if l2 is not None else [])
    assert_close(fits.values[~free], rest.values[~free])
    if free.any():
        farthest = np.abs(rest.values[free]).max()
        assert_allclose(fits.values[free], rest.values[free], atol=1e-2 * farthest)
    close = 1e-3 if l2 is None else 1e-2
    assert_allclose(fits.intercepts, rest.intercepts, rtol=close, atol=2.0 * close)


@EVERY
def test_the_gap_bounds_the_distance_from_the_minimum(rng, name):
    # for loose fits, too: it is computed with the coefficients and the columns of all features
    X, y = sample(rng, name)
    problem = problem_of(X, y, LOSSES[name])
    least = objective(problem, 0.5, both(problem, name, 0.5)[0])
    for tol in (1e-1, 1e-2, 1e-4):
        engine = SOLVERS["rotated"].make(problem, 1)
        engine.solve(0.0, 0.5, tol, 10_000)
        above = objective(problem, 0.5, engine) - least
        assert -1e-9 * least <= above <= engine.gap + 1e-9 * least
        assert engine.gap <= tol * problem.target.null_deviance


@EVERY
def test_paths_and_predictions(rng, name):
    X, y = sample(rng, name)
    fits = path(X, y, loss=LOSSES[name], l1_ratio=0.0, n_alphas=8, tol=1e-9)
    assert fits.converged
    assert fits.strategy == "rotated"
    assert fits.df.tolist() == [P] * 8
    for k in (0, 7):
        alone = solve(X, y, loss=LOSSES[name], l1_ratio=0.0, alpha=fits.alphas[k], tol=1e-9)
        assert_close(fits[k].predict(X, kind="link"), alone.predict(X, kind="link"))
        assert fits[k].dev_ratio == pytest.approx(alone.dev_ratio, abs=1e-6)
    if fits.intercepts.ndim > 1:
        assert_allclose(fits.intercepts.sum(axis=1), 0.0, atol=1e-12)
        shares, eta = np.eye(3)[y], fits.predict(X, kind="link")
        for k in range(8):
            deviance = as_loss(LOSSES[name]).deviance(shares, eta[..., k]).mean()
            assert fits.dev_ratio[k] == pytest.approx(1 - deviance / (2 * fits.null_loss))


@EVERY
def test_a_start_near_the_end_takes_fewer_epochs(rng, name):
    X, y = sample(rng, name)
    options = {"loss": LOSSES[name], "l1_ratio": 0.0, "alpha": 0.3, "tol": 1e-8}
    fit = solve(X, y, **options)
    again = solve(X, y, coef_init=fit.coef, **options)
    assert again.converged
    assert again.n_epochs <= fit.n_epochs
    assert_close(again.predict(X, kind="link"), fit.predict(X, kind="link"))


def test_who_is_rotated(rng):
    for name, loss in LOSSES.items():
        X, y = sample(rng, name)
        assert chosen_by_auto(problem_of(X, y, loss)) == "rotated"
        few = np.where(np.arange(P) < N, 1.0, np.inf)
        assert n_penalised(problem_of(X, y, loss, few)) == N
        assert chosen_by_auto(problem_of(X, y, loss, few)) != "rotated"
        for penalty in (Penalty(l1_ratio=0.5), Penalty(l1_ratio=0.0, positive=True)):
            problem = Problem(problem_of(X, y, loss).design, penalty)
            assert chosen_by_auto(problem) != "rotated"
    X, y = sample(rng, "quantile")
    assert chosen_by_auto(problem_of(X, y, as_loss("squared"))) == "cholesky"
    assert chosen_by_auto(problem_of(X, y, sf.losses.Huber(1.0))) == "newton"


@EVERY
def test_many_features_take_little_memory(rng, name):
    # a matrix with a row and a column for each would take 3 GiB
    X, y = sample(rng, name, 50, 20_000)
    fit = solve(X, y, loss=LOSSES[name], l1_ratio=0.0, alpha=1.0)
    assert fit.converged
    assert fit.df == 20_000


@EVERY
def test_nothing_to_explain(rng, name):
    X, y = sample(rng, name)
    if name == "quantile":
        fit = solve(X, np.ones(N), loss=LOSSES[name], l1_ratio=0.0, alpha=1.0)
    else:
        fit = solve(np.ones((N, P)), y, loss=LOSSES[name], l1_ratio=0.0, alpha=1.0)
    assert fit.converged
    assert not fit.coef.any()
