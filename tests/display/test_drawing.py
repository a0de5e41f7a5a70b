"""Parts of plots: labels moved apart, ticks with room."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast.display.drawing import _round_numbers, logarithmic, show_nonzeros, spread

pytest.importorskip("matplotlib")


def test_labels_are_spread():
    places = np.array([1.0, 1.1, 5.0, 0.9])
    moved = spread(places, 0.5)
    assert_allclose(np.diff(np.sort(moved)) >= 0.5 - 1e-12, True)
    assert_allclose(np.argsort(moved), np.argsort(places))
    assert moved[2] == 5.0
    assert_allclose(moved[[3, 0, 1]], [0.5, 1.0, 1.5])
    assert_allclose(spread(np.array([3.0, 1.0]), 0.1), [3.0, 1.0])
    assert_allclose(spread(np.array([1.0, 1.0, 0.1]), 0.2, top=1.0), [0.8, 1.0, 0.1])
    assert_allclose(spread(np.array([1.0, 0.5, 0.9]), 0.4, top=1.0), [1.0, 0.2, 0.6])
    assert_allclose(spread(np.array([0.1, 0.0]), 0.4, bottom=0.0), [0.4, 0.0])
    assert_allclose(spread(np.array([1.0, 0.9]), 0.4, 1.0, 0.5), [1.0, 0.6])
    assert_allclose(spread(np.zeros(3), 0.6, 1.0, 0.0), [-0.2, 0.4, 1.0])  # no room


@pytest.mark.parametrize("room", [2, 3, 4, 8])
@pytest.mark.parametrize("span", [(0.15, 0.9), (0.45, 0.55), (1.1, 30.0), (2e-6, 1.9e-4)])
def test_round_numbers(span, room):
    found = np.array(_round_numbers(*span, room))
    within = found[(found >= span[0]) & (found <= span[1])]
    assert 1 <= len(within) <= max(room, 3) + 1
    assert all(len(f"{value:.6g}") <= 8 for value in within)


@pytest.mark.parametrize(
    ("low", "high", "plain"),
    [(0.02, 50.0, True), (1e-4, 1.0, True), (1e-9, 1e-2, False), (0.5, 3.0, True)],
)
def test_few_decades_have_plain_numbers(low, high, plain):
    from matplotlib import pyplot
    from pictures import ticks_of

    figure, ax = pyplot.subplots()
    logarithmic(ax, low, high)
    ax.set_xlim(low, high)
    figure.draw_without_rendering()
    texts = [label.get_text() for label in ticks_of(ax)]
    assert len(texts) >= 2
    assert any("10^" in text for text in texts) != plain


def test_equal_numbers_of_nonzeros_stand_once():
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    x = np.linspace(0.0, 1.0, 50)
    ax.set_xlim(0.0, 1.0)
    top = show_nonzeros(ax, x, np.repeat([0, 1, 10, 12, 12], 10))
    texts = [label.get_text() for label in top.get_xticklabels()]
    assert texts == ["0", "1", "10", "12"]
