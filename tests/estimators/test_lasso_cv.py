"""LassoCV and ElasticNetCV: targets, grids, limits, metadata routing."""

import warnings

import numpy as np
import pandas as pd
import problems
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GroupKFold
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import CVPath, ElasticNetCV, LassoCV, MultiTaskLassoCV, cv_path

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def test_metadata_routing(rng):
    X, y = problems.make_data(rng, 40, 6)
    groups = rng.integers(0, 8, 40)
    expected = LassoCV(alphas=5, cv=list(GroupKFold(3).split(X, y, groups))).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        splitter = GroupKFold(3).set_split_request(groups=True)
        model = LassoCV(alphas=5, cv=splitter).fit(X, y, groups=groups)
    assert_array_equal(model.mse_path_, expected.mse_path_)


def test_every_target_has_its_own_alpha(rng):
    X, y = problems.make_data(rng, 40, 6)
    Y = np.column_stack([y, rng.standard_normal(40), y[::-1]])
    model = ElasticNetCV(l1_ratio=[0.5, 1.0], alphas=8, alpha_per_target=True).fit(X, Y)
    assert model.coef_.shape == (3, 6)
    for k in range(3):
        one = ElasticNetCV(l1_ratio=[0.5, 1.0], alphas=8).fit(X, Y[:, k])
        assert model.alpha_[k] == one.alpha_
        assert model.l1_ratio_[k] == one.l1_ratio_
        assert_array_equal(model.coef_[k], one.coef_)
        assert_array_equal(model.mse_path_[k], one.mse_path_)
    with pytest.raises(ValueError, match="For multi-task outputs, use MultiTaskElasticNetCV"):
        ElasticNetCV().fit(X, Y)
    with pytest.warns(DataConversionWarning):
        ElasticNetCV(alphas=3).fit(X, Y[:, :1])


def test_frames_and_clones(rng):
    X, y = problems.make_data(rng, 40, 6)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = clone(LassoCV(alphas=7, rule="1se", l1_weights=np.arange(1.0, 7.0))).fit(frame, y)
    assert list(model.feature_names_in_) == list("abcdef")
    assert list(model.cv_path_.path.feature_names) == list("abcdef")
    assert isinstance(model.cv_path_, CVPath)
    assert model.coef_path_.shape == (6, 7)
    assert_array_equal(model.coef_path_[:, [model.cv_path_.index]].toarray()[:, 0], model.coef_)
    assert model.alpha_ == model.cv_path_.alpha


def test_zero_ratio_wants_alphas(rng):
    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(ValueError, match="not supported for l1_ratio=0"):
        ElasticNetCV(l1_ratio=0.0).fit(X, y)
    model = ElasticNetCV(l1_ratio=[0.0, 0.5], alphas=[1.0, 0.1, 0.01]).fit(X, y)
    assert model.alphas_.shape == (3,)


def test_numbers_of_alphas(rng):
    X, y = problems.make_data(rng, 30, 4)
    for number in ({"n_alphas": 7}, {"n_alphas": 7, "alphas": None}, {"alphas": 7}):
        model = ElasticNetCV(l1_ratio=[0.5, 1.0], cv=3, **number).fit(X, y)
        assert model.alphas_.shape == (2, 7)
        assert LassoCV(cv=3, **number).fit(X, y).alphas_.shape == (7,)
        with pytest.raises(ValueError, match="not supported for l1_ratio=0"):
            ElasticNetCV(l1_ratio=0.0, **number).fit(X, y)
    assert LassoCV(alphas=None, cv=3).fit(X, y).alphas_.shape == (100,)
    assert_array_equal(LassoCV(alphas=[0.1, 1.0], n_alphas=9, cv=3).fit(X, y).alphas_, [1.0, 0.1])


@pytest.mark.parametrize("model", [LassoCV(alphas=10, cv=3), ElasticNetCV(alphas=10, cv=3)])
def test_check_estimator(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(model)


@pytest.mark.parametrize("make", [LassoCV, ElasticNetCV])
def test_estimators_take_folds_or_a_criterion(rng, make):
    X, y = problems.make_data(rng, 40, 3)
    assert make(criterion="bic").fit(X, y).alpha_ > 0
    with pytest.raises(ValueError, match="cv=3 has no effect beside criterion='bic'"):
        make(criterion="bic", cv=3).fit(X, y)


@pytest.mark.parametrize(
    ("option", "pattern"),
    [
        ({"max_iter": 0}, "max_iter must be an integer >= 1, got 0"),
        ({"max_iter": 2.5}, "max_iter must be an integer >= 1, got 2.5"),
        ({"tol": -1.0}, "tol must be a finite number >= 0, got -1.0"),
        ({"tol": "a"}, "tol must be a real number, got 'a'"),
    ],
)
def test_limits_that_mean_nothing(rng, option, pattern):
    X, y = problems.make_data(rng, 30, 3)
    Y = np.c_[y, -y]
    for fit in (
        lambda: LassoCV(**option).fit(X, y),
        lambda: ElasticNetCV(**option).fit(X, y),
        lambda: LassoCV(**option, alpha_per_target=True).fit(X, Y),
        lambda: MultiTaskLassoCV(**option).fit(X, Y),
        lambda: cv_path(X, y, **option),
    ):
        with pytest.raises((ValueError, TypeError), match=pattern):
            fit()
