"""The section that compares predictions with what came true, for each kind of target."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from softreg_fast import Outcomes, losses
from softreg_fast.report.pictures import LINES, TITLES
from softreg_fast.report.predictions import CAPTIONS, came_true
from softreg_fast.report.style import STYLE


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
    assert "<table" not in text
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
    assert "<table" not in text


def test_a_missing_class_has_no_section():
    assert not section(Outcomes(losses.Logistic(), np.ones(5), np.ones(5), None, ("a", "b")))


# Machado, Oliveira, Fernandes (2009), "A physiologically-based model for simulation of color
# vision deficiency", at full severity.
DEFICIENT = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "none": np.eye(3),
}


def lab(rgb):
    """Return CIE L*a*b* of linear red, green and blue."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ np.clip(rgb, 0.0, 1.0) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", DEFICIENT)
@pytest.mark.parametrize("dark", [False, True])
def test_lines_differ_for_everybody(vision, dark):
    import re

    from pictures import contrast, linear

    light_part, dark_part = STYLE.split("@media", 1)
    part = dark_part if dark else light_part
    colours = [re.search(f"--line-{k}: (#[0-9a-f]+)", part)[1] for k in range(1, 9)]
    if not dark:
        assert tuple(colours) == LINES
    paper = re.search("--paper: (#[0-9a-f]+)", part)[1]
    assert all(contrast(colour, paper) > 4.4 for colour in colours)
    seen = [lab(np.asarray(DEFICIENT[vision]) @ linear(colour)) for colour in colours]
    apart = [np.linalg.norm(a - b) for k, a in enumerate(seen) for b in seen[:k]]
    assert min(apart) > 15.0
