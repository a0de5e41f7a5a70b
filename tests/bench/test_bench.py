"""Tests of the benchmarks of kernels and solvers: packages agree, and the report is written."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bench import run
from bench.adaptors import kernels_of, solver_of
from bench.adaptors import with_softreg_fast as our_solvers
from bench.adaptors.kernels import with_softreg_fast as our_kernels
from bench.families.comparisons import COMPARISONS, HEADINGS
from bench.families.kernels import RECIPES, operands
from bench.harness import machine, timing
from bench.harness.judge import difference, worst_gap
from bench.harness.task import GAP_TARGETS, Solver, Task
from bench.reports import kernels as report


@pytest.fixture(autouse=True)
def _short_samples(monkeypatch):
    # One call per sample: the clock is not tested here.
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "LEAST_SECONDS", 0.0)
        patch.setattr(timing, "REST_SECONDS", 0.0)
        return run.run(COMPARISONS, "tiny", (1, 2), 1, lambda row: None)


def test_every_case_is_timed_at_equal_accuracy(rows):
    assert [row for row in rows if row.note] == []
    assert len(rows) == sum(2 if case.threaded else 1 for case in COMPARISONS)
    assert all(row.ratio > 0.0 for row in rows)


def test_gaps_and_differences_are_reported(rows):
    for row in rows:
        target = GAP_TARGETS.get(row.setting)
        assert (row.gap is not None) == (row.setting in GAP_TARGETS)
        if target is None:
            assert row.difference <= (1e-10 if row.counted else 1e-3)
        else:
            assert max(row.our_gap, row.gap) <= target


def test_every_name_in_a_case_exists():
    for case in COMPARISONS:
        assert case.problem.partition(" ")[0] in RECIPES
        assert case.work in HEADINGS
        for package in ("ours", case.rival):
            if case.work in GAP_TARGETS:
                assert solver_of(package, case.work)
            else:
                assert case.work in kernels_of(package)


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
    monkeypatch.setattr(machine, "load", lambda: load)
    machine.print_environment(machine.environment("python -m bench.run", (1,)))
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
    case = next(case for case in COMPARISONS if case.work == "slopes")
    wrong = Task(lambda: np.zeros(operands(case.problem, "tiny").shape[1]), None)
    monkeypatch.setitem(our_kernels.KERNELS, "slopes", lambda given, n_threads: wrong)
    row = run.measure(case, "tiny", 1, 1)
    assert row.ratio is None
    assert "differ" in row.note
    assert report.met(row) is False
    assert any("differ" in text for text in report.cells(row))
    assert any("Not timed" in line for line in report.summary([row]))


def test_solvers_that_miss_the_gap_are_not_timed(monkeypatch):
    zeros = np.zeros((operands("genes", "tiny").shape[1], 50))
    nothing = Solver(lambda *_: None, lambda *_: zeros, (1e-3, 1e-9))
    monkeypatch.setitem(our_solvers.SOLVERS, "lasso path", nothing)
    run.loosest.cache_clear()
    case = next(case for case in COMPARISONS if case.work == "lasso path")
    row = run.measure(case, "tiny", 1, 1)
    run.loosest.cache_clear()
    assert case.problem == "genes"
    assert row.ratio is None
    assert "a gap stayed above" in row.note


def test_the_judge_knows_the_optimum():
    given = operands("genes", "tiny")
    n, p = given.shape
    X, y, l2 = given.X, given.y, given.l2
    # ridge: the gap of the exact solution vanishes, that of another point bounds its excess
    w = np.linalg.solve(X.T @ X / n + np.diag(l2), X.T @ y / n)

    def objective(w):
        r = y - X @ w
        return (r @ r / (2 * n) + 0.5 * l2 @ w**2) / (y @ y / (2 * n))

    ridge = given.problem_of("weighted ridge")
    assert abs(worst_gap(ridge, w)) < 1e-14
    excess = objective(w + 0.01) - objective(w)
    assert excess <= worst_gap(ridge, w + 0.01)
    # Lasso: w = 0 is optimal from the largest alpha on and not below it
    lasso = given.problem_of("lasso path")
    zero = np.zeros((p, 2))
    assert abs(worst_gap(replace(lasso, alphas=lasso.alphas[[0, 0]]), zero)) < 1e-14
    assert worst_gap(replace(lasso, alphas=lasso.alphas[:2]), zero) > 1e-6


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
    samplers = [timing.rested(timing.sampler(task)) for task in (fast, slow)]
    times = timing.Times.of(timing.alternate(samplers, 5))
    assert (times.first, times.second, times.ratio) == pytest.approx((0.5, 2.0, 4.0))
    assert times.low == times.high == times.ratio
    assert times.pairs == 5


def test_the_loop_ends_in_time(monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    assert timing.alternate([lambda: 1, lambda: 2], 5) == 5 * [[1, 2]]
    assert len(timing.alternate([lambda: 1], 99, most_seconds=0)) == timing.FEWEST_ROUNDS
    assert len(timing.alternate([lambda: 1, lambda: 9], 99, enough=lambda taken: taken[1] > 8)) == 1
    assert timing.alternate([lambda: 1, lambda: None], 99) == []


@pytest.mark.parametrize("name", RECIPES)
def test_problems_come_from_their_seed(name):
    once, again = (operands.__wrapped__(name, "tiny") for _ in range(2))
    assert difference(once.X @ once.coef, again.X @ again.coef) == 0.0
    assert once.X.shape == again.X.shape
    if once.is_sparse:
        assert once.X.has_canonical_format
        assert np.all(np.diff(once.X.indptr) > 0)
    else:
        assert once.X.flags.f_contiguous
