"""Solution and Path: their content, predictions and printed form."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import Path, Solution, Status, path, solve
from softreg_fast.data.multi_task_design import MultiTaskDesign


@pytest.fixture
def data(rng):
    return problems.make_data(rng, 40, 8)


@pytest.fixture
def fits(data):
    return path(*data, n_alphas=9, eps=0.02, tol=1e-12)


def hand_made(status=(0, 0, 1)):
    """Return a small path for which every printed number is known."""
    coefs = np.array([[0.0, 1.0, 1.5], [0.0, 0.0, -0.25]])
    return Path(
        alphas=np.array([1.0, 0.5, 0.25]),
        coefs=sp.csc_array(coefs),
        intercepts=np.array([3.0, 2.0, 1.0]),
        gaps=np.array([0.0, 2e-6, 4e-4]),
        tols=np.full(3, 4e-6),
        n_epochs=np.array([0, 5, 1000]),
        status=np.array(status, np.int8),
        dev_ratio=np.array([0.0, 0.25, 0.5]),
        df=np.array([0, 1, 2]),
        null_loss=2.0,
        seconds=0.75,
        strategy="gram",
        feature_names=np.array(["a", "b"], object),
    )


# ---------------------------------------------------------------------------------------------
# Solution


def test_selected_features(data):
    fit = solve(*data, alpha=0.3)
    assert fit.df == len(fit.selected())
    sizes = [abs(value) for _, value in fit.selected()]
    assert sizes == sorted(sizes, reverse=True)
    for j, value in fit.selected():
        assert value == fit.coef[j] != 0
    named = solve(pd.DataFrame(data[0], columns=problems.names(8)), data[1], alpha=0.3)
    assert named.selected() == [(f"x{j}", value) for j, value in fit.selected()]


def test_solution_says_how_good_it_is(data):
    X, y = data
    fit = solve(X, y, alpha=0.3)
    residual = y - X @ fit.coef - fit.intercept
    centered = y - y.mean()
    assert_allclose(fit.null_loss, centered @ centered / 80, rtol=1e-12)
    assert_allclose(fit.dev_ratio, 1 - residual @ residual / (centered @ centered), rtol=1e-9)
    assert_allclose(fit.tol, 1e-6 * (centered @ centered) / 40, rtol=1e-12)
    assert fit.relative_gap == fit.gap / fit.null_loss
    assert fit.converged
    assert fit.status is Status.CONVERGED
    assert fit.seconds > 0


def test_solution_prints_itself():
    fit = hand_made()[1]
    assert repr(fit) == (
        "Solution(alpha=0.5: 1 of 2 coefficients, 25.00 % of deviance, relative gap 1.0e-06, "
        "converged)"
    )
    assert repr(hand_made()[2]).endswith("relative gap 2.0e-04, max_iter)")


@pytest.mark.parametrize("name", ["fortran", "list", "pandas", "polars", "csr_array", "coo_array"])
def test_predictions(rng, data, fits, name):
    X = rng.standard_normal((5, 8)) * (rng.random((5, 8)) < 0.7)
    given = problems.LAYOUTS[name](X)
    fit = fits[5]
    assert_allclose(fit.predict(given), X @ fit.coef + fit.intercept, rtol=1e-12)
    every = X @ fits.coefs.toarray() + fits.intercepts
    assert type(fits.predict(given)) is np.ndarray
    assert_allclose(fits.predict(given), every, rtol=1e-12, atol=1e-12)
    assert_allclose(fits.predict(given, alpha=fits.alphas[5]), every[:, 5], rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="8"):
        fits.predict(X[:, 1:])
    with pytest.raises(ValueError, match="8"):
        fit.predict(X[:, 1:])


def test_results_cannot_be_changed(fits):
    with pytest.raises(dataclasses.FrozenInstanceError):
        fits.alphas = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        fits[0].coef = None


def test_results_survive_pickling(data, fits):
    again = pickle.loads(pickle.dumps(fits))
    assert_array_equal(again.coefs.toarray(), fits.coefs.toarray())
    assert again.table() == fits.table()
    fit = solve(*data, alpha=0.3)
    assert repr(pickle.loads(pickle.dumps(fit))) == repr(fit)


# ---------------------------------------------------------------------------------------------
# Path


def test_items_are_solutions(fits):
    assert len(fits) == len(list(fits)) == 9
    dense = fits.coefs.toarray()
    for k, fit in enumerate(fits):
        assert isinstance(fit, Solution)
        assert_array_equal(fit.coef, dense[:, k])
        for name, values in (
            ("alpha", fits.alphas),
            ("intercept", fits.intercepts),
            ("gap", fits.gaps),
            ("tol", fits.tols),
            ("n_epochs", fits.n_epochs),
            ("status", fits.status),
            ("dev_ratio", fits.dev_ratio),
            ("df", fits.df),
        ):
            assert getattr(fit, name) == values[k]
        assert fit.null_loss == fits.null_loss
        assert fit.strategy == fits.strategy
    assert fits[-1].alpha == fits.alphas[-1]
    with pytest.raises(IndexError):
        fits[9]
    assert_array_equal(fits.df, np.count_nonzero(dense, axis=0))
    assert_allclose(fits.relative_gaps, fits.gaps / fits.null_loss)


def test_table():
    fits = hand_made()
    lines = str(fits).splitlines()
    assert lines == [
        "Path(3 alphas, 2 features, alpha 1 to 0.25, 1 of 3 not converged, gram, 0.75 s)",
        "         Df    %Dev        alpha    gap/P0",
        "   0      0    0.00            1   0.0e+00",
        "   1      1   25.00          0.5   1.0e-06",
        "   2      2   50.00         0.25   2.0e-04  not converged",
    ]
    assert repr(fits) == lines[0]
    assert "all converged" in repr(hand_made(status=(0, 0, 0)))
    assert fits.table(rows=3) == str(fits)
    assert fits.table(rows=99) == str(fits)
    assert fits.table(rows=2).splitlines() == [*lines[:3], lines[4]]


def test_long_tables_can_be_thinned(data):
    fits = path(*data)
    assert len(str(fits).splitlines()) == 102
    lines = fits.table(rows=5).splitlines()
    assert len(lines) == 7
    assert [int(line.split()[0]) for line in lines[2:]] == [0, 25, 50, 74, 99]


def test_a_path_that_did_not_converge(data):
    with pytest.warns(ConvergenceWarning):
        fits = path(*data, n_alphas=5, eps=1e-4, max_iter=1, tol=1e-12)
    assert not fits.converged
    assert str(fits).count("not converged") == 1 + np.count_nonzero(fits.status)


def test_coefficients_at_any_alpha(data):
    X, y = data
    fits = path(X, y, n_alphas=60, eps=0.02, tol=1e-13)
    supports = [np.sign(fit.coef).tolist() for fit in fits]
    tested = 0
    for k in range(1, 59):
        assert_array_equal(fits.coef_at(fits.alphas[k]), fits[k].coef)
        # with both neighbours equal, too, there is no support change between k and k + 1
        if supports[k - 1] == supports[k] == supports[k + 1]:
            alpha = 0.3 * fits.alphas[k] + 0.7 * fits.alphas[k + 1]
            fit = solve(X, y, alpha=alpha, tol=1e-13)
            assert_allclose(fits.coef_at(alpha), fit.coef, atol=1e-5)
            expected = X @ fit.coef + fit.intercept
            assert_allclose(fits.predict(X, alpha), expected, atol=1e-4)
            tested += 1
    assert tested > 10
    for alpha in (1.01 * fits.alphas[0], 0.99 * fits.alphas[-1], np.nan):
        with pytest.raises(ValueError, match="outside this path"):
            fits.coef_at(alpha)


def test_interpolation_by_hand():
    fits = hand_made()
    assert_allclose(fits.coef_at(0.6), [0.8, 0.0])
    assert_allclose(fits.coef_at(0.375), [1.25, -0.125])
    assert_allclose(fits.predict([[1.0, 2.0]], alpha=0.375), [1.25 - 0.25 + 1.5])
    for k, alpha in enumerate(fits.alphas):
        assert_array_equal(fits.coef_at(alpha), fits[k].coef)


def test_names_reach_the_results(data):
    X, y = data
    for layout in ("pandas", "polars"):
        fits = path(problems.LAYOUTS[layout](X), y, n_alphas=3)
        assert list(fits.feature_names) == problems.names(8)
        assert list(fits[2].feature_names) == problems.names(8)
    assert path(X, y, n_alphas=2).feature_names is None


# ---------------------------------------------------------------------------------------------
# Several alphas, and parts of a path


def test_several_alphas_at_once(data, fits):
    X = data[0]
    alphas = [fits.alphas[2], 0.3 * fits.alphas[3] + 0.7 * fits.alphas[4], fits.alphas[-1]]
    assert_array_equal(fits.coef_at(alphas), np.transpose([fits.coef_at(a) for a in alphas]))
    each = np.transpose([fits.predict(X, a) for a in alphas])
    assert_allclose(fits.predict(X, np.array(alphas)), each, rtol=1e-12, atol=1e-12)
    assert fits.coef_at(alphas[:1]).shape == (8, 1)
    assert fits.predict(X, alphas[:1]).shape == (40, 1)


def test_several_alphas_of_several_tasks(data):
    X, y = data
    fits = path(MultiTaskDesign(X, np.c_[y, -y, y**2]), n_alphas=5)
    alphas = [fits.alphas[1], fits.alphas[2:4].mean()]
    found = fits.coef_at(alphas)
    assert found.shape == (3, 8, 2)
    for k, alpha in enumerate(alphas):
        assert_array_equal(found[..., k], fits.coef_at(alpha))
        expected = X @ fits.coef_at(alpha).T + fits.predict(np.zeros((1, 8)), alpha)
        assert_allclose(fits.predict(X, alphas)[..., k], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("alpha", "error", "pattern"),
    [
        ("x", TypeError, r"alpha must be a real number, got 'x' \(str\)"),
        (["x"], TypeError, "alpha must be a real number, got 'x'"),
        (np.nan, ValueError, "alpha=nan lies outside this path"),
        ([1e9], ValueError, "alpha=1000000000.0 lies outside this path"),
    ],
)
def test_alphas_that_mean_nothing(data, fits, alpha, error, pattern):
    for attempt in (lambda: fits.coef_at(alpha), lambda: fits.predict(data[0], alpha)):
        with pytest.raises(error, match=pattern):
            attempt()


def test_a_slice_of_a_path_is_a_path(data, fits):
    X, y = data
    several = path(MultiTaskDesign(X, np.c_[y, -y]), n_alphas=9)
    for whole in (fits, several):
        for chosen in (slice(2, 5), slice(None, None, 3), slice(-2, None)):
            part = whole[chosen]
            assert type(part) is type(whole)
            assert_array_equal(part.alphas, whole.alphas[chosen])
            for k, position in enumerate(range(9)[chosen]):
                assert_array_equal(part[k].coef, whole[position].coef)
                assert_array_equal(part[k].intercept, whole[position].intercept)
        with pytest.raises(ValueError, match="alphas of a path fall"):
            whole[::-1]


@pytest.mark.parametrize("alphas", [[], [[0.1, 0.2]], np.empty((0, 2))], ids=str)
def test_alphas_of_a_path_that_are_no_vector(alphas):
    X = np.random.default_rng(0).random((9, 2))
    fits = path(X, X[:, 0])
    for call in (fits.coef_at, lambda alpha: fits.predict(X, alpha)):
        with pytest.raises(ValueError, match="alpha has shape"):
            call(alphas)
    assert fits.coef_at(np.array(fits.alphas[3])).shape == (2,)


@pytest.mark.parametrize(
    ("position", "error"), [("x", TypeError), ([1, 2], TypeError), (1000, IndexError)]
)
def test_positions_that_a_path_has_not(position, error):
    X = np.random.default_rng(0).random((9, 2))
    with pytest.raises(error, match="no position on a path of 100 alphas"):
        path(X, X[:, 0])[position]
