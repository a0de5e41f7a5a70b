"""Parquet files: numbers of every type, and columns that hold none."""

import numpy as np
import pytest
from datafiles import NAMES, file_with, pandas_with_parquet, read_numbers, table, written

from softreg_fast import path
from softreg_fast.cli.models import read_model
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.errors import InputError

pd = pytest.importorskip("pandas")


def test_parquet(call):
    pd = pandas_with_parquet()
    X, y = table()
    frame = pd.DataFrame(X, columns=NAMES, index=np.arange(100, 130))
    frame["count"] = pd.array(range(30), dtype="Int64")
    frame["flag"] = y > 3.0
    frame["city"] = "Paris"
    frame["price"] = y.astype(np.float32)
    frame.to_parquet("data.parquet")
    options = ("--target", "price", "--ignore", "city", "--model", "m.json", "--n-alphas", 5)
    code, _, err = call("fit", "data.parquet", *options)
    assert (code, err) == (0, "")
    everything = np.column_stack([X, np.arange(30.0), y > 3.0])
    fits = path(everything, y.astype(np.float32), n_alphas=5, standardize=True)
    assert read_model("m.json").names == [*NAMES, "count", "flag"]
    call("predict", "m.json", "data.parquet", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1], fits.predict(everything), rtol=1e-12)


def test_parquet_with_errors(fails):
    pd = pandas_with_parquet()
    file_with("nonsense", "data.parquet")
    assert "Parquet" in fails("fit", "data.parquet", "--target", "y")

    def said(**columns):
        pd.DataFrame(columns).to_parquet("data.parquet")
        return fails("fit", "data.parquet", "--target", "y")

    assert "column \"y\", row 1 holds 'Rome'" in said(a=[1, 2], y=["Rome", "Bonn"])
    assert 'column "a", row 2' in said(a=[1.0, None], y=[1, 2])
    assert 'column "a", row 2' in said(a=pd.array([1, None], dtype="Int64"), y=[1, 2])
    assert 'column "y", row 1' in said(a=[1.0, 2.0], y=[np.nan, 2])
    assert 'column "t"' in said(t=pd.to_datetime(["2020-01-01"] * 2), y=[1, 2])
    assert "--dates year,month, or leave" in said(t=pd.to_datetime(["2020-01-01"] * 2), y=[1, 2])
    assert "no rows" in said(a=[], y=[])
    assert 'no column "y"' in said(a=[1, 2])


def test_an_index_with_a_name_is_a_column(call):
    a = np.arange(6.0)
    frame = pd.DataFrame({"id": a, "k": a % 3, "a": np.sin(a), "y": a**2})
    for index, names in (
        (frame.set_index("id"), ["k", "a", "id"]),
        (frame.set_index(["id", "k"]), ["a", "id", "k"]),
        (frame.set_index(pd.RangeIndex(3, 9, name="t")), ["id", "k", "a", "t"]),
        (frame.set_index(pd.Index(list("abcdef"))), ["id", "k", "a"]),
        (frame, ["id", "k", "a"]),
    ):
        table = read_table(written(index), Roles(target="y"))
        assert table.names == names
        right = index.reset_index().rename(columns={"index": "none"})
        np.testing.assert_array_equal(table.X, right[names])
    assert call("fit", "data.parquet", "--target", "y", "--alpha", 0.1, "--model", "m.json")[0] == 0
    first = call("predict", "m.json", "data.parquet")
    assert call("predict", "m.json", written(frame.set_index("k"), "other.parquet")) == first


def test_columns_of_parquet_that_are_no_numbers():
    a = np.arange(4.0)
    wrong = {
        "d": pd.to_timedelta(a, "s"),
        "l": [[1]] * 4,
    }
    said = {"d": "dates or times", "l": "[1]"}
    for name, column in wrong.items():
        with pytest.raises(InputError) as error:
            read_table(written(pd.DataFrame({"a": a, name: column, "y": a})), Roles(target="y"))
        assert f'column "{name}"' in str(error.value)
        assert said[name] in str(error.value)
    with pytest.raises(InputError, match="--ignore d,l"):
        read_table(written(pd.DataFrame({"a": a, **wrong, "y": a})), Roles(target="y"))
    table = read_table("data.parquet", Roles(target="y", ignore=list(wrong)))
    np.testing.assert_array_equal(table.X[:, 0], a)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.array([1, None, 3], dtype="Int64"), "row 2 is empty"),
        (pd.array([True, False, None], dtype="boolean"), "row 3 is empty"),
        (pd.array([0.5, None, 1.0], dtype="Float64"), "row 2 is empty"),
        ([None, None, None], "row 1 is empty"),
        ([1.0, 2.0, np.inf], "row 3 holds 'inf'"),
        (np.array([1, 2**53 + 1, 3]), "row 2 holds 9007199254740993"),
        (np.array([1, 2, 2**64 - 1], dtype=np.uint64), "row 3 holds 18446744073709551615"),
    ],
)
def test_cells_of_parquet_that_are_no_numbers(values, words):
    frame = pd.DataFrame({"a": values, "y": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match=f'column "a", {words}'):
        read_table(written(frame), Roles(target="y"))


def test_numbers_of_parquet():
    from decimal import Decimal

    frame = pd.DataFrame(
        {
            "d": [Decimal("1.5"), Decimal("-2.25")],
            "b": [True, False],
            "h": np.array([0.5, 2.0], dtype=np.float32),
            "u": np.array([7, 2**53], dtype=np.uint64),
            "m": pd.array([1, 2], dtype="Int8"),
            "a.b": [3.0, 4.0],
            "y": [1.0, 2.0],
        }
    )
    table = read_table(written(frame), Roles(target="y"))
    expected = [[1.5, 1, 0.5, 7, 1, 3], [-2.25, 0, 2, 2**53, 2, 4]]
    np.testing.assert_array_equal(table.X, expected)


def test_decimals_of_parquet_that_would_be_rounded():
    from decimal import Decimal

    frame = pd.DataFrame({"a": [Decimal(2**53), Decimal(2**53 + 1)], "y": [1.0, 2.0]})
    with pytest.raises(InputError, match='column "a", row 2 holds 9007199254740993, an integer'):
        read_table(written(frame), Roles(target="y"))
    frame["a"] = [Decimal(2**53), Decimal(10**20)]
    np.testing.assert_array_equal(
        read_table(written(frame), Roles(target="y")).X[:, 0], [2.0**53, 1e20]
    )


def test_all_columns_of_parquet_with_missing_cells_are_told():
    frame = pd.DataFrame({"a": [1, 2, None], "b": [1, None, 3], "c": [1, 2, 3], "y": [1, 2, 3]})
    with pytest.raises(InputError, match=r'"b", row 2 is empty.* 2 columns .*--ignore a,b$'):
        read_table(written(frame), Roles(target="y"))
