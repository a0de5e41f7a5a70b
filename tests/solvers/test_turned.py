"""Tikhonov's penalty under losses that are not quadratic: stationarity, and ridge it reduces to."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

import softreg_fast as sf
from softreg_fast.data.given import as_design
from softreg_fast.losses import Huber, Quantile, as_loss
from softreg_fast.penalties import Tikhonov, difference_matrix
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.substitution import restored, substituted_start

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

N, P = 80, 9
FORMS = {
    "root": {"root": difference_matrix(P, 2)},
    "matrix": {"matrix": np.diag(np.arange(P) + 0.0)},
    "sparse": {"matrix": sp.csr_array(np.eye(P) + np.diag(np.full(P - 1, 0.4), 1)
               + np.diag(np.full(P - 1, 0.4), -1))},
}  # fmt: skip


def target(rng, X, loss):
    """Return a target that depends on some neighbouring columns."""
    z = X[:, 3] + X[:, 4]
    if loss == "logistic":
        return 1.0 * (z + rng.logistic(size=N) > 0.0)
    if loss == "poisson":
        return 1.0 * rng.poisson(np.exp(0.5 * z))
    if loss == "multinomial":
        return rng.integers(0, 3, N)
    if loss == "cox":
        return sf.survival(rng.exponential(np.exp(-0.5 * z)), rng.random(N) < 0.8)
    return z + rng.standard_normal(N)


@pytest.mark.parametrize("loss", ["logistic", "poisson", Huber(1.0)], ids=str)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_array], ids=["dense", "sparse"])
def test_every_alpha_is_stationary(rng, loss, form, standardize, layout):
    X = rng.standard_normal((N, P)) * np.exp(0.5 * rng.standard_normal(P))
    y, s, offset = target(rng, X, loss), rng.random(N), 0.1 * rng.standard_normal(N)
    penalty = Tikhonov(strength=2.0, **FORMS[form])
    fits = sf.path(
        layout(X), y, loss=loss, penalty=penalty, n_alphas=8, tol=1e-14, sample_weight=s,
        offset=offset, standardize=standardize,
    )  # fmt: skip
    assert fits.converged
    assert fits.penalty_kind == "tikhonov"
    s /= s.sum()
    mean = s @ X
    deviation = np.sqrt(s @ np.square(X - mean)) if standardize else np.ones(P)
    kind = as_loss(loss)
    for fit in fits:
        r = kind.residual(y, X @ fit.coef + fit.intercept + offset)
        assert abs(s @ r) <= 1e-5
        left = penalty.violation(
            fit.coef * deviation, -X.T @ (s * r) / deviation, scale=fit.alpha
        )  # fmt: skip
        assert left.max() <= 1e-5


@pytest.mark.parametrize("loss", ["logistic", "multinomial", "cox", Quantile(0.3)], ids=str)
def test_a_diagonal_is_ridge(rng, loss):
    X = rng.standard_normal((N, P))
    y, weights = target(rng, X, loss), rng.random(P)
    weights[0] = 0.0
    common = {"loss": loss, "alpha": 0.3, "tol": 1e-12}
    fit = sf.solve(X, y, penalty=Tikhonov(matrix=np.diag(weights)), **common)
    ridge = sf.solve(X, y, l1_ratio=0.0, l2_weights=weights, **common)
    assert_allclose(fit.coef, ridge.coef, atol=2e-5)
    assert_allclose(fit.predict(X), ridge.predict(X), atol=1e-4)
    assert fit.df == np.count_nonzero(fit.coef)


def test_straight_lines_are_not_penalised(rng):
    X = rng.standard_normal((N, P))
    y = target(rng, X, "logistic")
    penalty = Tikhonov(root=difference_matrix(P, 2))
    fit = sf.solve(X, y, loss="logistic", penalty=penalty, alpha=1e9, tol=1e-12)
    line = np.column_stack([np.ones(P), np.arange(P)])
    free = sf.solve(X @ line, y, loss="logistic", alpha=0.0, tol=1e-12)
    assert_allclose(fit.coef, line @ free.coef, atol=1e-5)


def test_everything_around_a_path(rng):
    X = rng.standard_normal((N, P))
    y = target(rng, X, "logistic")
    options = {"loss": "logistic", "penalty": Tikhonov(root=difference_matrix(P)), "n_alphas": 6}
    found = sf.cv_path(X, y, measure="auc", cv=4, **options)
    assert found.path.converged
    for criterion in ("aic", "bic"):
        chosen = sf.cv_path(X, y, criterion=criterion, **options)
        ridge = sf.cv_path(X, y, criterion=criterion, loss="logistic", l1_ratio=0.0, n_alphas=6)
        assert chosen.path.converged
        assert np.isfinite(ridge.mean_errors).all()
    steps = []
    sf.path(X, y, callback=steps.append, **options)
    assert [step.df for step in steps] == [P] * 6


def test_degrees_of_freedom_are_those_of_ridge(rng):
    X = rng.standard_normal((N, P))
    y = target(rng, X, "logistic")
    weights = 0.5 + rng.random(P)
    alphas = np.geomspace(10.0, 1e-3, 5)
    common = {"loss": "logistic", "criterion": "aic", "alphas": alphas, "tol": 1e-13}
    found = sf.cv_path(X, y, penalty=Tikhonov(matrix=np.diag(weights)), **common)
    ridge = sf.cv_path(X, y, l1_ratio=0.0, l2_weights=weights, **common)
    assert_allclose(
        found.mean_errors, ridge.mean_errors.reshape(found.mean_errors.shape), rtol=1e-7
    )


def test_starts_are_those_of_the_features(rng):
    X = rng.standard_normal((N, P))
    y = target(rng, X, "poisson")
    for options in ({}, {"standardize": True}):
        design = as_design(X, y, None, None, options.get("standardize"), None, "poisson", None)
        penalty = penalty_for(Tikhonov(root=difference_matrix(P)), Penalty())
        problem, start = Problem(design, penalty), rng.standard_normal(P)
        assert_allclose(restored(problem, substituted_start(problem, start)), start, atol=1e-10)


def test_misfits(rng):
    X = rng.standard_normal((N, P))
    y = target(rng, X, "logistic")
    with pytest.raises(ValueError, match="The matrix of Tikhonov is for 4 weights"):
        sf.path(X, y, loss="logistic", penalty=Tikhonov(matrix=np.eye(4)))
    with pytest.raises(ValueError, match="up to 5000 are fitted"):
        sf.solve(
            np.zeros((3, 5001)) + rng.standard_normal((3, 1)), [0.0, 1.0, 1.0], loss="logistic",
            penalty=Tikhonov(root=sp.eye_array(5001)), alpha=1.0,
        )  # fmt: skip
