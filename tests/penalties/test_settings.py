"""Checks of penalties: settings, steps, shapes."""

import numpy as np
import pytest

from softreg_fast.nn import L1, MCP, SCAD, ElasticNet, GroupLasso


@pytest.mark.parametrize(
    "penalty",
    [
        L1(strength=1.0),
        GroupLasso(strength=1.0),
        GroupLasso(strength=1.0, groups=np.eye(2, 3, 0, int)),
    ],
)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_negative_steps_are_refused(kind, penalty):
    array = np.array if kind == "numpy" else pytest.importorskip("torch").tensor
    z = array(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shape \(2, 2\); expected .* \(2, 3\)"):
        penalty.prox(z, array(np.ones((2, 2))))
    with pytest.raises(ValueError, match=r"must be >= 0, got -0\.5"):
        penalty.prox(z, -0.5)
    with pytest.raises(ValueError, match=r"must be >= 0, got -2"):
        penalty.prox(z, array(np.array([[0.0, 1.0, 1.0], [1.0, -2.0, 1.0]])))


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: L1(strength=-1.0), "strength must be a number >= 0"),
        (lambda: L1(strength=float("nan")), "strength must be"),
        (lambda: L1(strength="1"), "strength must be"),
        (lambda: ElasticNet(strength=1.0, l1_ratio=2.0), "l1_ratio must be a number >= 0 and <= 1"),
        (lambda: MCP(strength=1.0, gamma=0.0), "gamma must be a number > 0"),
        (lambda: SCAD(strength=1.0, a=2.0), "a must be a number > 2"),
        (lambda: L1(strength=1.0, weights=[-1.0]), "finite numbers >= 0, got -1.$"),
        (lambda: L1(strength=1.0, weights=[1.0, np.inf]), "got inf; exclude a feature"),
        (lambda: L1(strength=1.0).prox([1.0], 1.0), "NumPy array, a PyTorch tensor or"),
        (lambda: GroupLasso(strength=1.0, groups=2).prox(np.ones((3, 2)), 1.0), "names no axis"),
        (lambda: GroupLasso(strength=1.0, size=2).prox(np.ones((3, 2)), 1.0), "does not divide"),
        (
            lambda: GroupLasso(strength=1.0, groups=np.zeros(3, int)).prox(np.ones((3, 2)), 1.0),
            "of the shape of the weights",
        ),
        (
            lambda: GroupLasso(strength=1.0, group_weights=[1.0]).prox(np.ones((3, 2)), 1.0),
            "expected 3 finite numbers",
        ),
        (
            lambda: GroupLasso(strength=0.0, group_weights=[np.inf] * 3).prox(np.ones((3, 2)), 1.0),
            "expected 3 finite numbers",
        ),
        (lambda: GroupLasso(strength=1.0, groups=np.zeros((2, 2), int), size=2), "size=2 is for"),
        (lambda: GroupLasso(strength=1.0, groups=0.5), "groups must be an integer, got 0.5"),
        (lambda: GroupLasso(strength=1.0, groups=True), "groups must be an integer, got True"),
        (lambda: GroupLasso(strength=1.0, size=1.5), "size must be an integer, got 1.5"),
        (lambda: GroupLasso(strength=1.0, size=0), "size must be a number >= 1"),
    ],
)
def test_bad_penalties(make, wanted):
    with pytest.raises((ValueError, TypeError), match=wanted):
        make()


def test_weights_are_no_dict():
    with pytest.raises(TypeError, match=r"must be an array of numbers >= 0.* got {'a': 0.0}"):
        MCP(weights={"a": 0.0})
