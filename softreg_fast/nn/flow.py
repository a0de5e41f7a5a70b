"""A network's graph, followed with the numbers of units and with constants in place of data.

Beside the data of an example every value has `labels`, the number of the unit that each entry
belongs to, and `const`, what is the same for all data, NaN elsewhere. What only moves entries about
(transpositions, slices, concatenations) is done to the labels as it is done to the data. What works
entry by entry is done to the constants. Weights join the units that they read and make
(`softreg_fast.nn.units`). All else pins them: they stay.
"""

from __future__ import annotations

import inspect
import operator
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from softreg_fast.nn.units import ONE_UNIT, Blocks, Ids, Sink, Units

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
ONE_WIDTH = "all layers and directions have one width"
GATES = {nn.RNN: 1, nn.LSTM: 4, nn.GRU: 3}
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)

# Modules and functions that work entry by entry.
ENTRYWISE_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.Softsign),
    *(nn.Tanhshrink, nn.LogSigmoid, nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Identity),
)
ENTRYWISE = frozenset(
    "relu relu6 leaky_relu elu selu celu gelu silu mish sigmoid tanh hardtanh hardswish "
    "hardsigmoid softplus softsign tanhshrink logsigmoid hardshrink softshrink threshold abs neg "
    "exp expm1 log1p sin cos square sqrt clamp clip clamp_min clamp_max erf pow float double half "
    "bfloat16 to type_as contiguous clone detach relu_ leaky_relu_ elu_ hardtanh_ sigmoid_ tanh_ "
    "clamp_ clip_ abs_ neg_ exp_".split()
)
SAME = frozenset("float double half bfloat16 to type_as contiguous clone detach".split())
BINARY = frozenset(
    "add sub mul div truediv true_divide multiply subtract divide maximum minimum iadd isub imul "
    "itruediv add_ sub_ mul_ div_".split()
)
PRODUCTS = frozenset(["mul", "multiply", "imul", "mul_"])
DROPOUT = frozenset("dropout dropout1d dropout2d dropout3d".split())

# Those that change the size of what lies in space or time, channel by channel.
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
REDUCTIONS = frozenset("mean sum amax amin max min".split())

# Those that move entries about: by the arguments that name an axis whose length they rely on.
MOVES = frozenset("permute transpose swapaxes movedim t unsqueeze flatten".split())
RESHAPES = frozenset("view reshape expand".split())
ALONG = {"chunk": 2, "split": 2, "unbind": 1, "select": 1, "narrow": 1}  # place of the axis
JOINS = frozenset("cat concat concatenate stack".split())
MEASURES = frozenset("shape dtype device ndim is_cuda".split())
SIZES = frozenset("size getattr dim ndimension numel len".split())

# Those that make the same tensor each time.
CREATORS = frozenset("zeros ones full arange eye linspace tensor".split())


class Untraceable(Exception):
    """The graph of a network cannot be had."""


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


class _Tracer(fx.Tracer):
    # modules that cannot be traced count as one opaque step each
    def __init__(self) -> None:
        super().__init__()
        self.opaque: dict[str, str] = {}

    def call_module(self, m: Any, forward: Any, args: Any, kwargs: Any) -> Any:
        n_known, stack = len(self.graph.nodes), dict(self.module_stack)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception as error:
            for node in reversed(list(self.graph.nodes)[n_known:]):
                self.graph.erase_node(node)
            self.module_stack.clear()
            self.module_stack.update(stack)
            path = self.path_of_module(m)
            self.opaque[path] = _first_line(error)
            return self.create_proxy("call_module", path, args, kwargs)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:120]


def bind(model: nn.Module, example_inputs: Any) -> dict[str, Any]:
    """{name of an argument of forward: its example}, with the defaults of those not given."""
    args, kwargs = (example_inputs,), {}
    if isinstance(example_inputs, tuple | list):
        args = tuple(example_inputs)
    elif isinstance(example_inputs, dict):
        args, kwargs = (), example_inputs
    try:
        bound = inspect.signature(model.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"example_inputs do not fit forward: {error}. Give a tensor, a tuple of the positional "
            "arguments or a dict of arguments by name."
        ) from error
    bound.apply_defaults()
    return dict(bound.arguments)


