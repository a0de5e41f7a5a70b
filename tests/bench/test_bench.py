"""Tests of the benchmarks: they run, the packages agree, and the report is written."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import scipy.sparse as sp
from oracles import problem_of
from sklearn.model_selection import KFold

from bench import anatomy, report, run, timing
from bench.cases import CASES, GAP_TARGETS, HEADINGS
from bench.certificate import difference, worst_gap
from bench.cv import own
from bench.cv import pages as cv_pages
from bench.cv import peers as cv_peers
from bench.cv import run as cv_run
from bench.page import write_part
from bench.peers import contest, families, judge, pages
from bench.peers import run as peers
from bench.peers.adaptors import ours as our_paths
from bench.peers.adaptors import sklearn as sklearn_paths
from bench.peers.adaptors.cv import ours as our_cv
from bench.peers.adaptors.cv import sklearn as sklearn_cv
from bench.peers.adaptors.cv import sklearn_jobs
from bench.peers.problem import SEED, Choice, Problem, load, save_data, save_setting
from bench.problems import RECIPES, problem
from bench.solvers import Solver, Task, ours


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    # One call per sample: the clock is not tested here.
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(run, "REST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "LEAST_SECONDS", 0.0)
        patch.setattr(run, "REST_SECONDS", 0.0)
        return run.run(CASES, "tiny", (1, 2), 1, lambda row: None)


def test_every_case_is_timed_at_equal_accuracy(rows):
    assert [row for row in rows if row.refusal] == []
    assert len(rows) == sum(2 if case.threaded else 1 for case in CASES)
    assert all(row.duel.ratio > 0.0 for row in rows)


def test_gaps_and_differences_are_reported(rows):
    for row in rows:
        target = GAP_TARGETS.get(row.work)
        if row.work in GAP_TARGETS:
            assert len(row.gaps) == 2
        if target is None:
            assert row.difference <= (1e-10 if row.counted else 1e-3)
        else:
            assert max(row.gaps) <= target


def test_every_name_in_a_case_exists():
    for case in CASES:
        assert case.problem.partition(" ")[0] in RECIPES
        assert case.work in HEADINGS
        for adaptor in (ours, run.RIVALS[case.rival]):
            assert case.work in adaptor.KERNELS or case.work in adaptor.SOLVERS


@pytest.mark.parametrize("quick", [["--quick"], ["--size", "tiny"]])
def test_command_line_writes_what_it_is_asked_for(tmp_path, capsys, quick):
    pytest.importorskip("matplotlib")
    files = [tmp_path / "new" / name for name in ("rows.json", "rows.png", "rows.md")]
    options = ["--json", files[0], "--plot", files[1], "--markdown", files[2]]
    argv = [*quick, "--only", "X'r|slopes / (text|wide) ", "--repeat", "1", "--threads", "1"]
    assert run.main([*argv, *map(str, options)]) == 0
    found = json.loads(files[0].read_text(encoding="utf-8"))
    assert found["environment"]["threads"] == [1]
    assert [row["problem"] for row in found["rows"]][:1] == ["wide"]
    assert files[1].read_bytes().startswith(b"\x89PNG")
    text = files[2].read_text(encoding="utf-8")
    assert text.startswith("# Benchmarks\n")
    printed = capsys.readouterr().out
    for word in ("X'r", "expectations met", "scipy"):
        assert word in text
        assert word in printed
    assert "None" not in text


@pytest.mark.parametrize(("load", "said"), [(0.1, False), (5.0, True), (None, False)])
def test_a_busy_machine_is_mentioned(load, said, monkeypatch, capsys):
    monkeypatch.setattr(report, "load", lambda: load)
    report.print_environment(report.environment("python -m bench.run", (1,)))
    assert ("Other programs are running" in capsys.readouterr().out) == said


def test_no_case_matches(capsys):
    assert run.main(["--only", "nothing like this"]) == 2
    assert "no case matches" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [["--threads", "0"], ["--repeat", "none"], ["--size", "huge"]])
def test_bad_arguments(bad, capsys):
    with pytest.raises(SystemExit):
        run.main(bad)
    assert bad[0] in capsys.readouterr().err


def test_kernels_that_disagree_are_not_timed(monkeypatch):
    case = next(case for case in CASES if case.work == "slopes")
    wrong = Task(lambda: np.zeros(problem(case.problem, "tiny").shape[1]), None)
    monkeypatch.setitem(ours.KERNELS, "slopes", lambda data, n_threads: wrong)
    row = run.measure(case, "tiny", 1, 1)
    assert row.duel is None
    assert "differ" in row.refusal
    assert row.met is False
    assert any("differ" in text for text in report.cells(row))
    assert any("Not timed" in line for line in report.summary([row]))


def test_solvers_that_miss_the_gap_are_not_timed(monkeypatch):
    data = problem("genes", "tiny")
    nothing = Solver(lambda tol: np.zeros((data.shape[1], 50)), lambda W: W, (1e-3, 1e-9))
    monkeypatch.setitem(ours.SOLVERS, "lasso path", lambda *_: nothing)
    run.loosest.cache_clear()
    case = next(case for case in CASES if case.work == "lasso path")
    row = run.measure(case, "tiny", 1, 1)
    run.loosest.cache_clear()
    assert case.problem == "genes"
    assert row.duel is None
    assert "a gap stayed above" in row.refusal


def test_the_certificate_knows_the_optimum():
    data = problem("genes", "tiny")
    n, p = data.shape
    # ridge: the gap of the exact solution vanishes, that of another point bounds its excess
    w = np.linalg.solve(data.X.T @ data.X / n + np.diag(data.l2), data.X.T @ data.y / n)

    def objective(w):
        r = data.y - data.X @ w
        return (r @ r / (2 * n) + 0.5 * data.l2 @ w**2) / (data.y @ data.y / (2 * n))

    assert abs(worst_gap(data, w, 0.0, data.l2)) < 1e-14
    excess = objective(w + 0.01) - objective(w)
    assert excess <= worst_gap(data, w + 0.01, 0.0, data.l2)
    # Lasso: w = 0 is optimal from the largest alpha on and not below it
    zero = np.zeros((p, 2))
    assert abs(worst_gap(data, zero, data.alphas[None, [0, 0]], 0.0)) < 1e-14
    assert worst_gap(data, zero, data.alphas[None, [0, 1]], 0.0) > 1e-6


def test_difference_is_relative_to_the_largest_entry():
    a = np.array([100.0, 1.0])
    assert difference([100.0, 1.001], a) == pytest.approx(1e-5)
    assert difference((a, a), (a, 2 * a)) == pytest.approx(0.5)
    assert difference(a, a[:1]) == np.inf
    assert difference(np.zeros(2), np.zeros(2)) == 0.0


def test_the_base_of_a_task_is_taken_off(monkeypatch):
    ticks = {"now": 0.0}

    def spend(amount):
        ticks["now"] += amount

    monkeypatch.setattr(timing.time, "perf_counter", lambda: ticks["now"])
    monkeypatch.setattr(timing.time, "sleep", lambda _: None)
    monkeypatch.setattr(timing, "LEAST_SECONDS", 10.0)
    slow = Task(None, lambda: spend(7.0), lambda: spend(1.0), units=3)
    fast = Task(None, lambda: spend(0.5))
    duel = timing.compare(fast, slow, 5, 0.0, 1e9)
    assert (duel.ours, duel.rival, duel.ratio) == pytest.approx((0.5, 2.0, 4.0))
    assert duel.low == duel.high == duel.ratio
    assert duel.pairs == 5


@pytest.mark.parametrize("name", RECIPES)
def test_problems_come_from_their_seed(name):
    once, again = (problem.__wrapped__(name, "tiny") for _ in range(2))
    assert difference(once.X @ once.coef, again.X @ again.coef) == 0.0
    assert once.X.shape == again.X.shape
    if once.is_sparse:
        assert once.X.has_canonical_format
        assert np.all(np.diff(once.X.indptr) > 0)
    else:
        assert once.X.flags.f_contiguous


# ---------------------------------------------------------------------------------------------
# Paths beside other packages


SETTINGS = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.5},
    "weights": {"l1_weights": np.linspace(0.5, 2.0, 60)},
    "some free": {"l1_weights": np.where(np.arange(60) < 3, 0.0, 1.0)},
}


def small_problem(layout, **options):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 60)) * (rng.random((40, 60)) < 0.5) + 0.1
    y = X[:, :5].sum(axis=1) + 0.1 * rng.standard_normal(40) + 3.0
    bare = Problem(layout(X), y, None, **options)
    return replace(bare, alphas=judge.largest_alpha(bare) * np.geomspace(1.0, 0.1, 8))


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_matrix])
@pytest.mark.parametrize("setting", SETTINGS)
def test_paths_are_judged_with_their_intercept(layout, setting):
    given = small_problem(layout, **SETTINGS[setting])
    ours = sp.csc_matrix(our_paths.solve(our_paths.prepare(given, 1), 1e-6))
    assert judge.worst_gap(given, ours) < 1e-9
    if given.l1_weights is None:
        theirs = sklearn_paths.solve(sklearn_paths.prepare(given, 1), 1e-12)
        assert judge.worst_gap(given, sp.csc_matrix(theirs)) < 1e-9
    # a w that is not optimal, with the best intercept and unpenalised coefficients for it
    w = ours[:, [3]].toarray()[:, 0] * 1.1
    X, options = given.X.toarray() if sp.issparse(given.X) else given.X, SETTINGS[setting]
    if setting == "some free":
        A = np.column_stack([np.ones(40), X[:, :3]])
        w[:3] = np.linalg.lstsq(A, given.y - X[:, 3:] @ w[3:], rcond=None)[0][1:]
    oracle = problem_of(X, given.y, alpha=given.alphas[3], **options)
    found = judge.worst_gap(replace(given, alphas=given.alphas[3:4]), sp.csc_matrix(w[:, None]))
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
    given = replace(small_problem(layout, **SETTINGS["some free"]), n_folds=4)
    save_data(tmp_path, given.X, given.y)
    save_setting(tmp_path, given)
    found = load(tmp_path)
    assert difference(found.X @ found.l1_weights, given.X @ given.l1_weights) == 0.0
    for name in ("y", "alphas", "l1_weights"):
        assert difference(getattr(found, name), getattr(given, name)) == 0.0
    assert difference(found.fold_of, given.fold_of) == 0.0


def test_packages_beside_each_other(tmp_path, monkeypatch, capsys):
    family = families.Family("little", "tiny", 1, 2, lambda: families.tiny())
    monkeypatch.setattr(peers, "FAMILIES", [family])
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    command = ["run", "--packages", "sklearn", "--targets", "1e-3", "--repeat", "1"]
    command += ["--settings", "path,fit", "--json", str(results), "--markdown", str(page)]
    monkeypatch.setattr("sys.argv", command)
    monkeypatch.setattr(contest, "REST_SECONDS", 0.0)
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
@pytest.mark.parametrize("setting", families.SETTINGS)
def test_every_setting_has_problems_for_every_layout(setting, layout):
    given = small_problem(layout)
    family = families.Family("little", "tiny", 1, 2, None)
    made = list(families.SETTINGS[setting].problems(family, given.X, given.y))
    assert len(made) == (3 if setting == "fit" else 1)
    for name, made_of in made:
        assert name.startswith("little")
        assert len(made_of.alphas) == (1 if setting == "fit" else 100)
        assert judge.worst_gap(made_of, np.zeros((60, len(made_of.alphas)))) > 0.0
        assert (made_of.l1_weights is not None) == (setting == "weighted")


def test_what_each_family_must_reach():
    by_name = {family.name: family for family in families.FAMILIES}
    tiny, golub = by_name["tiny 442 x 10"], by_name["golub"]
    assert families.levels("path", tiny) == (0.7, 1.5, "")
    assert families.levels("fit", tiny) == (1.0, 1.5, "sklearn")
    assert families.levels("fit", golub) == (1.5, 4, "")

    def row(package, ratio):
        levels = families.levels("fit", tiny)
        return peers.Result(
            "fit", "tiny", package, 1e-6, 2, *levels, seconds=1.0, ours=1.0, ratio=ratio
        )

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
    cells = anatomy.family_row(families.Family("little", "tiny", 1, 2, families.tiny))
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
def test_everybody_answers_the_same_question(tmp_path, layout):
    given = replace(small_problem(layout), n_folds=5)
    ours = our_cv.solve(our_cv.prepare(given, 1), 1e-6)
    for adaptor in (sklearn_cv, sklearn_jobs):
        adaptor.solve(adaptor.prepare(given, 2), 1e-12).save(tmp_path / "choice.npz")
        theirs = Choice.load(tmp_path / "choice.npz")
        assert theirs.alpha == pytest.approx(ours.alpha)
        assert difference(theirs.coef, ours.coef) < 1e-6
        assert difference(theirs.errors, ours.errors) < 1e-6
    assert cv_peers.worst_of_all(given, 1) < 1e-9


def test_the_choice_has_the_smallest_error():
    coefs = np.arange(6.0).reshape(2, 3)
    for given in (coefs, sp.csc_matrix(coefs)):
        found = Choice.of(np.array([3.0, 2.0, 1.0]), given, np.array([5.0, 4.0, 6.0]))
        assert found.alpha == 2.0
        assert found.coef.tolist() == [1.0, 4.0]


def little_families():
    rng = np.random.default_rng(0)
    return [
        families.Family(
            "little", "wide", 1, 2, families.synthetic(lambda g: g.normal(size=(20, 40)))
        ),
        families.Family(
            "slim", "tall", 1, 2, lambda: families.with_target(rng.normal(size=(99, 5)), rng)
        ),
        families.Family("lost", "wide", 1, 2, None, file="no such file"),
    ]


def test_cross_validation_beside_each_other(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cv_run, "FAMILIES", little_families())
    for module in (contest, anatomy):
        monkeypatch.setattr(module, "REST_SECONDS", 0.0)
    monkeypatch.setattr(cv_run, "version_of", lambda package: "1")
    page = tmp_path / "page.md"
    command = ["run", "--packages", "sklearn,sklearn_jobs", "--repeat", "1"]
    command += ["--folder", str(tmp_path / "cv"), "--markdown", str(page)]
    monkeypatch.setattr("sys.argv", command)
    cv_run.main()
    rows = json.loads((tmp_path / "cv" / "peers.json").read_text())["rows"]
    assert [row["package"] for row in rows] == 2 * ["ours", "sklearn", "sklearn_jobs"]
    for row in rows:
        assert not row["note"]
        assert row["gap"] <= (1e-6 if row["package"] == "ours" else 1e-2)
        assert row["package"] == "ours" or (row["ratio"] > 0 and row["difference"] < 0.1)
    figures = json.loads((tmp_path / "cv" / "own.json").read_text())["rows"]
    names = {(figure["problem"], figure["name"].split()[0]) for figure in figures}
    assert names >= {("little", "one"), ("slim", "one"), ("slim", "LassoCV"), ("slim", "10")}
    text = page.read_text()
    for word in ("make bench-cv", "scikit-learn / ours", "one syrk of X"):
        assert word in text
    assert (tmp_path / "images" / "cv.png").exists() == (find_spec("matplotlib") is not None)
    assert "lost: left out" in capsys.readouterr().out


def test_a_package_that_takes_too_long_is_given_up(tmp_path):
    given = replace(small_problem(np.asfortranarray), n_folds=3)
    save_data(tmp_path, given.X, given.y)
    save_setting(tmp_path, given)
    row = cv_peers.Row("little", "sklearn", 1)
    worker = contest.Worker("sklearn", 1, 1e-9, "cv.sklearn")
    assert cv_peers.first_choice(worker, row, given, tmp_path) is None
    assert row.note == "over 1e-09 s"
    assert worker.process.poll() is not None
    assert "over" in cv_pages.multiple(row)


def test_what_cross_validation_must_reach():
    def row(package, ratio):
        return cv_peers.Row("little", package, 2, gap=1e-9, ours=1.0, ratio=ratio)

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
    figure = own.Figure("one / two", "little", 3.0, "3 s / 1 s", must=4.0, aim=2.0)
    assert cv_pages.units([figure])[-1].endswith("| 4 | 2 | met |")
    assert cv_pages.units([replace(figure, value=1.9)])[-1].endswith("| aim met |")
    assert cv_pages.units([replace(figure, value=4.1)])[-1].endswith("| missed |")
