"""scikit-learn's scorers on predictions of folds."""

import numpy as np
import problems
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import KFold

from softreg_fast import cv_path

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def test_scoring(rng):
    X, y = problems.make_data(rng, 40, 10)
    weight = rng.uniform(0.5, 2.0, 40)
    options = {"n_alphas": 6, "cv": 3, "seed": None}
    found = cv_path(X, y, scoring="neg_mean_absolute_error", sample_weight=weight, **options)
    for k, (_, test) in enumerate(KFold(3).split(y)):
        predicted = found.fold_paths[k].predict(X[test])
        for i in range(6):
            expected = mean_absolute_error(y[test], predicted[:, i], sample_weight=weight[test])
            assert found.errors[0, i, k] == pytest.approx(expected)

    def seen(model, X_test, y_test):
        assert X_test.shape == (len(y_test), 10)
        return -np.abs(model.predict(X_test) - y_test).max()

    worst = cv_path(X, y, n_alphas=6, cv=3, seed=None, scoring=seen)
    predicted = worst.fold_paths[0].predict(X[:14])
    assert_allclose(worst.errors[0, :, 0], np.abs(predicted - y[:14, np.newaxis]).max(axis=0))
    assert worst.measure == "-seen"
    with pytest.raises(ValueError, match="scoring"):
        cv_path(X, y, scoring="no such score")
    with pytest.raises(ValueError, match="scoring=accuracy failed on fold 0"):
        cv_path(X, y, scoring="accuracy")
    with pytest.raises(ValueError, match="scoring=<lambda> failed on fold 0"):
        cv_path(X, y, scoring=lambda *_: "good")
    with pytest.raises(ValueError, match=r"scoring=<lambda> gives nan on fold 0 \(10 test samples"):
        cv_path(X, y, cv=4, scoring=lambda *_: np.nan)


def test_errors_of_scorers_with_another_constructor(rng):
    class Odd(ValueError):
        def __init__(self, *, code):
            super().__init__(f"code {code}")

    def odd(*_):
        raise Odd(code=3)

    X, y = problems.make_data(rng, 30, 4)
    with pytest.raises(ValueError, match="failed on fold 0: code 3"):
        cv_path(X, y, scoring=odd)
    with pytest.raises(ValueError, match="sees predictions, but no coefficients"):
        cv_path(X, y, scoring=lambda model, X, y: model.coef_.sum())
