"""Scores of existing predictions by scikit-learn's scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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

    def __init__(self, eta: Any = None, loss: Any = SQUARED, classes: Any = None) -> None:
        self.eta = eta
        self.loss = loss
        self.classes = classes

    def fit(self, X: Any, y: Any) -> Any:
        return self

    def predict(self, X: Any) -> Any:
        return self.loss.mean(self.eta)


class _KnownClasses(ClassifierMixin, _Known):
    """A classifier of given linear predictors."""

    @property
    def classes_(self) -> Any:
        return self.classes

    def predict(self, X: Any) -> Any:
        return self.classes[np.searchsorted(self.loss.labels, self.loss.classes(self.eta))]

    def decision_function(self, X: Any) -> Any:
        return self.eta

    @available_if(lambda self: hasattr(self.loss, "probabilities"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        return self.loss.probabilities(self.eta)


class Known(NamedTuple):
    """Samples whose linear predictors are known.

    Attributes
    ----------
    rows : ndarray (n_rows,) of int
    y : ndarray (n_rows,) or (n_rows, n_targets)
        Targets or, of classes, their labels.
    predictors : ndarray (..., n_models), otherwise as y
        Linear predictors with their offset.
    weight : ndarray (n_rows,) or None
    is_split : bool
        Whether samples stand here twice, with a part of their weight in each class.
    """

    rows: NDArray[np.intp]
    y: NDArray[Any]
    predictors: NDArray[np.float64]
    weight: Vector | None = None
    is_split: bool = False


def labelled(known: Known, loss: Any, classes: NDArray[Any]) -> Known:
    """Return the same samples with labels for targets.

    One with a proportion becomes two, of the first and of the second class, which share its weight.
    """
    share = loss.share(known.y)
    if np.all((share == 0.0) | (share == 1.0)):
        return known._replace(y=classes[share.astype(np.intp)])
    n = len(share)
    weight = np.ones(n) if known.weight is None else known.weight
    weights = np.concatenate([weight * (1.0 - share), weight * share])
    some = weights > 0.0
    return Known(
        np.tile(known.rows, 2)[some],
        np.repeat(classes, n)[some],
        np.concatenate([known.predictors] * 2)[some],
        weights[some],
        is_split=True,
    )


def scores_of(
    scoring: Any,
    design: Design,
    known: Known,
    where: str,
    loss: Loss = SQUARED,
    classes: NDArray[Any] | None = None,
    **score_params: Any,
) -> Vector:
    """Return the scores of several models on some samples.

    Parameters
    ----------
    scoring : str or callable
        A scikit-learn scorer. One that is not based on a function of predictions gets these rows of
        X.
    known : Known
    where : str
        Description of the samples, for messages.
    loss : Loss
        The loss, which makes predictions of linear predictors: means, or classes and probabilities.
    classes : ndarray or None
        Labels of the classes.
    **score_params
        Options of the scorer.

    Raises
    ------
    ValueError, TypeError
        If the scorer fails or returns anything but a finite number.
    """
    kind = _Known if classes is None else _KnownClasses
    scorer = check_scoring(kind(loss=loss, classes=classes), scoring=scoring)
    looks = looks_at_X(scorer)
    if looks and known.is_split:
        raise ValueError(
            f"scoring={name_of(scoring)} gets no weights, which the shares of two classes need; "
            "use a scorer that is made of a metric, or a measure such as 'deviance'."
        )
    if known.weight is not None:
        score_params["sample_weight"] = known.weight
    eta = known.predictors
    models = [kind(eta[..., k], loss, classes) for k in range(eta.shape[-1])]
    named = f"scoring={name_of(scoring)}", where
    rows = rows_for(scorer, design, known.rows)
    options = {} if looks else score_params
    return scores_by(scorer, models, rows, known.y, named, **options)


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
