"""Outcomes: targets beside their predictions, and the numbers and plots that compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from softreg_fast.data.labels import given_target
from softreg_fast.data.survival import as_survival
from softreg_fast.data.validation import as_target
from softreg_fast.display.amount_plots import AMOUNT_PLOTS
from softreg_fast.display.checks import given_weights
from softreg_fast.display.class_plots import CLASS_PLOTS
from softreg_fast.display.drawing import panels
from softreg_fast.display.survival_display import SURVIVAL_PLOTS
from softreg_fast.losses import SQUARED, Loss
from softreg_fast.losses.classes import TwoClasses
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.paths.result import Path, Solution

Array = NDArray[np.float64]

TENTHS = 10  # groups of samples by their predictions

COUNTS = ("poisson", "negative binomial")  # kinds of losses whose targets are counts

PLOTS = {**CLASS_PLOTS, **AMOUNT_PLOTS, **SURVIVAL_PLOTS}


class Group(NamedTuple):
    """Means over tenths of the samples, by their prediction; each an ndarray (n_groups,).

    weight : sums of weights
    predicted, observed : weighted means of predictions and targets
    error : standard errors of the observed means, for independent samples
    size : effective numbers of samples, (sum of weights)^2 / sum of their squares
    """

    weight: Vector
    predicted: Vector
    observed: Vector
    error: Vector
    size: Vector


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Targets and their predictions, to be compared: ROC curve, calibration, residuals, ...

    Predictions of samples that a model was fitted to look better than those of new ones. Those of
    `from_cv_path` are of samples left out.

    Parameters
    ----------
    loss : Loss
        The loss of the fit, which says what targets are.
    y : ndarray (n_samples,) or (n_samples, n_columns)
        Targets; of two classes the share of the second, 0 or 1 or in between; of more the number of
        the class; of survival times the columns entry, end and event.
    predicted : ndarray (n_samples,) or (n_samples, n_classes)
        Means; of two classes the probability of the second (without probabilities, the linear
        predictor); of more the probabilities of all.
    weight : ndarray (n_samples,) or None, default=None
        Weights of the samples. None: all equal.
    classes : tuple of str or None, default=None
        Names of the classes; None for other targets.
    left_out : bool, default=False
        Whether the predictions are by models that were fitted without the sample.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from softreg_fast import Outcomes, cv_path
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> found = cv_path(X, y, loss="logistic", standardize=True)
    >>> outcomes = Outcomes.from_cv_path(found, y)
    >>> outcomes.plots
    ('roc', 'precision_recall', 'calibration', 'confusion')
    >>> int(outcomes.confusion().sum())
    569
    >>> picture = outcomes.plot("roc")  # doctest: +SKIP
    """

    loss: Loss
    y: Vector
    predicted: Array
    weight: Vector | None = None
    classes: tuple[str, ...] | None = None
    left_out: bool = False

    @classmethod
    def from_cv_path(
        cls, found: CVPath, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Return the targets beside the predictions of a search for the samples left out.

        Parameters
        ----------
        found : CVPath
            The search, whose `predictions` are at the alpha that it chose.
        y : array-like (n_samples,)
            The targets that were given to `cv_path`.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights of the samples. None: all equal.

        Returns
        -------
        Outcomes

        Raises
        ------
        ValueError, TypeError
            For targets that do not fit, and for a search without folds.
        """
        if not isinstance(found, CVPath):
            raise TypeError(f"found must be a CVPath, got {type(found).__name__}.")
        if not np.isfinite(found.predictions).any():
            raise ValueError(
                "This search has no predictions of samples left out, for it chose by a criterion; "
                "use folds (cv=), or from_path for the samples that were fitted."
            )
        return cls._of(found.path, y, found.predictions, sample_weight, True)

    @classmethod
    def from_path(
        cls,
        fits: Path | Solution | CVPath,
        X: MatrixLike,
        y: ArrayLike,
        *,
        alpha: float | None = None,
        offset: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Return the targets beside the predictions of a fitted model.

        Parameters
        ----------
        fits : Path, Solution or CVPath
            The fit; of a CVPath, the model that was chosen.
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, best of samples that were not fitted.
        y : array-like (n_samples,)
            Their targets.
        alpha : float or None, default=None
            Alpha of the model, which a Path needs.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights of the samples. None: all equal.

        Returns
        -------
        Outcomes

        Raises
        ------
        ValueError, TypeError
            For data that do not fit the model, and a Path without an alpha.
        """
        if not isinstance(fits, Path):
            predicted = fits.predict(X, offset=offset)
        elif alpha is None:
            raise ValueError("A Path has many models; give alpha= to say which one.")
        else:
            predicted = fits.predict(X, alpha, offset=offset)
        return cls._of(fits, y, predicted, sample_weight, False)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        offset: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Return the targets beside the predictions of a fitted estimator.

        Parameters
        ----------
        estimator : estimator of softreg_fast
            Fitted.
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, best of samples that were not fitted.
        y : array-like (n_samples,)
            Their targets.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights of the samples. None: all equal.

        Returns
        -------
        Outcomes

        Raises
        ------
        ValueError, TypeError
            For data that do not fit the estimator.
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(estimator)
        loss = getattr(estimator, "loss_", SQUARED)
        given = {} if offset is None else {"offset": offset}
        labels = getattr(estimator, "classes_", None)
        if labels is None:
            return cls.checked(loss, y, estimator.predict(X, **given), sample_weight, None, False)
        kind = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
        scores = getattr(estimator, kind)(X, **given)
        if scores.ndim == 2 and len(labels) == 2:
            scores = scores[:, 1]
        codes = _codes(y, np.asarray(labels))
        names = tuple(_name_of(label) for label in np.asarray(labels).tolist())
        return cls.checked(loss, codes, scores, sample_weight, names, False)

    @classmethod
    def _of(cls, fits: Any, y: Any, predicted: Array, sample_weight: Any, left_out: bool) -> Self:
        # of results of functions, whose targets are numbers, or labels of classes
        fits = fits.path if isinstance(fits, CVPath) else fits
        loss, names = fits.loss, None
        if predicted.ndim == 2:
            labels = np.asarray(loss.labels if fits.classes is None else fits.classes)
            y, names = _codes(y, labels), tuple(_name_of(label) for label in labels.tolist())
        elif isinstance(loss, TwoClasses):
            given = given_target(y, loss, len(predicted))
            y = loss.share(loss.check(given.values))
            labels = np.array(loss.labels) if given.classes is None else given.classes
            names = tuple(_name_of(label) for label in labels.tolist())
            if given.trials is not None:
                sample_weight = given.trials * (1.0 if sample_weight is None else sample_weight)
        return cls.checked(loss, y, predicted, sample_weight, names, left_out)

    @classmethod
    def checked(
        cls,
        loss: Loss,
        y: Any,
        predicted: Array,
        sample_weight: Any,
        classes: tuple[str, ...] | None,
        left_out: bool,
    ) -> Self:
        """Return the samples that have a prediction and a positive weight.

        Parameters
        ----------
        loss : Loss
            The loss of the fit.
        y : array-like (n_samples,)
            Targets, as this class has them.
        predicted : ndarray (n_samples,) or (n_samples, n_classes)
            Predictions, as this class has them; NaN where there is none.
        sample_weight : array-like (n_samples,), float or None
            Weights of the samples. None: all equal.
        classes : tuple of str or None
            Names of the classes.
        left_out : bool
            Whether the predictions are by models that were fitted without the sample.

        Returns
        -------
        Outcomes

        Raises
        ------
        ValueError, TypeError
            For arrays of different lengths, or of no numbers.
        """
        n, times = len(predicted), loss.kind == "cox"
        targets = as_survival(y, n).y if times else as_target(y, n)
        weight = given_weights(sample_weight, len(predicted))
        known = np.isfinite(predicted).reshape(len(predicted), -1).all(axis=1)
        if weight is not None:
            known &= weight > 0.0
            weight = weight[known]
        return cls(loss, targets[known], predicted[known], weight, classes, left_out)

    @property
    def plots(self) -> tuple[str, ...]:
        """Names of the plots that fit the loss and these targets."""
        if self.classes is not None:
            if not all(self.rows(k)[0].any() for k in range(len(self.classes))):
                return ()
            return tuple(
                name for name in CLASS_PLOTS if name != "calibration" or self.has_probabilities
            )
        if self.loss.kind == "cox":
            return ("survival",)
        if self.loss.kind == "quantile":
            return ("coverage", "residuals")
        counts = self.loss.kind in COUNTS and bool(np.all(self.y == np.round(self.y)))
        return ("observed", "residuals", "rootogram") if counts else ("observed", "residuals")

    @property
    def has_probabilities(self) -> bool:
        """Return whether the predictions of classes are probabilities."""
        return self.predicted.ndim == 2 or hasattr(self.loss, "probabilities")

    @property
    def weights(self) -> Vector:
        """Weights of all samples."""
        return np.ones(len(self.y)) if self.weight is None else self.weight

    def rows(self, k: int) -> tuple[NDArray[np.bool_], Vector, Vector]:
        """Return whether samples are of class k, what speaks for it, and their weights.

        A sample with a share of both of two classes stands there twice, once for each.

        Parameters
        ----------
        k : int
            Number of the class.

        Returns
        -------
        truth : ndarray (n_rows,) of bool
        score : ndarray (n_rows,)
        weight : ndarray (n_rows,)
        """
        s = self.weights
        if self.predicted.ndim == 2:
            return self.y == k, self.predicted[:, k], s
        share, score = self.y, self.predicted
        if k == 0:
            share = 1.0 - share
            score = 1.0 - score if self.has_probabilities else -score
        twice = (share > 0.0) & (share < 1.0)
        truth = np.concatenate([share > 0.0, np.zeros(np.count_nonzero(twice), bool)])
        weight = np.concatenate([np.where(twice, share, 1.0) * s, ((1.0 - share) * s)[twice]])
        return truth, np.concatenate([score, score[twice]]), weight

    def confusion(self) -> Array:
        """Return the weights of the samples of each class (rows) taken for each (columns).

        Returns
        -------
        ndarray (n_classes, n_classes)
        """
        from sklearn.metrics import confusion_matrix

        if self.predicted.ndim == 2:
            pairs = self.y.astype(int), self.predicted.argmax(axis=1), self.weights
        else:
            loss: Any = self.loss
            middle = float(loss.mean(np.full(1, loss.middle))[0])
            truth, score, weight = self.rows(1)
            pairs = truth.astype(int), (score > middle).astype(int), weight
        n = len(self.classes or ())
        found = confusion_matrix(*pairs[:2], labels=range(n), sample_weight=pairs[2])
        return np.asarray(found, np.float64)

    def tenths(self, k: int | None = None) -> Group:
        """Return means of predictions and targets over tenths of the samples, by prediction.

        Parameters
        ----------
        k : int or None, default=None
            Number of a class, for the share of it and its probability. None: the targets.

        Returns
        -------
        Group
            Named tuple of ndarrays: weight, predicted, observed, error (the standard error of
            observed) and size (the effective number of samples).
        """
        y, predicted, weight = self.y, self.predicted, self.weights
        if k is not None:
            truth, predicted, weight = self.rows(k)
            y = truth.astype(np.float64)
        groups = groups_of(predicted, TENTHS)
        total, squares = (np.array([(weight[g] ** p).sum() for g in groups]) for p in (1, 2))
        size = total**2 / squares
        means = [
            np.array([np.average(values[g], weights=weight[g]) for g in groups])
            for values in (predicted, y)
        ]
        off = [
            np.average((y[g] - m) ** 2, weights=weight[g])
            for g, m in zip(groups, means[1], strict=True)
        ]
        error = np.sqrt(np.array(off) / np.maximum(size - 1.0, 1.0))
        return Group(total, means[0], means[1], error, size)

    def residuals(self) -> Vector:
        """Return deviance residuals: the root of each deviance, with the sign of y - prediction.

        Returns
        -------
        ndarray (n_samples,)
        """
        return self.loss.deviance_residuals(self.y, self.predicted)

    def plot(self, name: str | None = None, ax: Any = None) -> Any:
        """Draw a comparison.

        Parameters
        ----------
        name : str or None, default=None
            One of `plots`. Of classes: "roc", "precision_recall", "calibration" (tenths of the
            samples with 95 % intervals), "confusion". Of numbers: "observed" (against predicted, by
            tenths), "residuals" (deviance residuals), of counts "rootogram" (the roots of how often
            each count was observed, hanging from what the model expects), of quantiles "coverage",
            of survival times "survival" (by groups of predicted risk). None: all that fit, in one
            figure.
        ax : matplotlib Axes, array of them for all, or None, default=None
            Axes to draw into. None: those of a new figure.

        Returns
        -------
        The Display of scikit-learn where there is one, with more than two classes a list of one for
        each; otherwise the Axes. For all: the Figure.

        Raises
        ------
        ValueError
            For a plot that does not fit the targets.
        ImportError
            Without matplotlib.
        """
        if name is None:
            drawn, figure = panels(ax, len(self.plots), n_columns=2)
            for each, place in zip(self.plots, drawn, strict=True):
                PLOTS[each](self, place)
            return figure
        if name not in self.plots:
            raise ValueError(
                f"plot {name!r} does not fit these targets under {self.loss!r}; there is "
                f"{', '.join(self.plots) or 'none, for a class is missing'}."
            )
        drawn, _ = panels(ax, 1)
        return PLOTS[name](self, drawn[0])


def groups_of(predicted: Vector, n_groups: int) -> list[NDArray[np.intp]]:
    """Return the samples in groups of equal size by their predictions, the smallest first."""
    order = np.argsort(predicted, kind="stable")
    return np.array_split(order, min(n_groups, len(order)))


def _name_of(label: Any) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)


def _codes(y: ArrayLike, classes: NDArray[Any]) -> Vector:
    # numbers of the classes, for labels that an estimator knows
    labels = np.asarray(y)
    order = np.argsort(classes)
    found = np.searchsorted(classes[order], labels)
    places = order[np.minimum(found, len(classes) - 1)]
    unknown: Sequence[Any] = labels[classes[places] != labels].tolist()
    if unknown:
        raise ValueError(
            f"y holds {unknown[0]!r}, which is none of the classes of the fit "
            f"({', '.join(map(repr, classes.tolist()))})."
        )
    return places.astype(np.float64)
