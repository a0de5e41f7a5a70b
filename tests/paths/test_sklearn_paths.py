"""lasso_path and enet_path, compared with scikit-learn's."""

import numpy as np
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from oracles import problem_of
from sklearn.linear_model import enet_path as sklearn_enet_path
from sklearn.linear_model import lasso_path as sklearn_lasso_path

from softreg_fast import enet_path, lasso_path


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("positive", [False, True], ids=["free", "positive"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_paths_of_scikit_learn(rng, sparse, positive, l1_ratio):
    X, y = problems.make_data(rng, 40, 8)
    X = X - X.mean(0)
    y = y - y.mean()
    y *= np.sign(max(X.T @ y, key=abs))  # so that positive coefficients can explain it
    given = sp.csc_array(X) if sparse else np.asfortranarray(X)
    options = {"tol": 1e-12, "max_iter": 100_000, "positive": positive, "return_n_iter": True}
    ours = enet_path(given, y, l1_ratio=l1_ratio, n_alphas=12, eps=1e-2, **options)
    theirs = sklearn_enet_path(given, y, l1_ratio=l1_ratio, alphas=ours[0], **options)
    slopes = X.T @ y / 40
    alpha_max = np.max(slopes if positive else np.abs(slopes)) / l1_ratio
    assert_allclose(ours[0], np.geomspace(alpha_max, alpha_max / 100, 12), rtol=1e-12)
    assert ours[1].shape == (8, 12)
    assert_allclose(ours[1], theirs[1], atol=1e-5)
    assert np.all(ours[2] <= 1e-12 * (y @ y) / 40)
    assert len(ours[3]) == 12
    if l1_ratio == 1.0:
        again = lasso_path(given, y, n_alphas=12, eps=1e-2, **options)
        for a, b in zip(again, ours, strict=True):
            assert_array_equal(a, b)


def test_dual_gaps_have_the_scale_of_scikit_learn(rng):
    X, y = problems.make_data(rng, 40, 8)
    alphas = problem_of(X, y, fit_intercept=False).alpha_max() * np.array([0.3, 0.1, 0.03])
    for function in (lasso_path, sklearn_lasso_path):
        _, coefs, gaps = function(X, y, alphas=alphas, tol=1e-2)
        for alpha, coef, gap in zip(alphas, coefs.T, gaps, strict=True):
            problem = problem_of(X, y, alpha=alpha, fit_intercept=False)
            true = float(problem.certificate(coef, 0.0).gap)
            assert_allclose(gap, true, rtol=0.1, atol=1e-9 * float(problem.null_loss))


def test_scikit_learn_arguments_that_change_nothing(rng, capsys):
    X, y = problems.make_data(rng, 20, 5)
    plain = enet_path(X, y, n_alphas=4)
    assert capsys.readouterr().out == ""
    other = enet_path(
        X, y, n_alphas=4, Xy=X.T @ y, copy_X=False, check_input=False, verbose=True,
        precompute=X.T @ X, selection="random", random_state=3,
    )  # fmt: skip
    assert "gap/P0" in capsys.readouterr().out
    for a, b in zip(plain, other, strict=True):
        assert_allclose(a, b, atol=1e-3)
    with pytest.raises(ValueError, match="l1_ratio=0"):
        enet_path(X, y, l1_ratio=0.0)
    assert enet_path(X, y, l1_ratio=0.0, alphas=[1.0])[1].shape == (5, 1)
