"""Export of trained networks as a C header or ONNX, and their sizes in each form."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from softreg_fast.nn.deployment import c_header
from softreg_fast.nn.deployment.layers import Graph, Layer
from softreg_fast.nn.deployment.reading import read
from softreg_fast.system.writing import write_whole

# ONNX operator set; Gelu, the newest operator used, needs this one.
OPSET = 20

# ONNX file format version that belongs to OPSET.
IR_VERSION = 9


def export_header(
    model: Any,
    path: str | os.PathLike[str],
    example_inputs: Any,
    *,
    name: str = "network",
    formats: Mapping[str, str] | str | None = None,
) -> None:
    """Write a network as a C99 header that needs nothing but math.h and stdint.h.

    It has ``void NAME_predict(const float *x, float *y)`` for one sample, and NAME_INPUTS and
    NAME_OUTPUTS. Weights are constant arrays, written with enough digits to read back exactly; each
    matrix is dense, in blocks of 8 outputs, or in CSR form. No memory is allocated: intermediate
    values are on the stack, and the size they need is stated at the top of the file. With an
    embedding, x is `const int32_t *`; weights in float64 give `double`.

    Parameters
    ----------
    model : torch.nn.Module
        A feed-forward network that torch.fx can trace, of linear layers, convolutions, BatchNorm
        (folded into them), pooling, the usual activations, softmax, sums, views, an embedding of
        the input, LSTM and GRU. It is read in evaluation mode, and is not changed.
    path : str or path
        The file, written atomically.
    example_inputs : tensor, or a tuple of one tensor
        One or more samples, along the first axis.
    name : str, default="network"
        Prefix of all names in the header.
    formats : str, dict or None, default=None
        "dense", "block8" or "csr" for all matrices, or by name, as in `Plan.formats` (block16
        counts as block8, skip as dense). By default each takes the form with the fewest bytes.

    Raises
    ------
    ValueError
        If a part of the model is not supported, name is no C identifier, or weights are not finite.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import export_header
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> export_header(model, "network.h", torch.zeros(1, 3))  # doctest: +SKIP
    """
    c_header.check_identifier(name)
    graph, _ = read(model, example_inputs)
    write_whole(
        path, c_header.text_of(graph, name, _header_formats(graph, formats)).encode("ascii")
    )


def _header_formats(graph: Graph, formats: Mapping[str, Any] | str | None) -> dict[str, str] | None:
    if formats is None:
        return None
    names = [matrix.name for matrix in c_header.matrices_of(graph)]
    given = dict.fromkeys(names, formats) if isinstance(formats, str) else formats
    found = {}
    for each in names:
        form: Any = given.get(each)
        form = form[0] if isinstance(form, tuple) else form
        form = {"block16": "block8", "skip": "dense"}.get(form, form)
        if form not in c_header.FORMATS:
            raise ValueError(
                f"formats must give {each!r} one of {list(c_header.FORMATS)}, got {form!r}."
            )
        found[each] = form
    return found


def export_onnx(model: Any, path: str | os.PathLike[str], example_inputs: Any) -> None:
    """Write a network as ONNX, for batches of any size.

    The graph has the same layers as a plan, with BatchNorm folded into the layer before it, and
    uses standard operators only. Zeros are stored, and runtimes multiply densely: `compact` the
    model first. The input is called "input", the output "output".

    Parameters
    ----------
    model : torch.nn.Module
        A feed-forward network that torch.fx can trace, of linear layers, convolutions, BatchNorm
        (folded into them), pooling, the usual activations, softmax, sums, views, an embedding of
        the input, LSTM and GRU. It is read in evaluation mode, and is not changed.
    path : str or path
        The file, written atomically.
    example_inputs : tensor, or a tuple of one tensor
        One or more samples, along the first axis.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    ValueError
        If a part of the model is not supported.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import export_onnx
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> export_onnx(model, "network.onnx", torch.zeros(1, 3))  # doctest: +SKIP
    """
    graph, _ = read(model, example_inputs)
    write_whole(path, onnx_bytes(graph))


# ---------------------------------------------------------------------------------------------
# Size.


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network in several forms, in bytes.

    Attributes
    ----------
    weights, nonzeros : int
        Number of entries in its matrices and biases, and of those that are not zero.
    dense, dense_gzip : int
        All entries stored densely, and compressed.
    sparse, sparse_gzip : int
        Each matrix in the smallest of the header's formats, with indices of two bytes, and
        compressed.
    header, header_gzip : int
        The C header's text, and compressed.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import sizes
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> sizes(model, torch.zeros(1, 3)).dense  # bytes of 21 numbers in float32
    84
    """

    weights: int
    nonzeros: int
    dense: int
    dense_gzip: int
    sparse: int
    sparse_gzip: int
    header: int
    header_gzip: int

    def __str__(self) -> str:
        rows = [
            ("dense numbers", self.dense, self.dense_gzip),
            ("sparse blocks", self.sparse, self.sparse_gzip),
            ("C header", self.header, self.header_gzip),
        ]
        lines = [f"{a:<16}{b:>10}{c:>10}" for a, b, c in [("", "bytes", "gzip"), *rows]]
        return "\n".join([f"{self.nonzeros} of {self.weights} numbers are not zero", *lines])


