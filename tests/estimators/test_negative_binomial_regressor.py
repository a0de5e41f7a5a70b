"""NegativeBinomialRegressor with theta estimated: the joint minimum over theta and coefficients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import gammaln
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import NegativeBinomialRegressor, PoissonRegressor, cv_path

N, P, THETA = 300, 3, 1.7


@pytest.fixture
def data(rng):
    X, offset = rng.standard_normal((N, P)), 0.3 * rng.standard_normal(N)
    mean = np.exp(0.5 + 0.5 * X[:, 0] + offset)
    return X, rng.negative_binomial(THETA, THETA / (THETA + mean)) * 1.0, rng.random(N), offset


@pytest.mark.parametrize("alpha", [0.0, 0.05])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_minimum_of_both(data, alpha, weighted):
    X, y, s, offset = data
    s, o = (s, offset) if weighted else (np.ones(N), np.zeros(N))

    def objective(point):
        b, *w, log_theta = point
        theta, mean = np.exp(log_theta), np.exp(b + X @ w + o)
        each = gammaln(y + theta) - gammaln(theta) - gammaln(y + 1)
        each += theta * np.log(theta / (theta + mean)) + y * np.log(mean / (theta + mean))
        return -s @ each / s.sum() + alpha / 2 * np.square(w).sum()

    best = minimize(objective, np.zeros(P + 2), options={"gtol": 1e-8}).x
    model = NegativeBinomialRegressor(theta="profile", alpha=alpha, tol=1e-7)
    model.fit(X, y, s if weighted else None, offset if weighted else None)
    assert_allclose(model.theta_, np.exp(best[-1]), rtol=1e-4)
    assert_allclose(model.coef_, best[1:-1], atol=1e-5)
    assert_allclose(model.intercept_, best[0], atol=1e-5)
    assert model.loss_.theta == model.theta_


def test_the_numbers_of_glm_nb():
    # theta of MASS::glm.nb(y ~ x); the means are those of the groups
    y = np.array([0, 0, 0, 3, 0, 0, 3, 2, 1, 2, 2, 0, 0, 7, 1, 12.0])
    X = (np.arange(16) % 2)[:, np.newaxis] * 1.0
    model = NegativeBinomialRegressor(theta="profile", alpha=0.0, tol=1e-8).fit(X, y)
    assert_allclose(model.theta_, 0.7499447373172309, rtol=1e-6)
    assert_allclose(model.predict(X[:2]), [y[::2].mean(), y[1::2].mean()], rtol=1e-6)


def test_counts_that_vary_no_more_than_poissons(rng):
    X, y = rng.standard_normal((N, P)), rng.binomial(10, 0.5, N) * 1.0
    with pytest.warns(ConvergenceWarning, match="the best theta is infinite; 5.*e.06 stands for"):
        model = NegativeBinomialRegressor(theta="profile", alpha=0.01).fit(X, y)
    poisson = PoissonRegressor(alpha=0.01).fit(X, y)
    assert_allclose(model.coef_, poisson.coef_, atol=1e-4)


def test_theta_of_a_fit_serves_a_search(data):
    X, y, _, _ = data
    model = NegativeBinomialRegressor(theta="profile", alpha=0.01).fit(X, y)
    assert cv_path(X, y, loss=model.loss_, alphas=[0.1]).path.loss == model.loss_
    assert NegativeBinomialRegressor(theta=2.0).fit(X, y).theta_ == 2.0
    with pytest.raises(ValueError, match="theta must be a number > 0, got 'ml'; to estimate"):
        NegativeBinomialRegressor(theta="ml").fit(X, y)
