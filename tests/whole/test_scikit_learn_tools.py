"""Every estimator with scikit-learn's tools, data frames and processes.

Estimators are discovered: every one that `softreg_fast` makes public is tested.
"""

import copy
import inspect
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import AdaBoostRegressor, BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import RANSACRegressor
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

import softreg_fast
from softreg_fast.estimators.drop_in import OURS
from softreg_fast.estimators.drop_in import THEIRS as IN_SCIKIT_LEARN

PUBLIC = {name: getattr(softreg_fast, name) for name in softreg_fast.__all__}
ESTIMATORS = {
    name: value
    for name, value in PUBLIC.items()
    if inspect.isclass(value)
    and issubclass(value, BaseEstimator)
    and not name.startswith("Cox")  # their targets are times and events: test_cox_regression.py
}
TARGETS = {name: get_tags(cls()).target_tags for name, cls in ESTIMATORS.items()}
REGRESSORS = [name for name, cls in ESTIMATORS.items() if is_regressor(cls())]
CLASSIFIERS = [name for name, cls in ESTIMATORS.items() if is_classifier(cls())]
SINGLE = [name for name in REGRESSORS if TARGETS[name].single_output]
THEIRS = [name for name in ESTIMATORS if name in OURS]

SMALL = {
    # the checks compare coefficients to seven digits
    "LogisticRegression": {"tol": 1e-7},
    "LogisticRegressionCV": {"tol": 1e-7, "Cs": 3, "cv": 3},
    **{f"{kind}RegressionCV": {"alphas": 5, "cv": 3} for kind in ("MCP", "SCAD", "Penalized")},
    **{
        f"{kind}CV": {"alphas": 10, "cv": 3} for kind in ("GroupLasso", "SparseGroupLasso", "Slope")
    },
    "QuantileRegressor": {"alpha": 0.05},
    "QuantileRegressorCV": {"alphas": 2, "cv": 2},
    "StabilitySelector": {"n_subsamples": 10, "alphas": 10, "max_selected": 3, "random_state": 0},
}

# The output of a model is that of the first which it has.
METHODS = ("decision_function", "predict", "transform")

NAMES = list("abcdefgh")
SIGNAL = np.array([3.0, 0.0, -2.0, 0.0, 1.5, 0.0, 0.0, 1.0])

each = pytest.mark.parametrize("name", ESTIMATORS)
each_regressor = pytest.mark.parametrize("name", REGRESSORS)
each_single = pytest.mark.parametrize("name", SINGLE)


def make(name, **params):
    """Return an estimator that is fast and keeps some features."""
    model = ESTIMATORS[name](**SMALL.get(name, {}), **params)
    if name.endswith("CV") and hasattr(model, "alphas") and hasattr(model, "n_jobs"):
        model.set_params(alphas=10, cv=3)
    elif (
        name in REGRESSORS
        and "alpha" in model.get_params()
        and "alpha"
        not in {
            **params,
            **SMALL.get(name, {}),
        }
    ):
        model.set_params(alpha=0.2)
    return model


@pytest.fixture
def data(rng):
    X = rng.standard_normal((90, 8))
    return X, X @ SIGNAL + 0.3 * rng.standard_normal(90) + 1.0


def target(name, y):
    """Return y in the form that the estimator takes."""
    if name in CLASSIFIERS:
        return np.where(y > 1.0, "yes", "no")
    if TARGETS[name].positive_only:
        return np.exp(0.3 * y)
    return y if name not in REGRESSORS or name in SINGLE else np.c_[y, -y]


def answer(model, X):
    """Return the output of a fitted model on X."""
    name = next(each for each in METHODS if hasattr(model, each))
    found = getattr(model, name)(X)
    return found.toarray() if sp.issparse(found) else np.asarray(found)


def takes_weights(estimator):
    return "sample_weight" in inspect.signature(estimator.fit).parameters


# --- scikit-learn's checks --------------------------------------------------------------------


def test_every_estimator_is_tested():
    assert len(ESTIMATORS) == 37


DATA = ("dense", "sparse")


@each
def test_check_estimator(name):
    with warnings.catch_warnings():
        # selectors select nothing in noise; array API checks are skipped; all else is an error
        warnings.filterwarnings("ignore", "No features were selected", UserWarning)
        warnings.filterwarnings("ignore", category=sklearn.exceptions.SkipTestWarning)
        known = {}
        if sklearn.__version__ < "1.7" and is_classifier(ESTIMATORS[name]()):
            # the check makes two classes of y after it has shuffled y, and names them differently
            known = {f"check_sample_weight_equivalence_on_{kind}_data": "" for kind in DATA}
        check_estimator(ESTIMATORS[name](**SMALL.get(name, {})), expected_failed_checks=known)


