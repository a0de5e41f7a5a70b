"""Folds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from softreg_fast import cv_path


def test_groups_are_labelled_as_the_rows():
    X = np.random.default_rng(0).standard_normal((12, 4))
    y = X @ [3.0, -2.0, 0.0, 1.0] + np.random.default_rng(1).standard_normal(12)
    frame, groups = pd.DataFrame(X), pd.Series(np.repeat([0, 1, 2], 4))
    folds = GroupKFold(3)
    assert cv_path(frame, y, cv=folds, groups=groups, alphas=[0.1]).alpha == 0.1
    with pytest.raises(ValueError, match="index of groups holds"):
        cv_path(frame, y, cv=folds, groups=groups.sample(frac=1, random_state=0), alphas=[0.1])
