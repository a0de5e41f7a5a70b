"""assess(): measures of all models of a path on new samples, and their scores."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.labels import given_target
from softreg_fast.data.survival import as_survival
from softreg_fast.data.validation import as_offset, as_target, as_task_targets, as_weights
from softreg_fast.losses.base import Loss, times
from softreg_fast.losses.classes import TwoClasses
from softreg_fast.losses.cox import EVENT
from softreg_fast.losses.multinomial import Multinomial
from softreg_fast.model_selection.measures import MEASURES, Mean, aucs, with_ties
from softreg_fast.model_selection.survival_measures import c_index
from softreg_fast.options.hints import with_hints
from softreg_fast.options.tables import pandas_for
from softreg_fast.options.types import Vector
from softreg_fast.paths.relaxed import RelaxedPath
from softreg_fast.paths.result import Path
from softreg_fast.paths.solution import Solution

# Measures of amounts and of classes.
OF_AMOUNTS = ("deviance", "mse", "mae")
OF_CLASSES = ("deviance", "auc", "accuracy", "brier")
OF_TIMES = ("deviance", "concordance")


class NewSamples(NamedTuple):
    """Targets of new samples beside the linear predictors of some models.

    Attributes
    ----------
    loss : Loss
    y : ndarray (n_samples, ...)
        As the loss takes them.
    eta : ndarray (n_samples, n_models, ...)
        With offset.
    weight : ndarray (n_samples,)
    offset : ndarray or None
    names : list or None
        Labels of the classes.
    """

    loss: Loss
    y: Vector
    eta: Vector
    weight: Vector
    offset: Vector | None
    names: list[Any] | None

    @property
    def n_models(self) -> int:
        """Number of models."""
        return int(self.eta.shape[1])

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures that this loss has."""
        if self.loss.kind == "cox":
            return OF_TIMES
        if not isinstance(self.loss, TwoClasses | Multinomial):
            return OF_AMOUNTS[1:] if self.loss.quadratic else OF_AMOUNTS
        return tuple(
            name
            for name in OF_CLASSES
            if name == "deviance" or isinstance(self.loss, MEASURES[name][0])
        )

    def values(self, measure: str) -> Vector:
        """Return a measure of every model, as its name says: more is better of some of them."""
        if self.loss.kind == "cox":
            return self._deviance_of_times() if measure == "deviance" else self._concordance()
        if measure == "deviance":
            return self._mean(self.loss.deviance(self.y[:, np.newaxis], self.eta))
        if measure == "auc":
            return self._auc()
        found: Any = MEASURES[measure][1]
        kept: Mean = found
        sign = -1.0 if kept.name.startswith("-") else 1.0
        return sign * self._mean(kept.of(self.loss, self.y[:, np.newaxis], self.eta))

    def scores(self) -> Vector:
        """Return the scores that estimators have: accuracy, concordance, or D2 (R squared)."""
        if self.loss.kind == "cox":
            return self._concordance()
        if isinstance(self.loss, TwoClasses | Multinomial):
            return self.values("accuracy")
        if self.y.ndim == 1:
            return self._explained(self.y, self.eta)
        each = zip(self.y.T, np.moveaxis(self.eta, -1, 0), strict=True)
        return np.asarray(np.mean([self._explained(y, eta) for y, eta in each], axis=0))

    def _explained(self, y: Vector, eta: Vector) -> Vector:
        # the share of the deviance, of which the best intercept leaves all
        loss, weight = self.loss, self.weight * (len(y) / self.weight.sum())
        found = weight @ loss.deviance(y[:, np.newaxis], eta)
        if self.offset is None and (y == y[0]).all():
            return np.where(found == 0.0, 1.0, 0.0)
        fixed = 0.0 if self.offset is None else self.offset
        null = loss.null(y, weight, self.offset) + fixed
        return np.asarray(1.0 - found / times(weight, loss.deviance(y, null)).sum())

    def _mean(self, each: Vector) -> Vector:
        # over samples and tasks
        sums = self.weight @ each.reshape(len(each), -1)
        return np.asarray(sums.reshape(self.n_models, -1).mean(axis=1) / self.weight.sum())

    def _auc(self) -> Vector:
        # NaN where the samples are all of a class, or none is
        loss: Any = self.loss
        found, eta = [], with_ties(self.eta)
        for _, _, share, scores in loss.contests(self.names, self.y, eta):
            both = self.weight @ share > 0.0 and self.weight @ (1.0 - share) > 0.0
            nothing = np.full(self.n_models, np.nan)
            found.append(aucs(share, scores, self.weight) if both else nothing)
        return np.asarray(np.mean(found, axis=0))

    def _deviance_of_times(self) -> Vector:
        loss: Any = self.loss
        events = float(self.weight @ self.y[:, EVENT])
        if not events > 0.0:
            return np.full(self.n_models, np.nan)
        return np.asarray(loss.deviance_of(self.y, self.eta, self.weight) / events)

    def _concordance(self) -> Vector:
        return np.array([c_index(self.y, each, self.weight) for each in self.eta.T])


