"""Class labels: codes of known classes, and the weights of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from softreg_fast.data.validation import as_weights
from softreg_fast.options.types import Index, Vector


def codes_of(y: Any, classes: NDArray[Any]) -> Index:
    """Return which of the two classes each label is.

    Raises
    ------
    ValueError
        For labels of neither.
    """
    labels = column_or_1d(y)
    codes: Index = (labels == classes[1]).astype(np.intp)
    other = np.flatnonzero((labels != classes[1]) & (labels != classes[0]))
    if other.size:
        k, names = int(other[0]), " and ".join(map(repr, classes.tolist()))
        raise ValueError(
            f"y[{k}] is {labels.tolist()[k]!r}, which the model has not seen; it knows {names}."
        )
    return codes


def weights_of_labels(
    class_weight: Any, classes: NDArray[Any], codes: Index, sample_weight: Any
) -> Vector | None:
    """Return the sample weights, each multiplied by the weight of its class; None: all are one.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        "balanced" gives all classes the same sum of weights, and keeps the sum of all.

    Raises
    ------
    ValueError, TypeError
        For weights that are none, and for a class whose weights are all 0.
    """
    if class_weight is None and sample_weight is None:
        return None
    relative, total = as_weights(sample_weight, len(codes))
    weight = np.full(len(codes), total / len(codes))
    if relative is not None:
        weight *= relative
    sums = np.asarray(np.bincount(codes, weight, minlength=len(classes)), np.float64)
    factors = _factors(class_weight, classes, sums)
    for label, size in zip(classes.tolist(), sums * factors, strict=True):
        if size == 0.0:
            raise ValueError(
                f"No sample of class {label!r} has a weight above 0; give both classes some weight."
            )
    return np.asarray(weight * factors[codes])


def _factors(class_weight: Any, classes: NDArray[Any], sums: Vector) -> Vector:
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(sums > 0.0, sums.sum() / (len(classes) * sums), 0.0)
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight must be 'balanced', None or a dict of weights by class; got "
            f"{class_weight!r}."
        )
    names = classes.tolist()
    missing = [name for name in names if name not in class_weight]
    unknown = [key for key in class_weight if key not in names]
    if missing and unknown:  # extra classes are no mistake where all others are named
        raise ValueError(
            f"class_weight has a weight for {unknown[0]!r}, which is no class of y; the classes "
            f"are {', '.join(map(repr, names))}."
        )
    factors = np.array([float(class_weight.get(name, 1.0)) for name in names])
    if not (np.isfinite(factors) & (factors >= 0.0)).all():
        raise ValueError(f"class_weight must hold finite numbers >= 0; got {class_weight!r}.")
    return factors