def sizes(model: Any, example_inputs: Any) -> Sizes:
    """Compute the size of a network in bytes: dense, sparse and as a C header, each also gzipped.

    Parameters
    ----------
    model : torch.nn.Module
        A feed-forward network that torch.fx can trace, of linear layers, convolutions, BatchNorm
        (folded into them), pooling, the usual activations, softmax, sums, views, an embedding of
        the input, LSTM and GRU. It is read in evaluation mode, and is not changed.
    example_inputs : tensor, or a tuple of one tensor
        One or more samples, along the first axis.

    Returns
    -------
    Sizes

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import sizes
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> sizes(model, torch.zeros(1, 3)).weights
    21
    """
    graph, _ = read(model, example_inputs)
    dense = [x for layer in graph.layers for k, x in layer.arrays.items() if k != "index"]
    raw = b"".join(x.tobytes() for x in dense)
    sparse = b"".join(_packed(layer) for layer in graph.layers)
    for matrix in c_header.matrices_of(graph):
        sparse += _packed_matrix(matrix)
    text = c_header.text_of(graph, "network").encode("ascii")
    return Sizes(
        weights=sum(x.size for x in dense),
        nonzeros=sum(int(np.count_nonzero(x)) for x in dense),
        dense=len(raw),
        dense_gzip=_gzipped(raw),
        sparse=len(sparse),
        sparse_gzip=_gzipped(sparse),
        header=len(text),
        header_gzip=_gzipped(text),
    )


