"""Values in a network's graph: data of an example, the units of their entries, and constants."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx
from torch.nn import functional

from softreg_fast.nn.units import Ids


@dataclass(eq=False)
class Value:
    """A tensor of the example, the units of its entries, and what of it is constant."""

    data: Any
    labels: Any
    const: Any


class Extremes(NamedTuple):
    """What max and min along an axis give."""

    values: Any
    indices: Any


class Call:
    """One node with its arguments, to be done to data, labels or constants."""

    def __init__(self, node: Any, args: Any, kwargs: Any, module: Any = None) -> None:
        self.node = node
        self.args = args
        self.kwargs = kwargs
        self.module = module

    def on(self, part: str) -> Any:
        """What it makes of the data, the labels or the constants of its arguments."""

        def pick(x: Any) -> Any:
            return getattr(x, part) if isinstance(x, Value) else x

        args = fx.node.map_aggregate(self.args, pick)
        kwargs = fx.node.map_aggregate(self.kwargs, pick)
        if self.module is not None:
            return self.module(*args, **kwargs)
        return perform(self.node, args, kwargs)

    def option(self, name: str, place: int, default: Any) -> Any:
        """What a module or a function was given under this name, or at this place."""
        if self.module is not None:
            return getattr(self.module, name, default)
        given = self.args[place] if len(self.args) > place else default
        return self.kwargs.get(name, given)

    @property
    def kind(self) -> str:
        """The name of a function, or of a module's class."""
        return name_of(self.node) if self.module is None else type(self.module).__name__


def perform(node: Any, args: Any, kwargs: Any) -> Any:
    """A function or a method of a graph."""
    if node.op == "call_method":
        return getattr(args[0], node.target)(*args[1:], **kwargs)
    return node.target(*args, **kwargs)


def name_of(node: Any) -> str:
    """The name of a method, or of a function of PyTorch or Python; none of ours for others."""
    if node.op != "call_function":
        return str(node.target)
    name = getattr(node.target, "__name__", "?")
    for place in (torch, functional, operator, torch.Tensor):
        if getattr(place, name, None) is node.target:
            return str(name)
    return str(name) if node.target is getattr else f"function {name}"


def values_in(x: Any) -> Iterator[Value]:
    """All values in any nesting."""
    found: list[Value] = []

    def look(each: Any) -> Any:
        if isinstance(each, Value):
            found.append(each)
        return each

    fx.node.map_aggregate(x, look)
    return iter(found)


def on_tensors(x: Any, wrap: Any) -> Any:
    """The same nesting with other things in place of tensors."""
    return fx.node.map_aggregate(x, lambda y: wrap(y) if isinstance(y, torch.Tensor) else y)


def has_other(x: Any) -> bool:
    """Whether there is anything but tensors and None, in any nesting."""
    found: list[Any] = []
    fx.node.map_aggregate(x, found.append)
    return any(y is not None and not isinstance(y, torch.Tensor) for y in found)


def along(data: Any, axis: int, ids: Ids | None, const: Any, labels: Any = None) -> Value:
    """Data with labels and constants that are known along one axis."""
    shape = [1] * data.dim()
    shape[axis] = -1
    if ids is not None:
        labels = torch.from_numpy(ids).reshape(shape).expand(data.shape)
    wide = torch.from_numpy(np.ascontiguousarray(const, np.float64)).reshape(shape)
    return Value(data, labels, wide.expand(data.shape).clone())


def data_of(x: Any) -> Any:
    """The data of a value; anything else as it is."""
    return x.data if isinstance(x, Value) else x


def unknown(shape: Any) -> Any:
    """Constants of which none is known."""
    return torch.full(tuple(shape), float("nan"), dtype=torch.float64)


def uniform(const: Any, axes: list[int]) -> Any:
    """What is constant and the same along these axes, which get length one."""
    for axis in axes:
        first = const.narrow(axis, 0, 1)
        same = (const == first).all(dim=axis, keepdim=True)
        const = torch.where(same, first, torch.full_like(first, float("nan")))
    return const


def numpy_of(tensor: Any) -> Any:
    """A tensor as float64 array."""
    return tensor.detach().cpu().double().numpy()


def length(tensor: Any, axis: int) -> int:
    """The length of an axis counted from the end; 1 where there is none."""
    return int(tensor.shape[axis]) if -axis <= tensor.dim() else 1


def as_tuple(x: Any) -> tuple[Any, ...]:
    """One thing as a tuple of one."""
    return x if isinstance(x, tuple) else (x,)
