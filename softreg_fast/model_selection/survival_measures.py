"""Measures of survival models: the cross-validated partial likelihood, and concordance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.survival import as_survival
from softreg_fast.data.validation import as_weights
from softreg_fast.kernels._risk_sets import concordance as pairs
from softreg_fast.losses.cox import EVENT, START, STOP, STRATUM
from softreg_fast.model_selection.folds import Training
from softreg_fast.options.types import Vector
from softreg_fast.paths.predict import predict_all
from softreg_fast.paths.result import Path


class PartialLikelihood(NamedTuple):
    """Deviance of training and test samples together less that of the training samples alone.

    Test samples by themselves may hold too few at risk at the same time. The difference is divided
    by the weight of the test samples with an event, as in glmnet.

    References
    ----------
    Verweij, van Houwelingen (1993), "Cross-validation in survival analysis", Stat. Med. 12; Simon,
    Friedman, Hastie, Tibshirani (2011), J. Stat. Software 39(5).
    """

    name: str = "partial likelihood deviance"

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return the differences for the models of a path on fold k.

        Raises
        ------
        ValueError
            If no test sample with a positive weight has an event.
        """
        target: Any = training.design.described_target
        eta = predict_all(training.design.X, fits.coefs, fits.intercepts)
        eta = target.predictors_of(slice(None), eta)
        fold = training.folds[k]
        events = float(training.test_weight(k) @ target.events[fold.test])
        if not events > 0.0:
            raise ValueError(
                f"No test sample of fold {k} has an event, so that its deviance says nothing; use "
                "fewer folds, or folds that are stratified by the event."
            )
        trained = training.weight * fold.counts
        known: Any = training.target_of(k)
        if known is None:
            alone = target.loss.deviance_of(target.y, eta, trained)
        else:  # with weights of mean one, of which the deviance is a multiple; of all rows or some
            rows = np.flatnonzero(trained) if known.n_samples < len(trained) else slice(None)
            alone = known.total_deviance(eta.T[:, rows].T) * trained[rows].mean()
        if fold.covers:
            both = target.total_deviance(eta)
        else:
            tested = training.weight * np.bincount(fold.test, minlength=len(trained))
            both = target.loss.deviance_of(target.y, eta, trained + tested)
        return np.asarray((both - alone) / events)


class Concordance(NamedTuple):
    """Minus Harrell's C-index."""

    name: str = "-concordance"

    def errors(self, training: Training, k: int, fits: Path) -> Vector:
        """Return minus the C-indices on the test samples of fold k.

        Raises
        ------
        ValueError
            If no two test samples can be compared.
        """
        y, weight = training.observed_of(k), training.test_weight(k)
        eta = training.predictors_of(k, fits)
        found = [c_index(y, each, weight) for each in eta.T]
        if np.isnan(found).any():
            raise ValueError(
                f"No two test samples of fold {k} can be compared: one must be at risk when the "
                "other has an event. Use fewer folds, or measure='deviance'."
            )
        return -np.array(found)


def c_index(y: NDArray[np.float64], risk: Vector, weight: Vector) -> float:
    """Return Harrell's C-index of risks for targets as Cox's loss has them; NaN without a pair."""
    counted = weight > 0.0
    y, weight = np.ascontiguousarray(y[counted]), np.ascontiguousarray(weight[counted])
    rank = np.unique(risk[counted], return_inverse=True)[1].reshape(-1) + 1
    order = np.lexsort((y[:, EVENT], -y[:, STOP], y[:, STRATUM]))
    entry = np.lexsort((-y[:, START], y[:, STRATUM]))
    concordant, comparable = pairs(
        y, order.astype(np.intp), entry.astype(np.intp), rank.astype(np.intp), weight
    )
    return concordant / comparable if comparable > 0.0 else float("nan")


def concordance(y: Any, risk: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Return Harrell's C-index: the share of comparable pairs that the risks put in order.

    A pair is comparable if one sample has an event while the other, of the same stratum, is at risk
    and known to go on longer, or as long without an event; two events at the same time are not. It
    is in order if the first has the larger risk, and counts half if the risks are equal. Pairs are
    weighted by the product of their weights.

    Parameters
    ----------
    y : survival times, (n_samples,)
        As made by `survival`, or in one of the other forms that are taken for them.
    risk : array-like (n_samples,)
        Larger for samples that are more likely to have the event early.
    sample_weight : array-like (n_samples,) or None, default=None
        Weights >= 0. None: all equal.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If no two samples can be compared, and for risks that are not finite numbers.

    References
    ----------
    Harrell, Califf, Pryor, Lee, Rosati (1982), "Evaluating the yield of medical tests", JAMA 247.

    Examples
    --------
    >>> from softreg_fast import concordance, survival
    >>> concordance(survival([1.0, 2.0, 3.0], [1, 1, 0]), [3.0, 1.0, 2.0])
    0.6666666666666666
    """
    scores = np.asarray(risk, np.float64)
    if scores.ndim != 1:
        raise ValueError(f"risk has shape {scores.shape}; expected one number for every sample.")
    target = as_survival(y, len(scores))
    if not np.isfinite(scores).all():
        raise ValueError("risk contains NaN or infinity; expected finite numbers.")
    weight, _ = as_weights(sample_weight, len(scores))
    found = c_index(target.y, scores, np.ones(len(scores)) if weight is None else weight)
    if np.isnan(found):
        raise ValueError(
            "No two samples can be compared: one must be at risk when the other has an event."
        )
    return found
