"""Fits of several classes and of survival times that have no finite optimum are told."""

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog

import softreg_fast as sf
from softreg_fast import solve
from softreg_fast.data.given import as_design
from softreg_fast.losses import Cox, Multinomial
from softreg_fast.paths.endless_coupled import endless_classes, endless_survival
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Problem

BOTH = pytest.mark.parametrize("loss", [Multinomial(), Multinomial(grouped=True)])


def said(X, y, loss, **options):
    """Return what a fit warns of, "" for nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solve(X, y, loss=loss, **{"alpha": 0.0, **options})
    return " ".join(str(each.message) for each in caught)


@BOTH
def test_classes_that_are_separated_altogether(rng, loss):
    X = rng.standard_normal((60, 3))
    y = np.digitize(X[:, 1], [-0.5, 0.5])
    assert "No finite optimum: feature" in said(X, y, loss)
    assert "separate" in said(X, y, loss)


@BOTH
def test_one_class_that_a_feature_tells_apart(rng, loss):
    # the others overlap: only the programme finds the direction
    X = rng.standard_normal((120, 3))
    y = rng.integers(0, 2, 120)
    X[:, 2] = rng.random(120) < 0.3
    y[(X[:, 2] > 0) & (rng.random(120) < 0.8)] = 2
    y[(X[:, 2] == 0) & (y == 2)] = 0
    assert "No finite optimum: feature 2 separates the classes" in said(X, y, loss)
    mixed = y.copy()
    mixed[np.flatnonzero(X[:, 2] == 0)[0]] = 2
    assert said(X, mixed, loss) == ""
    assert said(X, y, loss, l1_weights=[0, 0, 1], alpha=0.1) == ""
    weight = np.ones(120)
    weight[X[:, 2] == 0] = np.where(y[X[:, 2] == 0] == 1, 0.5, 1.0)
    assert "No finite optimum" in said(X, y, loss, sample_weight=weight)


@pytest.mark.parametrize("loss", ["multinomial", "cox"])
def test_fits_with_a_minimum_are_silent(rng, loss):
    X = rng.standard_normal((80, 4))
    y = rng.integers(0, 3, 80)
    if loss == "cox":
        y = sf.survival(rng.exponential(size=80), rng.random(80) < 0.7)
    assert said(X, y, loss) == ""
    assert said(X, y, loss, alpha=0.05) == ""


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_monotone_likelihood(rng, ties):
    # nobody of a group has an event
    n = 80
    X = rng.standard_normal((n, 3))
    X[:, 1] = rng.random(n) < 0.4
    time = np.ceil(5.0 * rng.exponential(size=n))
    event = (rng.random(n) < 0.7) & (X[:, 1] == 0.0)
    loss, y = Cox(ties), sf.survival(time, event, strata=rng.integers(0, 2, n))
    found = said(X, y, loss)
    assert "No finite optimum: feature 1 tells samples with an event from others at risk" in found
    assert said(X, y, loss, bounds={1: (-3.0, np.inf)}) == ""
    assert "No finite optimum" in said(X, y, loss, bounds={1: (-np.inf, 3.0)})
    order = sf.survival(np.argsort(np.argsort(-X[:, 0])) + 1.0, np.ones(n, bool))
    assert "No finite optimum: feature" in said(X[:, :1], order, loss)


def by_definition(X, y):
    """Return whether a direction exists, by a programme of all pairs."""
    event, time = y["event"], y["time"]
    pairs = [(i, j) for i in np.flatnonzero(event) for j in np.flatnonzero(time >= time[i])]
    change = np.array([X[i] - X[j] for i, j in pairs])
    sides = np.concatenate([-change, change])
    most = np.repeat([0.0, 1.0], len(change))
    best = linprog(-change.sum(axis=0), A_ub=sides, b_ub=most, bounds=(None, None))
    return -best.fun > 1e-6


def test_the_answer_is_that_of_the_programme_of_all_pairs(rng):
    answers = set()
    for _ in range(30):
        X = rng.integers(-1, 2, (14, 3)).astype(float)
        y = sf.survival(rng.integers(1, 9, 14), rng.random(14) < 0.4)
        if not y["event"].any() or not X.std(axis=0).all():
            continue
        design = as_design(X, y, None, None, None, None, Cox())
        problem = Problem(design, Penalty(0.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = solve(design, alpha=0.0)
        found = endless_survival(problem, fit, np.arange(3)).size > 0
        if fit.null_loss > 0.0:
            assert found == by_definition(X, y)
            answers.add(found)
    assert answers == {True, False}


def test_soft_shares_are_never_separated(rng):
    X = rng.standard_normal((30, 2))
    shares = rng.dirichlet(np.ones(3), 30)
    design = as_design(X, shares, None, None, None, None, Multinomial())
    fit = solve(design, alpha=0.0)
    assert not endless_classes(Problem(design, Penalty(0.0)), fit, np.arange(2)).size


def test_survival_times_are_no_classes(rng):
    X = rng.standard_normal((20, 2))
    y = sf.survival(rng.exponential(size=20), np.ones(20))
    for model in (sf.LogisticRegression(), sf.ProbitRegression(), sf.LinearSVC()):
        with pytest.raises(ValueError, match=r"y has the fields event, time, and .* CoxRegression"):
            model.fit(X, y)
    with pytest.raises(TypeError, match="survival times are for loss='cox' and CoxRegression"):
        sf.Lasso().fit(X, y)
