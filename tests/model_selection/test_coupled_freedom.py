"""Degrees of freedom of groups and SLOPE: the divergence of fits, by differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast import cv_path, path
from softreg_fast.data.design import Design
from softreg_fast.model_selection.criteria import degrees_of_freedom
from softreg_fast.penalties import SLOPE, ElasticNet, GroupLasso, GroupMCP, SparseGroupLasso
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for
from softreg_fast.solvers.problem import Problem

PENALTIES = {
    "groups": GroupLasso(size=3),
    "sparse groups": SparseGroupLasso(size=3, l1_ratio=0.4),
    "with l2": SparseGroupLasso(size=3, l1_ratio=0.4, l2_ratio=0.3),
    "free groups": GroupLasso(size=3, group_weights=np.arange(6.0)),
    "mcp": GroupMCP(size=3, gamma=5.0),
    "slope": SLOPE(weights="oscar", q=0.5),
}


def degrees(X, y, fits, penalty, **settings):
    given = penalty_for(penalty, Penalty(1.0))
    return degrees_of_freedom(fits, Problem(Design(X, y, **settings), given))


def data(rng, n=25, p=18):
    X = rng.standard_normal((n, 1)) + rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    return X, X[:, :6] @ rng.standard_normal(6) + rng.standard_normal(n)


# towards rounding, of which some fits fall short
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("penalty", [p for p in PENALTIES.values() if p.kind != "group_mcp"])
@pytest.mark.parametrize("standardize", [False, True], ids=["", "standardized"])
def test_they_are_the_divergence_of_the_fit(rng, penalty, standardize):
    X, y = data(rng)
    options = {"penalty": penalty, "standardize": standardize, "tol": 1e-15, "max_iter": 3000}
    first = path(X, y, n_alphas=4, eps=0.05, **options)
    options["alphas"] = first.alphas[1:]
    fits = path(X, y, **options)
    found = degrees(X, y, fits, penalty, standardize=standardize)
    total, size = np.zeros(3), 1e-4 * np.std(y)
    for i in range(len(y)):
        moved = []
        for sign in (1.0, -1.0):
            there = y.copy()
            there[i] += sign * size
            moved.append(path(X, there, **options).predict(X[[i]])[0])
        total += (moved[0] - moved[1]) / (2.0 * size)
    # a coefficient that becomes zero between the two makes a difference
    assert np.median(np.abs(total - 1.0 - found)) <= 1e-2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_ends(rng):
    X, y = data(rng, 60)
    alphas = [1e6, 1e-9]
    for penalty in (GroupLasso(size=3), SLOPE()):
        fits = path(X, y, penalty=penalty, alphas=alphas, tol=1e-15, max_iter=3000)
        assert_allclose(degrees(X, y, fits, penalty), [0.0, 18.0], atol=1e-3)
    one = GroupLasso(groups=np.arange(18), l2_ratio=0.3)
    fits = path(X, y, penalty=one, n_alphas=5, tol=1e-15, max_iter=3000)
    other = ElasticNet(l1_ratio=0.7)
    same = path(X, y, penalty=other, alphas=fits.alphas, tol=1e-15, max_iter=3000)
    expected = degrees_of_freedom(same, Problem(Design(X, y), penalty_for(other, Penalty(1.0))))
    assert_allclose(degrees(X, y, fits, one), expected, atol=1e-4)


def test_dependent_columns_count_once(rng):
    X, y = data(rng, 30, 6)
    X = np.hstack([X, X])
    free = GroupLasso(groups=[0, 0, 0, -1, 1, 1] * 2, group_weights=[0.0, 1.0])
    fits = path(X, y, penalty=free, n_alphas=3, eps=0.5, tol=1e-14)
    found = degrees(X, y, fits, free)
    assert found[0] == pytest.approx(4.0, abs=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("criterion", ["aic", "bic", "gcv"])
def test_criteria_choose(rng, penalty, criterion):
    X, y = data(rng, 80)
    found = cv_path(X, y, penalty=penalty, criterion=criterion, n_alphas=20)
    d = degrees(X, y, found.path, penalty)
    assert np.isfinite(found.mean_errors).all()
    assert np.all(d <= found.path.df + 1e-9)
