"""Checks of plots: legible in any style, without overlapping labels."""

import io

import numpy as np


def pixels(figure):
    """Return the figure as saved, (height, width, 3)."""
    from matplotlib.image import imread

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=80)
    buffer.seek(0)
    return imread(buffer)[..., :3]


def linear(color):
    """Return the linear red, green and blue of a colour."""
    from matplotlib.colors import to_rgb

    rgb = np.asarray(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(color, background):
    """Return WCAG's contrast ratio of luminances."""
    dark, light = sorted(linear(each) @ [0.2126, 0.7152, 0.0722] for each in (color, background))
    return (light + 0.05) / (dark + 0.05)


def boxes_of(figure, text):
    """Return the extents of texts as drawn."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    return [label.get_window_extent(renderer) for label in text]


def overlapping(boxes):
    """Return the pairs of extents that overlap."""
    return [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]


def assert_legible(figure, ax, text):
    """Check that labels do not overlap, lie inside the figure and contrast with the background."""
    image = pixels(figure)
    boxes = boxes_of(figure, text)
    assert not overlapping(boxes)
    for box in boxes:
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1 + 1
    for label in [*text, ax.xaxis.label, ax.yaxis.label]:
        assert contrast(label.get_color(), figure.get_facecolor()) > 1.8
    drawn = np.abs(image - image[0, 0]).max(axis=2) > 0.1
    assert 0.01 < drawn.mean() < 0.6


def ticks_of(ax):
    """Return the drawn labels of a horizontal axis, major and minor."""
    low, high = sorted(ax.get_xlim())
    ticks = [*ax.xaxis.get_major_ticks(), *ax.xaxis.get_minor_ticks()]
    labels = [
        label
        for tick in ticks
        if low <= tick.get_loc() <= high
        for label in (tick.label1, tick.label2)
    ]
    return [label for label in labels if label.get_visible() and label.get_text()]
