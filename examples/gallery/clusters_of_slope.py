"""
SLOPE: features that act alike get one coefficient
==================================================

Two causes are measured by five features each. SLOPE with the weights of OSCAR joins coefficients of
features that act alike in clusters of one size, where those of the Lasso all differ.
"""

import numpy as np
from matplotlib import pyplot

import softreg_fast as sf
from softreg_fast.penalties import L1, SLOPE

rng = np.random.default_rng(0)
causes, X = rng.standard_normal((120, 2)), rng.standard_normal((120, 30))
X[:, :10] = np.repeat(causes, 5, axis=1) + 0.4 * X[:, :10]
y = X[:, :10] @ np.repeat([1.0, -0.5], 5) + rng.standard_normal(120)

figure, ax = pyplot.subplots(layout="constrained")
for name, penalty, marker in (("Lasso", L1(), "o"), ("SLOPE", SLOPE(weights="oscar", q=0.5), "s")):
    found = sf.cv_path(X, y, penalty=penalty, cv=10, rule="1se")
    ax.plot(found.path[found.index].coef, marker, label=name, markersize=5)
ax.plot(np.repeat([1.0, -0.5, 0.0], [5, 5, 20]), "_", color="0.5", markersize=12, label="truth")
ax.set(xlabel="feature", ylabel="coefficient")
ax.legend()
