"""Penalties of groups: optimal proximal steps, groups that become zero together, group weights."""

from dataclasses import replace

import numpy as np
import penalty_oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.nn import GroupLasso, SparseGroupLasso

GROUPS = {
    "neurons": {"groups": 0},
    "inputs": {"groups": 1},
    "last": {"groups": -1},
    "heads": {"groups": 0, "size": 3},
    "labels": {"groups": np.arange(48).reshape(6, 4, 2) % 7 - 1},
}


@pytest.fixture(params=GROUPS)
def groups(request):
    """Return the groups of the weights of an array (6, 4, 2)."""
    return GROUPS[request.param]


def labels_of(groups):
    if np.ndim(groups["groups"]):
        return groups["groups"]
    index = np.indices((6, 4, 2))[groups["groups"]]
    return index // groups.get("size", 1)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0])
def test_groups_are_optimal(rng, groups, array, l1_ratio, spread):
    penalty = SparseGroupLasso(strength=0.3, l1_ratio=l1_ratio, **groups)
    labels = labels_of(groups)
    z = rng.standard_normal((6, 4, 2)) * rng.choice([0.1, 3.0], 8 * 6).reshape(6, 4, 2)
    t = np.exp(spread * rng.standard_normal((6, 4, 2)))
    x = np.asarray(penalty.prox(array(z), array(t)))
    gradient = (x - z) / t
    assert_array_equal(x[labels < 0], z[labels < 0])
    for g in range(labels.max() + 1):
        inside = labels == g
        strength = 0.3 * np.sqrt(inside.sum())
        distance = penalty_oracles.group_distance(
            x[inside], gradient[inside], (1 - l1_ratio) * strength, 0.3 * l1_ratio
        )
        assert distance <= 1e-9 * (1.0 + np.linalg.norm(gradient[inside]))
    violation = np.asarray(penalty.violation(array(x), array(gradient)))
    sizes = np.array([np.linalg.norm(gradient[labels == g]) for g in range(labels.max() + 1)])
    assert (violation <= 1e-9 * (1.0 + sizes)).all()
    moved = np.asarray(penalty.violation(array(x), array(gradient + 5.0 * np.abs(gradient).max())))
    assert (moved > 0.0).all()


def test_groups_vanish_together(rng, groups, array):
    z = rng.standard_normal((6, 4, 2))
    labels = labels_of(groups)
    sizes = np.array([np.linalg.norm(z[labels == g]) for g in range(labels.max() + 1)])
    counts = np.array([(labels == g).sum() for g in range(labels.max() + 1)])
    strength = np.median(sizes / np.sqrt(counts))
    x = np.asarray(GroupLasso(strength=strength, **groups).prox(array(z), 1.0))
    for g, (size, count) in enumerate(zip(sizes, counts, strict=True)):
        rest = max(1.0 - strength * np.sqrt(count) / size, 0.0)
        assert_allclose(x[labels == g], rest * z[labels == g], rtol=1e-12)
        assert rest > 0.0 or not x[labels == g].any()


def test_value_of_groups(rng, groups, array):
    w, labels = rng.standard_normal((6, 4, 2)), labels_of(groups)
    penalty = SparseGroupLasso(strength=0.3, l1_ratio=0.25, **groups)
    wanted = sum(
        0.75 * np.sqrt((labels == g).sum()) * np.linalg.norm(w[labels == g])
        for g in range(labels.max() + 1)
    )
    wanted = 0.3 * (wanted + 0.25 * np.abs(w[labels >= 0]).sum())
    assert_allclose(penalty.value(array(w)), wanted, rtol=1e-12)


def test_steps_of_zero_hold_weights(rng, array):
    z, t = rng.standard_normal((5, 6)), np.ones((5, 6))
    t[:, 0] = 0.0
    x = np.asarray(GroupLasso(strength=100.0).prox(array(z), array(t)))
    assert_array_equal(x[:, 0], z[:, 0])


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
@pytest.mark.parametrize("groups", [0, 1])
def test_groups_of_nothing(array, shape, groups):
    penalty, w = SparseGroupLasso(strength=0.3, groups=groups), array(np.zeros(shape))
    assert penalty.prox(w, 0.5).shape == shape
    assert penalty.value(w) == 0.0
    assert penalty.violation(w, w).shape == (shape[groups],)


def test_groups_without_strength(array):
    for penalty in (GroupLasso(strength=0.0), GroupLasso(strength=1.0, group_weights=[0.0, 0.0])):
        x = np.asarray(penalty.prox(array([[-0.0, 1.0], [0.0, -2.0]]), 0.5))
        assert_array_equal(x, [[0.0, 1.0], [0.0, -2.0]])
        assert not np.signbit(x[x == 0.0]).any()


def test_group_weights(rng, array):
    z = rng.standard_normal((5, 6))
    x = np.asarray(GroupLasso(strength=1.0, group_weights=[0, 99, 0, 99, 0]).prox(array(z), 1.0))
    assert_array_equal(x, z * np.array([1, 0, 1, 0, 1])[:, np.newaxis])


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
@pytest.mark.parametrize("labels", [False, True], ids=["axis", "labels"])
@pytest.mark.parametrize("steps", [False, True], ids=["one step", "steps"])
def test_steps_with_an_l2_part_are_optimal(rng, array, l1_ratio, labels, steps):
    groups = np.arange(24).reshape(6, 4) % 5 - 1 if labels else 0
    penalty = SparseGroupLasso(strength=0.3, groups=groups, l1_ratio=l1_ratio, l2_ratio=0.4)
    plain = replace(penalty, strength=0.3 * 0.6, l2_ratio=0.0)
    z = rng.standard_normal((6, 4)) * rng.choice([0.1, 3.0], (6, 1))
    t = np.exp(rng.standard_normal((6, 4))) if steps else 0.7
    x = np.asarray(penalty.prox(array(z), array(t) if steps else t))
    gradient = (x - z) / t
    assert np.asarray(penalty.violation(array(x), array(gradient))).max() <= 1e-9
    member = groups >= 0 if labels else np.ones((6, 4), bool)
    sizes = np.bincount(groups[member]) if labels else np.full(6, 4)
    number = np.where(member, groups, 0) if labels else np.indices((6, 4))[0]
    l2 = 0.3 * 0.4 * np.sqrt(sizes)[number] * member
    assert plain.violation(x, gradient + l2 * x).max() <= 1e-9
    value = plain.value(x) + 0.5 * np.sum(l2 * x * x)
    assert penalty.value(x) == pytest.approx(value, rel=1e-12)
