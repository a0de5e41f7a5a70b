"""Figures of what came true: counted anew from the predictions."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from softreg_fast.losses import Logistic, Poisson, SquaredHinge
from softreg_fast.report.outcomes import (
    Outcomes,
    calibration_picture,
    confusion,
    roc_picture,
    tenths,
    tenths_picture,
)


def of_classes(rng, weighted, loss=None):
    p = rng.random(60)
    y = (rng.random(60) < p).astype(float)
    weight = rng.integers(0, 3, 60).astype(float) if weighted else None
    return Outcomes(loss or Logistic(), y, p, weight, ("no", "yes"), left_out=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_confusion(rng, weighted):
    found = of_classes(rng, weighted)
    weight = np.ones(60) if found.weight is None else found.weight
    taken = found.predicted > 0.5
    for k, row in enumerate(confusion(found)):
        for j, count in enumerate(row):
            assert count == weight[(found.y == k) & (taken == j)].sum()
    hinge = Outcomes(
        SquaredHinge(), 2 * found.y - 1, 2 * found.predicted - 1, None, ("a", "b"), True
    )
    plain = Outcomes(Logistic(), found.y, found.predicted, None, ("a", "b"), True)
    np.testing.assert_array_equal(confusion(hinge), confusion(plain))


@pytest.mark.parametrize("weighted", [False, True])
def test_tenths(rng, weighted):
    mu = rng.gamma(2.0, size=57)
    y = rng.poisson(mu).astype(float)
    weight = rng.integers(0, 3, 57).astype(float) if weighted else None
    found = Outcomes(Poisson(), y, mu, weight, None, left_out=False)
    sizes, predicted, observed = tenths(found)
    s = np.ones(57) if weight is None else weight
    assert len(sizes) == 10
    assert sizes.sum() == s.sum()
    assert np.all(np.diff(predicted) > 0)
    assert sizes @ predicted == pytest.approx(s @ mu)
    assert sizes @ observed == pytest.approx(s @ y)
    assert "<svg" in tenths_picture(found)
    few = Outcomes(Poisson(), y[:3], mu[:3], None, None, left_out=False)
    assert len(tenths(few)[0]) == 3


def test_pictures_of_classes(rng):
    found = of_classes(rng, weighted=True)
    assert found.has_classes
    assert "area 0." in roc_picture(found)
    assert 'aria-label="Calibration"' in calibration_picture(found)
    proportions = Outcomes(Logistic(), found.predicted, found.predicted, None, ("0", "1"), True)
    assert not proportions.has_classes
