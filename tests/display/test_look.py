"""The colours of plots and pages: legible, and different for everybody."""

import numpy as np
import pytest
from pictures import contrast, linear

from softreg_fast.display.look import DARK, LIGHT, is_dark, line_colours, lines_of

pyplot = pytest.importorskip("matplotlib.pyplot")

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
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_lines_differ_for_everybody(vision, colours):
    lines = lines_of(colours)
    assert all(contrast(colour, colours["paper"]) > 4.4 for colour in lines)
    seen = [lab(np.asarray(DEFICIENT[vision]) @ linear(colour)) for colour in lines]
    apart = [np.linalg.norm(a - b) for k, a in enumerate(seen) for b in seen[:k]]
    assert min(apart) > 15.0


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_can_be_read(colours):
    for name in ("ink", "quiet", "good", "bad"):
        for paper in ("paper", "panel"):
            assert contrast(colours[name], colours[paper]) > 4.5


def test_both_backgrounds_have_the_same_colours():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)  # pictures are recoloured by them


def test_lines_have_the_colours_of_the_style_sheet(style):
    figure, ax = pyplot.subplots()
    if style == "default":
        assert line_colours(ax) == lines_of(LIGHT)
        figure.set_facecolor("black")
        ax.set_facecolor("none")
        assert line_colours(ax) == lines_of(DARK)
    else:
        assert line_colours(ax)[0] == pyplot.rcParams["axes.prop_cycle"].by_key()["color"][0]
        assert is_dark(ax)
