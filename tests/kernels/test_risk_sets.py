"""RiskSets: Cox's loss, its derivatives and its part of the gap, against risk sets written out."""

import cox_cases as cases
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.kernels._risk_sets import RiskSets
from softreg_fast.losses.cox import Cox, times_of

EVERY = [
    (strata, late, ties, efron)
    for strata in (1, 3)
    for late in (0.0, 0.5, 1.0)
    for ties in (False, True)
    for efron in (False, True)
]

each_kind = pytest.mark.parametrize(("strata", "late", "ties", "efron"), EVERY)


def make(rng, strata, late, ties, efron, n=40, weighted=True):
    """Return (risk sets, terms written out, times, weights)."""
    y = cases.data(rng, n, strata, late, ties)
    s = np.where(rng.random(n) < 0.2, 0.0, rng.random(n) + 0.1) if weighted else np.ones(n)
    s[0] = 1.0
    times = times_of(y, s)
    return Cox("efron" if efron else "breslow").risk_sets(times, s), cases.terms(y, s, efron), times


@each_kind
@pytest.mark.parametrize("size", [0.1, 1.0, 20.0])
def test_the_loss_and_its_derivatives(rng, strata, late, ties, efron, size):
    sets, T, _ = make(rng, strata, late, ties, efron)
    z, step = size * rng.standard_normal((2, 40))
    value, residual, d = sets.evaluate(z)
    assert_allclose(value, cases.value(T, z), rtol=1e-12)
    assert_allclose(residual, cases.residual(T, z), atol=1e-12)
    assert abs(residual.sum()) <= 1e-13 * 40
    assert_allclose(d, T.weight @ cases.distributions(T, z), atol=1e-12)
    assert_allclose(sets.curve(z, step), cases.hessian(T, z) @ step, atol=1e-11 * size)


@each_kind
def test_the_part_of_the_gap_at_the_residual(rng, strata, late, ties, efron):
    sets, T, times = make(rng, strata, late, ties, efron)
    z = rng.standard_normal(40)
    q = cases.distributions(T, z)
    single = np.bincount(times.own[times.own >= 0]).max() == 1
    assert sets.part(z, 1.0) == 0.0
    for k in (0.0, 0.3, 0.9, 0.999, 1.0 - 1e-6):
        exact = cases.entropy(T, (1.0 - k) * T.x + k * q, z)
        found = sets.part(z, k)
        assert found >= exact * (1.0 - 1e-9) - 1e-14
        if single:
            assert_allclose(found, exact, rtol=1e-8, atol=1e-14)
    assert_allclose(sets.part(z, 0.0), exact_at_zero(T, z), rtol=1e-12)
    near = 1.0 - 1e-6  # to the second order the bound is exact
    exact = cases.entropy(T, (1.0 - near) * T.x + near * q, z)
    assert_allclose(sets.part(z, near), exact, rtol=1e-3)


def exact_at_zero(T, z):
    """Return the loss less its infimum."""
    return cases.entropy(T, T.x, z)


@each_kind
@pytest.mark.parametrize("far", [0.0, 0.2])
def test_the_part_of_the_gap_at_a_predicted_residual(rng, strata, late, ties, efron, far):
    sets, T, _ = make(rng, strata, late, ties, efron)
    before = rng.standard_normal(40)
    reference = before + far * rng.standard_normal(40)
    q, q_ref = cases.distributions(T, before), cases.distributions(T, reference)
    for size in (0.3, 0.05, 1e-3):
        step = size * rng.standard_normal(40) + 0.7  # a constant changes nothing
        after = before + step
        u = q + q_ref * (step - (q_ref @ step)[:, np.newaxis])
        # minus the gradient of the model, as the weighted sum of the distributions says
        predicted = sets.evaluate(before)[1] - sets.curve(reference, step)
        assert_allclose(T.weight @ (T.x - u), predicted, atol=1e-12)
        for k in (0.0, 0.9, 0.9999, 1.0):
            found = sets.part(after, k, before, reference)
            if np.isfinite(found):
                assert u.min() >= -1e-15
                exact = cases.entropy(T, (1.0 - k) * T.x + k * np.maximum(u, 0.0), after)
                assert found >= exact - 1e-13
                if size == 1e-3 and k > 0.9:
                    assert found <= 4.0 * exact + 1e-13
        assert size > 0.05 or np.isfinite(found)


