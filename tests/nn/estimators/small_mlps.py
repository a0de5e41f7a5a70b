"""Small networks as estimators, and data for them."""

import numpy as np
import pytest

from softreg_fast.nn import SparseMLPClassifier, SparseMLPRegressor

BOTH = [SparseMLPClassifier, SparseMLPRegressor]


training = pytest.mark.usefixtures("torch", "still_changing")


def three_of_ten(rng, n=500):
    """Return ten inputs and a target that is a nonlinear function of the first three."""
    X = rng.standard_normal((n, 10))
    y = X[:, 0] - 2.0 * X[:, 1] + np.maximum(X[:, 2], 0.0)
    return X, y + 0.1 * rng.standard_normal(n)


def quick(cls, **params):
    """Return a small network with a short training."""
    return cls(**{"hidden_layer_sizes": (8,), "max_iter": 12, "random_state": 0} | params)


def target_for(cls, y):
    return y if cls is SparseMLPRegressor else np.array(["low", "high"])[(y > 0).astype(int)]


def answer(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
