"""The operations that networks are made of: what is known of each, as module, function or method.

An operation is found by the class of a module (`MODULES`) or by the name of a function or method
(`FUNCTIONS`). Its family says how it treats the axes of its input; those who read graphs have one
rule for each family or operation that they support.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional


class Family(Enum):
    """Treatment of the axes of the input by an operation."""

    AFFINE = auto()  # weights read an axis and make another one in its place
    CONVOLUTION = auto()  # the same, at places along the last `n_axes` axes
    NORM = auto()  # scale and shift of each channel, along axis 1
    SLOPES = auto()  # slopes of negative entries, one or one for each channel
    LOOKUP = auto()  # rows of a table
    RECURRENT = auto()
    ENTRYWISE = auto()
    SAME = auto()  # the same numbers, of another type or in other memory
    BINARY = auto()  # entrywise in two operands, with broadcasting
    DROPOUT = auto()
    POOL = auto()  # resizes the last `n_axes` axes, channel by channel; 0: all but the first two
    SOFTMAX = auto()
    REDUCTION = auto()
    MOVE = auto()  # entries in another order
    RESHAPE = auto()  # entries in another shape that the arguments give
    SQUEEZE = auto()
    UNFLATTEN = auto()
    PARTS = auto()  # parts along the axis `dim`
    INDEX = auto()
    JOIN = auto()
    SIZE = auto()  # a number or another fact that depends on the shape at most
    CREATION = auto()  # the same new tensor each time
    UNKNOWN = auto()


@dataclass(frozen=True)
class Operation:
    """Properties of an operation.

    Parameters
    ----------
    name : str
    family : Family
    options : dict
        {argument after the first: its default}, in the order of the function. Modules have
        attributes of these names.
    n_axes : int
        Number of axes of space or time, for convolutions and pools.
    """

    name: str
    family: Family
    options: Mapping[str, Any] = field(default_factory=dict)
    n_axes: int = 0


UNKNOWN = Operation("?", Family.UNKNOWN)

# Arguments of functions that have modules, with their defaults.
WEIGHTS = {"weight": None, "bias": None}
STEPS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
WINDOWS = {"kernel_size": None, "stride": None, "padding": 0}
MAX_POOL = {**WINDOWS, "dilation": 1, "ceil_mode": False, "return_indices": False}
MEAN_POOL = {**WINDOWS, "ceil_mode": False, "count_include_pad": True, "divisor_override": None}
ADAPTIVE = {"output_size": None, "return_indices": False}
DROPOUT = {"p": 0.5, "training": True, "inplace": False}
ALONG_ONE = {"dim": None}

UPSAMPLING = (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)

Row = tuple[Family, str, tuple[type[nn.Module], ...], dict[str, Any]]


def _each(family: Family, names: str, options: dict[str, Any] | None = None) -> Iterator[Row]:
    # functions and methods without modules, a row each
    return ((family, name, (), options or {}) for name in names.split())


# family, names of functions and methods that do the same, modules that do the same, options
TABLE: tuple[Row, ...] = (
    (Family.AFFINE, "linear", (nn.Linear,), WEIGHTS),
    (Family.CONVOLUTION, "conv1d", (nn.Conv1d,), WEIGHTS | STEPS),
    (Family.CONVOLUTION, "conv2d", (nn.Conv2d,), WEIGHTS | STEPS),
    (Family.CONVOLUTION, "conv3d", (nn.Conv3d,), WEIGHTS | STEPS),
    (Family.NORM, "batch_norm", (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), {}),
    (Family.SLOPES, "prelu", (nn.PReLU,), {}),
    (Family.LOOKUP, "embedding", (nn.Embedding,), {}),
    (Family.RECURRENT, "rnn", (nn.RNN,), {}),
    (Family.RECURRENT, "lstm", (nn.LSTM,), {}),
    (Family.RECURRENT, "gru", (nn.GRU,), {}),
    (Family.ENTRYWISE, "relu relu_", (nn.ReLU,), {}),
    (Family.ENTRYWISE, "relu6", (nn.ReLU6,), {}),
    (Family.ENTRYWISE, "leaky_relu leaky_relu_", (nn.LeakyReLU,), {"negative_slope": 0.01}),
    (Family.ENTRYWISE, "elu elu_", (nn.ELU,), {"alpha": 1.0}),
    (Family.ENTRYWISE, "selu", (nn.SELU,), {}),
    (Family.ENTRYWISE, "celu", (nn.CELU,), {}),
    (Family.ENTRYWISE, "gelu", (nn.GELU,), {"approximate": "none"}),
    (Family.ENTRYWISE, "silu", (nn.SiLU,), {}),
    (Family.ENTRYWISE, "mish", (nn.Mish,), {}),
    (Family.ENTRYWISE, "sigmoid sigmoid_", (nn.Sigmoid,), {}),
    (Family.ENTRYWISE, "tanh tanh_", (nn.Tanh,), {}),
    (Family.ENTRYWISE, "hardtanh hardtanh_", (nn.Hardtanh,), {"min_val": -1.0, "max_val": 1.0}),
    (Family.ENTRYWISE, "hardswish", (nn.Hardswish,), {}),
    (Family.ENTRYWISE, "hardsigmoid", (nn.Hardsigmoid,), {}),
    (Family.ENTRYWISE, "softplus", (nn.Softplus,), {}),
    (Family.ENTRYWISE, "softsign", (nn.Softsign,), {}),
    (Family.ENTRYWISE, "tanhshrink", (nn.Tanhshrink,), {}),
    (Family.ENTRYWISE, "logsigmoid", (nn.LogSigmoid,), {}),
    (Family.ENTRYWISE, "threshold", (nn.Threshold,), {}),
    (Family.ENTRYWISE, "hardshrink", (nn.Hardshrink,), {}),
    (Family.ENTRYWISE, "softshrink", (nn.Softshrink,), {}),
    (Family.ENTRYWISE, "identity", (nn.Identity,), {}),
    (Family.ENTRYWISE, "abs abs_", (), {}),
    (Family.ENTRYWISE, "neg neg_", (), {}),
    (Family.ENTRYWISE, "exp exp_", (), {}),
    (Family.ENTRYWISE, "clamp clamp_ clip clip_", (), {}),
    *_each(Family.ENTRYWISE, "clamp_min clamp_max erf expm1 log1p pow sin cos square sqrt"),
    *_each(Family.SAME, "float double half bfloat16 to type_as contiguous clone detach"),
    (Family.BINARY, "add add_ iadd", (), {}),
    (Family.BINARY, "sub sub_ isub subtract", (), {}),
    (Family.BINARY, "mul mul_ imul multiply", (), {}),
    (Family.BINARY, "div div_ truediv itruediv true_divide divide", (), {}),
    (Family.BINARY, "maximum", (), {}),
    (Family.BINARY, "minimum", (), {}),
    (Family.DROPOUT, "dropout", (nn.Dropout,), DROPOUT),
    (Family.DROPOUT, "dropout1d", (nn.Dropout1d,), DROPOUT),
    (Family.DROPOUT, "dropout2d", (nn.Dropout2d,), DROPOUT),
    (Family.DROPOUT, "dropout3d", (nn.Dropout3d,), DROPOUT),
    (Family.POOL, "max_pool1d", (nn.MaxPool1d,), MAX_POOL),
    (Family.POOL, "max_pool2d", (nn.MaxPool2d,), MAX_POOL),
    (Family.POOL, "max_pool3d", (nn.MaxPool3d,), MAX_POOL),
    (Family.POOL, "avg_pool1d", (nn.AvgPool1d,), MEAN_POOL),
    (Family.POOL, "avg_pool2d", (nn.AvgPool2d,), MEAN_POOL),
    (Family.POOL, "avg_pool3d", (nn.AvgPool3d,), MEAN_POOL),
    (Family.POOL, "adaptive_max_pool1d", (nn.AdaptiveMaxPool1d,), ADAPTIVE),
    (Family.POOL, "adaptive_max_pool2d", (nn.AdaptiveMaxPool2d,), ADAPTIVE),
    (Family.POOL, "adaptive_max_pool3d", (nn.AdaptiveMaxPool3d,), ADAPTIVE),
    (Family.POOL, "adaptive_avg_pool1d", (nn.AdaptiveAvgPool1d,), ADAPTIVE),
    (Family.POOL, "adaptive_avg_pool2d", (nn.AdaptiveAvgPool2d,), ADAPTIVE),
    (Family.POOL, "adaptive_avg_pool3d", (nn.AdaptiveAvgPool3d,), ADAPTIVE),
    (Family.POOL, "interpolate", UPSAMPLING, {}),
    (Family.SOFTMAX, "softmax", (nn.Softmax,), ALONG_ONE),
    (Family.SOFTMAX, "log_softmax", (nn.LogSoftmax,), ALONG_ONE),
    *_each(Family.REDUCTION, "mean sum amax amin max min", ALONG_ONE),
    (Family.MOVE, "flatten", (nn.Flatten,), {}),
    *_each(Family.MOVE, "permute transpose swapaxes movedim t unsqueeze .T .mT"),
    *_each(Family.RESHAPE, "view reshape expand"),
    (Family.SQUEEZE, "squeeze", (), ALONG_ONE),
    (Family.UNFLATTEN, "unflatten", (nn.Unflatten,), {}),
    (Family.PARTS, "chunk", (), {"chunks": None, "dim": 0}),
    (Family.PARTS, "split", (), {"split_size": None, "dim": 0}),
    *_each(Family.PARTS, "unbind select narrow", {"dim": 0}),
    (Family.INDEX, "getitem", (), {}),
    (Family.JOIN, "cat concat concatenate", (), {}),
    (Family.JOIN, "stack", (), {}),
    *_each(Family.SIZE, "size dim ndimension numel .shape .dtype .device .ndim .is_cuda"),
    *_each(Family.CREATION, "zeros ones full arange eye linspace tensor"),
)


def _operations() -> Iterator[tuple[Operation, list[str], tuple[type[nn.Module], ...]]]:
    for family, names, modules, options in TABLE:
        name, *aliases = names.split()
        n_axes = int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else 0
        yield Operation(name, family, options, n_axes), [name, *aliases], modules


# By the name of a function or method; attributes of tensors have a dot before their names.
FUNCTIONS = {name: found for found, names, _ in _operations() for name in names}

MODULES = {kind: found for found, _, modules in _operations() for kind in modules}


def of_module(module: nn.Module) -> Operation:
    """Return the operation of a module, that of its base class for subclasses."""
    found = (MODULES[kind] for kind in type(module).__mro__ if kind in MODULES)
    return next(found, UNKNOWN)


def of_function(node: fx.Node) -> Operation:
    """Return the operation of a node that calls a function or a method."""
    name = name_of(node)
    if name == "getattr" and node.op == "call_function":
        return FUNCTIONS.get(f".{node.args[1]}", UNKNOWN)
    return FUNCTIONS.get(name, UNKNOWN)


def name_of(node: fx.Node) -> str:
    """Return the name of a method, or of a function of PyTorch or `operator`.

    Other functions get the prefix "function ", so that they match no known name.
    """
    if node.op != "call_function":
        return str(node.target)
    name = getattr(node.target, "__name__", "?")
    for place in (torch, functional, operator, torch.Tensor):
        if getattr(place, name, None) is node.target:
            return str(name)
    return str(name) if node.target is getattr else f"function {name}"
