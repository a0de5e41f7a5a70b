"""Bars of coefficients, and the plots of all results."""

import numpy as np
import pandas as pd
import problems
import pytest

import softreg_fast as sf

pytest.importorskip("matplotlib")
from matplotlib import pyplot

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 40, 4)
    return pd.DataFrame(X, columns=["a", "$b", "c_{", "d\x1b"]), y


def test_bars_are_the_coefficients(data):
    fit = sf.solve(*data, alpha=0.01)
    ax = fit.plot()
    assert [bar.get_width() for bar in ax.patches] == [value for _, value in fit.selected()]
    ax.figure.canvas.draw()  # no name is a formula
    assert len(fit.plot(n_labels=2).patches) == 2
    assert len(sf.solve(*data, alpha=1e9).plot().patches) == 0
    mine = pyplot.figure().subplots()
    assert fit.plot(mine) is mine
    with pytest.raises(ValueError, match="n_labels"):
        fit.plot(n_labels=-1)
    tasks = sf.solve(data[0], np.column_stack([data[1], -data[1]]), alpha=0.1)
    assert len(tasks.plot().patches) == tasks.df


def test_results_draw_their_displays(data):
    X, y = data
    X = X.set_axis(list("abcd"), axis=1)
    found = sf.cv_path(X, y, n_alphas=5)
    stable = sf.stability_path(X, y, n_subsamples=4, random_state=0)
    relaxed = sf.relaxed_path(X, y, n_alphas=5)
    assert isinstance(found.plot(), sf.CVPathDisplay)
    assert isinstance(found.path.plot(against="l1"), sf.PathDisplay)
    assert isinstance(relaxed.plot(gamma=0.5), sf.PathDisplay)
    assert isinstance(stable.plot(threshold=0.6), sf.StabilityDisplay)
    mine = pyplot.figure().subplots()
    assert found.plot(mine).ax_ is mine
