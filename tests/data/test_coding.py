"""Coding: columns of any frame as features, levels that are new, and JSON."""

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from softreg_fast import Design
from softreg_fast.data.coding import Coded, Coding

COLOURS = ["red", "blue", "red", "green", "blue", "red"]
FRAME = pd.DataFrame(
    {
        "size": [1.0, 0.0, 3.0, 4.0, 5.0, 6.0],
        "colour": COLOURS,
        "wet": [True, False, True, True, False, False],
        "grade": pd.Categorical(list("312123"), categories=list("3217")),
        "count": [1, 2, 0, 4, 5, 6],
    }
)
NAMES = [
    *("size", "colour=blue", "colour=green", "colour=red", "wet"),
    *("grade=3", "grade=2", "grade=1", "count"),
]


def by_hand(frame):
    """Return the features by comparing each column with each level."""
    columns = []
    for name in NAMES:
        column, _, level = name.partition("=")
        values = frame[column]
        columns.append([str(value) == level for value in values] if level else list(values))
    return np.array(columns, float).T


def polars(frame):
    pl = pytest.importorskip("polars")
    return pl.DataFrame(
        {
            **{name: frame[name].to_list() for name in ("size", "wet")},
            "colour": [v if isinstance(v, str) else None for v in frame["colour"]],
            "grade": pl.Series(
                [str(v) for v in frame["grade"]], dtype=pl.Enum(["3", "2", "1", "7"])
            ),
            "count": frame["count"].to_list(),
        }
    ).select(list(FRAME))


def polars_categories(frame):
    pl = pytest.importorskip("polars")
    with_colours = [pl.col("colour").cast(pl.Categorical)]
    pl.Series(["yellow", "red", "green"], dtype=pl.Categorical)  # in another order
    return polars(frame).with_columns(with_colours)