def trace(model: nn.Module, arguments: dict[str, Any]) -> tuple[fx.Graph, dict[str, str]]:
    """The graph of forward, and {module: why it is one opaque step in it}.

    Raises
    ------
    Untraceable
    """
    tracer = _Tracer()
    concrete = {k: v for k, v in arguments.items() if not isinstance(v, torch.Tensor)}
    try:
        return tracer.trace(model, concrete_args=concrete or None), tracer.opaque
    except Exception as error:
        raise Untraceable(_first_line(error)) from error


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """The model in eval mode; afterwards its modes, buffers and attributes are as before."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    attributes = set(vars(model))
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=sorted(devices)):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, saved in buffers:
            buffer.copy_(saved)
        for name in set(vars(model)) - attributes:  # constants that tracing leaves behind
            delattr(model, name)


def follow(model: nn.Module, arguments: dict[str, Any]) -> Flow:
    """All units of a network, by its graph in eval mode and, where it is training, in that too.

    Raises
    ------
    Untraceable
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
    """One walk along a graph.

    Attributes
    ----------
    units : Units
    training : set of modules
        For which what is constant is meant in training.
    attributes : dict
        {module: {attribute: the units that it counts, or the blocks}}.
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
        # nodes whose result depends on the data but holds no tensor that could tell
        self.foreign: set[Any] = set()
        # the units whose number a node without data depends on, by axis
        self.sizes: dict[Any, dict[int, Ids]] = {}

    def run(self, graph: fx.Graph, opaque: dict[str, str], arguments: dict[str, Any]) -> None:
        """Follow all nodes."""
        self.opaque = opaque
        last = {used: node for node in graph.nodes for used in node.all_input_nodes}
        found: dict[Any, Any] = {}
        for node in graph.nodes:
            if node.op == "placeholder":
                found[node] = self._example(node, arguments)
            elif node.op == "output":
                for value in _values(fx.node.map_arg(node.args, found.__getitem__)):
                    self.units.pin(value.labels.numpy(), "", "")
            else:
                found[node] = self._visit(node, found)
            for used in node.all_input_nodes:
                if last[used] is node:
                    del found[used]

    # -- values ------------------------------------------------------------------------------------

    def _example(self, node: Any, arguments: dict[str, Any]) -> Any:
        name = node.target.lstrip("*")
        if name not in arguments:  # tracing numbers those that are not tensors
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
            return Value(x.clone(), labels, _unknown(x.shape))

        return fx.node.map_aggregate(given, wrap)

    def _constant(self, data: Any) -> Value:
        # a tensor that does not depend on the data, with a size of its own
        ids = self.units.pinned(1)
        labels = torch.from_numpy(ids).reshape([1] * data.dim()).expand(data.shape)
        const = _unknown(data.shape) if data.is_complex() else data.detach().cpu().double()
        return Value(data, labels, const)

    def _attribute(self, target: str) -> Any:
        tensor: Any = operator.attrgetter(target)(self.model)
        if not isinstance(tensor, torch.Tensor):
            return tensor
        if id(tensor) not in self.owned or tensor.is_complex() or max(tensor.shape, default=1) < 2:
            return self._constant(tensor)
        long = [k for k, n in enumerate(tensor.shape) if n > 1]
        axis = long[-1]
        ids = self.units.axis(tensor, axis, self._made(tensor, axis, target))
        shape = [-1 if k == axis else 1 for k in range(tensor.dim())]
        labels = torch.from_numpy(ids).reshape(shape).expand(tensor.shape)
        return Value(tensor.detach(), labels, tensor.detach().cpu().double().clone())

    def _made(self, tensor: Any, axis: int, name: str) -> Ids:
        # the units that weights make
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
        name = _name_of(node)
        if self.foreign.intersection(node.all_input_nodes):
            return self._opaque(_Call(node, args, kwargs), node.name, "computes with data")
        if not any(True for _ in _values((args, kwargs))):
            self.sizes[node] = self._size_of_sizes(node, args)
            wrap = self._constant if name in CREATORS else self._constant_like
            return _on_tensors(_call(node, args, kwargs), wrap)
        if name in SIZES and (name != "getattr" or args[1] in MEASURES):
            return self._measure(node, name, args, kwargs)
        if name in ("getitem", "getattr") and not isinstance(args[0], Value):
            return _call(node, args, kwargs)
        if name not in RESHAPES:
            for used in node.all_input_nodes:
                for ids in self.sizes.get(used, {}).values():
                    self.units.pin(ids, node.name, "computes with the number of units")
        return self._function(node, name, args, kwargs)

    def _function(self, node: Any, name: str, args: Any, kwargs: Any) -> Any:
        first = args[0] if args else None
        single = isinstance(first, Value) and sum(1 for _ in _values((args, kwargs))) == 1
        call = _Call(node, args, kwargs)
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
        if _name_of(node) == "getitem" and isinstance(args[1], int):
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
        return _call(node, fx.node.map_aggregate(args, _data), kwargs)

    # -- axes --------------------------------------------------------------------------------------

    def _varying(self, value: Value) -> list[bool]:
        """Along which axes there are several units of a layer, so that a cut makes it shorter."""
        places = self.units.positions[value.labels.numpy()]
        return [
            bool((places != np.take(places, [0], axis=k)).any()) if places.size else False
            for k in range(places.ndim)
        ]

    def _pin(self, value: Value, name: str, reason: str) -> None:
        self.units.pin(value.labels.numpy(), name, reason)

    def _merge(self, labels: Any, axes: list[int]) -> Any:
        """Labels with one entry along these axes, whose units are joined."""
        for axis in axes:
            first = labels.narrow(axis, 0, 1)
            if labels.shape[axis] > 1:
                self.units.join(first.expand(labels.shape).numpy(), labels.numpy())
            labels = first
        return labels

    def _columns(self, value: Value, axis: int, name: str) -> tuple[Ids, Any]:
        """The units along an axis that weights read, and what is constant there."""
        axis %= value.data.dim()
        others = [k for k in range(value.data.dim()) if k != axis]
        varying = self._varying(value)
        if any(varying[k] for k in others):
            self._pin(value, name, "reads across another axis than that of the units")
        ids = self._merge(value.labels, others).reshape(-1).numpy()
        const = _uniform(value.const, others).reshape(-1).numpy()
        return ids, const

    # -- functions ---------------------------------------------------------------------------------

    def _entrywise(self, call: _Call, same: bool = False) -> Value:
        value = next(iter(_values((call.args, call.kwargs))))
        data = call.on("data")
        if same:  # as far as the constants go; a copy where there is one
            const = value.const
            const = const if data.data_ptr() == value.data.data_ptr() else const.clone()
            return Value(data, value.labels, const)
        unknown = torch.isnan(value.const)
        const = call.on("const")
        return Value(data, value.labels, const.masked_fill_(unknown, float("nan")))

    def _binary(self, call: _Call, name: str) -> Any:
        a, b = call.args[:2]
        if not (isinstance(a, Value) and isinstance(b, Value)):
            one, other = (a, b) if isinstance(a, Value) else (b, a)
            if not isinstance(other, torch.Tensor) or other.dim() == 0:
                return self._entrywise(call)
            call.args = tuple(
                self._constant(x) if x is other else x for x in (a, b, *call.args[2:])
            )
            return self._binary(call, name)
        in_place = name.endswith("_") or name in ("iadd", "isub", "imul", "itruediv")
        data = call.on("data")
        labels = self._matched(call, a, b, data.shape)
        old = (a.const, b.const)
        unknown = torch.isnan(a.const) | torch.isnan(b.const)
        if name in PRODUCTS:
            zero = (a.const == 0.0) | (b.const == 0.0)
        else:
            zero = torch.zeros_like(unknown)
        const = call.on("const").masked_fill_(unknown, float("nan")).masked_fill_(zero, 0.0)
        assert not in_place or const is old[0]
        return Value(data, labels, const)

    def _matched(self, call: _Call, a: Value, b: Value, shape: Any) -> Any:
        # the labels of a result of two operands; one that is stretched over units stays as it is
        stretched = []
        for x, other in ((a, b), (b, a)):
            over = any(
                varies and other.data.shape[k] > 1 and _size(x.data, k - other.data.dim()) == 1
                for k, varies in enumerate(self._varying(other))
            )
            if over:
                self._pin(x, call.node.name, "is stretched over the units of another layer")
            stretched.append(over)
        wide = [x.labels.expand(shape) for x in (a, b)]
        if all(stretched):
            return torch.from_numpy(self.units.pinned(1)).reshape([1] * len(shape)).expand(shape)
        if not any(stretched):
            self.units.join(wide[0].numpy(), wide[1].numpy())
        return wide[1] if stretched[0] else wide[0]

    def _dropout(self, call: _Call, active: bool) -> Value:
        value = call.args[0]
        data = call.on("data")
        const = value.const if call.option("inplace", 3, False) else value.const.clone()
        if active:
            const[const != 0.0] = float("nan")
        return Value(data, value.labels, const)

    def _pool(self, call: _Call, n_axes: int) -> Value:
        value = call.args[0]
        data = call.on("data")
        axes = list(range(data.dim() - n_axes, data.dim()))
        varying = self._varying(value)
        if any(varying[k] for k in axes):
            self._pin(value, call.node.name, "pools units")
        labels = self._merge(value.labels, axes).expand(data.shape)
        const = _uniform(value.const, axes).expand(data.shape).clone()
        plain = "adaptive" in str(call.kind).lower() or "pool" not in str(call.kind).lower()
        padding = 0 if plain else call.option("padding", 3, 0)
        divisor = None if plain else call.option("divisor_override", 6, None)
        if np.any(np.asarray(padding) != 0) or divisor is not None:
            const[const != 0.0] = float("nan")  # averages may count zeros beyond the border
        return Value(data, labels, const)

    def _reduce(self, call: _Call, name: str) -> Any:
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
        const = _uniform(value.const, axes)
        if name == "sum":  # of a number of terms that other data may change
            const = torch.where(const == 0.0, const, torch.full_like(const, float("nan")))
        values = data if isinstance(data, torch.Tensor) else data.values
        if values.dim() < value.data.dim():
            labels, const = labels.amax(dim=axes), const.amax(dim=axes)
        found = Value(values, labels, const)
        return found if values is data else Extremes(found, self._constant_like(data.indices))

    def _constant_like(self, data: Any) -> Value:
        return Value(data, self._constant(data).labels, _unknown(data.shape))

    def _move(self, call: _Call) -> Value:
        data = call.on("data")
        if call.kind == "view":  # the memory of labels may be laid out otherwise
            for value in _values(call.args):
                value.labels, value.const = value.labels.contiguous(), value.const.contiguous()
        return Value(data, call.on("labels"), call.on("const"))

    def _reshape(self, call: _Call, name: str) -> Value:
        value = call.args[0]
        if any(isinstance(x, torch.dtype) for x in call.args[1:]):
            return self._opaque(call, call.node.name, "views another type")
        varying = self._varying(value)
        if name == "squeeze":
            asked = call.option("dim", 1, None)
            given = [asked] if isinstance(asked, int) else asked
            axes = range(value.data.dim()) if given is None else given
            if any(varying[k] for k in axes):
                self._pin(value, call.node.name, "squeezes the axis of the units")
            return self._move(call)
        found = self._move(call)
        after = self._varying(found)
        sizes = call.node.args[1:] or tuple(call.node.kwargs.values())
        if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
            sizes = tuple(sizes[0])
        fixed = [isinstance(n, int) and n != -1 for n in sizes]
        if len(fixed) != found.data.dim():  # one node for all sizes: those of some tensor
            fixed = [False] * found.data.dim()
        if any(varies and by_number for varies, by_number in zip(after, fixed, strict=True)):
            self._pin(value, call.node.name, f"{name} with the number of units; write -1 there")
        elif sum(after) > max(sum(varying), 1):
            self._pin(value, call.node.name, f"{name} divides the units")
        return found

    def _along(self, call: _Call, place: int) -> Any:
        value = call.args[0]
        axis = call.option("dim", place, 0)
        if self._varying(value)[axis]:
            self._pin(value, call.node.name, "divides the units by number")
        parts = [call.on(part) for part in ("data", "labels", "const")]
        if isinstance(parts[0], torch.Tensor):
            return Value(*parts)
        return tuple(Value(*each) for each in zip(*parts, strict=True))

    def _index(self, call: _Call) -> Value:
        value, index = call.args
        items = list(index) if isinstance(index, tuple) else [index]
        kinds = (int, slice, type(None), type(Ellipsis), Value)
        if any(isinstance(x, bool) or not isinstance(x, kinds) for x in items) or any(
            isinstance(x, Value) and x.data.dtype != torch.int64 for x in items
        ):
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
                    self._pin(x, "", "")
                    gathered.append(axis)
                axis += 1
        varying = self._varying(value)
        if any(varying[k] for k in asked):
            self._pin(value, call.node.name, "picks units by number")
        plain = tuple(x.data.cpu() if isinstance(x, Value) else x for x in items)
        const = value.const
        if gathered:  # other data pick other places
            const = _uniform(const, gathered).expand(const.shape)
        data = value.data[tuple(x.data if isinstance(x, Value) else x for x in items)]
        return Value(data, value.labels[plain], const[plain])

    def _joined(self, call: _Call) -> Any:
        given = call.args[0]
        if not isinstance(given, tuple | list):
            return self._opaque(call, call.node.name, "joins what is not known")
        wrapped = [x if isinstance(x, Value) else self._constant(x) for x in given]
        call.args = (wrapped, *call.args[1:])
        return self._move(call)

    def _functional_linear(self, call: _Call) -> Any:
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
        return self._linear(nodes[0].target, call.args[0], weight, bias, "the bias is no layer's")

    def _opaque(self, call: _Call, name: str, reason: str) -> Any:
        """What nothing is known about: it needs all that comes in, and makes what stays."""
        for value in _values((call.args, call.kwargs)):
            self._pin(value, name, reason)
        found = call.on("data")
        if _has_other(found):
            self.foreign.add(call.node)
        return _on_tensors(found, self._constant_like)

    # -- modules -----------------------------------------------------------------------------------

    def _module(self, node: Any, args: Any, kwargs: Any) -> Any:
        name, module = node.target, self.model.get_submodule(node.target)
        call, kind = _Call(node, args, kwargs, module), type(module)
        value = args[0] if args and isinstance(args[0], Value) else None
        reason = self._refusal(name, module)
        known = value is not None and len(args) == 1 and not kwargs
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
            if kind is nn.Linear:
                found = self._linear(name, value, module.weight, module.bias, None)
                made, read = (self.units.axes[(id(module.weight), axis)] for axis in (0, 1))
                self._count(name, out_features=made, in_features=read)
                return found
            if kind in CONVS and module.weight.is_floating_point():
                return self._conv(name, value, module)
            if kind in NORMS:
                return self._norm(name, value, module)
            if kind is nn.PReLU:
                return self._prelu(name, value, module)
            if kind is nn.Embedding:
                return self._embedding(name, value, module)
            if kind in GATES:
                return self._recurrent(name, value, module)
        reason = reason or f"{kind.__name__} mixes units, or is not known"
        if any(True for _ in module.parameters()):
            self.units.refused.setdefault(name, reason)
        for parameter in (*module.parameters(), *module.buffers()):
            for axis, n in enumerate(parameter.shape):
                self.units.axis(parameter, axis, self.units.pinned(n))
        return self._opaque(call, name, reason)

    def _refusal(self, name: str, module: nn.Module) -> str | None:
        """Why a module must be left alone that would be known otherwise."""
        if name in self.opaque:
            return f"{type(module).__name__} cannot be traced: {self.opaque[name]}"
        expected = ("weight",) if hasattr(module, "weight") else ()
        if type(module) in GATES:
            expected = tuple(module._flat_weights_names)
            if module.proj_size:
                return "has projections"
        if any(key not in module._parameters for key in expected):
            return "has weights that are computed from others"
        if module._forward_hooks or module._forward_pre_hooks:
            return "has hooks"
        if any(p is not None and p.is_complex() for p in module._parameters.values()):
            return "has complex weights"
        if type(module) is nn.Embedding and module.max_norm is not None:
            return "has max_norm, which depends on all columns"
        return None

    def _count(self, name: str, **counted: Ids | Blocks) -> None:
        self.attributes.setdefault(name, {}).update(counted)

    def _affine(
        self, sink: Sink, constant: Any, weights: Any, bias: Any, padded: bool = False
    ) -> Any:
        """Reads units, and returns what is constant of weights @ inputs + bias."""
        self.units.read(sink, constant)
        known = ~np.isnan(constant) & ((constant == 0.0) | (not padded))
        out = weights @ np.where(known, constant, 0.0)
        out = out if bias is None else out + _numpy(bias)
        return np.where(sink.nonzero[:, ~known].any(1), np.nan, out)

    def _linear(
        self, name: str, value: Value, weight: Any, bias: Any, no_fold: str | None
    ) -> Value:
        outputs = self.units.axis(weight, 0, self._made(weight, 0, name))
        inputs, constant = self._columns(value, -1, name)
        self.units.axis(weight, 1, inputs)
        if bias is not None:
            self.units.axis(bias, 0, outputs)
        w = _numpy(weight)
        sink = Sink(
            name=name,
            nonzero=w != 0.0,
            inputs=inputs,
            outputs=outputs,
            eps=torch.finfo(weight.dtype).eps,
            no_fold=no_fold or self._no_bias(bias),
            fold=(weight, bias, 1),
        )
        const = self._affine(sink, constant, w, bias)
        data = functional.linear(value.data, weight, bias)
        return _spread_along(data, -1, outputs, const)

    def _no_bias(self, bias: Any) -> str | None:
        if bias is None:
            return "there is no bias to take them in"
        return "the bias is shared" if id(bias) in self.shared else None

    def _conv(self, name: str, value: Value, module: Any) -> Value:
        n_axes = int(type(module).__name__[-2])
        weight, bias, groups = module.weight, module.bias, module.groups
        inputs, constant = self._columns(value, value.data.dim() - n_axes - 1, name)
        known = self.units.axes.get((id(weight), 0))
        outputs = self.units.new(len(weight)) if known is None else known
        outputs = self.units.axis(weight, 0, outputs)
        if bias is not None:
            self.units.axis(bias, 0, outputs)
        if groups == 1:
            self.units.axis(weight, 1, inputs)
            blocks = Blocks(name, [(outputs,)])
        else:
            # The groups stay alike: as many filters in each. What a group reads is not cut.
            parts = list(
                zip(np.split(inputs, groups), np.split(outputs, groups), strict=True)
            )
            for read, _ in parts:
                self.units.join(read[:1].repeat(len(read)), read)
            blocks = Blocks(name, parts, "groups have one size", droppable=True)
            self._count(name, groups=blocks)
        self.units.blocks.setdefault(name, blocks)
        self._count(name, in_channels=inputs, out_channels=outputs)
        padded = module.padding_mode == "zeros" and (
            isinstance(module.padding, str) or any(module.padding)
        )
        padded = padded and module.padding != "valid"
        sink = Sink(
            name=name,
            nonzero=wide_matrix(_numpy(weight) != 0.0, groups) != 0.0,
            inputs=inputs,
            outputs=outputs,
            eps=torch.finfo(weight.dtype).eps,
            no_fold="zero padding ends them at the border" if padded else self._no_bias(bias),
            fold=(weight, bias, groups),
        )
        w = wide_matrix(_numpy(weight), groups)
        const = self._affine(sink, constant, w, bias, padded)
        data = module(value.data)
        return _spread_along(data, data.dim() - n_axes - 1, outputs, const)

    def _norm(self, name: str, value: Value, module: Any) -> Value:
        ids, constant = self._columns(value, 1, name)
        for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
            if tensor is not None:
                self.units.axis(tensor, 0, ids)
        self._count(name, num_features=ids)
        one = np.ones(len(ids))
        scale = one if module.weight is None else _numpy(module.weight)
        shift = 0.0 * one if module.bias is None else _numpy(module.bias)
        if module in self.training or module.running_mean is None:
            centred = np.where(np.isnan(constant), np.nan, 0.0)
        else:
            spread = np.sqrt(_numpy(module.running_var) + module.eps)
            centred = (constant - _numpy(module.running_mean)) / spread
        out = np.where(scale == 0.0, shift, centred * scale + shift)
        # a running mean that decays by a tenth in each step is never exactly 0
        least = 1e-3 * torch.finfo(value.data.dtype).eps * max(np.abs(scale).max(), 1e-300)
        out[np.abs(out) <= least] = 0.0
        return _spread_along(module(value.data), 1, None, out, value.labels)

    def _prelu(self, name: str, value: Value, module: Any) -> Value:
        slopes = _numpy(module.weight)
        if len(slopes) > 1:
            ids, _ = self._columns(value, 1, name)
            self.units.axis(module.weight, 0, ids)
            self._count(name, num_parameters=ids)
        shape = [-1 if k == 1 else 1 for k in range(value.data.dim())] if len(slopes) > 1 else [1]
        const = value.const * torch.where(
            value.const >= 0.0, 1.0, torch.from_numpy(slopes).reshape(shape)
        )
        return Value(module(value.data), value.labels, const)

    def _embedding(self, name: str, value: Value, module: Any) -> Value:
        self._pin(value, "", "")
        weight = module.weight
        self.units.axis(weight, 0, self.units.pinned(len(weight)))
        ids = self.units.axis(weight, 1, self._made(weight, 1, name))
        self._count(name, embedding_dim=ids)
        w = _numpy(weight)
        const = np.where((w == w[:1]).all(0), w[0], np.nan)
        return _spread_along(module(value.data), -1, ids, const)

    def _recurrent(self, name: str, value: Value, module: Any) -> Any:
        inputs, constant = self._columns(value, -1, name)
        self._count(name, input_size=inputs)
        n_gates, parts, constants = GATES[type(module)], [], []
        ways = ["", "_reverse"] if module.bidirectional else [""]
        for layer in range(module.num_layers):
            made, silent = [], []
            for way in ways:
                weights = [
                    getattr(module, f"{kind}_l{layer}{way}", None)
                    for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                ]
                key = f"{name}.weight_ih_l{layer}{way}", f"{name}.weight_hh_l{layer}{way}"
                ids, zero = self._cell(key, weights, n_gates, inputs, constant)
                made.append(ids)
                silent.append(np.where(zero, 0.0, np.nan))
            parts += made
            constants += silent
            inputs, constant = np.concatenate(made), np.concatenate(silent)
        reason = ONE_WIDTH if len(parts) > 1 else ONE_UNIT
        self.units.blocks.setdefault(name, Blocks(name, [(p,) for p in parts], reason))
        self._count(name, hidden_size=parts[0])
        output, state = module(value.data)
        states = [_states(x, parts, constants) for x in _as_tuple(state)]
        wrapped = tuple(states) if isinstance(state, tuple) else states[0]
        return _spread_along(output, -1, inputs, constant), wrapped

    def _cell(
        self, key: tuple[str, str], weights: list[Any], n_gates: int, inputs: Ids, constant: Any
    ) -> tuple[Ids, Any]:
        # one layer in one direction: its units, and those that are 0 at all times
        w_ih, w_hh, b_ih, b_hh = weights
        n = w_hh.shape[1]
        known = self.units.axes.get((id(w_hh), 1))
        ids = self.units.axis(w_hh, 1, self.units.new(n) if known is None else known)
        rows = np.tile(ids, n_gates)
        for tensor in (w_ih, w_hh, b_ih, b_hh):
            if tensor is not None:
                self.units.axis(tensor, 0, rows)
        self.units.axis(w_ih, 1, inputs)
        eps = torch.finfo(w_hh.dtype).eps
        reads = Sink(
            name=key[0],
            nonzero=_numpy(w_ih) != 0.0,
            inputs=inputs,
            outputs=rows,
            eps=eps,
            no_fold=self._no_bias(b_ih),
            fold=(w_ih, b_ih, 1),
        )
        candidate = slice(2 * n, 3 * n) if n_gates > 1 else slice(0, n)
        from_input = self._affine(reads, constant, _numpy(w_ih), b_ih)[candidate]
        from_state = np.zeros(n) if b_hh is None else _numpy(b_hh)[candidate]
        zero = silent_units(from_input, from_state, _numpy(w_hh)[candidate], n_gates == 3)
        loops = Sink(key[1], _numpy(w_hh) != 0.0, ids, rows, eps, "they come in over time")
        self.units.read(loops, np.where(zero, 0.0, np.nan))
        return ids, zero


def silent_units(from_input: Any, from_state: Any, w_hh: Any, gated: bool) -> Any:
    """The recurrent units that stay 0 when they start at 0.

    An LSTM's cell is c = f c + i tanh(W_ig x + b_ig + W_hg h + b_hg), h = o tanh(c): it stays 0 if
    the row of the candidate is 0. A GRU's h = (1 - z) n + z h, n = tanh(W_in x + b_in + r (W_hn h
    + b_hn)): likewise, but since r depends on the data both biases must be 0. Weights of h that
    read only units that stay 0 themselves do no harm, which by induction over time may be a circle.

    Parameters
    ----------
    from_input, from_state : array (n,)
        The candidate's constant part from the input with its bias, NaN where it is not constant,
        and its bias beside the state.
    w_hh : array (n, n)
        The candidate's weights of the state.
    gated : bool
        Whether the part of the state is multiplied by a gate first, as in a GRU.
    """
    if gated:
        zero = (from_input == 0.0) & (from_state == 0.0)
    else:
        zero = from_input + from_state == 0.0
    while (woken := zero & (w_hh[:, ~zero] != 0.0).any(1)).any():
        zero = zero & ~woken
    return zero


def wide_matrix(weight: Any, groups: int) -> Any:
    """The weights of a convolution, or of a layer, summed over space: (outputs, all inputs)."""
    sums = weight.reshape(*weight.shape[:2], -1).sum(2)
    n_out, n_in = sums.shape
    wide = np.zeros((n_out, n_in * groups))
    for rows, columns in zip(
        np.split(np.arange(n_out), groups), np.split(np.arange(n_in * groups), groups), strict=True
    ):
        wide[np.ix_(rows, columns)] = sums[rows]
    return wide


def _spread_along(data: Any, axis: int, ids: Ids | None, const: Any, labels: Any = None) -> Value:
    # labels and constants that are known along one axis
    shape = [1] * data.dim()
    shape[axis] = -1
    if ids is not None:
        labels = torch.from_numpy(ids).reshape(shape).expand(data.shape)
    wide = torch.from_numpy(np.ascontiguousarray(const, np.float64)).reshape(shape)
    return Value(data, labels, wide.expand(data.shape).clone())


def _states(data: Any, parts: list[Ids], constants: list[Any]) -> Value:
    # h_n or c_n: (layers and directions, [batch,] units)
    shape = (len(parts), 1, -1) if data.dim() == 3 else (len(parts), -1)
    labels = torch.from_numpy(np.stack(parts)).reshape(shape).expand(data.shape)
    const = torch.from_numpy(np.stack(constants)).reshape(shape).expand(data.shape)
    return Value(data, labels, const.clone())


class _Call:
    # one node with its arguments, to be done to data, labels or constants
    def __init__(self, node: Any, args: Any, kwargs: Any, module: Any = None) -> None:
        self.node = node
        self.args = args
        self.kwargs = kwargs
        self.module = module

    def on(self, part: str) -> Any:
        def pick(x: Any) -> Any:
            return getattr(x, part) if isinstance(x, Value) else x

        args = fx.node.map_aggregate(self.args, pick)
        kwargs = fx.node.map_aggregate(self.kwargs, pick)
        if self.module is not None:
            return self.module(*args, **kwargs)
        return _call(self.node, args, kwargs)

    def option(self, name: str, place: int, default: Any) -> Any:
        """What a module or a function was given under this name, or at this place."""
        if self.module is not None:
            return getattr(self.module, name, default)
        given = self.args[place] if len(self.args) > place else default
        return self.kwargs.get(name, given)

    @property
    def kind(self) -> str:
        """The name of a function, or of a module's class."""
        return _name_of(self.node) if self.module is None else type(self.module).__name__


