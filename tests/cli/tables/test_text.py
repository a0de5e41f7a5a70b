"""Text tables as written by many programs: each gives the right table or error message."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from datafiles import COMPOSED, DECOMPOSED, file_with, files, write_table

from softreg_fast import path, solve
from softreg_fast.cli.models import read_model
from softreg_fast.cli.tables import text
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import as_names

pd = pytest.importorskip("pandas")


def test_text_as_people_write_it(call):
    # byte order mark, blank lines, quotes, blanks, ends of lines from Windows, aligned columns
    file_with('\ufeff\r\n"a", b ,y\r\n"1.5", 2 ,3\r\n\r\n1e3,-.5,+4\r\n0,1,0\r\n')
    code, out, _ = call("fit", "data.csv", "--target", "y")
    assert code == 0
    assert "3 rows, 2 features" in out
    file_with("  a    b  y  \n 1    2  3\n\n 10   0  1 \n  3   4 5\n", "data.txt")
    code, out, _ = call("fit", "data.txt", "--target", "y")
    assert code == 0
    assert "3 rows, 2 features" in out


def test_compressed_text(call):
    X, y = write_table()
    with open("data.csv", "rb") as plain, gzip.open("data.csv.gz", "wb") as packed:
        packed.write(plain.read())
    assert call("fit", "data.csv.gz", "--target", "price", "--model", "m.json")[0] == 0
    np.testing.assert_array_equal(
        read_model("m.json").path.alphas, path(X, y, standardize=True).alphas
    )


CSV_ERRORS = {
    "text": ("a,b,y\n1,2,3\n4,Paris,6\n", ['column "b", line 3', "'Paris'", "--ignore b"]),
    "text in the target": ("a,y\n1,2\n3,low\n", ['column "y", line 3', "'low'"]),
    "decimal comma": ("a;y\n1;2\n3;4,5\n", ['column "y", line 3', "write 4.5"]),
    "empty cell": ("a,b,y\n1,2,3\n\n4,,6\n", ['column "b", line 4 is empty', "--ignore b"]),
    "empty target": ("a,y\n1,2\n3,\n", ['column "y", line 3 is empty']),
    "NA": ("a,y\n1,2\nNA,4\n", ['column "a", line 3', "'NA'"]),
    "spreadsheet": ("a,y\n1,2\n#DIV/0!,4\n", ['column "a", line 3', "missing"]),
    "nan": ("a,y\n1,2\nnan,4\n", ['column "a", line 3', "'nan'", "missing"]),
    "infinite": ("a,y\n1,2\n-inf,4\n", ['column "a", line 3', "finite"]),
    "too large": ("a,y\n1,2\n1e999,4\n", ['column "a", line 3', "finite"]),
    "underscore": ("a,y\n1,2\n1_000,4\n", ['column "a", line 3', "'1_000'"]),
    "short row": ("a,b,y\n1,2,3\n4,5\n", ["line 3 has 2 cells", "header has 3"]),
    "long row": ("a,b,y\n1,2,3\n4,5,6,7\n", ["line 3 has 4 cells", "header has 3"]),
    "every row is long": ("a,b,y\n1,2,3,4\n", ["line 2 has 4 cells", "header has 3"]),
    "same name": ("a,a,y\n1,2,3\n", ["more than one column", '"a"']),
    "no name": (",a,y\n5,2,3\n0,1,4\n", ["column 1", "no name", "--ignore ''"]),
    "twice the same name of a row": (",a,y\nx,2,3\nx,1,4\n", ["column 1", "no name"]),
    "no header": ("1.5,2.5,3.5\n4,5,6\n", ["only numbers", "header"]),
    "no rows": ("a,b,y\n", ["no rows"]),
    "only blank lines": ("\n\n", ["empty", "header"]),
    "only the target": ("y\n1\n2\n", ["no column left"]),
    "no such target": ("a,b,Y\n1,2,3\n", ['no column "y"', 'did you mean "Y"']),
    "no such name": ("a,b,Z\n1,2,3\n", ['no column "y"', 'it has "a", "b", "Z"']),
    "nearly the target": ("a,b,yy\n1,2,3\n", ['no column "y"', 'did you mean "yy"']),
    "open quotes": ('a,b,y\n1,2,3\n1,"2,3\n4,5,6\n', ["data.csv", "double quote"]),
}


@pytest.mark.parametrize("case", CSV_ERRORS)
def test_text_tables_with_errors(fails, case):
    text, wanted = CSV_ERRORS[case]
    file_with(text)
    said = fails("fit", "data.csv", "--target", "y", "--model", "m.json")
    for words in wanted:
        assert words in said
    assert files() == ["data.csv"]


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
    "UTF-16": (
        "a,y\n1,2\n".encode("utf-16"), (), ["UTF-16", "--encoding utf-16", "save it in UTF-8"]
    ),
    "UTF-16 without a mark": ("a,y\n1,2\n".encode("utf-16-le"), (), ["NUL", "UTF-8"]),
    "NUL in a cell": ("a,y\n1,2\n3,4\n1\0002,2\n", (), ["NUL"]),
    "Excel against --delimiter": (
        "sep=;\na;y\n1;2\n", ("--delimiter", ","), ["'sep=;'", "--delimiter"]
    ),
    "row names that are numbers": ("a b y\n1 2 3 4\n", (), ["line 2 has 4 cells", "names of the"]),
    "a delimiter at the end of rows": (
        "a,b,y\n1,2,3,\n", (), ["line 2 has 4 cells", "remove the delimiter at its end"]
    ),
    "texts among numbers": (
        'name,"b, c",day,y\n1,1,1,1\nx,N,2020-01-01,1\n', (),
        ["column \"name\", line 3 holds 'x'", "as in other rows", "--categories name",
         "2 columns like it", "'name,\"b, c\"'"],
    ),
    "names of rows": (
        "name,a,y\nx,1,1\nz,2,3\nw,3,1\n", (),
        ['column "name" has another text in each of the 3 rows', "leave it out with --ignore name"],
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
    "text in the target": ("a,y\n1,low\n", (), ["line 2 holds 'low'", "--loss logistic"]),
    "missing in the target, too": (
        "name,a,y\n,1,\n", (), ["--ignore name; \"y\", which cannot"]
    ),
    "a date": ("a,day,y\n1,2020-01-01,3\n", (), ["column \"day\"", "--dates year,month"]),
    "a time": ("a,at,y\n1,12:30,3\n1,1,3\n", (), ["column \"at\"", "minutes since midnight"]),
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
    fit = solve(rows[:, 1:].astype(float), rows[:, 0].astype(float), alpha=1, standardize=True)
    np.testing.assert_allclose(read_model("m.json").path[0].coef, fit.coef, atol=1e-9)
    assert call("predict", "m.json", "data.csv")[0] == 0
