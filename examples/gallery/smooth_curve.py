"""
P-splines: a smooth curve, chosen by generalised cross-validation
=================================================================

Second differences of the coefficients of 40 B-splines are penalised. In the gap of the samples
the curve goes on smoothly.
"""

import numpy as np
from matplotlib import pyplot
from scipy.interpolate import BSpline

import softreg_fast as sf
from softreg_fast.penalties import Tikhonov, difference_matrix


def splines(x, count=40):
    step = 1.0 / (count - 3)
    return BSpline.design_matrix(x, step * np.arange(-3, count + 1), 3)


def truth(x):
    return np.sin(12 * x * x) + 2 * x


rng = np.random.default_rng(0)
x = np.sort(rng.random(400))
x = x[(x < 0.45) | (x > 0.6)]
y = truth(x) + 0.3 * rng.standard_normal(len(x))

penalty = Tikhonov(root=difference_matrix(40, order=2))
found = sf.cv_path(splines(x), y, penalty=penalty, criterion="gcv", n_alphas=60)

grid = np.linspace(0, 1, 500)
figure, ax = pyplot.subplots(layout="constrained")
ax.plot(x, y, ".", color="0.7", label="samples")
ax.plot(grid, truth(grid), "--", color="0.4", label="truth")
ax.plot(grid, found.predict(splines(grid)), label="P-splines")
for k in (found.index - 25, found.index + 25):
    if 0 <= k < len(found.path):
        ax.plot(
            grid,
            found.path[k].predict(splines(grid)),
            linewidth=0.8,
            label=f"alpha {found.path.alphas[k]:.1g}",
        )
ax.set(xlabel="x", ylabel="y")
ax.legend()
