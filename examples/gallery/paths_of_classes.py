"""
Paths of several classes
========================

The multinomial loss has coefficients for each class; a feature has the same colour in all
plots.
"""

from sklearn.datasets import load_wine

import softreg_fast as sf

data = load_wine(as_frame=True)
y = data.target_names[data.target]
fits = sf.path(data.data, y, loss="multinomial", standardize=True, eps=0.005)
sf.PathDisplay.from_path(fits, n_labels=5)
