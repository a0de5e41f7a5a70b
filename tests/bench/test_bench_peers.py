"""Tests of comparisons in worker processes: paths, cross-validation, and two builds."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import problem_of
from sklearn.model_selection import KFold

from bench import anatomy, compare_builds, cv, peers
from bench.adaptors import solver_of
from bench.families import data
from bench.families.family import Family
from bench.families.multi_task import Shape
from bench.families.paths import FAMILIES
from bench.families.settings import SETTINGS, levels
from bench.harness import judge, timing
from bench.harness.environments import ROOT
from bench.harness.judge import difference, worst_gap
from bench.harness.page import write_part
from bench.harness.problem import (
    SEED,
    Choice,
    Problem,
    load,
    load_answer,
    save_answer,
    save_data,
    save_setting,
)
from bench.harness.record import Record
from bench.harness.result import Row
from bench.harness.tables import multiple
from bench.harness.worker import Worker
from bench.reports import cv as cv_pages
from bench.reports import peers as pages


@pytest.fixture(autouse=True)
def _short_samples(monkeypatch):
    # One call per sample: the clock is not tested here.
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)


PENALTIES = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.5},
    "weights": {"l1_weights": np.linspace(0.5, 2.0, 60)},
    "some free": {"l1_weights": np.where(np.arange(60) < 3, 0.0, 1.0)},
}


def small_problem(layout, **options):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 60)) * (rng.random((40, 60)) < 0.5) + 0.1
    y = X[:, :5].sum(axis=1) + 0.1 * rng.standard_normal(40) + 3.0
    bare = Problem(layout(X), y, **options)
    return replace(bare, alphas=judge.largest_alpha(bare) * np.geomspace(1.0, 0.1, 8))


def solved(package, kind, problem, tol, n_threads=1):
    """Return the answer of a package in this process."""
    solver = solver_of(package, kind)
    return solver.solve(solver.prepare(problem, n_threads), tol)


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_matrix])
@pytest.mark.parametrize("setting", PENALTIES)
def test_paths_are_judged_with_their_intercept(layout, setting):
    given = small_problem(layout, **PENALTIES[setting])
    ours = sp.csc_matrix(solved("ours", "path", given, 1e-6))
    assert worst_gap(given, ours) < 1e-9
    if given.l1_weights is None:
        theirs = solved("sklearn", "path", given, 1e-12)
        assert worst_gap(given, sp.csc_matrix(theirs)) < 1e-9
    # a w that is not optimal, with the best intercept and unpenalised coefficients for it
    w = ours[:, [3]].toarray()[:, 0] * 1.1
    X, options = given.X.toarray() if sp.issparse(given.X) else given.X, PENALTIES[setting]
    if setting == "some free":
        A = np.column_stack([np.ones(40), X[:, :3]])
        w[:3] = np.linalg.lstsq(A, given.y - X[:, 3:] @ w[3:], rcond=None)[0][1:]
    oracle = problem_of(X, given.y, alpha=given.alphas[3], **options)
    found = worst_gap(replace(given, alphas=given.alphas[3:4]), sp.csc_matrix(w[:, None]))
    null = judge.project_out(
        judge.nuisance(given, np.equal(given.l1_weights, 0.0) if setting == "some free" else []),
        given.y[:, None],
    )
    exact = oracle.certificate(w, oracle.best_intercept(w)).gap / ((null**2).sum() / 80)
    # the best dual point may be another one
    assert float(exact) * (1 - 1e-9) <= found <= 10 * float(exact)
    assert found > 1e-4


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_matrix])
def test_a_problem_survives_its_way_to_the_worker(tmp_path, layout):
    given = replace(small_problem(layout, **PENALTIES["some free"]), n_folds=4)
    save_data(tmp_path, given)
    save_setting(tmp_path, given)
    found = load(tmp_path)
    assert difference(found.X @ found.l1_weights, given.X @ given.l1_weights) == 0.0
    for name in ("y", "alphas", "l1_weights"):
        assert difference(getattr(found, name), getattr(given, name)) == 0.0
    assert difference(found.fold_of, given.fold_of) == 0.0


def test_packages_beside_each_other(tmp_path, monkeypatch, capsys):
    family = Family("little", "tiny", data.diabetes, 1, 2)
    monkeypatch.setattr(peers, "FAMILIES", [family])
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    command = ["run", "--packages", "sklearn", "--targets", "1e-3", "--repeat", "1"]
    command += ["--settings", "path,fit", "--json", str(results), "--markdown", str(page)]
    monkeypatch.setattr("sys.argv", command)
    monkeypatch.setattr(peers, "version_of", lambda package: "1")
    peers.main()
    rows = json.loads(results.read_text())["rows"]
    assert {row["setting"] for row in rows} == {"path", "fit"}
    assert all(row["gap"] <= 1e-3 for row in rows)
    assert all(row["ratio"] > 0 for row in rows if row["package"] == "sklearn")
    assert "little, alpha_max/10" in page.read_text()
    drawn = (tmp_path / "images" / "gap-path.png").exists()
    assert drawn == (find_spec("matplotlib") is not None)
    assert "best / ours" in capsys.readouterr().out

    # a rewritten page describes the machine as it was during the measurement
    about = json.loads(results.read_text())["about"]
    later = about | {"load at the start": 98765.0}
    monkeypatch.setattr(peers, "environment", lambda *_: later)
    monkeypatch.setattr("sys.argv", [*command, "--only", "no such family"])
    peers.main()
    assert "98765" not in page.read_text()
    assert "little, alpha_max/10" in page.read_text()


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_matrix, sp.csc_array])
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_has_problems_for_every_layout(setting, layout):
    given = small_problem(layout)
    family = Family("little", "tiny", None, 1, 2)
    made = list(SETTINGS[setting].problems(family, given))
    assert len(made) == (3 if setting == "fit" else 1)
    for name, made_of in made:
        assert name.startswith("little")
        assert len(made_of.alphas) == (1 if setting == "fit" else 100)
        assert worst_gap(made_of, np.zeros((60, len(made_of.alphas)))) > 0.0
        assert (made_of.l1_weights is not None) == (setting == "weighted")


def test_what_each_family_must_reach():
    by_name = {family.name: family for family in FAMILIES}
    tiny, golub = by_name["tiny 442 x 10"], by_name["golub"]
    assert levels("path", tiny) == (0.7, 1.5, "")
    assert levels("fit", tiny) == (1.0, 1.5, "sklearn")
    assert levels("fit", golub) == (1.5, 4, "")

    def row(package, ratio):
        wanted = levels("fit", tiny)
        return Row("fit", "tiny", package, 1e-6, 2, *wanted, seconds=1.0, ours=1.0, ratio=ratio)

    ours = row("ours", None)
    slower = {"ours": ours, "glmnet": row("glmnet", 0.5), "sklearn": row("sklearn", 1.2)}
    assert pages.cells("tiny", slower, ["sklearn", "glmnet"])[-1] == "met (against sklearn)"
    slower["sklearn"] = row("sklearn", 0.9)
    assert pages.cells("tiny", slower, ["sklearn", "glmnet"])[-1] == "missed (against sklearn)"


def test_every_program_writes_its_own_part(tmp_path):
    page = tmp_path / "page.md"
    write_part(page, "kernels", "one")
    write_part(page, "peers", "two")
    write_part(page, "kernels", "three")
    text = page.read_text()
    assert "one" not in text
    assert text.index("two") < text.index("three")


def test_anatomy_of_a_path():
    cells = anatomy.family_row(Family("little", "tiny", data.diabetes))
    assert cells[:3] == ["little", "gram", "8"]
    assert float(cells[3]) == 1.0


# ---------------------------------------------------------------------------------------------
# Cross-validation


def test_folds_are_those_of_scikit_learn():
    folds = replace(small_problem(np.asfortranarray), n_folds=3).fold_of
    theirs = KFold(3, shuffle=True, random_state=SEED).split(folds)
    for k, (_, test) in enumerate(theirs):
        assert np.flatnonzero(folds == k).tolist() == test.tolist()


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_matrix])
def test_packages_make_the_same_choice(tmp_path, layout):
    given = replace(small_problem(layout), n_folds=5)
    ours = solved("ours", "cv", given, 1e-6)
    for kind in ("cv", "cv, jobs"):
        save_answer(solved("sklearn", kind, given, 1e-12, n_threads=2), tmp_path / "choice.npz")
        theirs = load_answer(tmp_path / "choice.npz")
        assert theirs.alpha == pytest.approx(ours.alpha)
        assert difference(theirs.coef, ours.coef) < 1e-6
        assert difference(theirs.errors, ours.errors) < 1e-6
    assert cv.worst_of_all(given, 1) < 1e-9


def test_the_choice_has_the_smallest_error():
    coefs = np.arange(6.0).reshape(2, 3)
    for given in (coefs, sp.csc_matrix(coefs)):
        found = Choice.of(np.array([3.0, 2.0, 1.0]), given, np.array([5.0, 4.0, 6.0]))
        assert found.alpha == 2.0
        assert found.coef.tolist() == [1.0, 4.0]


def little_families():
    rng = np.random.default_rng(0)
    slim = Problem(*data.with_target(rng.normal(size=(99, 5)), rng))
    return [
        Family("little", "wide", data.synthetic(lambda g: g.normal(size=(20, 40)))),
        Family("slim", "tall", lambda: slim),
        Family("lost", "wide", None, file="no such file"),
    ]


def test_cross_validation_beside_each_other(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cv, "FOLDED", little_families())
    monkeypatch.setattr(cv, "version_of", lambda package: "1")
    page = tmp_path / "page.md"
    command = ["run", "--packages", "sklearn,sklearn_jobs", "--repeat", "1"]
    command += ["--folder", str(tmp_path / "cv"), "--markdown", str(page)]
    monkeypatch.setattr("sys.argv", command)
    cv.main()
    rows = json.loads((tmp_path / "cv" / "peers.json").read_text())["rows"]
    assert [row["package"] for row in rows] == 2 * ["ours", "sklearn", "sklearn_jobs"]
    for row in rows:
        assert not row["note"]
        assert row["gap"] <= (1e-6 if row["package"] == "ours" else 1e-2)
        assert row["package"] == "ours" or (row["ratio"] > 0 and row["difference"] < 0.1)
    quotients = json.loads((tmp_path / "cv" / "own.json").read_text())["rows"]
    names = {(row["problem"], row["setting"].split()[0]) for row in quotients}
    assert names >= {("little", "one"), ("slim", "one"), ("slim", "LassoCV"), ("slim", "10")}
    text = page.read_text()
    for word in ("make bench-cv", "scikit-learn / ours", "one syrk of X"):
        assert word in text
    assert (tmp_path / "images" / "cv.png").exists() == (find_spec("matplotlib") is not None)
    assert "lost: left out" in capsys.readouterr().out


def test_a_package_that_takes_too_long_is_given_up(tmp_path):
    given = replace(small_problem(np.asfortranarray), n_folds=3)
    save_data(tmp_path, given)
    save_setting(tmp_path, given)
    row = Row("cv", "little", "sklearn")
    worker = Worker("sklearn", "cv", 1, 1e-9)
    assert cv.first_choice(worker, row, given, tmp_path) is None
    assert row.note == "over 1e-09 s"
    assert worker.process.poll() is not None
    assert "over" in multiple(row)


def test_what_cross_validation_must_reach():
    def row(package, ratio):
        return Row("cv", "little", package, n_threads=2, gap=1e-9, ours=1.0, ratio=ratio)

    found = {
        "ours": row("ours", None),
        "sklearn": row("sklearn", 9.0),
        "adelie": row("adelie", 6.0),
    }
    last = cv_pages.times({"little": found})[-1]
    assert "6, aim met" in last
    assert "9, missed" in last
    found["ours"].gap = 1e-3
    assert "6, missed: our gap" in cv_pages.times({"little": found})[-1]
    found["ours"].gap = 1e-9
    found["sklearn"] = replace(row("sklearn", None), least=12.0)
    assert "| over 12, met |" in cv_pages.times({"little": found})[-1]
    found["sklearn"].least = 4.0
    assert "| over 4, met | over 4, not known |" in cv_pages.times({"little": found})[-1]
    assert "- | - |" in cv_pages.times({"little": {"ours": found["ours"]}})[-1]
    row = Row("one / two", "little", "ours", ratio=3.0, note="3 s / 1 s", must=4.0, aim=2.0)
    assert cv_pages.units([row])[-1].endswith("| 4 | 2 | met |")
    assert cv_pages.units([replace(row, ratio=1.9)])[-1].endswith("| aim met |")
    assert cv_pages.units([replace(row, ratio=4.1)])[-1].endswith("| missed |")


# ---------------------------------------------------------------------------------------------
# Several targets, records, and builds beside each other


@pytest.mark.parametrize("alphas", [(1.0, 0.1, 5), (1.0, 0.1, 1)], ids=["path", "fit"])
def test_rows_of_coefficients_are_judged(tmp_path, alphas):
    shape = Shape(30, 8, 3, alphas, l1_ratio=0.7)
    problem = shape.make()
    save_data(tmp_path, problem)
    save_setting(tmp_path, problem)
    for package in ("ours", "sklearn"):
        found = solved(package, shape.kind, load(tmp_path), 1e-10)
        save_answer(found, tmp_path / "answer.npz")
        W = load_answer(tmp_path / "answer.npz")
        assert W.shape == (alphas[2], 8, 3)
        assert worst_gap(problem, W) < 1e-8
        assert worst_gap(problem, W + 0.1) > 1e-4


def test_rows_with_other_fields_are_dropped(tmp_path):
    file, about = tmp_path / "rows.json", {"cpu": "any"}
    record = Record(file, about)
    record.add([Row("path", "little", "ours", target=1e-6, ratio=2.0)], {"panel": {"ours": []}})
    (row,) = Record(file, about).rows.values()
    assert (row.ratio, row.key) == (2.0, ("path", "little", "ours", 1e-6, 1, "wall"))
    assert not Record(file, {"cpu": "another"}).rows
    file.write_text(file.read_text().replace('"ratio"', '"quotient"'))
    assert not Record(file, about).rows


def test_a_build_is_as_fast_as_itself(monkeypatch, capsys):
    monkeypatch.setattr(compare_builds, "FAMILIES", little_families())
    monkeypatch.setattr(compare_builds, "FOLDED", little_families())
    options = ["--runs", "2", "--settings", "path,cv", "--most", "1e9"]
    assert compare_builds.main([str(ROOT), str(ROOT), "--family", "little", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1] for line in lines[2:4]] == ["path", "cv"]
    assert all("| equal |" in line for line in lines[2:4])


def test_a_build_that_is_not_there_is_an_error(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(compare_builds, "FAMILIES", little_families())
    options = ["--family", "slim", "--settings", "path", "--runs", "1"]
    assert compare_builds.main([str(ROOT), str(tmp_path), *options]) == 1
    assert f"expected a build in {tmp_path}" in capsys.readouterr().out
