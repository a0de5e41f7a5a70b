"""
Paths of several classes
========================

The multinomial loss has coefficients for each class; a feature has the same colour in all
plots.
"""

from sklearn.datasets import load_iris

import softreg_fast as sf

data = load_iris(as_frame=True)
y = data.target_names[data.target]
X = data.data.rename(columns=lambda name: name.removesuffix(" (cm)"))
fits = sf.path(X, y, loss="multinomial", standardize=True, eps=0.005)
sf.PathDisplay.from_path(fits)
