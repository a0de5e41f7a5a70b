"""Extreme data under every loss: a finite certified answer or one sentence, not NaN or silence."""

import glm
import numpy as np
import pytest

from softreg_fast import cv_path, losses, solve
from softreg_fast.losses import InverseGaussian

LOSSES = {**glm.LOSSES, "inverse gaussian": InverseGaussian()}
each_loss = pytest.mark.parametrize("kind", LOSSES)
HALF = np.where(np.arange(60) % 2, 1000.0, 0.0)


def made(rng, kind):
    return glm.make(rng, "gamma" if kind == "inverse gaussian" else kind, p=4)


def answer(X, y, loss, **options):
    """Return a fit, which is certified, or the sentence that refuses it."""
    try:
        fit = solve(X, y, loss=loss, alpha=0.01, **options)
    except ValueError as error:
        return str(error)
    assert np.isfinite([*fit.coef, fit.intercept, fit.gap, fit.dev_ratio]).all()
    assert fit.converged
    assert fit.gap <= fit.tol
    return fit


@each_loss
@pytest.mark.parametrize("l1_ratio", [1.0, 0.0])
def test_predictors_of_any_size(rng, kind, l1_ratio):
    loss, data = LOSSES[kind], made(rng, kind)
    X, y = data.X, data.y
    expected = answer(X, y, loss, l1_ratio=l1_ratio)
    for options in (
        {"coef_init": [710.0, 0.0, 0.0, 0.0]},
        {"coef_init": [-1e4, 1e4, 0.0, 0.0]},
    ):
        found = answer(X, y, loss, l1_ratio=l1_ratio, **options)
        assert np.abs(found.coef - expected.coef).max() < 0.02
    if not isinstance(loss, losses.Huber):
        shifted = answer(X, y, loss, l1_ratio=l1_ratio, offset=np.full(60, 1000.0))
        assert np.abs(shifted.coef - expected.coef).max() < 0.02  # the intercept takes it
    far = np.vstack([X, [710.0, 0.0, 0.0, 0.0]])
    assert not isinstance(answer(far, np.append(y, y[0]), loss, l1_ratio=l1_ratio), str)
    assert not isinstance(answer(1000.0 * X, y, loss, l1_ratio=l1_ratio), str)


@each_loss
@pytest.mark.parametrize("l1_ratio", [1.0, 0.0])
def test_offsets_1000_apart(rng, kind, l1_ratio):
    loss, data = LOSSES[kind], made(rng, kind)
    for offset in (HALF, HALF - 500.0, np.append(1000.0, np.zeros(59))):
        for fit_intercept in (True, False):
            options = {"offset": offset, "fit_intercept": fit_intercept, "l1_ratio": l1_ratio}
            found = answer(data.X, data.y, loss, **options)
            assert not isinstance(found, str) or "check offset, which reaches from" in found


@each_loss
def test_targets_of_one_value(rng, kind):
    loss, data = LOSSES[kind], made(rng, kind)
    for value in (data.y.max(), 0.0):
        found = answer(data.X, np.full(60, value), loss)
        if isinstance(found, str):
            assert "infinite; check y, or fit without" in found or "targets > 0" in found
        else:
            assert not found.coef.any()


@each_loss
def test_huge_targets(rng, kind):
    loss, data = LOSSES[kind], made(rng, kind)
    if isinstance(loss, losses.classes.TwoClasses):
        return
    found = answer(data.X, 1e300 * data.y, loss)
    assert not isinstance(found, str) or "divide y by a constant" in found


@each_loss
def test_weights_on_one_class_only(rng, kind):
    loss, data = LOSSES[kind], made(rng, kind)
    if not isinstance(loss, losses.classes.Binomial):
        return
    found = answer(data.X, data.y, loss, sample_weight=1.0 * (data.y == 1.0))
    assert "No sample with weight is of class 0" in found


@each_loss
def test_offsets_are_not_forgotten(rng, kind):
    loss, data = LOSSES[kind], made(rng, kind)
    found = answer(data.X, data.y, loss, offset=data.offset)
    with pytest.raises(ValueError, match="fitted with an offset, and offset is missing"):
        found.predict(data.X)
    predicted = found.predict(data.X, offset=HALF)
    assert not np.isnan(predicted).any()
    for kind_of_prediction in ("class", "proba"):
        if isinstance(loss, losses.classes.Binomial):
            each = found.predict(data.X, offset=HALF, kind=kind_of_prediction)
            assert np.isfinite(each).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -2.0, 1.5])
@each_loss
def test_targets_outside_of_the_domain(rng, kind, bad):
    loss, data = LOSSES[kind], made(rng, kind)
    y = np.append(bad, data.y[1:])
    found = answer(data.X, y, loss)
    if not np.isfinite(bad):
        assert "y contains" in found
    elif isinstance(loss, losses.classes.TwoClasses):
        assert "for two" in found or "y[0] is" in found
    elif bad < 0.0 and not isinstance(loss, (losses.Huber, losses.Quantile)):
        assert "y[0] is -2.0" in found
    else:
        assert not isinstance(found, str)


def test_a_class_of_one_sample(rng):
    X, y = rng.standard_normal((40, 2)), (np.arange(40) == 7) * 1
    folds = [(np.flatnonzero(np.arange(40) % 4 != k), np.arange(k, 40, 4)) for k in range(4)]
    with pytest.raises(ValueError, match="fold 3 cannot be fitted: No sample is of cl"):
        cv_path(X, y, loss="logistic", cv=folds)
