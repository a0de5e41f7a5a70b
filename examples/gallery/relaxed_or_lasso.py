"""
Relaxed Lasso: the same features, less shrinkage
================================================

On the left the Lasso, on the right least squares on the features that it selects at each
alpha. Five of 50 simulated features act; their true coefficients are the dotted lines.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((100, 50))
truth = np.r_[2.0, -1.5, 1.0, -1.0, 0.7, np.zeros(45)]
y = X @ truth + rng.standard_normal(100)

fits = sf.relaxed_path(X, y, eps=0.01)
figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, gamma, title in ((axes[0], 1.0, "Lasso"), (axes[1], 0.0, "relaxed")):
    sf.PathDisplay.from_path(fits.at(gamma), ax=ax, n_labels=5)
    for value in truth[:5]:
        ax.axhline(value, color="0.6", linestyle=":", linewidth=1, zorder=0)
    ax.text(0.03, 0.03, title, transform=ax.transAxes)
