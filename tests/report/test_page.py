"""The report: one complete page with the results of the fit, for any feature names."""

import csv
import os
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold

pytest.importorskip("matplotlib")

from softreg_fast import MultiTaskLassoCV, cv_path, path
from softreg_fast.__main__ import main
from softreg_fast.cli import demo, fit_report
from softreg_fast.report import page as report_page
from softreg_fast.report.page import Report, page
from softreg_fast.report.pictures import COLOURS, MOST_LINES, path_picture
from softreg_fast.solvers.protocol import Status

NAMES = ["rooms", "<script>alert(1)</script>", 'a "b" & $\\frac{c$', "größe 日本", "dist" * 40]
VOID = {"meta", "link", "br", "img", "hr", "input"}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Parsed(HTMLParser):
    """Content of a page: tags with attributes, tables, all text; every tag must be closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.text, self.open = [], [], "", []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def table(self, first):
        """Return the rows of the table with this first heading, without the heading row."""
        return next(rows[1:] for rows in self.tables if rows[0][0] == first)

    def fact(self, name):
        """Return the cell beside a heading."""
        return next(row[1] for rows in self.tables for row in rows if row[0] == name)


def data(n=60):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, len(NAMES))) * [1.0, 5.0, 0.2, 1.0, 1.0]
    return X, X @ [2.0, -1.0, 9.0, 1.0, 0.5] + 3.0 + rng.standard_normal(n)


def write_table(name="data.csv"):
    X, y = data()
    with open(name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*NAMES, "<price>"])
        writer.writerows(np.column_stack([X, y]).tolist())
    return X, y


def fit(*options, report="report.html"):
    code = main(["fit", "data.csv", "--target", "<price>", "--report", report, *map(str, options)])
    assert code == 0
    return Path(report).read_text(encoding="utf-8")


def report_of(X, y, k=-1, **options):
    fits = path(X, y, **options)
    return Report(
        path=fits,
        k=range(len(fits))[k],
        search=None,
        deviation=X.std(axis=0),
        label=str,
        l1_ratio=1.0,
        source="data",
        target="y",
        data={},
        settings={},
        command="",
    )


def test_a_page_that_needs_nothing_else():
    write_table()
    text = fit("--cv", 4)
    read = Parsed(text)
    names = [name for name, _ in read.tags]
    assert text.startswith("<!DOCTYPE html>")
    assert names.count("svg") == 4
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(names)
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", text)
    for _, attributes in read.tags:
        for key in ("href", "xlink:href", "src"):
            assert attributes.get(key, "#").startswith("#")
        assert not any(key.startswith("on") for key in attributes)
    identities = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert all(f"--{name}:" in text for name in COLOURS.values())
    assert "prefers-color-scheme: dark" in text


def test_names_are_text():
    write_table()
    text = fit("--cv", 4, "--eps", 1e-4)
    read = Parsed(text)
    rows = read.table("feature")
    assert {row[0] for row in rows} == {*NAMES, "(intercept)"}
    assert "<script" not in text
    assert "<price>" not in text
    drawn = re.findall("<text[^>]*>([^<]*)</text>", text)
    assert "&lt;script&gt;alert(1)&lt;…" in drawn
    assert 'a "b" &amp; $\\frac{c$' in drawn
    assert "dist" * 4 + "d…" in drawn


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_the_numbers_are_those_of_the_fit(rule):
    X, y = write_table()
    read = Parsed(fit("--cv", 4, "--rule", rule, "--seed", 7))
    found = cv_path(X, y, cv=KFold(4, shuffle=True, random_state=7), rule=rule)
    model = found.path[found.index]
    rows = read.table("rule")
    for row, k in zip(rows, (found.index_min, found.index_1se), strict=True):
        expected = (found.alphas[0, k], found.mean_errors[0, k], found.standard_errors[0, k])
        np.testing.assert_allclose([float(cell) for cell in row[1:4]], expected, rtol=1e-3)
        assert int(row[4]) == found.path.df[k]
    assert [row[0] for row in rows if "chosen" in row[0]] == [f"{rule} (chosen)"]
    effects = dict(zip(NAMES, model.coef * X.std(axis=0), strict=True))
    rows = read.table("feature")
    assert rows.pop()[1] == f"{model.intercept:.6g}"
    assert [row[0] for row in rows] == sorted(
        (name for name in NAMES if effects[name]), key=lambda name: -abs(effects[name])
    )
    for name, coefficient, effect, _ in rows:
        assert coefficient == f"{model.coef[NAMES.index(name)]:.6g}"
        assert float(effect) == pytest.approx(effects[name], rel=1e-4)
    assert float(read.fact("duality gap")) == pytest.approx(model.gap, rel=1e-3, abs=1e-30)
    assert read.fact("P0") == f"{model.null_loss:.6g}"
    assert read.fact("folds") == "4, shuffled, seed 7"
    assert read.fact("rows") == "60"
    assert f"alpha = {model.alpha:.6g}" in read.text


def test_the_end_of_the_grid_is_told(capsys):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    np.savez("data.npz", X=X, y=X.sum(axis=1) + 0.1 * rng.standard_normal(60))

    def pages_of(*options):
        words = ("fit", "data.npz", "--cv", "4", "--report", "report.html", *options)
        assert main(list(words)) == 0
        return Parsed(Path("report.html").read_text(encoding="utf-8")), capsys.readouterr()

    read, said = pages_of("--eps", "0.1")
    assert "The last alpha of the grid" in read.text
    note = "warning: The last alpha of the grid"
    assert said.err.count(note) == 1
    assert "The last alpha of the grid" in said.out
    read, said = pages_of()
    assert "The last alpha" not in read.text
    assert said.err == ""


def test_its_command_gives_the_same_page_again():
    write_table()
    text = fit("--cv", 4, "--l1-ratio", 0.5, "--standardize")
    os.rename("report.html", "first.html")
    command = re.search("<code>(.*)</code>", text)[1]
    command = command.replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'")
    program, *words = shlex.split(command)
    assert program == "softreg_fast"
    assert main(words) == 0
    assert Path("report.html").read_bytes() == Path("first.html").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there")
def test_a_file_whose_name_is_no_text():
    write_table()
    name = os.fsdecode(b"data\xff<i>.csv")
    os.rename("data.csv", name)
    assert main(["fit", name, "--target", "<price>", "--report", "report.html"]) == 0
    read = Parsed(Path("report.html").read_text(encoding="utf-8"))
    assert read.fact("file") == "data\\udcff<i>.csv"


def test_without_cross_validation():
    write_table()
    read = Parsed(fit("--select", "dev=0.5"))
    assert [name for name, _ in read.tags].count("svg") == 3
    assert "rows left out" not in read.text
    assert read.fact("chosen").endswith("of the path, as selected")
    read = Parsed(fit("--alpha", 0.25, "--l1-ratio", 0))
    assert [name for name, _ in read.tags].count("svg") == 2
    assert "Ridge for <price>" in read.text
    assert read.fact("alpha") == "0.25"


def test_many_features():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((700, 650))
    report = report_of(X, X.sum(axis=1), alphas=[1.0, 0.1, 0.01])
    read = Parsed("".join(page(report)))
    assert len(read.table("feature")) == report_page.MOST_ROWS + 1
    assert f"And {report.model.df - report_page.MOST_ROWS} more" in read.text
    assert report.model.df > MOST_LINES
    images = [held for name, held in read.tags if name == "image"]
    assert [held["xlink:href"][:22] for held in images] == ["data:image/png;base64,"]


@pytest.mark.parametrize("n_tasks", [3, 8])
def test_several_sets_of_coefficients(n_tasks):
    X, y = data()
    Y = np.column_stack([(k + 1) * y + X[:, k % 5] for k in range(n_tasks)])
    fits = MultiTaskLassoCV(alphas=10, cv=3).fit(X, Y).cv_path_.path
    report = Report(
        path=fits,
        k=5,
        search=None,
        deviation=X.std(axis=0),
        label=NAMES.__getitem__,
        l1_ratio=1.0,
        source="data",
        target="y",
        data={},
        settings={},
        command="",
    )
    read = Parsed("".join(page(report)))
    effect = fits[5].coef * X.std(axis=0)
    assert [name for name, _ in read.tags].count("svg") == n_tasks
    rows = read.table("per st.dev." if n_tasks == 3 else "feature")
    names = [row[0] for row in rows if row[0] != "(intercept)"]
    sizes = np.abs(effect).max(axis=0)
    assert names == [NAMES[j] for j in np.argsort(-sizes) if sizes[j]]
    j = NAMES.index(names[0])
    if n_tasks == 3:
        np.testing.assert_allclose([float(cell) for cell in rows[0][1:]], effect[:, j], rtol=1e-4)
        np.testing.assert_allclose(
            [float(cell) for cell in rows[-1][1:]], fits[5].intercept, rtol=1e-4
        )
    else:
        assert int(rows[0][1]) == np.abs(effect[:, j]).argmax()


def test_no_features_and_nothing_to_explain():
    X, y = data()
    for target, k in ((y, 0), (np.ones(len(y)), -1)):
        read = Parsed("".join(page(report_of(X, target, k, n_alphas=5))))
        assert [row[0] for row in read.table("feature")] == ["(intercept)"]


def test_a_fit_that_did_not_converge_says_so():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 60)).cumsum(axis=1)
    with pytest.warns(match="did not converge"):
        report = report_of(X, X[:, :5].sum(axis=1), alphas=[1e-3], max_iter=2, tol=1e-12)
    assert report.model.status == Status.MAX_ITER
    read = Parsed("".join(page(report)))
    assert read.fact("end of the fit").startswith("not converged")
    assert f"within {report.model.relative_gap:.1e} P0" in read.text


def test_the_style_of_the_user_is_not_the_page_s():
    import matplotlib

    fits = path(*data())
    plain = path_picture(fits, 50, str, np.ones(5))
    with matplotlib.rc_context({"axes.facecolor": "red", "svg.fonttype": "path"}):
        assert path_picture(fits, 50, str, np.ones(5)) == plain
        assert matplotlib.rcParams["axes.facecolor"] == "red"


@pytest.mark.parametrize("step", ["fsync", "replace", "page"])
def test_a_failed_write_leaves_the_old_page(capsys, monkeypatch, step):
    write_table()
    Path("report.html").write_text("old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    def half(report):
        yield "new"
        raise KeyboardInterrupt

    if step == "page":
        monkeypatch.setattr(fit_report, "page", half)
    else:
        monkeypatch.setattr(os, step, full)
    assert main(["fit", "data.csv", "--target", "<price>", "--report", "report.html"]) != 0
    assert capsys.readouterr().out == ""
    assert sorted(os.listdir(".")) == ["data.csv", "report.html"]
    assert Path("report.html").read_text() == "old"


def test_the_report_of_the_demonstration():
    problem = demo.load_problem()
    report = demo.cross_validated(problem)
    read = Parsed("".join(page(report)))
    rows = read.table("feature")
    assert rows[0][0] == "bmi * ltg"
    assert len(rows) == report.model.df + 1
    assert report.path.relative_gaps.max() <= demo.WORST_GAP
