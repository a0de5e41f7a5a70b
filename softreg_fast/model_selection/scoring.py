"""Scores of existing predictions by scikit-learn's scorers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring

from softreg_fast.data.design import Design
from softreg_fast.options.types import Vector


class _Known(RegressorMixin, BaseEstimator):
    """An estimator that returns given predictions."""

    def __init__(self, predictions: Any = None) -> None:
        self.predictions = predictions

    def fit(self, X: Any, y: Any) -> _Known:
        return self

    def predict(self, X: Any) -> Any:
        return self.predictions


def scores_of(
    scoring: Any,
    design: Design,
    rows: NDArray[np.intp],
    y: NDArray[np.float64],
    predictions: NDArray[np.float64],
    where: str,
    **score_params: Any,
) -> Vector:
    """Return the scores of several models on some samples.

    Parameters
    ----------
    scoring : str or callable
        A scikit-learn scorer. One that is not based on a function of predictions gets these rows of
        X.
    y : ndarray (n_rows,) or (n_rows, n_targets)
    predictions : ndarray (..., n_models), otherwise as y
    where : str
        Description of the samples, for messages.
    **score_params
        Options of the scorer, such as sample_weight.

    Raises
    ------
    ValueError, TypeError
        If the scorer fails or returns anything but a finite number.
    """
    scorer = check_scoring(_Known(), scoring=scoring)
    X = np.empty((len(rows), 0))
    if callable(scoring) and not hasattr(scoring, "_score_func"):  # may need X
        X = design.X.tocsr()[rows] if design.is_sparse else design.X[rows]
        score_params = {}
    scores = np.empty(predictions.shape[-1])
    try:
        for k in range(len(scores)):
            scores[k] = scorer(_Known(predictions[..., k]), X, y, **score_params)
    except (AttributeError, TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"scoring={name_of(scoring)} failed on {where}: {error}; expected a scorer for "
            "regression that gives one number. It sees predictions, but no coefficients."
        ) from error
    if not np.isfinite(scores).all():
        raise ValueError(
            f"scoring={name_of(scoring)} gives {scores[~np.isfinite(scores)][0]} on {where} "
            f"({len(rows)} test samples); use larger test sets or another scorer."
        )
    return scores


def name_of(scoring: Any) -> str:
    """Return the name of a scorer."""
    return str(getattr(scoring, "__name__", scoring))
