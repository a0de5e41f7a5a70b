"""A loss that is not quadratic: what data, folds and the table of solvers make of it."""

from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.metrics import log_loss

from softreg_fast import Design, Path, cv_path, path, solve
from softreg_fast.data.target import Target
from softreg_fast.losses import SQUARED
from softreg_fast.losses.base import Loss, weighted_mean
from softreg_fast.model_selection.folds import Training, make_folds


class Logistic(Loss):
    """log(1 + exp(eta)) - y eta for y in {0, 1}."""

    measure: ClassVar[str] = "mean deviance"

    def null(self, y, weight, offset=None):
        if offset is not None:
            s = np.ones(len(y)) if weight is None else weight
            return brentq(lambda b: s @ (y - expit(b + offset)), -50.0, 50.0, xtol=1e-14)
        mean = weighted_mean(y, weight)
        return np.log(mean / (1.0 - mean))

    def value(self, y, eta):
        return np.logaddexp(0.0, eta) - y * eta

    def residual(self, y, eta):
        return y - expit(eta)

    def curvature(self, y, eta):
        return expit(eta) * expit(-eta)

    def bregman(self, y, eta, theta):
        raise NotImplementedError

    def mean(self, eta):
        return expit(eta)

    def deviance(self, y, eta):
        return 2.0 * self.value(y, eta)


LOGISTIC = Logistic()


@pytest.fixture
def design(rng):
    X = rng.standard_normal((30, 4))
    return Design(X).with_target((X[:, 0] + rng.standard_normal(30) > 0).astype(float), LOGISTIC)


def test_the_target_has_the_units_of_the_loss():
    y, weight = np.array([0.0, 1, 1, 0, 1]), np.array([1.0, 2, 0, 1, 1])
    target = Target(y, weight, True, LOGISTIC)
    assert target.y_mean == pytest.approx(np.log(0.6 / 0.4))
    assert target.objective_unit == 0.2
    assert target.null_loss == pytest.approx(log_loss(y, np.full(5, 0.6), sample_weight=weight))
    assert_allclose(target.residual[:-1], weight * (y - 0.6), atol=1e-15)
    assert target.dev_ratio(target.null_deviance) == 0.0
    assert Target(np.ones(4), None, False, LOGISTIC).null_loss == pytest.approx(np.log(2))


@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
def test_an_offset_is_a_part_of_the_null_model(rng, fit_intercept):
    y, weight = np.array([0.0, 1, 1, 0, 1, 0]), np.array([1.0, 2, 0, 1, 1, 1])
    offset = rng.standard_normal(6)
    offset[2] = 1e300  # without weight
    target = Target(y, weight, fit_intercept, LOGISTIC, offset)
    eta = offset + target.y_mean
    assert (target.y_mean != 0.0) == fit_intercept
    assert_array_equal(target.y, y)
    counted = weight > 0.0
    p = expit(eta)
    assert_allclose(target.residual[:-1][counted], (weight * (y - p))[counted], atol=1e-13)
    if fit_intercept:
        assert_allclose(weight @ (y - p), 0.0, atol=1e-12)
    expected = log_loss(y[counted], p[counted], sample_weight=weight[counted])
    assert target.null_loss == pytest.approx(expected)
    rows, without = np.array([4, 0]), rng.standard_normal((2, 3))
    whole = without + offset[rows, np.newaxis]
    assert_allclose(target.mean_of(rows, without), expit(whole))
    assert_allclose(target.predictors_of(rows, without), whole)
    again = target.with_weight(np.ones(6)[::-1] * (np.arange(6) != 2) * 1.2)
    assert again.offset is offset
    assert np.isfinite(again.residual).all()


def test_a_design_knows_its_loss(design):
    for loss in ("squared", SQUARED):
        with pytest.raises(ValueError, match=r"loss=Squared\(\) contradicts .*Logistic"):
            solve(design, loss=loss)
    with pytest.raises(ValueError, match=r"No solver knows this loss"):
        solve(design, design.y, loss=LOGISTIC)
    assert solve(design, design.y, loss="squared", alpha=0.1).loss is SQUARED
    assert solve(design, design.y, alpha=0.1).loss is SQUARED


def test_other_weights_have_another_null_model(design):
    weight = np.append(0.0, np.ones(29))
    moved = design.with_weight(weight)
    assert moved.described_target.loss is LOGISTIC
    assert expit(moved.y_mean) == pytest.approx(np.average(design.y, weights=weight))


@pytest.mark.parametrize("function", [solve, path, cv_path])
def test_no_solver_knows_it(design, function):
    with pytest.raises(ValueError, match=r"^No solver knows this loss; use one of softreg"):
        function(design)


def test_errors_of_folds_are_deviances(design, rng):
    null = {"gaps": np.zeros(2), "tols": np.zeros(2), "n_epochs": np.zeros(2, np.int64)}
    coefs = rng.standard_normal((4, 2))
    fits = Path(
        alphas=np.array([1.0, 0.5]),
        coefs=sp.csc_array(coefs),
        intercepts=np.array([0.1, -0.2]),
        status=np.zeros(2, np.int8),
        dev_ratio=np.zeros(2),
        df=np.array([4, 4]),
        null_loss=1.0,
        seconds=0.0,
        strategy="none",
        loss=LOGISTIC,
        **null,
    )
    test = np.arange(10)
    training = Training(design, make_folds([(np.arange(10, 30), test)], 30))
    probabilities = fits.predict(design.X[test])
    assert_allclose(expit(training.predictors_of(0, fits)), probabilities, rtol=1e-12)
    expected = [2 * log_loss(design.y[test], column) for column in probabilities.T]
    assert_allclose(training.errors_of(0, fits), expected, rtol=1e-12)
