"""
Weighted ridge on polynomials
=============================

Twelve powers of x. With equal weights the fit waves at the ends; with weights that grow with
the power it is smooth.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(1)
x, powers = np.sort(rng.uniform(-1, 1, 40)), np.arange(1, 13)
y = np.sin(3 * x) + 0.3 * rng.standard_normal(40)
grid = np.linspace(-1, 1, 300)

figure, ax = pyplot.subplots(layout="constrained")
ax.plot(x, y, "o", color="0.6", markersize=4, label="samples")
ax.plot(grid, np.sin(3 * grid), "--", color="0.4", label="truth")
for name, weights in (("equal weights", np.ones(12)), ("weights 4^k", 4.0 ** np.arange(12))):
    model = sf.RidgeCV(alphas=np.logspace(-8, 0, 40), l2_weights=weights)
    model.fit(x[:, None] ** powers, y)
    ax.plot(grid, model.predict(grid[:, None] ** powers), label=name)
ax.set(xlabel="x", ylabel="y", ylim=(-2, 2))
ax.legend()
