"""Rules for functions and for modules without weights: units and constants of their results."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from softreg_fast.nn.compaction.flow import Flow
from softreg_fast.nn.compaction.layer_rules import linear
from softreg_fast.nn.compaction.values import Extremes, Value, length, part_of, uniform, values_in
from softreg_fast.nn.graphs.calls import Call
from softreg_fast.nn.graphs.operations import Family

Rule = Callable[[Flow, Call], Any]


def _entrywise(flow: Flow, call: Call) -> Value:
    value = next(iter(values_in((call.args, call.kwargs))))
    data = part_of(call, "data")
    unknown = torch.isnan(value.const)
    const = part_of(call, "const")
    return Value(data, value.labels, const.masked_fill_(unknown, float("nan")))


def _same(flow: Flow, call: Call) -> Value:
    # constants do not change; copied if the operation copies the data
    value = next(iter(values_in((call.args, call.kwargs))))
    data, const = part_of(call, "data"), value.const
    const = const if data.data_ptr() == value.data.data_ptr() else const.clone()
    return Value(data, value.labels, const)


def _binary(flow: Flow, call: Call) -> Any:
    a, b = call.args[:2]
    if not (isinstance(a, Value) and isinstance(b, Value)):
        return _entrywise(flow, call)  # the other operand is a number
    data = part_of(call, "data")
    labels = _matched(flow, call, a, b, data.shape)
    unknown = torch.isnan(a.const) | torch.isnan(b.const)
    if call.operation.name == "mul":
        zero = (a.const == 0.0) | (b.const == 0.0)
    else:
        zero = torch.zeros_like(unknown)
    const = part_of(call, "const").masked_fill_(unknown, float("nan")).masked_fill_(zero, 0.0)
    return Value(data, labels, const)


def _matched(flow: Flow, call: Call, a: Value, b: Value, shape: Any) -> Any:
    # the labels of the result of two operands; an operand broadcast over units is pinned
    stretched = []
    for x, other in ((a, b), (b, a)):
        over = any(
            varies and other.data.shape[k] > 1 and length(x.data, k - other.data.dim()) == 1
            for k, varies in enumerate(flow.varying(other))
        )
        if over:
            flow.pin(x, call.node.name, "is stretched over the units of another layer")
        stretched.append(over)
    wide = [x.labels.expand(shape) for x in (a, b)]
    if all(stretched):
        return torch.from_numpy(flow.units.pinned(1)).reshape([1] * len(shape)).expand(shape)
    if not any(stretched):
        flow.units.join(wide[0].numpy(), wide[1].numpy())
    return wide[1] if stretched[0] else wide[0]


def _dropout(flow: Flow, call: Call) -> Value:
    value, module = call.args[0], call.module
    active = call.option("training") if module is None else module in flow.training and module.p
    data = part_of(call, "data")
    const = value.const if call.option("inplace") else value.const.clone()
    if active:
        const[const != 0.0] = float("nan")
    return Value(data, value.labels, const)


def _pool(flow: Flow, call: Call) -> Value:
    value = call.args[0]
    n_axes = call.operation.n_axes or value.data.dim() - 2
    data = part_of(call, "data")
    axes = list(range(data.dim() - n_axes, data.dim()))
    varying = flow.varying(value)
    if any(varying[k] for k in axes):
        flow.pin(value, call.node.name, "pools units")
    labels = flow.merge(value.labels, axes).expand(data.shape)
    const = uniform(value.const, axes).expand(data.shape).clone()
    padding, divisor = call.option("padding", 0), call.option("divisor_override")
    if np.any(np.asarray(padding) != 0) or divisor is not None:
        const[const != 0.0] = float("nan")  # averages may count the zeros of the padding
    return Value(data, labels, const)


def _reduce(flow: Flow, call: Call) -> Any:
    value, name = call.args[0], call.operation.name
    given = call.option("dim")
    axes = [given] if isinstance(given, int) else given
    if not isinstance(axes, tuple | list) or value.data.dim() == 0:
        return flow.opaque_call(call, call.node.name, f"{name} over everything")
    axes = [k % value.data.dim() for k in axes]
    varying = flow.varying(value)
    if any(varying[k] for k in axes):
        return flow.opaque_call(call, call.node.name, f"{name} over units")
    data = part_of(call, "data")
    labels = flow.merge(value.labels, axes)
    const = uniform(value.const, axes)
    if name == "sum":  # the number of terms may differ for other data
        const = torch.where(const == 0.0, const, torch.full_like(const, float("nan")))
    values = data if isinstance(data, torch.Tensor) else data.values
    if values.dim() < value.data.dim():
        labels, const = labels.amax(dim=axes), const.amax(dim=axes)
    found = Value(values, labels, const)
    return found if values is data else Extremes(found, flow.unknown_like(data.indices))


def _move(flow: Flow, call: Call) -> Value:
    data = part_of(call, "data")
    if call.operation.name == "view":  # labels may have another memory layout than the data
        for value in values_in(call.args):
            value.labels, value.const = value.labels.contiguous(), value.const.contiguous()
    return Value(data, part_of(call, "labels"), part_of(call, "const"))


def _squeeze(flow: Flow, call: Call) -> Any:
    value, given = call.args[0], call.option("dim")
    given = [given] if isinstance(given, int) else given
    varying = flow.varying(value)
    if any(varying[k] for k in (range(value.data.dim()) if given is None else given)):
        flow.pin(value, call.node.name, "squeezes the axis of the units")
    return _move(flow, call)


def _reshape(flow: Flow, call: Call) -> Any:
    value, name = call.args[0], call.operation.name
    if any(isinstance(x, torch.dtype) for x in call.args[1:]):
        return flow.opaque_call(call, call.node.name, "views another type")
    varying = flow.varying(value)
    found = _move(flow, call)
    after = flow.varying(found)
    sizes = call.node.args[1:] or tuple(call.node.kwargs.values())
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    fixed = [n != -1 if isinstance(n, int) else not flow.sizes.get(n) for n in sizes]
    if len(fixed) != found.data.dim():  # one node gives all sizes: the shape of some tensor
        fixed = [False] * found.data.dim()
    if any(varies and by_number for varies, by_number in zip(after, fixed, strict=True)):
        flow.pin(value, call.node.name, f"{name} with the number of units; write -1 there")
    elif sum(after) > max(sum(varying), 1):
        flow.pin(value, call.node.name, f"{name} divides the units")
    return found


def _parts(flow: Flow, call: Call) -> Any:
    value = call.args[0]
    if flow.varying(value)[call.option("dim")]:
        flow.pin(value, call.node.name, "divides the units by number")
    parts = [part_of(call, part) for part in ("data", "labels", "const")]
    if isinstance(parts[0], torch.Tensor):
        return Value(*parts)
    return tuple(Value(*each) for each in zip(*parts, strict=True))


def _index(flow: Flow, call: Call) -> Any:
    value, index = call.args
    items = list(index) if isinstance(index, tuple) else [index]
    kinds = (int, slice, type(None), type(Ellipsis), Value)
    odd = any(isinstance(x, bool) or not isinstance(x, kinds) for x in items)
    odd |= any(isinstance(x, Value) and x.data.dtype != torch.int64 for x in items)
    if odd or sum(1 for _ in values_in(items)) > sum(isinstance(x, Value) for x in items):
        return flow.opaque_call(call, call.node.name, "is indexed by what is not known")
    n_named = sum(x is not None and x is not Ellipsis for x in items)
    axis, asked, gathered = 0, [], []
    for x in items:
        if x is Ellipsis:
            axis += value.data.dim() - n_named
        elif x is not None:
            if not (isinstance(x, slice) and x == slice(None)):
                asked.append(axis)
            if isinstance(x, Value):
                flow.pin(x, "", "")
                gathered.append(axis)
            axis += 1
    varying = flow.varying(value)
    if any(varying[k] for k in asked):
        flow.pin(value, call.node.name, "picks units by number")
    plain = tuple(x.data.cpu() if isinstance(x, Value) else x for x in items)
    const = value.const
    if gathered:  # other data select other entries
        const = uniform(const, gathered).expand(const.shape)
    data = value.data[tuple(x.data if isinstance(x, Value) else x for x in items)]
    return Value(data, value.labels[plain], const[plain])


def _joined(flow: Flow, call: Call) -> Any:
    given = call.args[0]
    if not isinstance(given, tuple | list):
        return flow.opaque_call(call, call.node.name, "joins what is not known")
    wrapped = [x if isinstance(x, Value) else flow.constant(x) for x in given]
    call.args = (wrapped, *call.args[1:])
    return _move(flow, call)


def _functional_linear(flow: Flow, call: Call) -> Any:
    node = call.node
    given = dict(zip(("input", "weight", "bias"), node.args, strict=False)) | node.kwargs
    nodes = [given.get("weight"), given.get("bias")]
    if any(n is not None and getattr(n, "op", "") != "get_attr" for n in nodes):
        return flow.opaque_call(call, node.name, "has weights that are computed")
    weight, bias = (None if n is None else operator.attrgetter(n.target)(flow.model) for n in nodes)
    if any(t is not None and id(t) not in flow.owned for t in (weight, bias)):
        return flow.opaque_call(call, node.name, "has weights that are no parameters")
    return linear(flow, nodes[0].target, call.args[0], weight, bias, "the bias is no layer's")


# Families whose calls have a single value among their arguments.
OF_ONE = {
    Family.ENTRYWISE: _entrywise,
    Family.SAME: _same,
    Family.DROPOUT: _dropout,
    Family.POOL: _pool,
    Family.REDUCTION: _reduce,
    Family.MOVE: _move,
    Family.PARTS: _parts,
}

# Families whose first argument is a value, whatever the others are.
OF_FIRST = {
    Family.RESHAPE: _reshape,
    Family.SQUEEZE: _squeeze,
    Family.INDEX: _index,
    Family.AFFINE: _functional_linear,
}


def rule_of_one(call: Call) -> Rule | None:
    """Return the rule for a call with a single value, of a function or a module without weights."""
    return None if call.option("return_indices") else OF_ONE.get(call.family)


def rule_of_function(call: Call) -> Rule | None:
    """Return the rule for a call of a function or method, None if there is none."""
    first = call.args[0] if call.args else None
    if call.family is Family.JOIN:
        return _joined
    if call.family is Family.BINARY:
        return _binary if len(call.args) > 1 else None
    if not isinstance(first, Value):
        return None
    if call.family in OF_FIRST:
        return OF_FIRST[call.family]
    n_values = sum(1 for _ in values_in((call.args, call.kwargs)))
    return rule_of_one(call) if n_values == 1 or call.operation.name == "type_as" else None
