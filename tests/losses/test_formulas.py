"""Losses of generalised linear models: their methods against definitions, other packages, extremes.

One file for all: each property is that of every loss.
"""

import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import minimize_scalar
from sklearn.metrics import mean_tweedie_deviance

from softreg_fast.data.target import Target
from softreg_fast.losses import (
    SQUARED,
    CLogLog,
    Gamma,
    Huber,
    InverseGaussian,
    Logistic,
    NegativeBinomial,
    Poisson,
    Probit,
    SquaredHinge,
    Tweedie,
)

LD = np.longdouble
CLASSES = np.array([0.0, 1, 1, 0, 1, 1, 0, 1])
SHARES = np.array([0.0, 1, 0.3, 0.9, 1e-3, 1, 0.5, 0])
COUNTS = np.array([0.0, 1, 4, 2.5, 0, 11, 3, 120])
AMOUNTS = np.array([0.01, 1, 4, 2.5, 0.3, 11, 3, 120])
NUMBERS = np.array([0.0, -1, 4, 2.5, -0.3, 1, 30, -12])
WEIGHT = np.array([0.0, 1, 2, 0.5, 1.5, 1, 1, 1])
ETA = np.array([0.3, -1.2, 2.1, 0.1, -0.4, 1.7, 0.8, 3.9])


def tweedie(p):
    return lambda y, z: y * np.exp((1 - LD(p)) * z) / (p - 1) + np.exp((2 - LD(p)) * z) / (2 - p)


def cloglog(y, z):
    m = np.exp(z)
    far = np.log1p(-np.exp(-np.maximum(m, 0.5)))
    return (1 - y) * m - y * np.where(m > 0.5, far, np.log(-np.expm1(-m)))


def probit(y, z):
    def log_phi(z):
        below, above = (np.vectorize(math.erfc)(side / math.sqrt(2)) / 2 for side in (-z, z))
        small = np.log(np.clip(below, 1e-300, 0.5))
        return np.where(below < 0.5, small, np.log1p(-np.minimum(above, 0.5)))

    return -y * log_phi(z) - (1 - y) * log_phi(-z)


def huber(y, z):
    size = abs(y - z)
    return np.where(size <= 1.5, size**2 / 2, 1.5 * size - 1.125)


# Loss, its formula, targets.
CASES = [
    (Logistic(), lambda y, z: np.log1p(np.exp(z)) - y * z, CLASSES),
    (Logistic(), lambda y, z: np.log1p(np.exp(z)) - y * z, SHARES),
    (Poisson(), lambda y, z: np.exp(z) - y * z, COUNTS),
    (Gamma(), lambda y, z: y * np.exp(-z) + z, AMOUNTS),
    (Tweedie(1.0), lambda y, z: np.exp(z) - y * z, COUNTS),
    (Tweedie(1.1), tweedie(1.1), COUNTS),
    (Tweedie(1.5), tweedie(1.5), COUNTS),
    (Tweedie(1.9), tweedie(1.9), AMOUNTS),
    (Tweedie(2.0), lambda y, z: y * np.exp(-z) + z, AMOUNTS),
    (NegativeBinomial(0.7), lambda y, z: (y + 0.7) * np.log1p(np.exp(z) / 0.7) - y * z, COUNTS),
    (NegativeBinomial(50), lambda y, z: (y + 50) * np.log1p(np.exp(z) / 50) - y * z, COUNTS),
    (Probit(), probit, CLASSES),
    (Probit(), probit, SHARES),
    (CLogLog(), cloglog, CLASSES),
    (CLogLog(), cloglog, SHARES),
    (Huber(1.5), huber, NUMBERS),
    (SquaredHinge(), lambda y, z: np.maximum(1 - y * z, 0) ** 2, 2 * CLASSES - 1),
]
BEYOND = [  # not convex
    (InverseGaussian(), tweedie(3), AMOUNTS),
    (Tweedie(4.5), tweedie(4.5), AMOUNTS),
]


def each(cases):
    names = [f"{loss!r}-{y.max():g}-{len(set(y))}" for loss, _, y in cases]
    return pytest.mark.parametrize(("loss", "formula", "y"), cases, ids=names)


