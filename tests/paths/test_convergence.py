"""ConvergenceWarning: one for each call, with the remedy, at the line of the caller."""

import warnings

import numpy as np
import problems
import pytest
from children import make
from oracles import certified
from problems import make_problem
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Lasso, Ridge, Status, enet_path, path, solve


@pytest.mark.parametrize("solver", ["cd", "gradient"])
def test_one_warning_when_the_epochs_run_out(rng, solver):
    X, y, options = make_problem(rng, "square", "weak lasso")
    with pytest.warns(ConvergenceWarning, match="did not converge.*max_iter") as caught:
        fit = solve(X, y, max_iter=1, tol=1e-10, solver=solver, **options)
    assert len(caught) == 1
    assert f"{fit.gap:.6e}" in str(caught[0].message)
    assert f"{fit.tol:.6e}" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert fit.status == Status.MAX_ITER
    assert not fit.converged
    certified(X, y, options, fit, must_converge=False)


def test_one_warning_for_a_whole_path(rng):
    X, y = problems.SHAPES["square"](rng)
    with pytest.warns(ConvergenceWarning, match="of 10 alphas, worst at alpha") as caught:
        fits = path(X, y, n_alphas=10, max_iter=1, tol=1e-10)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not fits.converged
    assert np.any(fits.status == Status.MAX_ITER)


def test_a_tolerance_that_float64_cannot_meet(rng):
    X, y, options = make_problem(rng, "tall", "elastic net")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = solve(X, y, tol=0.0, **options)
    assert fit.status in (Status.CONVERGED, Status.STALLED)
    assert fit.relative_gap <= 1e-13
    certified(X, y, options, fit, must_converge=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda X, y: solve(X, y, alpha=1e-4, max_iter=1),
        lambda X, y: solve(X, y, alpha=1e-4, solver="gradient", max_iter=1),
        lambda X, y: path(X, y, n_alphas=20, max_iter=1, precompute=False),
        lambda X, y: enet_path(X, y, n_alphas=20, max_iter=1),
        lambda X, y: Lasso(alpha=1e-4, max_iter=1).fit(X, y),
        lambda X, y: Lasso(alpha=1e-4, max_iter=1).fit(X, np.c_[y, y, y]),
        lambda X, y: Ridge(solver="gradient", max_iter=1, tol=1e-9).fit(X, y),
    ],
)
def test_one_warning_for_each_call(call):
    X, y = make(50, 80)
    with pytest.warns(ConvergenceWarning) as caught:
        call(X, y)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "Objective did not converge" in message
    assert "Duality gap" in message
    assert "increase the number of iterations (max_iter, now 1)" in message
    assert caught[0].filename == __file__


def test_a_warning_knows_when_more_iterations_are_no_use():
    X, y = make(50, 80)
    with pytest.warns(ConvergenceWarning, match="Float64 allows no further progress: raise tol"):
        solve(X, y, alpha=1e-3, tol=0.0)
