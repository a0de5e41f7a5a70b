"""Arguments that contradict each other: an error that names both and says which to leave out."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from softreg_fast import (
    Design,
    ElasticNet,
    Lasso,
    LassoCV,
    MultiTaskLasso,
    Penalty,
    Ridge,
    RidgeCV,
    cv_path,
    lasso_path,
    path,
    relaxed_path,
    solve,
    stability_path,
)

N, P = 12, 4
X = np.asfortranarray(np.random.default_rng(0).standard_normal((N, P)))
y = X @ [3.0, -2.0, 0.0, 1.0] + np.random.default_rng(1).standard_normal(N)
ONES = np.ones(N)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
@pytest.mark.parametrize("change", [{"alpha": 1.0}, {"l1_ratio": 0.0, "bounds": (0.0, 1.0)}])
def test_solvers_for_l2_alone(solver, change):
    with pytest.raises(
        ValueError, match=r"solves pure L2 problems; .* use solver='auto', 'cd' or 'grad"
    ):
        solve(X, y, solver=solver, **change)


def test_one_way_to_say_the_penalty():
    for change in ({"alpha": 2.0}, {"l1_ratio": 0.5}, {"l1_weights": np.ones(P)}):
        (name,) = change
        with pytest.raises(ValueError, match=f"l1 and l2 give the penalty outright, but {name}"):
            solve(X, y, l1=1.0, **change)
        with pytest.raises(ValueError, match=f"but {name} was given too; use either"):
            Penalty(l2=np.ones(P), **change)


@pytest.mark.parametrize("function", [solve, path, cv_path, relaxed_path, stability_path])
def test_another_word_beside_a_design_is_an_error(function):
    design = Design(X, y, ONES, n_threads=1)
    for option, pattern in [
        ({"sample_weight": 2 * ONES}, r"beside a Design, .* give Design.with_weight"),
        ({"fit_intercept": False}, "fit_intercept=False contradicts .* made with .*=True; leave"),
        ({"standardize": True}, "standardize=True contradicts the Design, .* standardize=False"),
        ({"n_threads": 2}, "n_threads=2 contradicts the Design, which was made with n_threads=1"),
    ]:
        with pytest.raises(ValueError, match=pattern):
            function(design, **option)
    other = Design(X, y, fit_intercept=False, standardize=True)
    with pytest.raises(ValueError, match="fit_intercept=True contradicts"):
        function(other, fit_intercept=True)
    with pytest.raises(ValueError, match="standardize=False contradicts"):
        function(other, standardize=False)


def test_the_same_word_beside_a_design_is_none():
    design = Design(X, y, fit_intercept=False, standardize=True, n_threads=1)
    said = {"fit_intercept": False, "standardize": True, "n_threads": 1}
    fit = solve(design, alpha=0.1, **said)
    assert_array_equal(fit.coef, solve(design, alpha=0.1).coef)
    assert_array_equal(fit.coef, solve(X, y, alpha=0.1, **said).coef)
    assert_array_equal(fit.coef, solve(X, y, alpha=0.1, fit_intercept=False, standardize=True).coef)


def test_estimators_and_designs_take_no_design():
    design = Design(X, y)
    for estimator in (Lasso(), ElasticNet(), Ridge(), LassoCV(), RidgeCV(), MultiTaskLasso()):
        for more in ((), (y,)):
            with pytest.raises(TypeError, match=r"takes arrays, .* X is a Design, which is"):
                estimator.fit(design, *more)
    with pytest.raises(TypeError, match="X is a Design; expected an array"):
        Design(design, y)


@pytest.mark.parametrize("function", [path, cv_path, relaxed_path, stability_path])
def test_a_grid_is_given_once(function):
    for beside in ({"n_alphas": 7}, {"eps": 0.5}, {"n_alphas": 7, "eps": 0.5}):
        with pytest.raises(ValueError, match=f"^{' and '.join(beside)} would have no effect"):
            function(X, y, alphas=[0.2, 0.1], **beside)
    with pytest.raises(ValueError, match=r"^n_alphas would have no effect beside alphas"):
        function(X, y, alphas=5, n_alphas=7)
    # as in scikit-learn's lasso_path, which ignores them, too
    lasso_path(X, y, alphas=[0.2, 0.1], n_alphas=7, eps=0.5)


def test_estimators_predict_no_design():
    X = np.random.default_rng(0).random((20, 3))
    with pytest.raises(TypeError, match="X is a Design"):
        Lasso().fit(X, X[:, 0]).predict(Design(X))