def lowest(function, size):
    """Return the minimum of a function of one variable in [-size, size]."""
    found = minimize_scalar(
        function, bounds=(-size, size), method="bounded", options={"xatol": 1e-9}
    )
    return found.fun


def total(loss, y, weight):
    """Return the function of eta that a fit minimises."""
    s = np.ones(len(y)) if weight is None else weight
    return lambda eta: float(np.sum(s * loss.value(y, eta)))


@each(CASES + BEYOND)
def test_value_and_its_derivatives(loss, formula, y):
    assert_allclose(loss.value(y, ETA), np.asarray(formula(LD(1) * y, LD(1) * ETA), float), 1e-13)
    h = 1e-6
    slope = (loss.value(y, ETA + h) - loss.value(y, ETA - h)) / (2 * h)
    scale = 1.0 + np.abs(loss.value(y, ETA))
    assert np.all(np.abs(slope + loss.residual(y, ETA)) < 1e-8 * scale)
    assert_allclose(loss.gradient(y, ETA), -loss.residual(y, ETA))
    second = (loss.residual(y, ETA - h) - loss.residual(y, ETA + h)) / (2 * h)
    if not loss.convex:  # at least the expectation over y: y is at its mean
        at_mean = loss.mean(ETA)
        mean = (loss.residual(at_mean, ETA - h) - loss.residual(at_mean, ETA + h)) / (2 * h)
        second = np.maximum(second, mean)
    assert_allclose(loss.curvature(y, ETA), second, rtol=1e-6, atol=1e-8)


@each(CASES)
@pytest.mark.parametrize("k", [1.0, 0.999, 0.6, 0.0, "elsewhere"])
def test_the_part_of_the_gap_is_that_of_fenchel(loss, formula, y, k):
    # at multiples of the residual, and at the residual for other predictors
    theta = loss.residual(y, ETA[::-1]) if k == "elsewhere" else k * loss.residual(y, ETA)
    found = loss.bregman(y, ETA, theta)
    for t, z, dual, part in zip(y, ETA, theta, found, strict=True):
        # f^*(-theta) = - min over eta of f + theta eta, of a convex function
        def tilted(eta, t=t, dual=dual):
            return float(formula(t, eta) + dual * eta)

        assert_allclose(part, tilted(z) - lowest(tilted, 40.0), rtol=1e-7, atol=1e-8)
    assert np.all(found >= 0.0)


@each(BEYOND)
def test_without_convexity_fenchels_inequality_still_holds(loss, formula, y):
    residual = loss.residual(y, ETA)
    assert np.any(residual > 0.0)
    assert_array_equal(loss.bregman(y, ETA, residual) < 1e-28, residual >= 0.0)
    theta = np.array([0.0, 1e-4, 0.1, 1.0, 3.0, 50.0, 1e4, 1e-8])
    for t, z, dual, part in zip(y, ETA, theta, loss.bregman(y, ETA, theta), strict=True):

        def tilted(eta, t=t, dual=dual):
            return float(formula(t, eta) + dual * eta)

        assert_allclose(part, tilted(z) - lowest(tilted, 8.0), rtol=1e-7, atol=1e-8)


@each(CASES)
def test_the_part_of_the_gap_vanishes_at_the_residual(loss, formula, y):
    assert_allclose(loss.bregman(y, ETA, loss.residual(y, ETA)), 0.0, atol=1e-28)


@each(CASES)
def test_the_part_of_the_gap_does_not_cancel(loss, formula, y):
    # near the residual it is (1 - k)^2 r^2 / (2 f''), which is lost in a difference of values
    residual, curvature = loss.residual(y, ETA), loss.curvature(y, ETA)
    counts = (curvature > 1e-6) & (np.abs(residual) > 1e-6)
    assert counts.sum() >= 3
    for away in (1e-6, 1e-9, 1e-13):
        theta = (1.0 - away) * residual
        expected = (residual - theta) ** 2 / (2.0 * np.where(counts, curvature, 1.0))
        found = loss.bregman(y, ETA, theta)
        assert_allclose(found[counts], expected[counts], rtol=1e-3 if away == 1e-6 else 1e-5)


