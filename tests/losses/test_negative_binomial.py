"""The theta of largest likelihood, against the likelihood itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from softreg_fast.losses import NegativeBinomial
from softreg_fast.losses.negative_binomial import best_theta, largest_theta


def log_likelihood(theta, y, eta, weight):
    """Return the weighted sum of log densities, written out."""
    mean = np.exp(eta)
    each = gammaln(y + theta) - gammaln(theta) - gammaln(y + 1)
    each += theta * np.log(theta / (theta + mean)) + y * np.log(mean / (theta + mean))
    return np.sum(weight * each)


@pytest.mark.parametrize("theta", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_is_largest(rng, theta, weighted):
    eta = rng.standard_normal(3000) + 1.0
    y = rng.negative_binomial(theta, theta / (theta + np.exp(eta))) * 1.0
    weight = rng.random(3000) if weighted else np.ones(3000)
    weight /= weight.mean()
    found = best_theta(y, eta, weight if weighted else None)
    best = minimize_scalar(
        lambda x: -log_likelihood(np.exp(x), y, eta, weight),
        bracket=(np.log(theta) - 1, np.log(theta) + 1),
        options={"xtol": 1e-12},
    )
    assert_allclose(found, np.exp(best.x), rtol=1e-5)
    step = 1e-4
    sides = [log_likelihood(found * k, y, eta, weight) for k in (1 - step, 1 + step)]
    assert_allclose(*sides, rtol=1e-9)  # no slope


def test_counts_like_poissons_have_no_theta(rng):
    y = rng.binomial(10, 0.5, 200) * 1.0
    assert best_theta(y, np.full(200, np.log(y.mean())), None) == np.inf
    assert largest_theta(y, None) > 1e6
    assert 0.0 < best_theta(np.zeros(3), np.zeros(3), None) < 1e-15


def test_text_for_theta_points_to_the_estimator():
    with pytest.raises(ValueError, match=r"NegativeBinomialRegressor.theta='profile'. and take"):
        NegativeBinomial("profile")