def _gzipped(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


def _packed(layer: Layer) -> bytes:
    """Return the bytes of a layer's weights outside matrices: the rows of an embedding."""
    return bytes(layer.arrays["weight"].tobytes()) if layer.kind == "embedding" else b""


def _packed_matrix(matrix: Any) -> bytes:
    form = c_header.smallest(matrix)
    bias = matrix.bias[np.flatnonzero(matrix.bias)].tobytes()
    if form == "dense":
        return bytes(matrix.weight.tobytes() + bias)
    _, starts, offsets, w, _, _ = matrix.panels(form)
    counts = np.diff(starts).astype(np.uint16)
    return bytes(counts.tobytes() + offsets.astype(np.uint16).tobytes() + w.tobytes() + bias)


# ---------------------------------------------------------------------------------------------
# ONNX.


def onnx_bytes(graph: Graph) -> bytes:
    """Return a network as the bytes of an ONNX file."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise ModuleNotFoundError(
            "export_onnx needs the package onnx: pip install 'softreg_fast[onnx]'", name="onnx"
        ) from error
    writer = _OnnxWriter(graph)
    kind = onnx.helper.np_dtype_to_tensor_dtype(graph.dtype)
    taken = onnx.TensorProto.INT64 if graph.high else kind
    make = onnx.helper.make_tensor_value_info
    made = onnx.helper.make_graph(
        [
            onnx.helper.make_node(op, inputs, outputs, **options)
            for op, inputs, outputs, options in writer.nodes
        ],
        "network",
        [make("input", taken, ["samples", *graph.input.shape])],
        [make("output", kind, ["samples", *graph.output.shape])],
        [onnx.numpy_helper.from_array(x, name) for name, x in writer.constants.items()],
    )
    model = onnx.helper.make_model(
        made,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="softreg_fast",
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _OnnxWriter:
    """Builder of the ONNX graph: nodes (operator, inputs, outputs, attributes) and constants."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = []
        self.constants: dict[str, Any] = {}
        self.names = ["input"]
        for layer in graph.layers[1:]:
            inputs = [self.names[source] for source in layer.inputs]
            self.names.append(getattr(self, layer.kind)(layer, *inputs))
        self.nodes.append(("Identity", [self.names[-1]], ["output"], {}))

    def node(self, op: str, *inputs: str, **options: Any) -> str:
        """Add an operator and return the name of its result."""
        name = f"v{len(self.nodes)}"
        self.nodes.append((op, list(inputs), [name], options))
        return name

    def constant(self, x: Any) -> str:
        """Add an array to the file and return its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(x)
        return name

    def number(self, x: float) -> str:
        """Add a scalar of the network's dtype and return its name."""
        return self.constant(np.array(x, self.graph.dtype))

    def linear(self, layer: Layer, x: str) -> str:
        weight, bias = layer.arrays["weight"], self.constant(layer.arrays["bias"])
        if len(layer.shape) == 1:
            return self.node("Gemm", x, self.constant(weight), bias, transB=1)
        return self.node("Add", self.node("MatMul", x, self.constant(weight.T)), bias)

    def conv(self, layer: Layer, x: str) -> str:
        weight, options = layer.arrays["weight"], layer.options
        axes = len(layer.shape) - 1
        if axes == 1:
            weight = weight[:, :, 0]
        return self.node(
            "Conv",
            x,
            self.constant(weight),
            self.constant(layer.arrays["bias"]),
            kernel_shape=list(weight.shape[2:]),
            strides=list(options["stride"][-axes:]),
            pads=list(options["padding"][-axes:] * 2),
            dilations=list(options["dilation"][-axes:]),
            group=options["groups"],
        )

    def scale(self, layer: Layer, x: str) -> str:
        shape = (-1, *[1] * (len(layer.shape) - 1))
        by, shift = (self.constant(layer.arrays[k].reshape(shape)) for k in ("weight", "bias"))
        return self.node("Add", self.node("Mul", x, by), shift)

    def activation(self, layer: Layer, x: str) -> str:
        function, a, b = (layer.options[k] for k in ("function", "a", "b"))
        if function == "silu":
            return self.node("Mul", x, self.node("Sigmoid", x))
        if function == "clip":
            return self.node("Clip", x, self.number(a), self.number(b))
        if function in ("gelu", "gelu_tanh"):
            return self.node("Gelu", x, approximate="tanh" if function == "gelu_tanh" else "none")
        names = {
            "relu": "Relu",
            "leaky_relu": "LeakyRelu",
            "elu": "Elu",
            "sigmoid": "Sigmoid",
            "tanh": "Tanh",
        }
        options = {"alpha": a} if function in ("leaky_relu", "elu") else {}
        return self.node(names[function], x, **options)

    def max_pool(self, layer: Layer, x: str) -> str:
        return self.node("MaxPool", x, **self.windows(layer))

    def mean_pool(self, layer: Layer, x: str) -> str:
        size, divisor = layer.options["size"], layer.options["divisor"]
        if divisor not in (0, size[0] * size[1]):
            raise ValueError(f"{layer.name}: ONNX has no pooling with divisor_override.")
        return self.node(
            "AveragePool", x, count_include_pad=int(divisor != 0), **self.windows(layer)
        )

    def windows(self, layer: Layer) -> dict[str, list[int]]:
        axes = len(layer.shape) - 1
        size, stride, padding = (layer.options[k][-axes:] for k in ("size", "stride", "padding"))
        return {"kernel_shape": list(size), "strides": list(stride), "pads": list(padding * 2)}

    def add(self, layer: Layer, x: str, z: str) -> str:
        return self.node("Add", x, z)

    def softmax(self, layer: Layer, x: str) -> str:
        return self.node("LogSoftmax" if layer.options["log"] else "Softmax", x, axis=-1)

    def embedding(self, layer: Layer, x: str) -> str:
        return self.node("Gather", self.constant(layer.arrays["weight"]), x, axis=0)

    def reshaped(self, x: str, shape: tuple[int, ...]) -> str:
        return self.node("Reshape", x, self.constant(np.array([-1, *shape], np.int64)))

    def view(self, layer: Layer, x: str) -> str:
        index = layer.arrays["index"]
        before = self.graph.layers[layer.inputs[0]].shape
        if not np.array_equal(index, np.arange(int(np.prod(before)))):
            x = self.reshaped(x, (int(np.prod(before)),))
            x = self.node("Gather", x, self.constant(index.astype(np.int64)), axis=1)
        return self.reshaped(x, layer.shape)

    def lstm(self, layer: Layer, x: str) -> str:
        return self.recurrent(layer, x, "LSTM", (0, 3, 1, 2))

    def gru(self, layer: Layer, x: str) -> str:
        return self.recurrent(layer, x, "GRU", (1, 0, 2), linear_before_reset=1)

    def recurrent(self, layer: Layer, x: str, op: str, order: Any, **options: int) -> str:
        """Add an LSTM or GRU in ONNX's layout.

        ONNX orders the gates differently, has time as first axis, and an axis for directions.
        """
        n = layer.shape[-1]

        def gates(name: str) -> Any:
            found = layer.arrays[name]
            return found.reshape(-1, n, *found.shape[1:])[list(order)].reshape(found.shape)[None]

        biases = np.concatenate([gates("bias"), gates("state_bias")], axis=1)
        y = self.node(
            op,
            self.node("Transpose", x, perm=[1, 0, 2]),
            self.constant(gates("weight")),
            self.constant(gates("state_weight")),
            self.constant(biases),
            hidden_size=n,
            **options,
        )
        y = self.node("Squeeze", y, self.constant(np.array([1], np.int64)))
        return self.node("Transpose", y, perm=[1, 0, 2])
