"""A trained network as a list of layers with NumPy weights, the source of plans and exports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

# Kinds of layers that compute weight x + bias.
AFFINE = ("linear", "conv", "scale")


@dataclass(frozen=True)
class Layer:
    """One layer. Its value is identified by its index in the list; the input is value 0.

    Parameters
    ----------
    kind : str
        input, linear, conv, scale, activation, max_pool, mean_pool, add, softmax, embedding, lstm,
        gru, or view, which gives entries of its input in another order or shape.
    name : str
        Name of the module, or of the call in the model's code.
    inputs : tuple of int
        Indices of the values that it reads.
    shape : tuple of int
        Shape of its value, without the axis of samples.
    arrays : dict of arrays
        linear: weight (outputs, inputs), bias. conv: weight (outputs, inputs / groups, height,
        width), bias. scale: weight and bias, one for each channel. embedding: weight. lstm, gru:
        weight, bias, state_weight, state_bias, with the gates in PyTorch's order. view: index.
    options : dict
        conv and pools: stride, padding, dilation, groups, size, divisor. activation: function, a,
        b. softmax: log.
    """

    kind: str
    name: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    arrays: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """Layers in topological order; the last one is the output.

    high: number of rows of the embedding that integer inputs index, 0 for inputs of floats.
    """

    layers: list[Layer]
    dtype: np.dtype[Any]
    high: int = 0

    @property
    def input(self) -> Layer:
        """Input layer."""
        return self.layers[0]

    @property
    def width_in(self) -> int:
        """Number of entries in a sample."""
        return int(np.prod(self.input.shape))

    @property
    def output(self) -> Layer:
        """Output layer."""
        return self.layers[-1]


def readers(layers: list[Layer]) -> list[int]:
    """Count the layers that read each value; the network's output counts as one for the last."""
    counts = [0] * len(layers)
    for layer in layers:
        for source in layer.inputs:
            counts[source] += 1
    counts[-1] += 1
    return counts


def fold_scales(layers: list[Layer]) -> list[Layer]:
    """Fold each scale into the affine layer before it, if that layer has no other reader.

    BatchNorm after a linear layer or a convolution then costs nothing.
    """
    counts, place, kept = readers(layers), {0: 0}, [layers[0]]
    for k, layer in enumerate(layers[1:], 1):
        inputs = tuple(place[source] for source in layer.inputs)
        before = kept[inputs[0]] if inputs else layer
        if layer.kind == "scale" and before.kind in AFFINE and counts[layer.inputs[0]] == 1:
            kept[inputs[0]] = _scaled(before, layer)
            place[k] = inputs[0]
        else:
            place[k] = len(kept)
            kept.append(replace(layer, inputs=inputs))
    last = place[len(layers) - 1]
    if last != len(kept) - 1:  # the output was folded into a layer that is not the last
        index = np.arange(int(np.prod(kept[last].shape)))
        kept.append(Layer("view", "output", (last,), kept[last].shape, {"index": index}))
    return kept


def _scaled(layer: Layer, scale: Layer) -> Layer:
    by, shift = scale.arrays["weight"], scale.arrays["bias"]
    weight, bias = layer.arrays["weight"], layer.arrays["bias"]
    return replace(
        layer,
        arrays={
            "weight": weight * by.reshape(-1, *[1] * (weight.ndim - 1)),
            "bias": bias * by + shift,
        },
    )
