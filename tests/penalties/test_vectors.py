"""Penalty: from arguments to the vectors l1, l2, lower, upper."""

import numpy as np
import oracles
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import INF
from scipy.optimize import Bounds

from softreg_fast import Penalty


@pytest.mark.parametrize("name", problems.PENALTIES)
def test_vectors_are_those_of_the_definition(rng, name):
    p = 11
    options = problems.PENALTIES[name](rng, p)
    problem = oracles.problem_of(np.ones((2, p)), np.ones(2), **options)
    penalty = Penalty(**options)
    vectors = penalty.vectors(p)
    l1_strength, l2_strength = penalty.strengths
    assert_allclose(l1_strength * vectors.l1, problem.l1.astype(float), rtol=1e-15)
    assert_allclose(l2_strength * vectors.l2, problem.l2.astype(float), rtol=1e-15)
    assert_array_equal(vectors.lower, problem.lower)
    assert_array_equal(vectors.upper, problem.upper)
    for vector in vectors:
        assert vector.shape == (p,)
        assert vector.dtype == np.float64


def test_defaults_are_the_lasso():
    penalty = Penalty()
    assert penalty.strengths == (1.0, 0.0)
    l1, l2, lower, upper = penalty.vectors(3)
    assert_array_equal(l1, 1.0)
    assert_array_equal(l2, 0.0)
    assert_array_equal(lower, -INF)
    assert_array_equal(upper, INF)


@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.0, 0.5), (1.0, 1.0), (2.0, 0.25), (1.0, 0.0)])
def test_what_the_strengths_make_of_the_weights(alpha, l1_ratio):
    penalty = Penalty(alpha, l1_ratio, [1.0, 2.0, INF], [3.0, 4.0, 5.0])
    l1, l2, _, _ = penalty.vectors(3)
    assert_allclose(penalty.strengths[0] * l1, alpha * l1_ratio * np.array([1.0, 2.0, 0.0]))
    assert_allclose(penalty.strengths[1] * l2, alpha * (1 - l1_ratio) * np.array([3.0, 4.0, 0.0]))


def test_strengths():
    assert_allclose(Penalty(2.0, 0.25).strengths, (0.5, 1.5))
    assert Penalty(0.0, 0.5).strengths == (0.0, 0.0)
    assert Penalty(l2=[1.0, 2.0]).strengths == (1.0, 1.0)


@pytest.mark.parametrize(
    "bounds",
    [
        (-1.0, 2.0),
        [-1, 2],
        (np.full(3, -1.0), 2),
        np.array([[-1.0] * 3, [2.0] * 3]),
        Bounds(-1.0, 2.0),
        Bounds([-1.0] * 3, [2.0] * 3),
    ],
)
def test_ways_to_say_the_same_bounds(bounds):
    _, _, lower, upper = Penalty(bounds=bounds).vectors(3)
    assert_array_equal(lower, [-1.0] * 3)
    assert_array_equal(upper, [2.0] * 3)


def test_one_sided_bounds():
    _, _, lower, upper = Penalty(bounds=(None, 1.0)).vectors(2)
    assert_array_equal(lower, -INF)
    assert_array_equal(upper, 1.0)
    _, _, lower, upper = Penalty(bounds=(-1.0, None), positive=True).vectors(2)
    assert_array_equal(lower, 0.0)
    assert_array_equal(upper, INF)


def test_infinite_weights_exclude():
    penalty = Penalty(1.0, 0.5, l1_weights=[1, INF, 1], l2_weights=[1, 1, INF])
    l1, l2, lower, upper = penalty.vectors(3)
    assert_array_equal(l1, [1.0, 0.0, 0.0])
    assert_array_equal(l2, [1.0, 0.0, 0.0])
    assert_array_equal(lower, [-INF, 0.0, 0.0])
    assert_array_equal(upper, [INF, 0.0, 0.0])
    with pytest.raises(ValueError, match="Feature 1 is excluded"):
        Penalty(l1_weights=[1, INF], bounds=(0.5, 2.0)).vectors(2)


def test_arguments_are_copied_not_kept():
    given = np.array([1.0, 2.0, 3.0])
    penalty = Penalty(l1_weights=given, l2_weights=given, bounds=(given, given))
    vectors = penalty.vectors(3)
    for vector in vectors:
        assert not np.shares_memory(vector, given)
    given.flags.writeable = False
    assert_array_equal(penalty.vectors(3).l1, vectors.l1)


@pytest.mark.parametrize(
    ("options", "is_ridge"),
    [
        ({"l2": 1.0}, True),
        ({"l2": [1.0, 0.0, INF]}, True),
        ({"l2": 1.0, "l1": [0.0, 0.0, 0.1]}, False),
        ({"l2": 1.0, "positive": True}, False),
        ({"l2": 1.0, "bounds": ([-INF, -1, -INF], None)}, False),
        ({"l2": 1.0, "bounds": ([-INF, 0, -INF], [INF, 0, INF])}, True),
        ({}, False),
    ],
)
def test_is_ridge(options, is_ridge):
    assert Penalty(**options).vectors(3).is_ridge == is_ridge


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": -1.0}, ValueError, "alpha"),
        ({"alpha": INF}, ValueError, "alpha"),
        ({"alpha": np.nan}, ValueError, "alpha"),
        ({"alpha": "much"}, TypeError, "alpha"),
        ({"alpha": True}, TypeError, "alpha"),
        ({"l1_ratio": 1.5}, ValueError, "l1_ratio"),
        ({"l1_ratio": -0.1}, ValueError, "l1_ratio"),
        ({"l1_weights": [1.0, -1.0]}, ValueError, r"l1_weights\[1\]"),
        ({"l2_weights": [np.nan, 1.0]}, ValueError, r"l2_weights\[0\]"),
        ({"l1_weights": [1.0, 1.0, 1.0]}, ValueError, r"\(3,\)"),
        ({"l1_weights": ["a", "b"]}, TypeError, "real numbers"),
        ({"bounds": 3.0}, ValueError, "pair"),
        ({"bounds": (1.0, -1.0)}, ValueError, "no number"),
        ({"bounds": (INF, INF)}, ValueError, "no number"),
        ({"bounds": ([0.0, np.nan], 1.0)}, ValueError, "feature 1 is NaN"),
        ({"bounds": (-2.0, -1.0), "positive": True}, ValueError, "positive"),
        ({"l1": [1.0, -2.0]}, ValueError, r"l1\[1\]"),
        ({"l1": 1.0, "alpha": 2.0}, ValueError, "alpha"),
        ({"l2": 1.0, "l1_weights": [1.0, 2.0]}, ValueError, "l1_weights"),
        ({"l2": 1.0, "l2_weights": np.ones(2)}, ValueError, "l2_weights"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        Penalty(**options).vectors(2)
