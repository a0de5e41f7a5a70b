"""Kinds of predictions: by the methods that a loss has."""

from typing import ClassVar

import numpy as np
import problems
import pytest
from numpy.testing import assert_array_equal

from softreg_fast import cv_path, path, relaxed_path, solve
from softreg_fast.losses.squared import Squared
from softreg_fast.paths.kinds import predictions

functions = pytest.mark.parametrize("function", [solve, path, cv_path, relaxed_path])


@pytest.fixture
def data(rng):
    return problems.make_data(rng, 30, 4)


class Signs(Squared):
    """A loss whose mean is not the linear predictor, with classes and without probabilities."""

    measure: ClassVar[str] = "signs"

    def mean(self, eta):
        return np.exp(eta)

    def classes(self, eta):
        return np.where(eta > 0.0, "above", "below")


class Model:
    loss, has_offset, feature_names, classes = Signs(), True, None, None


@functions
def test_under_squared_error_link_and_response_are_the_same(data, function):
    X, y = data
    found = function(X, y)
    assert_array_equal(found.predict(X, kind="link"), found.predict(X))
    assert_array_equal(found.predict(X, kind="response"), found.predict(X))


@functions
def test_kinds_that_the_loss_does_not_have(data, function):
    X, y = data
    found = function(X, y)
    for kind in ("class", "proba"):
        with pytest.raises(ValueError, match=rf"kind='{kind}' is for losses of classes; .*Squared"):
            found.predict(X, kind=kind)
    with pytest.raises(ValueError, match=r"kind must be one of response, .*survival; got"):
        found.predict(X, kind="probability")


@pytest.mark.parametrize("several", [False, True])
def test_every_kind_is_made_of_predictors_with_the_offset(rng, several):
    X, offset = rng.standard_normal((5, 3)), rng.standard_normal(5)
    w = rng.standard_normal((3, 2)) if several else rng.standard_normal(3)
    b = np.array([0.5, -0.5]) if several else 0.5
    eta = X @ w + b + (offset[:, np.newaxis] if several else offset)
    assert_array_equal(predictions(Model(), X, w, b, offset, "link"), eta)
    assert_array_equal(predictions(Model(), X, w, b, offset, "response"), np.exp(eta))
    labels = predictions(Model(), X, w, b, offset, "class")
    assert_array_equal(labels == "above", eta > 0.0)
    with pytest.raises(ValueError, match=r"Signs\(\), has response, link, class\.$"):
        predictions(Model(), X, w, b, offset, "proba")
