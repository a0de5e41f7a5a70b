"""Errors of several models on samples left out, against the losses and pairs written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.kernels._left_out import areas, class_deviances, deviances
from softreg_fast.losses import (
    Gamma,
    Logistic,
    Multinomial,
    NegativeBinomial,
    Poisson,
    Probit,
    Tweedie,
)

TARGETS = {
    Logistic(): [0.0, 1.0, 0.25, 1.0, 0.0],
    Probit(): [0.0, 1.0, 0.75, 1.0, 0.0],
    Poisson(): [0.0, 1.0, 3.0, 0.5, 200.0],
    Gamma(): [0.1, 1.0, 3.0, 0.5, 200.0],
    Tweedie(1.5): [0.0, 1.0, 3.0, 0.5, 200.0],
    NegativeBinomial(2.0): [0.0, 1.0, 3.0, 0.5, 200.0],
}


@pytest.mark.parametrize("loss", TARGETS, ids=repr)
@pytest.mark.parametrize("size", [1e-6, 1.0, 30.0])
def test_deviances_are_those_of_the_loss(rng, loss, size):
    y, weight = np.array(TARGETS[loss]), np.array([1.0, 0.5, 2.0, 0.0, 1e-3])
    z = size * rng.standard_normal((5, 3))
    inner = y if loss.labels else np.maximum(y, 0.5)
    z[1:3] += loss.link(np.clip(inner, 0.01, 0.99) if loss.labels else inner)[1:3, np.newaxis]
    found = deviances(loss.kind, y, z, weight, (*loss.parameters, 0.0)[0])
    assert_allclose(found, weight @ loss.deviance(y[:, np.newaxis], z), rtol=1e-10)


def test_a_deviance_of_weight_zero_is_left_out():
    y, z = np.array([1.0, 3.0]), np.array([[0.0, 1.0], [np.inf, 710.0]])
    assert_allclose(deviances("poisson", y, z, np.array([1.0, 0.0])), [0.0, 2.0 * (np.e - 2.0)])
    assert_array_equal(deviances("poisson", y, z, np.ones(2)), [np.inf, np.inf])


@pytest.mark.parametrize("size", [1e-3, 1.0, 50.0])
def test_deviances_of_classes(rng, size):
    own, weight = np.array([0, 2, 1, 1]), np.array([1.0, 0.5, 0.0, 2.0])
    z = size * rng.standard_normal((4, 5, 3))
    expected = weight @ Multinomial().deviance(np.eye(3)[own][:, np.newaxis], z)
    assert_allclose(class_deviances(own, z, weight), expected, rtol=1e-10)
    z[0, 0] = np.inf
    assert class_deviances(own, z, weight)[0] == np.inf


@pytest.mark.parametrize("places", [0, 9], ids=["ties", "no ties"])
def test_areas_are_shares_of_pairs(rng, places):
    scores = np.round(rng.standard_normal((4, 30)), places)
    ones, zeros = rng.random((2, 30)) * (rng.random((2, 30)) < 0.6)
    right = scores[:, :, np.newaxis] > scores[:, np.newaxis]
    equal = scores[:, :, np.newaxis] == scores[:, np.newaxis]
    expected = ((right + 0.5 * equal) * np.outer(ones, zeros)).sum(axis=(1, 2))
    assert_allclose(areas(scores, np.argsort(scores, axis=1), ones, zeros), expected, rtol=1e-12)


def test_shapes_are_checked():
    one, two = np.ones(1), np.ones((2, 3))
    with pytest.raises(ValueError, match="every sample wants a target"):
        deviances("poisson", one, two, one)
    with pytest.raises(ValueError, match="every sample wants a class"):
        class_deviances(np.zeros(1, np.intp), np.ones((2, 1, 2)), one)
    with pytest.raises(ValueError, match="no such class"):
        class_deviances(np.full(1, 2), np.ones((1, 1, 2)), one)
    with pytest.raises(ValueError, match="want the same shape"):
        areas(two, np.zeros((2, 3), np.intp), one, one)
