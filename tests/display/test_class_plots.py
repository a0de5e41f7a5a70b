"""Plots of classes: scikit-learn's Displays with the right numbers, and Wilson's intervals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pictures import assert_legible

from softreg_fast import Outcomes, losses
from softreg_fast.display.class_plots import wilson
from softreg_fast.model_selection.measures import auc

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(params=["labels", "weights", "proportions"])
def two(request):
    rng = np.random.default_rng(1)
    p = rng.random(300) * 0.3
    y = (rng.random(300) < p).astype(float)
    weight = None if request.param == "labels" else rng.random(300)
    if request.param == "proportions":
        y = rng.binomial(5, p) / 5.0
    return Outcomes(losses.Logistic(), y, p, weight, ("no", "yes"))


@pytest.fixture
def three():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(3), 300)
    y = np.array([rng.choice(3, p=row) for row in p], float)
    return Outcomes(losses.Logistic(), y, p, None, ("a", "b", "c"))


def test_roc(two):
    display = two.plot("roc")
    assert display.roc_auc == pytest.approx(auc(two.y, two.predicted, two.weight))
    ax = pyplot.gca()
    assert ax.get_legend().get_texts()[0].get_text() == f"yes, AUC {display.roc_auc:.4g}"
    assert_legible(ax.figure, ax, ax.get_legend().get_texts())


def test_precision_and_recall(two):
    display = two.plot("precision_recall")
    truth, score, weight = two.rows(1)
    for threshold in (0.05, 0.2):
        taken = score >= threshold
        precision = weight[taken & truth].sum() / weight[taken].sum()
        recall = weight[taken & truth].sum() / weight[truth].sum()
        distance = np.abs(display.recall - recall) + np.abs(display.precision - precision)
        assert distance.min() < 1e-12
    chance = [line for line in pyplot.gca().lines if line.get_linestyle() == "--"]
    assert_allclose(chance[0].get_ydata(), np.average(truth, weights=weight))


def test_calibration(two):
    display = two.plot("calibration")
    tenths = two.tenths(1)
    assert_allclose(display.prob_true, tenths.observed)
    assert_allclose(display.prob_pred, tenths.predicted)
    assert tenths.weight @ tenths.observed == pytest.approx(two.weights @ two.y)
    ax = pyplot.gca()
    assert ax.get_xlim() == ax.get_ylim()
    assert display.prob_true.max() < ax.get_ylim()[1]


def test_a_rare_class_fills_the_picture():
    rng = np.random.default_rng(0)
    p = 0.05 * rng.random(5000)
    y = (rng.random(5000) < p).astype(float)
    Outcomes(losses.Logistic(), y, p, None, ("no", "yes")).plot("calibration")
    assert 0.05 < pyplot.gca().get_xlim()[1] < 0.2


def test_confusion_as_drawn(two):
    display = two.plot("confusion")
    assert_allclose(display.confusion_matrix, two.confusion())
    assert [label.get_text() for label in pyplot.gca().get_xticklabels()] == ["no", "yes"]


def test_three_classes(three):
    displays = three.plot("roc")
    for k, display in enumerate(displays):
        assert display.roc_auc == pytest.approx(auc(three.y == k, three.predicted[:, k]))
    ax = pyplot.gca()
    texts = [text.get_text().partition(",")[0] for text in ax.get_legend().get_texts()]
    assert texts == ["a", "b", "c"]
    assert len(three.plot("precision_recall")) == len(three.plot("calibration")) == 3
    assert_allclose(three.plot("calibration")[1].prob_pred, three.tenths(1).predicted)
    assert three.plot("confusion").confusion_matrix.shape == (3, 3)


def test_all_in_one_figure(two, three):
    for outcomes in (two, three):
        figure = outcomes.plot()
        assert len(figure.axes) == len(outcomes.plots) == 4
    _, given = pyplot.subplots(2, 2)
    assert two.plot(ax=given) is given[0, 0].figure
    assert two.plot("roc", given[0, 1]).ax_ is given[0, 1]


def test_intervals_solve_their_equation():
    # the bounds are the p whose distance from the share is 1.96 of its own standard errors
    share, size = np.array([0.0, 0.1, 0.5, 1.0]), np.array([10.0, 20.0, 7.5, 30.0])
    for p in wilson(share, size):
        error = 1.96 * np.sqrt(p * (1.0 - p) / size)
        assert_allclose(np.abs(p - share), error, atol=1e-12)
    low, high = wilson(share, size)
    assert np.all((low <= share) & (share <= high))
    assert low[0] == 0.0
    assert high[-1] == 1.0
