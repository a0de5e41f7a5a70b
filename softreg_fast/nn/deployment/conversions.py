"""Conversions of the calls of a model to layers: a function for each operation that is supported.

Calls that only reorder entries (flatten, view, permute, indexing) are repeated on an array of
positions, which gives the index array of a view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from softreg_fast.nn.deployment.layer_list import LayerList, Made, States, data_of
from softreg_fast.nn.graphs.calls import Call

# (layers, call) -> index of the value, or a structure of these: tuples, recurrent states, None.
Conversion = Callable[[LayerList, Call], Any]


def conversion_of(found: LayerList, call: Call) -> Conversion:
    """Return the conversion for a call; raise Unsupported if there is none."""
    known = FOR_MODULES if call.module is not None else FOR_FUNCTIONS
    convert = known.get(call.operation.name)
    if convert is None:
        name = call.kind.removeprefix("function ")
        found.refuse(call, f"the call {name}" if call.module is None else name)
    return convert


# -- layers with weights ---------------------------------------------------------------------------


def _weights(found: LayerList, call: Call) -> tuple[Any, Any]:
    weight, bias = data_of(call.option("weight")), data_of(call.option("bias"))
    return found.numbers(weight), found.numbers(bias, len(weight))


def _linear(found: LayerList, call: Call) -> int:
    weight, bias = _weights(found, call)
    return found.add("linear", call, (found.source(call),), arrays={"weight": weight, "bias": bias})


def _conv(found: LayerList, call: Call) -> int:
    mode = getattr(call.module, "padding_mode", "zeros")
    if mode != "zeros":
        found.refuse(call, f"padding_mode={mode!r}")
    options = {name: data_of(call.option(name)) for name in ("stride", "padding", "dilation")}
    if isinstance(options["padding"], str):
        found.refuse(call, "a convolution over three axes, or with padding by name")
    weight, bias = _weights(found, call)
    flat = weight.ndim == 3
    options = {name: pair(value, name, flat) for name, value in options.items()}
    arrays = {"weight": weight[:, :, None, :] if flat else weight, "bias": bias}
    options["groups"] = data_of(call.option("groups"))
    return found.add("conv", call, (found.source(call),), arrays=arrays, options=options)


def _batch_norm(found: LayerList, call: Call) -> int:
    module: Any = call.module
    if len(found.shape(call)) > 3:
        found.refuse(call, call.kind)
    if module.running_mean is None:
        found.refuse(call, "BatchNorm without running statistics")
    scale = 1.0 / torch.sqrt(module.running_var.double() + module.eps)
    if module.weight is not None:
        scale = scale * module.weight.double()
    shift = -module.running_mean.double() * scale
    if module.bias is not None:
        shift = shift + module.bias.double()
    arrays = {"weight": found.numbers(scale), "bias": found.numbers(shift)}
    return found.add("scale", call, (found.source(call),), arrays=arrays)


def _embedding(found: LayerList, call: Call) -> int:
    module: Any = call.module
    if found.layers[found.source(call)].kind != "input" or len(found.layers) != 1:
        found.refuse(call, "an embedding of something else than the input")
    if module.max_norm is not None:
        found.refuse(call, "an embedding with max_norm")
    return found.add("embedding", call, (0,), arrays={"weight": found.numbers(module.weight)})


WEIGHTS_OF_A_CELL = {
    "weight": "weight_ih",
    "bias": "bias_ih",
    "state_weight": "weight_hh",
    "state_bias": "bias_hh",
}


def _recurrent(found: LayerList, call: Call) -> tuple[int, Any]:
    module: Any = call.module
    if not module.batch_first or module.bidirectional or getattr(module, "proj_size", 0):
        found.refuse(
            call,
            "a recurrent layer that is bidirectional, has a projection or batch_first=False,",
        )
    if len(call.args) + len(call.kwargs) > 1:
        found.refuse(call, "a recurrent layer with an initial state")
    kind, value, values = call.operation.name, found.source(call), []
    shape = (found.layers[value].shape[0], module.hidden_size)
    for k in range(module.num_layers):
        arrays = {
            key: found.numbers(getattr(module, f"{name}_l{k}", None), len(module.weight_hh_l0))
            for key, name in WEIGHTS_OF_A_CELL.items()
        }
        name = call.name + (f".{k}" if module.num_layers > 1 else "")
        value = found.add(kind, call, (value,), arrays=arrays, shape=shape, name=name)
        values.append(value)
    states = States(values)
    return value, (states, None) if kind == "lstm" else states


# -- functions of entries, pools, sums -------------------------------------------------------------


def _activation(function: str, *options: str | float) -> Conversion:
    # options: the names of up to two options of the call, or numbers
    def convert(found: LayerList, call: Call) -> int:
        numbers = [call.option(x) if isinstance(x, str) else x for x in options] + [0.0, 0.0]
        a, b = (float(data_of(x)) for x in numbers[:2])
        given = {"function": function, "a": a, "b": b}
        return found.add("activation", call, (found.source(call),), options=given)

    return convert


def _gelu(found: LayerList, call: Call) -> Any:
    exact = call.option("approximate") == "none"
    return _activation("gelu" if exact else "gelu_tanh")(found, call)


def _softmax(found: LayerList, call: Call) -> int:
    axes, dim = len(found.shape(call)), data_of(call.option("dim"))
    if dim not in (-1, axes):
        found.refuse(call, f"softmax over axis {dim}, which is not the last,")
    log = call.operation.name == "log_softmax"
    return found.add("softmax", call, (found.source(call),), options={"log": log})


def _sum(found: LayerList, call: Call) -> int:
    if call.kwargs.get("alpha", 1) != 1:
        found.refuse(call, "add with alpha")
    inputs = found.source(call), found.source(call, 1)
    if len({found.layers[value].shape for value in inputs}) != 1:
        found.refuse(call, "a sum of different shapes")
    return found.add("add", call, inputs)


def _same(found: LayerList, call: Call) -> int:
    return found.source(call)


def _pool(found: LayerList, call: Call) -> int:
    if call.option("ceil_mode") or call.option("return_indices"):
        found.refuse(call, "pooling with ceil_mode or return_indices")
    if any(each != 1 for each in pair(call.option("dilation", 1), "dilation")):
        found.refuse(call, "pooling with dilation")
    size, stride, padding = (
        data_of(call.option(name)) for name in ("kernel_size", "stride", "padding")
    )
    return _add_pool(found, call, size, stride, padding)


def _add_pool(found: LayerList, call: Call, size: Any, stride: Any, padding: Any) -> int:
    flat = len(found.shape(call)) == 2
    size = pair(size, "size", flat)
    counted = call.option("count_include_pad", True)
    divisor = call.option("divisor_override") or (size[0] * size[1] if counted else 0)
    is_max = call.operation.name.startswith("max")
    options = {
        "size": size,
        "stride": size if stride in (None, []) else pair(stride, "stride", flat),
        "padding": pair(padding, "padding", flat),
        "divisor": 0 if is_max else divisor,
    }
    kind = "max_pool" if is_max else "mean_pool"
    return found.add(kind, call, (found.source(call),), options=options)


def _adaptive(found: LayerList, call: Call) -> int:
    before, after = found.layers[found.source(call)].shape[1:], found.shape(call)[1:]
    if any(b % a for b, a in zip(before, after, strict=True)):
        found.refuse(call, f"adaptive pooling from {before} to {after}, which is no divisor,")
    size = tuple(b // a for b, a in zip(before, after, strict=True))
    return _add_pool(found, call, size if len(size) > 1 else size[0], None, 0)


def pair(value: Any, name: str, flat: bool = False) -> tuple[int, int]:
    """Return (height, width) of an option.

    One-dimensional layers (`flat`) become a row: height 1, or 0 for padding.
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * (1 if flat else 2)
    if flat:
        return (0 if name == "padding" else 1), int(values[0])
    return int(values[0]), int(values[-1])


