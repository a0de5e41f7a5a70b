"""The demonstration, and the referee of its race."""

import os
import re
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from datafiles import files, process, text_of

from softreg_fast import solve
from softreg_fast.cli import demo


def test_the_demonstration():
    done = process("demo", env={**os.environ, "TMPDIR": "."})
    assert (done.returncode, done.stderr) == (0, "")
    out = done.stdout
    assert max(map(len, out.splitlines())) <= 100
    assert len(out.splitlines()) < 60
    assert len(re.findall(r"^ +\d+ +\d+ +[\d.]+ +[\d.]+ +[\d.e+-]+$", out, re.M)) == 13
    assert "bmi * ltg" in out
    if find_spec("matplotlib") is not None:
        assert text_of(out.splitlines()[-1].strip()).startswith("<!DOCTYPE html>")
    certified = float(re.search(r"within (\S+) P0 of its minimum", out)[1])
    assert certified <= demo.WORST_GAP
    raced = re.findall(r" (softreg_fast|scikit-learn|NumPy) +(\S+) +([\d.]+) ms(.*)$", out, re.M)
    assert [row[0] for row in raced[::2]] == ["softreg_fast"] * 3
    assert [row[0] for row in raced[1::2]] == ["scikit-learn", "NumPy", "scikit-learn"]
    assert all(float(gap) <= demo.WORST_GAP for _, gap, _, _ in raced)
    for ours, theirs in zip(raced[::2], raced[1::2], strict=True):
        factor, word = re.fullmatch(r" +(\S+) x (faster|slower)", theirs[3]).groups()
        ratio = float(theirs[2]) / float(ours[2])
        assert word == ("faster" if ratio >= 1.0 else "slower")
        assert float(factor) == pytest.approx(max(ratio, 1.0 / ratio), rel=0.1)


def test_the_demonstration_without_matplotlib(call, fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "matplotlib" in fails("demo", "--report", "report.html")
    monkeypatch.setattr(demo, "race", lambda problem, alphas: [])
    code, out, err = call("demo")
    assert (code, err) == (0, "")
    assert out.endswith("needs matplotlib\n(pip install 'softreg_fast[plot]').\n")
    assert files() == []


def test_the_demonstration_writes_where_it_is_told(call, fails):
    pytest.importorskip("matplotlib")
    assert "no folder" in fails("demo", "--report", "nowhere/report.html")


def test_the_referee_of_the_demonstration():
    problem = demo.load_problem()
    assert problem.X.shape == (442, 64)
    assert {"bmi^2", "age * bmi", "hdl"} < set(problem.names)
    assert "sex^2" not in problem.names
    fit = solve(problem.X, problem.y, alpha=3.0, standardize=True, tol=1e-10)
    w = fit.coef * problem.deviation
    # primal minus dual of an exact fit is a rounding error of either sign
    assert -1e-15 <= demo.relative_gap(problem, w, 3.0, 0.0) <= 3e-10
    worse = demo.relative_gap(problem, 0.9 * w, 3.0, 0.0)
    r = problem.target - problem.Z @ (0.9 * w)
    better = problem.target - problem.Z @ w
    excess = (r @ r - better @ better) / (2 * 442) - 0.3 * np.abs(w).sum()
    assert worse >= excess / (problem.target @ problem.target / (2 * 442)) > 0.0
    weights = np.linspace(0.5, 2.0, 64)
    ridge = solve(problem.X, problem.y, alpha=3.0, l1_ratio=0, l2_weights=weights, standardize=True)
    gap = demo.relative_gap(problem, ridge.coef * problem.deviation, 0.0, 3.0 * weights)
    assert abs(gap) <= 1e-12


def test_reports_of_the_demonstration_are_html(fails):
    assert "page of HTML" in fails("demo", "--report", "r.pdf")
