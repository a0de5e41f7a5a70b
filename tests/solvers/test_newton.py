"""newton: pure L2 under losses that are not quadratic, by factors and by conjugate gradients."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

import softreg_fast as sf
from softreg_fast.losses import Gamma, Huber, Logistic, NegativeBinomial, Poisson, Probit, Tweedie
from softreg_fast.solvers import limits, newton


def targets(rng, X):
    """Return a target for each loss, drawn from a model of X."""
    n, eta = len(X), 0.2 + X[:, :3] @ np.array([0.6, -0.4, 0.3])
    mu = np.exp(eta)
    classes = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    return {
        Logistic(): classes,
        Probit(): classes,
        Poisson(): rng.poisson(mu).astype(float),
        Gamma(): rng.gamma(2.0, mu / 2.0) + 1e-6,
        Tweedie(power=1.5): np.where(rng.random(n) < 0.3, 0.0, mu),
        NegativeBinomial(theta=2.0): rng.poisson(mu).astype(float),
        Huber(delta=0.7): eta + rng.standard_t(2, n),
    }


LOSSES = list(targets(np.random.default_rng(0), np.zeros((2, 3))))


def certificate(loss, X, y, s, offset, fit, alpha, l2):
    """Return the distance of the gradient to 0 and the fit's objective."""
    eta = offset + fit.intercept + X @ fit.coef
    r = s * loss.residual(y, eta) / s.sum()
    objective = s @ loss.value(y, eta) / s.sum() + 0.5 * alpha * l2 @ fit.coef**2
    return np.append(X.T @ r - alpha * l2 * fit.coef, r.sum()), objective


@pytest.mark.parametrize("strategy", ["cholesky", "cg"])
@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("shape", [(60, 8), (25, 70)])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_gradient_is_zero_at_the_optimum(rng, monkeypatch, loss, shape, layout, strategy):
    monkeypatch.setattr(newton, "SPARSE_FACTOR", 10**6 if strategy == "cholesky" else 0)
    monkeypatch.setattr(limits, "LARGEST_AUTO_FACTOR", 10**6 if strategy == "cholesky" else 0)
    n, p = shape
    X = np.where(rng.random(shape) < 0.6, 0.0, rng.standard_normal(shape))
    y, s = targets(rng, X)[loss], rng.uniform(0.5, 2.0, n)
    s[:2] = 0.0
    offset, l2 = 0.1 * rng.standard_normal(n), rng.uniform(0.5, 2.0, p)
    given = sp.csc_array(X) if layout == "sparse" else X
    options = {"alpha": 0.05, "l1_ratio": 0.0, "l2_weights": l2, "loss": loss, "tol": 1e-13}
    fit = sf.solve(given, y, sample_weight=s, offset=offset, **options)
    assert fit.strategy == strategy
    assert fit.status == sf.Status.CONVERGED
    gradient, _ = certificate(loss, X, y, s, offset, fit, 0.05, l2)
    assert np.abs(gradient).max() <= 1e-6


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_gap_bounds_the_distance_from_the_optimum(rng, loss):
    X = rng.standard_normal((50, 6))
    y, s, l2 = targets(rng, X)[loss], np.ones(50), np.ones(6)
    best = sf.solve(X, y, alpha=0.1, l1_ratio=0.0, loss=loss, tol=1e-14)
    least = certificate(loss, X, y, s, 0.0, best, 0.1, l2)[1]
    for tol in (1e-1, 1e-2, 1e-4, 1e-6):
        fit = sf.solve(X, y, alpha=0.1, l1_ratio=0.0, loss=loss, tol=tol)
        above = certificate(loss, X, y, s, 0.0, fit, 0.1, l2)[1] - least
        assert above <= fit.gap + 1e-12
        assert fit.gap <= fit.tol


def test_unpenalised_and_excluded_features(rng):
    X = rng.standard_normal((80, 5))
    y = targets(rng, X)[Poisson()]
    weights = [0.0, 1.0, np.inf, 0.0, 1.0]
    options = {
        "loss": "poisson",
        "alpha": 0.3,
        "l1_ratio": 0.0,
        "l2_weights": weights,
        "tol": 1e-15,
    }
    fit = sf.solve(X, y, **options)
    assert fit.coef[2] == 0.0
    kept = [0, 1, 3, 4]
    l2 = np.array([0.0, 1.0, 0.0, 1.0])
    less = sf.solve(X[:, kept], y, **{**options, "l2_weights": l2})
    np.testing.assert_allclose(fit.coef[kept], less.coef, rtol=1e-8)
    gradient = certificate(Poisson(), X[:, kept], y, np.ones(80), 0.0, less, 0.3, l2)[0]
    assert np.abs(gradient).max() <= 1e-7


def test_separable_classes_without_a_penalty_do_not_converge(rng):
    X = rng.standard_normal((40, 2))
    y = (X[:, 0] > 0.0).astype(float)
    with pytest.warns(ConvergenceWarning):
        fit = sf.solve(X, y, loss="logistic", alpha=0.0, max_iter=15)
    assert fit.gap > fit.tol


def test_a_path_equals_single_fits(rng):
    X = rng.standard_normal((30, 50))
    y = targets(rng, X)[Logistic()]
    alphas = [1.0, 0.1, 0.01]
    path = sf.path(X, y, loss="logistic", l1_ratio=0.0, alphas=alphas, tol=1e-13)
    for k, alpha in enumerate(alphas):
        fit = sf.solve(X, y, loss="logistic", l1_ratio=0.0, alpha=alpha, tol=1e-13)
        np.testing.assert_allclose(path.coefs[:, [k]].toarray().ravel(), fit.coef, atol=1e-6)


@pytest.mark.parametrize("delta", [1.0, 0.01, 1e-4])
def test_huber_with_few_errors_inside(rng, delta):
    # the curvature is 0 nearly everywhere, at two clusters of targets everywhere
    X = rng.standard_normal((40, 5))
    clusters = np.repeat([-10.0, 10.0], 20) + 0.1 * rng.standard_normal(40)
    X[:, 0] += np.sign(clusters)
    for y in (clusters, X[:, 0] + rng.standard_t(2, 40)):
        for alpha in (0.2 * delta, 0.01 * delta):
            options = {"loss": Huber(delta), "alpha": alpha, "l1_ratio": 0.0, "tol": 1e-7}
            fit = sf.solve(X, y, **options)
            assert fit.converged
            near = sf.solve(X, y, **(options | {"l1_ratio": 1e-6}))
            assert np.abs(fit.coef - near.coef).max() <= 1e-2 * (1.0 + np.abs(fit.coef).max())


def test_expected_curvatures_do_not_oscillate():
    # steps of Newton's method at the expected curvatures of the inverse Gaussian loss go too far
    for seed in (3, 9):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((60, 10))
        y = rng.wald(np.exp(0.4 * X[:, 0]), 2.0)
        fit = sf.solve(X, y, loss="inverse_gaussian", alpha=0.1, l1_ratio=0.0, tol=1e-14)
        assert fit.strategy == "cholesky"
        assert fit.converged
