"""LogisticRegressionCV: scikit-learn's scores, choices and shapes; the deviance; messages."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn import linear_model
from sklearn.metrics import log_loss

from softreg_fast import LogisticRegressionCV


@pytest.fixture
def data(rng):
    X = rng.standard_normal((90, 5))
    labels = np.where(X[:, 0] - X[:, 1] + rng.standard_normal(90) > 0.3, "yes", "no")
    return X, labels, rng.uniform(0.5, 2.0, 90)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scoring": "roc_auc"},
        {"scoring": "neg_log_loss", "class_weight": "balanced"},
        {"refit": False},
        {"l1_ratios": [0.0], "use_legacy_attributes": False},
    ],
)
def test_choices_of_scikit_learn(options, data):
    new = options.get("class_weight") == "balanced" or "use_legacy_attributes" in options
    if new and sklearn.__version__ < "1.8":
        pytest.skip("balanced weights and the new attributes are those of scikit-learn 1.8")
    X, labels, weight = data
    options = {"Cs": [1.0, 0.01, 0.1], "cv": 3, **options}
    ours = LogisticRegressionCV(tol=1e-7, **options).fit(X, labels, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = linear_model.LogisticRegressionCV(tol=1e-10, max_iter=10_000, **options)
        theirs.fit(X, labels, weight)
    assert_allclose(ours.C_, theirs.C_)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-6)
    for name in ("scores_", "coefs_paths_"):
        mine, yours = (getattr(model, name) for model in (ours, theirs))
        if isinstance(yours, dict):
            assert list(mine) == list(yours)
            mine, yours = mine["yes"], yours["yes"]
        assert_allclose(mine, yours, rtol=1e-4, atol=1e-6)
    assert ours.n_iter_.shape == theirs.n_iter_.shape


def test_deviance_and_the_rule_of_one_standard_error(data):
    X, labels, _ = data
    options = {"scoring": "deviance", "l1_ratios": [0.5, 1.0], "cv": 4}
    best = LogisticRegressionCV(**options).fit(X, labels)
    assert best.score(X, labels) == pytest.approx(-2.0 * log_loss(labels, best.predict_proba(X)))
    scores = best.scores_["yes"]
    mean, ratio = scores.mean(axis=0), best.l1_ratios_.tolist().index(best.l1_ratio_[0])
    k = best.Cs_.tolist().index(best.C_[0])
    assert mean[k, ratio] == mean.max()
    simple = LogisticRegressionCV(rule="1se", **options).fit(X, labels)
    enough = mean[k, ratio] - scores[:, k, ratio].std(ddof=1) / 2.0
    assert simple.C_[0] == best.Cs_[mean[:, ratio] >= enough].min()


def test_messages(data):
    X, labels, _ = data
    with pytest.raises(ValueError, match="training samples of fold 0 hold no sample of class"):
        LogisticRegressionCV(cv=[(np.flatnonzero(labels == "no"), [0])]).fit(X, labels)
    with pytest.raises(ValueError, match="rule must be one of"):
        LogisticRegressionCV(rule="max").fit(X, labels)
    with pytest.raises(ValueError, match="C must be a finite number > 0"):
        LogisticRegressionCV(Cs=[-1.0]).fit(X, labels)
    model = LogisticRegressionCV(Cs=2).fit(X, labels)
    with pytest.raises(ValueError, match="which the model has not seen"):
        model.score(X[:1], ["maybe"])
