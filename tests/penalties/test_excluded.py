"""Features left out by name or number."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose

import softreg_fast as sf

INF = np.inf


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 50, 6)
    return pd.DataFrame(X, columns=problems.names(6)), y


@pytest.mark.parametrize(
    "exclude", [["x1", "x4"], ("x1", "x4"), [1, 4], np.array([1, -2]), np.arange(6) % 3 == 1]
)
def test_is_an_infinite_weight(data, exclude):
    X, y = data
    weights = {"x1": INF, "x4": INF}
    fits = sf.path(X, y, exclude=exclude, n_alphas=10)
    by_weight = sf.path(X, y, l1_weights=weights, n_alphas=10)
    assert_allclose(fits.coefs.toarray(), by_weight.coefs.toarray())
    assert not fits.coefs[[1, 4]].nnz
    one = sf.solve(X, y, alpha=0.01, exclude=exclude)
    assert_allclose(
        one.coef,
        sf.solve(X.drop(columns=["x1", "x4"]), y, alpha=0.01).coef[[0, 0, 1, 2, 2, 3]]
        * (np.arange(6) % 3 != 1),
        atol=1e-10,
    )


def test_in_every_function(data):
    X, y = data
    found = sf.cv_path(X, y, exclude="x0", n_alphas=10)
    assert not found.path.coefs[[0]].nnz
    assert not sf.relaxed_path(X, y, exclude=0, n_alphas=5).refits.coefs[[0]].nnz
    frequent = sf.stability_path(X, y, exclude="x0", n_subsamples=4, random_state=0)
    assert frequent.max_frequencies[0] == 0.0
    for penalty in (sf.penalties.MCP(gamma=3.0), sf.penalties.ElasticNet(l1_ratio=0.5)):
        assert not sf.path(X, y, exclude="x0", n_alphas=5, penalty=penalty).coefs[[0]].nnz
    ridge = sf.path(X, y, exclude=0, l1_ratio=0.0, n_alphas=3)
    assert not ridge.coefs[[0]].nnz
    assert sf.Penalty(exclude=[2]).vectors(3).upper.tolist() == [INF, INF, 0.0]


def test_columns_of_several_features(data):
    X, y = data
    X = X.assign(colour=["red", "blue"] * 25)
    fits = sf.path(X, y, exclude=["colour", "x1"], n_alphas=5)
    left = fits.coef()
    assert not left.loc[["x1", "colour=blue", "colour=red"]].to_numpy().any()
    assert left.loc["x0"].any()
    one = sf.path(X, y + (X["colour"] == "red"), exclude="colour=red", n_alphas=5).coef()
    assert one.loc["colour=blue"].any()
    assert not one.loc["colour=red"].any()
    with pytest.raises(ValueError, match="a number is ambiguous"):
        sf.path(X, y, exclude=[1])


def test_numbers_that_are_names(rng):
    X, y = problems.make_data(rng, 30, 3)
    fits = sf.path(pd.DataFrame(X, columns=[2, 0, 1]), y, exclude=[2], n_alphas=5)
    assert not fits.coefs[[0]].nnz


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        ("y", "exclude names 'y'; the features are 'x0'"),
        (["X4"], "exclude names 'X4'; did you mean 'x4'"),
        ([1, 6], "exclude names feature 6, and X has 6"),
        ([True, False], "mask of shape"),
        ([1.5], "exclude names 1.5"),
    ],
)
def test_unknown_features(data, exclude, message):
    with pytest.raises(ValueError, match=message):
        sf.path(*data, exclude=exclude)


def test_not_for_coupled_coefficients(data):
    X, y = data
    with pytest.raises(ValueError, match="SLOPE couples them"):
        sf.path(X, y, exclude=["x1"], penalty=sf.penalties.SLOPE())
    with pytest.raises(ValueError, match="GroupLasso couples them"):
        sf.path(X, y, exclude=["x1"], penalty=sf.penalties.GroupLasso(size=2))
    with pytest.raises(TypeError, match="no place here"):
        sf.fused_path(X, y, exclude=["x1"])
    with pytest.raises(ValueError, match="bounds"):
        sf.path(X, y, exclude=["x1"], bounds={"x1": (1.0, 2.0)})
