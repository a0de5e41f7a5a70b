"""CLogLog: numbers of R's glm, an unequal pair of probabilities, and large predictors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import cv_path, solve
from softreg_fast.losses import CLogLog, Poisson

X = np.array([1, 3, 5, 2, 7, 3, 5, 4, 3.0])[:, np.newaxis]
SUCCESS = np.array([10, 15, 27, 35, 10, 25, 35, 23, 12])
FAILURE = np.array([6, 4, 8, 10, 3, 6, 9, 10, 8])


def test_the_numbers_of_glm():
    # glm(cbind(success, failure) ~ x, family = binomial("cloglog")) of R 4.5
    y = np.column_stack([FAILURE, SUCCESS])
    found = solve(X, y, loss="cloglog", alpha=0.0, tol=1e-14)
    assert_allclose([found.intercept, *found.coef], [0.1872701986488443, 0.0383694195960445], 1e-7)
    n = y.sum()
    assert_allclose(2 * n * found.null_loss, 5.38966281006344, rtol=1e-12)
    assert_allclose((1 - found.dev_ratio) * 2 * n * found.null_loss, 4.8574277772546, rtol=1e-10)


def test_probabilities_and_classes_are_not_symmetric(rng):
    features = rng.standard_normal((60, 2))
    y = np.where(rng.random(60) < CLogLog().mean(features[:, 0]), "yes", "no")
    found = solve(features, y, loss="cloglog", alpha=0.01)
    both = found.predict(features, kind="proba")
    assert_allclose(both.sum(axis=1), 1.0)
    assert_array_equal(found.predict(features, kind="class") == "yes", both[:, 1] > 0.5)
    options = {"loss": "cloglog", "alphas": [0.05], "tol": 1e-10}
    for measure, scorer in (("brier", "neg_brier_score"), ("accuracy", "accuracy")):
        errors = [
            cv_path(features, y == "yes", measure=m, **options).errors for m in (measure, scorer)
        ]
        assert_allclose(*errors, rtol=1e-12)


def test_an_exposure_is_an_offset(rng):
    # whether any of m independent samples with probability 1 - exp(-exp(eta)) has an event
    m, eta, loss = rng.integers(1, 9, 50), rng.standard_normal(50), CLogLog()
    assert_allclose(loss.complement(eta + np.log(m)), loss.complement(eta) ** m)


def test_class_0_alone_is_a_poisson_count_of_0(rng):
    eta, theta, zeros = rng.standard_normal(50), -rng.random(50), np.zeros(50)
    for verb in ("value", "residual", "curvature"):
        assert_array_equal(
            getattr(CLogLog(), verb)(zeros, eta), getattr(Poisson(), verb)(zeros, eta)
        )
    assert_array_equal(*(loss.bregman(zeros, eta, theta) for loss in (CLogLog(), Poisson())))


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_large_predictors_are_no_nan(y):
    loss, eta = (
        CLogLog(),
        np.array([-1e300, -1e3, -750.0, -40.0, 5.0, 6.6, 40.0, 700.0, 1e3, 1e300]),
    )
    for verb in (loss.value, loss.residual, loss.curvature):
        assert not np.isnan(verb(np.full(10, y), eta)).any()
    assert not np.isnan(loss.bregman(np.full(10, y), eta, np.zeros(10))).any()
    if y == 1.0:
        assert_allclose(loss.value(np.ones(2), np.array([-1e3, 1e3])), [1e3, 0.0])
