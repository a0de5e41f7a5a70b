"""Paths as drawn: the lines of the largest coefficients, their names, a plot for each class."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from pictures import assert_legible, boxes_of, overlapping, pixels
from sklearn.datasets import load_diabetes

from softreg_fast import PathDisplay, path, penalties
from softreg_fast.display.drawing import LONGEST_NAME
from softreg_fast.paths.result import MultiTaskPath

pyplot = pytest.importorskip("matplotlib.pyplot")


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


def test_the_choices_of_a_search_are_marked(diabetes):
    found = diabetes.cv_path_
    for options in ({}, {"mark": found.index}, {"against": "l1"}):
        picture = PathDisplay.from_path(found, **options)
        assert [text.get_text() for text in picture.rules_] == ["min", "1se"]
        box, (low, high) = picture.ax_.get_window_extent(), picture.ax_.get_ylim()
        coefs = found.path.coefs.toarray()
        assert low <= coefs.min() < coefs.max() < high
        for drawn in boxes_of(picture.figure_, picture.rules_):
            top = box.y0 + box.height * (coefs.max() - low) / (high - low)
            assert top <= drawn.y0 < drawn.y1 <= box.y1 + 1.0
        assert_legible(picture.figure_, picture.ax_, picture.text_)
    broken = [line.get_label() for line in picture.ax_.lines if line.get_linestyle() == "--"]
    assert broken == [found.rule]
    other = PathDisplay.from_path(found, mark=3).rules_
    assert [text.get_text() for text in other][2] == f"alpha {found.path.alphas[3]:.3g}"
    assert PathDisplay.from_path(found.path).rules_ == []


def test_all_are_named_where_there_is_room(diabetes):
    fits = diabetes.cv_path_.path
    picture = PathDisplay.from_path(fits)
    assert len(picture.text_) == np.count_nonzero(fits.coefs[:, [-1]].toarray()) > 8
    colours = [line.get_color() for line in picture.labelled_]
    assert len(set(map(str, colours[:8]))) == 8
    assert set(colours[8:]) == {picture.ax_.xaxis.label.get_color()}
    assert_legible(picture.figure_, picture.ax_, picture.text_)
    _, ax = pyplot.subplots(figsize=(4.0, 1.5), layout="constrained")
    assert len(PathDisplay.from_path(fits, ax=ax).text_) == 8


def test_lines_without_a_label_have_names(genes):
    picture = PathDisplay.from_path(genes)
    coefs = genes.path.coefs.tocsr()
    assert len(picture.names_) == len(picture.lines_.get_segments())
    for name, segment in zip(
        picture.names_[::20], picture.lines_.get_segments()[::20], strict=True
    ):
        assert_allclose(segment[:, 1], coefs[[int(name)]].toarray()[0])


def test_names_are_drawn_in_one_short_line(diabetes):
    names = np.array(["a\nb\x00\x1b[0m", "x" * 200, *map(str, range(8))], dtype=object)
    fits = dataclasses.replace(diabetes.cv_path_.path, feature_names=names)
    picture = PathDisplay.from_path(fits, n_labels=10)
    texts = [text.get_text() for text in picture.text_]
    assert "a\\nb\\x00\\x1b[0m" in texts
    assert max(map(len, texts)) == LONGEST_NAME
    assert_legible(picture.figure_, picture.ax_, picture.text_)


def test_names_are_not_mathematics(diabetes):
    fits = dataclasses.replace(diabetes.cv_path_.path, feature_names=np.array(["$\\frac{a$"] * 10))
    pixels(PathDisplay.from_path(fits).figure_)


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


def test_small_and_empty_paths():
    X, y = load_diabetes(return_X_y=True)
    PathDisplay.from_path(path(X, y, alphas=[1e6]))
    PathDisplay.from_path(path(X, y, alphas=[1.0]))
    PathDisplay.from_path(path(X, y, alphas=[1.0, 0.0]))


def test_coefficients_far_beyond_the_marked_model_are_cut_off():
    alphas = np.geomspace(1.0, 0.01, 5)
    coefs = np.array([[0.0, 0.0], [0.1, 0.0], [0.2, -0.1], [0.3, -5.0], [0.4, -1000.0]])
    picture = PathDisplay.from_coefficients(alphas, coefs, mark=2)
    low, high = picture.ax_.get_ylim()
    assert low == pytest.approx(-0.8)
    assert 0.2 < high <= 0.9  # with room for the name of the mark
    for text in picture.text_:
        assert low - 0.1 <= text.get_position()[1] <= high
    low, _ = PathDisplay.from_coefficients(alphas, coefs).ax_.get_ylim()
    assert low < -999


@pytest.fixture
def classes():
    """Return alphas and coefficients (n_alphas, 3, 12) of which some are never nonzero."""
    rng = np.random.default_rng(0)
    alphas = np.geomspace(0.02, 1.0, 40)  # rising
    sizes = np.maximum(rng.random((3, 12)) - alphas[:, None, None], 0.0)
    sizes[..., 5] = 0.0
    return alphas, sizes * rng.choice([-1.0, 1.0], (3, 12))


def test_a_plot_for_each_class(classes):
    alphas, coefs = classes
    names, outputs = [f"feature {j}" for j in range(12)], ["setosa", "versicolor", "virginica"]
    options = {"feature_names": names, "output_names": outputs, "n_labels": 4}
    picture = PathDisplay.from_coefficients(alphas, coefs, **options)
    assert [ax.get_title() for ax in picture.ax_] == outputs
    assert len({ax.get_ylim() for ax in picture.ax_}) == 1
    colours = {}
    for k in range(3):
        at_end = np.abs(coefs[0, k])  # the smallest alpha, which is drawn last
        largest = np.argsort(-at_end, kind="stable")[:4]
        assert {text.get_text() for text in picture.text_[k]} == {names[j] for j in largest}
        for text, line in zip(picture.text_[k], picture.labelled_[k], strict=True):
            j = names.index(text.get_text())
            assert_array_equal(line.get_xdata(), alphas[::-1])
            assert_array_equal(line.get_ydata(), coefs[::-1, k, j])
            assert colours.setdefault(j, line.get_color()) == line.get_color()
        assert len(picture.lines_[k].get_segments()) == 11 - 4
        counts = np.count_nonzero(coefs[::-1, k], axis=-1)
        for place, label in zip(
            picture.top_ax_[k].get_xticks(), picture.top_ax_[k].get_xticklabels(), strict=True
        ):
            assert label.get_text() == str(counts[np.argmin(np.abs(alphas[::-1] - place))])
        assert_legible(picture.figure_, picture.ax_[k], picture.text_[k])
    boxes = boxes_of(picture.figure_, [text for texts in picture.text_ for text in texts])
    assert not overlapping(boxes)


def test_the_scale_of_classes_holds_all_of_them(classes):
    alphas, coefs = classes
    coefs = coefs * np.array([0.1, 1.0, 3.0])[:, None]  # the largest in the last plot
    picture = PathDisplay.from_coefficients(alphas, coefs, mark=39)
    for ax in picture.ax_:
        low, high = ax.get_ylim()
        assert low <= coefs.min() < coefs.max() <= high


def test_a_plot_for_each_task(diabetes):
    fits = diabetes.cv_path_.path
    both = np.stack([fits.coefs.toarray(), -2.0 * fits.coefs.toarray()], axis=-1)
    fields = {field.name: getattr(fits, field.name) for field in dataclasses.fields(fits)}
    fields["coefs"] = sp.csc_array(both.reshape(10, -1))
    fields["intercepts"] = np.stack([fits.intercepts] * 2, axis=1)
    tasks = MultiTaskPath(**fields)
    picture = PathDisplay.from_path(tasks)
    assert [ax.get_title() for ax in picture.ax_] == ["0", "1"]
    for line, other in zip(*picture.labelled_, strict=True):
        assert_allclose(other.get_ydata(), -2.0 * line.get_ydata())
    second = PathDisplay.from_path(tasks, output=1)
    assert second.ax_.get_title() == ""
    for line, other in zip(second.labelled_, picture.labelled_[1], strict=True):
        assert_array_equal(line.get_ydata(), other.get_ydata())
    with pytest.raises(ValueError, match="output must be an index of the 2 classes or tasks"):
        PathDisplay.from_path(tasks, output=2)
    _, given = pyplot.subplots(1, 2)
    assert PathDisplay.from_path(tasks, ax=given).ax_ == list(given)
    with pytest.raises(ValueError, match="ax holds 1 Axes for 2 plots"):
        PathDisplay.from_path(tasks, ax=given[0])


def test_one_array_of_coefficients(classes):
    alphas, coefs = classes
    picture = PathDisplay.from_coefficients(alphas, coefs[:, 0], n_labels=3, against="l1")
    assert_allclose(picture.labelled_[0].get_xdata(), np.abs(coefs[::-1, 0]).sum(axis=1))
    assert not hasattr(picture.ax_, "__len__")


def test_wrong_paths(diabetes, classes):
    alphas, coefs = classes
    with pytest.raises(ValueError, match="against"):
        PathDisplay.from_estimator(diabetes, against="lambda")
    for n_labels in (-1, "all"):
        with pytest.raises(ValueError, match="n_labels must be an integer >= 0"):
            PathDisplay.from_estimator(diabetes, n_labels=n_labels)
    with pytest.raises(TypeError, match="must be a Path or a CVPath, got int"):
        PathDisplay.from_path(3)
    with pytest.raises(ValueError, match=r"alphas has shape \(39,\) and coefs \(40, 3, 12\)"):
        PathDisplay.from_coefficients(alphas[1:], coefs)
    with pytest.raises(ValueError, match="feature_names has 2 entries; coefs has 12"):
        PathDisplay.from_coefficients(alphas, coefs, feature_names=["a", "b"])
    with pytest.raises(ValueError, match="needs a path"):
        PathDisplay.from_coefficients(alphas, coefs, against="deviance")


def test_groups_are_one_line_each():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12))
    frame = pd.DataFrame(X, columns=list("abcdefghijkl"))
    y = X @ np.r_[1.0, -2.0, 0.5, -1.5, np.zeros(8)] + rng.standard_normal(60)
    labels = [3, 3, 3, 1, 7, 7, 7, 7, 7, 7, 7, -1]
    fits = path(frame, y, penalty=penalties.GroupLasso(groups=labels), n_alphas=20)
    picture = PathDisplay.from_path(fits)
    assert sorted(text.get_text() for text in picture.text_) == ["3", "7", "d", "l"]
    drawn = {
        text.get_text(): line.get_ydata()
        for text, line in zip(picture.text_, picture.labelled_, strict=True)
    }
    coefs = fits.coefs.toarray()
    assert_allclose(drawn["3"], np.linalg.norm(coefs[:3], axis=0))
    assert_array_equal(drawn["d"], coefs[3])  # with its sign
    assert_array_equal(drawn["l"], coefs[11])
    assert picture.ax_.get_ylabel() == "coefficient, or norm of a group"
    assert picture.top_ax_.get_xlabel() == "nonzero groups"
    assert_legible(picture.figure_, picture.ax_, picture.text_)
    along = PathDisplay.from_path(fits, against="l1", mark=10)
    assert along.ax_.get_xlabel() == "sum of the norms of groups"
    ones = path(X, y, penalty=penalties.GroupLasso(groups=range(12)), n_alphas=5)
    assert PathDisplay.from_path(ones).ax_.get_ylabel() == "coefficient"
