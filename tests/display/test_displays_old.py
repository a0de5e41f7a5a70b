"""Plots: their content, legible with ten and with 20,000 features, in light and dark style."""

import dataclasses
import io

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes

from softreg_fast import (
    CVPathDisplay,
    LassoCV,
    PathDisplay,
    StabilityDisplay,
    StabilitySelector,
    cv_path,
    path,
    stability_path,
)
from softreg_fast.display.drawing import spread

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.image import imread  # noqa: E402


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return LassoCV(alphas=30).fit(X, y)


@pytest.fixture(scope="module")
def genes():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20_000))
    y = X[:, :30] @ rng.standard_normal(30) + rng.standard_normal(60)
    return cv_path(X, y, n_alphas=20, eps=0.05, cv=3)


@pytest.fixture(scope="module")
def stable():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    options = {"max_selected": 7, "n_subsamples": 40, "random_state": 0}
    return StabilitySelector(**options).fit(X, y)


@pytest.fixture(params=["default", "dark_background"], autouse=True)
def style(request):
    with pyplot.style.context(request.param):
        yield request.param
    pyplot.close("all")


def pixels(figure):
    """Return the figure as saved, (height, width, 3)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=80)
    buffer.seek(0)
    return imread(buffer)[..., :3]


def contrast(color, background):
    """Return WCAG's contrast ratio of luminances."""

    def luminance(rgb):
        rgb = np.asarray(matplotlib.colors.to_rgb(rgb))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(color), luminance(background)])
    return (light + 0.05) / (dark + 0.05)


def assert_legible(figure, ax, text):
    """Check that labels do not overlap, lie inside the figure and contrast with the background."""
    image = pixels(figure)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [label.get_window_extent(renderer) for label in text]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:k])
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1 + 1
    for label in [*text, ax.xaxis.label, ax.yaxis.label]:
        assert contrast(label.get_color(), figure.get_facecolor()) > 1.8
    drawn = np.abs(image - image[0, 0]).max(axis=2) > 0.1
    assert 0.01 < drawn.mean() < 0.6


@pytest.mark.parametrize("against", ["alpha", "l1", "deviance"])
def test_ten_features(diabetes, against):
    picture = PathDisplay.from_estimator(diabetes, against=against, n_labels=5)
    fits = diabetes.cv_path_.path
    assert [text.get_text() for text in picture.text_] == [
        name for name, _ in fits[len(fits) - 1].selected()[:5]
    ]
    for line, (_, coef) in zip(picture.labelled_, fits[len(fits) - 1].selected(), strict=False):
        assert line.get_ydata()[-1] == coef
    x = picture.labelled_[0].get_xdata()
    expected = {
        "alpha": fits.alphas,
        "l1": np.abs(fits.coefs.toarray()).sum(axis=0),
        "deviance": fits.dev_ratio,
    }[against]
    assert_allclose(x, expected)
    left, right = picture.ax_.get_xlim()
    assert (left > right) == (against == "alpha")
    assert_legible(picture.figure_, picture.ax_, picture.text_)


@pytest.mark.parametrize("against", ["alpha", "l1", "deviance"])
def test_twenty_thousand_features(genes, against):
    picture = PathDisplay.from_path(genes, against=against)
    assert len(picture.text_) == 8
    nonzero = np.unique(genes.path.coefs.indices).size
    assert len(picture.lines_.get_segments()) == nonzero - 8
    assert_legible(picture.figure_, picture.ax_, picture.text_)


def test_the_curve_of_errors(diabetes, genes):
    for found in (diabetes.cv_path_, genes):
        picture = CVPathDisplay.from_path(found)
        data, _, _ = picture.errorbar_
        assert_allclose(data.get_ydata(), found.mean_errors[0])
        positions = [
            line.get_xdata()[0] for line in picture.ax_.lines if line.get_label()[0] != "_"
        ]
        assert found.alphas[0, found.index_min] in positions
        assert found.alphas[0, found.index_1se] in positions
        assert picture.ax_.get_ylabel() == "mean squared error"
        assert_legible(picture.figure_, picture.ax_, [])
    assert CVPathDisplay.from_estimator(diabetes).cv_path is diabetes.cv_path_


def test_a_marked_alpha(diabetes):
    fits = diabetes.cv_path_.path
    k = diabetes.cv_path_.index_1se
    picture = PathDisplay.from_estimator(diabetes, mark=k)
    assert {text.get_text() for text in picture.text_} == {name for name, _ in fits[k].selected()}
    assert fits.alphas[k] in [line.get_xdata()[0] for line in picture.ax_.lines]
    assert len(PathDisplay.from_estimator(diabetes, mark=0).text_) == 0
    assert len(PathDisplay.from_estimator(diabetes, mark=-1, n_labels=3).text_) == 3
    with pytest.raises(ValueError, match="mark must be an index of the 30 alphas, got 30"):
        PathDisplay.from_estimator(diabetes, mark=30)


def test_names_are_not_mathematics(diabetes):
    fits = dataclasses.replace(diabetes.cv_path_.path, feature_names=np.array(["$\\frac{a$"] * 10))
    pixels(PathDisplay.from_path(fits).figure_)


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


def test_numbers_of_nonzeros_stand_along_the_top(diabetes):
    fits = diabetes.cv_path_.path
    picture = PathDisplay.from_path(fits)
    top = picture.top_ax_
    picture.figure_.canvas.draw()
    assert len(top.get_xticks()) >= 5
    for place, label in zip(top.get_xticks(), top.get_xticklabels(), strict=True):
        k = int(np.argmin(np.abs(fits.alphas - place)))
        assert label.get_text() == str(fits.df[k])
    assert top.get_xlim() == picture.ax_.get_xlim()


def test_given_axes_are_used(diabetes):
    figure, (left, right) = pyplot.subplots(1, 2)
    assert PathDisplay.from_estimator(diabetes, ax=left).figure_ is figure
    assert CVPathDisplay.from_estimator(diabetes, ax=right).ax_ is right


def test_small_and_empty_paths():
    X, y = load_diabetes(return_X_y=True)
    PathDisplay.from_path(path(X, y, alphas=[1e6]))
    PathDisplay.from_path(path(X, y, alphas=[1.0]))
    PathDisplay.from_path(path(X, y, alphas=[1.0, 0.0]))


def test_what_cannot_be_drawn(diabetes):
    with pytest.raises(ValueError, match="against"):
        PathDisplay.from_estimator(diabetes, against="lambda")
    for n_labels in (-1, "all"):
        with pytest.raises(ValueError, match="n_labels must be an integer >= 0"):
            PathDisplay.from_estimator(diabetes, n_labels=n_labels)
    with pytest.raises(TypeError, match="must be a Path or a CVPath, got int"):
        PathDisplay.from_path(3)
    with pytest.raises(TypeError, match="must be a CVPath, got Path"):
        CVPathDisplay.from_path(diabetes.cv_path_.path)
    with pytest.raises(TypeError, match="must be a StabilityPath, got Path"):
        StabilityDisplay.from_path(diabetes.cv_path_.path)
    with pytest.raises(TypeError, match="LassoCV has no stability path"):
        StabilityDisplay.from_estimator(diabetes)
    X, y = load_diabetes(return_X_y=True)
    several = LassoCV(alphas=3, alpha_per_target=True).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="cv_path_"):
        CVPathDisplay.from_estimator(several)


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
