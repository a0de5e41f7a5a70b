"""Engines: when the Gram matrix is built, which engine solves which problem."""

import warnings

import problems
import pytest
from numpy.testing import assert_allclose
from oracles import assert_certified, problem_of
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import path
from softreg_fast.solvers import limits


@pytest.mark.parametrize("l1_ratio", [1.0, 0.7])
def test_the_gram_matrix_is_built_when_many_features_have_entered(rng, monkeypatch, l1_ratio):
    monkeypatch.setattr(limits, "LARGEST_EARLY_GRAM", 0)
    X, y = problems.make_data(rng, 120, 40)
    dense = X @ rng.standard_normal(40) + 0.1 * y
    options = {"l1_ratio": l1_ratio, "eps": 1e-4, "n_alphas": 25, "tol": 1e-10}
    fits = path(X, dense, **options)
    assert fits.strategy == "gram"
    assert fits.df[0] <= 5 < fits.df[-1]
    for k in range(len(fits)):
        problem = problem_of(X, dense, alpha=fits.alphas[k], l1_ratio=l1_ratio)
        found = assert_certified(problem, fits[k])
        assert_allclose(fits.gaps[k], float(found.gap), rtol=1e-3, atol=1e-13 * fits.null_loss)
    # the reported certificate is not that of an engine without any iteration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        hasty = path(X, dense, max_iter=1, **options)
    assert hasty.strategy == "gram"
    assert not hasty.converged
    for k, fit in enumerate(hasty):
        problem = problem_of(X, dense, alpha=fit.alpha, l1_ratio=l1_ratio)
        best = problem.certificate(fits[k].coef, fits[k].intercept)
        assert_certified(problem, fit, reference=best, must_converge=False)
    assert path(X, dense, precompute=False, **options).strategy == "working set"
    assert path(X, dense, max_df=3, **options).strategy == "working set"
