"""RidgeCV: leave-one-out errors against fits without the sample, and scikit-learn's API."""

import warnings

import numpy as np
import problems
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from oracles import problem_of
from sklearn import linear_model as theirs
from sklearn.base import clone
from sklearn.metrics import get_scorer, mean_absolute_error
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils.estimator_checks import check_estimator

from softreg_fast import Design, Ridge, RidgeCV
from softreg_fast.solvers.spectrum import ridge_spectrum

ALPHAS = (30.0, 2.0, 0.05)
LAYOUTS = {"tall": (25, 6, 1.0), "wide": (12, 20, 1.0), "sparse": (20, 15, 0.3)}
PENALTIES = {
    "all": lambda rng, p: np.ones(p),
    "weighted": lambda rng, p: rng.uniform(0.2, 3.0, p),
    "some free, some excluded": lambda rng, p: np.where(
        np.arange(p) < 2, 0.0, np.where(np.arange(p) == 3, np.inf, rng.uniform(0.2, 3.0, p))
    ),
}


@pytest.fixture(params=LAYOUTS)
def data(request, rng):
    n, p, density = LAYOUTS[request.param]
    X, y = problems.make_data(rng, n, p, density=density)
    return (sp.csc_array(X) if density < 1 else np.asfortranarray(X)), y


def dense(X):
    return X.toarray() if sp.issparse(X) else X


def left_out(X, y, weights, sample_weight, fit_intercept):
    """Predict every sample by models fitted without it, (n_samples, n_alphas)."""
    X, n = dense(X), len(y)
    s = np.ones(n) if sample_weight is None else sample_weight
    found = np.empty((n, len(ALPHAS)))
    for i in range(n):
        rest = np.arange(n) != i
        for k, alpha in enumerate(ALPHAS):
            model = Ridge(alpha, l2_weights=weights, fit_intercept=fit_intercept)
            found[i, k] = model.fit(X[rest], y[rest], s[rest]).predict(X[[i]])[0]
    return found


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_left_out_is_predicted_by_a_fit_without_it(
    rng, data, penalty, fit_intercept, weighted
):
    X, y = data
    weights = PENALTIES[penalty](rng, X.shape[1])
    s = rng.uniform(0.2, 2.0, len(y)) if weighted else None
    if weighted:
        s[3] = 0.0
    options = {"l2_weights": weights, "fit_intercept": fit_intercept}
    if fit_intercept:  # no unpenalised column may be nonzero in a single sample only
        X = X if not sp.issparse(X) else sp.csc_array(dense(X) + (np.arange(X.shape[1]) < 2))
    expected = left_out(X, y, weights, s, fit_intercept)
    scored = RidgeCV(ALPHAS, scoring="r2", store_cv_results=True, **options).fit(X, y, s)
    assert_allclose(scored.cv_results_, expected, rtol=1e-7, atol=1e-7 * np.std(y))
    model = RidgeCV(ALPHAS, store_cv_results=True, **options).fit(X, y, s)
    squares = (y[:, np.newaxis] - expected) ** 2 * (1.0 if s is None else s[:, np.newaxis])
    assert_allclose(model.cv_results_, squares, rtol=1e-6, atol=1e-9 * np.var(y))
    assert_allclose(model.scores_, -squares.mean(axis=0), rtol=1e-6)
    assert model.alpha_ == ALPHAS[np.argmin(squares.mean(axis=0))]
    assert model.best_score_ == model.scores_.max()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [{}, {"scoring": "neg_mean_absolute_error"}, {"cv": 4}])
@pytest.mark.parametrize("n_targets", [0, 3])
def test_as_scikit_learn(rng, data, weighted, options, n_targets):
    X, y = data
    if n_targets:
        y = np.column_stack([y, -2 * y + rng.standard_normal(len(y)), rng.standard_normal(len(y))])
    s = rng.uniform(0.2, 2.0, len(y)) if weighted else None
    if weighted and "cv" in options and sklearn.__version__ < "1.9":
        pytest.skip("older versions score without weights")
    expected = theirs.RidgeCV(ALPHAS, **options).fit(dense(X).copy(), y.copy(), s)
    model = RidgeCV(ALPHAS, **options).fit(X, y, s)
    assert model.alpha_ == expected.alpha_
    assert model.best_score_ == pytest.approx(expected.best_score_, rel=1e-7)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-7, atol=1e-9)
    assert_allclose(model.intercept_, expected.intercept_, rtol=1e-7, atol=1e-9)


