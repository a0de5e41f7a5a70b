"""The name of what a gap is: a duality gap, or the distance to stationarity."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import cv_path, losses, path, solve
from softreg_fast.losses import InverseGaussian, Tweedie
from softreg_fast.report.summary import certificate_lines


@pytest.fixture
def data(rng):
    X = rng.standard_normal((40, 4))
    return X, rng.gamma(2.0, np.exp(0.5 * X[:, 0]))


@pytest.mark.parametrize("loss", [losses.SQUARED, losses.Gamma(), Tweedie(1.5)], ids=repr)
def test_of_convex_losses_it_is_the_duality_gap(data, loss):
    fits = path(*data, loss=loss, n_alphas=4)
    assert fits.certificate == fits[1].certificate == "duality gap"
    assert cv_path(*data, loss=loss, n_alphas=4).certificate == "duality gap"
    assert "relative gap" in repr(fits[2])
    assert "not convex" not in str(fits)
    assert "proven" in " ".join(certificate_lines(fits))


@pytest.mark.parametrize("loss", [InverseGaussian(), Tweedie(2.5)], ids=repr)
def test_of_others_it_is_the_distance_to_stationarity(data, loss):
    name = "distance to stationarity"
    fits = path(*data, loss=loss, n_alphas=4)
    assert fits.certificate == fits[1].certificate == solve(*data, loss=loss).certificate == name
    assert cv_path(*data, loss=loss, n_alphas=4).certificate == name
    assert f"relative {name}" in repr(fits[2])
    assert f"{name}, since {loss!r} is not convex" in str(fits)
    said = " ".join(certificate_lines(fits))
    assert name in said
    assert "proven" not in said
    for function, more in ((solve, {"alpha": 1e-3}), (path, {"n_alphas": 3})):
        with pytest.warns(ConvergenceWarning, match="Distance to stationarity: "):
            function(*data, loss=loss, max_iter=1, tol=1e-14, **more)
