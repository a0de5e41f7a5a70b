"""State while a network's graph is followed: units of values, constants, sizes.

Beside the data of an example every value has `labels`, the number of the unit that each entry
belongs to, and `const`, the entries that are the same for all data, NaN elsewhere. Operations that
only rearrange entries (transpositions, slices, concatenations) are applied to the labels as to the
data. Entrywise operations are applied to the constants. Weights join the units that they read and
produce (units.py). All other operations pin their units, so that they are kept.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from softreg_fast.nn.compaction.units import Blocks, Ids, Units
from softreg_fast.nn.compaction.values import (
    Value,
    has_other,
    on_tensors,
    part_of,
    uniform,
    unknown,
    values_in,
)
from softreg_fast.nn.graphs.calls import Call


class Flow:
    """One pass over a graph.

    Attributes
    ----------
    units : Units
    training : set of modules
        Modules whose constants are those of training mode.
    opaque : dict
        {module that could not be traced: why}.
    attributes : dict
        {module: {attribute: the units, or the blocks, whose number it is}}.
    """

    def __init__(
        self,
        model: nn.Module,
        units: Units,
        training: frozenset[nn.Module],
        opaque: dict[str, Exception],
    ) -> None:
        self.model = model
        self.units = units
        self.training = training
        self.opaque = opaque
        self.attributes: dict[str, dict[str, Ids | Blocks]] = {}
        self.owned = {id(t) for t in (*model.parameters(), *model.buffers())}
        uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
        self.shared = {key for key, n in uses.items() if n > 1}
        # nodes whose result depends on the data but holds no tensor to track it by
        self.foreign: set[Any] = set()
        # {node without data: {axis: the units on whose number its value depends}}
        self.sizes: dict[Any, dict[int, Ids]] = {}

    # -- values ------------------------------------------------------------------------------------

    def example(self, target: str, arguments: dict[str, Any]) -> Any:
        """Return the example of an argument of forward, with units for the entries of tensors."""
        name = target.lstrip("*")
        if name not in arguments:  # torch.fx appends a number to arguments that are not tensors
            name = name.rsplit("_", 1)[0]
        given = arguments[name]
        found: list[str] = []

        def wrap(x: Any) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            inner, key = tuple(x.shape[1:]), f"{name} {len(found)}" if found else name
            known = self.units.inputs.get(key)
            ids = self.units.new(int(np.prod(inner)), fixed=True) if known is None else known
            self.units.inputs[key] = ids.reshape(inner)
            found.append(key)
            labels = torch.from_numpy(ids.reshape(1, *inner)).expand(x.shape)
            return Value(x.clone(), labels, unknown(x.shape))

        return fx.node.map_aggregate(given, wrap)

    def constant(self, data: Any) -> Value:
        """Return a tensor of fixed size that does not depend on the data."""
        ids = self.units.pinned(1)
        labels = torch.from_numpy(ids).reshape([1] * data.dim()).expand(data.shape)
        const = unknown(data.shape) if data.is_complex() else data.detach().cpu().double()
        return Value(data, labels, const)

    def unknown_like(self, data: Any) -> Value:
        """Return a tensor of fixed size of which nothing else is known."""
        return Value(data, self.constant(data).labels, unknown(data.shape))

    def attribute(self, target: str) -> Any:
        """Return a parameter or another attribute of the model."""
        tensor: Any = operator.attrgetter(target)(self.model)
        if not isinstance(tensor, torch.Tensor):
            return tensor
        if id(tensor) not in self.owned or tensor.is_complex() or max(tensor.shape, default=1) < 2:
            return self.constant(tensor)
        long = [k for k, n in enumerate(tensor.shape) if n > 1]
        axis = long[-1]
        ids = self.units.axis(tensor, axis, self.made(tensor, axis, target))
        shape = [-1 if k == axis else 1 for k in range(tensor.dim())]
        labels = torch.from_numpy(ids).reshape(shape).expand(tensor.shape)
        return Value(tensor.detach(), labels, tensor.detach().cpu().double().clone())

    def made(self, tensor: Any, axis: int, name: str) -> Ids:
        """Return the units that weights produce along an axis."""
        known = self.units.axes.get((id(tensor), axis))
        ids = self.units.new(tensor.shape[axis]) if known is None else known
        self.units.blocks.setdefault(f"{name}.{axis}", Blocks(name, [(ids,)]))
        return ids

    def opaque_call(self, call: Call, name: str, reason: str) -> Any:
        """Treat a call as unknown: pin all units that it reads and those that it produces."""
        for value in values_in((call.args, call.kwargs)):
            self.pin(value, name, reason)
        found = part_of(call, "data")
        if has_other(found):
            self.foreign.add(call.node)
        return on_tensors(found, self.unknown_like)

    # -- axes --------------------------------------------------------------------------------------

    def varying(self, value: Value) -> list[bool]:
        """Return for each axis whether several units lie along it, so that a cut shortens it."""
        places = self.units.positions[value.labels.numpy()]
        return [
            bool((places != np.take(places, [0], axis=k)).any()) if places.size else False
            for k in range(places.ndim)
        ]

    def pin(self, value: Value, name: str, reason: str) -> None:
        """Keep the units of a value, because an operation `name` reads them, for this reason."""
        self.units.pin(value.labels.numpy(), name, reason)

    def merge(self, labels: Any, axes: list[int]) -> Any:
        """Join the units along these axes and return labels of length 1 there."""
        for axis in axes:
            first = labels.narrow(axis, 0, 1)
            if labels.shape[axis] > 1:
                self.units.join(first.expand(labels.shape).numpy(), labels.numpy())
            labels = first
        return labels

    def columns(self, value: Value, axis: int, name: str) -> tuple[Ids, Any]:
        """Return the units along an axis that weights read, and their constants."""
        axis %= value.data.dim()
        others = [k for k in range(value.data.dim()) if k != axis]
        varying = self.varying(value)
        if any(varying[k] for k in others):
            self.pin(value, name, "reads across another axis than that of the units")
        ids = self.merge(value.labels, others).reshape(-1).numpy()
        const = uniform(value.const, others).reshape(-1).numpy()
        return ids, const

    def count(self, name: str, **counted: Ids | Blocks) -> None:
        """Note the attributes of a module whose values are numbers of units."""
        self.attributes.setdefault(name, {}).update(counted)