@pytest.mark.parametrize(
    ("loss", "y", "theta"),
    [
        (Logistic(), 1.0, -0.01),
        (Logistic(), 0.3, 0.31),
        (Poisson(), 2.0, 2.01),
        (Gamma(), 2.0, -1.01),
        (Tweedie(1.5), 0.0, 0.01),
        (InverseGaussian(), 2.0, -0.01),
        (NegativeBinomial(0.5), 2.0, -0.51),
        (NegativeBinomial(0.5), 2.0, 2.01),
        (Probit(), 1.0, -0.01),
        (Probit(), 0.0, 0.01),
        (CLogLog(), 1.0, -0.01),
        (CLogLog(), 0.3, 0.31),
        (Huber(1.0), 0.0, -1.01),
        (SquaredHinge(), -1.0, 0.01),
    ],
)
def test_the_part_of_the_gap_is_infinite_outside_the_domain(loss, y, theta):
    assert loss.bregman(np.array([y]), 0.5, np.array([theta])) == np.inf


@each(CASES + BEYOND)
@pytest.mark.parametrize("weight", [WEIGHT, None], ids=["weighted", "plain"])
@pytest.mark.parametrize("offset", [None, np.linspace(-1, 2, 8) ** 3], ids=["", "offset"])
def test_the_null_model_is_best(loss, formula, y, weight, offset):
    null = loss.null(y, weight, offset)
    fixed = 0.0 if offset is None else offset
    objective = total(loss, y, weight)
    best = minimize_scalar(
        lambda b: objective(fixed + b), bounds=(null - 3, null + 3), method="bounded"
    )
    assert abs(null - best.x) < 1e-4 or objective(fixed + null) <= best.fun
    assert np.ndim(null) == 0
    terms = loss.residual(y, fixed + null) * (1.0 if weight is None else weight)
    assert abs(terms.sum()) <= 1e-14 * np.abs(terms).sum() * max(1.0, abs(null))


@each(CASES)
def test_the_null_model_of_several_targets_is_that_of_each(loss, formula, y):
    both, offset = np.column_stack([y, y[::-1]]), np.linspace(-1, 1, 8)
    for fixed in (None, offset):
        expected = [loss.null(column, WEIGHT, fixed) for column in both.T]
        assert_allclose(loss.null(both, WEIGHT, fixed), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("loss", "y", "said"),
    [
        (Poisson(), np.zeros(4), "All targets are 0"),
        (Tweedie(1.5), np.zeros(4), "All targets are 0"),
        (NegativeBinomial(2.0), np.zeros(4), "All targets are 0"),
        (Logistic(), np.zeros(4), "No target is of class 1"),
        (Logistic(), np.ones(4), "No target is of class 0"),
        (Probit(), np.ones(4), "No target is of class 0"),
        (CLogLog(), np.ones(4), "No target is of class 0"),
    ],
)
def test_an_infinite_null_model_is_refused(loss, y, said):
    for offset in (None, np.arange(4.0)):
        with pytest.raises(ValueError, match=rf"^{said}, for which .*\(fit_intercept=False\)\.$"):
            loss.null(y, None, offset)


@each(CASES + BEYOND)
def test_targets_that_are_all_the_same_leave_nothing(loss, formula, y):
    for value in set(
        y[(y != 0.0) & ((y < 1.0) | (loss.kind not in ("logistic", "probit", "cloglog")))]
    ):
        assert Target(np.full(5, value), None, True, loss).is_null
    assert not Target(y, None, True, loss).is_null


