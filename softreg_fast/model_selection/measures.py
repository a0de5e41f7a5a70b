"""Measures by which cross-validation compares models, on the samples left out.

Errors are what is minimised. A measure of which more is better enters with its sign changed, and
its name begins with a minus, as that of a scikit-learn scorer does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.labels import given_target
from softreg_fast.data.validation import as_real, as_weights
from softreg_fast.kernels._left_out import areas
from softreg_fast.losses import Logistic
from softreg_fast.losses.base import Loss
from softreg_fast.losses.classes import Binomial, TwoClasses
from softreg_fast.losses.cox import Cox
from softreg_fast.losses.multinomial import Multinomial
from softreg_fast.model_selection.folds import Training
from softreg_fast.model_selection.scoring import Known, labelled, name_of, scores_of
from softreg_fast.model_selection.survival_measures import Concordance, PartialLikelihood
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.result import Path

Array = NDArray[np.float64]


class Measure(Protocol):
    """The errors of models on the test samples of a fold."""

    @property
    def name(self) -> str:
        """Name of the errors; it begins with a minus where they are minus what it names."""

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return the errors of the models of a path on the test samples of fold k."""


class Deviance(NamedTuple):
    """The mean deviance of the loss: the mean squared error, for squared error."""

    name: str

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return the weighted mean deviances."""
        return training.errors_of(k, fits)


class Mean(NamedTuple):
    """The weighted mean of a function of targets and linear predictors."""

    name: str
    of: Callable[[Loss, Vector, Array], Array]

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return the weighted means."""
        target = training.design.described_target

        def each(rows: Index, eta: Array) -> Array:
            y = target.observed[rows][:, np.newaxis]
            return self.of(target.loss, y, target.predictors_of(rows, eta))

        return training.mean_over(k, fits, each)


class Auc(NamedTuple):
    """Minus the area under the ROC curve; of several classes the mean over one against the rest."""

    name: str = "-auc"

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return minus the areas.

        Raises
        ------
        ValueError
            If one of the classes is missing among the test samples.
        """
        loss: Any = training.loss
        y, weight = training.observed_of(k), training.test_weight(k)
        eta, found = with_ties(training.predictors_of(k, fits)), []
        for name, other, share, scores in loss.contests(training.classes.tolist(), y, eta):
            for label, part in ((other, 1.0 - share), (name, share)):
                if not (weight @ part) > 0.0:
                    raise ValueError(
                        f"measure='auc' compares samples of two classes, and the test samples of "
                        f"fold {k} have none of class {label}; use fewer folds, folds that are "
                        "stratified, or measure='deviance'."
                    )
            found.append(_areas(share, scores, weight))
        return np.asarray(-np.mean(found, axis=0))


class Scorer(NamedTuple):
    """Minus the score of a scikit-learn scorer."""

    scoring: Any

    @property
    def name(self) -> str:
        """Minus the name of the scorer."""
        return f"-{name_of(self.scoring)}"

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return minus the scores."""
        weight = None if training.design.weight is None else training.test_weight(k)
        rows, y = training.folds[k].test, training.observed_of(k)
        eta = np.moveaxis(with_ties(training.predictors_of(k, fits)), 1, -1)
        known = Known(rows, y, eta, weight)
        if training.classes is not None:
            known = labelled(known, training.loss, training.classes)
        return -scores_of(
            self.scoring, training.design, known, f"fold {k}", training.loss, training.classes
        )


def with_ties(eta: Array) -> Array:
    # Predictors without their last bits: BLAS adds in another order at the end of a block, so that
    # equal rows of X would not be ties.
    large = 2.0**13 * np.abs(eta).max(axis=0, initial=0.0)
    return np.asarray((eta + large) - large)


def _squared(loss: Loss, y: Vector, eta: Array) -> Array:
    return np.square(y - loss.mean(eta))


def _absolute(loss: Loss, y: Vector, eta: Array) -> Array:
    return np.abs(y - loss.mean(eta))


def _minus_hits(loss: Any, y: Vector, eta: Array) -> Array:
    return np.asarray(-loss.hits(y, eta))


def _brier(loss: Any, y: Vector, eta: Array) -> Array:
    return np.asarray(loss.brier(y, eta))


# Measures other than the deviance, by name, and the kind of loss that has them.
MEASURES: dict[str, tuple[tuple[type[Loss], ...], Measure]] = {
    "mse": ((Loss,), Mean("mean squared error", _squared)),
    "mae": ((Loss,), Mean("mean absolute error", _absolute)),
    "auc": ((TwoClasses, Multinomial), Auc()),
    "accuracy": ((TwoClasses, Multinomial), Mean("-accuracy", _minus_hits)),
    "brier": ((Binomial, Multinomial), Mean("Brier score", _brier)),
}
SURVIVAL_MEASURES: dict[str, Measure] = {
    "deviance": PartialLikelihood(),
    "concordance": Concordance(),
}
NAMES = ("deviance", *MEASURES)


