"""
Several targets choose their features together
==============================================

Four targets depend on the same five of 40 features. Fitted one by one they select different
ones; MultiTaskLasso selects whole rows.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 40))
truth = np.zeros((40, 4))
truth[:5] = rng.normal(0, 1, (5, 4))
Y = X @ truth + rng.standard_normal((60, 4))

together = sf.MultiTaskLassoCV(cv=5).fit(X, Y).coef_
alone = np.array([sf.LassoCV(cv=5).fit(X, y).coef_ for y in Y.T])

figure, axes = pyplot.subplots(3, 1, figsize=(9, 5), layout="constrained", sharex=True)
for ax, coef, title in zip(
    axes,
    (truth.T, alone, together),
    ("truth", "LassoCV of each target", "MultiTaskLassoCV"),
    strict=True,
):
    image = ax.imshow(coef, aspect="auto", cmap="RdBu", vmin=-2, vmax=2)
    ax.set(title=title, ylabel="target", yticks=range(4))
axes[-1].set_xlabel("feature")
figure.colorbar(image, ax=axes, label="coefficient")
