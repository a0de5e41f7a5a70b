"""The list of layers that a model is converted to, and the results of its calls among them."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch

from softreg_fast.nn.deployment.layers import Layer
from softreg_fast.nn.graphs.calls import Call


class Unsupported(ValueError):
    """A part of a model, named in the message, that plans and exports do not support."""


class Made:
    """The result of a call: for the example, and as what it is among the layers.

    Attributes
    ----------
    data : any
        Result for the example.
    value : int, or a structure of these
        Index of the layer; tuples and `States` for recurrent layers; None for results that do not
        depend on the input, such as weights and sizes.
    """

    def __init__(self, data: Any, value: Any = None) -> None:
        self.data = data
        self.value = value


class States:
    """Final states of a recurrent module: one for each of its layers."""

    def __init__(self, values: list[int]) -> None:
        self.values = values


class LayerList:
    """Layers in the order of the calls of a model that they stand for.

    Parameters
    ----------
    n_samples : int
        Samples in the example that the calls were performed on.
    dtype : numpy.dtype
        Type of all weights.

    Attributes
    ----------
    layers : list of Layer
    """

    def __init__(self, n_samples: int, dtype: Any) -> None:
        self.n_samples, self.dtype = n_samples, dtype
        self.layers: list[Layer] = []

    def refuse(self, call: Call, what: str) -> NoReturn:
        """Raise Unsupported for a call."""
        raise Unsupported(f"{call.name}: {what} has no counterpart in plans and exports.")

    def shape(self, call: Call) -> tuple[int, ...]:
        """Return the shape of a call's result, without the axis of samples."""
        found = call.result
        if not isinstance(found, torch.Tensor) or found.ndim < 2 or len(found) != self.n_samples:
            self.refuse(call, "a result without an axis of samples in front")
        return tuple(found.shape[1:])

    def add(self, kind: str, call: Call, inputs: tuple[int, ...], **parts: Any) -> int:
        """Append a layer and return the index of its value."""
        shape = parts.pop("shape", None) or self.shape(call)
        name = wanted = parts.pop("name", call.name)
        names = {layer.name for layer in self.layers}
        again = 2
        while name in names:  # the module is called more than once
            name, again = f"{wanted}#{again}", again + 1
        self.layers.append(Layer(kind, name, inputs, shape, **parts))
        return len(self.layers) - 1

    def source(self, call: Call, k: int = 0) -> int:
        """Return the index of the value that is a call's k-th argument."""
        given = call.args[k] if len(call.args) > k else call.kwargs.get("input")
        value = given.value if isinstance(given, Made) else None
        if not isinstance(value, int):
            self.refuse(call, "an argument that is not a layer's value")
        assert isinstance(value, int)
        return value

    def numbers(self, tensor: torch.Tensor | None, n: int = 0) -> Any:
        """Convert a tensor to an array of the network's dtype; None becomes n zeros."""
        if tensor is None:
            return np.zeros(n, self.dtype)
        return np.ascontiguousarray(tensor.detach().cpu().numpy(), self.dtype)


def data_of(x: Any) -> Any:
    """Return the example's data of a result; anything else unchanged."""
    return x.data if isinstance(x, Made) else x
