"""Searches that several tests draw, in a light and in a dark style."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from softreg_fast import LassoCV, cv_path


@pytest.fixture(scope="session")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return LassoCV(alphas=30).fit(X, y)


@pytest.fixture(scope="session")
def genes():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20_000))
    y = X[:, :30] @ rng.standard_normal(30) + rng.standard_normal(60)
    return cv_path(X, y, n_alphas=20, eps=0.05, cv=3)


@pytest.fixture(params=["default", "dark_background"], autouse=True)
def style(request):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.style.context(request.param):
        yield request.param
    pyplot.close("all")
