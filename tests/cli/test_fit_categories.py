"""Categories, dates and missing values on the command line: coded, kept in models, predicted."""

import json

import numpy as np
import pytest
from datafiles import file_with, read_numbers, text_of

from softreg_fast import path
from softreg_fast.cli.models import read_model

pd = pytest.importorskip("pandas")

FIT = ("fit", "data.csv", "--target", "y")


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    n = 60
    frame = pd.DataFrame(
        {
            "size": rng.standard_normal(n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "code": rng.integers(1, 5, n),
        }
    )
    effect = frame["colour"].map({"red": 2.0, "green": 0.0, "blue": -1.0})
    frame["y"] = frame["size"] + effect + 0.1 * rng.standard_normal(n)
    return frame


def dummies(frame, name):
    return [(frame[name] == each).to_numpy(float) for each in sorted(frame[name].unique())]


def test_text_becomes_features_of_0_and_1(call, frame):
    frame.insert(3, "sold", frame["y"] > 0.5)
    frame.to_csv("data.csv", index=False)
    code, out, err = call(*FIT, "--model", "m.json", "--coefficients", "c.csv")
    assert code == 0
    assert "colour: 3 levels -> 3 features" in out
    assert "60 rows, 6 features" in out
    assert 'true is read as 1, false as 0 in "sold"' in err
    columns = [frame["size"], *dummies(frame, "colour"), frame["code"], frame["sold"]]
    X = np.column_stack(columns).astype(float)
    fits = path(X, frame["y"].to_numpy(), standardize=True)
    model = read_model("m.json")
    assert model.names == ["size", "colour=blue", "colour=green", "colour=red", "code", "sold"]
    np.testing.assert_allclose(model.path.alphas, fits.alphas, rtol=1e-12)
    np.testing.assert_allclose(model.path.coefs.toarray(), fits.coefs.toarray(), atol=1e-9)
    held = json.loads(text_of("m.json"))
    assert (held["format_version"], held["coding"]["columns"][1]["column"]) == (5, "colour")
    assert "colour=red" in text_of("c.csv")
    # columns in another order, other columns, and not all levels
    part = frame[frame["colour"] != "red"].iloc[:, ::-1].assign(other="x")
    part.to_csv("new.csv", index=False)
    assert call("predict", "m.json", "new.csv", "--output", "out.csv")[0] == 0
    expected = fits.predict(X[(frame["colour"] != "red").to_numpy()])
    np.testing.assert_allclose(read_numbers("out.csv")[1], expected, rtol=1e-8, atol=1e-8)


def test_the_same_from_parquet(call, frame):
    pytest.importorskip("pyarrow")
    frame.to_csv("data.csv", index=False)
    frame.assign(colour=frame["colour"].astype("category")).to_parquet("data.parquet")
    for name in ("data.csv", "data.parquet"):
        assert call("fit", name, "--target", "y", "--model", f"{name}.json")[0] == 0
    first, second = (read_model(f"data.{kind}.json") for kind in ("csv", "parquet"))
    assert first.names == second.names
    np.testing.assert_array_equal(first.path.coefs.toarray(), second.path.coefs.toarray())
    for model in ("data.csv.json", "data.parquet.json"):
        assert call("predict", model, "data.csv") == call("predict", model, "data.parquet")


def test_unknown_levels_are_a_choice(call, fails, frame):
    frame.to_csv("data.csv", index=False)
    call(*FIT, "--alpha", 0.01, "--model", "strict.json")
    call(*FIT, "--alpha", 0.01, "--unknown", "zero", "--model", "lenient.json")
    frame.replace({"colour": {"red": "pink"}}).to_csv("new.csv", index=False)
    said = fails("predict", "strict.json", "new.csv")
    row = int((frame["colour"] == "red").to_numpy().argmax()) + 1
    for words in ("'colour'", f"'pink' in row {row},", "'red'", "--unknown zero"):
        assert words in said
    lenient = call("predict", "lenient.json", "new.csv")
    assert lenient[0] == 0
    assert call("predict", "strict.json", "new.csv", "--unknown", "zero") == lenient
    assert "'pink'" in fails("predict", "lenient.json", "new.csv", "--unknown", "error")
    values = np.array(lenient[1].split()[1:], float)
    model = read_model("strict.json")
    red = model.path[0].coef[model.names.index("colour=red")]
    known = np.array(call("predict", "strict.json", "data.csv")[1].split()[1:], float)
    expected = np.where(frame["colour"] == "red", known - red, known)
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-10)


def test_codes_are_categories_if_asked_for(call, fails, frame):
    frame.to_csv("data.csv", index=False)
    _, out, _ = call(*FIT, "--categories", "code", "--alpha", 0.01, "--model", "m.json")
    assert "code: 4 levels -> 4 features" in out
    assert "code=3" in read_model("m.json").names
    assert call("predict", "m.json", "data.csv")[0] == 0
    assert 'no column "kode"; did you mean "code"?' in fails(*FIT, "--categories", "kode")
    assert "both --categories and --target" in fails(*FIT, "--categories", "y")
    both = fails(*FIT, "--categories", "code", "--ignore", "code")
    assert "both --categories and --ignore" in both


