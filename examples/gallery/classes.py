"""
A classifier on samples left out
================================

ROC curve, precision and recall, calibration and confusion of a logistic Lasso, of the
predictions that cross-validation made for samples left out.
"""

from sklearn.datasets import load_breast_cancer

import softreg_fast as sf

data = load_breast_cancer(as_frame=True)
y = data.target_names[data.target]
found = sf.cv_path(data.data, y, loss="logistic", standardize=True, measure="auc", rule="1se")
sf.Outcomes.from_cv_path(found, y).plot()
