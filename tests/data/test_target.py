"""Target: units, null model and deviance, for one target and for several."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design
from softreg_fast.data.target import Target

targets = pytest.mark.parametrize("shape", [(12,), (12, 3)], ids=["one", "several"])
weightings = pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])


def weights(rng, weighted):
    if not weighted:
        return None
    weight = rng.integers(0, 3, 12) + np.append(1.0, np.zeros(11))
    return weight / weight.mean()


@targets
@weightings
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
def test_the_residual_has_length_one(rng, shape, weighted, fit_intercept):
    y, weight = 5.0 + rng.standard_normal(shape), weights(rng, weighted)
    target = Target(y, weight, fit_intercept)
    s = np.ones(12) if weight is None else weight
    expected = np.average(y, axis=0, weights=s) if fit_intercept else np.zeros(shape[1:])
    assert_allclose(target.y_mean, expected, atol=1e-15)
    r = (y - expected).T
    assert_allclose(target.y_norm, np.sqrt(np.sum(s * r**2)), rtol=1e-14)
    assert_allclose(target.residual[..., :-1], s * r / target.y_norm, atol=1e-15)
    assert_array_equal(target.residual[..., -1], np.zeros(shape[1:]))
    assert_allclose(target.null_loss, np.sum(s * r**2) / 24, rtol=1e-14)
    assert target.dev_ratio(0.25) == 0.75


@weightings
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
def test_an_offset_is_subtracted_under_squared_error(rng, weighted, fit_intercept):
    y, offset = rng.standard_normal((2, 12))
    weight = weights(rng, weighted)
    target = Target(y, weight, fit_intercept, offset=offset)
    other = Target(y - offset, weight, fit_intercept)
    for name in ("y", "y_mean", "y_norm", "residual", "null_loss", "objective_unit"):
        assert_array_equal(getattr(target, name), getattr(other, name))
    assert_array_equal(target.observed, y)
    moved = target.with_weight(np.ones(12))
    assert_array_equal(moved.residual, Target(y - offset, np.ones(12), fit_intercept).residual)
    rows, eta = np.array([3, 1]), rng.standard_normal((2, 4))
    assert_allclose(target.mean_of(rows, eta), eta + offset[rows, np.newaxis])
    assert_allclose(target.mean_of(rows, eta[:, 0]), eta[:, 0] + offset[rows])


def test_samples_without_weight_do_not_count(rng):
    y = rng.standard_normal(12)
    weight = np.append(0.0, np.full(11, 12 / 11))
    other = y.copy()
    other[0] = 1e300
    assert_array_equal(Target(y, weight).residual, Target(other, weight).residual)


def test_a_constant_target_leaves_nothing_to_explain():
    target = Target(np.full(4, 3.0))
    assert target.is_null
    assert target.y_norm == 1.0
    assert target.null_deviance == target.null_loss == target.dev_ratio(0.0) == 0.0


def test_targets_out_of_range():
    with pytest.raises(ValueError, match=r"The largest \|y\| is 1e\+200 and its squares leave"):
        Target(np.array([-1e200, 1e200]))


@targets
def test_the_gradient_is_computed_once(rng, shape):
    X, y = rng.standard_normal((12, 4)), rng.standard_normal(shape)
    design, target = Design(X), Target(y)
    gradient = target.gradient_at_zero(design.columns, 1)
    assert gradient is target.gradient_at_zero(design.columns, 1)
    assert not gradient.flags.writeable
    centred = (X - X.mean(axis=0)) / np.linalg.norm(X - X.mean(axis=0), axis=0)
    assert_allclose(gradient, (centred.T @ target.residual[..., :-1].T).T, atol=1e-14)


def test_a_design_without_target_has_none_of_its_attributes(rng):
    design = Design(rng.standard_normal((5, 2)))
    assert not design.has_target
    for name in ("y", "y_mean", "y_norm", "target", "objective_unit"):
        assert not hasattr(design, name)


def test_copies_and_pickles(rng):
    X, y = rng.standard_normal((9, 3)), rng.standard_normal(9)
    design = Design(X, y, np.arange(9.0))
    gradient, gram = design.gradient_at_zero(), design.gram
    for other in (copy.copy(design), copy.deepcopy(design), pickle.loads(pickle.dumps(design))):
        assert_array_equal(other.target, design.target)
        assert_array_equal(other.gradient_at_zero(), gradient)
        assert_array_equal(other.gram, gram)
        moved = other.with_weight(np.ones(9))
        assert_allclose(moved.y_mean, y.mean())
        assert not moved.has_gram
        assert_allclose(moved.gradient_at_zero(), Design(X, y).gradient_at_zero(), atol=1e-15)
