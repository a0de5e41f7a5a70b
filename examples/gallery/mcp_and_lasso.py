"""
MCP and Lasso: large effects are not shrunk
===========================================

Where the path of MCP is shaded its objective is not convex on the features of the model.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf
from softreg_fast.penalties import MCP

rng = np.random.default_rng(0)
X = rng.standard_normal((120, 200))
truth = np.r_[2.0, -2.0, 1.5, -1.5, 1.0, np.zeros(195)]
y = X @ truth + rng.standard_normal(120)

figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, penalty, title in ((axes[0], None, "Lasso"), (axes[1], MCP(gamma=3.0), "MCP, gamma = 3")):
    sf.PathDisplay.from_path(sf.path(X, y, penalty=penalty, eps=0.05), ax=ax, n_labels=5)
    for value in truth[:5]:
        ax.axhline(value, color="0.6", linestyle=":", linewidth=1, zorder=0)
    ax.text(0.03, 0.93, title, transform=ax.transAxes)