@pytest.mark.parametrize("name", THEIRS)
def test_tags_of_scikit_learn(name):
    ours, theirs = get_tags(ESTIMATORS[name]()), get_tags(IN_SCIKIT_LEARN[name]())
    theirs.array_api_support = False
    theirs.input_tags.sparse = True  # ours take sparse X where theirs did not, before 1.9
    assert ours == theirs


def positional_of(method):
    found = inspect.signature(method).parameters
    return [name for name, value in found.items() if value.kind is value.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", THEIRS)
def test_interface_of_scikit_learn(name):
    ours, theirs = ESTIMATORS[name], IN_SCIKIT_LEARN[name]
    public = {key for key in dir(theirs) if not key.startswith("_")}
    public -= {"cv_values_", "param"}  # removed in 1.7; left over from a loop in the class
    assert public - set(dir(ours)) == set()
    for method in ("fit", "predict", "score"):
        names = positional_of(getattr(theirs, method))
        assert positional_of(getattr(ours, method))[: len(names)] == names


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_targets", [None, 1, 2])
@pytest.mark.parametrize("name", THEIRS)
def test_what_is_learned_has_the_shapes_of_scikit_learn(name, n_targets, fit_intercept, data):
    X, y = data
    tags = get_tags(ESTIMATORS[name]()).target_tags
    if (n_targets is None and not tags.single_output) or (n_targets == 2 and not tags.multi_output):
        pytest.skip("not for so many targets")
    y = y if name not in SINGLE + CLASSIFIERS else target(name, y)
    if n_targets is not None:
        y = np.tile(y[:, None], n_targets)
    X = X.astype(np.float32)
    learned = []
    for cls in (ESTIMATORS[name], IN_SCIKIT_LEARN[name]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of y that is a column; of n_alphas before 1.9
            model = cls(fit_intercept=fit_intercept).fit(X, y)
        learned.append({key: value for key, value in vars(model).items() if key.endswith("_")})
    ours, theirs = learned
    assert set(theirs) - set(ours) == set()
    for key, value in theirs.items():
        if isinstance(value, str) or value is None:
            continue
        assert np.shape(ours[key]) == np.shape(value), key
    assert ours["coef_"].dtype == np.float32  # as theirs, but for RidgeCV before 1.9
    always = fit_intercept or name.startswith("LogisticRegression")
    assert np.asarray(ours["intercept_"]).dtype == (np.float32 if always else np.float64)


# --- frames and lists -------------------------------------------------------------------------

FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "nullable": lambda X: pd.DataFrame(X, columns=NAMES).convert_dtypes(),
    "sparse columns": lambda X: pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(X), columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
}


def skip_if_too_new(frame):
    """Skip if this scikit-learn does not support frames of this kind."""
    if not hasattr(StandardScaler(with_mean=False).fit(frame), "feature_names_in_"):
        pytest.skip("scikit-learn sees no names in it")


@pytest.mark.parametrize("kind", FRAMES)
@each
def test_frames(name, kind, data):
    X, y = data
    y = target(name, y)
    plain = make(name).fit(X, y)
    assert not hasattr(plain, "feature_names_in_")
    frame = FRAMES[kind](X)
    skip_if_too_new(frame)
    model = make(name).fit(frame, y)
    assert model.feature_names_in_.tolist() == NAMES
    assert_allclose(answer(model, frame), answer(plain, X), rtol=1e-9, atol=1e-12)
    other = frame.rename(columns={"a": "z"}) if kind != "polars" else frame.rename({"a": "z"})
    with pytest.raises(ValueError, match="feature names should match"):
        answer(model, other)
    with pytest.raises(ValueError, match="feature names should match"):
        answer(model, frame[NAMES[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        answer(model, X)
    with pytest.warns(UserWarning, match="X has feature names"):
        answer(plain, frame)
    assert not hasattr(model.fit(X, y), "feature_names_in_")


@each
def test_lists_and_series(name, data):
    X, y = data
    y = target(name, y)
    expected = answer(make(name).fit(X, y), X)
    ones = np.ones(len(y))
    frame = pd.DataFrame(X, columns=NAMES)
    series = pd.Series if y.ndim == 1 else pd.DataFrame
    for kind, (given, wanted, weight) in {
        "lists": (X.tolist(), y.tolist(), ones.tolist()),
        "series": (frame, series(y, index=range(7, 97)), pd.Series(ones, index=range(5, 95))),
        "polars": (pl.DataFrame(X, schema=NAMES), pl.from_numpy(y), pl.Series(ones)),
    }.items():
        if kind == "polars" and y.ndim == 1:
            wanted = pl.Series(y)
        weights = {"sample_weight": weight} if takes_weights(ESTIMATORS[name]) else {}
        model = make(name).fit(given, wanted, **weights)
        assert_allclose(answer(model, given), expected, rtol=1e-9, atol=1e-12, err_msg=kind)


@each
def test_tables_of_arrow(name, data):
    arrow = pytest.importorskip("pyarrow", exc_type=ImportError)  # may need a newer NumPy
    X, y = data
    table = arrow.table(dict(zip(NAMES, X.T, strict=True)))
    model, plain = (make(name).fit(given, target(name, y)) for given in (table, X))
    assert_allclose(answer(model, table), answer(plain, X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_set_output(kind, data):
    X, y = data
    frame = FRAMES[kind](X)
    skip_if_too_new(frame)
    selector = make("StabilitySelector").set_output(transform=kind)
    kept = selector.fit_transform(frame, y)
    assert type(kept) is type(frame)
    assert list(kept.columns) == selector.get_feature_names_out().tolist() != []
    pipeline = make_pipeline(StandardScaler(), make("StabilitySelector"), make("Lasso"))
    pipeline.set_output(transform=kind).fit(frame, y)
    assert pipeline[-1].feature_names_in_.tolist() == list(kept.columns)


# --- copies -----------------------------------------------------------------------------------


@each
def test_copies(name, data, tmp_path):
    X, y = data
    model = make(name).fit(FRAMES["pandas"](X), target(name, y))
    joblib.dump(model, tmp_path / "model")
    copies = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        joblib.load(tmp_path / "model"),
        joblib.load(tmp_path / "model", mmap_mode="r"),
    ]
    X = FRAMES["pandas"](X)
    for same in copies:
        assert_array_equal(answer(same, X), answer(model, X))
        same.fit(X, target(name, y))  # it does not affect another fit
    unfitted = clone(model)
    assert not [key for key in vars(unfitted) if key.endswith("_")]
    assert unfitted.get_params() == model.get_params()


@each
def test_shown_in_notebooks(name, data):
    X, y = data
    model = make(name)
    for shown in (model, make_pipeline(StandardScaler(), model), model.fit(X, target(name, y))):
        page = shown._repr_html_()
        assert name in page
        assert "scikit-learn.org/stable/modules/generated/softreg" not in page
    assert repr(model).startswith(name)


# --- searches, folds, processes ---------------------------------------------------------------


def choices(name):
    """Return a grid of one parameter."""
    model = make(name)
    return {"alpha": [0.01, 1.0]} if "alpha" in model.get_params() else {"fit_intercept": [True]}


@pytest.mark.parametrize("backend", ["loky", "threading"])
@each_regressor
def test_folds_side_by_side(name, backend, data):
    X, y = data
    y = target(name, y)
    options = {"cv": 3, "return_estimator": True, "return_train_score": True}
    alone = cross_validate(make(name), X, y, **options)
    with joblib.parallel_config(backend=backend):
        both = cross_validate(make(name), X, y, n_jobs=2, **options)
        search = GridSearchCV(make(name), choices(name), cv=3, n_jobs=2).fit(X, y)
    for key in ("test_score", "train_score"):
        assert_allclose(both[key], alone[key], rtol=1e-9)
    for ours, theirs in zip(both["estimator"], alone["estimator"], strict=True):
        assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-12)
    assert search.best_score_ > 0.5


@each_regressor
def test_searches_in_pipelines(name, data):
    X, y = data
    frame, y = FRAMES["pandas"](X), target(name, y)
    grid = {f"{name.lower()}__{key}": value for key, value in choices(name).items()}
    scaled = make_column_transformer((StandardScaler(), NAMES[:4]), remainder="passthrough")
    pipeline = make_pipeline(scaled, make(name))
    for search in (
        GridSearchCV(pipeline, grid, cv=3),
        HalvingGridSearchCV(pipeline, grid, cv=3, min_resources=30, random_state=0),
    ):
        assert search.fit(frame, y).score(frame, y) > 0.5
    assert cross_val_predict(pipeline, frame, y, cv=3).shape == y.shape
    assert learning_curve(pipeline, frame, y, cv=3)[2].shape == (5, 3)


# --- estimators of estimators -----------------------------------------------------------------

AROUND = {
    "transformed target": lambda model: TransformedTargetRegressor(
        model, func=lambda z: 2.0 * z, inverse_func=lambda z: z / 2.0
    ),
    "voting": lambda model: VotingRegressor([("one", model), ("two", clone(model))]),
    # a log link is no model of predictions that are means already
    "stacking": lambda model: StackingRegressor(
        [("one", model)], None if get_tags(model).target_tags.positive_only else clone(model)
    ),
    "bagging": lambda model: BaggingRegressor(model, n_estimators=4, random_state=0),
    "bagging, 2 jobs": lambda model: BaggingRegressor(model, n_estimators=4, n_jobs=2),
    "boosting": lambda model: AdaBoostRegressor(model, n_estimators=3, random_state=0),
    "consensus": lambda model: RANSACRegressor(model, min_samples=40, random_state=0),
}
AROUND_TARGETS = {"several": MultiOutputRegressor, "chain": RegressorChain}
SELECTORS = {
    "from model": SelectFromModel,
    "recursive": lambda model: RFE(model, n_features_to_select=4),
    "recursive, folds": lambda model: RFECV(model, cv=3),
    "sequential": lambda model: SequentialFeatureSelector(model, n_features_to_select=4, cv=3),
}


@pytest.mark.parametrize("kind", AROUND)
@each_single
def test_regressors_around(name, kind, data):
    X, y = data
    y = target(name, y)
    frame = FRAMES["pandas"](X)
    model = AROUND[kind](make(name)).fit(frame, y)
    assert model.score(frame, y) > 0.5
    if takes_weights(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # stacking, on passing it by position
            assert model.fit(frame, y, sample_weight=np.ones(len(y))).score(frame, y) > 0.5


@pytest.mark.parametrize("kind", AROUND_TARGETS)
@each_single
def test_several_targets_around(name, kind, data):
    X, y = data
    y = target(name, y)
    several = np.c_[y, 2.0 * y if TARGETS[name].positive_only else -y, y**2]
    assert AROUND_TARGETS[kind](make(name)).fit(X, several).predict(X).shape == several.shape


@pytest.mark.parametrize("kind", SELECTORS)
@each_single
def test_selectors_around(name, kind, data):
    X, y = data
    selector = SELECTORS[kind](make(name)).fit(FRAMES["pandas"](X), target(name, y))
    assert set("ac") <= set(selector.get_feature_names_out())


@pytest.mark.parametrize("name", [name for name in THEIRS if name in SINGLE])
def test_selection_from_a_model_has_the_threshold_of_scikit_learn(name, data):
    X, y = data
    ours = make(name)
    if hasattr(ours, "n_alphas"):
        ours.set_params(alphas=np.geomspace(2.0, 0.01, 10))  # numbers are not supported before 1.7
    theirs = getattr(linear_model, name)()
    known = theirs.get_params().keys() - {"n_alphas"}
    theirs.set_params(**{key: value for key, value in ours.get_params().items() if key in known})
    y = target(name, y)
    thresholds = [SelectFromModel(model).fit(X, y).threshold_ for model in (ours, theirs)]
    assert thresholds[0] == pytest.approx(thresholds[1], rel=1e-2)


@each_regressor
def test_permutation_importance(name, data):
    X, y = data
    y = target(name, y)
    found = permutation_importance(make(name).fit(X, y), X, y, random_state=0)
    assert np.argmax(found.importances_mean) == 0


# --- metadata routing -------------------------------------------------------------------------


@each_regressor
def test_sample_weight_is_routed(name, data):
    X, y = data
    y, weight = target(name, y), np.arange(1.0, 91.0)
    if not takes_weights(ESTIMATORS[name]):
        pytest.skip("takes no weights")
    expected = make(name).fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        model = make(name).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        pipeline = make_pipeline(model).fit(X, y, sample_weight=weight)
        search = GridSearchCV(model, {}, cv=3).fit(X, y, sample_weight=weight)
        assert "check_input" not in str(model.get_metadata_routing())
    for found in (pipeline[-1], search.best_estimator_):
        assert_allclose(found.coef_, expected.coef_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in REGRESSORS if name.endswith("CV")])
def test_groups_are_routed(name, data, rng):
    X, y = data
    y, groups = target(name, y), rng.permutation(np.arange(90) % 7)
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = make(name).set_params(cv=splits).fit(X, y)
    plain = make(name).set_params(cv=GroupKFold(3)).fit(X, y, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        model = make(name).set_params(cv=GroupKFold(3).set_split_request(groups=True))
        routed = make_pipeline(model).fit(X, y, groups=groups)[-1]
    for found in (plain, routed):
        assert_array_equal(found.alpha_, expected.alpha_)
        assert_allclose(found.coef_, expected.coef_, rtol=1e-12)
