"""Penalties of single weights: proximal steps against brute force, optimality, layouts."""

import numpy as np
import penalty_oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import penalties
from softreg_fast.kernels._prox import KINDS
from softreg_fast.penalties import GroupLasso, LHalf, LogSum, SparseGroupLasso
from softreg_fast.penalties.elementwise import Elementwise

STEPS = [1e-3, 0.3, 1.0, 1.8, 1.9, 2.5, 3.9, 4.5, 30.0]


@pytest.fixture(params=penalty_oracles.ELEMENTWISE)
def elementwise(request):
    """Return a penalty of single weights and its formula."""
    settings, formula = penalty_oracles.ELEMENTWISE[request.param]
    return getattr(penalties, request.param)(**settings), formula


def test_every_penalty_has_an_oracle_and_compiled_steps():
    public = [getattr(penalties, name) for name in penalties.__all__]
    kinds = [each for each in public if isinstance(each, type)]
    classes = [each for each in kinds if issubclass(each, Elementwise)]
    assert {each.__name__ for each in classes} == set(penalty_oracles.ELEMENTWISE)
    assert {each.kind for each in classes} == KINDS.keys() - {"nothing"}


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


@pytest.mark.parametrize("unit", [1e-140, 1e140])
def test_log_sum_has_no_unit(rng, array, unit):
    z = 2.0 * rng.standard_normal(50)
    penalty = LogSum(strength=0.7, eps=0.4)
    scaled = LogSum(strength=0.7 * unit * unit, eps=0.4 * unit)
    found = np.asarray(scaled.prox(array(z * unit), 1.0)) / unit
    assert_allclose(found, np.asarray(penalty.prox(array(z), 1.0)), rtol=1e-12)


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
