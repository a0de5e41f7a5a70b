"""Names of vertical lines: inside the Axes, beside their lines, not over each other."""

import numpy as np
import pytest
from pictures import boxes_of, overlapping

from softreg_fast.display.rule_marks import Rule, draw_rules, headroom

pyplot = pytest.importorskip("matplotlib.pyplot")

MORE = ("alpha 0.1234", "12 nonzero")


@pytest.mark.parametrize("width", [3.0, 5.0, 8.0])
@pytest.mark.parametrize(
    ("places", "n_rows"),
    [
        ((0.4, 0.6), 1),
        ((0.4, 0.6), 2),
        ((0.0, 1.0), 1),
        ((0.0, 1.0), 2),
        ((0.02, 0.05), 2),
        ((0.97, 0.99), 2),
        ((0.5, 0.5), 1),
    ],
)
def test_texts_have_room(width, places, n_rows):
    figure, ax = pyplot.subplots(figsize=(width, 3.0), layout="constrained")
    ax.plot([0.0, 1.0], [0.0, 1.0])
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    row = headroom(ax, n_rows)
    more = MORE if n_rows > 1 else ()
    rules = [Rule(x, name, ":", more) for x, name in zip(places, ("1se", "min"), strict=True)]
    texts = draw_rules(ax, rules, row, n_rows)
    shown = [text.get_text() for text in texts]
    if places[0] == places[1]:
        assert len(shown) == 1
        assert shown[0].startswith("1se = min")
    boxes = boxes_of(figure, texts)
    assert not overlapping(boxes)
    frame = ax.get_window_extent()
    top = ax.transData.transform((0.0, 1.0))[1]
    for box in boxes:
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert top <= box.y0 < box.y1 <= frame.y1 + 1.0
    lines = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert sorted(line.get_xdata()[0] for line in lines) == sorted(places)
    for line in lines:  # no line runs through the text of another
        x = ax.transData.transform((line.get_xdata()[0], 0.0))[0]
        y = frame.y0 + line.get_ydata()[1] * frame.height
        assert not any(box.x0 < x < box.x1 and y > box.y1 for box in boxes)


def test_texts_are_as_long_as_there_is_room():
    lengths = []
    for width in (2.5, 4.0, 9.0):
        _, ax = pyplot.subplots(figsize=(width, 3.0), layout="constrained")
        row = headroom(ax, 2)
        rules = [Rule(0.45, "1se", ":", MORE), Rule(0.55, "min", "--", MORE)]
        texts = draw_rules(ax, rules, row, 2)
        lengths.append(len(texts[0].get_text()))
    assert lengths[-1] == len("1se: alpha 0.1234, 12 nonzero")
    assert list(np.sort(lengths)) == lengths
    assert lengths[0] < lengths[-1]


def test_nothing_to_mark():
    _, ax = pyplot.subplots()
    assert draw_rules(ax, [], 0.0) == []
