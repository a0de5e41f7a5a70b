"""Dates as features: parts against Python's datetime, and text that is read as dates."""

import datetime

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast.data.coding import Coded, Coding
from softreg_fast.data.dates import LEVELS, PARTS, part_of

PART = {
    "year": lambda d: d.year,
    "quarter": lambda d: (d.month - 1) // 3 + 1,
    "month": lambda d: d.month,
    "week": lambda d: d.isocalendar().week,
    "day": lambda d: d.day,
    "dayofweek": lambda d: d.weekday(),
    "hour": lambda d: d.hour,
    "minute": lambda d: d.minute,
    "days": lambda d: (d - datetime.datetime(2001, 3, 1)) / datetime.timedelta(1),
}


@pytest.fixture
def dates(rng):
    seconds = rng.integers(-2_000_000_000, 3_000_000_000, 300)
    start = datetime.datetime(1970, 1, 1)
    return [start + datetime.timedelta(seconds=int(s)) for s in seconds]


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_those_of_the_calendar(part, dates):
    when = np.array([*dates, None], "M8[us]")
    found = part_of(when, part, np.datetime64("2001-03-01"))
    assert_allclose(found[:-1], [PART[part](d) for d in dates], rtol=1e-15)
    assert np.isnan(found[-1])


def frames(dates):
    text = [d.isoformat(sep=" ") for d in dates]
    y = list(range(len(dates)))
    yield pd.DataFrame({"when": pd.Series(dates), "y": y})
    yield pd.DataFrame({"when": pd.Series(dates, dtype=object), "y": y})
    yield pd.DataFrame({"when": pd.Series(dates).dt.tz_localize("Asia/Tokyo"), "y": y})
    yield pd.DataFrame({"when": text, "y": y})
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    yield pl.DataFrame({"when": dates, "y": y})
    zoned = pl.Series("when", dates).dt.replace_time_zone("Asia/Tokyo")
    yield pl.DataFrame({"y": y}).insert_column(0, zoned)
    yield pl.DataFrame({"when": text, "y": y})
    yield pa.table({"when": dates, "y": y})
    tokyo = pd.Series(dates).dt.tz_localize("Asia/Tokyo")
    yield pa.Table.from_pandas(pd.DataFrame({"when": tokyo, "y": y}))
    yield pa.table({"when": text, "y": y})


def test_any_column_of_dates_has_these_parts(dates):
    dates = [d for d in dates if d.year > 1990]
    expected = None
    for frame in frames(dates):
        coded = Coded(frame, dates=list(PARTS))
        if expected is None:
            expected = coded
        assert coded.columns.tolist() == expected.columns.tolist()
        assert_array_equal(coded.matrix.toarray(), expected.matrix.toarray())
        assert_array_equal(coded.coding.matrix(frame).toarray(), expected.matrix.toarray())
    names = expected.columns.tolist()
    found = dict(zip(names, expected.matrix.toarray().T, strict=True))
    assert_array_equal(found["when.year"], [d.year for d in dates])
    assert_array_equal(found["when.month=2"], [d.month == 2 for d in dates])
    assert_array_equal(found["when.dayofweek=Mon"], [d.weekday() == 0 for d in dates])
    first = min(dates).replace(hour=0, minute=0, second=0)
    assert_allclose(found["when.days"], [(d - first) / datetime.timedelta(1) for d in dates])
    for part in LEVELS:
        own = [name for name in names if name.startswith(f"when.{part}=")]
        assert_array_equal(sum(found[name] for name in own), np.ones(len(dates)))


def test_calendar_days():
    days = [datetime.date(2024, 2, 28), datetime.date(2024, 2, 29), datetime.date(2024, 3, 1)]
    for frame in (
        pd.DataFrame({"day": days}),
        pytest.importorskip("polars").DataFrame({"day": days}),
        pytest.importorskip("pyarrow").table({"day": days}),
        pd.DataFrame({"day": pd.PeriodIndex(days, freq="D")}),
    ):
        coded = Coded(frame, dates=["day", "days"])
        assert_array_equal(coded.matrix, [[28, 0], [29, 1], [1, 2]])


def test_missing_dates_are_marked():
    when = pd.to_datetime(["2020-01-01", None, "2022-03-01"])
    frame = pd.DataFrame({"when": when, "x": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match=r"missing in the column 'when' \(1 row\)"):
        Coded(frame, dates=["year"])
    coded = Coded(frame, dates=["year", "month"], missing="indicator")
    assert coded.columns.tolist() == [
        *("when.year", "when.month=1", "when.month=3", "when=missing", "x"),
    ]
    expected = [[2020, 1, 0, 0, 1], [2021, 0, 0, 1, 2], [2022, 0, 1, 0, 3]]
    assert_array_equal(coded.matrix.toarray(), expected)


def test_months_that_the_fit_has_not_seen():
    frame = pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2022-03-01"]), "x": [1.0, 2.0]})
    new = frame.assign(when=pd.Timestamp("2021-02-01"))
    with pytest.raises(
        ValueError, match="Column 'when' has the month 2 in row 0, which the fit has"
    ):
        Coding.of(frame, dates=["month"]).matrix(new)
    zero = Coding.of(frame, dates=["month"], unknown="zero").matrix(new)
    assert_array_equal(zero.toarray(), [[0, 0, 1], [0, 0, 2]])


def test_what_is_refused():
    when = pd.date_range("2020-01-01", periods=4)
    frame = pd.DataFrame({"a": when, "b": when, "x": range(4)})

    def fails(match, frame=frame, **options):
        with pytest.raises((ValueError, TypeError), match=match):
            Coded(frame, **options)

    fails(
        r"dates are in the 2 columns 'a', 'b': state the parts that count, such as dates=\['year'"
    )
    fails(r"dates are in the column 'b'", dates={"a": ["year"]})
    fails(r"dates names 'c'; the columns of X are", dates={"c": ["year"], "a": "year", "b": "year"})
    fails(r"dates names 'x', which is a column of numbers", dates={"x": ["year"]})
    fails(r"has the part 'months'; did you mean 'month'", dates=["months"])
    fails(r"give at least one part, and each once", dates=[])
    fails(r"dates is 3; expected a list", dates=3)
    fails(r"but X has no column of dates", frame[["x"]], dates=["year"])
    texts = ["2020-01-01", "2020-01-02", "2020-02-30", "2020-01-02"]
    bad = pd.DataFrame({"a": texts, "x": range(4)})
    fails(r"Column 'a' has '2020-02-30' in row 2, which is no date as", bad, dates=["year"])
    fails(r"Column 'a' has '2020-02-30' in row 2", bad, dates={"a": ["year"]})
    fails(r"column 'a' holds dates as text, such as '2020-01-01'", bad)
