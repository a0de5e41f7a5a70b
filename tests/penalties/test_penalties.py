"""Penalties of networks: proximal steps against brute force, both forms, optimality, layouts."""

import sys

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.nn import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    SparseGroupLasso,
)

ELEMENTWISE = {
    "l1": (L1(strength=0.7), lambda x: 0.7 * abs(x)),
    "l2": (L2(strength=0.7), lambda x: 0.35 * x**2),
    "elastic net": (ElasticNet(strength=0.7, l1_ratio=0.3), lambda x: 0.21 * abs(x) + 0.245 * x**2),
    "mcp": (MCP(strength=0.7, gamma=1.8), lambda x: oracles.mcp(x, 0.7, 1.8)),
    "scad": (SCAD(strength=0.7, a=2.9), lambda x: oracles.scad(x, 0.7, 2.9)),
    "l_half": (LHalf(strength=0.7), lambda x: 0.7 * np.sqrt(abs(x))),
    "nothing": (NonNegative(positive=False), lambda x: 0.0 * x),
}
STEPS = [1e-3, 0.3, 1.0, 1.8, 1.9, 2.5, 3.9, 4.5, 30.0]


@pytest.fixture(params=ELEMENTWISE)
def elementwise(request):
    """Return a penalty of single weights and its formula."""
    return ELEMENTWISE[request.param]


@pytest.fixture(params=["numpy", "torch", "vectorised"])
def array(request, monkeypatch):
    """Return a function that makes arrays, tensors, or arrays that the kernels do not take."""
    if request.param == "torch":
        return pytest.importorskip("torch").tensor
    if request.param == "vectorised":
        for module in ("elementwise", "groups"):
            monkeypatch.setattr(f"softreg_fast.penalties.{module}.is_in_memory", lambda x: False)
    return np.array


def objective(formula, z, t, x):
    return (x - z) ** 2 / (2.0 * t) + formula(x)


@pytest.mark.parametrize("t", STEPS)
def test_prox_is_a_minimiser(rng, elementwise, array, t):
    penalty, formula = elementwise
    z = np.append(rng.standard_normal(60) * rng.choice([0.5, 2.0, 8.0], 60), [0.0, -0.0, 0.7, 2.1])
    x = np.asarray(penalty.prox(array(z), t))
    grid = np.concatenate([np.linspace(-1.0, 1.0, 4001) * 1.01 * np.abs(z).max(), [0.0], z])
    for zj, xj in zip(z, x, strict=True):
        assert objective(formula, zj, t, xj) <= objective(formula, zj, t, grid).min() + 1e-12
    assert not np.signbit(x[x == 0.0]).any()


def test_prox_of_weights_and_steps_of_their_own(rng, elementwise, array):
    penalty, _ = elementwise
    z, t = 2.0 * rng.standard_normal((7, 5)), rng.uniform(0.0, 6.0, (7, 5))
    t[0, 0] = 0.0
    weights = rng.uniform(0.0, 2.0, (7, 5))
    together = np.asarray(
        type(penalty)(**{**vars(penalty), "weights": weights}).prox(array(z), array(t), scale=0.5)
    )
    for k in np.ndindex(z.shape):
        alone = type(penalty)(**{**vars(penalty), "strength": penalty.strength * weights[k] * 0.5})
        assert_allclose(together[k], np.asarray(alone.prox(np.array([z[k]]), t[k]))[0], atol=1e-14)


def test_positive(rng, elementwise, array):
    penalty, formula = elementwise
    penalty = type(penalty)(**{**vars(penalty), "positive": True})
    z, t = 3.0 * rng.standard_normal(50), 0.8
    x = np.asarray(penalty.prox(array(z), t))
    assert (x >= 0.0).all()
    grid = np.append(np.linspace(0.0, 10.0, 4001), 0.0)
    for zj, xj in zip(z, x, strict=True):
        assert objective(formula, zj, t, xj) <= objective(formula, zj, t, grid).min() + 1e-12
    assert penalty.value(array(-np.ones(2))) == np.inf


def test_value(rng, elementwise, array):
    penalty, formula = elementwise
    w = 3.0 * rng.standard_normal((4, 6))
    assert_allclose(penalty.value(array(w)), formula(w).sum(), rtol=1e-13)


@pytest.mark.parametrize("positive", [False, True])
def test_fixed_points_are_stationary(rng, elementwise, array, positive):
    # x = prox(x - t g) for a small step exactly where -g is in the subdifferential at x
    penalty, _ = elementwise
    penalty = type(penalty)(**{**vars(penalty), "positive": positive})
    z, t = 3.0 * rng.standard_normal(80), 0.2
    x = np.asarray(penalty.prox(np.array(z), t))
    violation = np.asarray(penalty.violation(array(x), array((x - z) / t)))
    assert_allclose(violation, 0.0, atol=1e-12)
    moved = np.asarray(penalty.violation(array(x), array((x - z) / t + 2.0)))
    zero = x == 0.0
    assert_allclose(moved[~zero], 2.0, atol=1e-12)
    assert (moved[zero] <= 2.0 + 1e-12).all()
    if not positive and not isinstance(penalty, LHalf):  # its zeros are always stationary
        assert (np.asarray(penalty.violation(array(x), array((x - z) / t + 99.0))) > 0.0).all()


