"""Parameter names of other packages, and misspelt ones, are answered with ours."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import softreg_fast as sf
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.options.hints import ADVICE, NAMES, SAME, suggestion

X, y = np.random.default_rng(0).random((20, 3)), np.arange(20.0)

FUNCTIONS = [sf.solve, sf.path, sf.cv_path, sf.stability_path, sf.relaxed_path]
ESTIMATORS = [
    value
    for name in sf.__all__
    if inspect.isclass(value := getattr(sf, name)) and hasattr(value, "fit")
]


@pytest.mark.parametrize(
    ("function", "word", "answer"),
    [
        (
            sf.solve,
            "lambda_",
            "solve() got an unexpected keyword argument 'lambda_'; here it is",
        ),
        (sf.path, "lambda_", "here it is called alphas."),
        (sf.path, "lambdas", "here it is called alphas."),
        (sf.solve, "lambdas", "here it is called alpha."),
        (sf.cv_path, "nfolds", "here it is called cv."),
        (sf.solve, "penalty_factor", "here it is called l1_weights."),
        (sf.path, "lower_limits", "give bounds=(lower, upper)."),
        (sf.path, "family", "here it is called loss."),
        (sf.path, "n_jobs", "here it is called n_threads."),
        (sf.solve, "alpahs", "did you mean 'alpha'?"),
        (sf.solve, "Alpha", "did you mean 'alpha'?"),
        (sf.path, "qqq", "it takes X, alphas, bounds, callback, "),
        (
            sf.Lasso,
            "lambd",
            "Lasso() got an unexpected keyword argument 'lambd'; here it is",
        ),
        (sf.LassoCV, "n_folds", "here it is called cv."),
        (sf.RidgeCV, "penalty_factor", "here it is called l2_weights."),
        (sf.solve, "weights", "sample_weight for samples, l1_weights and l2_weights for features."),
        (sf.MCPRegression, "weights", "for samples, penalty_weights for features."),
        (sf.GroupLasso, "weights", "for samples, group_weights for features."),
        (sf.Slope, "weights", "give sample_weight for samples."),
    ],
)
def test_unknown_arguments_are_answered(function, word, answer):
    data = () if inspect.isclass(function) else (X, y)
    with pytest.raises(TypeError) as caught:
        function(*data, **{word: 1.0})
    assert answer in str(caught.value)


@pytest.mark.parametrize("function", [*FUNCTIONS, *ESTIMATORS])
def test_hints_name_arguments_that_exist(function):
    parameters = set(inspect.signature(function).parameters)
    assert not parameters & (set(ADVICE) - {"exclude"})  # which estimators do not take
    for word, ours in SAME.items():
        assert word not in ours
    assert parameters - {"X", "y", "options"}


def test_every_hint_is_of_use_somewhere():
    known = set().union(*(inspect.signature(f).parameters for f in [*FUNCTIONS, *ESTIMATORS]))
    known |= set(inspect.signature(sf.Path.predict).parameters)
    for ours in SAME.values():
        assert set(ours) <= known


def test_signatures_stay_to_be_read():
    assert "alpha" in inspect.signature(sf.solve).parameters
    assert sf.solve.__doc__.startswith("Fit one")
    model = sf.Lasso(alpha=0.3, l1_weights={0: 2.0})
    assert model.get_params()["alpha"] == 0.3
    assert clone(model).l1_weights == {0: 2.0}
    assert pickle.loads(pickle.dumps(model)).alpha == 0.3


def test_names_of_other_packages():
    for name in NAMES:
        with pytest.raises(AttributeError, match=r"has no attribute .*; what does its work here"):
            getattr(sf, name)
    with pytest.raises(AttributeError, match=r"no attribute 'qqq'$"):
        sf.qqq  # noqa: B018


def test_suggestions():
    assert suggestion("TOTEMP", ["totemp", "year"]) == "did you mean 'totemp'?"
    assert suggestion("qqq", ["totemp", "year"]) == ""


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda: sf.cv_path(X, y, random_state=0), "here it is called seed."),
        (lambda: sf.cv_path(X, y, shuffle=True), "unless seed=None."),
        (lambda: sf.Design(X, y, n_jobs=2), r"Design\(\) got .* here it is called n_threads."),
        (lambda: MultiTaskDesign(X, y, weights=y), "give sample_weight for samples"),
        (lambda: sf.lasso_path(X, y, nlambda=9), "nlambda; here it is called n_alphas."),
        (lambda: sf.enet_path(X, y, lower_limits=0), "give bounds="),
    ],
)
def test_hints_beyond_the_functions_that_fit(call, answer):
    with pytest.raises((TypeError, ValueError), match=answer):
        call()
