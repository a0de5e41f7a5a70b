"""ConvergenceWarning: one for each call, with the remedy, at the line of the caller."""

import numpy as np
import pytest
from children import make
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Lasso, Ridge, enet_path, path, solve


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
