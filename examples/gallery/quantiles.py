"""
Quantiles: bands instead of means
=================================

The quantile loss fits the limits below which 10, 50 and 90 % of the targets lie, here of a
series whose noise grows.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 4, 300))
y = np.sin(2 * x) + x + (0.1 + 0.3 * x) * rng.standard_normal(300)


def features(x):
    return np.column_stack([x, np.sin(2 * x), np.cos(2 * x), x**2, np.sin(4 * x), np.cos(4 * x)])


figure, ax = pyplot.subplots(layout="constrained")
ax.plot(x, y, ".", color="0.7")
grid = np.linspace(0, 4, 200)
for tau in (0.1, 0.5, 0.9):
    fit = sf.solve(features(x), y, loss=sf.losses.Quantile(tau), alpha=0.005)
    ax.plot(grid, fit.predict(features(grid)), label=f"quantile {tau}")
ax.set(xlabel="x", ylabel="y")
ax.legend()
