"""AdaptiveLasso and AdaptiveLassoCV: the weighted Lasso with weights by hand."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from softreg_fast import AdaptiveLasso, AdaptiveLassoCV, Lasso, LassoCV, cv_path

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def weights_of(X, y, gamma=1.0, eps=0.0, criterion="bic", **options):
    """Return the weights of one round, for the Lasso that the criterion chooses."""
    found = cv_path(X, y, criterion=criterion, **options)
    with np.errstate(divide="ignore"):
        return (np.abs(found.path[found.index].coef) + eps) ** -gamma


SETTINGS = {
    "plain": {},
    "square": {"gamma": 2.0},
    "reweighted": {"weight_eps": 0.3},
    "gcv": {"weight_criterion": "gcv"},
    "no intercept": {"fit_intercept": False},
    "positive": {"positive": True},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_it_is_the_weighted_lasso(rng, settings):
    X, y = problems.make_data(rng, 60, 8)
    s = problems.sample_weights(rng, 60)
    common = {k: v for k, v in settings.items() if k in ("fit_intercept", "positive")}
    weights = weights_of(
        X,
        y,
        settings.get("gamma", 1.0),
        settings.get("weight_eps", 0.0),
        settings.get("weight_criterion", "bic"),
        sample_weight=s,
        **common,
    )
    model = AdaptiveLasso(alpha=0.05, tol=1e-10, **settings).fit(X, y, s)
    by_hand = Lasso(alpha=0.05, tol=1e-10, l1_weights=weights, **common).fit(X, y, s)
    assert_allclose(model.coef_, by_hand.coef_, atol=1e-6)
    assert_allclose(model.intercept_, by_hand.intercept_, atol=1e-6)
    search = AdaptiveLassoCV(cv=3, alphas=20, tol=1e-8, **settings).fit(X, y, s)
    by_hand = LassoCV(cv=3, alphas=20, tol=1e-8, l1_weights=weights, **common).fit(X, y, s)
    assert search.alpha_ == pytest.approx(by_hand.alpha_)
    assert_allclose(search.coef_, by_hand.coef_, atol=1e-6)
    assert_allclose(search.mse_path_, by_hand.mse_path_, rtol=1e-5)


def test_every_target_has_weights_of_its_own(rng):
    X, y = problems.make_data(rng, 50, 6)
    Y = np.column_stack([y, rng.permutation(y), X[:, 2]])
    together = AdaptiveLasso(alpha=0.01).fit(X, Y)
    for k in range(3):
        assert_allclose(together.coef_[k], AdaptiveLasso(alpha=0.01).fit(X, Y[:, k]).coef_)
    each = AdaptiveLassoCV(cv=3, alphas=10, alpha_per_target=True).fit(X, Y)
    assert_allclose(each.alpha_[0], AdaptiveLassoCV(cv=3, alphas=10).fit(X, y).alpha_)


def test_it_finds_the_truth_more_often_than_the_lasso(rng):
    right = np.zeros(2)
    for _ in range(10):
        X = rng.standard_normal((200, 30)) + 0.7 * rng.standard_normal((200, 1))
        y = X[:, :3] @ [2.0, -1.5, 1.0] + rng.standard_normal(200)
        for k, kind in enumerate((AdaptiveLassoCV, LassoCV)):
            found = np.flatnonzero(kind(cv=4, alphas=30, rule="1se").fit(X, y).coef_)
            right[k] += np.array_equal(found, [0, 1, 2])
    assert right[0] >= max(right[1], 5)


def test_names_and_rounds(rng):
    X, y = problems.make_data(rng, 60, 5)
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = AdaptiveLasso(alpha=0.01, n_rounds=3).fit(frame, y)
    assert_array_equal(model.feature_names_in_, list("abcde"))
    assert_allclose(model.coef_, AdaptiveLasso(alpha=0.01, n_rounds=3).fit(X, y).coef_)


@pytest.mark.parametrize("kind", [AdaptiveLasso, AdaptiveLassoCV])
def test_what_is_refused(rng, kind):
    X, y = problems.make_data(rng, 30, 4)
    for settings, said in (
        ({"gamma": 0.0}, "gamma"),
        ({"weight_eps": -1.0}, "weight_eps"),
        ({"n_rounds": 0}, "n_rounds"),
        ({"weight_criterion": "cv"}, "criterion must be one of"),
    ):
        with pytest.raises(ValueError, match=said):
            kind(**settings).fit(X, y)
    with pytest.raises(TypeError, match="l1_weights"):
        kind(l1_weights=1.0)
