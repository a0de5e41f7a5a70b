"""Scores of existing predictions by scikit-learn's scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils.metaestimators import available_if

from softreg_fast.data.design import Design
from softreg_fast.losses import SQUARED, Loss
from softreg_fast.options.types import Vector


class _Known(RegressorMixin, BaseEstimator):
    """An estimator that returns predictions from given linear predictors."""

    def __init__(self, eta: Any = None, loss: Any = SQUARED) -> None:
        self.eta = eta
        self.loss = loss

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        return self.loss.mean(self.eta)


class _KnownClasses(ClassifierMixin, _Known):
    """A classifier of given linear predictors."""

    @property
    def classes_(self) -> Any:
        return np.array(self.loss.labels)

    def predict(self, X: Any) -> Any:
        return self.loss.classes(self.eta)

    def decision_function(self, X: Any) -> Any:
        return self.eta

    @available_if(lambda self: hasattr(self.loss, "probabilities"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        return self.loss.probabilities(self.eta)


def scores_of(
    scoring: Any,
    design: Design,
    rows: NDArray[np.intp],
    y: NDArray[np.float64],
    predictors: NDArray[np.float64],
    where: str,
    loss: Loss = SQUARED,
    **score_params: Any,
) -> Vector:
    """Return the scores of several models on some samples.

    Parameters
    ----------
    scoring : str or callable
        A scikit-learn scorer. One that is not based on a function of predictions gets these rows of
        X.
    y : ndarray (n_rows,) or (n_rows, n_targets)
    predictors : ndarray (..., n_models), otherwise as y
        Linear predictors with their offset.
    where : str
        Description of the samples, for messages.
    loss : Loss
        The loss, which makes predictions of them: means, or classes and probabilities.
    **score_params
        Options of the scorer, such as sample_weight.

    Raises
    ------
    ValueError, TypeError
        If the scorer fails or returns anything but a finite number.
    """
    kind = _KnownClasses if hasattr(loss, "classes") else _Known
    scorer = check_scoring(kind(loss=loss), scoring=scoring)
    if looks_at_X(scorer):
        score_params = {}
    models = [kind(predictors[..., k], loss) for k in range(predictors.shape[-1])]
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
        task = "classification" if is_classifier(models[0]) else "regression"
        also = " It sees predictions, but no coefficients." if isinstance(models[0], _Known) else ""
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