def measure_for(measure: Any, scoring: Any, loss: Loss) -> Measure:
    """Return the measure that the options name, for a loss.

    Parameters
    ----------
    measure : str, callable or None
        One of `NAMES`, or a scikit-learn scorer; None: "deviance".
    scoring : str, callable or None
        A scikit-learn scorer.
    loss : Loss

    Raises
    ------
    ValueError
        If both are given, if nothing has the name, and for a measure that the loss does not have.
    """
    if isinstance(loss, Cox):
        return _of_survival(measure, scoring, loss)
    if scoring is not None:
        if measure is not None:
            raise ValueError(
                "measure and scoring name the same thing, by which models are compared; give one "
                "of them."
            )
        return Scorer(scoring)
    if isinstance(measure, str) and measure == "concordance":
        raise ValueError(
            f"measure='concordance' is for survival times (loss='cox'), and the loss is {loss!r}."
        )
    if measure is None or (isinstance(measure, str) and measure == "deviance"):
        return Deviance(loss.measure)
    if not (isinstance(measure, str) and measure in MEASURES):
        return Scorer(_known_scorer(measure))
    if measure == "mse" and loss.quadratic:
        return Deviance(loss.measure)
    needed, found = MEASURES[measure]
    if not isinstance(loss, needed):
        ours = [name for name, (kind, _) in MEASURES.items() if isinstance(loss, kind)]
        what = "probabilities" if isinstance(loss, TwoClasses) else "classes"
        raise ValueError(
            f"measure={measure!r} is for losses of {what}, and the loss is {loss!r}; choose one of "
            f"deviance, {', '.join(ours)}, or a scikit-learn scorer."
        )
    return found


def _of_survival(measure: Any, scoring: Any, loss: Loss) -> Measure:
    named = "deviance" if measure is None and scoring is None else measure
    if scoring is not None or named not in SURVIVAL_MEASURES:
        given = f"measure={measure!r}" if scoring is None else f"scoring={scoring!r}"
        raise ValueError(
            f"{given} is not for {loss!r}; survival models are compared by measure="
            f"{' or '.join(map(repr, SURVIVAL_MEASURES))}."
        )
    return SURVIVAL_MEASURES[named]


def _known_scorer(measure: Any) -> Any:
    from sklearn.metrics import get_scorer_names

    if callable(measure) or (isinstance(measure, str) and measure in get_scorer_names()):
        return measure
    raise ValueError(
        f"measure must be one of {', '.join(NAMES)}, or a scikit-learn scorer, by its name or "
        f"itself; got {measure!r}."
    )


def auc(y: ArrayLike, score: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Return the area under the ROC curve: the share of pairs that the scores put in order.

    Pairs are of a sample of each class, weighted by the product of their weights; a
    pair of equal scores counts half.

    Parameters
    ----------
    y : array-like (n_samples,)
        Labels of two classes, or proportions of the second.
    score : array-like (n_samples,)
        Larger for samples that are more likely of the second class.
    sample_weight : array-like (n_samples,) or None, default=None
        Weights >= 0. None: all equal.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If one of the classes is missing.
    """
    share = given_target(y, Logistic(), len(np.atleast_1d(y))).values
    n = len(share)
    scores = as_real("score", score, dtype=np.float64, ensure_2d=False)
    if scores.shape != (n,):
        raise ValueError(
            f"score has shape {scores.shape}, y has {n} samples; expected one number for each."
        )
    return float(aucs(share, scores[:, np.newaxis], sample_weight)[0])


def aucs(share: Vector, scores: Array, sample_weight: ArrayLike | None = None) -> Vector:
    """Return what `auc` does for several scores, (n_samples, n_models), of shares of class 1."""
    weight = as_weights(sample_weight, len(share))[0]
    weight = np.ones(len(share)) if weight is None else weight
    if not (weight @ share > 0.0 and weight @ (1.0 - share) > 0.0):
        raise ValueError("The area under the ROC curve needs samples of both classes in y.")
    return _areas(share, scores, weight)


def _areas(share: Vector, scores: Array, weight: Vector) -> Vector:
    # of every column of scores: sum over samples of class 1 of the weight of class 0 below them,
    # and half of that beside them
    rows = np.ascontiguousarray(scores.T)
    ones, zeros = weight * share, weight * (1.0 - share)
    pairs = areas(rows, np.argsort(rows, axis=1), ones, zeros)
    return np.asarray(pairs / ((weight @ share) * (weight @ (1.0 - share))))
