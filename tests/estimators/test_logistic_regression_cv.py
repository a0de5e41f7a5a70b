"""LogisticRegressionCV: scikit-learn's scores, choices and shapes; the deviance; messages."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model
from sklearn.metrics import get_scorer, log_loss

from softreg_fast import LogisticRegression, LogisticRegressionCV
from softreg_fast.estimators.logistic_search import MEASURES, measured


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


@pytest.mark.parametrize("name", sorted({*MEASURES} - {"deviance"}))
@pytest.mark.parametrize("unit", [1.0, 1e3])
def test_scores_without_a_scorer_are_those_of_scikit_learn(name, unit, data):
    """At unit 1,000 probabilities are 0 and 1, which log_loss replaces."""
    X, labels, weight = data
    codes = (labels == "yes").astype(int)  # neg_brier_score takes no strings
    model = LogisticRegression().fit(X, codes)
    model.coef_ *= unit
    for given in (None, weight):
        eta = model.decision_function(X)[:, np.newaxis]
        found = measured(name, model.loss_, codes, np.c_[eta, -eta], given)
        for sign, score in zip((1.0, -1.0), found, strict=True):
            model.coef_, model.intercept_ = sign * model.coef_, sign * model.intercept_
            known = get_scorer(name)(model, X, codes, sample_weight=given)
            assert score == pytest.approx(known, rel=1e-9)
        model.coef_, model.intercept_ = -model.coef_, -model.intercept_


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_a_refit_is_a_fit_with_the_choice(l1_ratio, data):
    X, labels, weight = data
    search = LogisticRegressionCV(l1_ratios=[l1_ratio]).fit(X, labels, weight)
    model = LogisticRegression(C=search.C_[0], l1_ratio=l1_ratio).fit(X, labels, weight)
    for name in ("coef_", "intercept_", "dual_gap_"):
        assert_array_equal(getattr(search, name), getattr(model, name))


@pytest.mark.parametrize("refit", [True, False])
def test_of_equal_scores_the_first_wins(refit, data):
    X, labels, _ = data
    options = {"Cs": [0.3, 0.1, 1.0], "l1_ratios": [0.5, 0.0]}
    model = LogisticRegressionCV(scoring=lambda *_: 1.0, refit=refit, **options).fit(X, labels)
    assert (model.C_[0], model.l1_ratio_[0]) == (pytest.approx(0.3), 0.5)


def test_former_words_for_the_penalty(data):
    X, labels, _ = data
    lasso = LogisticRegressionCV(Cs=3, l1_ratios=[1.0]).fit(X, labels)
    assert_array_equal(lasso.coef_, LogisticRegressionCV(Cs=3, penalty="l1").fit(X, labels).coef_)
    with pytest.warns(UserWarning, match="l1_ratios parameter is only used"):
        LogisticRegressionCV(Cs=3, penalty="l1", l1_ratios=[0.5]).fit(X, labels)
    with pytest.raises(ValueError, match="l1_ratios must be specified"):
        LogisticRegressionCV(penalty="elasticnet").fit(X, labels)
    with pytest.raises(ValueError, match="penalty=None leaves nothing to choose"):
        LogisticRegressionCV(penalty=None).fit(X, labels)


@pytest.mark.skipif(sklearn.__version__ < "1.5", reason="has no routing of scores")
def test_weights_of_scores_are_routed(data):
    X, labels, weight = data
    search = LogisticRegressionCV(Cs=3, scoring="accuracy").fit(X, labels)
    weighted = search.score(X, labels, sample_weight=weight)
    assert weighted == pytest.approx(np.average(search.predict(X) == labels, weights=weight))
    with pytest.raises(ValueError, match="score is only supported if"):
        search.score(X, labels, groups=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        routed = LogisticRegressionCV(Cs=3, scoring=scorer).fit(X, labels)
        assert routed.score(X, labels, sample_weight=weight) == pytest.approx(weighted)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        with pytest.raises(TypeError, match="not routed to any object"):
            search.set_params(scoring=scorer).score(X, labels, sample_weight=weight)


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
