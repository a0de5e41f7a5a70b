"""Cox: event times, its infimum, its deviance, and what it cannot say about a sample."""

import pickle

import cox_cases as cases
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from softreg_fast.losses import Cox, as_loss
from softreg_fast.losses.cox import times_of

BOTH = pytest.mark.parametrize("ties", ["breslow", "efron"])


def test_names_and_settings():
    assert as_loss("cox") == Cox() == Cox(ties="breslow")
    assert Cox("efron") != Cox()
    assert repr(pickle.loads(pickle.dumps(Cox("efron")))) == "Cox(ties='efron')"
    with pytest.raises(ValueError, match="ties must be one of breslow, efron; got 'exact'"):
        Cox("exact")


def test_times_are_numbered_stratum_by_stratum():
    y = np.array(
        [
            [-np.inf, 3, 1, 0],
            [-np.inf, 2, 0, 0],  # leaves before the second time
            [-np.inf, 1, 1, 0],
            [1, 3, 0, 0],  # enters after the first
            [-np.inf, 2, 1, 1],
            [-np.inf, 0.5, 0, 1],  # at risk at no time
        ]
    )
    times = times_of(y, None)
    assert_array_equal(times.time, [1, 3, 2])
    assert_array_equal(times.begins, [1, 0, 1, 1])
    assert_array_equal(times.own, [1, -1, 0, -1, 2, -1])
    assert_array_equal(times.first, [0, 0, 0, 1, 2, 2])
    assert_array_equal(times.last, [0, 0, -1, 1, 1, 1])
    without = times_of(y, np.array([0.0, 1, 1, 1, 1, 1]))
    assert_array_equal(without.time, [1, 2])


@BOTH
def test_no_predictor_is_below_the_infimum(rng, ties):
    y = cases.data(rng, 12, ties=True)
    y[:, 1] = np.minimum(y[:, 1], 4.0)  # many ties
    weight = rng.random(12) + 0.2
    T = cases.terms(y, weight, ties == "efron")
    least = Cox(ties).saturated(times_of(y, weight), weight)
    found = minimize(lambda z: cases.value(T, z), np.zeros(12), jac=lambda z: -cases.residual(T, z))
    assert least - 1e-9 <= found.fun <= least + 0.05
    # samples of one time as likely as all together, far above those that go on
    eta = -60.0 * y[:, 1] + np.where(y[:, 2] == 0, -60.0, 0.0)
    assert_allclose(cases.value(T, eta), least, atol=1e-9)


@BOTH
def test_the_deviance_is_twice_the_excess(rng, ties):
    y, weight = cases.data(rng, 30, 2, 0.4), rng.random(30)
    eta = rng.standard_normal((30, 3))
    T = cases.terms(y, weight, ties == "efron")
    least = Cox(ties).saturated(times_of(y, weight), weight)
    expected = [2.0 * (cases.value(T, z) - least) for z in eta.T]
    assert_allclose(Cox(ties).deviance_of(y, eta, weight), expected, rtol=1e-12)
    censored = y * [1, 1, 0, 1]
    assert_array_equal(Cox(ties).deviance_of(censored, eta, None), 0.0)


def test_samples_have_no_loss_of_their_own():
    for name in ("value", "residual", "curvature"):
        with pytest.raises(TypeError, match="no sample has a loss of its own"):
            getattr(Cox(), name)(np.zeros((2, 4)), np.zeros(2))
    with pytest.raises(TypeError, match="no sample has a loss of its own"):
        Cox().bregman(np.zeros((2, 4)), np.zeros(2), np.zeros(2))


def test_predictions_are_hazard_ratios():
    assert_array_equal(Cox().mean(np.array([0.0, np.log(2.0), 1e4])), [1.0, 2.0, np.inf])
