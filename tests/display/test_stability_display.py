"""Frequencies of selection as drawn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pictures import assert_legible, boxes_of, overlapping
from sklearn.datasets import load_diabetes

from softreg_fast import StabilityDisplay, StabilitySelector, stability_path
from softreg_fast.display.stability_display import DENSE, LEADING, MOST_LINES

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def stable():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    options = {"max_selected": 7, "n_subsamples": 40, "random_state": 0}
    return StabilitySelector(**options).fit(X, y)


def test_frequencies(stable):
    found = stable.stability_path_
    picture = StabilityDisplay.from_estimator(stable)
    assert [text.get_text() for text in picture.text_] == [name for name, _ in found.selected()]
    for line, (_, frequency) in zip(picture.labelled_, found.selected(), strict=True):
        assert line.get_ydata()[-1] == frequency
        n_drawn = len(line.get_xdata())
        assert_allclose(line.get_xdata(), found.alphas[:n_drawn])
    assert_allclose(found.frequencies[:, [n_drawn - 1]].toarray()[:, 0], found.max_frequencies)
    entered = np.count_nonzero(found.max_frequencies)
    assert len(picture.lines_.get_segments()) == entered - len(picture.labelled_)
    assert [list(line.get_ydata()) for line in picture.ax_.lines[-1:]] == [[0.75, 0.75]]
    assert max(text.get_position()[1] for text in picture.text_) <= 1.0
    assert picture.top_ax_.get_xlabel() == "features entered, mean"
    assert_legible(picture.figure_, picture.ax_, picture.text_)


def test_frequencies_at_another_threshold(stable):
    found = stable.stability_path_
    picture = StabilityDisplay.from_path(found, threshold=0.2, n_labels=6)
    names = [name for name, _ in found.selected(0.2)[:6]]
    assert [text.get_text() for text in picture.text_] == names
    assert_legible(picture.figure_, picture.ax_, picture.text_)


def test_many_frequencies():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5_000))
    y = X[:, :3] @ [5.0, 5.0, 5.0] + rng.standard_normal(60)
    found = stability_path(X, y, n_alphas=50, n_subsamples=20, random_state=0)
    picture = StabilityDisplay.from_path(found, threshold=0.3)
    assert 2 <= len(picture.text_) <= 10
    assert_legible(picture.figure_, picture.ax_, picture.text_)
    nothing = stability_path(X[:, :5], np.ones(60), n_subsamples=2)
    assert StabilityDisplay.from_path(nothing).text_ == []
    StabilityDisplay.from_path(stability_path(X[:, :5], y, alphas=[1.0], n_subsamples=2))


def test_most_of_many_frequencies_are_a_shade():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3_000))
    y = X[:, :3] @ [5.0, 5.0, 5.0] + rng.standard_normal(60)
    found = stability_path(X, y, n_alphas=30, n_subsamples=20, max_selected=30, random_state=0)
    picture = StabilityDisplay.from_path(found, threshold=0.9)
    entered = np.count_nonzero(found.max_frequencies)
    assert entered > MOST_LINES + LEADING
    lines = picture.lines_.get_segments()
    assert len(lines) == LEADING
    named = len(picture.labelled_)
    least = min(segment[-1, 1] for segment in lines)
    others = np.sort(found.max_frequencies)[::-1][named + LEADING : entered]
    assert least >= others[0]
    tops = [shade.get_paths()[0].vertices[:, 1].max() for shade in picture.shades_]
    expected = [np.quantile(others, share, method="lower") for share in DENSE]
    assert_allclose(tops, expected)
    assert_legible(picture.figure_, picture.ax_, picture.text_)
    few = StabilityDisplay.from_path(stability_path(X[:, :20], y, n_subsamples=4, random_state=0))
    assert few.shades_ == []


def test_the_threshold_is_labelled(stable):
    for threshold in (0.5, 1.0):
        picture = StabilityDisplay.from_estimator(stable, threshold=threshold)
        assert picture.threshold_.get_text() == f"threshold {threshold:g}"
        (box,) = boxes_of(picture.figure_, [picture.threshold_])
        assert (
            picture.ax_.get_window_extent().count_contains([(box.x0, box.y0), (box.x1, box.y1)])
            == 2
        )
    # names at one frequency stand apart
    boxes = boxes_of(picture.figure_, picture.text_)
    assert not overlapping(boxes)


def test_wrong_frequencies(diabetes):
    with pytest.raises(TypeError, match="must be a StabilityPath, got Path"):
        StabilityDisplay.from_path(diabetes.cv_path_.path)
    with pytest.raises(TypeError, match="LassoCV has no stability path"):
        StabilityDisplay.from_estimator(diabetes)
