"""Predictions of every sample by the models of the folds that left it out."""

from __future__ import annotations

import numpy as np

from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.folds import Training
from softreg_fast.paths.predict import predictor_by


def predict_out_of_fold(training: Training, found: CVPath) -> None:
    """Write into `found.predictions` the mean of the predictions of each sample left out."""
    X, k = training.design.X, found.index
    target = training.design.described_target
    tests = [fold.test for fold in training.folds]
    each = [
        target.mean_of(test, predictor_by(X, test, fits, k))
        for test, fits in zip(tests, found.fold_paths, strict=True)
    ]
    rows, total = np.concatenate(tests), np.zeros(found.predictions.shape)
    np.add.at(total, rows, np.concatenate(each))
    times = np.bincount(rows, minlength=len(total)).reshape(-1, *(1,) * (total.ndim - 1))
    np.divide(total, times, out=found.predictions, where=times > 0)
