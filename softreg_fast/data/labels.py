"""Targets of two classes: labels of any type, proportions, and counts of both classes."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.contents import check_unmasked
from softreg_fast.data.names import feature_names_of
from softreg_fast.data.validation import as_target, as_targets, check_finite
from softreg_fast.losses.base import Loss
from softreg_fast.losses.classes import Binomial, TwoClasses, shown
from softreg_fast.options.types import Index, Vector


class Given(NamedTuple):
    """A target as its loss takes it.

    Attributes
    ----------
    values : ndarray (n_samples,) or (n_samples, n_tasks)
        Numbers; of two classes 0 and 1, or the proportion of the second.
    classes : ndarray (2,) or None
        The labels of two classes; None for a loss of something else.
    trials : ndarray (n_samples,) or None
        Number of single samples that each row counts; None: one.
    """

    values: Vector
    classes: NDArray[Any] | None = None
    trials: Vector | None = None


def given_target(y: Any, loss: Loss, n_samples: int) -> Given:
    """Return y as the loss takes it.

    Losses of two classes take labels of any type, of which the second in sorted order counts as 1;
    numbers from 0 to 1, which are the proportions of the second class; and those that are log
    likelihoods two columns, with how many samples of the row are of the first and of the second
    class.

    Raises
    ------
    ValueError, TypeError
        For anything else.
    """
    if not isinstance(loss, TwoClasses):
        return Given(as_target(y, n_samples))
    if type(y) is np.ndarray and y.dtype == np.float64 and y.ndim == 1:  # the usual case
        return _of_numbers(as_target(y, n_samples), y.dtype, loss)
    check_unmasked("y", y)
    shape = np.shape(y)
    if len(shape) == 2 and shape[1] == 2:
        return _of_counts(y, loss, n_samples)
    labels = np.asarray(y)
    if labels.shape in ((), (0,)):
        return Given(as_target(y, n_samples))  # raises
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype == bool:
        return Given(as_target(labels, n_samples), np.array([False, True]))
    if labels.dtype.kind in "UST" or (labels.dtype.kind == "O" and not _are_numbers(labels)):
        classes, codes = encoded(labels, repr(loss))
        return Given(as_target(codes.astype(np.float64), n_samples), classes)
    return _of_numbers(as_target(_plain(y, labels), n_samples), labels.dtype, loss)


def _plain(y: Any, labels: NDArray[Any]) -> Any:
    # y itself, so that its contents are checked; numbers in a column of categories as they are
    return labels if str(getattr(y, "dtype", "")) == "category" else y


def _are_numbers(labels: NDArray[Any]) -> bool:
    kinds = set(map(type, labels.ravel().tolist()))
    return all(issubclass(kind, numbers.Real) and not issubclass(kind, bool) for kind in kinds)


def _of_numbers(values: Vector, dtype: Any, loss: TwoClasses) -> Given:
    low, high = float(values.min()), float(values.max())
    named: list[float] = [0.0, 1.0]
    if low < 0.0 or high > 1.0:  # neither classes 0 and 1 nor proportions
        is_high = values == high
        if is_high.all() and high not in loss.labels:
            raise ValueError(one_class(high, repr(loss)))
        if low < high and np.all(is_high | (values == low)) and low % 1.0 == 0.0 == high % 1.0:
            named, values = [low, high], is_high.astype(np.float64)
        elif np.all(values % 1.0 == 0.0) and (n_classes := np.unique(values).size) > 2:
            raise ValueError(too_many(n_classes, repr(loss)))
    classes = np.array(named)
    return Given(values, classes.astype(dtype) if dtype.kind in "iu" else classes)


def _of_counts(y: Any, loss: TwoClasses, n_samples: int) -> Given:
    if not isinstance(loss, Binomial):
        raise ValueError(
            f"y has two columns, the numbers of samples of two classes, and {loss!r} is no "
            "likelihood, which counts are for; give a label for each sample, or loss='logistic'."
        )
    counts, names = as_targets(y), feature_names_of(y, "y")
    if len(counts) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, "
            f"y has {len(counts)}; give the counts of both classes for each row of X."
        )
    if names is not None and _says(names[0], "succ") + _says(names[1], "fail"):
        raise ValueError(
            f"The columns of y are {names[0]!r} and {names[1]!r}; expected the counts of failures "
            "first, as those of class 0 come before those of class 1: turn the columns round."
        )
    if (counts < 0.0).any():
        i, k = (int(each) for each in np.argwhere(counts < 0.0)[0])
        raise ValueError(
            f"y has two columns, the numbers of samples of two classes, but y[{i}, {k}] is "
            f"{float(counts[i, k])!r}; expected numbers >= 0."
        )
    trials = counts.sum(axis=1)
    if not trials.any():
        raise ValueError("y counts no sample of either class; give counts above 0.")
    shares = np.divide(counts[:, 1], trials, out=np.zeros(n_samples), where=trials > 0.0)
    return Given(shares, np.array([0, 1]) if names is None else names, trials)


def _says(name: Any, word: str) -> bool:
    return isinstance(name, str) and name.lower().startswith(word)


def encoded(y: Any, owner: str, more_than_two: bool = False) -> tuple[NDArray[Any], Index]:
    """Return the classes, sorted, and which of them each label is.

    Raises
    ------
    ValueError, TypeError
        For anything but labels of two classes, or more; `owner` names the estimator or the loss in
        messages.
    """
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iuf":
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) == 2 and _are_whole(classes):  # the usual case, in a tenth of the time
            return classes, codes
    # here, for importing it takes longer than many a fit to plain arrays
    from sklearn.utils import column_or_1d
    from sklearn.utils.multiclass import check_classification_targets

    check_unmasked("y", y)
    fields = getattr(getattr(y, "dtype", None), "names", None)
    if fields:
        raise ValueError(
            f"y has the fields {', '.join(fields)}, and {owner} is for labels of classes; survival "
            "times are for loss='cox' and CoxRegression."
        )
    shape = np.asarray(y).shape  # np.shape is for arrays and lists alone
    if len(shape) == 2 and shape[1] == 2:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape}; counts of two classes are for "
            "solve, path and cv_path with loss='logistic'."
        )
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "S" or any(isinstance(k, bytes) for k in labels[:1].tolist()):
        raise ValueError("y holds bytes; decode them to text, for example with astype(str).")
    if not labels.size:
        raise ValueError(f"y is empty; {owner} needs samples of 2 classes.")
    if labels.dtype.kind == "f":
        check_finite("y", labels)
    labels_given = labels.tolist()
    for k, label in enumerate(labels_given if labels.dtype == object else []):
        if type(label).__name__ == "NAType" or label is None or label != label:
            raise ValueError(f"y[{k}] is {label!r}; leave out samples without a label.")
    try:
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels_given})
        raise TypeError(
            f"y holds labels of types that have no common order ({', '.join(kinds)}); leave out "
            "samples without a label, and give labels of one type."
        ) from error
    if len(classes) > 2 and not more_than_two:
        raise ValueError(too_many(len(classes), owner))
    if len(classes) < 2:
        raise ValueError(one_class(classes.tolist()[0], owner))
    return classes, codes


def _are_whole(numbers: NDArray[Any]) -> bool:
    return bool(np.all(np.isfinite(numbers) & (np.floor(numbers) == numbers)))


def one_class(label: Any, owner: str) -> str:
    """Return the message about a single class."""
    return f"{owner} needs samples of 2 classes, but y has one class only: {shown(label)}."


def too_many(n_classes: int, owner: str) -> str:
    """Return the message about more than two classes."""
    return (
        f"Only binary classification is supported. The type of the target is multiclass: y has "
        f"{n_classes} classes, and {owner} is for two; loss='multinomial' and LogisticRegression "
        "fit several together, sklearn.multiclass.OneVsRestClassifier one after the other."
    )
