"""Labels of several classes, as shares: a matrix of zeros and ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Labels = Sequence[Any]


def shares_of(y: Any, labels: Labels | None = None) -> tuple[Any, tuple[Any, ...]]:
    """Return the shares of the classes, (n_samples, n_classes), and the labels of these.

    Parameters
    ----------
    y : array-like (n_samples,) of labels, or (n_samples, n_classes) of shares
        Shares are returned as they are.
    labels : sequence or None, default=None
        The classes in order. None: those of y, sorted; of shares, the numbers of the columns.

    Raises
    ------
    ValueError, TypeError
        For samples without a label, numbers that are not whole, labels that have no common order,
        a single class, and labels that are not among those given.
    """
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        count = given.shape[1] if given.ndim == 2 else 0
        names = tuple(range(count)) if labels is None or len(labels) != count else tuple(labels)
        if labels is not None and names != tuple(labels):
            raise ValueError(f"y has {count} columns, but there are {len(labels)} labels.")
        return y, names
    _check_labels(given)
    try:
        classes, codes = np.unique(given, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in given.tolist()})
        raise TypeError(
            f"y holds labels of types that have no common order ({', '.join(kinds)}); give labels "
            "of one type."
        ) from error
    names = tuple(classes.tolist())
    if labels is not None:
        unknown = [name for name in names if name not in labels]
        if unknown:
            raise ValueError(f"y has the label {unknown[0]!r}, which is not one of {labels!r}.")
        place = {label: k for k, label in enumerate(labels)}
        codes = np.array([place[name] for name in names], np.intp)[codes]
        names = tuple(labels)
    if len(names) < 2:
        raise ValueError(
            f"y has one class only, {names[0]!r}; the multinomial loss wants at least two."
            if names
            else "y is empty; give a label for each row of X."
        )
    shares = np.zeros((len(given), len(names)))
    shares[np.arange(len(given)), codes] = 1.0
    return shares, names


def _check_labels(given: Any) -> None:
    # every sample needs a label, and numbers that are labels are whole
    if given.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(given) | (given != np.round(given)))
        if bad.size:
            raise ValueError(
                f"y[{int(bad[0])}] is {float(given[bad[0]])!r}; the multinomial loss is for classes, "
                "whose labels are whole numbers or texts. For numbers use another loss, such as "
                "'squared'."
            )
    elif given.dtype.kind == "c":
        raise TypeError("y holds complex numbers; give labels of classes.")
    elif given.dtype == object:
        for k, label in enumerate(given.tolist()):
            if label is None or type(label).__name__ == "NAType" or label != label:
                raise ValueError(f"y[{k}] is {label!r}; leave out samples without a label.")
