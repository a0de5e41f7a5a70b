"""survival() and the other forms of survival times, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from softreg_fast import Design, solve, survival
from softreg_fast.data.survival import as_survival

TIME, EVENT = np.array([5.0, 3, 4, 1]), np.array([True, False, True, True])
START = np.array([0.0, 1, 0.5, 0])
LATE = np.column_stack([START, TIME, EVENT])


def structured(*fields):
    """Return a structured array of named values."""
    found = np.empty(4, [(name, values.dtype) for name, values in fields])
    for name, values in fields:
        found[name] = values
    return found


def test_forms_that_mean_the_same():
    expected = as_survival(survival(TIME, EVENT), 4)
    assert expected.labels is None
    assert_array_equal(expected.y[:, 0], -np.inf)
    assert_array_equal(expected.y[:, 1:3], np.column_stack([TIME, EVENT]))
    for given in (
        np.column_stack([TIME, EVENT]),
        list(zip(TIME, EVENT, strict=True)),
        pd.DataFrame({"days": TIME, "died": EVENT.astype(int)}),
        structured(("Status", EVENT), ("Survival_in_days", TIME)),  # scikit-survival's
        structured(("time", TIME), ("event", EVENT.astype(int))),
        survival(TIME.astype(int).tolist(), EVENT.astype(np.int8)),
        survival(pd.Series(TIME), pd.Series(EVENT)),
        pickle.loads(pickle.dumps(survival(TIME, EVENT))),
    ):
        assert_array_equal(as_survival(given, 4).y, expected.y)


def test_entries_and_strata():
    assert_array_equal(as_survival(LATE, 4).y[:, :3], LATE)
    found = as_survival(survival(TIME, EVENT, START, ["b", "a", "b", "c"]), 4)
    assert_array_equal(found.y, np.column_stack([LATE, [1, 0, 1, 2]]))
    assert_array_equal(found.labels, ["a", "b", "c"])
    rows = survival(TIME, EVENT, strata=pd.Categorical([3, 2, 3, 2]))[[0, 2]]
    assert_array_equal(as_survival(rows, 2).labels, [3])  # y may be indexed


@pytest.mark.parametrize(
    ("time", "event", "start", "strata", "match"),
    [
        ([1, np.nan], [1, 0], None, None, "time contains NaN"),
        ([1, np.inf], [1, 0], None, None, "time contains infinity"),
        ([1, -2], [1, 0], None, None, r"durations, and time\[1\] is -2"),
        ([1, 2], [1, 2], None, None, r"event\[1\] is 2; of a status coded as 1 and 2"),
        ([1, 2], [1, np.nan], None, None, "event contains NaN"),
        ([1, 2], [1, 0.5], None, None, r"event\[1\] is 0.5"),
        ([1, 2], [1, 0, 1], None, None, "time has 2 entries and event has 3"),
        (3.0, [1, 0], None, None, "time is 3.0; expected one number for every sample"),
        ([[1, 2], [3, 4]], [1, 0], None, None, r"time has shape \(2, 2\)"),
        ([1, 2], [1, 0], [0, 2], None, r"start\[1\] is 2 and time\[1\] is 2"),
        ([1, 2], [1, 0], [0, 3], None, r"start\[1\] is 3"),
        ([1, 2], [1, 0], None, ["a", None], r"strata\[1\] is missing"),
        ([1, 2], [1, 0], None, [1.0, np.nan], r"strata\[1\] is missing"),
        ([1, 2], [1, 0], None, ["a"], "time has 2 entries and strata has 1"),
        (["a", "b"], [1, 0], None, None, "time"),
    ],
)
def test_wrong_times(time, event, start, strata, match):
    with pytest.raises((ValueError, TypeError), match=match):
        survival(time, event, start, strata)


def test_negative_times_with_an_entry():
    survival([-1.0, 2.0], [1, 0], start=[-3.0, -2.0])  # such as years before an operation


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (TIME, r"shape \(4,\); loss='cox' wants survival times: an array made by sf.survival"),
        (np.ones((4, 4)), r"shape \(4, 4\)"),
        (None, "y is None"),
        (np.column_stack([EVENT, TIME]), "event must be True or 1"),  # the other way round
        (structured(("a", TIME), ("b", TIME)), "fields a, b; expected event and time"),
        (survival(TIME, EVENT)[:3], "X has 4, y has 3"),
        (survival(TIME, np.zeros(4)), "No sample with a positive weight has an event"),
    ],
)
def test_wrong_targets(y, match):
    with pytest.raises(ValueError, match=match):
        Design(np.eye(4)).with_target(y, "cox")


def test_events_without_weight_are_no_events():
    y = survival(TIME, [1, 0, 0, 0])
    with pytest.raises(ValueError, match="No sample with a positive weight has an event"):
        solve(np.eye(4), y, loss="cox", alpha=0.1, sample_weight=[0, 1, 1, 1])


def test_offsets_that_are_too_far_apart():
    with pytest.raises(ValueError, match="too far apart for their exponentials"):
        solve(np.eye(4), survival(TIME, EVENT), loss="cox", alpha=0.1, offset=[0, 1e3, 0, -1e3])


def test_survival_times_under_another_loss():
    with pytest.raises((ValueError, TypeError), match="loss='cox'"):
        solve(np.eye(4), survival(TIME, EVENT), alpha=0.1)