def arrow(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def arrow_chunks(frame):
    pa = pytest.importorskip("pyarrow")
    halves = [pa.Table.from_pandas(part, preserve_index=False) for part in (frame[:2], frame[2:])]
    return pa.concat_tables(halves)


def objects(frame):
    return frame.assign(colour=frame["colour"].astype(object), wet=frame["wet"].astype(object))


def extensions(frame):
    return frame.convert_dtypes().assign(colour=frame["colour"].astype("string"))


CONTAINERS = [lambda f: f, objects, extensions, polars, polars_categories, arrow, arrow_chunks]
IDS = ["pandas", "objects", "extensions", "polars", "categories", "pyarrow", "chunks"]


@pytest.mark.parametrize("container", CONTAINERS, ids=IDS)
def test_any_frame_becomes_the_columns_that_a_hand_makes(container):
    coded = Coded(container(FRAME))
    assert coded.matrix.format == "csc"
    assert coded.matrix.has_canonical_format
    assert coded.columns.tolist() == NAMES
    assert_array_equal(coded.matrix.toarray(), by_hand(FRAME))
    assert_array_equal(coded.coding.labels, [0, 1, 1, 1, 2, 3, 3, 3, 4])
    assert_array_equal(coded.coding.matrix(container(FRAME)).toarray(), by_hand(FRAME))


@pytest.mark.parametrize("container", CONTAINERS, ids=IDS)
def test_other_frames_are_coded_by_name_and_value(container):
    coding = pickle.loads(pickle.dumps(Coding.of(FRAME)))
    part = FRAME.iloc[[5, 1, 0]].reset_index(drop=True)  # without green, and grade 2
    assert_array_equal(coding.matrix(container(part)).toarray(), by_hand(part))
    mixed, order = container(part), ["wet", "count", "grade", "colour", "size"]
    mixed = mixed.select(order) if hasattr(mixed, "select") else mixed[order].assign(other="text")
    assert_array_equal(coding.matrix(mixed).toarray(), by_hand(part))


def test_numbers_stand_for_levels_that_are_numbers():
    coding = Coding.of(pd.DataFrame({"grade": pd.Categorical([3, 1, 2, 1])}))
    plain = coding.matrix(pd.DataFrame({"grade": [1, 3]}))
    assert_array_equal(plain.toarray(), [[1, 0, 0], [0, 0, 1]])
    with pytest.raises(
        ValueError, match=r"has the level '1' in row 0.*are 1, 2, 3; did you mean 1\?"
    ):
        coding.matrix(pd.DataFrame({"grade": ["1", "3"]}))


@pytest.mark.parametrize("container", [CONTAINERS[0], polars, arrow], ids=["pandas", "pl", "pa"])
def test_levels_that_the_fit_has_not_seen(container):
    new = FRAME.assign(colour=["red", "violet", "reed", "red", None, "blue"])
    with pytest.raises(
        ValueError,
        match=r"Column 'colour' has the level 'violet' in row 1, which the fit has not seen: its "
        r"levels are 'blue', 'green', 'red'\..*unknown='zero'",
    ):
        Coding.of(FRAME).matrix(container(new[:4]))
    with pytest.raises(ValueError, match=r"'reed' in row 0.*; did you mean 'red'\?"):
        Coding.of(FRAME).matrix(container(new[2:4].reset_index(drop=True)))
    with pytest.raises(ValueError, match=r"missing values .* in the column 'colour' \(1 row\)"):
        Coding.of(FRAME).matrix(container(new[4:].reset_index(drop=True)))
    found = Coding.of(FRAME, unknown="zero").matrix(container(new)).toarray()
    expected = by_hand(FRAME)
    expected[:, 1:4] = [[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert_array_equal(found, expected)


@pytest.mark.parametrize("container", [CONTAINERS[0], polars, arrow], ids=["pandas", "pl", "pa"])
def test_columns_that_cannot_be_coded(container):
    def fails(match, **columns):
        with pytest.raises(ValueError, match=match):
            Coded(container(FRAME.assign(**columns)))

    gaps = ["red", None, "red", "blue", None, "red"]
    fails(
        r"values are missing in the column 'colour' \(2 rows\): missing='drop' leaves", colour=gaps
    )
    ids = [f"id{k}" for k in range(6)]
    fails(r"column 'colour' has another text in each of the 6 rows, such as 'id0'", colour=ids)
    both = r"in the 2 columns 'size' \(1 row\), 'colour' \(2 rows\).*; column 'wet' has another"
    fails(both, size=[1.0, None, 3.0, 4.0, 5.0, 6.0], colour=gaps, wet=ids)


def test_columns_that_are_suspicious():
    one = FRAME.assign(colour="red")
    with pytest.warns(UserWarning, match="Column 'colour' has one level, 'red', in all rows") as w:
        assert Coded(one).matrix.shape == (6, 7)
    assert w[0].filename == __file__
    alike = FRAME.assign(colour=["red", "Red ", "red", "green", "green", "red"])
    with pytest.warns(UserWarning, match="The levels 'Red ' and 'red' of column 'colour' differ"):
        Coded(alike)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Coded(FRAME[:3]).matrix.shape == (3, 8)
        chosen = FRAME.assign(colour=pd.Categorical([f"id{k}" for k in range(6)]))
        assert Coded(chosen).matrix.shape == (6, 12)


def test_names_that_would_occur_twice():
    frame = pd.DataFrame({"a": ["b=c", "d", "d"], "a=b": ["c", "c", "e"]})
    with pytest.raises(ValueError, match="Two levels would both be called 'a=b=c'; rename"):
        Coded(frame)
    with pytest.raises(ValueError, match="X has several columns named 'a'"):
        Coded(pd.DataFrame([["x", "y"], ["x", "z"], ["w", "z"]], columns=["a", "a"]))


def test_other_columns_and_other_things():
    coding = Coding.of(FRAME)
    with pytest.raises(ValueError, match=r"X lacks 1 of the 5 columns .* 'colour'"):
        coding.matrix(FRAME.drop(columns="colour"))
    with pytest.raises(
        TypeError, match=r"X is a ndarray; categorical columns are those of a frame"
    ):
        coding.matrix(np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"X must hold .*holds text in column 'size'"):
        coding.matrix(FRAME.assign(size=["a"] * 6))
    with pytest.raises(
        ValueError, match=r"durations or times of day are in the column 'size': turn"
    ):
        Coded(FRAME.assign(size=pd.Timedelta("1D")))
    with pytest.raises(
        TypeError, match=r"Column 'size' holds neither numbers, booleans, text, cat"
    ):
        Coded(FRAME.assign(size=[[1]] * 6))
    with pytest.raises(ValueError, match="unknown must be 'error' or 'zero', got 'skip'"):
        Coding.of(FRAME, unknown="skip")
    numbered = pd.DataFrame({0: ["a", "b", "a"], 1: [1.0, 2.0, 3.0]})
    coding = Coding.of(numbered)
    assert coding.names is None
    assert_array_equal(coding.matrix(numbered).toarray(), [[1, 0, 1], [0, 1, 2], [1, 0, 3]])
    with pytest.raises(ValueError, match="X has 1 columns, but this model was fitted with 2"):
        coding.matrix(numbered[[0]])


def test_a_design_knows_its_coding_and_missing_numbers_are_found():
    design = Design(Coded(FRAME))
    assert design.coding.columns.tolist() == list(FRAME.columns)
    assert design.feature_names.tolist() == NAMES
    assert Design(FRAME[["size", "count"]]).coding is None
    with pytest.raises(ValueError, match=r"values are missing in the column 'count' \(1 row\)"):
        Design(FRAME.assign(count=[1.0, np.nan, 2.0, 3.0, 4.0, 5.0]))
    with pytest.raises(ValueError, match=r"contains infinity, the first in feature size"):
        design.coding.matrix(FRAME.assign(size=[1.0, np.inf, 2.0, 3.0, 4.0, 5.0]))


def test_levels_of_many_rows(rng):
    values = rng.integers(0, 300, 5000)
    frame = pd.DataFrame({"x": rng.standard_normal(5000), "k": pd.Categorical(values)})
    coded = Coded(frame)
    dummies = pd.get_dummies(frame["k"], dtype=float).to_numpy()[:, np.unique(values)]
    assert_array_equal(coded.matrix.toarray()[:, 1:], dummies)
    assert coded.matrix.nnz == 10_000
    assert coded.matrix.indices.dtype == np.int32


# --- missing values that are marked -----------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS, ids=IDS)
def test_missing_values_are_filled_and_marked(container):
    holes = FRAME.assign(
        size=[1.0, None, 3.0, 4.0, None, 6.0], colour=["red", "blue", None, "green", "blue", "red"]
    )
    coded = Coded(container(holes), missing="indicator")
    names = coded.columns.tolist()
    assert [each for each in names if each not in NAMES] == ["size=missing", "colour=missing"]
    found = dict(zip(names, coded.matrix.toarray().T, strict=True))
    assert_array_equal(found["size"], [1.0, 3.5, 3.0, 4.0, 3.5, 6.0])
    assert_array_equal(found["size=missing"], [0, 1, 0, 0, 1, 0])
    assert_array_equal(found["colour=missing"], [0, 0, 1, 0, 0, 0])
    assert_array_equal(found["colour=red"], [1, 0, 0, 0, 0, 1])
    again = Coding.from_dict(json.loads(json.dumps(coded.coding.to_dict())))
    assert_array_equal(again.matrix(container(holes)).toarray(), coded.matrix.toarray())
    new = again.matrix(container(holes.assign(count=[None, 1, 2, 3, 4, 5]))).toarray()
    assert new[0, names.index("count")] == 3.0  # the mean of the fit; it has no feature of its own


def test_numbers_alone_stay_dense():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [True, False, True]})
    coded = Coded(frame, missing="indicator")
    assert isinstance(coded.matrix, np.ndarray)
    assert coded.columns.tolist() == ["a", "a=missing", "b"]
    assert_array_equal(coded.matrix, [[1, 0, 1], [2, 1, 0], [3, 0, 1]])


def test_columns_without_values():
    frame = FRAME.assign(size=np.nan, colour=None)
    with pytest.raises(
        ValueError, match=r"no row has a value in the 2 columns 'size', 'colour': leave"
    ):
        Coded(frame, missing="indicator")


# --- text that is no category -----------------------------------------------------------------


@pytest.mark.parametrize("container", [CONTAINERS[0], polars, arrow], ids=["pandas", "pl", "pa"])
def test_text_that_reads_as_numbers_or_dates(container):
    rows = 60
    frame = pd.concat([FRAME] * 10, ignore_index=True)
    power = [str(k % 30) for k in range(rows - 1)] + ["?"]

    def fails(match, texts):
        with pytest.raises(ValueError, match=match):
            Coded(container(frame.assign(colour=texts)))

    fails(r"column 'colour' holds numbers as text, but '\?' in row 59: convert it", power)
    commas = [f"{k % 30},{k % 7}" for k in range(rows)]
    fails(r"numbers with commas as text, such as '.*': read the file with decimal=','", commas)
    fails(r"numbers as text, such as '0.5'", [f"{k % 30}.5" for k in range(rows)])
    days = [f"2012/01/{k % 28 + 1:02}" for k in range(rows)]
    fails(r"dates as text, such as '2012/01/01': .*dates=\{'colour': \['year', 'month'\]\}", days)
    days = [f"{k % 28 + 1}.1.2012" for k in range(rows)]
    fails(r"dates as text, such as '1\.1\.2012': convert it, as pandas.to_datetime", days)
    digits = [str(k % 24) for k in range(rows)]  # hours, say
    assert Coded(container(frame.assign(colour=digits))).matrix.shape == (60, 6 + 24)


# --- JSON -------------------------------------------------------------------------------------


def test_json_holds_a_coding():
    frame = FRAME.assign(day=pd.date_range("2024-02-28", periods=6), odd=pd.Categorical([1, 2] * 3))
    coding = Coding.of(frame, dates=["year", "month", "days"], unknown="zero")
    held = json.loads(json.dumps(coding.to_dict()))
    again = Coding.from_dict(held)
    assert again.unknown == "zero"
    assert again.feature_names.tolist() == coding.feature_names.tolist()
    assert_array_equal(again.matrix(frame).toarray(), coding.matrix(frame).toarray())


@pytest.mark.parametrize(
    "held",
    [
        None,
        {},
        {"columns": [], "unknown": "maybe"},
        {"columns": [{}], "unknown": "zero"},
        {"columns": [{"column": "a", "kind": "import"}], "unknown": "zero"},
        {"columns": [{"column": "a", "kind": "levels", "levels": 3}], "unknown": "zero"},
        {"columns": [{"column": "a", "kind": "levels", "levels": [[]]}], "unknown": "zero"},
        {"columns": [{"column": "a", "kind": "number", "mean": "1"}], "unknown": "zero"},
        {"columns": [{"column": "a", "kind": "dates", "parts": [], "origin": ""}]},
        {
            "columns": [
                {
                    "column": "a",
                    "kind": "dates",
                    "parts": [{"part": "month", "levels": [13]}],
                    "origin": "2020-01-01",
                    "missing": False,
                }
            ],
            "unknown": "zero",
        },
    ],
)
def test_json_that_is_no_coding(held):
    with pytest.raises(ValueError):
        Coding.from_dict(held)


def test_levels_that_json_would_change():
    frame = pd.DataFrame({"a": pd.Categorical(pd.date_range("2020", periods=3)), "b": [1, 2, 3]})
    with pytest.raises(
        ValueError, match=r"Column 'a' has Timestamp.*which JSON would not give back"
    ):
        Coding.of(frame).to_dict()
