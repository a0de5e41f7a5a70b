"""The adaptive Lasso: the weighted Lasso by hand, its rounds, and what it is for."""

import numpy as np
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import Design, adaptive_path, cv_path, path
from softreg_fast.data.multi_task_design import MultiTaskDesign

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def chosen(X, y, criterion="bic", **options):
    found = cv_path(X, y, criterion=criterion, **options)
    return found.path[found.index].coef


@pytest.mark.parametrize("kind", [np.asfortranarray, sp.csc_array], ids=["dense", "sparse"])
def test_it_is_the_weighted_lasso_by_hand(rng, kind):
    X, y = problems.make_data(rng, 60, 10)
    X = kind(X)
    s = problems.sample_weights(rng, 60)
    w0 = chosen(X, y, sample_weight=s)
    with np.errstate(divide="ignore"):
        weights = 1.0 / np.abs(w0)
    by_hand = path(X, y, l1_weights=weights, sample_weight=s, n_alphas=20)
    fits = adaptive_path(X, y, sample_weight=s, n_alphas=20)
    assert_allclose(fits.alphas, by_hand.alphas)
    assert_allclose(fits.coefs.toarray(), by_hand.coefs.toarray(), atol=1e-12)
    assert not fits.coefs.toarray()[w0 == 0.0].any()
    assert fits.converged


def test_weights_of_given_coefficients(rng):
    X, y = problems.make_data(rng, 60, 6)
    w0 = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), None)[0]
    options = {"n_alphas": 10, "l1_ratio": 0.8}
    fits = adaptive_path(X, y, initial=w0, gamma=0.5, weight_eps=0.1, **options)
    by_hand = path(X, y, l1_weights=(np.abs(w0) + 0.1) ** -0.5, **options)
    assert_allclose(fits.coefs.toarray(), by_hand.coefs.toarray(), atol=1e-12)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    named = {"f": w0[5], "a": w0[0]}
    fits = adaptive_path(frame, y, initial=named, n_alphas=5)
    assert not fits.coefs.toarray()[1:5].any()


@pytest.mark.parametrize("eps", [0.0, 0.05])
def test_rounds(rng, eps):
    X, y = problems.make_data(rng, 60, 12)
    w = chosen(X, y)
    for _ in range(2):
        with np.errstate(divide="ignore"):
            w = chosen(X, y, l1_weights=1.0 / (np.abs(w) + eps))
    with np.errstate(divide="ignore"):
        by_hand = path(X, y, l1_weights=1.0 / (np.abs(w) + eps), n_alphas=10)
    fits = adaptive_path(X, y, n_rounds=3, weight_eps=eps, n_alphas=10)
    assert_allclose(fits.coefs.toarray(), by_hand.coefs.toarray(), atol=1e-9)


@pytest.mark.parametrize("standardize", [False, True])
def test_units_of_the_columns_have_no_effect(rng, standardize):
    X, y = problems.make_data(rng, 60, 6)
    w0 = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), None)[0]
    unit = np.exp(2.0 * rng.standard_normal(6))
    options = {"standardize": standardize, "n_alphas": 10}
    one = adaptive_path(X, y, initial=w0, **options)
    other = adaptive_path(X * unit, y, initial=w0 / unit, **options)
    assert_allclose(other.coefs.toarray() * unit[:, np.newaxis], one.coefs.toarray(), atol=1e-6)
    plain = adaptive_path(X, y, initial=w0, n_alphas=10)
    assert_allclose(plain.coefs.toarray(), one.coefs.toarray(), atol=1e-6)


def test_large_coefficients_are_less_biased(rng):
    X = rng.standard_normal((400, 20))
    w = np.append([3.0, -2.0, 1.5], np.zeros(17))
    y = X @ w + rng.standard_normal(400)
    found, lasso = adaptive_path(X, y, n_alphas=50), path(X, y, n_alphas=50)
    right = [fits.df.tolist().index(3) for fits in (found, lasso) if 3 in fits.df]
    assert len(right) == 2
    errors = [np.abs(fits[k].coef - w).max() for fits, k in zip((found, lasso), right, strict=True)]
    last = len(found) - 1 - found.df.tolist()[::-1].index(3)
    assert_array_equal(np.flatnonzero(found[last].coef), [0, 1, 2])
    assert np.abs(found[last].coef - w).max() < 0.3
    assert np.abs(found[last].coef - w).max() < errors[1]


def test_other_losses_and_designs(rng):
    X, y = problems.make_data(rng, 80, 6)
    labels = y > np.median(y)
    fits = adaptive_path(X, labels, loss="logistic", n_alphas=8, eps=0.05)
    with np.errstate(divide="ignore"):
        weights = 1.0 / np.abs(chosen(X, labels, loss="logistic"))
    by_hand = path(X, labels, loss="logistic", l1_weights=weights, n_alphas=8, eps=0.05)
    assert_allclose(fits.coefs.toarray(), by_hand.coefs.toarray(), atol=1e-9)
    again = adaptive_path(Design(X, y), n_alphas=8, criterion="gcv")
    assert len(again) == 8


def test_an_empty_model_stays_empty(rng):
    X, y = problems.make_data(rng, 30, 4)
    fits = adaptive_path(X, y, initial=np.zeros(4), n_alphas=3)
    assert not fits.coefs.toarray().any()


REFUSED = {
    "weights": ({"l1_weights": 1.0}, TypeError, "l1_weights has no place here"),
    "penalty": ({"penalty": None}, TypeError, "penalty has no place here"),
    "gamma": ({"gamma": 0.0}, ValueError, "gamma"),
    "eps": ({"weight_eps": -1.0}, ValueError, "weight_eps"),
    "rounds": ({"n_rounds": 0}, ValueError, "n_rounds must be an integer >= 1"),
    "criterion": ({"criterion": "cv"}, ValueError, "criterion must be one of aic"),
    "initial": ({"initial": np.zeros(3)}, ValueError, r"initial has shape \(3,\)"),
}


@pytest.mark.parametrize(("options", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(rng, options, kind, said):
    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(kind, match=said):
        adaptive_path(X, y, **options)


def test_one_target(rng):
    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(ValueError, match="one vector of coefficients"):
        adaptive_path(MultiTaskDesign(X, np.column_stack([y, y])))
