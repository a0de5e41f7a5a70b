"""
Counts: is it Poisson?
======================

Counts whose variance exceeds their mean. The rootogram hangs bars from what the model expects:
under a Poisson model they end below the axis at 0, under a negative binomial one they stand on
it.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((2000, 20))
mean = np.exp(X[:, :3] @ [0.6, -0.4, 0.3])
y = rng.poisson(mean * rng.gamma(2.0, 0.5, 2000))

figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, loss in zip(axes, ("poisson", sf.losses.NegativeBinomial(theta=2.0)), strict=True):
    found = sf.cv_path(X, y, loss=loss, cv=5, n_alphas=30)
    sf.Outcomes.from_cv_path(found, y).plot("rootogram", ax=ax)
    ax.set_title(str(loss))
