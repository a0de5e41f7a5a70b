"""
A curve that only rises
=======================

``fused_path(..., increasing=True)`` with alpha 0 is isotonic regression; larger alphas join
its steps.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 1, 150))
y = np.log1p(20 * x) + 0.5 * rng.standard_normal(150)

fits = sf.fused_path(np.eye(150), y, fit_intercept=False, increasing=True, alphas=[0.02, 0.0])
figure, ax = pyplot.subplots(layout="constrained")
ax.plot(x, y, ".", color="0.6", label="samples")
ax.step(x, fits[1].coef, where="mid", linewidth=1, label="isotonic, alpha = 0")
ax.step(x, fits[0].coef, where="mid", label="alpha = 0.02")
ax.set(xlabel="x", ylabel="y")
ax.legend()
