"""Quantile: quantiles with weights, the residual of the null model, its parameter."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf
from softreg_fast.losses import Quantile
from softreg_fast.losses.quantile import weighted_quantile


@pytest.mark.parametrize("tau", [0.03, 0.25, 0.5, 0.8])
def test_quantiles_of_weighted_numbers(rng, tau):
    y, times = np.round(rng.standard_normal(23), 1), rng.integers(0, 4, 23)
    found = weighted_quantile(y, tau, times.astype(float))
    repeated = np.repeat(y, times)
    assert found == weighted_quantile(repeated, tau)
    lower = np.quantile(repeated, tau, method="inverted_cdf")
    assert lower <= found <= np.sort(repeated)[np.searchsorted(np.sort(repeated), lower, "right")]
    assert weighted_quantile(-y, 1.0 - tau, times.astype(float)) == pytest.approx(-found)


def test_the_middle_of_an_interval():
    assert weighted_quantile(np.array([4.0, 1.0, 2.0, 9.0]), 0.5) == 3.0
    assert weighted_quantile(np.arange(10.0), 0.3) == 2.5


@pytest.mark.parametrize("offset", [None, 0.1 * np.arange(12.0)], ids=["plain", "offset"])
def test_the_residual_of_the_null_model_is_a_dual_point(rng, offset):
    y, weight = np.array([0.0, 0, 0, 1, 1, 1, 1, 2, 2, 7, 8, 9]), rng.integers(0, 3, 12) + 0.5
    if offset is not None:
        y = y + offset
    for tau in (0.1, 0.5, 0.77):
        loss = Quantile(tau)
        eta = loss.null(y, weight, offset) + (0.0 if offset is None else offset)
        theta = loss.null_residual(y, eta, weight)
        assert abs(weight @ theta) <= 1e-13
        assert_allclose(loss.bregman(y, eta, theta), 0.0, atol=1e-13)
        assert np.unique(theta[y == eta]).size <= 1


def test_predictions_deviance_and_names():
    loss = Quantile(0.9)
    assert_allclose(loss.deviance(np.array([1.0, -1.0]), 0.0), [1.8, 0.2])
    assert_array_equal(loss.mean(np.array([0.3])), [0.3])
    assert sf.losses.as_loss("quantile") == Quantile(0.5)
    assert loss.unit(np.zeros(3), 1e-20 * np.zeros(3), None) == 0.0


@pytest.mark.parametrize("tau", [0.0, 1.0, -0.1, 1.1, np.nan])
def test_no_quantile(tau):
    with pytest.raises(ValueError, match=r"^tau must be a "):
        Quantile(tau)
