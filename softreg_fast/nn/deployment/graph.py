"""Conversion of a PyTorch model to layers, one for each call in its torch.fx trace.

Calls that only reorder entries (flatten, view, permute, indexing) are repeated on an array of
positions, which gives the index array of a view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import torch
from torch import fx, nn

from softreg_fast.nn.deployment.layers import Graph, Layer, fold_scales
from softreg_fast.nn.torch.rules import unwrapped

# The index of a layer's value, or a structure of these: tuples, recurrent states, None.
Value = Any

DTYPES: dict[Any, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


class Unsupported(ValueError):
    """A part of a model, named in the message, that plans and exports do not support."""


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
    try:
        # wrap a single layer, so that it is traced as a leaf and not through its own code
        whole = fx.Tracer().is_leaf_module(model, "")
        traced = fx.symbolic_trace(nn.Sequential(model) if whole else model)
    except Exception as error:  # the user's code may raise anything on symbolic values
        raise Unsupported(
            f"torch.fx cannot trace {type(model).__name__} ({error}); its forward must not depend "
            "on the values of tensors."
        ) from error
    if example.is_floating_point():
        example = example.to(next((t for t, d in DTYPES.items() if d == dtype)))
    with evaluating(model), torch.no_grad():
        recorder = _Recorder(traced)
        try:
            recorder.run(example if len(example) > 1 else torch.cat([example, example]))
            expected = model(example)
        except Exception as error:  # layers may raise anything
            raise ValueError(f"The model fails on example_inputs: {error}") from error
        layers = _Reader(traced, recorder.seen, dtype).layers
    tables = [layer.arrays["weight"].shape[0] for layer in layers if layer.kind == "embedding"]
    graph = Graph(fold_scales(layers), dtype, tables[0] if tables else 0)
    return graph, expected.detach().cpu().numpy()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch the model to evaluation mode, and restore the mode of each module afterwards."""
    were = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in were.items():
            module.training = training


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