@with_hints
def assess(
    fits: Any,
    X: Any,
    y: ArrayLike,
    *,
    alpha: float | ArrayLike | str | None = None,
    offset: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Return measures of fitted models on new samples, a row for each alpha.

    They are those by which `cv_path` compares models: the mean deviance of the loss (of squared
    error that is "mse"), of amounts the mean squared and absolute error, of classes the area under
    the ROC curve, the accuracy and the Brier score, of survival times the concordance. The deviance
    of survival times is that of the partial likelihood among the new samples, per event.

    Parameters
    ----------
    fits : Path, CVPath, RelaxedPath or Solution
        The models; of a RelaxedPath its refits.
    X : array-like, sparse, frame or Design, (n_samples, n_features)
        The features of samples that were not fitted. Columns of a frame are matched by name, if the
        models were fitted to named columns.
    y : array-like (n_samples,)
        Their targets, as those of the fit; labels must be classes of the fit.
    alpha : float, array-like (n_alphas,), {"min", "1se"} or None, default=None
        Alphas of the models; a rule is for a CVPath. None: all of the path.
    offset : array-like (n_samples,) or None, default=None
        Offset of these samples, which a model fitted with one needs.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights >= 0, not all 0. None: all equal.

    Returns
    -------
    pandas DataFrame (n_alphas, 1 + n_measures)
        The columns are alpha and the measures. NaN stands for what is not defined, such as the area
        under the ROC curve of samples of a single class.

    Raises
    ------
    ImportError
        Without pandas.
    ValueError, TypeError
        For data that do not fit the models; the message states what is expected.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import assess, path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> found = assess(path(X[:300], y[:300], n_alphas=4), X[300:], y[300:])
    >>> found.columns.tolist()
    ['alpha', 'mse', 'mae']
    >>> int(found["mse"].argmin())
    2
    """
    pandas = pandas_for("assess")
    alphas, samples = new_samples(fits, X, y, alpha, offset, sample_weight)
    found = {name: samples.values(name) for name in samples.measures}
    return pandas.DataFrame({"alpha": alphas, **found})


def score_of(
    fits: Any, X: Any, y: ArrayLike, alpha: Any, offset: Any, sample_weight: Any
) -> float | Vector:
    """Return the scores of models on new samples, of one alpha a number.

    Parameters
    ----------
    fits, X, y, alpha, offset, sample_weight : as in `assess`
    """
    _, samples = new_samples(fits, X, y, alpha, offset, sample_weight)
    scores = samples.scores()
    single = isinstance(fits, Solution) or (alpha is not None and np.ndim(alpha) == 0)
    return float(scores[0]) if single else scores


def new_samples(
    fits: Any, X: Any, y: Any, alpha: Any, offset: Any, sample_weight: Any
) -> tuple[Vector, NewSamples]:
    """Return the alphas of models, and new samples with their linear predictors.

    Parameters
    ----------
    fits, X, y, alpha, offset, sample_weight : as in `assess`

    Raises
    ------
    ValueError, TypeError
        For data that do not fit the models.
    """
    model, chosen = _models(fits, alpha)
    if isinstance(model, Solution):
        alphas = np.array([model.alpha])
        eta = model.predict(X, offset=offset, kind="link")[:, np.newaxis]
    else:
        alphas = model.alphas if chosen is None else np.atleast_1d(np.asarray(chosen, np.float64))
        given = chosen if chosen is None else alphas
        eta = model.predict(X, given, offset=offset, kind="link")
        eta = np.moveaxis(eta, 1, 2) if eta.ndim > 2 else eta
    n, loss = len(eta), model.loss
    values, trials = observed(loss, model.classes, y, n, eta.shape[2:])
    weight, _ = as_weights(sample_weight, n)
    weight = np.ones(n) if weight is None else weight
    if trials is not None:
        weight = weight * trials
    n_classes = 1 if loss.n_outputs == 1 else int(eta.shape[-1])
    fixed = None if offset is None else as_offset(offset, n, n_classes)
    names = None if model.classes is None else np.asarray(model.classes).tolist()
    return alphas, NewSamples(loss, values, eta, weight, fixed, names)


def _models(fits: Any, alpha: Any) -> tuple[Path | Solution, Any]:
    if isinstance(fits, Solution):
        if alpha is not None:
            raise ValueError("A Solution has one model; leave alpha out.")
        return fits, None
    if isinstance(fits, RelaxedPath):
        return fits.refits, alpha
    if isinstance(fits, Path):
        return fits, alpha
    if isinstance(getattr(fits, "path", None), Path):  # a CVPath, which knows rules
        return fits.path, None if alpha is None else fits.alpha_of(alpha)
    raise TypeError(
        f"fits must be a Path, CVPath, RelaxedPath or Solution, got {type(fits).__name__}; "
        "estimators have score()."
    )


def observed(
    loss: Loss, classes: NDArray[Any] | None, y: Any, n: int, outputs: tuple[int, ...]
) -> tuple[Vector, Vector | None]:
    """Return targets as a loss takes them, and the number of trials of each, None for one.

    Parameters
    ----------
    loss : Loss
    classes : ndarray (n_classes,) or None
        Labels of the fit, of which these samples need not have all.
    y : array-like (n_samples,)
    n : int
        Number of samples.
    outputs : tuple
        Shape of what is predicted of a sample by a model.
    """
    if loss.kind == "cox":
        return as_survival(y, n).y, None
    if isinstance(loss, TwoClasses) and classes is not None:
        if np.ndim(y) == 2 and np.shape(y)[1] == 2:
            counts = given_target(y, loss, n)
            return loss.check(counts.values), counts.trials
        return loss.check(_shares(y, classes, n)), None
    if isinstance(loss, Multinomial) and classes is not None:
        if np.ndim(y) == 2 and np.shape(y)[1] == len(classes):
            return loss.check(as_task_targets(y, n)), None
        shares = np.zeros((n, len(classes)))
        shares[np.arange(n), _codes(y, classes, n)] = 1.0
        return shares, None
    return loss.check(as_task_targets(y, n) if outputs else as_target(y, n)), None


def _shares(y: Any, classes: NDArray[Any], n: int) -> Vector:
    # of the second of two classes: labels, or numbers in between where these are 0 and 1
    given = np.asarray(y)
    if given.dtype.kind == "f" and classes.dtype.kind in "iufb":
        low, high = classes.astype(np.float64).tolist()
        if (low, high) == (0.0, 1.0):
            shares = as_target(y, n)
            if shares.min() >= 0.0 and shares.max() <= 1.0:
                return shares
    return _codes(y, classes, n).astype(np.float64)


def _codes(y: Any, classes: NDArray[Any], n: int) -> NDArray[np.intp]:
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n,):
        raise ValueError(f"y has shape {labels.shape}; expected a label for each of {n} rows of X.")
    place = {label: k for k, label in enumerate(classes.tolist())}
    codes = [place.get(label, -1) for label in labels.tolist()]
    if -1 in codes:
        i = codes.index(-1)
        raise ValueError(
            f"y[{i}] is {labels.tolist()[i]!r}, which is none of the classes of the fit "
            f"({', '.join(map(repr, classes.tolist()))})."
        )
    return np.array(codes, np.intp)
