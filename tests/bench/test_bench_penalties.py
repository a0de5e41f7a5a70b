"""Tests of the benchmarks of penalties beyond L1: the judge, our paths before it, the tables."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import softreg_fast
from bench import penalties
from bench.families.family import Family
from bench.families.penalties import FAMILIES, OMEGAS, blocks_of, path_under
from bench.harness import judge, timing
from bench.harness import penalties as judged
from bench.harness.problem import Problem
from bench.reports import penalties as pages


@pytest.fixture(autouse=True)
def _short_samples(monkeypatch):
    # One call per sample: the clock is not tested here.
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)


def data(n=60, p=20):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    return Problem(np.asfortranarray(X), X[:, :4].sum(axis=1) + rng.standard_normal(n))


def small(omega, eps=0.05):
    return path_under(omega, data, eps, blocks_of if "groups" in omega else None)()


@pytest.mark.parametrize("omega", OMEGAS)
def test_nothing_enters_before_the_largest_alpha(omega):
    problem = small(omega)
    zero = np.zeros((20, 1))
    at = replace(problem, alphas=problem.alphas[:1] * (1.0 + 1e-9))
    below = replace(problem, alphas=problem.alphas[:1] * 0.99)
    assert judged.judge_of(at)(at, zero) < 1e-9
    assert judged.judge_of(below)(below, zero) > 1e-5


@pytest.mark.parametrize("omega", judged.SLOPES)
def test_our_paths_are_stationary_and_others_are_not(omega):
    problem = small(omega)
    shape = {"gamma": judged.GAMMA} if omega == "mcp" else {"a": judged.A}
    penalty = getattr(softreg_fast.penalties, omega.upper())(**shape)
    fits = softreg_fast.path(problem.X, problem.y, penalty=penalty, alphas=problem.alphas)
    assert judged.worst_distance(problem, fits.coefs) < 1e-10
    assert judged.worst_distance(problem, fits.coefs * 1.01) > 1e-4


def test_gaps_are_those_of_the_lasso():
    problem = small("groups")
    fits = softreg_fast.path(problem.X, problem.y, alphas=problem.alphas)
    singles = replace(problem, groups=np.arange(20))
    wrong = fits.coefs.toarray() * 0.99
    for W in (fits.coefs, wrong):
        expected = judge.worst_gap(replace(problem, omega="l1"), W)
        assert abs(judged.worst_gap(singles, W) - expected) < 1e-12
        assert abs(judged.worst_gap(replace(singles, omega="l1"), W) - expected) < 1e-12
    shares = replace(singles, omega="sparse groups")
    assert abs(judged.worst_gap(shares, wrong) - judge.worst_gap(problem, wrong)) < 1e-12


def test_a_contest():
    family = Family("MCP: small", "mcp", lambda: small("mcp"), 2, 4)
    options = SimpleNamespace(threads=1, seconds=20.0, repeat=1)
    rows = penalties.Contest(family, family.make(), options).run([])
    assert [row.package for row in rows] == ["ours", pages.OWN_L1]
    assert rows[0].gap < 1e-10
    assert rows[1].ratio > 0.0
    assert all(penalties.line(row) for row in rows)
    record = SimpleNamespace(rows=dict(enumerate(rows)))
    ((title, lines),) = pages.all_tables(record)
    assert title.startswith("MCP")
    assert "no other met the target" in lines[-1]


def test_families_have_names_and_levels():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert all(family.must and family.aim for family in FAMILIES)