# -- views: entries in another order ---------------------------------------------------------------


def _item(found: LayerList, call: Call) -> Any:
    given, which = call.args
    before = given.value if isinstance(given, Made) else None
    if isinstance(before, tuple):
        if not isinstance(which, int) or before[which] is None:
            found.refuse(call, "the cell state of an LSTM")
        return before[which]
    if isinstance(before, States):
        if not isinstance(which, int):
            found.refuse(call, "this choice of states")
        return _last_state(found, call, before.values[which])
    return _rearranged(found, call)


def _squeezed(found: LayerList, call: Call) -> int:
    before = call.args[0].value
    if isinstance(before, States) and len(before.values) == 1:
        return _last_state(found, call, before.values[0])
    return _rearranged(found, call)


def _last_state(found: LayerList, call: Call, value: int) -> int:
    length, width = found.layers[value].shape
    index = np.arange((length - 1) * width, length * width)
    return found.add("view", call, (value,), arrays={"index": index}, shape=(width,))


def _rearranged(found: LayerList, call: Call) -> int:
    """Add a view, whose index is found by applying the call to the positions of all entries."""
    value = found.source(call)
    width = int(np.prod(found.layers[value].shape))
    samples = found.n_samples
    places = torch.arange(samples * width).reshape(samples, *found.layers[value].shape)
    moved = call.perform(
        lambda x: places if isinstance(x, Made) and x.value == value else data_of(x)
    )
    shape = found.shape(call)
    index = moved.reshape(samples, -1)
    if not bool((index - index[:1] == torch.arange(samples)[:, None] * width).all()):
        found.refuse(call, "an order that mixes samples")
    return found.add("view", call, (value,), arrays={"index": index[0].numpy()}, shape=shape)


# Conversions by the name of the operation (graphs/operations.py).
FOR_BOTH: dict[str, Conversion] = {
    "linear": _linear,
    "conv1d": _conv,
    "conv2d": _conv,
    "relu": _activation("relu"),
    "relu6": _activation("clip", 0.0, 6.0),
    "hardtanh": _activation("clip", "min_val", "max_val"),
    "leaky_relu": _activation("leaky_relu", "negative_slope"),
    "elu": _activation("elu", "alpha"),
    "sigmoid": _activation("sigmoid"),
    "tanh": _activation("tanh"),
    "silu": _activation("silu"),
    "gelu": _gelu,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "max_pool1d": _pool,
    "max_pool2d": _pool,
    "avg_pool1d": _pool,
    "avg_pool2d": _pool,
    "adaptive_avg_pool1d": _adaptive,
    "adaptive_avg_pool2d": _adaptive,
    "flatten": _rearranged,
    "dropout": _same,
    "dropout1d": _same,
    "dropout2d": _same,
}

FOR_MODULES = FOR_BOTH | {
    "batch_norm": _batch_norm,
    "embedding": _embedding,
    "lstm": _recurrent,
    "gru": _recurrent,
    "unflatten": _rearranged,
    "identity": _same,
}

FOR_FUNCTIONS = FOR_BOTH | {
    "add": _sum,
    "contiguous": _same,
    "getitem": _item,
    "squeeze": _squeezed,
    **dict.fromkeys(("view", "reshape", "permute", "transpose", "unsqueeze"), _rearranged),
}
