"""
Adaptive Lasso: weights from a first fit
========================================

Features that a first Lasso gives large coefficients are penalised less in the second, so that
they are shrunk less, and fewer false ones are needed.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((150, 60)) + 0.7 * rng.standard_normal((150, 1))
truth = np.r_[3.0, -2.0, 1.5, -1.0, np.zeros(56)]
y = X @ truth + rng.standard_normal(150)

figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, fits, title in (
    (axes[0], sf.path(X, y), "Lasso"),
    (axes[1], sf.adaptive_path(X, y), "adaptive Lasso"),
):
    sf.PathDisplay.from_path(fits, ax=ax, n_labels=4)
    for value in truth[:4]:
        ax.axhline(value, color="0.6", linestyle=":", linewidth=1, zorder=0)
    ax.text(0.03, 0.93, title, transform=ax.transAxes)
