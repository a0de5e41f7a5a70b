"""Labels of several classes, as shares: a matrix of zeros and ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.contents import check_unmasked
from softreg_fast.data.names import feature_names_of


def shares_of(y: Any) -> tuple[Any, NDArray[Any]]:
    """Return the shares of the classes, (n_samples, n_classes), and the labels of these.

    Parameters
    ----------
    y : array-like (n_samples,) of labels, or (n_samples, n_classes) of shares
        The labels are sorted. Shares are returned as they are; their classes are the names of the
        columns, or the numbers of these.

    Raises
    ------
    ValueError, TypeError
        For samples without a label, numbers that are not whole, labels that have no common order,
        and a single class.
    """
    check_unmasked("y", y)
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        names = feature_names_of(y, "y")
        return y, np.arange(given.shape[-1] if given.ndim else 0) if names is None else names
    if not given.size:
        raise ValueError("y is empty; give a label for each row of X.")
    _check_labels(given)
    try:
        classes, codes = np.unique(given, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in given.tolist()})
        raise TypeError(
            f"y holds labels of types that have no common order ({', '.join(kinds)}); give labels "
            "of one type."
        ) from error
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes.tolist()[0]!r}; the multinomial loss wants at least "
            "two."
        )
    shares = np.zeros((len(given), len(classes)))
    shares[np.arange(len(given)), codes] = 1.0
    return shares, classes


def _check_labels(given: NDArray[Any]) -> None:
    # every sample needs a label, and numbers that are labels are whole
    if given.dtype.kind == "c":
        raise TypeError("y holds complex numbers; give labels of classes.")
    if given.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(given) | (given != np.round(given)))
        if bad.size:
            raise ValueError(
                f"y[{int(bad[0])}] is {float(given[bad[0]])!r}; the multinomial loss is for "
                "classes, whose labels are whole numbers or texts. For numbers use another loss, "
                "such as 'squared'."
            )
    for k, label in enumerate(given.tolist() if given.dtype == object else []):
        if label is None or type(label).__name__ == "NAType" or label != label:
            raise ValueError(f"y[{k}] is {label!r}; leave out samples without a label.")