@each(CASES + BEYOND)
def test_the_deviance_is_twice_the_excess(loss, formula, y):
    found = loss.deviance(y, ETA)
    for t, z, deviance in zip(y, ETA, found, strict=True):

        def function(eta, t=t):
            return float(formula(t, eta))

        expected = 2.0 * (function(z) - lowest(function, 40.0 if loss.convex else 8.0))
        assert_allclose(deviance, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("power", [1.0, 1.2, 1.5, 1.9, 2.0, 3.0, 4.5])
def test_the_deviance_is_that_of_scikit_learn(power):
    loss, y = Tweedie(power), COUNTS if power < 2 else AMOUNTS
    expected = mean_tweedie_deviance(y, np.exp(ETA), power=power, sample_weight=WEIGHT)
    assert_allclose(np.average(loss.deviance(y, ETA), weights=WEIGHT), expected, rtol=1e-12)
    same = loss.deviance(AMOUNTS, np.log(AMOUNTS))
    assert_allclose(same / AMOUNTS ** (2 - power), 0.0, atol=1e-28)
    near = loss.deviance(AMOUNTS, np.log(AMOUNTS) + 2.0**-20)
    assert_allclose(near, AMOUNTS ** (2 - power) * 2.0**-40, rtol=1e-5)


def minus_two_log_density(loss, y, mu, dispersion):
    if isinstance(loss, Poisson):
        return -2 * stats.poisson.logpmf(y, mu)
    if isinstance(loss, NegativeBinomial):
        return -2 * stats.nbinom.logpmf(y, loss.theta, loss.theta / (loss.theta + mu))
    if isinstance(loss, Gamma):
        return -2 * stats.gamma.logpdf(y, 1 / dispersion, scale=mu * dispersion)
    if isinstance(loss, InverseGaussian):
        return -2 * stats.invgauss.logpdf(y, mu * dispersion, scale=1 / dispersion)
    if loss is SQUARED:
        return -2 * stats.norm.logpdf(y, mu, np.sqrt(dispersion))
    return -2 * stats.bernoulli.logpmf(y, mu)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (SQUARED, NUMBERS),
        (Logistic(), CLASSES),
        (Probit(), CLASSES),
        (Poisson(), np.round(COUNTS)),
        (NegativeBinomial(0.7), np.round(COUNTS)),
        (Gamma(), AMOUNTS),
        (InverseGaussian(), AMOUNTS),
    ],
)
def test_deviance_and_normaliser_are_the_likelihood(loss, y):
    dispersion = 0.7 if loss.has_dispersion else 1.0
    density = minus_two_log_density(loss, y, loss.mean(ETA), dispersion)
    deviance = loss.deviance(y, ETA) / dispersion
    for weight in (np.ones(8), WEIGHT):
        found = np.sum(weight * deviance) + loss.log_normaliser(8, dispersion, y, weight)
        assert_allclose(found, np.sum(weight * density), rtol=1e-12)
    found = np.sum(deviance) + loss.log_normaliser(8, dispersion, y)
    assert_allclose(found, np.sum(density), rtol=1e-12)


def test_losses_that_are_no_density_have_no_normaliser():
    for loss in (Huber(1.0), SquaredHinge(), Tweedie(1.5)):
        assert loss.log_normaliser(8, 1.0, AMOUNTS, WEIGHT) == 0.0
    assert Poisson().log_normaliser(8, 1.0) == 0.0


@each(CASES + BEYOND)
@pytest.mark.parametrize("size", [30.0, 400.0, 800.0])
def test_large_predictors_give_numbers(loss, formula, y, size):
    for eta in (size, -size):
        assert not np.isnan(loss.value(y, eta)).any()
        residual = loss.residual(y, eta)
        assert not np.isnan(residual).any()
        assert np.all(loss.curvature(y, eta) >= 0.0)
        assert np.all(loss.deviance(y, eta) >= 0.0)
        for k in (1.0, 0.5):
            assert np.all(loss.bregman(y, eta, k * np.clip(residual, -1e300, 1e300)) >= 0.0)
        assert loss.curvature(y, eta).shape == y.shape
        assert np.isfinite(loss.mean(np.array(-size)))


def test_limits_are_other_losses():
    counts = COUNTS[:6]
    for near, limit, y, rtol in (
        (NegativeBinomial(1e9), Poisson(), counts, 1e-7),
        (Tweedie(1.0 + 1e-8), Poisson(), counts[counts > 0], 1e-6),
        (Tweedie(2.0 - 1e-8), Gamma(), AMOUNTS[:6], 1e-5),
        (Huber(1e3), SQUARED, NUMBERS[:6], 1e-14),
    ):
        z = ETA[: len(y)]
        dual = 0.3 * limit.residual(y, z)
        for name in ("residual", "curvature", "deviance"):
            found, expected = (getattr(each, name)(y, z) for each in (near, limit))
            assert_allclose(found, expected, rtol, 1e-12)
        assert_allclose(near.bregman(y, z, dual), limit.bregman(y, z, dual), rtol)


