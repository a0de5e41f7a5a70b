"""Survival curves: textbook numbers, and properties that every estimate has."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pictures import assert_legible

from softreg_fast import Outcomes, SurvivalDisplay, losses, survival_by_risk_group
from softreg_fast.display.survival_display import kaplan_meier

# Freireich et al. (1963): weeks of remission under 6-MP, + censored; estimates and intervals as
# Stata's "sts list" prints them.
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSE = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PRINTED = {
    6: (0.8571, 0.6197, 0.9516),
    7: (0.8067, 0.5631, 0.9228),
    10: (0.7529, 0.5032, 0.8894),
    13: (0.6902, 0.4316, 0.8491),
    16: (0.6275, 0.3675, 0.8049),
    22: (0.5378, 0.2678, 0.7468),
    23: (0.4482, 0.1881, 0.6801),
}


def data(n=80, ties=False):
    rng = np.random.default_rng(0)
    risk = rng.normal(size=n)
    time = rng.exponential(np.exp(-risk)) + 0.1
    if ties:
        time = np.ceil(4.0 * time)
    return time, rng.random(n) < 0.7, risk


def test_a_textbook():
    (curve,) = survival_by_risk_group(WEEKS, RELAPSE, np.zeros(21), 1)
    assert_array_equal(curve.times, list(PRINTED))
    found = np.stack([curve.survival, curve.lower, curve.upper], axis=1)
    assert_allclose(found, list(PRINTED.values()), atol=6e-5)
    assert_array_equal(curve.at_risk([0, 6, 6.5, 10, 35, 36]), [21, 21, 17, 15, 1, 0])
    assert_allclose(curve.at([0, 5.9, 6, 8, 100]), [1, 1, 0.8571, 0.8067, 0.4482], atol=6e-5)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("truncated", [False, True])
def test_against_the_definition(ties, truncated):
    time, event, _ = data(ties=ties)
    rng = np.random.default_rng(1)
    start = time * rng.random(len(time)) if truncated else np.zeros(len(time))
    weight = rng.integers(1, 4, len(time)).astype(float)
    times, survival, _, _ = kaplan_meier(start, time, event, weight)
    left = 1.0
    for t, value in zip(times, survival, strict=True):
        at_risk = weight[(start < t) & (time >= t)].sum()
        left *= 1.0 - weight[(time == t) & event].sum() / at_risk
        assert value == pytest.approx(left, abs=1e-12)


def test_weights_are_rows():
    time, event, risk = data(ties=True)
    weight = np.random.default_rng(2).integers(0, 3, len(time))
    rows = np.repeat(np.arange(len(time)), weight)
    weighted = survival_by_risk_group(time, event, risk, sample_weight=weight)
    repeated = survival_by_risk_group(time[rows], event[rows], risk[rows])
    for curve, other in zip(weighted, repeated, strict=True):
        assert_array_equal(curve.times, other.times)
        for found, expected in zip(curve[2:5], other[2:5], strict=True):
            assert_allclose(found, expected, atol=1e-12)
        assert_allclose(curve.at_risk(curve.times), other.at_risk(other.times))


def test_monotone_times_change_the_axis_only():
    time, event, risk = data()
    for curve, other in zip(
        survival_by_risk_group(time, event, risk),
        survival_by_risk_group(np.exp(time), event, risk),
        strict=True,
    ):
        assert_allclose(np.exp(curve.times), other.times)
        assert_allclose(curve.survival, other.survival)


def test_groups():
    time, event, risk = data(90)
    curves = survival_by_risk_group(time, event, risk, 3)
    assert [curve.name for curve in curves] == ["low risk", "middle risk", "high risk"]
    assert [len(curve.exit) for curve in curves] == [30, 30, 30]
    order = np.argsort(risk)
    for k, curve in enumerate(curves):
        assert_array_equal(np.sort(curve.exit), np.sort(time[order[30 * k : 30 * k + 30]]))
    assert [curve.name for curve in survival_by_risk_group(time, event, risk, 5)][4] == (
        "group 5 of 5"
    )
    tied = survival_by_risk_group(time, event, np.round(risk), 3)
    values = [np.unique(np.round(risk)[np.isin(time, curve.exit)]) for curve in tied]
    assert len(np.concatenate(values)) == len(np.unique(np.round(risk)))  # equal risks together
    (alone,) = survival_by_risk_group(time, event, np.zeros(90), 3)
    assert len(alone.exit) == 90


def test_the_last_event_of_all():
    (curve,) = survival_by_risk_group([1.0, 2.0], [1, 1], [0.0, 0.0], 1, sample_weight=[0.1, 0.2])
    assert_allclose(curve.survival, [2.0 / 3.0, 0.0])
    assert_array_equal(curve.lower[-1:], [0.0])
    assert np.all(np.isfinite(curve.upper))


def test_curves_as_drawn():
    time, event, risk = data(90)
    picture = SurvivalDisplay.from_predictions(time, event, risk)
    for line, curve in zip(picture.lines_, picture.curves, strict=True):
        assert line.get_label() == curve.name
        assert_allclose(line.get_xdata(), [0.0, *curve.times, curve.exit.max()])
        assert_allclose(line.get_ydata()[1:-1], curve.survival)
    texts = [text for text in picture.ax_.texts if text.get_text() != "at risk"]
    assert [text.get_text() for text in texts if text.xy[0] == 0.0] == ["30", "30", "30"]
    assert_legible(picture.figure_, picture.ax_, picture.ax_.texts)
    plain = SurvivalDisplay(picture.curves).plot(intervals=False, at_risk=False)
    assert not plain.ax_.texts
    assert not plain.ax_.collections


def test_no_events():
    picture = SurvivalDisplay.from_predictions([1.0, 2.0], [0, 0], [0.0, 1.0], 2)
    assert_array_equal(picture.lines_[0].get_ydata(), [1.0, 1.0])


class Hazards(losses.Huber):
    """The part of a loss of survival times that plots use."""

    kind = "cox"


@pytest.mark.parametrize("truncated", [False, True])
def test_outcomes_that_are_times(truncated):
    time, event, risk = data(90)
    entry = 0.5 * time if truncated else np.full(90, -np.inf)
    y = np.column_stack([entry, time, event, np.zeros(90)])
    weight = np.arange(90.0)
    found = Outcomes.checked(Hazards(1.0), y, risk, weight, None, True)
    assert found.plots == ("survival",)
    picture = found.plot("survival")
    options = {"start": entry[1:] if truncated else None, "sample_weight": weight[1:]}
    expected = survival_by_risk_group(time[1:], event[1:], risk[1:], **options)
    for curve, other in zip(picture.curves, expected, strict=True):
        assert_allclose(curve.survival, other.survival)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event": [0, 2, 1]}, "event must be 0 or 1 .* got 2"),
        ({"event": [0, 1]}, r"event has shape \(2,\); expected \(3,\), as time has"),
        ({"risk": [0.0, np.nan, 1.0]}, "Input risk contains NaN"),
        (
            {"start": [0.0, 3.0, 0.0]},
            r"but time\[1\] is 2 and start\[1\] 3",
        ),
        ({"start": [1.0, 0.0, 0.0]}, r"time\[0\] is 1 and start\[0\] 1"),
        ({"n_groups": 0}, "n_groups must be an integer >= 1"),
    ],
)
def test_wrong_times(changes, message):
    given = {"time": [1.0, 2.0, 3.0], "event": [1, 1, 0], "risk": [0.0, 1.0, 2.0], **changes}
    with pytest.raises(ValueError, match=message):
        survival_by_risk_group(**given)
