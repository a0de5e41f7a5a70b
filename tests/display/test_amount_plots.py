"""Plots of numbers: tenths, residuals, rootograms against SciPy's distributions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pictures import pixels
from scipy import stats

from softreg_fast import Outcomes, losses
from softreg_fast.display.amount_plots import MOST_BARS, MOST_POINTS, frequencies

pyplot = pytest.importorskip("matplotlib.pyplot")


def lines_of(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-"]


@pytest.mark.parametrize("loss", [losses.Poisson(), losses.Gamma(), losses.SQUARED])
def test_observed_against_predicted(rng, loss):
    mu = rng.gamma(2.0, size=400) + 0.1
    found = Outcomes(loss, mu * rng.gamma(2.0, 0.5, 400), mu)
    ax = found.plot("observed")
    tenths = found.tenths()
    drawn = next(line for line in lines_of(ax) if len(line.get_xdata()) == 10)
    assert_allclose(drawn.get_xdata(), tenths.predicted)
    assert_allclose(drawn.get_ydata(), tenths.observed)
    assert pixels(ax.figure).std() > 0


def test_small_and_large_predictions_have_logarithmic_axes(rng):
    mu = np.exp(rng.normal(0.0, 2.0, 2000))
    found = Outcomes(losses.Poisson(), rng.poisson(mu).astype(float), mu)
    ax = found.plot("observed")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert found.plot("residuals").get_xscale() == "log"
    mu = mu[mu > 1.0]
    plain = Outcomes(losses.SQUARED, mu, mu)
    assert plain.plot("residuals").get_xscale() == "linear"
    assert plain.plot("observed").get_xscale() == "linear"


def test_residuals_and_their_means(rng):
    mu = rng.random(100) + 1.0
    found = Outcomes(losses.Poisson(), rng.poisson(mu).astype(float), mu)
    ax = found.plot("residuals")
    points = ax.lines[0]
    assert_allclose(points.get_ydata(), found.residuals())
    means = next(line for line in lines_of(ax) if len(line.get_xdata()) == 10)
    order = np.argsort(mu)
    assert_allclose(means.get_ydata(), found.residuals()[order].reshape(10, 10).mean(axis=1))
    assert ax.get_ylabel() == "deviance residual"


def test_many_points_are_thinned_out(rng):
    mu = rng.random(3 * MOST_POINTS)
    ax = Outcomes(losses.SQUARED, mu + 1.0, mu).plot("residuals")
    x = ax.lines[0].get_xdata()
    assert len(x) == MOST_POINTS
    assert (x.min(), x.max()) == (mu.min(), mu.max())
    assert ax.lines[0].get_rasterized()


@pytest.mark.parametrize("theta", [None, 0.7, 3.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_frequencies(rng, theta, weighted):
    mu = rng.gamma(2.0, size=200)
    loss = losses.Poisson() if theta is None else losses.NegativeBinomial(theta)
    model = stats.poisson(mu) if theta is None else stats.nbinom(theta, theta / (theta + mu))
    y = model.rvs(random_state=rng).astype(float)
    weight = rng.random(200) if weighted else None
    found = Outcomes(loss, y, mu, weight)
    edges, observed, expected = frequencies(found)
    assert len(edges) - 1 <= MOST_BARS + 1
    width = np.diff(edges)
    assert np.all(width == width[0])
    for first, behind, seen, wanted in zip(edges, edges[1:], observed, expected, strict=False):
        rows = (y >= first) & (y < behind)
        assert seen == pytest.approx(found.weights[rows].sum())
        chances = sum(model.pmf(count) for count in range(first, behind))
        assert wanted == pytest.approx(found.weights @ chances)


def test_counts_in_steps(rng):
    mu = np.full(500, 300.0)
    found = Outcomes(losses.Poisson(), rng.poisson(mu).astype(float), mu)
    edges, observed, expected = frequencies(found)
    assert edges[1] > 1
    assert observed.sum() >= 0.97 * 500
    assert expected.sum() == pytest.approx(500 * stats.poisson(300.0).cdf(edges[-1] - 1))


def test_rootogram(rng):
    mu = rng.random(100)
    found = Outcomes(losses.Poisson(), rng.poisson(mu).astype(float), mu)
    ax = found.plot("rootogram")
    _, observed, expected = frequencies(found)
    for bar, seen, wanted in zip(ax.patches, observed, expected, strict=True):
        assert bar.get_height() == pytest.approx(np.sqrt(seen))
        assert bar.get_y() + bar.get_height() == pytest.approx(np.sqrt(wanted))
    assert_array_equal(ax.lines[0].get_xdata(), np.arange(len(observed)))


def test_zero_counts_only():
    found = Outcomes(losses.Poisson(), np.zeros(5), np.full(5, 0.1))
    assert pixels(found.plot()).std() > 0


class Pinball(losses.Huber):
    """The parts of a loss of quantiles that plots use."""

    kind = "quantile"
    tau = 0.8

    def deviance(self, y, eta):
        return 2.0 * np.maximum(self.tau * (y - eta), (self.tau - 1.0) * (y - eta))


@pytest.mark.parametrize("weighted", [False, True])
def test_coverage(rng, weighted):
    predicted = rng.random(100)
    y = predicted + rng.normal(-0.5, 1.0, 100)
    weight = rng.random(100) if weighted else None
    found = Outcomes(Pinball(1.0), y, predicted, weight)
    assert found.plots == ("coverage", "residuals")
    ax = found.plot("coverage")
    order = np.argsort(predicted).reshape(10, 10)
    below = np.average((y <= predicted)[order], axis=1, weights=found.weights[order])
    assert_allclose(ax.lines[0].get_ydata(), below)
    level = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert_array_equal(level[0].get_ydata(), [0.8, 0.8])
    residuals = found.residuals()
    assert_allclose(residuals[y < predicted] ** 2, 0.4 * (predicted - y)[y < predicted])
