"""Values in a network's graph: example data, the units of their entries, and constants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx

from softreg_fast.nn.compaction.units import Ids
from softreg_fast.nn.graphs.calls import Call


@dataclass(eq=False)
class Value:
    """A tensor of the example, the units of its entries, and its constants (NaN elsewhere)."""

    data: Any
    labels: Any
    const: Any


class Extremes(NamedTuple):
    """Result of max or min along an axis."""

    values: Any
    indices: Any


def part_of(call: Call, part: str) -> Any:
    """Perform a call on the data, labels or constants ("const") of its arguments."""
    return call.perform(lambda x: getattr(x, part) if isinstance(x, Value) else x)


def values_in(x: Any) -> Iterator[Value]:
    """Iterate over all values in a nested structure."""
    found: list[Value] = []

    def look(each: Any) -> Any:
        if isinstance(each, Value):
            found.append(each)
        return each

    fx.node.map_aggregate(x, look)
    return iter(found)


def on_tensors(x: Any, wrap: Any) -> Any:
    """Apply `wrap` to all tensors in a nested structure."""
    return fx.node.map_aggregate(x, lambda y: wrap(y) if isinstance(y, torch.Tensor) else y)


def has_other(x: Any) -> bool:
    """Return whether a nested structure has entries other than tensors and None."""
    found: list[Any] = []
    fx.node.map_aggregate(x, found.append)
    return any(y is not None and not isinstance(y, torch.Tensor) for y in found)


def along(data: Any, axis: int, ids: Ids | None, const: Any, labels: Any = None) -> Value:
    """Make a value from data with labels and constants given along one axis."""
    shape = [1] * data.dim()
    shape[axis] = -1
    if ids is not None:
        labels = torch.from_numpy(ids).reshape(shape).expand(data.shape)
    wide = torch.from_numpy(np.ascontiguousarray(const, np.float64)).reshape(shape)
    return Value(data, labels, wide.expand(data.shape).clone())


def data_of(x: Any) -> Any:
    """Return the data of a value; anything else unchanged."""
    return x.data if isinstance(x, Value) else x


def unknown(shape: Any) -> Any:
    """Return constants of this shape that are all unknown (NaN)."""
    return torch.full(tuple(shape), float("nan"), dtype=torch.float64)


def uniform(const: Any, axes: list[int]) -> Any:
    """Reduce these axes to length 1: the constant if it is the same along them, else NaN."""
    for axis in axes:
        first = const.narrow(axis, 0, 1)
        same = (const == first).all(dim=axis, keepdim=True)
        const = torch.where(same, first, torch.full_like(first, float("nan")))
    return const


def numpy_of(tensor: Any) -> Any:
    """Convert a tensor to a float64 array."""
    return tensor.detach().cpu().double().numpy()


def length(tensor: Any, axis: int) -> int:
    """Return the length of an axis counted from the end, 1 if there is no such axis."""
    return int(tensor.shape[axis]) if -axis <= tensor.dim() else 1


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x as a tuple, of length 1 unless it is one."""
    return x if isinstance(x, tuple) else (x,)