def test_dates(call, fails):
    days = pd.date_range("2021-01-01", periods=90)
    rng = np.random.default_rng(0)
    y = 3.0 * (days.day_of_week == 6) + 0.1 * rng.standard_normal(90)
    frame = pd.DataFrame({"day": days.strftime("%Y/%m/%d"), "a": rng.standard_normal(90), "y": y})
    frame.to_csv("data.csv", index=False)
    said = fails(*FIT)
    for words in ('column "day" holds dates', "--dates year,month", "--ignore day"):
        assert words in said
    code, out, _ = call(*FIT, "--dates", "dayofweek", "--select", "dev=0.9", "--model", "m.json")
    assert code == 0
    assert "day: dates -> 7 features" in out
    assert "day.dayofweek=Sun" in out
    assert (
        call(*FIT, "--dates", "day=dayofweek", "--select", "dev=0.9", "--model", "n.json")[0] == 0
    )
    assert call("predict", "m.json", "data.csv") == call("predict", "n.json", "data.csv")
    if pytest.importorskip("pyarrow"):
        frame.assign(day=days).to_parquet("data.parquet")
        assert call("predict", "m.json", "data.parquet") == call("predict", "m.json", "data.csv")
    frame.head(3).to_csv("few.csv", index=False)
    call("fit", "few.csv", "--target", "y", "--dates", "dayofweek", "--model", "few.json")
    said = fails("predict", "few.json", "data.csv")
    assert "the dayofweek 'Mon' in row 4, which the fit has not seen: it has 'Fri', 'Sat'" in said
    assert "'moon' is not a part of a date" in fails(*FIT, "--dates", "moon")
    assert "holds numbers" in fails(*FIT, "--dates", "a=year", "--dates", "day=month")
    assert "given twice for all columns" in fails(*FIT, "--dates", "year", "--dates", "month")
    frame.assign(day=days.strftime("%d/%m/%Y")).to_csv("data.csv", index=False)
    assert "write the year, the month and the day" in fails(*FIT, "--dates", "month")
    frame.assign(day=["soon", *frame["day"][1:]]).to_csv("data.csv", index=False)
    assert "column \"day\", line 2 holds 'soon'; expected a date" in fails(*FIT, "--dates", "month")


def test_rows_with_missing_values_are_left_out(call, fails, frame):
    frame.loc[3, "y"] = np.nan
    frame.loc[[5, 8], "size"] = np.nan
    frame.loc[8, "colour"] = None
    frame.to_csv("data.csv", index=False)
    said = fails(*FIT)
    for words in ('"y", line 5 is empty', "--missing drop", '("size", "colour" lack values, too)'):
        assert words in said
    said = fails("fit", "data.csv", "--target", "code", "--ignore", "y")
    for words in ("--missing drop", "--missing indicator", "--ignore size,colour"):
        assert words in said
    code, out, _ = call(*FIT, "--missing", "drop", "--alpha", 0.01, "--model", "m.json")
    assert code == 0
    assert "3 of 60 rows left out, which lack a value: size (2), colour (1), the target (1)" in out
    frame.dropna().to_csv("whole.csv", index=False)
    call("fit", "whole.csv", "--target", "y", "--alpha", 0.01, "--model", "w.json")
    np.testing.assert_array_equal(
        read_model("m.json").path[0].coef, read_model("w.json").path[0].coef
    )
    # rows for which nothing can be predicted keep their place
    code, out, err = call("predict", "m.json", "data.csv")
    lines = out.split("\n")
    assert (code, lines[6], lines[9], len(lines)) == (0, "", "", 62)
    assert "2 rows lack a value that the model needs" in err
    frame.assign(size=np.nan).to_csv("data.csv", index=False)
    said = fails(*FIT, "--missing", "drop")
    assert "leaves no row" in said
    assert "--ignore size" in said
    assert 'column "size" has no value in any row' in fails(*FIT, "--missing", "indicator")


def test_missing_values_are_marked(call, frame):
    frame.loc[[5, 8], "size"] = np.nan
    frame.loc[[7, 8], "colour"] = None
    frame.loc[3, "y"] = np.nan
    frame.to_csv("data.csv", index=False)
    code, out, _ = call(*FIT, "--missing", "indicator", "--alpha", 0.001, "--model", "m.json")
    assert code == 0
    assert "1 of 60 rows left out, which lack a value: the target (1)" in out
    names = read_model("m.json").names
    assert "size=missing" in names
    assert "colour=missing" in names
    code, out, err = call("predict", "m.json", "data.csv")
    assert (code, err, len(out.split())) == (0, "", 61)


