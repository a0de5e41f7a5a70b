"""Slope and SlopeCV: scikit-learn's contract, clusters, and the functions they stand for."""

import numpy as np
import pandas as pd
import problems
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import Slope, SlopeCV, cv_path, solve
from softreg_fast.penalties import SLOPE

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator", [Slope(alpha=0.1), SlopeCV(alphas=5)], ids=repr)
def test_the_contract(estimator):
    check_estimator(estimator)


def test_a_fit_is_that_of_solve(rng):
    X, y = problems.make_data(rng, 40, 12)
    weights = np.linspace(2.0, 1.0, 12)
    s = rng.random(40)
    model = Slope(alpha=0.2, rank_weights=weights, standardize=True).fit(X, y, sample_weight=s)
    fit = solve(X, y, alpha=0.2, penalty=SLOPE(weights=weights), standardize=True, sample_weight=s)
    assert_allclose(model.coef_, fit.coef, atol=1e-14)
    assert model.intercept_ == pytest.approx(fit.intercept)
    assert model.dual_gap_ <= 1e-12
    for mine, theirs in zip(model.clusters_, fit.clusters(), strict=True):
        assert_array_equal(mine, theirs)
    assert_allclose(model.predict(X), fit.predict(X))
    again = clone(model).set_params(warm_start=True).fit(X, y, s).fit(X, y, s)
    assert_allclose(again.coef_, model.coef_, atol=1e-12)


def test_several_targets_and_names(rng):
    X, y = problems.make_data(rng, 40, 6)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    both = Slope(alpha=0.1, q=0.5).fit(frame, np.column_stack([y, -2.0 * y]))
    one = Slope(alpha=0.1, q=0.5).fit(frame, y)
    assert_array_equal(both.coef_[0], one.coef_)
    assert len(both.clusters_) == 2
    assert set(np.concatenate(one.clusters_)) == set(np.array(list("abcdef"))[one.coef_ != 0.0])
    with pytest.raises(ValueError, match="q must be a number > 0 and < 1"):
        Slope(q=2.0).fit(X, y)
    with pytest.raises(ValueError, match="alpha is 0, at which SLOPE penalises nothing"):
        Slope(alpha=0.0).fit(X, y)


def test_the_search_is_that_of_cv_path(rng):
    X, y = problems.make_data(rng, 60, 10)
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    model = SlopeCV(q=0.3, alphas=12, eps=0.01, cv=folds, rule="1se").fit(X, y)
    found = cv_path(X, y, penalty=SLOPE(q=0.3), n_alphas=12, eps=0.01, cv=folds, rule="1se")
    assert model.alpha_ == pytest.approx(found.alpha)
    assert_allclose(model.mse_path_, found.errors[0])
    fit = found.path[found.index]
    assert_allclose(model.coef_, fit.coef, atol=1e-12)
    assert len(model.clusters_) == len(fit.clusters())
    assert not hasattr(model, "l1_ratio_")
    assert_allclose(SlopeCV(alphas=12, scoring="r2", standardize=True).fit(X, y).score(X, y), 1, 1)
    with pytest.raises(ValueError, match="weights of SLOPE has 2 entries; expected 10"):
        SlopeCV(rank_weights=[2.0, 1.0]).fit(X, y)
