"""Overlapping groups: the latent group lasso, against copies of columns made by hand."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, cv_path, path, relaxed_path, solve, stability_path
from softreg_fast import GroupLasso as Estimator
from softreg_fast.penalties import GroupLasso, SparseGroupLasso
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.given_penalty import penalty_for
from softreg_fast.solvers.overlap import start_of_copies, summed
from softreg_fast.solvers.problem import Problem

GROUPS = [[0, 1, 2], [2, 3, 4], [4, 5], [6], [0, 6, 7]]
ORIGIN = np.concatenate(GROUPS)
LABELS = np.repeat(np.arange(5), [3, 3, 2, 1, 3])
RATIOS = {"group": {}, "sparse": {"l1_ratio": 0.3}}

each_ratio = pytest.mark.parametrize("ratio", RATIOS.values(), ids=RATIOS)


def make(ratio, **settings):
    return (SparseGroupLasso if ratio else GroupLasso)(**ratio, **settings)


@pytest.fixture
def data(rng):
    X = rng.standard_normal((60, 8)) * np.exp(0.3 * rng.standard_normal(8))
    return X, X[:, 2:5] @ [1.0, -1.0, 2.0] + X[:, 6] + rng.standard_normal(60)


def added(coefs):
    """Return the sums over the copies of each feature."""
    total = np.zeros((8, *coefs.shape[1:]))
    np.add.at(total, ORIGIN, coefs)
    return total


@each_ratio
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("layout", [np.asarray, sp.csc_array], ids=["dense", "sparse"])
def test_the_sums_of_coefficients_of_copies(data, ratio, standardize, layout, rng):
    X, y = data
    given = {"standardize": standardize, "sample_weight": rng.random(60), "tol": 1e-13}
    fits = path(
        layout(X), y, penalty=make(ratio, groups=GROUPS, overlap=True), n_alphas=20, **given
    )
    hand = path(X[:, ORIGIN], y, penalty=make(ratio, groups=LABELS), n_alphas=20, **given)
    assert fits.converged
    assert_allclose(fits.alphas, hand.alphas, rtol=1e-12)
    assert_allclose(fits.coefs.toarray(), added(hand.coefs.toarray()), atol=1e-6)
    assert_allclose(fits.predict(layout(X)), hand.predict(X[:, ORIGIN]), atol=1e-6)
    assert_array_equal(fits.df, np.count_nonzero(fits.coefs.toarray(), axis=0))
    fit = solve(
        layout(X),
        y,
        alpha=fits.alphas[9],
        penalty=make(ratio, groups=GROUPS, overlap=True),
        **given,
    )
    assert_allclose(fit.coef, fits[9].coef, atol=1e-6)
    assert fit.gap <= fit.tol
    assert fit.df == np.count_nonzero(fit.coef)


def test_the_support_is_a_union_of_groups(data):
    fits = path(*data, penalty=GroupLasso(groups=GROUPS, overlap=True), tol=1e-12)
    for k in range(len(fits)):
        support = set(fits.support_of(k)[0].tolist())
        inside = [set(group) for group in GROUPS if set(group) <= support]
        assert support == set().union(*inside)


def test_groups_that_do_not_overlap_are_as_before(data):
    X, y = data
    apart = [[0, 1, 2], [3, 4], [5], [6, 7]]
    given = {"alpha": 0.1, "tol": 1e-14}
    fit = solve(X, y, penalty=GroupLasso(groups=apart, overlap=True), **given)
    assert_allclose(
        fit.coef, solve(X, y, penalty=GroupLasso(groups=apart), **given).coef, atol=1e-7
    )


def test_names_starts_gram_and_weights(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    named = [["a", "b", "c"], ["c", "d", "e"], ["e", "f"], ["g"], ["a", "g", "h"]]
    weights = [1.0, 2.0, np.inf, 0.0, 1.0]
    penalty = GroupLasso(groups=named, overlap=True, group_weights=weights)
    fit = solve(frame, y, alpha=0.1, penalty=penalty, tol=1e-13)
    assert {name for name, _ in fit.selected()} <= set("abcdefgh")
    assert fit.coef[5] == 0.0  # in the excluded group only
    again = solve(frame, y, alpha=0.1, penalty=penalty, coef_init=fit.coef, tol=1e-13)
    assert_allclose(again.coef, fit.coef, atol=1e-6)
    gram = (X - X.mean(axis=0)).T @ (X - X.mean(axis=0))
    given = solve(frame, y, alpha=0.1, penalty=penalty, precompute=gram, tol=1e-13)
    assert_allclose(given.coef, fit.coef, atol=1e-6)
    assert_allclose(fit.predict(frame[frame.columns[::-1]]), fit.predict(frame))


@each_ratio
@pytest.mark.filterwarnings("ignore:The last alpha")
def test_searches(data, ratio):
    X, y = data
    penalty = make(ratio, groups=GROUPS, overlap=True)
    found = cv_path(X, y, penalty=penalty, n_alphas=20, cv=4, tol=1e-11)
    hand = cv_path(
        X[:, ORIGIN], y, penalty=make(ratio, groups=LABELS), n_alphas=20, cv=4, tol=1e-11
    )
    assert_allclose(found.errors, hand.errors, rtol=1e-5)
    assert_allclose(found.predict(X), hand.predict(X[:, ORIGIN]), atol=1e-5)
    assert relaxed_path(X, y, penalty=penalty, n_alphas=10).path.converged
    stable = stability_path(X, y, penalty=penalty, n_subsamples=6, n_alphas=10, random_state=0)
    assert stable.frequencies.shape == (8, 10)


def test_steps_count_features(data):
    penalty, steps = GroupLasso(groups=GROUPS, overlap=True), []
    fits = path(*data, penalty=penalty, n_alphas=10, callback=steps.append)
    assert_array_equal([step.df for step in steps], fits.df)


def test_an_estimator(data):
    X, y = data
    model = Estimator(alpha=0.1, groups=GROUPS, overlap=True, tol=1e-12).fit(X, y)
    fit = solve(X, y, alpha=0.1, penalty=GroupLasso(groups=GROUPS, overlap=True), tol=1e-12)
    assert_allclose(model.coef_, fit.coef, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": LABELS[:8]}, "overlap=True is for groups that are lists of features"),
        ({"groups": "columns"}, "overlap=True is for groups that are lists of features"),
        ({"groups": [[0, 1, 1], range(1, 8)]}, r"groups\[0\] has feature 1 twice"),
        ({"groups": [[0, 1], [1, 2]]}, "Feature 3 is in no group"),
    ],
)
def test_what_is_refused(data, settings, words):
    with pytest.raises(ValueError, match=words):
        solve(*data, penalty=GroupLasso(overlap=True, **settings))


def test_networks_have_no_overlaps():
    with pytest.raises(ValueError, match="overlap=True is for regression"):
        GroupLasso(overlap=True).value(np.ones((2, 3)))


def test_a_start_is_shared_by_the_copies(data):
    penalty = GroupLasso(groups=GROUPS, overlap=True)
    problem = Problem(Design(*data), penalty_for(penalty, Penalty(1.0)))
    start = start_of_copies(problem, {2: 4.0, 5: 1.0})
    assert_array_equal(start, [0, 0, 2, 2, 0, 0, 0, 1, 0, 0, 0, 0])
    assert_array_equal(summed(problem, start), [0, 0, 4, 0, 0, 1, 0, 0])


def test_criteria_are_refused_and_relaxed_fits_are_of_features(data):
    X, y = data
    options = {"penalty": make({}, groups=GROUPS, overlap=True), "n_alphas": 6}
    with pytest.raises(ValueError, match="not known for groups with overlap=True; choose alpha by"):
        cv_path(X, y, criterion="aic", **options)
    found = cv_path(X, y, cv=3, relax=True, **options)
    assert found.predict(X).shape == (60,)
