"""Small files as written by many programs: each gives the right table or error message."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from softreg_fast import solve
from softreg_fast.cli.models import read_model
from softreg_fast.cli.tables import svmlight, text
from softreg_fast.cli.tables.cells import as_number, problem_of
from softreg_fast.cli.tables.foreign import rounded
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import as_argument, as_names, composed, nearest, printable
from softreg_fast.system.writing import whole_file, write_whole

pd = pytest.importorskip("pandas")

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def file_with(content, name="data.csv"):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def written(frame, name="data.parquet", **options):
    pytest.importorskip("pyarrow")
    frame.to_parquet(name, **options)
    return name


# ---------------------------------------------------------------------------------------------
# Text tables that are read: content, target, names of the features, X, y, options.

RIGHT = {
    "line break in a quoted name": (
        '"a\nm",b,y\n1,2,3\n4,5,6\n3,1,2\n', "y", ["a\nm", "b"], [[1, 2], [4, 5], [3, 1]], ()
    ),
    "line breaks in names between semicolons": (
        '"a,\r\nm";"b\n";y\n1;2;3\n4;5;6\n', "y", ["a,\r\nm", "b"], [[1, 2], [4, 5]], ()
    ),
    "decimal commas": (
        "a;y\n1,5;2,25\n-,5;1e3\n", "y", ["a"], [[1.5], [-0.5]], ("--decimal", ",")
    ),
    "quoted decimal commas between commas": (
        '"a","y"\n"1,5","2"\n"3","4,5"\n', "y", ["a"], [[1.5], [3.0]], ("--decimal", ",")
    ),
    "Excel's first line": ("sep=;\na;b;y\n1;2;3\n4;5;6\n", "y", ["a", "b"], [[1, 2], [4, 5]], ()),
    "Excel's first line, quoted": ('"SEP=|"\r\na|y\r\n1|2\r\n3|4\r\n', "y", ["a"], [[1], [3]], ()),
    "write.table": (
        '"a" "y"\n"Mazda RX4" 21 6\n"Datsun" 22.8 4\n', "y", ["a"], [[21], [22.8]],
        ("--ignore", ""),
    ),
    "write.table, numbered rows": (
        '"a","y"\n"1",21,6\n"2",22.8,4\n', "y", ["a"], [[21], [22.8]], ("--ignore", "")
    ),
    "years": ("land,1990,1991,y\n1,2,3,4\n5,6,7,8\n", "y", ["land", "1990", "1991"],
              [[1, 2, 3], [5, 6, 7]], ()),
    "wavenumbers": ("4000.5,3998,400,y\n1,2,3,4\n5,6,7,8\n", "y", ["4000.5", "3998", "400"],
                    [[1, 2, 3], [5, 6, 7]], ()),
    "quoted numbers as names": ('"150","4",y\n1,2,3\n5,6,7\n', "y", ["150", "4"],
                                [[1, 2], [5, 6]], ()),
    "mark of byte order": ("\ufeffa,y\n1,2\n3,4\n", "y", ["a"], [[1], [3]], ()),
    "composed for decomposed": (f"{DECOMPOSED},y\n1,2\n3,4\n", "y", [COMPOSED], [[1], [3]], ()),
    "decomposed target": (f"a,{COMPOSED}\n1,2\n3,4\n", DECOMPOSED, ["a"], [[1], [3]], ()),
    "ignored in another form": (
        f"a,{DECOMPOSED},y\n1,x,2\n3,z,4\n", "y", ["a"], [[1], [3]], ("--ignore", COMPOSED)
    ),
    "true and false": ("a,y\ntrue,2\nFALSE,4\n", "y", ["a"], [[1], [0]], ()),
    "long integers that float64 holds": (
        "a,y\n100000000000000000000,2\n3,4\n", "y", ["a"], [[1e20], [3]], ()
    ),
    "digits to the last": ("a,y\n0.1234567890123456789,2\n5e-324,4\n", "y", ["a"],
                           [[0.1234567890123456789], [5e-324]], ()),
    "ends of lines of old Macs": ("a,y\r1,2\r3,4\r", "y", ["a"], [[1], [3]], ()),
    "an empty cell at the end, left out": (
        "a,y,c\n1,2,\n3,4,x\n", "y", ["a"], [[1], [3]], ("--ignore", "c")
    ),
    "quotes after white space": (
        'a, "b, c", y\n1, "2", 3\n4,"5", 6\n', "y", ["a", "b, c"], [[1, 2], [4, 5]], ()
    ),
    "true and false after white space": (
        "a, y\n1, true\n2, false\n", "y", ["a"], [[1], [2]], ()
    ),
    "compressed under another name": (
        gzip.compress(b"a,y\n1,2\n3,4\n"), "y", ["a"], [[1], [3]], ()
    ),
    "a comma in a name, decimal commas": (
        'c,;"y"\n5,5;3\n1,25;2\n', "y", ["c,"], [[5.5], [1.25]], ("--decimal", ",")
    ),
    "white space in a list": (
        "a,b,c,y\n1,x,z,2\n3,x,z,4\n", "y", ["a"], [[1], [3]], ("--ignore", 'b, "c"')
    ),
    "columns after the target": ("a,y,b\n1,2,3\n4,5,6\n", "y", ["a", "b"], [[1, 3], [4, 6]], ()),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_text_tables_that_are_right(call, case):
    content, target, names, X, options = RIGHT[case]
    file_with(content, "data.txt")
    fit = ("fit", "data.txt", "--target", target, "--alpha", 0, "--l1-ratio", 0)
    code, _, _ = call(*fit, "--model", "m.json", *options)
    assert code == 0
    assert read_model("m.json").names == names
    ignore = as_names(options[1]) if "--ignore" in options else ()
    decimal = "," if "--decimal" in options else "."
    table = read_table("data.txt", Roles(target=target, ignore=ignore), decimal=decimal)
    np.testing.assert_array_equal(table.X, X)
    assert table.X.flags.f_contiguous
    # predict finds the fitted columns in the same file
    again = [] if ignore else list(options)
    code, out, _ = call("predict", "m.json", "data.txt", *again)
    assert code == 0
    predicted = np.array(out.split()[1:], dtype=float)
    coef, intercept = read_model("m.json").path.coefs.toarray()[:, 0], read_model("m.json").path
    np.testing.assert_allclose(predicted, np.array(X) @ coef + intercept.intercepts, rtol=1e-12)


WRONG = {
    "scikit-learn's iris": (
        "150,4,setosa,versicolor,virginica\n5.1,3.5,1.4,0.2,0\n4.9,3.0,1.4,0.2,0\n",
        ("--target", "setosa"), ["first line", '("150", "4")', "names of the columns"],
    ),
    "no header": ("1.5,0.3,9\n1,2,3\n3,4,8\n", ("--target", "9"), ["only numbers", "header"]),
    "thousands": ('a,y\n"1,234",1\n3,3\n', (), ["line 2 holds '1,234'", "write 1234,"]),
    "millions": ('a,y\n"1,234,567.5",1\n3,3\n', (), ["write 1234567.5,"]),
    "thousands or decimals": ("a;y\n1,234;1\n", (), ["say --decimal ,", "write 1234,"]),
    "decimal comma": ("a;y\n1,5;1\n", (), ["say --decimal ,", "write 1.5"]),
    "decimal point": ("a;y\n1.5;1\n", ("--decimal", ","), ["'1.5'", "--decimal says a comma"]),
    "thousands, comma": ("a;y\n1.234,5;1\n", ("--decimal", ","), ["write 1234,5, without points"]),
    "comma for both": ("a,y\n1,2\n", ("--decimal", ","), ["parted by ','", "--delimiter"]),
    "Arabic digits": ("a,y\n١٢,1\n", (), ["write 12,", "0 to 9"]),
    "full-width digits": ("a,y\n１２．５,1\n", (), ["write 12.5,"]),
    "typographic minus": ("a,y\n−1.5,1\n", (), ["write -1.5,"]),
    "UTF-16": ("a,y\n1,2\n".encode("utf-16"), (), ["UTF-16", "save it in UTF-8"]),
    "UTF-16 without a mark": ("a,y\n1,2\n".encode("utf-16-le"), (), ["NUL", "UTF-8"]),
    "NUL in a cell": ("a,y\n1,2\n3,4\n1\0002,2\n", (), ["NUL"]),
    "Excel against --delimiter": (
        "sep=;\na;y\n1;2\n", ("--delimiter", ","), ["'sep=;'", "--delimiter"]
    ),
    "row names that are numbers": ("a b y\n1 2 3 4\n", (), ["line 2 has 4 cells", "names of the"]),
    "write.table": ('"a" "y"\n"x" 21 6\n', (), ["column 1", "--ignore ''"]),
    "a delimiter at the end of rows": (
        "a,b,y\n1,2,3,\n", (), ["line 2 has 4 cells", "remove the delimiter at its end"]
    ),
    "texts": (
        'name,a,"b, c",day,y\nx,1,N,2020-01-01,1\n', (),
        ["column \"name\", line 2 holds 'x'", "3 columns like it", "'name,\"b, c\",day'"],
    ),
    "white space between thousands": ("a;y\n1 234,5;1\n1;2\n", ("--decimal", ","), ["1234,5,"]),
    "apostrophes": ("a;y\n-1'234'567.5;1\n", (), ["write -1234567.5,"]),
    "underscores": ("a;y\n1_234;1\n", (), ["write 1234,"]),
    "percent": ("a,y\n5 %,1\n", (), ["write 5,", "nothing between its digits or around"]),
    "dollars": ('a,y\n"-$1,234.50",1\n', (), ["write -1234.50,"]),
    "euros": ("a;y\n5,25 €;1\n", ("--decimal", ","), ["write 5,25,"]),
    "a dash": ("a,y\n-,1\n3,4\n", (), ["holds '-', a missing value"]),
    "missing among flags": ("a,y\ntrue,1\nNA,4\n", (), ["line 3 holds 'NA', a missing value"]),
    "thousands, a point alone": (
        "a;y\n2.345;1,5\n", ("--decimal", ","), ["--decimal says a comma", "write 2345,"]
    ),
    "hundreds of digits": (f"a,y\n{'9' * 400},1\n", (), ["holds '9999", "...'; expected a finite"]),
    "zeros before an integer too long": (
        f"a,y\n{'0' * 5000}9007199254740993,1\nx,3\n", (), ["0..., an integer beyond 2^53"]
    ),
    "a comment above": ("# by R, 2020\na,b,y\n1,2,3\n", (), ["begins with #", "remove it"]),
    "a comment below": ("a,b,y\n1,2,3\n# by R\n", (), ["line 3 has 1 cell,", "begins with #"]),
    "a delimiter at the end of the header": (
        "a,b,y,\n1,2,3\n", (), ["line 2 has 3 cells", "the delimiter at the end of the header"]
    ),
    "a quote that stays open in a row": (
        'a,b,y\n1,"2,3\n4,5,6\n', (), ["perhaps a double quote is not closed"]
    ),
    "text in the target, too": ("name,a,y\nx,1,low\n", (), ["--ignore name; \"y\", which cannot"]),
    "a date": ("a,day,y\n1,2020-01-01,3\n", (), ["column \"day\"", "days since the first"]),
    "missing in two columns": ("a,b,y\n1,,NA\n,2,3\n", (), ["line 2 is empty", "--ignore a,b"]),
    "an integer too long": ("a,y\n9007199254740993,1\n", (), ["9007199254740993", "2^53"]),
    "an integer of 30 digits": ("a,y\n123456789012345678901234567890,1\n", (), ["2^53"]),
    "an unsigned one": ("a,y\n18446744073709551615,1\n", (), ["2^53"]),
    "true beside 1": ("a,y\ntrue,1\n1,3\n", (), ["'true'", "nothing but true and false"]),
    "a short row": ("a,y,c\n1,2,q\n2,3\n", ("--ignore", "c"), ["line 3 has 2 cells"]),
    "two forms of a name": (f"{COMPOSED},{DECOMPOSED},y\n1,2,3\n", (), ["more than one column"]),
    "a quote that stays open": ('a,"b,y\n1,2,3\n', (), ["double quote is not closed"]),
    "a name in other letters": ("A,Y\n1,2\n", (), ['did you mean "Y"']),
    "control characters": ("\x1b[31ma,Y\n1,2\n", ("--target", "b"), [r'"\x1b[31ma"']),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_text_tables_that_are_wrong(fails, case):
    content, options, expected = WRONG[case]
    file_with(content, "data.txt")
    target = () if "--target" in options else ("--target", "y")
    said = fails("fit", "data.txt", *target, "--model", "m.json", *options)
    for words in expected:
        assert words in said
    assert "1.234" not in said.replace("1.234,5", "")
    assert os.listdir() == ["data.txt"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("d.xlsx", "save the sheet as CSV"), ("d.csv.bz2", "decompress it"), ("X.npy", "numpy.savez"),
     ("d.data", "say which with --format")],
)  # fmt: skip
def test_files_of_other_programs(fails, name, words):
    assert words in fails("fit", file_with("a,y\n1,2\n", name), "--target", "y")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX matters")
def test_pipes_are_not_read(fails):
    os.mkfifo("pipe.csv")  # reading from it would block for ever
    assert "pipe.csv is a pipe" in fails("fit", "pipe.csv", "--target", "y")
    assert "name of a file to read is empty" in fails("fit", "", "--target", "y")


def test_models_from_windows_and_columns_nearly_named(call, fails):
    file_with("a,y\n1,2\n3,4\n")
    call("fit", "data.csv", "--target", "y", "--alpha", 0.1, "--model", "m.json")
    file_with(b"\xef\xbb\xbf" + Path("m.json").read_bytes(), "w.json")
    assert call("predict", "w.json", "data.csv") == call("predict", "m.json", "data.csv")
    assert 'did you mean "A"?' in fails("predict", "m.json", file_with("A\n1\n", "upper.csv"))
    file_with(Path("m.json").read_text().replace('_version": 1', '_version": "1"'), "old.json")
    assert "format version '1', this" in fails("predict", "old.json", "data.csv")


def test_years_alone_may_be_data_and_the_user_is_told(call):
    file_with("1990,1991,1992\n1,2,3\n4,5,7\n")
    code, out, err = call("fit", "data.csv", "--target", "1992")
    assert code == 0
    assert "2 rows, 2 features" in out
    assert 'are numbers ("1990", "1991", "1992"); if they are data' in err


def test_true_and_false_are_told(call):
    file_with("flag,y\ntrue,2\nfalse,4\n")
    assert 'true is read as 1, false as 0 in "flag"' in call("fit", "data.csv", "--target", "y")[2]


def test_parts_of_a_long_table_are_one_table(monkeypatch):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((50, 4))
    pd.DataFrame(data, columns=list("abyc")).to_csv("data.csv", index=False)
    monkeypatch.setattr(text, "CELLS", 28)  # seven rows at a time
    table = read_table("data.csv", Roles(target="y", weights="b"))
    np.testing.assert_array_equal(table.X, data[:, [0, 3]])
    np.testing.assert_array_equal(table.y, data[:, 2])
    np.testing.assert_array_equal(table.weights, data[:, 1])
    model = Roles(features=["c", "a", "b"], n_features=3)
    np.testing.assert_array_equal(read_table("data.csv", model).X, data[:, [3, 0, 1]])
    lines = Path("data.csv").read_text().splitlines()
    lines[44] = "1,2,3,\n\nx,1,2,3"  # and a blank line
    file_with("\n".join(lines) + "\n")
    with pytest.raises(InputError, match='column "c", line 45 is empty'):
        read_table("data.csv", Roles(target="y"))
    with pytest.raises(InputError, match='column "a", line 47 holds'):
        read_table("data.csv", Roles(target="y", ignore=["c"]))
    flags = "a,y\n" + "true,1\n" * 14 + "1,2\n" * 14
    file_with(flags)
    with pytest.raises(InputError, match="mixes numbers with true and false"):
        read_table("data.csv", Roles(target="y"))


def test_a_header_of_many_thousand_names(call):
    names = [f"gene{j:05d}" for j in range(16_000)]
    rows = np.random.default_rng(0).integers(0, 9, (6, 16_001))
    header = ",".join(["y", *names])
    assert len(header) > 131_072
    file_with(header + "\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
    assert call("fit", "data.csv", "--target", "y", "--alpha", 1, "--model", "m.json")[0] == 0
    fit = solve(rows[:, 1:].astype(float), rows[:, 0].astype(float), alpha=1)
    np.testing.assert_allclose(read_model("m.json").path[0].coef, fit.coef, atol=1e-9)
    assert call("predict", "m.json", "data.csv")[0] == 0


def test_options_and_help_do_without_pandas():
    # scikit-learn may import it itself: it is hidden here, and must not be needed
    hidden = "import sys; sys.modules['pandas'] = None; from softreg_fast.__main__ import main; "
    for words, code in ((["--version"], 0), (["fit", "x", "--alpha", "y"], 2)):
        command = [sys.executable, "-c", f"{hidden} sys.exit(main({words}))"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "pandas" in done.stderr) == (code, False)


# ---------------------------------------------------------------------------------------------
# Names everywhere.


def test_names_are_found_in_both_forms_of_unicode(call):
    file_with(f"{DECOMPOSED},b,y\n1,2,3\n3,4,4\n7,0,1\n", "one.csv")
    file_with(f"y,b,{COMPOSED}\n3,2,1\n4,4,3\n1,0,7\n", "other.csv")
    file_with(f"feature,l1\n{COMPOSED},inf\n", "w.csv")
    fit = ("fit", "one.csv", "--target", "y", "--alpha", 0.1, "--model", "m.json")
    assert call(*fit, "--penalty-weights", "w.csv")[0] == 0
    assert read_model("m.json").path.coefs.toarray()[0, 0] == 0.0
    assert call(*fit)[0] == 0
    first = call("predict", "m.json", "one.csv")
    assert first[0] == 0
    assert call("predict", "m.json", "other.csv") == first
    held = json.loads(Path("m.json").read_text())
    old = json.dumps(held, ensure_ascii=False).replace(COMPOSED, DECOMPOSED)
    assert call("predict", file_with(old, "old.json"), "other.csv") == first


def test_only_one_side_has_names(call, fails):
    X = np.random.default_rng(0).standard_normal((9, 3))
    np.savez("data.npz", X=X, y=X.sum(axis=1))
    frame = pd.DataFrame(X, columns=list("abc"))
    frame.to_csv("data.csv", index=False)
    frame.assign(y=X.sum(axis=1)).to_csv("fit.csv", index=False)
    call("fit", "data.npz", "--alpha", 0.1, "--model", "nameless.json")
    call("fit", "fit.csv", "--target", "y", "--alpha", 0.1, "--model", "named.json")
    code, first, err = call("predict", "nameless.json", "data.csv")
    assert (code, "the model has no names" in err) == (0, True)
    code, second, err = call("predict", "named.json", "data.npz")
    assert (code, "data.npz has no names" in err) == (0, True)
    assert first == second
    file_with("1 1:2 2:1\n", "data.svm")
    assert "finds its columns by name" in fails("predict", "named.json", "data.svm")


def test_control_characters_are_not_printed(call):
    pytest.importorskip("matplotlib")
    names = ["\x1b[31mred", "line\nbreak", "\u202eback", "</td><script>", "a$b$"]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 5))
    frame = pd.DataFrame(np.c_[X, X.sum(axis=1)], columns=[*names, "y"])
    frame.to_csv("data.csv", index=False)
    fit = ("fit", "data.csv", "--target", "y", "--alpha", 0.01)
    code, out, err = call(*fit, "--report", "r.html", "--model", "m.json")
    assert (code, err) == (0, "")
    page = Path("r.html").read_text(encoding="utf-8")
    for shown in (out, page):
        assert not {"\x1b", "\u202e"} & set(shown)
        assert r"\x1b[31mred" in shown
        assert r"line\nbreak" in shown
    assert "<script>" not in page
    assert read_model("m.json").names == names


def test_words():
    assert printable("a\x1b\x07\u2028é\n") == r"a\x1b\x07\u2028é" + "\n"
    assert printable("a\nb", keep="") == r"a\nb"
    assert printable("می\u200cخواهم") == "می\u200cخواهم"
    assert composed(DECOMPOSED) == COMPOSED
    assert nearest("totemp", ["x", "TOTEMP"]) == "TOTEMP"
    for names in (["a"], [""], ["a b", 'c,"d'], ["x", "", 'q"'], ["a\nb"]):
        import shlex

        assert as_names(shlex.split(as_argument(names))[0]) == names


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1), (" -2.5e3 ", -2500), (".5", 0.5), ("1.", 1), ("inf", np.inf), ("1_0", None),
     ("١", None), ("1,5", None), ("0x1", None), ("", None), ("nan", None), ("1e", None)],
)  # fmt: skip
def test_numbers(cell, value):
    assert as_number(cell) == value
    assert (problem_of(cell) is None) == (value is not None and np.isfinite(value))


def test_rounded_integers():
    for kind in ("i8", "u8"):
        top = np.iinfo(kind).max
        values = np.array([0, 2**53, 2**53 + 1, 2**62, 2**62 + 1, top], dtype=kind)
        assert rounded(values).tolist() == [2, 4, 5]
    assert rounded(np.array([-(2**63), -(2**53) - 1])).tolist() == [1]


# ---------------------------------------------------------------------------------------------
# Parquet.


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
        "t": pd.date_range("2020", periods=4),
        "d": pd.to_timedelta(a, "s"),
        "c": pd.Categorical([3, 1, 3, 1]),
        "s": list("abcd"),
        "l": [[1]] * 4,
    }
    said = {"t": "dates or times", "d": "dates or times", "c": "categories", "s": "'a'", "l": "[1]"}
    for name, column in wrong.items():
        with pytest.raises(InputError) as error:
            read_table(written(pd.DataFrame({"a": a, name: column, "y": a})), Roles(target="y"))
        assert f'column "{name}"' in str(error.value)
        assert said[name] in str(error.value)
    with pytest.raises(InputError, match="--ignore t,d,c,s,l"):
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


def test_integers_of_archives_that_would_be_rounded(fails):
    np.savez("data.npz", X=np.array([[1, 2**53 + 1], [2, 3]]), y=[1.0, 2.0])
    assert "feature 1, row 1 holds 9007199254740993" in fails("fit", "data.npz")
    np.savez("data.npz", X=np.eye(2), y=[1, 2**53 + 1])
    assert "row 2 holds 9007199254740993" in fails("fit", "data.npz")


# ---------------------------------------------------------------------------------------------
# svmlight.


def test_svmlight_with_a_mark_of_byte_order(call, fails):
    content = "1 1:2\n2 2:3\n4 1:1 2:1\n"
    results = []
    for data in (content.encode(), b"\xef\xbb\xbf" + content.encode()):
        file_with(data, "data.svm")
        file_with(gzip.compress(data), "data.svm.gz")
        results += [read_table(name, Roles()) for name in ("data.svm", "data.svm.gz")]
    for table in results:
        np.testing.assert_array_equal(table.X.toarray(), [[2, 0], [0, 3], [1, 1]])
        np.testing.assert_array_equal(table.y, [1, 2, 4])
    file_with(content.encode("utf-16"), "data.svm")
    assert "UTF-16" in fails("fit", "data.svm")


def test_svmlight_with_a_giant_index(call, fails, monkeypatch):
    file_with("1 1:2\n2 1:3\n", "data.svm")
    call("fit", "data.svm", "--alpha", 0.1, "--model", "m.json")
    file_with("1 1:2\n2 300000000:3\n", "data.svm")
    monkeypatch.setattr(svmlight, "available_memory", lambda: 8.0 * 2**30)
    said = fails("fit", "data.svm")
    for words in ("index 300000000", "8 GiB are free", "only 2 features occur"):
        assert words in said
    assert call("predict", "m.json", "data.svm")[0] == 0  # which passes over it
    for index in (3 * 10**9, 10**25):
        file_with(f"1 1:2\n2 {index}:3\n", "data.svm")
        assert f"line 2: index {index} is too large" in fails("fit", "data.svm")
    assert svmlight.available_memory() == 8.0 * 2**30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("9007199254740993 1:2\n1 1:3\n", "line 1 holds 9007199254740993, an integer"),
        ("1 1:3\n1 2:9007199254740993\n", "line 2 holds 9007199254740993, an integer"),
        ("1 ١:2\n", "line 1: '١:2' is not index:value"),
        ("1 1:١\n", "line 1: '1:١' is not index:value"),
        ("1 1:2\r2 1:3\r", "cannot be read as svmlight"),
    ],
)
def test_svmlight_that_is_wrong(fails, content, words):
    assert words in fails("fit", file_with(content, "data.svm"))


def test_svmlight_of_long_integers_that_float64_holds(call):
    file_with("9007199254740994 1:2\n1 1:-1e30 # 9007199254740993\n", "data.svm")
    assert read_table("data.svm", Roles()).y.tolist() == [9007199254740994, 1]


def test_available_memory_is_positive():
    assert svmlight.available_memory() > 0.0


# ---------------------------------------------------------------------------------------------
# Output files and their paths.


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--report", "r.pdf", "page of HTML"),
        ("--report", "r", "page of HTML"),
        ("--model", "m.csv", "a model is JSON"),
        ("--model", "m.pkl", "a model is JSON"),
        ("--coefficients", "c.json", "table of CSV"),
        ("--coefficients", "c.csv.gz", "table of CSV"),
        ("--coefficients", "c.xlsx", "table of CSV"),
    ],
)
def test_endings_that_promise_another_format(fails, option, name, words):
    file_with("a,y\n1,2\n3,4\n")
    assert words in fails("fit", "data.csv", "--target", "y", option, name)
    assert os.listdir() == ["data.csv"]


def test_reports_of_the_demonstration_are_html(fails):
    assert "page of HTML" in fails("demo", "--report", "r.pdf")


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX matters")
def test_data_are_not_overwritten_through_links(fails):
    file_with("a,y\n1,2\n3,4\n")
    os.link("data.csv", "hard.csv")
    os.symlink("data.csv", "soft.csv")
    for name in ("hard.csv", "soft.csv"):
        assert "is read" in fails("fit", "data.csv", "--target", "y", "--coefficients", name)
    assert Path("data.csv").read_text() == "a,y\n1,2\n3,4\n"


def test_a_target_is_no_file(call):
    file_with("a,y\n1,2\n3,4\n")
    assert call("fit", "data.csv", "--target", "y", "--model", "y")[0] == 0


def test_whole_files(tmp_path):
    words = "é\r\n"
    pairs = ((b"\xff", b"\xff"), (words, words.encode()), (["a", "é"], "aé".encode()))
    for content, held in pairs:
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == held
    with pytest.raises(FileNotFoundError, match="there is no folder nowhere") as error:
        write_whole(os.path.join("nowhere", "f"), b"")
    assert ".part" not in str(error.value)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_whole(tmp_path, b"")
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "file") as file:
        file.write(b"half" * (1 // 0))
    assert (tmp_path / "file").read_bytes() == "aé".encode()
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="pipes by number are POSIX matters")
def test_pipes_are_written_to():
    reader, writer = os.pipe()
    with open(reader, "rb") as file:
        write_whole(f"/dev/fd/{writer}", b"x")
        os.close(writer)
        assert file.read() == b"x"


def test_what_goes_wrong_names_the_file_that_was_asked_for(monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device", "some.part")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left on device: 'mine'"):
        write_whole("mine", b"x")
    assert os.listdir() == []


# ---------------------------------------------------------------------------------------------
# Options.

OPTIONS = [
    ("--target a", "--target is given twice"),
    ("--alpha 1 --alpha 2", "--alpha is given twice"),
    ("--alpha 1 --rows 3", "--rows is for the table of a path"),
    ("--lambda 3", "did you mean --alpha?"),
    ("--lambdas=3", "did you mean --alphas?"),
    ("--nfolds 3", "did you mean --cv?"),
    ("--penalty-factor 1", "did you mean --penalty-weights?"),
    ("--penalty_factor 1", "did you mean --penalty-weights?"),
    ("--lower-limits 0", "--positive bounds"),
    ("--n-jobs 2", "did you mean --threads?"),
    ("--family binomial", "least squares"),
    ("--l1_ratio 1", "did you mean --l1-ratio?"),
    ("--alhpa 1", "did you mean --alpha?"),
    ("--zzzzzz", "unrecognized arguments: --zzzzzz"),
    ("--\x1b[31m", "\\x1b[31m"),
    ("--n-alphas 1_0", "'1_0' is not a whole number"),
    ("--alpha 1_0", "'1_0' is not a number"),
    ("--alpha １", "is not a number"),
    ("--format npz --decimal ,", "--decimal is for text tables"),
    ("--max-iter 1000000000000000000000", "is not < 2^63"),
    ("--eps auto", "--eps auto is for cross-validation"),
    ("--model ", "the name of a file to write is empty"),
    ("--delimiter é", "not one character"),
    ("--delimiter §", "ASCII"),
]


@pytest.mark.parametrize(("words", "said"), OPTIONS)
def test_options_that_contradict_or_are_not_ours(fails, words, said):
    file_with("a,y\n1,2\n3,4\n")
    assert said in fails("fit", "data.csv", "--target", "y", *words.split(" "))
