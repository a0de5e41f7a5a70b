"""
Which pixels tell a 3 from an 8?
================================

A logistic Lasso on scikit-learn's images of digits, 8 x 8 pixels. On the left the mean images,
on the right the coefficients: blue speaks for 8, red for 3, white pixels are not used.
"""

import numpy as np
from matplotlib import pyplot
from sklearn.datasets import load_digits

import softreg_fast as sf

X, y = load_digits(return_X_y=True)
X, y = X[(y == 3) | (y == 8)], y[(y == 3) | (y == 8)]
found = sf.cv_path(X, y, loss="logistic", cv=5, rule="1se", measure="auc")
coef = found.path[found.index].coef.reshape(8, 8)

figure, axes = pyplot.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for ax, digit in zip(axes, (3, 8), strict=False):
    ax.imshow(X[y == digit].mean(axis=0).reshape(8, 8), cmap="Greys")
    ax.set_title(f"mean {digit}")
top = np.abs(coef).max()
axes[2].imshow(coef, cmap="RdBu", vmin=-top, vmax=top)
axes[2].set_title(f"{np.count_nonzero(coef)} of 64 pixels")
for ax in axes:
    ax.set(xticks=[], yticks=[])
