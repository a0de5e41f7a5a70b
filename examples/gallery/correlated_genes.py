"""
Elastic net and Lasso on correlated features
============================================

Three causes are measured by five features each; 35 more measure nothing. The Lasso picks some
of each five, the elastic net keeps them together.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
causes = rng.standard_normal((80, 3))
X = np.hstack([np.repeat(causes, 5, axis=1), np.zeros((80, 35))])
X += 0.3 * rng.standard_normal(X.shape)
y = causes @ [3.0, -2.0, 1.0] + rng.standard_normal(80)

figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, l1_ratio in zip(axes, (1.0, 0.2), strict=True):
    found = sf.cv_path(X, y, l1_ratio=l1_ratio, cv=10, standardize=True, rule="1se")
    coef = found.path[found.index].coef
    ax.stem(coef[:15], basefmt=" ")
    ax.axhline(0.0, color="0.6", linewidth=1)
    ax.set(xlabel="feature: five of each cause", title=f"l1_ratio = {l1_ratio:g}")
axes[0].set_ylabel("coefficient")
