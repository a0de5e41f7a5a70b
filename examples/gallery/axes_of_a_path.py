"""
Three axes for one path
=======================

Alpha, the L1 norm of the coefficients, and the deviance explained.
"""

from matplotlib import pyplot
from sklearn.datasets import load_diabetes

import softreg_fast as sf

fits = sf.path(*load_diabetes(return_X_y=True, as_frame=True))
figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained", sharey=True)
for ax, x in zip(axes, ("alpha", "l1", "deviance"), strict=True):
    sf.PathDisplay.from_path(fits, against=x, ax=ax)
