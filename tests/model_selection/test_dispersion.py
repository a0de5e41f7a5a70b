"""Criteria of losses other than squared error, by scipy's densities; estimated dispersions."""

import numpy as np
import problems
import pytest
from scipy import special, stats

import softreg_fast as sf
from softreg_fast import cv_path, path

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

THETA = 1.7
DENSITIES = {
    "logistic": lambda y, mu, phi: stats.bernoulli.logpmf(y, mu),
    "probit": lambda y, mu, phi: stats.bernoulli.logpmf(y, mu),
    "poisson": lambda y, mu, phi: stats.poisson.logpmf(y, mu),
    "negative_binomial": lambda y, mu, phi: stats.nbinom.logpmf(y, THETA, THETA / (THETA + mu)),
    "gamma": lambda y, mu, phi: stats.gamma.logpdf(y, 1 / phi, scale=mu * phi),
    "inverse_gaussian": lambda y, mu, phi: stats.invgauss.logpdf(y, mu * phi, scale=1 / phi),
}
POWERS = {"gamma": 2.0, "inverse_gaussian": 3.0}


def loss_of(name):
    return sf.losses.NegativeBinomial(THETA) if name == "negative_binomial" else name


def sample(rng, name, n=80, p=5):
    X = rng.standard_normal((n, p))
    mu = np.exp(X[:, :2] @ [0.4, -0.3])
    if name in ("logistic", "probit"):
        return X, (rng.random(n) < mu / (1 + mu)).astype(float)
    if name in ("poisson", "negative_binomial"):
        return X, rng.poisson(mu).astype(float)
    return X, rng.gamma(4.0, mu / 4.0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", DENSITIES)
def test_values_by_densities(rng, name, weighted):
    X, y = sample(rng, name)
    weight = rng.integers(0, 3, 80).astype(float) if weighted else np.ones(80)
    counted = weight > 0
    n = np.count_nonzero(counted)
    options = {"loss": loss_of(name), "n_alphas": 6, "eps": 0.1, "sample_weight": weight}
    for criterion, each in (("aic", 2.0), ("bic", np.log(n))):
        found = cv_path(X, y, criterion=criterion, **options)
        phi = found.noise_variance
        assert (phi is not None) == (name in POWERS)
        mu = found.path.predict(X)
        log_likelihood = DENSITIES[name](y[:, np.newaxis], mu, phi)[counted]
        whole = n * np.average(log_likelihood, axis=0, weights=weight[counted])
        expected = -2 * whole + each * (found.path.df + 1)
        np.testing.assert_allclose(found.errors[0, :, 0], expected, rtol=1e-9)
        assert f"by {criterion}" in repr(found)


@pytest.mark.parametrize("name", POWERS)
def test_dispersion_is_that_of_pearson(rng, name):
    X, y = sample(rng, name)
    offset = 0.2 * rng.standard_normal(80)
    weight = rng.uniform(0.5, 2.0, 80)
    options = {"loss": name, "offset": offset, "sample_weight": weight}
    found = cv_path(X, y, criterion="aic", n_alphas=3, **options)
    free = sf.solve(X, y, alpha=0.0, tol=1e-12, **options)
    mu = free.predict(X, offset=offset)
    pearson = np.average((y - mu) ** 2 / mu ** POWERS[name], weights=weight) * 80 / (80 - 6)
    assert found.noise_variance == pytest.approx(pearson, rel=1e-5)
    given = cv_path(X, y, criterion="aic", n_alphas=3, noise_variance=0.3, **options)
    assert given.noise_variance == 0.3


@pytest.mark.parametrize("loss", ["gamma", sf.losses.Tweedie(1.5)], ids=str)
def test_dispersion_with_more_features_than_samples(rng, loss):
    estimates = []
    for _ in range(8):
        X = rng.standard_normal((100, 150))
        mu = np.exp(X[:, 0])
        phi = 0.25
        if loss == "gamma":
            y = rng.gamma(1 / phi, mu * phi)
        else:  # a Poisson number of Gamma variables
            rate, shape = 2 * np.sqrt(mu) / phi, 1.0
            y = rng.gamma(shape * rng.poisson(rate) + 1e-300, phi * np.sqrt(mu) / 2)
        found = cv_path(X, y, loss=loss, criterion="bic", n_alphas=10, eps=0.1)
        estimates.append(found.noise_variance)
    assert np.mean(estimates) == pytest.approx(phi, rel=0.25)


def test_a_scale_of_y_changes_no_choice(rng):
    X, y = sample(rng, "gamma")
    here = cv_path(X, y, loss="gamma", criterion="bic", n_alphas=20)
    there = cv_path(X, 100 * y, loss="gamma", criterion="bic", n_alphas=20)
    assert here.index == there.index
    assert there.noise_variance == pytest.approx(here.noise_variance, rel=1e-6)
    shift = there.errors - here.errors  # of the log density, whatever the model
    np.testing.assert_allclose(shift, 2 * 80 * np.log(100), rtol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", ["logistic", "poisson"])
def test_degrees_of_freedom_of_an_elastic_net(rng, loss, standardize):
    # sum of d mean / d y, by small changes of y that do not change the support
    X, y = sample(rng, loss, n=40)
    alpha, ratio, h = 0.05, 0.5, 1e-5
    X = X * [3.0, 1.0, 0.5, 1.0, 1.0]
    y = 0.9 * y + 0.05 if loss == "logistic" else y + 0.5
    options = {"loss": loss, "alphas": [alpha], "l1_ratio": ratio, "standardize": standardize}

    def predictors(y):
        fits = path(X, y, tol=1e-13, **options)
        return fits.predict(X, kind="link")[:, 0]

    eta = predictors(y)
    curvature = sf.losses.as_loss(loss).curvature(y, eta)
    slopes = [
        (predictors(y + h * e)[i] - predictors(y - h * e)[i]) / (2 * h)
        for i, e in enumerate(np.eye(40))
    ]
    aic, bic = (cv_path(X, y, criterion=name, **options).errors[0, 0, 0] for name in ("aic", "bic"))
    d = (bic - aic) / (np.log(40) - 2)
    assert d == pytest.approx(curvature @ slopes, rel=1e-4)


def test_losses_without_a_likelihood(rng):
    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(ValueError, match=r"needs a likelihood, and Huber\(delta=1.0\) has none"):
        cv_path(X, y, loss=sf.losses.Huber(1.0), criterion="aic")
    with pytest.raises(ValueError, match=r"needs a likelihood, and SquaredHinge\(\) has none"):
        cv_path(X, (y > 0) * 1.0, loss="squared_hinge", criterion="bic")
    with pytest.raises(ValueError, match=r"that of Poisson\(\) is known; leave it out"):
        cv_path(X, np.abs(y), loss="poisson", criterion="bic", noise_variance=1.0)


def test_survival_times_are_counted_by_events(rng):
    # Volinsky and Raftery: the size of a sample is its number of events
    X = rng.standard_normal((70, 4))
    time, event = rng.exponential(np.exp(-X[:, 0])), rng.random(70) < 0.4
    weight = rng.integers(0, 3, 70).astype(float)
    events = np.count_nonzero(event & (weight > 0))
    y, options = sf.survival(time, event), {"loss": "cox", "n_alphas": 6, "eps": 0.1}
    aic, aicc, bic = (
        cv_path(X, y, sample_weight=weight, criterion=name, **options)
        for name in ("aic", "aicc", "bic")
    )
    d = aic.path.df
    np.testing.assert_allclose((bic.errors - aic.errors)[0, :, 0], d * (np.log(events) - 2))
    expected = 2 * d * (d + 1) / (events - d - 1)
    np.testing.assert_allclose((aicc.errors - aic.errors)[0, :, 0], expected, atol=1e-9)


def soft_classes(rng, n, p):
    X = rng.standard_normal((n, p))
    eta = np.exp(X[:, :2] @ rng.standard_normal((2, 3)) + 0.3 * rng.standard_normal((n, 3)))
    return X, eta / eta.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("grouped", [False, True])
def test_degrees_of_freedom_of_classes(rng, grouped, ratio, plain):
    # sum of d mean / d y over the changes that leave shares with the sum 1, by small ones
    n, p, alpha, h = 24, 3, 0.02, 1e-5
    X, y = soft_classes(rng, n, p)
    options = {"loss": sf.losses.Multinomial(grouped), "alphas": [alpha], "l1_ratio": ratio}
    options |= {"fit_intercept": plain, "standardize": not plain}
    if not plain:
        options["sample_weight"] = rng.uniform(0.5, 2.0, n)

    def mean(y):
        return path(X, y, tol=1e-13, **options).predict(X)[:, :, 0]

    tangent = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    expected = 0.0
    for i in range(n):
        for t in tangent:
            change = np.zeros_like(y)
            change[i] = h * t
            expected += t @ (mean(y + change) - mean(y - change))[i] / (2 * h)
    options["tol"] = 1e-12
    aic, bic = (cv_path(X, y, criterion=name, **options).errors[0, 0, 0] for name in ("aic", "bic"))
    assert (bic - aic) / (np.log(n) - 2) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("grouped", [False, True])
def test_criteria_of_classes(rng, grouped):
    X, shares = soft_classes(rng, 60, 6)
    y = np.array([rng.choice(3, p=each) for each in shares])
    options = {"loss": sf.losses.Multinomial(grouped), "n_alphas": 8, "eps": 0.05}
    aic, bic, ebic = (cv_path(X, y, criterion=name, **options) for name in ("aic", "bic", "ebic"))
    d = (bic.errors - aic.errors)[0, :, 0] / (np.log(60) - 2)
    p = aic.path.predict(X, kind="proba")
    deviance = -2 * np.log(p[np.arange(60), y]).sum(axis=0)
    np.testing.assert_allclose(aic.errors[0, :, 0], deviance + 2 * d, rtol=1e-9)
    coefs = aic.path.coefs.toarray().reshape(6, -1, 3)
    chosen, of = (aic.path.df, 6) if grouped else ((coefs != 0).sum(axis=(0, 2)), 18)
    choices = 2 * np.log(special.comb(of, chosen))
    np.testing.assert_allclose((ebic.errors - bic.errors)[0, :, 0], choices, atol=1e-9)