def test_methods_broadcast():
    # (n, 1) targets with (n, k) predictors, as folds have them
    for loss, y in ((loss, y) for loss, _, y in CASES + BEYOND):
        eta = np.column_stack([ETA, -ETA, ETA / 2])
        found = loss.deviance(y[:, np.newaxis], eta)
        columns = [loss.deviance(y, column) for column in eta.T]
        assert_allclose(found, np.column_stack(columns), rtol=1e-14)


@each(CASES + BEYOND)
def test_losses_are_values(loss, formula, y):
    again = pickle.loads(pickle.dumps(loss))
    assert again == loss
    assert hash(again) == hash(loss)
    assert again.kind == loss.kind
    assert repr(again) == repr(loss)
    assert eval(repr(loss), globals()) == loss
    assert np.array_equal(loss.check(y), y)
    assert all(isinstance(number, float) for number in loss.parameters)


def test_losses_with_other_numbers_differ():
    assert Tweedie(1.5) != Tweedie(1.6)
    assert Tweedie(3.0) != InverseGaussian()
    assert repr(Tweedie(power=1.5)) == "Tweedie(power=1.5)"
    assert repr(InverseGaussian()) == "InverseGaussian()"
    assert Tweedie(1.5).parameters == (1.5,)
    assert (InverseGaussian().kind, InverseGaussian().parameters) == ("tweedie", (3.0,))
    assert (Tweedie(1).kind, Tweedie(1).parameters, Tweedie(2).kind) == ("poisson", (), "gamma")
    assert NegativeBinomial(theta=2).parameters == (2.0,)
    assert Huber(delta=1.35).parameters == (1.35,)
    assert [Tweedie(p).convex for p in (1, 1.5, 2, 2.1)] == [True, True, True, False]


@each(CASES + BEYOND)
def test_deviances_from_means(loss, formula, y):
    if isinstance(loss, SquaredHinge):
        return
    eta = np.minimum(ETA, 1.0)  # beyond, probabilities round to 1
    mean = loss.mean(eta)
    assert_allclose(loss.link(mean), eta, rtol=1e-12)
    assert_allclose(loss.unit_deviance(y, mean), loss.deviance(y, eta), rtol=1e-9, atol=1e-14)
    found = loss.deviance_residuals(y, mean, sample_weight=np.full(8, 3.0))
    assert_allclose(np.sign(found), np.sign(y - mean))
    assert_allclose(np.square(found), 3.0 * loss.deviance(y, eta), rtol=1e-9, atol=1e-14)


def test_deviance_residuals_of_glm():
    y, mean = [0, 0, 1, 3, 10], [0.2, 3, 1, 5, 4]
    roots = [-0.6324555320336759, -2.449489742783178, 0.0, -0.9669778991290624, 2.5151172214199287]
    assert_allclose(Poisson().deviance_residuals(y, mean), roots, rtol=1e-12, atol=1e-12)
    shares, mean, trials = [0, 0.5, 1, 0.25], [0.1, 0.5, 0.7, 0.6], [4, 8, 2, 12]
    roots = [-0.9180872100528418, 0.0, 1.1944453841657765, -2.4621420441313564]
    for loss in (Logistic(), Probit(), CLogLog()):  # the link does not matter
        found = loss.deviance_residuals(shares, mean, sample_weight=trials)
        assert_allclose(found, roots, rtol=1e-12, atol=1e-7)


def test_means_at_the_ends_of_their_range():
    for loss in (Logistic(), Probit(), CLogLog()):
        assert_array_equal(loss.unit_deviance([0, 1, 0, 1], [0, 1, 1, 0]), [0, 0, np.inf, np.inf])
    for loss in (Poisson(), Tweedie(1.5), NegativeBinomial(2.0)):
        assert_array_equal(loss.unit_deviance([0, 2], [0, 0]), [0, np.inf])
