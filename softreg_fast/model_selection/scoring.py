"""Scores of existing predictions by scikit-learn's scorers."""

from __future__ import annotations

from collections.abc import Sequence
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
    if looks_at_X(scorer):
        score_params = {}
    models = [_Known(predictions[..., k]) for k in range(predictions.shape[-1])]
    named = f"scoring={name_of(scoring)}", where
    return scores_by(scorer, models, rows_for(scorer, design, rows), y, named, **score_params)


def looks_at_X(scorer: Any) -> bool:
    """Return whether a scorer may look at X: one that is not a function of predictions alone."""
    return not hasattr(scorer, "_score_func")


def rows_for(scorer: Any, design: Design, rows: NDArray[np.intp]) -> Any:
    """Return these rows of X if the scorer may look at them, else rows without columns."""
    if not looks_at_X(scorer):
        return np.empty((len(rows), 0))
    return design.X.tocsr()[rows] if design.is_sparse else design.X[rows]


def scores_by(
    scorer: Any,
    models: Sequence[Any],
    X: Any,
    y: Any,
    named: tuple[str, str],
    **score_params: Any,
) -> Vector:
    """Return the scores of fitted models, as `scores_of` does.

    Parameters
    ----------
    scorer : callable
        As returned by scikit-learn's check_scoring.
    models : sequence of estimators
    X, y : the samples
    named : tuple of str
        Descriptions of the scorer and of the samples, for messages.
    **score_params
        Options of the scorer.

    Raises
    ------
    ValueError, TypeError
        If the scorer fails or returns anything but a finite number.
    """
    what, where = named
    scores = np.empty(len(models))
    try:
        for k, model in enumerate(models):
            scores[k] = scorer(model, X, y, **score_params)
    except (AttributeError, TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        task, also = "regression", " It sees predictions, but no coefficients."
        if not isinstance(models[0], _Known):
            task, also = "two classes", ""
        raise kind(
            f"{what} failed on {where}: {error}; expected a scorer for {task} "
            f"that gives one number.{also}"
        ) from error
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{what} gives {scores[~np.isfinite(scores)][0]} on {where} "
            f"({len(y)} test samples); use larger test sets or another scorer."
        )
    return scores


def name_of(scoring: Any) -> str:
    """Return the name of a scorer."""
    return str(getattr(scoring, "__name__", scoring))
