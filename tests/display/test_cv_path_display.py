"""Curves of cross-validation as drawn: any measure, its direction, the choices of both rules."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pictures import assert_legible, boxes_of, overlapping, ticks_of
from sklearn.datasets import load_breast_cancer, load_diabetes

from softreg_fast import CVPathDisplay, LassoCV, LogisticRegressionCV, PathDisplay, cv_path
from softreg_fast.display.cv_path_display import MOST_BARS
from softreg_fast.display.drawing import WEAKER

pyplot = pytest.importorskip("matplotlib.pyplot")


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


def test_given_axes_are_used(diabetes):
    figure, (left, right) = pyplot.subplots(1, 2)
    assert PathDisplay.from_estimator(diabetes, ax=left).figure_ is figure
    assert CVPathDisplay.from_estimator(diabetes, ax=right).ax_ is right


def test_wrong_searches(diabetes):
    with pytest.raises(TypeError, match="must be a CVPath, got Path"):
        CVPathDisplay.from_path(diabetes.cv_path_.path)
    X, y = load_diabetes(return_X_y=True)
    several = LassoCV(alphas=3, alpha_per_target=True).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="cv_path_"):
        CVPathDisplay.from_estimator(several)


@pytest.mark.parametrize(
    ("measure", "label", "sign"),
    [
        ("auc", "AUC, more is better", -1.0),
        ("accuracy", "accuracy, more is better", -1.0),
        ("brier", "Brier score", 1.0),
        (None, "mean deviance", 1.0),
        ("neg_log_loss", "log loss", 1.0),
    ],
)
def test_measures_and_their_directions(measure, label, sign):
    X, y = load_breast_cancer(return_X_y=True)
    found = cv_path(X, y, loss="logistic", standardize=True, measure=measure, n_alphas=20, eps=1e-4)
    picture = CVPathDisplay.from_path(found)
    assert picture.ax_.get_ylabel() == label
    mean, spread = found.curve
    data, _, _ = picture.errorbar_
    assert_allclose(data.get_ydata(), sign * mean)
    if measure in ("auc", "accuracy"):  # recomputed: the value itself, between chance and 1
        assert 0.5 <= data.get_ydata().max() <= 1.0
    best = data.get_ydata()[found.index_min]
    assert best == (data.get_ydata().max() if sign < 0.0 else data.get_ydata().min())
    level = [line for line in picture.ax_.lines if line.get_color() == "0.6"]
    assert_allclose(level[0].get_ydata(), best + sign * spread[found.index_min])


@pytest.mark.parametrize("l1_ratios", [None, [1.0, 0.5]])
@pytest.mark.parametrize("legacy", [True, False])
def test_a_search_over_C(l1_ratios, legacy):
    X, y = load_breast_cancer(return_X_y=True)
    options = {"scoring": "neg_log_loss", "standardize": True, "use_legacy_attributes": legacy}
    search = LogisticRegressionCV(Cs=8, l1_ratios=l1_ratios, **options).fit(X, y)
    picture = CVPathDisplay.from_estimator(search)
    data, _, _ = picture.errorbar_
    scores = next(iter(search.scores_.values())) if legacy else search.scores_
    if not legacy:
        scores = scores.swapaxes(1, 2)
    scores = scores.reshape(5, 8, -1)
    best, ratio = np.unravel_index(scores.mean(axis=0).argmax(), scores.shape[1:])
    assert_allclose(data.get_xdata(), search.Cs_)
    assert_allclose(data.get_ydata(), -scores[..., ratio].mean(axis=0))
    assert (picture.ax_.get_xlabel(), picture.ax_.get_ylabel()) == (WEAKER["C"], "log loss")
    marked = [line for line in picture.ax_.lines if line.get_label().startswith("min")]
    assert marked[0].get_xdata()[0] == pytest.approx(float(np.ravel(search.C_)[0]))
    assert marked[0].get_xdata()[0] == search.Cs_[best]


@pytest.mark.parametrize(
    "alphas",
    [
        np.linspace(0.9, 0.15, 20),
        np.linspace(0.55, 0.45, 20),
        np.geomspace(30.0, 1.1, 20),
        np.geomspace(99.0, 1.1, 20),
        np.geomspace(1e5, 1e-7, 30),
        np.array([1.5]),
    ],
)
@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")
def test_labels_of_alphas_do_not_overlap(alphas, columns):
    X, y = load_diabetes(return_X_y=True)
    found = cv_path(X, y, alphas=alphas, l1_ratio=0.5)
    figure, grid = pyplot.subplots(1, columns, figsize=(2.8 * columns, 2.8), squeeze=False)
    figure.set_layout_engine("constrained")
    for ax in grid[0]:
        picture = CVPathDisplay.from_path(found, ax=ax)
        for each in (picture.ax_, picture.top_ax_):
            figure.draw_without_rendering()
            labels = ticks_of(each)
            least = 2 if each is picture.ax_ else 1  # equal numbers of nonzeros stand there once
            assert len(labels) >= min(least, len(alphas))
            texts = [label.get_text() for label in labels]
            assert all(a != b for a, b in pairwise(texts))
            assert not overlapping(boxes_of(figure, labels))


def test_many_standard_errors_are_a_band(diabetes):
    found = diabetes.cv_path_
    mean, spread = found.curve
    picture = CVPathDisplay.from_path(found)
    assert len(found.path) > MOST_BARS
    heights = picture.band_.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx((mean + spread).max())
    assert heights.min() == pytest.approx((mean - spread).min())
    few = LassoCV(alphas=10).fit(*load_diabetes(return_X_y=True)).cv_path_
    assert CVPathDisplay.from_path(few).band_ is None


def test_the_root_of_the_squared_error(diabetes):
    found = diabetes.cv_path_
    picture = CVPathDisplay.from_path(found, root=True)
    mean, spread = found.curve
    assert_allclose(picture.errorbar_[0].get_ydata(), np.sqrt(mean))
    heights = picture.band_.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(np.sqrt((mean + spread).max()))
    assert picture.ax_.get_ylabel() == "root mean squared error"
    other = cv_path(*load_diabetes(return_X_y=True), measure="mae", n_alphas=5)
    with pytest.raises(ValueError, match="compared models by mean absolute error"):
        CVPathDisplay.from_path(other, root=True)


@pytest.mark.parametrize("size", [(7.0, 4.5), (4.0, 3.0)])
@pytest.mark.parametrize("found", ["diabetes", "genes"])
def test_rules_stand_beside_their_lines_and_above_the_curve(request, found, size):
    found = request.getfixturevalue(found)
    found = getattr(found, "cv_path_", found)
    figure, ax = pyplot.subplots(figsize=size, layout="constrained")
    picture = CVPathDisplay.from_path(found, ax=ax)
    starts = [text.get_text().partition(":")[0] for text in picture.rules_]
    assert starts == (["min = 1se"] if found.index_min == found.index_1se else ["min", "1se"])
    boxes = boxes_of(figure, picture.rules_)
    assert not overlapping(boxes)
    mean, spread = found.curve
    highest = ax.transData.transform((1.0, (mean + spread).max()))[1]
    assert min(box.y0 for box in boxes) >= highest
    frame = ax.get_window_extent()
    if size[0] > 5.0:
        assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    assert all(box.y1 <= frame.y1 + 1.0 for box in boxes)


def test_a_criterion_has_one_choice():
    found = cv_path(*load_diabetes(return_X_y=True), criterion="bic")
    assert [text.get_text()[:4] for text in CVPathDisplay.from_path(found).rules_] == ["min:"]
