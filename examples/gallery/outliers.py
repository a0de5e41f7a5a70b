"""
Outliers: Huber's loss
======================

One sample in eight is wrong. Squared error follows it; Huber's loss, which grows linearly from
delta on, does not.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
x = rng.uniform(0, 1, 80)
y = 2 * x + 0.1 * rng.standard_normal(80)
y[:10] += 4 * x[:10]

figure, ax = pyplot.subplots(layout="constrained")
ax.plot(x, y, ".", color="0.6")
grid = np.linspace(0, 1, 2)
for name, loss in (("squared error", None), ("Huber, delta = 0.2", sf.losses.Huber(0.2))):
    fit = sf.solve(x[:, None], y, alpha=0.0, loss=loss)
    ax.plot(grid, fit.predict(grid[:, None]), label=name)
ax.plot(grid, 2 * grid, "--", color="0.4", label="truth")
ax.set(xlabel="x", ylabel="y")
ax.legend()
