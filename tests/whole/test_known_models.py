"""Models under other losses than squared error whose coefficients are known.

From closed forms, or from R (glm, MASS) and statsmodels, whose numbers are given to seven digits.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast import solve
from softreg_fast.losses import Huber, NegativeBinomial, Tweedie

TIGHT = {"tol": 1e-13}


def fitted(*data, **options):
    """Return the intercept and the coefficients of a fit."""
    fit = solve(*data, **{**TIGHT, **options})
    return np.append(fit.intercept, fit.coef)


def test_proportions_with_trials_are_rows_of_classes():
    # R's glm: 0.83814, 0.07217, deviances 5.39 of 4.85 (grouped), 287.9 of 287.4 (rows)
    x = np.array([1, 3, 5, 2, 7, 3, 5, 4, 3.0])
    success = np.array([10, 15, 27, 35, 10, 25, 35, 23, 12])
    failure = np.array([6, 4, 8, 10, 3, 6, 9, 10, 8])
    trials = success + failure
    known = [0.8381405540, 0.0721713695]
    options = {"loss": "binomial", "alpha": 0.0}
    grouped = solve(x[:, None], success / trials, sample_weight=trials, tol=1e-13, **options)
    assert_allclose([grouped.intercept, *grouped.coef], known, rtol=1e-7)
    y = np.concatenate([np.repeat([1.0, 0.0], pair) for pair in zip(success, failure, strict=True)])
    rows = solve(np.repeat(x, trials)[:, None], y, tol=1e-13, **options)
    assert_allclose([rows.intercept, *rows.coef], known, rtol=1e-7)
    assert_allclose([grouped.dev_ratio, rows.dev_ratio], [0.1001488659, 0.0018747460], rtol=1e-6)


def test_a_rare_event_beside_a_constant_column():
    # the shares of events move by alpha / P(x): 2 of 1,000 at x = 0, 1 of 1,000 at x = 1
    X = np.column_stack([np.ones(2000), np.tile([0.0, 1.0], 1000)])
    y, alpha = np.append(np.ones(3), np.zeros(1997)), 1e-4
    low, high = 0.002 - 2 * alpha, 0.001 + 2 * alpha
    first, second = (np.log(share / (1 - share)) for share in (low, high))
    found = fitted(X, y, loss="logistic", alpha=alpha)
    assert_allclose(found, [first, 0.0, second - first], rtol=1e-6, atol=1e-8)


def test_a_category_without_counts():
    # without a penalty its coefficient would be minus infinity
    X, y = np.repeat([[1.0], [0.0]], [5, 15], axis=0), np.append(np.zeros(5), 5 * [0.0, 1.0, 5.0])
    for alpha in (0.1, 1e-3, 1e-5):
        # sum of mu is sum of y in either group, up to 20 alpha
        means = np.array([(30 - 20 * alpha) / 15, 20 * alpha / 5])
        expected = np.log(means[0]), np.log(means[1] / means[0])
        assert_allclose(fitted(X, y, loss="poisson", alpha=alpha, tol=1e-15), expected, rtol=1e-5)


def test_gamma_of_executions():
    # R's data cpunish, rows of Gill (2001); Gamma with a log link
    income = [34453, 41534, 35802, 26954, 31468, 32552, 40873, 34861, 42562, 31900]
    income += [37421, 33305, 32108, 45844, 34743, 29709, 36777]
    south = [1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0]
    X = np.column_stack([np.array(income) / 1000, south]).astype(float)
    y = np.array([37, 9, 6, 4, 3, 2, 2, 2] + 9 * [1.0])
    fit = solve(X, y, loss="gamma", alpha=0.0, tol=1e-13)
    assert_allclose([fit.intercept, *fit.coef], [0.3514048583, 0.0062247158, 1.4119681274], 1e-6)
    assert_allclose(fit.dev_ratio, 0.3101332864, rtol=1e-8)


HOLDERS = (
    "197 264 246 1680 284 536 696 3582 133 286 355 1640 24 71 99 452 85 139 151 931 149 313 419 "
    "2443 66 175 221 1110 9 48 72 322 35 73 89 648 53 155 240 1635 24 78 121 692 7 29 43 245 20 33 "
    "40 316 31 81 122 724 18 39 68 344 3 16 25 114"
)
CLAIMS = (
    "38 35 20 156 63 84 89 400 19 52 74 233 4 18 19 77 22 19 22 87 25 51 49 290 14 46 39 143 4 15 "
    "12 53 5 11 10 67 10 24 37 187 8 19 24 101 3 2 8 37 2 5 4 36 7 10 22 102 5 7 16 63 0 6 8 33"
)


def test_poisson_of_insurance_claims():
    # R's data MASS::Insurance: holders as exposure, and as a column up to 3582 that is not scaled
    holders, claims = (np.array(text.split(), float) for text in (HOLDERS, CLAIMS))
    district, group = np.repeat(np.arange(4), 16), np.tile(np.repeat(np.arange(4), 4), 4)
    factors = district, group, np.tile(np.arange(4), 16)
    X = np.column_stack([factor == k for factor in factors for k in (1, 2, 3)]).astype(float)
    known = [-1.821739918, 0.025868191, 0.038523927, 0.234205328, 0.161336980, 0.392810491]
    known += [0.563412341, -0.191010106, -0.344950658, -0.536670706]
    options = {"loss": "poisson", "alpha": 0.0}
    assert_allclose(fitted(X, claims, offset=np.log(holders), **options), known, rtol=1e-6)
    known = [2.845685908, -0.447436244, -0.930629213, -1.465479421, 1.006033542, 0.471328612]
    known += [-0.598213627, 0.569685531, 0.685301287, 2.225046990, -1.581611943e-05]
    assert_allclose(fitted(np.column_stack([X, holders]), claims, **options), known, rtol=1e-6)


def test_the_size_of_the_negative_binomial_is_that_of_r():
    y = np.array([0, 0, 0, 3, 0, 0, 3, 2, 1, 2, 2, 0, 0, 7, 1, 12.0])
    X = np.tile([[0.0], [1.0]], (8, 1))
    loss = NegativeBinomial(theta=0.8)  # variance mu + mu^2 / 0.8
    fit = solve(X, y, loss=loss, alpha=0.0, tol=1e-13)
    assert_allclose([fit.intercept, *fit.coef], [np.log(7 / 8), np.log(26 / 7)], rtol=1e-6)
    assert_allclose(fit.dev_ratio, 0.1731844994, rtol=1e-8)
    found = fitted(X, y, loss=loss, alpha=0.1)
    assert_allclose(found, [0.3600027340, 0.5319953053], rtol=1e-6)


def test_huber_of_copper_in_flour():
    # R's data MASS::chem; MASS::huber gives the location for the MAD as scale and k = 1.5
    y = "2.9 3.1 3.4 3.4 3.7 3.7 2.8 2.5 2.4 2.4 2.7 2.2 5.28 3.37 3.03 3.03 28.95 3.77 3.4 2.2 "
    y = np.array((y + "3.5 3.6 3.7 3.7").split(), float)
    delta = 1.5 * 1.4826 * np.median(np.abs(y - np.median(y)))
    for X in (np.zeros((24, 1)), np.ones((24, 2))):
        found = fitted(X, y, loss=Huber(delta), alpha=0.1)
        assert_allclose(found[0], 3.2067239444, rtol=1e-9)
        assert not found[1:].any()


@pytest.mark.parametrize("size", [1.0, 1098.6])
def test_predictions_of_large_predictors(size):
    X, y = np.repeat([[-1.0], [1.0]], 10, axis=0), np.repeat([0.0, 1.0], 10)
    fit = solve(X, y, loss="logistic", alpha=0.25, tol=1e-14)
    assert_allclose([fit.intercept, *fit.coef], [0.0, np.log(3.0)], rtol=1e-7, atol=1e-8)
    new = np.array([[0.0], [size], [-size]])
    assert_allclose(fit.predict(new, kind="link"), np.log(3.0) * new[:, 0], atol=1e-5)
    expected = 1.0 / (1.0 + np.exp(-np.clip(np.log(3.0) * new[:, 0], -700, 700)))
    assert_allclose(fit.predict(new), expected, atol=1e-7)


def test_tweedie_deviances_of_zeros():
    y, mu, weight = np.array([0.0, 0, 1, 2.5]), np.array([0.5, 2.0, 1.2, 2.5]), [1, 2, 1, 3]
    known = {1.0: 1.2907652695, 1.2: 1.4536973041, 1.5: 2.0250571144, 1.9: 8.7947554862}
    for power, value in known.items():
        deviances = Tweedie(power).deviance(y, np.log(mu))
        assert_allclose(np.average(deviances, weights=weight), value, rtol=1e-9)
