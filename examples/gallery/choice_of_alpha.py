"""
Choice of alpha by cross-validation
===================================

The mean error over ten folds with its standard error, and the choices of both rules. The data
are those of diabetes with all squares and products of the columns, 65 features.
"""

from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

import softreg_fast as sf

X, y = load_diabetes(return_X_y=True, as_frame=True)
X = PolynomialFeatures(2, include_bias=False).set_output(transform="pandas").fit_transform(X)
found = sf.cv_path(X, y, cv=10, standardize=True)
sf.CVPathDisplay.from_path(found)
print(found)