class _Recorder(fx.Interpreter):
    """Interpreter of a trace that records the result of every node for an example."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.seen: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.seen[n] = result = super().run_node(n)
        return result


class _States:
    """Final states of a recurrent module: one for each of its layers."""

    def __init__(self, values: list[int]) -> None:
        self.values = values


class _Reader:
    """Converter of nodes into layers, in the order of the trace."""

    def __init__(self, traced: fx.GraphModule, seen: dict[fx.Node, Any], dtype: Any) -> None:
        self.traced, self.seen, self.dtype = traced, seen, dtype
        self.layers: list[Layer] = []
        self.value: dict[fx.Node, Value] = {}
        for node in traced.graph.nodes:
            self.value[node] = self.take(node)

    def take(self, node: fx.Node) -> Value:
        if node.op == "placeholder":
            return self.placeholder(node)
        if node.op == "output":
            return self.output(node)
        if node.op == "get_attr" or isinstance(self.seen[node], int | torch.Size):
            return None  # parameters, and sizes used as arguments of other calls
        given = [self.value.get(each) for each in node.all_input_nodes]
        if not any(isinstance(value, int | tuple | _States) for value in given):
            return None
        if node.op == "call_module":
            module = self.traced.get_submodule(str(node.target))
            for cls in type(module).__mro__:
                if cls in MODULES:
                    return MODULES[cls](self, node, module)
            self.refuse(node, type(module).__name__)
        name = node.target if isinstance(node.target, str) else node.target.__name__
        handler = CALLS.get(name)
        if handler is None:
            self.refuse(node, f"the call {name}")
        return handler(self, node)

    def refuse(self, node: fx.Node, what: str) -> NoReturn:
        raise Unsupported(f"{self.name(node)}: {what} has no counterpart in plans and exports.")

    def name(self, node: fx.Node) -> str:
        return str(node.target) if node.op == "call_module" else node.name

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Return the shape of a node's value, without the axis of samples."""
        found = self.seen[node]
        samples = len(next(iter(self.seen.values())))
        if not isinstance(found, torch.Tensor) or found.ndim < 2 or len(found) != samples:
            self.refuse(node, "a result without an axis of samples in front")
        return tuple(found.shape[1:])

    def add(self, kind: str, node: fx.Node, inputs: tuple[int, ...], **parts: Any) -> int:
        """Append a layer and return the index of its value."""
        shape = parts.pop("shape", None) or self.shape(node)
        name = wanted = parts.pop("name", self.name(node))
        names = {layer.name for layer in self.layers}
        again = 2
        while name in names:  # the module is called more than once
            name, again = f"{wanted}#{again}", again + 1
        self.layers.append(Layer(kind, name, inputs, shape, **parts))
        return len(self.layers) - 1

    def source(self, node: fx.Node, k: int = 0) -> int:
        """Return the index of the value that is a node's k-th argument."""
        given = node.args[k] if len(node.args) > k else node.kwargs.get("input")
        value = self.value.get(given) if isinstance(given, fx.Node) else None
        if not isinstance(value, int):
            self.refuse(node, "an argument that is not a layer's value")
        assert isinstance(value, int)
        return value

    def option(self, node: fx.Node, k: int, name: str, default: Any = None) -> Any:
        """Return an argument of a call by position or name; for a node, its recorded result."""
        given = node.args[k] if len(node.args) > k else node.kwargs.get(name, default)
        return self.seen[given] if isinstance(given, fx.Node) else given

    def numbers(self, tensor: torch.Tensor | None, n: int = 0) -> Any:
        """Convert a tensor to an array of the network's dtype; None becomes n zeros."""
        if tensor is None:
            return np.zeros(n, self.dtype)
        return np.ascontiguousarray(tensor.detach().cpu().numpy(), self.dtype)

    # --- input and output

    def placeholder(self, node: fx.Node) -> Value:
        if self.layers:
            raise Unsupported(f"{node.name}: networks have one input here.")
        return self.add("input", node, ())

    def output(self, node: fx.Node) -> Value:
        given = node.args[0]
        value = self.value.get(given) if isinstance(given, fx.Node) else None
        if not isinstance(value, int):
            raise Unsupported("Networks give one tensor here, samples along its first axis.")
        # the output is the last layer, even if others follow it in the trace
        index = np.arange(int(np.prod(self.layers[value].shape)))
        shape = self.layers[value].shape
        if value != len(self.layers) - 1 or value == 0:
            self.add("view", node, (value,), arrays={"index": index}, shape=shape)
        return None

    # --- layers

    def linear(self, node: fx.Node, weight: Any, bias: Any) -> Value:
        arrays = {"weight": self.numbers(weight), "bias": self.numbers(bias, len(weight))}
        return self.add("linear", node, (self.source(node),), arrays=arrays)

    def conv(self, node: fx.Node, weight: Any, bias: Any, **options: Any) -> Value:
        if weight.ndim > 4 or isinstance(options["padding"], str):
            self.refuse(node, "a convolution over three axes, or with padding by name")
        flat = weight.ndim == 3
        options = {
            name: value if name == "groups" else pair(value, name, flat)
            for name, value in options.items()
        }
        weight = self.numbers(weight)
        arrays = {
            "weight": weight[:, :, None, :] if flat else weight,
            "bias": self.numbers(bias, len(weight)),
        }
        return self.add("conv", node, (self.source(node),), arrays=arrays, options=options)

    def activation(self, node: fx.Node, function: str, a: float = 0.0, b: float = 0.0) -> Value:
        options = {"function": function, "a": float(a), "b": float(b)}
        return self.add("activation", node, (self.source(node),), options=options)

    def pool(
        self, node: fx.Node, kind: str, size: Any, stride: Any, padding: Any, **more: Any
    ) -> Value:
        if more.pop("ceil_mode", False) or more.pop("return_indices", False):
            self.refuse(node, "pooling with ceil_mode or return_indices")
        if any(each != 1 for each in pair(more.pop("dilation", 1), "dilation")):
            self.refuse(node, "pooling with dilation")
        flat = len(self.shape(node)) == 2
        size = pair(size, "size", flat)
        counted = more.pop("count_include_pad", True)
        divisor = more.pop("divisor_override", None) or (size[0] * size[1] if counted else 0)
        options = {
            "size": size,
            "stride": size if stride in (None, []) else pair(stride, "stride", flat),
            "padding": pair(padding, "padding", flat),
            "divisor": divisor if kind == "mean_pool" else 0,
        }
        return self.add(kind, node, (self.source(node),), options=options)

    def adaptive(self, node: fx.Node, _: Any = None) -> Value:
        before, after = self.layers[self.source(node)].shape[1:], self.shape(node)[1:]
        if any(b % a for b, a in zip(before, after, strict=True)):
            self.refuse(node, f"adaptive pooling from {before} to {after}, which is no divisor,")
        size = tuple(b // a for b, a in zip(before, after, strict=True))
        return self.pool(node, "mean_pool", size if len(size) > 1 else size[0], None, 0)

    def batch_norm(self, node: fx.Node, module: Any) -> Value:
        if module.running_mean is None:
            self.refuse(node, "BatchNorm without running statistics")
        scale = 1.0 / torch.sqrt(module.running_var.double() + module.eps)
        if module.weight is not None:
            scale = scale * module.weight.double()
        shift = -module.running_mean.double() * scale
        if module.bias is not None:
            shift = shift + module.bias.double()
        arrays = {"weight": self.numbers(scale), "bias": self.numbers(shift)}
        return self.add("scale", node, (self.source(node),), arrays=arrays)

    def softmax(self, node: fx.Node, dim: Any, log: bool) -> Value:
        axes = len(self.shape(node))
        if dim not in (-1, axes):
            self.refuse(node, f"softmax over axis {dim}, which is not the last,")
        return self.add("softmax", node, (self.source(node),), options={"log": log})

    def sum(self, node: fx.Node) -> Value:
        if node.kwargs.get("alpha", 1) != 1:
            self.refuse(node, "add with alpha")
        inputs = self.source(node), self.source(node, 1)
        if len({self.layers[value].shape for value in inputs}) != 1:
            self.refuse(node, "a sum of different shapes")
        return self.add("add", node, inputs)

    def same(self, node: fx.Node, _: Any = None) -> Value:
        return self.source(node)

    def embedding(self, node: fx.Node, module: Any) -> Value:
        if self.layers[self.source(node)].kind != "input" or len(self.layers) != 1:
            self.refuse(node, "an embedding of something else than the input")
        if module.max_norm is not None:
            self.refuse(node, "an embedding with max_norm")
        arrays = {"weight": self.numbers(module.weight)}
        return self.add("embedding", node, (0,), arrays=arrays)

    def recurrent(self, node: fx.Node, module: Any) -> Value:
        kind = type(module).__name__.lower() if type(module) in (nn.LSTM, nn.GRU) else "?"
        if kind == "?":
            kind = "lstm" if isinstance(module, nn.LSTM) else "gru"
        if not module.batch_first or module.bidirectional or getattr(module, "proj_size", 0):
            self.refuse(
                node,
                "a recurrent layer that is bidirectional, has a projection or batch_first=False,",
            )
        if len(node.args) + len(node.kwargs) > 1:
            self.refuse(node, "a recurrent layer with an initial state")
        value, values = self.source(node), []
        length = self.layers[value].shape[0]
        for k in range(module.num_layers):
            arrays = {
                key: self.numbers(getattr(module, f"{name}_l{k}", None), len(module.weight_hh_l0))
                for key, name in (
                    ("weight", "weight_ih"),
                    ("bias", "bias_ih"),
                    ("state_weight", "weight_hh"),
                    ("state_bias", "bias_hh"),
                )
            }
            name = self.name(node) + (f".{k}" if module.num_layers > 1 else "")
            shape = (length, module.hidden_size)
            value = self.add(kind, node, (value,), arrays=arrays, shape=shape, name=name)
            values.append(value)
        states = _States(values)
        return (value, (states, None) if kind == "lstm" else states)

    # --- views: entries in another order

    def item(self, node: fx.Node) -> Value:
        given, which = node.args
        before = self.value[given]
        if isinstance(before, tuple):
            if not isinstance(which, int) or before[which] is None:
                self.refuse(node, "the cell state of an LSTM")
            return before[which]
        if isinstance(before, _States):
            if not isinstance(which, int):
                self.refuse(node, "this choice of states")
            return self.last_state(node, before.values[which])
        return self.rearranged(node)

    def squeezed(self, node: fx.Node) -> Value:
        before = self.value[node.args[0]]
        if isinstance(before, _States) and len(before.values) == 1:
            return self.last_state(node, before.values[0])
        return self.rearranged(node)

    def last_state(self, node: fx.Node, value: int) -> Value:
        length, width = self.layers[value].shape
        index = np.arange((length - 1) * width, length * width)
        return self.add("view", node, (value,), arrays={"index": index}, shape=(width,))

    def rearranged(self, node: fx.Node, call: Callable[..., Any] | None = None) -> Value:
        """Add a view, whose index is found by applying the call to the positions of all entries."""
        value = self.source(node)
        width = int(np.prod(self.layers[value].shape))
        samples = len(next(iter(self.seen.values())))
        places = torch.arange(samples * width).reshape(samples, *self.layers[value].shape)
        if call is None:
            args = [self.seen[a] if isinstance(a, fx.Node) else a for a in flat_args(node)[1:]]
            kwargs = {k: v for k, v in node.kwargs.items() if k != "input"}
            if isinstance(node.target, str):
                moved = getattr(places, node.target)(*args, **kwargs)
            else:
                moved = node.target(places, *args, **kwargs)
        else:
            moved = call(places)
        shape = self.shape(node)
        index = moved.reshape(samples, -1)
        if not bool((index - index[:1] == torch.arange(samples)[:, None] * width).all()):
            self.refuse(node, "an order that mixes samples")
        arrays = {"index": index[0].numpy()}
        return self.add("view", node, (value,), arrays=arrays, shape=shape)


def flat_args(node: fx.Node) -> list[Any]:
    """Return the positional arguments, with view((a, b)) as view(a, b)."""
    args = list(node.args)
    if len(args) == 2 and isinstance(args[1], tuple | list) and node.target in ("view", "reshape"):
        args = [args[0], *args[1]]
    return args


def pair(value: Any, name: str, flat: bool = False) -> tuple[int, int]:
    """Return (height, width) of an option.

    One-dimensional layers (`flat`) become a row: height 1, or 0 for padding.
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * (1 if flat else 2)
    if flat:
        return (0 if name == "padding" else 1), int(values[0])
    return int(values[0]), int(values[-1])


def _conv(r: _Reader, n: fx.Node, m: Any) -> Value:
    if m.padding_mode != "zeros":
        r.refuse(n, f"padding_mode={m.padding_mode!r}")
    return r.conv(
        n,
        m.weight,
        m.bias,
        stride=m.stride,
        padding=m.padding,
        dilation=m.dilation,
        groups=m.groups,
    )


def _conv_call(r: _Reader, n: fx.Node) -> Value:
    return r.conv(
        n,
        r.option(n, 1, "weight"),
        r.option(n, 2, "bias"),
        stride=r.option(n, 3, "stride", 1),
        padding=r.option(n, 4, "padding", 0),
        dilation=r.option(n, 5, "dilation", 1),
        groups=r.option(n, 6, "groups", 1),
    )


def _max_pool(r: _Reader, n: fx.Node, m: Any) -> Value:
    return r.pool(
        n,
        "max_pool",
        m.kernel_size,
        m.stride,
        m.padding,
        ceil_mode=m.ceil_mode,
        dilation=m.dilation,
        return_indices=m.return_indices,
    )


def _mean_pool(r: _Reader, n: fx.Node, m: Any) -> Value:
    return r.pool(
        n,
        "mean_pool",
        m.kernel_size,
        m.stride,
        m.padding,
        ceil_mode=m.ceil_mode,
        count_include_pad=m.count_include_pad,
        divisor_override=getattr(m, "divisor_override", None),
    )


def _max_pool_call(r: _Reader, n: fx.Node) -> Value:
    return r.pool(
        n,
        "max_pool",
        r.option(n, 1, "kernel_size"),
        r.option(n, 2, "stride"),
        r.option(n, 3, "padding", 0),
        dilation=r.option(n, 4, "dilation", 1),
        ceil_mode=r.option(n, 5, "ceil_mode", False),
        return_indices=r.option(n, 6, "return_indices", False),
    )


def _mean_pool_call(r: _Reader, n: fx.Node) -> Value:
    return r.pool(
        n,
        "mean_pool",
        r.option(n, 1, "kernel_size"),
        r.option(n, 2, "stride"),
        r.option(n, 3, "padding", 0),
        ceil_mode=r.option(n, 4, "ceil_mode", False),
        count_include_pad=r.option(n, 5, "count_include_pad", True),
        divisor_override=r.option(n, 6, "divisor_override"),
    )


def _gelu(approximate: str) -> str:
    return "gelu" if approximate == "none" else "gelu_tanh"


def _softmax_call(log: bool) -> Callable[[_Reader, fx.Node], Value]:
    return lambda r, n: r.softmax(n, r.option(n, 1, "dim"), log)


MODULES: dict[type, Callable[[_Reader, fx.Node, Any], Value]] = {
    nn.Linear: lambda r, n, m: r.linear(n, m.weight, m.bias),
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _Reader.batch_norm,
    nn.BatchNorm2d: _Reader.batch_norm,
    nn.Embedding: _Reader.embedding,
    nn.LSTM: _Reader.recurrent,
    nn.GRU: _Reader.recurrent,
    nn.ReLU: lambda r, n, m: r.activation(n, "relu"),
    nn.ReLU6: lambda r, n, m: r.activation(n, "clip", 0.0, 6.0),
    nn.Hardtanh: lambda r, n, m: r.activation(n, "clip", m.min_val, m.max_val),
    nn.LeakyReLU: lambda r, n, m: r.activation(n, "leaky_relu", m.negative_slope),
    nn.ELU: lambda r, n, m: r.activation(n, "elu", m.alpha),
    nn.Sigmoid: lambda r, n, m: r.activation(n, "sigmoid"),
    nn.Tanh: lambda r, n, m: r.activation(n, "tanh"),
    nn.SiLU: lambda r, n, m: r.activation(n, "silu"),
    nn.GELU: lambda r, n, m: r.activation(n, _gelu(m.approximate)),
    nn.Softmax: lambda r, n, m: r.softmax(n, m.dim, False),
    nn.LogSoftmax: lambda r, n, m: r.softmax(n, m.dim, True),
    nn.MaxPool1d: _max_pool,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool1d: _mean_pool,
    nn.AvgPool2d: _mean_pool,
    nn.AdaptiveAvgPool1d: _Reader.adaptive,
    nn.AdaptiveAvgPool2d: _Reader.adaptive,
    nn.Flatten: lambda r, n, m: r.rearranged(n, m),
    nn.Unflatten: lambda r, n, m: r.rearranged(n, m),
    nn.Identity: _Reader.same,
    nn.Dropout: _Reader.same,
    nn.Dropout1d: _Reader.same,
    nn.Dropout2d: _Reader.same,
}

# Handlers of calls, by the name of the function or of the tensor's method.
CALLS: dict[str, Callable[[_Reader, fx.Node], Value]] = {
    "linear": lambda r, n: r.linear(n, r.option(n, 1, "weight"), r.option(n, 2, "bias")),
    "conv1d": _conv_call,
    "conv2d": _conv_call,
    "relu": lambda r, n: r.activation(n, "relu"),
    "relu_": lambda r, n: r.activation(n, "relu"),
    "relu6": lambda r, n: r.activation(n, "clip", 0.0, 6.0),
    "hardtanh": lambda r, n: r.activation(
        n, "clip", r.option(n, 1, "min_val", -1.0), r.option(n, 2, "max_val", 1.0)
    ),
    "leaky_relu": lambda r, n: r.activation(
        n, "leaky_relu", r.option(n, 1, "negative_slope", 0.01)
    ),
    "elu": lambda r, n: r.activation(n, "elu", r.option(n, 1, "alpha", 1.0)),
    "sigmoid": lambda r, n: r.activation(n, "sigmoid"),
    "tanh": lambda r, n: r.activation(n, "tanh"),
    "silu": lambda r, n: r.activation(n, "silu"),
    "gelu": lambda r, n: r.activation(n, _gelu(n.kwargs.get("approximate", "none"))),
    "softmax": _softmax_call(False),
    "log_softmax": _softmax_call(True),
    "add": _Reader.sum,
    "add_": _Reader.sum,
    "iadd": _Reader.sum,
    "max_pool1d": _max_pool_call,
    "max_pool2d": _max_pool_call,
    "avg_pool1d": _mean_pool_call,
    "avg_pool2d": _mean_pool_call,
    "adaptive_avg_pool1d": _Reader.adaptive,
    "adaptive_avg_pool2d": _Reader.adaptive,
    "dropout": _Reader.same,
    "dropout2d": _Reader.same,
    "contiguous": _Reader.same,
    "getitem": _Reader.item,
    "squeeze": _Reader.squeezed,
    **dict.fromkeys(
        ("flatten", "view", "reshape", "permute", "transpose", "unsqueeze"), _Reader.rearranged
    ),
}