def test_float32(rng, elementwise):
    penalty, _ = elementwise
    z, t = 2.0 * rng.standard_normal(3000), rng.uniform(0.01, 5.0, 3000)
    x = penalty.prox(z.astype(np.float32), t.astype(np.float32))
    assert x.dtype == np.float32
    exact = penalty.prox(z.astype(np.float32).astype(float), t.astype(np.float32).astype(float))
    jumps = np.abs(x - exact) > 1e-4 * (1.0 + np.abs(exact))
    assert jumps.sum() <= 3  # rounding may decide on which side of a jump a weight is
    assert_allclose(x[~jumps], exact[~jumps], rtol=1e-4, atol=1e-5)


def test_one_thread_and_two(rng, elementwise, monkeypatch):
    penalty, _ = elementwise
    z, t = rng.standard_normal(250_001), rng.uniform(0.0, 3.0, 250_001)
    found = []
    for n in (1, 2, 4):
        monkeypatch.setattr("softreg_fast.penalties.elementwise.n_threads_for", lambda _, n=n: n)
        found.append(penalty.prox(z, t))
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


def test_nothing_is_written(rng, elementwise, array):
    penalty, _ = elementwise
    given = rng.standard_normal((5, 4)), rng.uniform(0.0, 1.0, (5, 4))
    z, t = (array(each) for each in given)
    penalty.prox(z, t)
    penalty.violation(z, t)
    penalty.value(z)
    for each, before in zip((z, t), given, strict=True):
        assert_array_equal(np.asarray(each), before)


@pytest.mark.parametrize("layout", ["C", "F", "reversed", "empty", "scalar"])
def test_shapes(rng, elementwise, layout):
    penalty, _ = elementwise
    z = rng.standard_normal((6, 5))
    z = {"C": z, "F": np.asfortranarray(z), "reversed": z[::-1, ::2], "empty": z[:0]}.get(
        layout, np.array(1.3)
    )
    assert_array_equal(penalty.prox(z, 0.5), penalty.prox(z.copy(), 0.5))
    assert penalty.prox(z, 0.5).shape == z.shape


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
def test_products_beyond_all_numbers(elementwise, array):
    penalty, _ = elementwise
    if penalty.strength == 0.0:
        pytest.skip("nothing is penalised")
    penalty = type(penalty)(**{**vars(penalty), "strength": 1e300})
    for t in (1.0, 1e300):
        x = np.asarray(penalty.prox(array([1.0, -2.0, 0.0]), t))
        assert_allclose(x, 0.0, atol=1e-299)


def test_numbers_next_to_nothing(array):
    z = np.array([1e-205, 1e-206, -2e-206, 1e-207, 1.0])
    x = np.asarray(LHalf(strength=1e-310).prox(array(z), 1.0))
    assert np.isfinite(x).all()
    assert (np.abs(x) <= np.abs(z)).all()
    assert_allclose(x[[0, 4]], z[[0, 4]], rtol=0.01)


# -- groups ----------------------------------------------------------------------------------------

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
        distance = oracles.group_distance(
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


def test_nan_stays_to_be_seen(array, elementwise):
    groups = np.array([[0, 1, -1], [0, 1, 1]])
    for penalty in (
        elementwise[0],
        GroupLasso(strength=1.0),
        GroupLasso(strength=1.0, groups=groups),
        SparseGroupLasso(strength=1.0, groups=groups),
    ):
        z = np.ones((2, 3))
        z[1, 1] = np.nan
        assert np.isnan(np.asarray(penalty.prox(array(z), 0.1))[1, 1])


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


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: L1(strength=-1.0), "strength must be a number >= 0"),
        (lambda: L1(strength=float("nan")), "strength must be"),
        (lambda: L1(strength="1"), "strength must be"),
        (lambda: ElasticNet(strength=1.0, l1_ratio=2.0), "l1_ratio must be a number >= 0 and <= 1"),
        (lambda: MCP(strength=1.0, gamma=0.0), "gamma must be a number > 0"),
        (lambda: SCAD(strength=1.0, a=2.0), "a must be a number > 2"),
        (lambda: L1(strength=1.0, weights=[-1.0]), "finite numbers >= 0"),
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


def test_without_torch(monkeypatch):
    import softreg_fast.nn as nn

    monkeypatch.setitem(sys.modules, "torch", None)
    for name, module in list(sys.modules.items()):
        if name.startswith("softreg_fast.nn.") and hasattr(module, "torch"):
            monkeypatch.delitem(sys.modules, name)
    for name in nn.FROM_TORCH:
        monkeypatch.delitem(vars(nn), name, raising=False)
        monkeypatch.delitem(sys.modules, f"softreg_fast.nn.{nn.FROM_TORCH[name]}", raising=False)
        assert name in dir(nn)
        with pytest.raises(ModuleNotFoundError, match="needs PyTorch: pip install"):
            getattr(nn, name)
    with pytest.raises(AttributeError, match="no attribute 'nobody'"):
        nn.nobody  # noqa: B018