def test_a_level_may_be_named_in_weights_and_groups(call, fails, frame):
    frame.to_csv("data.csv", index=False)
    file_with("feature,l1\ncolour,inf\nsize,0\n", "w.csv")
    call(*FIT, "--penalty-weights", "w.csv", "--alpha", 0.1, "--model", "m.json")
    coef = dict(zip(read_model("m.json").names, read_model("m.json").path[0].coef, strict=True))
    assert all(coef[name] == 0.0 for name in coef if name.startswith("colour="))
    assert coef["size"] != 0.0
    file_with("feature,l1\ncolour,2\ncolour=red,0\n", "w.csv")
    assert "comes a second time" in fails(*FIT, "--penalty-weights", "w.csv")


GROUPS = ("--penalty", "group_lasso", "--n-alphas", 8, "--model", "m.json")


def test_columns_are_groups(call, fails, frame):
    frame.to_csv("data.csv", index=False)
    code, _, _ = call(*FIT, *GROUPS, "--groups", "columns")
    assert code == 0
    model = read_model("m.json")
    assert (model.version, model.path.penalty_kind) == (5, "group_lasso")
    levels = [j for j, name in enumerate(model.names) if name.startswith("colour=")]
    nonzero = model.path.coefs.toarray()[levels] != 0.0
    assert (nonzero.all(axis=0) | ~nonzero.any(axis=0)).all()
    assert nonzero.any()
    file_with("feature,group\ncolour,one\nsize,one\n", "g.csv")
    assert call(*FIT, *GROUPS, "--groups", "g.csv")[0] == 0
    nonzero = read_model("m.json").path.coefs.toarray()[[0, *levels]] != 0.0
    assert (nonzero.all(axis=0) | ~nonzero.any(axis=0)).all()
    file_with("feature,group\nkolour,one\n", "g.csv")
    assert 'no feature "kolour"' in fails(*FIT, *GROUPS, "--groups", "g.csv")
    assert "--groups is for --penalty group_lasso" in fails(*FIT, "--groups", "columns")
    assert "--positive is for penalties of single" in fails(*FIT, *GROUPS, "--positive")


@pytest.mark.parametrize(
    "options",
    [
        ("sparse_group_lasso", "--l1-ratio", 0.3),
        ("group_mcp", "--gamma", 4),
        ("slope", "--q", 0.2),
        ("slope", "--q", "0.05,0.2", "--cv", 3),
    ],
)
def test_other_penalties(call, frame, options):
    frame.to_csv("data.csv", index=False)
    code, _, _ = call(*FIT, "--penalty", *options, "--n-alphas", 8, "--model", "m.json")
    assert code == 0
    assert read_model("m.json").path.penalty_kind == options[0]
    assert call("predict", "m.json", "data.csv")[0] == 0


def test_names_of_rows_are_no_feature(call):
    for cells in (["Mazda", "Datsun", "Fiat"], ["1", "2", "3"], [0, 1, 2]):
        frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "y": [1.0, 3.0, 4.0]}, index=cells)
        frame.to_csv("data.csv")
        code, out, err = call(*FIT, "--alpha", 0.01, "--model", "m.json")
        assert (code, err) == (0, "")
        assert "the first column has no name: it names the rows" in out
        assert read_model("m.json").names == ["a"]


def test_a_table_with_features_as_rows(fails):
    file_with("gene,s1,s2\na,1,2\nb,3,4\ny,1,0\n")
    said = fails(*FIT)
    assert "a row of that name" in said
    assert "transpose it" in said


def test_text_of_numbers_and_of_flags(call, fails):
    file_with("a,b,y\nx,1,1\n2,2,3\nz,3,4\n")
    assert "--categories a" in fails(*FIT)
    assert "a: 3 levels" in call(*FIT, "--categories", "a")[1]
    file_with("a,y\ntrue,1\nfalse,2\n,4\ntrue,2\n")
    code, out, _ = call(*FIT, "--missing", "drop", "--alpha", 0.1)
    assert (code, "3 rows, 1 features" in out) == (0, True)


def test_chunks_of_a_table_agree(call, fails, monkeypatch):
    from softreg_fast.cli.tables import text

    monkeypatch.setattr(text, "CELLS", 9)  # three rows at a time
    cells = [*"abcabcabc", "", *"cb"]
    rows = "".join(f"{cell},{k * 0.5},{(k * 7) % 5}\n" for k, cell in enumerate(cells))
    file_with("g,a,y\n" + rows)
    assert "g: 3 levels -> 3 features" in call(*FIT, "--missing", "drop", "--alpha", 0.1)[1]
    file_with("g,a,y\n,1,2\n,1,3\n,1,4\n" + rows)
    assert "4 of 15 rows left out" in call(*FIT, "--missing", "drop", "--alpha", 0.1)[1]
    file_with("g,a,y\n" + rows + "7,1,2\n7,1,2\n8,1,2\n9,1,2\n")
    assert 'column "g", line 14 holds' in fails(*FIT, "--missing", "drop")
    file_with("g,a,y\n1,1,2\n2,1,2\n3,1,3\n" + rows)
    said = fails(*FIT, "--missing", "drop")
    assert "column \"g\", line 5 holds 'a'; expected a number, as in other rows" in said
