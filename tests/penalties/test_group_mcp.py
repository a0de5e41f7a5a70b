"""GroupMCP's proximal step and violation, on arrays and tensors."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.penalties import MCP, GroupLasso, GroupMCP

LABELS = np.arange(24).reshape(6, 4) % 5 - 1


def objective(penalty, x, z, t):
    return np.sum(np.square(x - z) / (2.0 * t)) + penalty.value(x)


@pytest.mark.parametrize("groups", [0, LABELS], ids=["axis", "labels"])
@pytest.mark.parametrize("l2_ratio", [0.0, 0.3])
def test_steps_shorter_than_gamma_are_minima(rng, array, groups, l2_ratio):
    penalty = GroupMCP(strength=0.4, groups=groups, gamma=2.0, l2_ratio=l2_ratio)
    z = rng.standard_normal((6, 4)) * rng.choice([0.1, 1.0, 5.0], (6, 1))
    t = rng.uniform(0.0, 1.9, (6, 4))
    x = np.asarray(penalty.prox(array(z), array(t)))
    gradient = (x - z) / np.where(t > 0, t, 1.0)
    assert np.asarray(penalty.violation(array(x), array(gradient))).max() <= 1e-9
    least = objective(penalty, x, z, t)
    for size in (1e-3, 1.0):
        for _ in range(20):
            assert objective(penalty, x + size * rng.standard_normal((6, 4)), z, t) >= least


@pytest.mark.parametrize("step", [1.0, 3.0, 7.0])
def test_groups_of_one_are_mcp(rng, array, step):
    z = 4.0 * rng.standard_normal((40, 1))
    one = GroupMCP(strength=0.7).prox(array(z), step)
    assert_allclose(one, MCP(strength=0.7).prox(z, step), atol=1e-14)
    t = rng.uniform(0.1, 6.0, (40, 1))
    one = GroupMCP(strength=0.7).prox(array(z), array(t))
    assert_allclose(one, MCP(strength=0.7).prox(z, t), atol=1e-14)


def test_limits(rng, array):
    z = rng.standard_normal((6, 4))
    flat = GroupMCP(strength=0.3, gamma=1e12).prox(array(z), 1.0)
    assert_allclose(flat, GroupLasso(strength=0.3).prox(z, 1.0), atol=1e-10)
    assert_array_equal(GroupMCP(strength=0.3).prox(array(100.0 * z), 1.0), 100.0 * z)
    free = GroupMCP(strength=5.0, groups=LABELS).prox(array(z), 1.0)
    assert_array_equal(np.asarray(free)[LABELS < 0], z[LABELS < 0])
    assert not np.asarray(free)[LABELS >= 0].any()
    assert_array_equal(GroupMCP(strength=0.0).prox(array(z), 1.0), z)


def test_values_are_integrals_of_pulls(rng):
    penalty = GroupMCP(strength=0.5, gamma=2.0, group_weights=[1.0])
    w = rng.standard_normal((1, 3))
    for size in (0.2, 0.9, 5.0):
        x = size * w / np.linalg.norm(w)
        up, down = (penalty.value(x * f) for f in (1.0 + 1e-6, 1.0 - 1e-6))
        slope = (up - down) / (2e-6 * size)
        assert slope == pytest.approx(max(0.5 - size / 2.0, 0.0), abs=1e-8)
    kept = replace(penalty, groups=np.zeros((1, 3), int)).take((1, 3), (None, np.array([0, 2])))
    assert isinstance(kept, GroupMCP)
    assert kept.gamma == 2.0