def test_an_alpha_per_target(rng, data):
    X, y = data
    Y = np.column_stack([y, rng.standard_normal(len(y))])
    options = {"alpha_per_target": True, "store_cv_results": True}
    expected = theirs.RidgeCV(ALPHAS, **options).fit(dense(X).copy(), Y.copy())
    model = RidgeCV(ALPHAS, **options).fit(X, Y)
    assert_array_equal(model.alpha_, expected.alpha_)
    assert_allclose(model.best_score_, expected.best_score_, rtol=1e-7)
    assert_allclose(model.cv_results_, expected.cv_results_, rtol=1e-6, atol=1e-12)
    for k in range(2):  # each target as if fitted alone
        alone = RidgeCV(ALPHAS).fit(X, Y[:, k])
        assert alone.alpha_ == model.alpha_[k]
        assert_allclose(alone.coef_, model.coef_[k], rtol=1e-9, atol=1e-12)
    folded = RidgeCV(ALPHAS, alpha_per_target=True, cv=3).fit(X, Y)
    assert folded.scores_.shape == (2, 3)


def test_the_fit_is_certified(rng, data):
    X, y = data
    weights = rng.uniform(0.2, 3.0, X.shape[1])
    model = RidgeCV(ALPHAS, l2_weights=weights).fit(X, y)
    n = len(y)
    problem = problem_of(X, y, l1=0.0, l2=model.alpha_ * weights / n)
    gap = problem.certificate(model.coef_, model.intercept_).gap
    assert gap <= 1e-11 * problem.null_loss
    assert model.dual_gap_ <= 1e-10 * 2 * problem.null_loss


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_folds_share_one_matrix(rng, fit_intercept):
    X, y = problems.make_data(rng, 40, 5, offset=1e3)  # the Gram matrices of folds from one pass
    splitter = KFold(4, shuffle=True, random_state=1)
    model = RidgeCV(ALPHAS, cv=splitter, fit_intercept=fit_intercept).fit(X, y)
    expected = [
        [
            Ridge(alpha, fit_intercept=fit_intercept).fit(X[a], y[a]).score(X[b], y[b])
            for alpha in ALPHAS
        ]
        for a, b in splitter.split(X)
    ]
    assert_allclose(model.scores_, np.mean(expected, axis=0), rtol=1e-8)
    unpenalised = RidgeCV([0.0], cv=3).fit(X, y)
    assert_allclose(unpenalised.coef_, theirs.LinearRegression().fit(X, y).coef_, rtol=1e-6)


def test_weights_are_repetitions(rng, data):
    X, y = data
    times = rng.integers(1, 4, len(y))
    again = np.repeat(np.arange(len(y)), times)
    spectra = []
    for rows, weight in ((np.arange(len(y)), times), (again, None)):
        design = Design(dense(X)[rows], y[rows], weight)
        spectrum = ridge_spectrum(design, np.ones(X.shape[1]))
        spectra.append(spectrum.coef(design, 0.7))
    assert_allclose(*spectra, rtol=1e-8, atol=1e-10)


def test_one_standard_error(rng):
    X, y = problems.make_data(rng, 60, 5, noise=2.0)
    alphas = np.geomspace(1e3, 1e-3, 30)
    for options in ({}, {"cv": 5}):
        best = RidgeCV(alphas, **options).fit(X, y)
        shy = RidgeCV(alphas, rule="1se", **options).fit(X, y)
        assert shy.alpha_ >= best.alpha_
        assert_array_equal(shy.scores_, best.scores_)
    losses = RidgeCV(alphas, store_cv_results=True).fit(X, y).cv_results_
    mean, spread = losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(60)
    k = np.argmin(mean)
    expected = alphas[mean <= mean[k] + spread[k]].max()
    assert RidgeCV(alphas, rule="1se").fit(X, y).alpha_ == expected


