"""
Plateaus and straight pieces: fused Lasso and trend filtering
=============================================================

With X the identity the coefficients are the series without its noise.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
n = 200
steps = np.repeat([0.0, 2.0, 1.0, 3.0], n // 4)
pieces = np.interp(np.arange(n), [0, 60, 120, n], [0.0, 3.0, 1.0, 2.0])

figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, truth, make, title in (
    (axes[0], steps, sf.fused_path, "fused_path"),
    (
        axes[1],
        pieces,
        lambda X, y, **o: sf.trend_filter_path(X, y, order=2, **o),
        "trend_filter_path",
    ),
):
    y = truth + 0.4 * rng.standard_normal(n)
    fits = make(np.eye(n), y, fit_intercept=False, n_alphas=40)
    errors = [np.mean((fits[k].coef - truth) ** 2) for k in range(len(fits))]
    ax.plot(y, ".", color="0.7", markersize=3, label="series")
    ax.plot(truth, "--", color="0.4", linewidth=1, label="truth")
    ax.plot(fits[int(np.argmin(errors))].coef, label="fit nearest to it")
    ax.set(title=title, xlabel="time")
axes[0].legend()
