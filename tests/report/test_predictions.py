"""The section that compares predictions with what came true, for each kind of target."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from softreg_fast import Outcomes, losses
from softreg_fast.report.pictures import TITLES
from softreg_fast.report.predictions import CAPTIONS, came_true


def section(outcomes):
    return "".join(came_true(outcomes))


def test_every_plot_has_a_title_and_a_caption():
    from softreg_fast.display.outcomes import PLOTS

    assert PLOTS.keys() == TITLES.keys() == CAPTIONS.keys()


def test_two_classes(rng):
    p = rng.random(60)
    y = (rng.random(60) < p).astype(float)
    found = Outcomes(losses.Logistic(), y, p, None, ("<no>", "yes"), left_out=True)
    text = section(found)
    for name in ("roc", "precision_recall", "calibration"):
        assert f'aria-label="{TITLES[name]}"' in text
    assert TITLES["confusion"] not in text
    assert "Coefficients &gt; 0 speak for yes" in text
    assert "taken for &lt;no&gt;" in text
    assert "<no>" not in text
    right = 100 * np.mean((p > 0.5) == y)
    assert f"In all {right:.1f} % are right" in text
    assert f"right in {100 * max(y.mean(), 1 - y.mean()):.1f} %" in text
    assert "Predictions of rows left out" in text


def test_many_classes(rng):
    names = tuple("abcdef")
    p = rng.dirichlet(np.ones(6), 80)
    found = Outcomes(losses.Logistic(), rng.integers(0, 6, 80).astype(float), p, None, names)
    text = section(found)
    assert f'aria-label="{TITLES["confusion"]}"' in text
    assert "<th scope=row>accuracy</th>" in text
    assert "with --cv K" in text  # for these are predictions of the rows that were fitted


def test_counts(rng):
    mu = rng.random(50) + 0.5
    found = Outcomes(losses.Poisson(), rng.poisson(mu).astype(float), mu)
    text = section(found)
    for name in ("observed", "residuals", "rootogram"):
        assert f'aria-label="{TITLES[name]}"' in text
    assert "<th scope=col>tenth</th>" in text
    assert f"<td>{found.tenths().observed[3]:.5g}</td>" in text


def test_numbers(rng):
    y = rng.random(50)
    text = section(Outcomes(losses.SQUARED, y, y + 0.1))
    assert text.count("<svg") == 2
    assert "<th scope=row>root mean squared error</th><td>0.1</td>" in text


def test_a_missing_class_has_no_section():
    assert not section(Outcomes(losses.Logistic(), np.ones(5), np.ones(5), None, ("a", "b")))
