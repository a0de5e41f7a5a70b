"""MultiTaskDesign: targets, weights, units."""

import problems
import pytest
from multi_task import tasks_of
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign


@pytest.fixture
def data(rng):
    """Return 50 samples, 20 correlated features, 4 tasks."""
    X, _ = problems.make_data(rng, 50, 20)
    return X, tasks_of(rng, X, 4)


def test_designs_keep_what_they_are_given(data, rng):
    X, Y = data
    s = problems.sample_weights(rng, 50)
    design = MultiTaskDesign(X, Y, s)
    again = MultiTaskDesign(X, sample_weight=s).with_target(Y)
    assert_array_equal(design.target, again.target)
    assert_allclose(design.gradient_at_zero(), again.gradient_at_zero())
    one = Design(X, Y[:, 0], s)
    single = MultiTaskDesign(X, Y[:, :1], s)
    assert_allclose(single.target[0], one.target, atol=1e-15)
    assert_allclose(single.y_norm, one.y_norm, rtol=1e-14)
    with pytest.raises(ValueError, match=r"y has shape \(50,\); expected a matrix"):
        MultiTaskDesign(X, Y[:, 0])
    with pytest.raises(ValueError, match="squares leave the range"):
        MultiTaskDesign(X, 1e200 * Y)
