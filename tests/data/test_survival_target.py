"""SurvivalTarget: risk sets of users who share a target."""

import copy
import pickle

import numpy as np
from numpy.testing import assert_array_equal

from softreg_fast.data.survival import as_survival
from softreg_fast.data.survival_target import SurvivalTarget


def test_risk_sets_are_the_same_in_copies_and_with_other_weights(rng):
    y = as_survival(np.column_stack([rng.integers(1, 9, 30), rng.random(30) < 0.7]), 30).y
    target, z = SurvivalTarget(y), rng.standard_normal(30)
    assert target.risk_sets() is not target.risk_sets()
    for other in (pickle.loads(pickle.dumps(target)), copy.deepcopy(target), copy.copy(target)):
        for found, expected in zip(
            other.risk_sets().evaluate(z), target.risk_sets().evaluate(z), strict=True
        ):
            assert_array_equal(found, expected)
    weight = rng.random(30) + 0.5
    weight /= weight.mean()
    weighted = target.with_weight(weight).risk_sets().evaluate(z)
    assert_array_equal(weighted[1], SurvivalTarget(y, weight).risk_sets().evaluate(z)[1])
    assert weighted[0] != target.risk_sets().evaluate(z)[0]
