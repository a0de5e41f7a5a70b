"""read(): a PyTorch model as layers with NumPy weights, one for each call of its graph."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from softreg_fast.nn.deployment.conversions import conversion_of
from softreg_fast.nn.deployment.layer_list import LayerList, Made, Unsupported, data_of
from softreg_fast.nn.deployment.layers import Graph, fold_scales
from softreg_fast.nn.graphs.calls import Call, walk
from softreg_fast.nn.graphs.tracing import Untraceable, trace, untouched
from softreg_fast.nn.torch.parameters import unwrapped

DTYPES: dict[Any, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


def read(model: nn.Module, example_inputs: Any) -> tuple[Graph, Any]:
    """Read the layers of a model, and compute its outputs for the example inputs.

    Parameters
    ----------
    model : torch.nn.Module
        Read in evaluation mode: dropout does nothing, BatchNorm uses its running statistics. It is
        not changed. Wrappers (torch.compile, DistributedDataParallel) are removed.
    example_inputs : tensor, or a tuple of one tensor
        Samples along the first axis.

    Raises
    ------
    Unsupported (a ValueError), TypeError
        If a module or call, which the message names, is not supported.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    model = unwrapped(model)
    example = _example(example_inputs)
    dtype = _dtype_of(model, example)
    if example.is_floating_point():
        example = example.to(next(t for t, d in DTYPES.items() if d == dtype))
    # wrap a single layer, so that it is traced as a leaf and not through its own code
    whole = nn.Sequential(model) if fx.Tracer().is_leaf_module(model, "") else model
    with untouched(model):
        traced = _traced(model, whole)
        try:
            expected = model(example)
        except Exception as error:  # layers may raise anything
            raise _failed(error) from error
        reader = _Reader(
            whole, example if len(example) > 1 else torch.cat([example, example]), dtype
        )
        walk(traced, whole, reader.visit)
    layers = reader.found.layers
    tables = [x.arrays["weight"].shape[0] for x in layers if x.kind == "embedding"]
    graph = Graph(fold_scales(layers), dtype, tables[0] if tables else 0)
    return graph, expected.detach().cpu().numpy()


def _traced(model: nn.Module, whole: nn.Module) -> fx.Graph:
    try:
        traced, opaque = trace(whole, {})
        if opaque:
            raise Untraceable(next(iter(opaque.values())))
    except Untraceable as error:
        raise Unsupported(
            f"torch.fx cannot trace {type(model).__name__} ({error.reason}); its forward must not "
            "depend on the values of tensors."
        ) from error
    return traced


def _failed(error: Exception) -> ValueError:
    return ValueError(f"The model fails on example_inputs: {error}")


def _example(example_inputs: Any) -> torch.Tensor:
    given = example_inputs if isinstance(example_inputs, tuple | list) else (example_inputs,)
    if len(given) != 1:
        raise Unsupported(f"Networks have one input here, example_inputs has {len(given)}.")
    example = torch.as_tensor(given[0])
    if example.ndim < 2 or not example.numel():
        raise Unsupported(
            f"example_inputs must have an axis of samples and at least one more, none of them "
            f"empty; the shape is {tuple(example.shape)}."
        )
    return example.detach()


def _dtype_of(model: nn.Module, example: torch.Tensor) -> np.dtype[Any]:
    found = {p.dtype for p in model.parameters() if p.is_floating_point()}
    found = found or {example.dtype if example.is_floating_point() else torch.float32}
    if len(found) != 1 or not found <= set(DTYPES):
        names = ", ".join(sorted(str(dtype) for dtype in found))
        raise Unsupported(
            f"Weights must be all float32 or all float64, not {names}: model.float()."
        )
    dtype: np.dtype[Any] = DTYPES[found.pop()]
    return dtype


class _Reader:
    # converts calls into layers, in the order of the graph
    def __init__(self, model: nn.Module, example: torch.Tensor, dtype: Any) -> None:
        self.model, self.example = model, example
        self.found = LayerList(len(example), dtype)

    def visit(self, call: Call) -> Made:
        """Return what a call makes, after adding its layers."""
        if call.node.op == "placeholder":
            return self._input(call)
        if call.node.op == "get_attr":
            return Made(operator.attrgetter(str(call.node.target))(self.model))
        if call.node.op == "output":
            self._end_with(call)
            return Made(None)
        try:
            call.result = call.perform(data_of)
        except Exception as error:  # layers may raise anything
            raise _failed(error) from error
        if isinstance(call.result, int | torch.Size) or not _reads_layers(call):
            return Made(call.result)  # sizes, and what does not depend on the input
        return Made(call.result, conversion_of(self.found, call)(self.found, call))

    def _input(self, call: Call) -> Made:
        if self.found.layers:
            raise Unsupported(f"{call.name}: networks have one input here.")
        call.result = self.example
        return Made(self.example, self.found.add("input", call, ()))

    def _end_with(self, call: Call) -> None:
        # the output is the last layer, even if others follow it in the graph
        given, layers = call.args[0], self.found.layers
        value = given.value if isinstance(given, Made) else None
        if not isinstance(value, int):
            raise Unsupported("Networks give one tensor here, samples along its first axis.")
        shape = layers[value].shape
        if value != len(layers) - 1 or value == 0:
            index = np.arange(int(np.prod(shape)))
            self.found.add("view", call, (value,), arrays={"index": index}, shape=shape)


def _reads_layers(call: Call) -> bool:
    found: list[Any] = []
    fx.node.map_aggregate((call.args, call.kwargs), found.append)
    return any(isinstance(x, Made) and x.value is not None for x in found)
