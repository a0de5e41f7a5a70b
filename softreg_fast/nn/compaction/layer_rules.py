"""Rules for layers: the units that they read and produce, and the constants among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from softreg_fast.nn.compaction.flow import Flow
from softreg_fast.nn.compaction.units import ONE_UNIT, Blocks, Ids, Sink
from softreg_fast.nn.compaction.values import Value, along, as_tuple, numpy_of
from softreg_fast.nn.graphs.calls import Call
from softreg_fast.nn.graphs.operations import Family
from softreg_fast.nn.graphs.tracing import first_line

ONE_WIDTH = "all layers and directions have one width"
GATES = {nn.RNN: 1, nn.LSTM: 4, nn.GRU: 3}


def refusal(flow: Flow, name: str, module: Any) -> str | None:
    """Return the reason why a module of a known kind must not be cut, or None."""
    if name in flow.opaque:
        return f"{type(module).__name__} cannot be traced: {first_line(flow.opaque[name])}"
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


def _affine(
    flow: Flow, sink: Sink, constant: Any, weights: Any, bias: Any, padded: bool = False
) -> Any:
    # register the read, and return the constants of weights @ inputs + bias, NaN elsewhere
    flow.units.read(sink, constant)
    known = ~np.isnan(constant) & ((constant == 0.0) | (not padded))
    out = weights @ np.where(known, constant, 0.0)
    out = out if bias is None else out + numpy_of(bias)
    return np.where(sink.nonzero[:, ~known].any(1), np.nan, out)


def linear(
    flow: Flow, name: str, value: Value, weight: Any, bias: Any, no_fold: str | None
) -> Value:
    """Follow x @ weight.T + bias, with weights of a module or of a function."""
    outputs = flow.units.axis(weight, 0, flow.made(weight, 0, name))
    inputs, constant = flow.columns(value, -1, name)
    flow.units.axis(weight, 1, inputs)
    if bias is not None:
        flow.units.axis(bias, 0, outputs)
    w = numpy_of(weight)
    sink = Sink(
        name=name,
        nonzero=w != 0.0,
        inputs=inputs,
        outputs=outputs,
        eps=torch.finfo(weight.dtype).eps,
        no_fold=no_fold or _no_bias(flow, bias),
        fold=(weight, bias, 1),
    )
    const = _affine(flow, sink, constant, w, bias)
    data = functional.linear(value.data, weight, bias)
    return along(data, -1, outputs, const)


def _given(call: Call) -> tuple[str, Value, Any]:
    # name of a module, its input and the module
    return call.name, call.args[0], call.module


def _linear_layer(flow: Flow, call: Call) -> Value:
    name, value, module = _given(call)
    found = linear(flow, name, value, module.weight, module.bias, None)
    made, read = (flow.units.axes[(id(module.weight), axis)] for axis in (0, 1))
    flow.count(name, out_features=made, in_features=read)
    return found


def _no_bias(flow: Flow, bias: Any) -> str | None:
    if bias is None:
        return "there is no bias to take them in"
    return "the bias is shared" if id(bias) in flow.shared else None


def _conv(flow: Flow, call: Call) -> Value:
    name, value, module = _given(call)
    n_axes = call.operation.n_axes
    weight, bias, groups = module.weight, module.bias, module.groups
    inputs, constant = flow.columns(value, value.data.dim() - n_axes - 1, name)
    known = flow.units.axes.get((id(weight), 0))
    outputs = flow.units.new(len(weight)) if known is None else known
    outputs = flow.units.axis(weight, 0, outputs)
    if bias is not None:
        flow.units.axis(bias, 0, outputs)
    if groups == 1:
        flow.units.axis(weight, 1, inputs)
        blocks = Blocks(name, [(outputs,)])
    else:
        # All groups keep the same number of filters. The inputs of a group are not cut singly.
        parts = list(zip(np.split(inputs, groups), np.split(outputs, groups), strict=True))
        for read, _ in parts:
            flow.units.join(read[:1].repeat(len(read)), read)
        blocks = Blocks(name, parts, "groups have one size", droppable=True)
        flow.count(name, groups=blocks)
    flow.units.blocks.setdefault(name, blocks)
    flow.count(name, in_channels=inputs, out_channels=outputs)
    padded = module.padding_mode == "zeros" and (
        isinstance(module.padding, str) or any(module.padding)
    )
    padded = padded and module.padding != "valid"
    sink = Sink(
        name=name,
        nonzero=wide_matrix(numpy_of(weight) != 0.0, groups) != 0.0,
        inputs=inputs,
        outputs=outputs,
        eps=torch.finfo(weight.dtype).eps,
        no_fold="zero padding ends them at the border" if padded else _no_bias(flow, bias),
        fold=(weight, bias, groups),
    )
    w = wide_matrix(numpy_of(weight), groups)
    const = _affine(flow, sink, constant, w, bias, padded)
    data = module(value.data)
    return along(data, data.dim() - n_axes - 1, outputs, const)


def _norm(flow: Flow, call: Call) -> Value:
    name, value, module = _given(call)
    ids, constant = flow.columns(value, 1, name)
    for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
        if tensor is not None:
            flow.units.axis(tensor, 0, ids)
    flow.count(name, num_features=ids)
    one = np.ones(len(ids))
    scale = one if module.weight is None else numpy_of(module.weight)
    shift = 0.0 * one if module.bias is None else numpy_of(module.bias)
    if module in flow.training or module.running_mean is None:
        centred = np.where(np.isnan(constant), np.nan, 0.0)
    else:
        spread = np.sqrt(numpy_of(module.running_var) + module.eps)
        centred = (constant - numpy_of(module.running_mean)) / spread
    out = np.where(scale == 0.0, shift, centred * scale + shift)
    # a running mean that decays by a tenth in each step is never exactly 0
    least = 1e-3 * torch.finfo(value.data.dtype).eps * max(np.abs(scale).max(), 1e-300)
    out[np.abs(out) <= least] = 0.0
    return along(module(value.data), 1, None, out, value.labels)


def _prelu(flow: Flow, call: Call) -> Value:
    name, value, module = _given(call)
    slopes = numpy_of(module.weight)
    if len(slopes) > 1:
        ids, _ = flow.columns(value, 1, name)
        flow.units.axis(module.weight, 0, ids)
        flow.count(name, num_parameters=ids)
    shape = [-1 if k == 1 else 1 for k in range(value.data.dim())] if len(slopes) > 1 else [1]
    const = value.const * torch.where(
        value.const >= 0.0, 1.0, torch.from_numpy(slopes).reshape(shape)
    )
    return Value(module(value.data), value.labels, const)


def _embedding(flow: Flow, call: Call) -> Value:
    name, value, module = _given(call)
    flow.pin(value, "", "")
    weight = module.weight
    flow.units.axis(weight, 0, flow.units.pinned(len(weight)))
    ids = flow.units.axis(weight, 1, flow.made(weight, 1, name))
    flow.count(name, embedding_dim=ids)
    w = numpy_of(weight)
    const = np.where((w == w[:1]).all(0), w[0], np.nan)
    return along(module(value.data), -1, ids, const)


def _recurrent(flow: Flow, call: Call) -> Any:
    name, value, module = _given(call)
    inputs, constant = flow.columns(value, -1, name)
    flow.count(name, input_size=inputs)
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
            ids, zero = _cell(flow, key, weights, n_gates, inputs, constant)
            made.append(ids)
            silent.append(np.where(zero, 0.0, np.nan))
        parts += made
        constants += silent
        inputs, constant = np.concatenate(made), np.concatenate(silent)
    reason = ONE_WIDTH if len(parts) > 1 else ONE_UNIT
    flow.units.blocks.setdefault(name, Blocks(name, [(p,) for p in parts], reason))
    flow.count(name, hidden_size=parts[0])
    output, state = module(value.data)
    states = [_states(x, parts, constants) for x in as_tuple(state)]
    wrapped = tuple(states) if isinstance(state, tuple) else states[0]
    return along(output, -1, inputs, constant), wrapped


def _cell(
    flow: Flow, key: tuple[str, str], weights: list[Any], n_gates: int, inputs: Ids, constant: Any
) -> tuple[Ids, Any]:
    # one layer in one direction: its units, and the mask of those that are 0 at all times
    w_ih, w_hh, b_ih, b_hh = weights
    n = w_hh.shape[1]
    known = flow.units.axes.get((id(w_hh), 1))
    ids = flow.units.axis(w_hh, 1, flow.units.new(n) if known is None else known)
    rows = np.tile(ids, n_gates)
    for tensor in (w_ih, w_hh, b_ih, b_hh):
        if tensor is not None:
            flow.units.axis(tensor, 0, rows)
    flow.units.axis(w_ih, 1, inputs)
    eps = torch.finfo(w_hh.dtype).eps
    reads = Sink(
        name=key[0],
        nonzero=numpy_of(w_ih) != 0.0,
        inputs=inputs,
        outputs=rows,
        eps=eps,
        no_fold=_no_bias(flow, b_ih),
        fold=(w_ih, b_ih, 1),
    )
    candidate = slice(2 * n, 3 * n) if n_gates > 1 else slice(0, n)
    from_input = _affine(flow, reads, constant, numpy_of(w_ih), b_ih)[candidate]
    from_state = np.zeros(n) if b_hh is None else numpy_of(b_hh)[candidate]
    zero = silent_units(from_input, from_state, numpy_of(w_hh)[candidate], n_gates == 3)
    loops = Sink(key[1], numpy_of(w_hh) != 0.0, ids, rows, eps, "they come in over time")
    flow.units.read(loops, np.where(zero, 0.0, np.nan))
    return ids, zero


def silent_units(from_input: Any, from_state: Any, w_hh: Any, gated: bool) -> Any:
    """Return the mask of recurrent units that stay 0 when they start at 0.

    An LSTM's cell is c = f c + i tanh(W_ig x + b_ig + W_hg h + b_hg), h = o tanh(c): it stays 0 if
    the row of the candidate is 0. A GRU's h = (1 - z) n + z h, n = tanh(W_in x + b_in + r (W_hn h
    + b_hn)): likewise, but since r depends on the data both biases must be 0. Weights of h that
    read only units that stay 0 themselves are allowed, by induction over time also in a cycle.

    Parameters
    ----------
    from_input, from_state : array (n,)
        The candidate's constant part from the input and input bias, NaN where it is not constant,
        and the bias of its state part.
    w_hh : array (n, n)
        The candidate's state weights.
    gated : bool
        Whether the state part is multiplied by a gate first, as in a GRU.
    """
    if gated:
        zero = (from_input == 0.0) & (from_state == 0.0)
    else:
        zero = from_input + from_state == 0.0
    while (woken := zero & (w_hh[:, ~zero] != 0.0).any(1)).any():
        zero = zero & ~woken
    return zero


def wide_matrix(weight: Any, groups: int) -> Any:
    """Sum the weights of a convolution or linear layer over space: (outputs, all inputs)."""
    sums = weight.reshape(*weight.shape[:2], -1).sum(2)
    n_out, n_in = sums.shape
    wide = np.zeros((n_out, n_in * groups))
    for rows, columns in zip(
        np.split(np.arange(n_out), groups), np.split(np.arange(n_in * groups), groups), strict=True
    ):
        wide[np.ix_(rows, columns)] = sums[rows]
    return wide


def _states(data: Any, parts: list[Ids], constants: list[Any]) -> Value:
    # h_n or c_n: (layers and directions, [batch,] units)
    shape = (len(parts), 1, -1) if data.dim() == 3 else (len(parts), -1)
    labels = torch.from_numpy(np.stack(parts)).reshape(shape).expand(data.shape)
    const = torch.from_numpy(np.stack(constants)).reshape(shape).expand(data.shape)
    return Value(data, labels, const.clone())


# Rules for modules with weights, by family: (flow, call) -> value of the output.
LAYERS: dict[Family, Callable[[Flow, Call], Any]] = {
    Family.AFFINE: _linear_layer,
    Family.CONVOLUTION: _conv,
    Family.NORM: _norm,
    Family.SLOPES: _prelu,
    Family.LOOKUP: _embedding,
    Family.RECURRENT: _recurrent,
}
