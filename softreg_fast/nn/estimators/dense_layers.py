"""Layers of a multilayer perceptron as NumPy arrays: evaluation and removal of idle units.

Coefficients have the shape (inputs, outputs), as in scikit-learn: `X @ coef + intercept`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.utils.extmath import safe_sparse_dot

Values = NDArray[Any]

ACTIVATIONS: dict[str, Callable[[Values], Values]] = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}

OUT_ACTIVATIONS: dict[str, Callable[[Values], Values]] = {
    "identity": lambda x: x,
    "logistic": expit,
    "softmax": lambda x: softmax(x, axis=1),
}


class DenseLayer(NamedTuple):
    """Affine layer: X @ coef + intercept."""

    coef: Values
    intercept: Values


Layers = Sequence[DenseLayer]


def initial_layers(sizes: Sequence[int], activation: str, rng: Any, dtype: Any) -> list[DenseLayer]:
    """Draw uniform weights after Glorot and Bengio (2010), with scikit-learn's factors.

    The bound is sqrt(factor / (n_in + n_out)), with factor 2 for the logistic function, else 6.
    """
    factor = 2.0 if activation == "logistic" else 6.0
    layers = []
    for n_in, n_out in pairwise(sizes):
        bound = np.sqrt(factor / (n_in + n_out))
        coef = rng.uniform(-bound, bound, (n_in, n_out)).astype(dtype)
        layers.append(DenseLayer(coef, np.zeros(n_out, dtype)))
    return layers


def output_of(layers: Layers, X: Any, activation: str) -> Values:
    """Compute the output of the last layer, before its activation."""
    x = X
    for k, (coef, intercept) in enumerate(layers):
        x = safe_sparse_dot(x, coef, dense_output=True) + intercept
        if k < len(layers) - 1:
            x = ACTIVATIONS[activation](x)
    return np.asarray(x)


def without_idle(layers: Layers, activation: str) -> list[DenseLayer]:
    """Return layers of the same function, with weights that have no effect set to zero.

    Units that nothing reads lose their weights, from the last layer to the first. Then units that
    read nothing, and so are constant, are added to the intercepts of the units that read them.
    """
    found = [DenseLayer(coef.copy(), intercept.copy()) for coef, intercept in layers]
    for before, after in reversed(list(pairwise(found))):
        unread = ~after.coef.any(1)
        before.coef[:, unread] = 0
        before.intercept[unread] = 0
    for before, after in pairwise(found):
        constant = ~before.coef.any(0)
        values = ACTIVATIONS[activation](before.intercept[constant])
        after.intercept[:] += values @ after.coef[constant]
        after.coef[constant] = 0
        before.intercept[constant] = 0
    return found


def read_by(layers: Layers) -> list[NDArray[np.intp]]:
    """Return for each layer the inputs that it reads."""
    return [np.flatnonzero(layer.coef.any(1)) for layer in layers]


def compacted(layers: Layers, read: Sequence[NDArray[np.intp]]) -> list[DenseLayer]:
    """Return layers without idle units, reduced to the inputs that each reads."""
    kept = [*read, np.arange(len(layers[-1].intercept))]
    return [
        DenseLayer(
            np.ascontiguousarray(layer.coef[np.ix_(rows, columns)]), layer.intercept[columns]
        )
        for layer, (rows, columns) in zip(layers, pairwise(kept), strict=True)
    ]


def expanded(small: Layers, read: Sequence[NDArray[np.intp]], large: Layers) -> list[DenseLayer]:
    """Return layers of the sizes of `large`, zero outside the entries that `compacted` kept."""
    kept = [*read, np.arange(len(large[-1].intercept))]
    found = [
        DenseLayer(np.zeros_like(layer.coef), np.zeros_like(layer.intercept)) for layer in large
    ]
    for whole, layer, (rows, columns) in zip(found, small, pairwise(kept), strict=True):
        whole.coef[np.ix_(rows, columns)] = layer.coef
        whole.intercept[columns] = layer.intercept
    return found


def with_inputs_in_units(layers: Layers, mean: Values, inverse: Values) -> list[DenseLayer]:
    """Convert layers for (X - mean) * inverse to layers for X."""
    first = layers[0]
    coef = first.coef * inverse[:, np.newaxis]
    return [DenseLayer(coef, first.intercept - mean @ coef), *layers[1:]]


def with_outputs_in_units(layers: Layers, centre: Values, size: Values) -> list[DenseLayer]:
    """Convert layers for (y - centre) / size to layers for y."""
    last = layers[-1]
    return [*layers[:-1], DenseLayer(last.coef * size, last.intercept * size + centre)]