def test_a_prediction_outside_the_domain_is_refused(rng):
    y = cases.data(rng, 40)
    sets = Cox().risk_sets(times_of(y, None), None)
    before, step = rng.standard_normal(40), np.zeros(40)
    step[np.argmax(y[:, 1])] = 1.01
    assert sets.part(before + step, 1.0, before, before) == np.inf


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_large_predictors(rng, late):
    # sums over those at risk, in which one sample may exceed all others by e^300
    sets, T, _ = make(rng, 2, late, True, True)
    z = 150.0 * rng.random(40) + 1e3
    value, residual, _ = sets.evaluate(z)
    assert_allclose(value, cases.value(T, z), rtol=1e-12)
    assert_allclose(residual, cases.residual(T, z), atol=1e-12)
    assert sets.evaluate(1e3 * rng.standard_normal(40))[0] == np.inf
    z[0] = np.nan
    assert not np.isfinite(sets.evaluate(z)[0])


@each_kind
def test_losses_at_several_predictors(rng, strata, late, ties, efron):
    sets, _, _ = make(rng, strata, late, ties, efron)
    z = rng.standard_normal((5, 40)) * [[0.0], [1.0], [1e3], [0.1], [1.0]]
    assert_array_equal(sets.losses(z), [sets.evaluate(each)[0] for each in z])


def test_late_entry_loses_no_digits():
    # differences of sums would lose those of the last event to the sample that has left
    y = np.array([[-np.inf, 1, 0, 0], [-np.inf, 2, 1, 0], [1.5, 3, 1, 0], [2.5, 4, 0, 0]])
    z = np.array([60.0, 40.0, -2.0, -3.0])
    T = cases.terms(y, np.ones(4), False)
    sets = Cox().risk_sets(times_of(y, None), None)
    assert_allclose(sets.evaluate(z)[1], cases.residual(T, z), rtol=1e-14)


def test_hazards_are_those_of_breslow(rng):
    sets, T, _ = make(rng, 1, 0.5, False, False, weighted=False)
    z = rng.standard_normal(40)
    assert_allclose(sets.hazards(z), T.weight / (T.c @ np.exp(z)), rtol=1e-13)


def test_times_without_an_event_are_refused():
    ones = np.ones(2, np.intp)
    with pytest.raises(ValueError, match="every time wants an event"):
        RiskSets(0 * ones, 0 * ones, -ones, 0 * ones, ones, np.ones(2), False)
    sets = Cox().risk_sets(times_of(np.array([[-1.0, 1, 1, 0], [-1, 2, 1, 0]]), None), None)
    with pytest.raises(ValueError, match="one entry per sample"):
        sets.evaluate(np.zeros(3))
    with pytest.raises(ValueError, match="one entry per sample"):
        sets.losses(np.zeros((2, 3)))


def test_a_sample_that_counts_for_nothing_may_enter_late(rng):
    # then sums are made another way
    for strata, ties, efron in ((1, False, False), (3, True, False), (3, True, True)):
        y, loss = cases.data(rng, 40, strata, 0.0, ties), Cox("efron" if efron else "breslow")
        last = y[:, 1].max()
        more, s = np.vstack([y, [[0.5 * last, last + 1.0, 0.0, 0.0]]]), np.append(np.ones(40), 0.0)
        plain = loss.risk_sets(times_of(y, None), None)
        late = loss.risk_sets(times_of(more, s), s)
        z, before, reference, step = 0.01 * rng.standard_normal((4, 41))
        for found, expected in zip(
            (*late.evaluate(z), late.curve(z, step), late.hazards(z)),
            (*plain.evaluate(z[:40]), plain.curve(z[:40], step[:40]), plain.hazards(z[:40])),
            strict=True,
        ):
            found = found[:40] if np.size(found) == 41 else found
            assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
        for old, base in ((before, before), (before, reference)):
            for k in (1.0, 0.999, 0.5):
                expected = plain.part(z[:40], k, old[:40], base[:40])
                assert 0.0 < expected < np.inf
                assert_allclose(late.part(z, k, old, base), expected, rtol=1e-9, atol=1e-13)


@each_kind
def test_twins_have_storage_of_their_own(rng, strata, late, ties, efron):
    sets, _, _ = make(rng, strata, late, ties, efron)
    z, old = 0.01 * rng.standard_normal((2, 40))
    expected, twin = sets.part(z, 0.9, old, old), sets.twin()
    assert twin.part(100.0 * z, 0.9) != expected
    assert twin.part(z, 0.9, old, old) == sets.part(z, 0.9, old, old) == expected
    assert twin.twin().evaluate(z)[0] == sets.evaluate(z)[0]
