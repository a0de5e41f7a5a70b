"""Small fitted objects to be pickled, and the results expected after loading.

tools/pickle_objects.py writes them to tests/pickles/, whole/test_old_pickles.py reads them.
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

import softreg_fast as sf

OPTIONS = {
    "ElasticNet": {"alpha": 0.1, "l1_ratio": 0.5, "l1_weights": [0.0, 1.0, 2.0, 1.0, 1.0]},
    "ElasticNetCV": {"l1_ratio": [0.5, 0.9], "alphas": 8, "cv": 3},
    "Lasso": {"alpha": 0.1},
    "LassoCV": {"alphas": 8, "cv": 3, "rule": "1se", "relax": True},
    "Ridge": {"alpha": 2.0, "l2_weights": [0.0, 1.0, 2.0, 1.0, 1.0]},
    "StabilitySelector": {"n_subsamples": 10, "random_state": 0},
}


def make_data():
    """Return (X, y): 16 samples, 5 features, 2 of which make y."""
    rng = np.random.default_rng(27)
    X = rng.standard_normal((16, 5))
    return X, X @ [2.0, 0.0, -1.0, 0.0, 0.0] + 0.3 * rng.standard_normal(16) + 1.0


def target_for(estimator, y):
    """Return the target, duplicated as a second column for estimators with several targets."""
    return y if get_tags(estimator).target_tags.single_output else np.column_stack((y, -y))


def make_objects(X, y):
    """Return {name: object}, one of every public class that can be pickled."""
    found = {
        "Path": sf.path(X, y, n_alphas=8),
        "Solution": sf.solve(X, y, alpha=0.1),
        "CVPath": sf.cv_path(X, y, n_alphas=8, cv=3),
        "RelaxedPath": sf.relaxed_path(X, y, n_alphas=8),
        "StabilityPath": sf.stability_path(X, y, n_alphas=8, n_subsamples=10, random_state=0),
        "Penalty": sf.Penalty(0.3, l1_ratio=0.5, l1_weights=[0, 1, 2, 1, 1], bounds=(-1, 1)),
    }
    for name in sf.__all__:
        kind = getattr(sf, name)
        if isinstance(kind, type) and issubclass(kind, BaseEstimator):
            estimator = kind(**OPTIONS.get(name, {}))
            found[name] = estimator.fit(X, target_for(estimator, y))
    return found


def answer(thing, X):
    """Return an object's result on X."""
    if isinstance(thing, sf.Penalty):
        return np.array(thing.vectors(X.shape[1]))
    if isinstance(thing, sf.StabilityPath):
        return thing.max_frequencies
    if isinstance(thing, sf.RelaxedPath):
        return thing.at(0.5).predict(X)
    if hasattr(thing, "predict"):
        return thing.predict(X)
    return thing.transform(X)