def _call(node: Any, args: Any, kwargs: Any) -> Any:
    if node.op == "call_method":
        return getattr(args[0], node.target)(*args[1:], **kwargs)
    return node.target(*args, **kwargs)


def _name_of(node: Any) -> str:
    """The name of PyTorch's or Python's own function, or of a method; otherwise none that is known."""
    if node.op != "call_function":
        return str(node.target)
    name = getattr(node.target, "__name__", "?")
    for place in (torch, functional, operator, torch.Tensor):
        if getattr(place, name, None) is node.target:
            return str(name)
    return str(name) if node.target is getattr else f"function {name}"


def _values(x: Any) -> Iterator[Value]:
    found: list[Value] = []

    def look(each: Any) -> Any:
        if isinstance(each, Value):
            found.append(each)
        return each

    fx.node.map_aggregate(x, look)
    return iter(found)


def _on_tensors(x: Any, wrap: Any) -> Any:
    return fx.node.map_aggregate(x, lambda y: wrap(y) if isinstance(y, torch.Tensor) else y)


def _has_other(x: Any) -> bool:
    # anything but tensors and None, in any nesting
    found: list[Any] = []
    fx.node.map_aggregate(x, found.append)
    return any(y is not None and not isinstance(y, torch.Tensor) for y in found)


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def _unknown(shape: Any) -> Any:
    return torch.full(tuple(shape), float("nan"), dtype=torch.float64)


def _uniform(const: Any, axes: list[int]) -> Any:
    """What is constant and the same along these axes, which get length one."""
    for axis in axes:
        first = const.narrow(axis, 0, 1)
        same = (const == first).all(dim=axis, keepdim=True)
        const = torch.where(same, first, torch.full_like(first, float("nan")))
    return const


def _numpy(tensor: Any) -> Any:
    return tensor.detach().cpu().double().numpy()


def _size(tensor: Any, axis: int) -> int:
    # the length of an axis counted from the end; 1 where there is none
    return int(tensor.shape[axis]) if -axis <= tensor.dim() else 1


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)

