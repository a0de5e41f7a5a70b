"""
Coefficients along a path
=========================

The Lasso fits models from the empty one on the left to the full one on the right. A feature
enters when alpha is small enough for it; the marked model is the simplest within one standard
error of the best.
"""

from sklearn.datasets import load_diabetes

import softreg_fast as sf

X, y = load_diabetes(return_X_y=True, as_frame=True)
found = sf.cv_path(X, y, cv=10, rule="1se")
sf.PathDisplay.from_path(found, mark=found.index)
