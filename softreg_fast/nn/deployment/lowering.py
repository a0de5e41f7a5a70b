"""Lowering of a network to the steps of the compiled loops, which work in one arena.

The value of a layer is a buffer and the offsets of its entries in it. A view has the buffer of its
source and other offsets, from which its readers read, so that flattening costs nothing. Sizes and
offsets are in positions; a position holds one number for each sample of a tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from softreg_fast.kernels import _infer
from softreg_fast.nn.deployment.layers import Graph, Layer, readers

# Rows of a panel, and whether a panel leaves out columns in which all its rows are zero. Columns
# that are zero in all panels are always left out. "skip" is dense too, but skips inputs that are
# zero.
FORMATS = {
    "dense": (16, False),
    "skip": (16, False),
    "block16": (16, True),
    "block8": (8, True),
    "csr": (1, True),
}

CHUNK = _infer.CHUNK


def chunks(n: int) -> int:
    """Round n up to a multiple of CHUNK, the vector length."""
    return -(-n // CHUNK) * CHUNK


@dataclass
class Matrix:
    """Weights of a step and the offsets of their inputs: weight[r, k] multiplies offsets[k]."""

    name: str
    weight: Any
    bias: Any
    offsets: Any

    def columns(self) -> Any:
        """Return the mask of columns with a nonzero weight."""
        return (self.weight != 0.0).any(axis=0)

    def panels(self, form: str) -> tuple[int, Any, Any, Any, Any, bool]:
        """Return (rows, starts, offsets, w, bias, skip) in the layout of the compiled loops.

        Rows are padded with zeros to full panels. The weights of a panel are stored by column.
        """
        rows, sparse = FORMATS[form]
        n, k = self.weight.shape
        panels = -(-n // rows)
        full = np.zeros((panels * rows, k), self.weight.dtype)
        full[:n] = self.weight
        full = full.reshape(panels, rows, k)
        kept = (full != 0.0).any(axis=1) if sparse else np.tile(self.columns(), (panels, 1))
        bias = np.zeros(panels * rows, self.weight.dtype)
        bias[:n] = self.bias
        panel, column = np.nonzero(kept)
        starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
        offsets = self.offsets[column].astype(np.int32)
        w = full[panel, :, column].reshape(-1)
        return rows, starts, offsets, w, bias, form == "skip"


@dataclass
class Lowered:
    """Steps of a network, with `Matrix` objects where the compiled loops take panels."""

    steps: list[dict[str, Any]]
    matrices: list[Matrix]
    n_positions: int
    offsets: Any
    used: Any

    def with_formats(self, formats: dict[str, str]) -> list[dict[str, Any]]:
        """Return the steps with each matrix as panels, in the format given for its name."""
        return [
            {
                key: value.panels(formats[value.name]) if isinstance(value, Matrix) else value
                for key, value in step.items()
            }
            for step in self.steps
        ]


@dataclass
class _Place:
    size: int  # of the buffer
    offsets: Any  # absolute, in the shape of the value


def lower(graph: Graph) -> Lowered:
    """Lower a network to steps."""
    return _Lowering(graph).done()


class _Lowering:
    """Lowering of the layers in their order; `places` are the places of their values."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.end = 0
        self.steps: list[dict[str, Any]] = []
        self.matrices: list[Matrix] = []
        self.counts = readers(graph.layers)
        self.places: list[_Place] = []
        for layer in graph.layers:
            self.places.append(getattr(self, layer.kind)(layer))

    def done(self) -> Lowered:
        offsets = np.ascontiguousarray(self.places[-1].offsets.reshape(-1), np.int32)
        used = np.asarray(self.used(), np.int32)
        return Lowered(self.steps, self.matrices, self.end, offsets, used)

    def used(self) -> Any:
        """Return the inputs that are read.

        These are all, unless one linear layer is the only reader: then those with a nonzero weight.
        """
        every = np.arange(self.places[0].size)
        roots: list[int] = []
        for k, layer in enumerate(self.graph.layers):
            roots.append(roots[layer.inputs[0]] if layer.kind == "view" else k)
        reading = [
            layer
            for layer in self.graph.layers
            for source in layer.inputs
            if roots[source] == 0 and layer.kind != "view"
        ]
        if roots[-1] == 0 or len(reading) != 1 or reading[0].kind != "linear":
            return every
        matrix, step = self.matrices[0], self.steps[0]
        if step.get("W") is not matrix or step["repeat"] > 1 or not matrix.columns().any():
            return every
        return np.sort(matrix.offsets[matrix.columns()])

    def new(self, shape: tuple[int, ...], size: int | None = None, offsets: Any = None) -> _Place:
        """Allocate a buffer; without `offsets`, its entries are contiguous."""
        n = int(np.prod(shape))
        start, size = self.end, n if size is None else size
        offsets = np.arange(n).reshape(shape) if offsets is None else offsets
        self.end += chunks(size + CHUNK)
        return _Place(size, start + offsets)

    def step(self, kind: str, **fields: Any) -> None:
        plain = {k: v if isinstance(v, Matrix | float | str) else int(v) for k, v in fields.items()}
        self.steps.append({"kind": kind, **plain})

    def matrix(self, name: str, weight: Any, bias: Any, offsets: Any) -> Matrix:
        made = Matrix(name, weight, bias, np.asarray(offsets).reshape(-1))
        self.matrices.append(made)
        return made

    # --- inputs in the layout that a layer needs

    def flat(self, layer: Layer, k: int = 0) -> _Place:
        """Return the k-th input with contiguous entries, copied if necessary."""
        place = self.places[layer.inputs[k]]
        found = place.offsets.reshape(-1)
        if np.array_equal(found, found[0] + np.arange(found.size)):
            return place
        return self.copy(layer, k)

    def copy(self, layer: Layer, k: int = 0) -> _Place:
        """Copy the k-th input to contiguous entries."""
        found = self.places[layer.inputs[k]].offsets
        out = self.new(found.shape, chunks(found.size))
        self.steps.append(
            {
                "kind": "affine",
                "y": int(out.offsets.flat[0]),
                "run": 1,
                "pitch": 1,
                "repeat": 1,
                "W": _copies(found.reshape(-1), self.graph.dtype),
            }
        )
        return out

    def planes(self, layer: Layer) -> tuple[Any, int, int]:
        """Return (offsets, pitch of planes, pitch of rows) of a channels x height x width input."""
        for place in (self.places[layer.inputs[0]], None):
            place = place or self.flat(layer)
            at = _three(place.offsets)
            plane = int(at[1, 0, 0] - at[0, 0, 0]) if len(at) > 1 else int(np.prod(at.shape[1:]))
            pitch = int(at[0, 1, 0] - at[0, 0, 0]) if at.shape[1] > 1 else at.shape[2]
            c, y, x = np.ogrid[: at.shape[0], : at.shape[1], : at.shape[2]]
            regular = np.array_equal(at, at[0, 0, 0] + plane * c + pitch * y + x)
            if regular and plane > 0 and pitch >= at.shape[2]:
                return at, plane, pitch
        raise AssertionError("a flat value is regular")

    def rows(self, layer: Layer) -> tuple[Any, int]:
        """Return an input (..., features) as rows of offsets, and the step between rows."""
        for place in (self.places[layer.inputs[0]], None):
            place = place or self.flat(layer)
            at = place.offsets.reshape(-1, place.offsets.shape[-1])
            steps = np.diff(at, axis=0)
            if steps.size == 0 or ((steps == steps[0, 0]).all() and steps[0, 0] >= 0):
                return at, int(steps[0, 0]) if steps.size else 0
        raise AssertionError("a flat value has constant steps")

    # --- kinds of layers

    def input(self, layer: Layer) -> _Place:
        return self.new(layer.shape)

    def view(self, layer: Layer) -> _Place:
        source = self.places[layer.inputs[0]]
        offsets = source.offsets.reshape(-1)[layer.arrays["index"]].reshape(layer.shape)
        return _Place(source.size, offsets)

    def linear(self, layer: Layer) -> _Place:
        at, step = self.rows(layer)
        weight = layer.arrays["weight"]
        out = self.new(layer.shape, int(np.prod(layer.shape)) + chunks(len(weight)))
        W = self.matrix(layer.name, weight, layer.arrays["bias"], at[0])
        self.step(
            "affine",
            y=out.offsets.flat[0],
            W=W,
            run=1,
            pitch=1,
            repeat=len(at),
            x_step=step,
            y_step=len(weight),
        )
        return out

    def conv(self, layer: Layer) -> _Place:
        """Add a convolution, computed on one run of positions that includes gaps between rows."""
        options, weight = layer.options, layer.arrays["weight"]
        size = weight.shape[2:]
        at, plane, pitch = self.planes(layer)
        (sy, sx), (dy, dx) = options["stride"], options["dilation"]
        if (sy, sx) != (1, 1) or any(options["padding"]):
            at, plane, pitch = self.padded(at, plane, pitch, options)
        c, i, j = np.ogrid[: len(at), : size[0], : size[1]]
        y, x = i * dy, j * dx
        phase = (c * sy + y % sy) * sx + x % sx
        offsets = at[0, 0, 0] + phase * plane + y // sy * pitch + x // sx
        return self.over_planes(layer, _ungrouped(weight, options["groups"]), offsets, pitch)

    def scale(self, layer: Layer) -> _Place:
        """Add a BatchNorm that could not be folded: a factor and a shift for each channel."""
        at, _, pitch = self.planes(layer)
        weight = np.diag(layer.arrays["weight"])
        return self.over_planes(layer, weight, at[:, 0, 0], pitch)

    def over_planes(self, layer: Layer, weight: Any, offsets: Any, pitch: int) -> _Place:
        channels, height, width = _three_shape(layer.shape)
        run = (height - 1) * pitch + width
        room = 1 if run == 1 else chunks(run)
        c, y, x = np.ogrid[:channels, :height, :width]
        places = (c * room + y * pitch + x).reshape(layer.shape)
        out = self.new(layer.shape, chunks(channels) * room, places)
        W = self.matrix(layer.name, weight, layer.arrays["bias"], offsets)
        self.step("affine", y=out.offsets.flat[0], W=W, run=run, pitch=room, repeat=1)
        return out

    def padded(self, at: Any, plane: int, pitch: int, options: dict[str, Any]) -> Any:
        """Copy planes with zero padding and, for strides, split into phases."""
        (sy, sx), (py, px) = options["stride"], options["padding"]
        channels, height, width = at.shape
        rows, columns = -(-(height + 2 * py) // sy), -(-(width + 2 * px) // sx)
        out = self.new((channels * sy * sx, rows, columns))
        self.step(
            "pad",
            x=at[0, 0, 0],
            y=out.offsets.flat[0],
            n=channels,
            height=height,
            width=width,
            x_pitch=pitch,
            x_plane=plane,
            out_height=rows,
            out_width=columns,
            pitch=rows * columns,
            stride_y=sy,
            stride_x=sx,
            pad_y=py,
            pad_x=px,
        )
        return out.offsets, rows * columns, columns

    def max_pool(self, layer: Layer) -> _Place:
        return self.pool(layer)

    def mean_pool(self, layer: Layer) -> _Place:
        return self.pool(layer)

    def pool(self, layer: Layer) -> _Place:
        at, plane, pitch = self.planes(layer)
        (ky, kx), (sy, sx), (py, px) = (layer.options[k] for k in ("size", "stride", "padding"))
        out = self.new(layer.shape)
        _, height, width = _three_shape(layer.shape)
        self.step(
            layer.kind,
            x=at[0, 0, 0],
            y=out.offsets.flat[0],
            n=len(at),
            height=at.shape[1],
            width=at.shape[2],
            x_pitch=pitch,
            x_plane=plane,
            out_height=height,
            out_width=width,
            size_y=ky,
            size_x=kx,
            stride_y=sy,
            stride_x=sx,
            pad_y=py,
            pad_x=px,
            a=float(layer.options["divisor"]),
        )
        return out

    def alone(self, value: int) -> bool:
        """Return whether a value, and the value that it is a view of, has only one reader."""
        layer = self.graph.layers[value]
        return self.counts[value] == 1 and (layer.kind != "view" or self.alone(layer.inputs[0]))

    def activation(self, layer: Layer) -> _Place:
        """Apply in place, unless others read the value or it is a small part of its buffer."""
        place = self.places[layer.inputs[0]]
        if not self.alone(layer.inputs[0]) or place.offsets.size * 4 < place.size:
            place = self.copy(layer)
        start = int(place.offsets.min())
        size = int(place.offsets.max()) + 1 - start
        self.step(
            "activate",
            y=start,
            n=size,
            activation=layer.options["function"],
            a=layer.options["a"],
            b=layer.options["b"],
        )
        return place

    def add(self, layer: Layer) -> _Place:
        first, second = (self.places[source] for source in layer.inputs)
        if not np.array_equal(
            first.offsets - first.offsets.min(), second.offsets - second.offsets.min()
        ):
            first, second = self.flat(layer, 0), self.flat(layer, 1)
        x, x2 = int(first.offsets.min()), int(second.offsets.min())
        span = int(first.offsets.max()) - x + 1
        out = self.new(layer.shape, span, first.offsets - x)
        self.step("add", x=x, x2=x2, y=out.offsets.min(), n=span)
        return out

    def softmax(self, layer: Layer) -> _Place:
        place = self.copy(layer)
        width = layer.shape[-1]
        self.step(
            "softmax",
            y=place.offsets.flat[0],
            n=width,
            repeat=place.offsets.size // width,
            log=layer.options["log"],
        )
        return place

    def embedding(self, layer: Layer) -> _Place:
        table = layer.arrays["weight"]
        out = self.new(layer.shape)
        starts = np.array([0, table.size], np.int64)
        panels = (
            1,
            starts,
            np.zeros(table.size, np.int32),
            table.reshape(-1),
            np.zeros(1, table.dtype),
            False,
        )
        self.steps.append(
            {
                "kind": "embed",
                "y": int(out.offsets.flat[0]),
                "n": table.shape[1],
                "repeat": int(np.prod(layer.shape[:-1])),
                "W": panels,
            }
        )
        return out

    def lstm(self, layer: Layer) -> _Place:
        return self.recurrent(layer)

    def gru(self, layer: Layer) -> _Place:
        return self.recurrent(layer)

    def recurrent(self, layer: Layer) -> _Place:
        at, step = self.rows(layer)
        arrays, n = layer.arrays, layer.shape[-1]
        gates, room = chunks(len(arrays["weight"])), chunks(n)
        work = int(self.new((2 * gates + 2 * room,)).offsets[0])
        out = self.new(layer.shape)
        W = self.matrix(f"{layer.name}.input", arrays["weight"], arrays["bias"], at[0])
        U = self.matrix(
            f"{layer.name}.state", arrays["state_weight"], arrays["state_bias"], np.arange(n)
        )
        self.step(
            layer.kind,
            x2=work,
            y=out.offsets.flat[0],
            n=n,
            run=gates,
            pitch=room,
            W=W,
            U=U,
            repeat=len(at),
            x_step=step,
            y_step=n,
        )
        return out


def _copies(offsets: Any, dtype: Any) -> tuple[int, Any, Any, Any, Any, bool]:
    """Return panels that copy the entries at these offsets."""
    n = len(offsets)
    return (
        1,
        np.arange(n + 1, dtype=np.int64),
        offsets.astype(np.int32),
        np.ones(n, dtype),
        np.zeros(n, dtype),
        False,
    )


def _three_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return (shape[0], *(1, 1, *shape[1:])[-2:])  # type: ignore[return-value]


def _three(offsets: Any) -> Any:
    return offsets.reshape(_three_shape(offsets.shape))


def _ungrouped(weight: Any, groups: int) -> Any:
    """Return the matrix of a grouped convolution, zero for inputs outside a filter's group."""
    out, each, ky, kx = weight.shape
    full = np.zeros((groups, out // groups, groups, each * ky * kx), weight.dtype)
    k = np.arange(groups)
    full[k, :, k] = weight.reshape(groups, out // groups, each * ky * kx)
    return full.reshape(out, groups * each * ky * kx)
