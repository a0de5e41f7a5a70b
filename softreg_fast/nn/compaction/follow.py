"""follow(): find the units of a network, and what depends on them, from its graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from softreg_fast.nn.compaction.flow import Flow
from softreg_fast.nn.compaction.function_rules import rule_of_function, rule_of_one
from softreg_fast.nn.compaction.layer_rules import LAYERS, refusal
from softreg_fast.nn.compaction.units import Ids, Units
from softreg_fast.nn.compaction.values import Value, data_of, on_tensors, values_in
from softreg_fast.nn.graphs.calls import Call, walk
from softreg_fast.nn.graphs.operations import Family
from softreg_fast.nn.graphs.tracing import trace, untouched

NOT_KNOWN = "mixes units, or is not known"


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
        flow = _passed(model, units, arguments)
        if training:
            attributes = flow.attributes
            flow = _passed(model, units, arguments, frozenset(training))
    flow.attributes = attributes | flow.attributes
    return flow


def _passed(
    model: nn.Module,
    units: Units,
    arguments: dict[str, Any],
    training: frozenset[nn.Module] = frozenset(),
) -> Flow:
    # one pass over the graph; it is traced with these modules in training mode, and run without
    for module in training:
        module.training = True
    graph, opaque = trace(model, arguments)
    model.eval()
    flow = Flow(model, units, training, opaque)
    walk(graph, model, lambda call: _visit(flow, call, arguments))
    return flow


def _visit(flow: Flow, call: Call, arguments: dict[str, Any]) -> Any:
    if call.node.op == "placeholder":
        return flow.example(str(call.node.target), arguments)
    if call.node.op == "get_attr":
        return flow.attribute(str(call.node.target))
    if call.node.op == "output":
        for value in values_in(call.args):
            flow.units.pin(value.labels.numpy(), "", "")
        return None
    return _function(flow, call) if call.module is None else _module(flow, call)


def _function(flow: Flow, call: Call) -> Any:
    # the value of a call of a function or method
    node, family = call.node, call.family
    if flow.foreign.intersection(node.all_input_nodes):
        return flow.opaque_call(call, node.name, "computes with data")
    if not any(True for _ in values_in((call.args, call.kwargs))):
        flow.sizes[node] = _size_of_sizes(flow, call)
        wrap = flow.constant if family is Family.CREATION else flow.unknown_like
        return on_tensors(call.perform(lambda x: x), wrap)
    if family is Family.SIZE:
        return _measure(flow, call)
    if call.kind in ("getitem", "getattr") and not isinstance(call.args[0], Value):
        return call.perform(lambda x: x)
    if family is not Family.RESHAPE:
        for used in node.all_input_nodes:
            for ids in flow.sizes.get(used, {}).values():
                flow.units.pin(ids, node.name, "computes with the number of units")
    rule = rule_of_function(call)
    if rule is None:
        return flow.opaque_call(call, f"{node.name} ({call.kind})", NOT_KNOWN)
    return rule(flow, call)


def _size_of_sizes(flow: Flow, call: Call) -> dict[int, Ids]:
    # the units on whose number a call of sizes depends, by axis
    node = call.node
    if call.kind == "getitem" and isinstance(call.args[1], int):
        known = flow.sizes.get(node.args[0], {})
        n_axes = len(call.args[0]) if isinstance(call.args[0], tuple) else 1
        return {k: ids for k, ids in known.items() if k == call.args[1] % max(n_axes, 1)}
    merged: dict[int, Ids] = {}
    for used in node.all_input_nodes:
        merged |= {len(merged) + k: ids for k, ids in flow.sizes.get(used, {}).items()}
    return merged


def _measure(flow: Flow, call: Call) -> Any:
    # the size of a value, or another fact about it
    value, args, kwargs, name = call.args[0], call.args, call.kwargs, call.operation.name
    varying = flow.varying(value)
    axes = [k for k in range(value.data.dim()) if varying[k]]
    if name == "size" and (len(args) > 1 or "dim" in kwargs):
        asked = args[1] if len(args) > 1 else kwargs["dim"]
        axes = [k for k in axes if k == asked % value.data.dim()]
    elif name not in ("size", ".shape", "numel"):
        axes = []
    flow.sizes[call.node] = {k: np.unique(value.labels.numpy()) for k in axes}
    return call.perform(data_of)


def _module(flow: Flow, call: Call) -> Any:
    # the value of a call of a module
    name, module = call.name, call.module
    assert module is not None
    reason = refusal(flow, name, module)
    if reason is None and _is_simple(flow, call):
        rule = rule_of_one(call) or LAYERS.get(call.family)
        if rule is not None:
            return rule(flow, call)
    reason = reason or f"{call.kind} {NOT_KNOWN}"
    if any(True for _ in module.parameters()):
        flow.units.refused.setdefault(name, reason)
    for tensor in (*module.parameters(), *module.buffers()):
        for axis, n in enumerate(tensor.shape):
            flow.units.axis(tensor, axis, flow.units.pinned(n))
    return flow.opaque_call(call, name, reason)


def _is_simple(flow: Flow, call: Call) -> bool:
    # a module of a known class, called with one value that is known
    value = call.args[0] if call.args else None
    given = call.args
    if call.family is Family.RECURRENT:
        given = tuple(x for x in given if x is not None)
    return (
        isinstance(value, Value)
        and call.is_plain
        and len(given) == 1
        and not call.kwargs
        and not flow.foreign.intersection(call.node.all_input_nodes)
    )
