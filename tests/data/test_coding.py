"""Coding: categorical columns of any frame as sparse 0-1 columns, and levels that are new."""

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
    *("size", "colour=blue", "colour=green", "colour=red", "wet=False", "wet=True"),
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
    assert_array_equal(coded.coding.labels, [0, 1, 1, 1, 2, 2, 3, 3, 3, 4])
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
        Coding.of(FRAME).matrix(container(new))
    with pytest.raises(ValueError, match=r"'reed' in row 0.*; did you mean 'red'\?"):
        Coding.of(FRAME).matrix(container(new[2:].reset_index(drop=True)))
    with pytest.raises(ValueError, match=r"Column 'colour' has no value in row 0; leave out"):
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
    fails(r"Column 'colour' has 2 missing values, the first in row 1; leave out", colour=gaps)
    ids = [f"id{k}" for k in range(6)]
    fails(r"Column 'colour' has another text in each of the 6 rows, such as 'id0'", colour=ids)


def test_columns_that_are_suspicious():
    one = FRAME.assign(colour="red")
    with pytest.warns(UserWarning, match="Column 'colour' has one level, 'red', in all rows") as w:
        assert Coded(one).matrix.shape == (6, 8)
    assert w[0].filename == __file__
    alike = FRAME.assign(colour=["red", "Red ", "red", "green", "green", "red"])
    with pytest.warns(UserWarning, match="The levels 'Red ' and 'red' of column 'colour' differ"):
        Coded(alike)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Coded(FRAME[:3]).matrix.shape == (3, 9)
        chosen = FRAME.assign(colour=pd.Categorical([f"id{k}" for k in range(6)]))
        assert Coded(chosen).matrix.shape == (6, 13)


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
    with pytest.raises(TypeError, match=r"X must hold .*dates or durations in column 'size'"):
        Coded(FRAME.assign(size=pd.Timestamp("2020-01-01")))
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
    with pytest.raises(ValueError, match=r"contains NaN, the first in feature count"):
        Design(Coded(FRAME.assign(count=[1.0, np.nan, 2.0, 3.0, 4.0, 5.0])))
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
