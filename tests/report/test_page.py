"""The report: one complete page with the results of the fit, for any feature names."""

import csv
import dataclasses
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from pages import Parsed, parsed, report_of
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import KFold

pytest.importorskip("matplotlib")

from softreg_fast import MultiTaskLassoCV, cv_path
from softreg_fast.__main__ import main
from softreg_fast.cli import demo, fit_report
from softreg_fast.display.look import LIGHT
from softreg_fast.report.pictures import MOST_LINES, path_picture
from softreg_fast.solvers.protocol import Status

NAMES = ["rooms", "<script>alert(1)</script>", 'a "b" & $\\frac{c$', "größe 日本", "dist" * 40]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


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


def test_a_page_that_needs_nothing_else():
    write_table()
    text = fit("--cv", 4)
    read = Parsed(text)
    names = [name for name, _ in read.tags]
    assert text.startswith("<!DOCTYPE html>")
    assert len(read.pictures()) == 4
    assert names.count("script") == names.count("style") == 1
    assert dict(read.tags)["script"] == {}
    assert not {"link", "img", "iframe", "object", "base"} & set(names)
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", text)
    for _, attributes in read.tags:
        for key in ("href", "xlink:href", "src"):
            assert attributes.get(key, "#").startswith(("#", "data:image/png;base64,"))
        assert not any(key.startswith("on") or key == "style" for key in attributes)
    identities = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert all(f"--{name}: {colour};" in text for name, colour in LIGHT.items())
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= {*LIGHT, "text", "code", "least"}
    assert "prefers-color-scheme: dark" in text
    assert "60 rows used · 5 features · made on 2023-11-14" in read.text


def test_names_are_text():
    write_table()
    text = fit("--cv", 4, "--eps", 1e-4)
    read = Parsed(text)
    rows = read.table("feature")
    assert {row[0] for row in rows} == {*NAMES, "(intercept)"}
    assert text.count("<script") == 1
    assert "<price>" not in text
    drawn = re.findall("<text[^>]*>([^<]*)</text>", text)
    assert "&lt;script&gt;alert(1)&lt;…" in drawn
    assert 'a "b" &amp; $\\frac{c$' in drawn
    assert "dist" * 4 + "d…" in drawn


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_the_numbers_are_those_of_the_fit(rule):
    X, y = write_table()
    read = Parsed(fit("--cv", 4, "--rule", rule, "--seed", 7, "--standardize"))
    folds = KFold(4, shuffle=True, random_state=7)
    found = cv_path(X, y, cv=folds, rule=rule, standardize=True)
    model = found.path[found.index]
    rows = read.table("rule")
    for row, k in zip(rows, (found.index_min, found.index_1se), strict=True):
        error, spread = found.mean_errors[0, k], found.standard_errors[0, k]
        root = np.sqrt(error)
        expected = (found.alphas[0, k], found.path.df[k], root, spread / (2.0 * root))
        np.testing.assert_allclose([float(cell) for cell in row[1:]], expected, rtol=5e-3)
    assert [row[0] for row in rows if "chosen" in row[0]] == [f"{rule} (chosen)"]
    effects = dict(zip(NAMES, model.coef * X.std(axis=0), strict=True))
    rows = read.table("feature")
    assert rows.pop()[1] == f"{model.intercept:.6g}"
    assert [row[0] for row in rows] == sorted(
        (name for name in NAMES if effects[name]), key=lambda name: -abs(effects[name])
    )
    left_out = y, found.predictions
    explained, off_by = r2_score(*left_out), root_mean_squared_error(*left_out)
    assert f"it explains {100 * explained:.1f} % of the variance" in read.text
    assert float(read.fact("root mean squared error")) == pytest.approx(off_by, rel=1e-3)
    assert read.fact("variance explained") == f"{100 * explained:.1f} %"
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
    assert len(read.pictures()) == 3
    assert "rows left out" not in read.text
    assert read.fact("chosen").endswith("of the path, as selected")
    read = Parsed(fit("--alpha", 0.25, "--l1-ratio", 0))
    assert len(read.pictures()) == 2
    assert "Ridge for <price>" in read.text
    assert read.fact("alpha") == "0.25"


def test_many_features():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((700, 650))
    report = report_of(X, X.sum(axis=1), alphas=[1.0, 0.1, 0.01])
    read = parsed(report)
    assert report.model.df > MOST_LINES
    assert [held for name, held in read.tags if name == "g" and held.get("class") == "shade"]
    assert "Smaller ones are a shade" in read.text


@pytest.mark.parametrize("n_tasks", [3, 8])
def test_several_sets_of_coefficients(n_tasks):
    X, y = data()
    Y = np.column_stack([(k + 1) * y + X[:, k % 5] for k in range(n_tasks)])
    fits = MultiTaskLassoCV(alphas=10, cv=3).fit(X, Y).cv_path_.path
    report = dataclasses.replace(report_of(X, y, 5, fits=fits), label=NAMES.__getitem__)
    read = parsed(report)
    effect = fits[5].coef * X.std(axis=0)
    assert len(read.pictures()) == n_tasks
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
        read = parsed(report_of(X, target, k, n_alphas=5))
        assert [row[0] for row in read.table("feature")] == ["(intercept)"]


def test_a_fit_that_did_not_converge_says_so():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 60)).cumsum(axis=1)
    with pytest.warns(match="did not converge"):
        report = report_of(X, X[:, :5].sum(axis=1), alphas=[1e-3], max_iter=2, tol=1e-12)
    assert report.model.status == Status.MAX_ITER
    read = parsed(report)
    assert read.fact("end of the fit").startswith("not converged")
    assert f"within {report.model.relative_gap:.1e} P0" in read.text


def test_the_style_of_the_user_is_not_the_page_s():
    import matplotlib

    report = report_of(*data(), 50)
    plain = path_picture(report)
    with matplotlib.rc_context({"axes.facecolor": "red", "svg.fonttype": "path"}):
        assert path_picture(report) == plain
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
    read = parsed(report)
    rows = read.table("feature")
    assert rows[0][0] == "bmi * ltg"
    assert len(rows) == report.model.df + 1
    assert report.path.relative_gaps.max() <= demo.WORST_GAP
