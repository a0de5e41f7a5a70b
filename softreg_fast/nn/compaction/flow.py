"""Propagation of unit numbers and constants through the graph of a network.

Beside the data of an example every value has `labels`, the number of the unit that each entry
belongs to, and `const`, the entries that are the same for all data, NaN elsewhere. Operations that
only rearrange entries (transpositions, slices, concatenations) are applied to the labels as to the
data. Entrywise operations are applied to the constants. Weights join the units that they read and
produce (compaction/units.py). All other operations pin their units, so that they are kept.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from softreg_fast.nn.compaction.layer_units import GATES, LAYERS, linear, refusal
from softreg_fast.nn.compaction.units import Blocks, Ids, Units
from softreg_fast.nn.compaction.values import (
    Call,
    Extremes,
    Value,
    data_of,
    has_other,
    length,
    name_of,
    on_tensors,
    perform,
    uniform,
    unknown,
    values_in,
)
from softreg_fast.nn.graphs.tracing import trace, untouched


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)

# Entrywise modules and functions.
ENTRYWISE_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.Softsign),
    *(nn.Tanhshrink, nn.LogSigmoid, nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Identity),
)
ENTRYWISE = _names(
    "relu relu6 leaky_relu elu selu celu gelu silu mish sigmoid tanh hardtanh hardswish "
    "hardsigmoid softplus softsign tanhshrink logsigmoid hardshrink softshrink threshold abs neg "
    "exp expm1 log1p sin cos square sqrt clamp clip clamp_min clamp_max erf pow float double half "
    "bfloat16 to type_as contiguous clone detach relu_ leaky_relu_ elu_ hardtanh_ sigmoid_ tanh_ "
    "clamp_ clip_ abs_ neg_ exp_"
)
SAME = _names("float double half bfloat16 to type_as contiguous clone detach")
BINARY = _names(
    "add sub mul div truediv true_divide multiply subtract divide maximum minimum iadd isub imul "
    "itruediv add_ sub_ mul_ div_"
)
PRODUCTS = frozenset(["mul", "multiply", "imul", "mul_"])
DROPOUT = _names("dropout dropout1d dropout2d dropout3d")

# Operations that resize the axes of space or time, channel by channel.
POOL_MODULES = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d),
)
POOLS = frozenset(
    [f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for n in "123"]
    + ["interpolate"]
)
REDUCTIONS = _names("mean sum amax amin max min")

# Operations that rearrange entries; ALONG gives the place of the argument that names the axis.
MOVES = _names("permute transpose swapaxes movedim t unsqueeze flatten")
RESHAPES = _names("view reshape expand")
ALONG = {"chunk": 2, "split": 2, "unbind": 1, "select": 1, "narrow": 1}
JOINS = _names("cat concat concatenate stack")
MEASURES = _names("shape dtype device ndim is_cuda")
SIZES = _names("size getattr dim ndimension numel len")

# Operations that create the same tensor each time.
CREATORS = _names("zeros ones full arange eye linspace tensor")


def follow(model: nn.Module, arguments: dict[str, Any]) -> Flow:
    """Find all units of a network from its graph in eval mode, and in training mode if it is set.

    Parameters
    ----------
    model : torch.nn.Module
    arguments : dict
        {name of an argument of forward: its example}, as from `bind`.

    Raises
    ------
    Untraceable
        If torch.fx cannot trace the model.
    """
    training = {module for module in model.modules() if module.training}
    units, attributes = Units(), {}
    with untouched(model):
        flow = Flow(model, units, frozenset())
        flow.run(*trace(model, arguments), arguments)
        if training:
            for module in training:
                module.training = True
            graph = trace(model, arguments)
            model.eval()
            attributes = flow.attributes
            flow = Flow(model, units, frozenset(training))
            flow.run(*graph, arguments)
    flow.attributes = attributes | flow.attributes
    return flow


class Flow:
    """One pass over a graph.

    Attributes
    ----------
    units : Units
    training : set of modules
        Modules whose constants are those of training mode.
    attributes : dict
        {module: {attribute: the units, or the blocks, whose number it is}}.
    """

    def __init__(self, model: nn.Module, units: Units, training: frozenset[nn.Module]) -> None:
        self.model = model
        self.units = units
        self.training = training
        self.opaque: dict[str, str] = {}
        self.attributes: dict[str, dict[str, Ids | Blocks]] = {}
        self.owned = {id(t) for t in (*model.parameters(), *model.buffers())}
        uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
        self.shared = {key for key, n in uses.items() if n > 1}
        # nodes whose result depends on the data but holds no tensor to track it by
        self.foreign: set[Any] = set()
        # {node without data: {axis: the units on whose number its value depends}}
        self.sizes: dict[Any, dict[int, Ids]] = {}

    def run(self, graph: fx.Graph, opaque: dict[str, str], arguments: dict[str, Any]) -> None:
        """Visit all nodes of the graph."""
        self.opaque = opaque
        last = {used: node for node in graph.nodes for used in node.all_input_nodes}
        found: dict[Any, Any] = {}
        for node in graph.nodes:
            if node.op == "placeholder":
                found[node] = self._example(node, arguments)
            elif node.op == "output":
                for value in values_in(fx.node.map_arg(node.args, found.__getitem__)):
                    self.units.pin(value.labels.numpy(), "", "")
            else:
                found[node] = self._visit(node, found)
            for used in node.all_input_nodes:
                if last[used] is node:
                    del found[used]

    # -- values ------------------------------------------------------------------------------------

    def _example(self, node: Any, arguments: dict[str, Any]) -> Any:
        name = node.target.lstrip("*")
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

    def _constant(self, data: Any) -> Value:
        # a tensor that does not depend on the data and whose size is fixed
        ids = self.units.pinned(1)
        labels = torch.from_numpy(ids).reshape([1] * data.dim()).expand(data.shape)
        const = unknown(data.shape) if data.is_complex() else data.detach().cpu().double()
        return Value(data, labels, const)

    def _attribute(self, target: str) -> Any:
        tensor: Any = operator.attrgetter(target)(self.model)
        if not isinstance(tensor, torch.Tensor):
            return tensor
        if id(tensor) not in self.owned or tensor.is_complex() or max(tensor.shape, default=1) < 2:
            return self._constant(tensor)
        long = [k for k, n in enumerate(tensor.shape) if n > 1]
        axis = long[-1]
        ids = self.units.axis(tensor, axis, self.made(tensor, axis, target))
        shape = [-1 if k == axis else 1 for k in range(tensor.dim())]
        labels = torch.from_numpy(ids).reshape(shape).expand(tensor.shape)
        return Value(tensor.detach(), labels, tensor.detach().cpu().double().clone())

    def made(self, tensor: Any, axis: int, name: str) -> Ids:
        # the units that weights produce along an axis
        known = self.units.axes.get((id(tensor), axis))
        ids = self.units.new(tensor.shape[axis]) if known is None else known
        self.units.blocks.setdefault(f"{name}.{axis}", Blocks(name, [(ids,)]))
        return ids

    def _visit(self, node: Any, found: dict[Any, Any]) -> Any:
        args = fx.node.map_arg(node.args, found.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, found.__getitem__)
        if node.op == "get_attr":
            return self._attribute(node.target)
        if node.op == "call_module":
            return self._module(node, args, kwargs)
        name = name_of(node)
        if self.foreign.intersection(node.all_input_nodes):
            return self._opaque(Call(node, args, kwargs), node.name, "computes with data")
        if not any(True for _ in values_in((args, kwargs))):
            self.sizes[node] = self._size_of_sizes(node, args)
            wrap = self._constant if name in CREATORS else self._constant_like
            return on_tensors(perform(node, args, kwargs), wrap)
        if name in SIZES and (name != "getattr" or args[1] in MEASURES):
            return self._measure(node, name, args, kwargs)
        if name in ("getitem", "getattr") and not isinstance(args[0], Value):
            return perform(node, args, kwargs)
        if name not in RESHAPES:
            for used in node.all_input_nodes:
                for ids in self.sizes.get(used, {}).values():
                    self.units.pin(ids, node.name, "computes with the number of units")
        return self._function(node, name, args, kwargs)

    def _function(self, node: Any, name: str, args: Any, kwargs: Any) -> Any:
        first: Any = args[0] if args else None
        single = isinstance(first, Value) and sum(1 for _ in values_in((args, kwargs))) == 1
        call = Call(node, args, kwargs)
        if name in ENTRYWISE and (single or name == "type_as"):
            return self._entrywise(call, name in SAME)
        if name in BINARY and len(args) > 1:
            return self._binary(call, name)
        if name in DROPOUT and single:
            return self._dropout(call, call.option("training", 2, True))
        if name in POOLS and single and not kwargs.get("return_indices"):
            n_axes = first.data.dim() - 2 if name == "interpolate" else int(name[-2])
            return self._pool(call, n_axes)
        if name in REDUCTIONS and single:
            return self._reduce(call, name)
        if single and (name in MOVES or (name == "getattr" and args[1] in ("T", "mT"))):
            return self._move(call)
        if name in ("squeeze", *RESHAPES) and isinstance(first, Value):
            return self._reshape(call, name)
        if name in ALONG and single:
            return self._along(call, ALONG[name])
        if name == "getitem" and isinstance(first, Value):
            return self._index(call)
        if name in JOINS:
            return self._joined(call)
        if name == "linear" and isinstance(first, Value):
            return self._functional_linear(call)
        return self._opaque(call, f"{node.name} ({name})", "mixes units, or is not known")

    def _size_of_sizes(self, node: Any, args: Any) -> dict[int, Ids]:
        if name_of(node) == "getitem" and isinstance(args[1], int):
            known = self.sizes.get(node.args[0], {})
            n_axes = len(args[0]) if isinstance(args[0], tuple) else 1
            return {k: ids for k, ids in known.items() if k == args[1] % max(n_axes, 1)}
        merged: dict[int, Ids] = {}
        for used in node.all_input_nodes:
            merged |= {len(merged) + k: ids for k, ids in self.sizes.get(used, {}).items()}
        return merged

    def _measure(self, node: Any, name: str, args: Any, kwargs: Any) -> Any:
        value = args[0]
        varying = self._varying(value)
        axes = [k for k in range(value.data.dim()) if varying[k]]
        if name == "size" and (len(args) > 1 or "dim" in kwargs):
            asked = args[1] if len(args) > 1 else kwargs["dim"]
            axes = [k for k in axes if k == asked % value.data.dim()]
        elif name == "len":
            axes = [k for k in axes if k == 0]
        elif name in ("dim", "ndimension") or (name == "getattr" and args[1] != "shape"):
            axes = []
        self.sizes[node] = {k: np.unique(value.labels.numpy()) for k in axes}
        return perform(node, fx.node.map_aggregate(args, data_of), kwargs)

    # -- axes --------------------------------------------------------------------------------------

    def _varying(self, value: Value) -> list[bool]:
        """Return for each axis whether several units lie along it, so that a cut shortens it."""
        places = self.units.positions[value.labels.numpy()]
        return [
            bool((places != np.take(places, [0], axis=k)).any()) if places.size else False
            for k in range(places.ndim)
        ]

    def pin(self, value: Value, name: str, reason: str) -> None:
        self.units.pin(value.labels.numpy(), name, reason)

    def _merge(self, labels: Any, axes: list[int]) -> Any:
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
        varying = self._varying(value)
        if any(varying[k] for k in others):
            self.pin(value, name, "reads across another axis than that of the units")
        ids = self._merge(value.labels, others).reshape(-1).numpy()
        const = uniform(value.const, others).reshape(-1).numpy()
        return ids, const

    # -- functions ---------------------------------------------------------------------------------

    def _entrywise(self, call: Call, same: bool = False) -> Value:
        value = next(iter(values_in((call.args, call.kwargs))))
        data = call.on("data")
        if same:  # constants do not change; copied if the operation copies the data
            const = value.const
            const = const if data.data_ptr() == value.data.data_ptr() else const.clone()
            return Value(data, value.labels, const)
        unknown = torch.isnan(value.const)
        const = call.on("const")
        return Value(data, value.labels, const.masked_fill_(unknown, float("nan")))

    def _binary(self, call: Call, name: str) -> Any:
        a, b = call.args[:2]
        if not (isinstance(a, Value) and isinstance(b, Value)):
            return self._entrywise(call)  # the other operand is a number
        data = call.on("data")
        labels = self._matched(call, a, b, data.shape)
        unknown = torch.isnan(a.const) | torch.isnan(b.const)
        if name in PRODUCTS:
            zero = (a.const == 0.0) | (b.const == 0.0)
        else:
            zero = torch.zeros_like(unknown)
        const = call.on("const").masked_fill_(unknown, float("nan")).masked_fill_(zero, 0.0)
        return Value(data, labels, const)

    def _matched(self, call: Call, a: Value, b: Value, shape: Any) -> Any:
        # the labels of the result of two operands; an operand broadcast over units is pinned
        stretched = []
        for x, other in ((a, b), (b, a)):
            over = any(
                varies and other.data.shape[k] > 1 and length(x.data, k - other.data.dim()) == 1
                for k, varies in enumerate(self._varying(other))
            )
            if over:
                self.pin(x, call.node.name, "is stretched over the units of another layer")
            stretched.append(over)
        wide = [x.labels.expand(shape) for x in (a, b)]
        if all(stretched):
            return torch.from_numpy(self.units.pinned(1)).reshape([1] * len(shape)).expand(shape)
        if not any(stretched):
            self.units.join(wide[0].numpy(), wide[1].numpy())
        return wide[1] if stretched[0] else wide[0]

    def _dropout(self, call: Call, active: bool) -> Value:
        value = call.args[0]
        data = call.on("data")
        const = value.const if call.option("inplace", 3, False) else value.const.clone()
        if active:
            const[const != 0.0] = float("nan")
        return Value(data, value.labels, const)

    def _pool(self, call: Call, n_axes: int) -> Value:
        value = call.args[0]
        data = call.on("data")
        axes = list(range(data.dim() - n_axes, data.dim()))
        varying = self._varying(value)
        if any(varying[k] for k in axes):
            self.pin(value, call.node.name, "pools units")
        labels = self._merge(value.labels, axes).expand(data.shape)
        const = uniform(value.const, axes).expand(data.shape).clone()
        plain = "adaptive" in str(call.kind).lower() or "pool" not in str(call.kind).lower()
        padding = 0 if plain else call.option("padding", 3, 0)
        divisor = None if plain else call.option("divisor_override", 6, None)
        if np.any(np.asarray(padding) != 0) or divisor is not None:
            const[const != 0.0] = float("nan")  # averages may count the zeros of the padding
        return Value(data, labels, const)

    def _reduce(self, call: Call, name: str) -> Any:
        value = call.args[0]
        given = call.option("dim", 1, None)
        axes = [given] if isinstance(given, int) else given
        if not isinstance(axes, tuple | list) or value.data.dim() == 0:
            return self._opaque(call, call.node.name, f"{name} over everything")
        axes = [k % value.data.dim() for k in axes]
        varying = self._varying(value)
        if any(varying[k] for k in axes):
            return self._opaque(call, call.node.name, f"{name} over units")
        data = call.on("data")
        labels = self._merge(value.labels, axes)
        const = uniform(value.const, axes)
        if name == "sum":  # the number of terms may differ for other data
            const = torch.where(const == 0.0, const, torch.full_like(const, float("nan")))
        values = data if isinstance(data, torch.Tensor) else data.values
        if values.dim() < value.data.dim():
            labels, const = labels.amax(dim=axes), const.amax(dim=axes)
        found = Value(values, labels, const)
        return found if values is data else Extremes(found, self._constant_like(data.indices))

    def _constant_like(self, data: Any) -> Value:
        return Value(data, self._constant(data).labels, unknown(data.shape))

    def _move(self, call: Call) -> Value:
        data = call.on("data")
        if call.kind == "view":  # labels may have another memory layout than the data
            for value in values_in(call.args):
                value.labels, value.const = value.labels.contiguous(), value.const.contiguous()
        return Value(data, call.on("labels"), call.on("const"))

    def _reshape(self, call: Call, name: str) -> Any:
        value = call.args[0]
        if any(isinstance(x, torch.dtype) for x in call.args[1:]):
            return self._opaque(call, call.node.name, "views another type")
        varying = self._varying(value)
        if name == "squeeze":
            asked = call.option("dim", 1, None)
            given = [asked] if isinstance(asked, int) else asked
            axes = range(value.data.dim()) if given is None else given
            if any(varying[k] for k in axes):
                self.pin(value, call.node.name, "squeezes the axis of the units")
            return self._move(call)
        found = self._move(call)
        after = self._varying(found)
        sizes = call.node.args[1:] or tuple(call.node.kwargs.values())
        if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
            sizes = tuple(sizes[0])
        fixed = [n != -1 if isinstance(n, int) else not self.sizes.get(n) for n in sizes]
        if len(fixed) != found.data.dim():  # one node gives all sizes: the shape of some tensor
            fixed = [False] * found.data.dim()
        if any(varies and by_number for varies, by_number in zip(after, fixed, strict=True)):
            self.pin(value, call.node.name, f"{name} with the number of units; write -1 there")
        elif sum(after) > max(sum(varying), 1):
            self.pin(value, call.node.name, f"{name} divides the units")
        return found

    def _along(self, call: Call, place: int) -> Any:
        value = call.args[0]
        axis = call.option("dim", place, 0)
        if self._varying(value)[axis]:
            self.pin(value, call.node.name, "divides the units by number")
        parts = [call.on(part) for part in ("data", "labels", "const")]
        if isinstance(parts[0], torch.Tensor):
            return Value(*parts)
        return tuple(Value(*each) for each in zip(*parts, strict=True))

    def _index(self, call: Call) -> Any:
        value, index = call.args
        items = list(index) if isinstance(index, tuple) else [index]
        kinds = (int, slice, type(None), type(Ellipsis), Value)
        odd = any(isinstance(x, bool) or not isinstance(x, kinds) for x in items)
        odd |= any(isinstance(x, Value) and x.data.dtype != torch.int64 for x in items)
        if odd or sum(1 for _ in values_in(items)) > sum(isinstance(x, Value) for x in items):
            return self._opaque(call, call.node.name, "is indexed by what is not known")
        n_named = sum(x is not None and x is not Ellipsis for x in items)
        axis, asked, gathered = 0, [], []
        for x in items:
            if x is Ellipsis:
                axis += value.data.dim() - n_named
            elif x is not None:
                if not (isinstance(x, slice) and x == slice(None)):
                    asked.append(axis)
                if isinstance(x, Value):
                    self.pin(x, "", "")
                    gathered.append(axis)
                axis += 1
        varying = self._varying(value)
        if any(varying[k] for k in asked):
            self.pin(value, call.node.name, "picks units by number")
        plain = tuple(x.data.cpu() if isinstance(x, Value) else x for x in items)
        const = value.const
        if gathered:  # other data select other entries
            const = uniform(const, gathered).expand(const.shape)
        data = value.data[tuple(x.data if isinstance(x, Value) else x for x in items)]
        return Value(data, value.labels[plain], const[plain])

    def _joined(self, call: Call) -> Any:
        given = call.args[0]
        if not isinstance(given, tuple | list):
            return self._opaque(call, call.node.name, "joins what is not known")
        wrapped = [x if isinstance(x, Value) else self._constant(x) for x in given]
        call.args = (wrapped, *call.args[1:])
        return self._move(call)

    def _functional_linear(self, call: Call) -> Any:
        node = call.node
        given = dict(zip(("input", "weight", "bias"), node.args, strict=False)) | node.kwargs
        nodes = [given.get("weight"), given.get("bias")]
        if any(n is not None and getattr(n, "op", "") != "get_attr" for n in nodes):
            return self._opaque(call, node.name, "has weights that are computed")
        weight, bias = (
            None if n is None else operator.attrgetter(n.target)(self.model) for n in nodes
        )
        if any(t is not None and id(t) not in self.owned for t in (weight, bias)):
            return self._opaque(call, node.name, "has weights that are no parameters")
        return linear(self, nodes[0].target, call.args[0], weight, bias, "the bias is no layer's")

    def _opaque(self, call: Call, name: str, reason: str) -> Any:
        """Treat a call as unknown: pin all units that it reads and those that it produces."""
        for value in values_in((call.args, call.kwargs)):
            self.pin(value, name, reason)
        found = call.on("data")
        if has_other(found):
            self.foreign.add(call.node)
        return on_tensors(found, self._constant_like)

    # -- modules -----------------------------------------------------------------------------------

    def _module(self, node: Any, args: Any, kwargs: Any) -> Any:
        name, module = node.target, self.model.get_submodule(node.target)
        call, kind = Call(node, args, kwargs, module), type(module)
        value: Any = args[0] if args and isinstance(args[0], Value) else None
        reason = refusal(self, name, module)
        given = sum(x is not None for x in args) if kind in GATES else len(args)
        known = value is not None and given == 1 and not kwargs
        if reason is None and known and not self.foreign.intersection(node.all_input_nodes):
            if kind in ENTRYWISE_MODULES:
                return self._entrywise(call)
            if kind in DROPOUTS:
                return self._dropout(call, module in self.training and module.p > 0.0)
            if kind in POOL_MODULES and not getattr(module, "return_indices", False):
                pool = "Pool" in kind.__name__
                return self._pool(call, int(kind.__name__[-2]) if pool else value.data.dim() - 2)
            if kind is nn.Flatten:
                return self._move(call)
            if kind in LAYERS:
                return LAYERS[kind](self, name, value, module)
        reason = reason or f"{kind.__name__} mixes units, or is not known"
        if any(True for _ in module.parameters()):
            self.units.refused.setdefault(name, reason)
        for parameter in (*module.parameters(), *module.buffers()):
            for axis, n in enumerate(parameter.shape):
                self.units.axis(parameter, axis, self.units.pinned(n))
        return self._opaque(call, name, reason)

    def count(self, name: str, **counted: Ids | Blocks) -> None:
        self.attributes.setdefault(name, {}).update(counted)
