"""
The certificate along a path
============================

The duality gap of each fit, relative to the loss without features: an upper bound on how far
its objective is above the minimum. Plain coordinate descent stops at the tolerance that it is
given; the default solver ends at rounding.
"""

from matplotlib import pyplot
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

import softreg_fast as sf

X, y = load_diabetes(return_X_y=True)
X = PolynomialFeatures(2, include_bias=False).fit_transform(X)

figure, ax = pyplot.subplots(layout="constrained")
for name, options in (
    ("coordinate descent, tol = 1e-4", {"solver": "cd", "tol": 1e-4}),
    ("coordinate descent, tol = 1e-8", {"solver": "cd", "tol": 1e-8}),
    ("the default", {}),
):
    fits = sf.path(X, y, standardize=True, **options)
    ax.loglog(fits.alphas, fits.relative_gaps.clip(1e-17), ".-", markersize=4, label=name)
ax.invert_xaxis()
ax.set(xlabel="alpha", ylabel="gap / P0")
ax.legend()