def test_a_scorer_that_is_no_function_of_predictions(rng):
    X, y = problems.make_data(rng, 30, 4)

    def scorer(model, rows, true):
        assert rows.shape[1] == 4
        return -mean_absolute_error(true, model.predict(rows))

    named = RidgeCV(ALPHAS, scoring=get_scorer("neg_mean_absolute_error"), cv=3).fit(X, y)
    assert_allclose(RidgeCV(ALPHAS, scoring=scorer, cv=3).fit(X, y).scores_, named.scores_)


def test_metadata_routing(rng):
    X, y = problems.make_data(rng, 40, 6)
    groups = rng.integers(0, 8, 40)
    expected = RidgeCV(cv=list(GroupKFold(3).split(X, y, groups))).fit(X, y)
    plain = RidgeCV(cv=GroupKFold(3)).fit(X, y, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        splitter = GroupKFold(3).set_split_request(groups=True)
        routed = RidgeCV(cv=splitter).fit(X, y, groups=groups)
    assert_array_equal(plain.scores_, expected.scores_)
    assert_array_equal(routed.scores_, expected.scores_)


BAD = {
    "alpha 0": ({"alphas": [1.0, 0.0]}, ValueError, r"alphas\[1\] == 0.0, must be > 0.0"),
    "no alphas": ({"alphas": []}, ValueError, "alphas must be a vector of at least one number"),
    "words": ({"alphas": ["a"]}, TypeError, r"alphas\[0\] must be an instance of float, not str"),
    "a rule": ({"rule": "max"}, ValueError, "rule must be one of min, 1se"),
    "a mode": ({"gcv_mode": "qr"}, ValueError, "gcv_mode must be"),
    "both": ({"cv": 3, "store_cv_results": True}, ValueError, "incompatible"),
    "no error of one": ({"rule": "1se", "scoring": "r2"}, ValueError, "rule='1se' needs several"),
    "negative": ({"l2_weights": [-1.0, 1.0, 1.0]}, ValueError, r"l2_weights\[0\] is -1"),
    "no folds": ({"cv": 11}, ValueError, "Cannot have number of splits"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(rng, case):
    X, y = problems.make_data(rng, 10, 3)
    options, error, message = BAD[case]
    with pytest.raises(error, match=message):
        RidgeCV(**options).fit(X, y)


def test_a_sample_that_alone_decides(rng):
    X, y = problems.make_data(rng, 10, 3)
    X[:, 0] = np.arange(10) == 4
    with pytest.raises(ValueError, match="Sample 4 alone determines"):
        RidgeCV(l2_weights=[0, 1, 1]).fit(X, y)
    RidgeCV().fit(X, y)
    with pytest.raises(ValueError, match="n_samples=1; at least 2"):
        RidgeCV().fit(X[:1], y[:1])


def test_degenerate_columns(rng):
    X = problems.degenerate(problems.make_data(rng, 20, 8)[0])
    y = rng.standard_normal(20)
    expected = theirs.RidgeCV(ALPHAS).fit(X.copy(), y)
    model = RidgeCV(ALPHAS).fit(X, y)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-6, atol=1e-9)
    constant = RidgeCV(ALPHAS).fit(X, np.full(20, 2.0))
    assert not constant.coef_.any()
    assert constant.intercept_ == pytest.approx(2.0)


def test_standardised_columns(rng):
    X, y = problems.make_data(rng, 30, 5)
    scale = X.std(axis=0)
    plain = RidgeCV(ALPHAS).fit(X / scale, y)
    model = RidgeCV(ALPHAS, standardize=True).fit(X, y)
    assert model.alpha_ == plain.alpha_
    assert_allclose(model.coef_ * scale, plain.coef_, rtol=1e-8)
    assert_allclose(model.scores_, plain.scores_, rtol=1e-8)


@pytest.mark.parametrize("options", [{}, {"cv": 3}])
def test_check_estimator(options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(RidgeCV(**options))


def test_clone_keeps_every_parameter():
    model = RidgeCV([1.0], rule="1se", l2_weights=[1.0, 2.0], standardize=True, n_threads=1)
    assert clone(model).get_params() == model.get_params()
