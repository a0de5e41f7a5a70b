"""Inference plans: a trained network as one CPU call, each layer in its fastest format."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from softreg_fast.kernels import _infer
from softreg_fast.nn.deployment.layers import Graph
from softreg_fast.nn.deployment.lowering import CHUNK, FORMATS, Lowered, Matrix, chunks, lower
from softreg_fast.system.threads import effective_n_threads

# Seconds for timing one format of one layer, and the minimum duration of one sample of it.
SECONDS, SAMPLE = 2e-3, 2e-4

# Default without measurement: the samples that remain after full tiles are run one by one if there
# are fewer than this.
LEAST = 5

# Seconds of work from which on threads pay off, and between two checks for signals.
WORTH_THREADS, PATIENCE = 1e-4, 2e-2

# Default without measurement: multiplications per second.
PER_SECOND = 1e9

Formats = Mapping[str, str | tuple[str, str]]


@dataclass(frozen=True)
class Choice:
    """The formats of one matrix, for single samples and for tiles, and the times of all formats.

    `single` and `tiled` are {format: seconds per sample}, empty if the formats were given.
    """

    name: str
    shape: tuple[int, int]
    nonzeros: int
    formats: tuple[str, str]
    single: dict[str, float]
    tiled: dict[str, float]


class Plan:
    """A network compiled for inference, made by `plan`.

    ``plan(x)`` returns the outputs for the samples x as a NumPy array. Weights are copied, so that
    further training does not change a plan. Several Python threads may use one plan at once.

    Attributes
    ----------
    choices : list of Choice
        One for every matrix, in the order of the layers.
    formats : dict
        {name of a layer: (format for single samples, format for tiles)}; passed to `plan`, it
        reproduces the plan without measuring.
    shape_in, shape_out : tuple
        Shapes of one sample and of one output.
    dtype : numpy.dtype
        float32 or float64, that of the weights.
    seconds : tuple of float or None
        Measured time per sample, for a single sample and in a full tile; None if formats were
        given.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import plan
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> made = plan(model, torch.zeros(1, 3), formats="dense")
    >>> made.shape_in, made.shape_out
    ((3,), (1,))
    >>> made.formats
    {'0': ('dense', 'dense'), '2': ('dense', 'dense')}
    """

    def __init__(
        self,
        graph: Graph,
        formats: Formats | str | None,
        n_threads: int | None,
        samples: Any = None,
    ) -> None:
        lowered = lower(graph)
        self.graph, self.dtype = graph, graph.dtype
        self.shape_in, self.shape_out = graph.input.shape, graph.output.shape
        self.n_threads = n_threads
        self._taken = np.dtype(np.int64) if graph.high else graph.dtype
        if samples is not None:
            samples = np.ascontiguousarray(self._checked(samples)[: _infer.MOST_LANES])
        self.choices = choose(graph, lowered, formats, samples)
        self._network = network(graph, lowered, self.formats)
        self.lanes, self._least = _infer.MOST_LANES, LEAST
        self.seconds: tuple[float, float] | None = None
        weights = sum(matrix.weight.size for matrix in lowered.matrices)
        self._each = max(weights, lowered.n_positions) / PER_SECOND
        if formats is None:
            self._tune(samples)
        self._threads = effective_n_threads(n_threads)

    @property
    def formats(self) -> dict[str, tuple[str, str]]:
        """{name of a layer: (format for single samples, format for tiles)}."""
        return {choice.name: choice.formats for choice in self.choices}

    def __call__(self, x: Any, out: Any = None) -> Any:
        """Compute the outputs for samples x.

        Parameters
        ----------
        x : array or tensor, samples x shape_in
            Of the plan's dtype, or int64 for an embedding; other dtypes are converted, and arrays
            that are not contiguous are copied.
        out : array, samples x shape_out, optional
            Array to write the outputs to.

        Returns
        -------
        array, samples x shape_out

        Raises
        ------
        ValueError, TypeError
            If the shape or the type does not fit.
        IndexError
            If an index is out of range for the embedding.
        """
        if type(x) is not np.ndarray or x.dtype is not self._taken or x.shape[1:] != self.shape_in:
            x = self._checked(x)
        n = len(x)
        if out is None:
            out = np.empty((n, *self.shape_out), self.dtype)
        else:
            self._check_out(out, n)
        if not x.flags.c_contiguous:
            x = np.ascontiguousarray(x)
        if n > 1:
            self._run(x, out, n)
        elif n:
            self._network.run(x, out, self.lanes, self._least, 1)
        return out

    def _run(self, x: Any, out: Any, n: int) -> None:
        lanes, threads = self.lanes, 1
        if self._threads > 1 and n * self._each > WORTH_THREADS:
            threads = self._threads
            while lanes > _infer.CHUNK and n <= lanes * (threads - 1):
                lanes //= 2
        portion = max(1, int(PATIENCE / (lanes * self._each)))
        self._network.run(x, out, lanes, self._least, portion, threads)

    def _checked(self, x: Any) -> Any:
        if hasattr(x, "detach"):
            x = x.detach().cpu().numpy()
        x = np.asarray(x)
        if x.shape[1:] != self.shape_in or x.ndim != 1 + len(self.shape_in):
            wanted = ", ".join(str(n) for n in self.shape_in)
            raise ValueError(f"x must have the shape (samples, {wanted}), got {x.shape}.")
        if not np.can_cast(x.dtype, self._taken, "same_kind") and x.dtype != np.uint64:
            raise TypeError(f"x must be {self._taken}, which {x.dtype} cannot be without loss.")
        return x.astype(self._taken, copy=False)

    def _check_out(self, out: Any, n: int) -> None:
        wanted = (n, *self.shape_out)
        if not isinstance(out, np.ndarray) or out.shape != wanted or out.dtype != self.dtype:
            raise ValueError(f"out must be a {self.dtype} array of shape {wanted}.")
        if not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError("out must be contiguous and writeable.")

    def _tune(self, samples: Any) -> None:
        """Choose the tile width and the minimum number of samples for a tile, by timing."""
        n = _infer.MOST_LANES
        x = np.resize(samples, (n, *self.shape_in))
        out = np.empty((n, *self.shape_out), self.dtype)
        run = self._network.run
        widths = [_infer.CHUNK * 2**k for k in range(3) if _infer.CHUNK * 2**k <= n]
        tiles = {w: seconds(lambda w=w: run(x, out, w, 1, n)) / n for w in widths}
        single = seconds(lambda: run(x[:1], out[:1], n, 2, 1))
        self.lanes = min(widths, key=lambda w: tiles[w])
        part = seconds(lambda: run(x[:1], out[:1], n, 1, 1))
        self._least = int(min(max(np.ceil(part / single), 1), _infer.CHUNK))
        self._each = tiles[self.lanes]
        self.seconds = min(single, part), self._each

    def table(self) -> str:
        """Tabulate the chosen formats and the times of all formats, in microseconds a sample."""
        lines = [
            f"{'matrix':<20}{'size':>12}{'nonzero':>9}   {'one sample':<34}tiles of {self.lanes}"
        ]
        for choice in self.choices:
            outputs, inputs = choice.shape
            share = choice.nonzeros / max(outputs * inputs, 1)
            alone, tiled = (
                _said(form, taken)
                for form, taken in zip(choice.formats, (choice.single, choice.tiled), strict=True)
            )
            size = f"{outputs} x {inputs}"
            lines.append(f"{choice.name:<20}{size:>12}{share:>9.1%}   {alone:<34}{tiled}")
        if self.seconds is not None:
            alone, tiled = (f"{1e6 * each:.2f} us" for each in self.seconds)
            lines.append(f"{'the whole, a sample':<44}{alone:<34}{tiled}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<Plan {self.shape_in} -> {self.shape_out}, {self.dtype}, {self.formats}>"


def _said(chosen: str, taken: dict[str, float]) -> str:
    others = (f"{form} {1e6 * t:.2f}" for form, t in taken.items() if form != chosen)
    head = f"{chosen} {1e6 * taken[chosen]:.2f}" if chosen in taken else chosen
    rest = ", ".join(others)
    return f"{head} ({rest})" if rest else head


def network(graph: Graph, lowered: Lowered, formats: dict[str, tuple[str, str]]) -> _infer.Network:
    """Build the compiled network."""
    single, tiled = (
        lowered.with_formats({name: pair[k] for name, pair in formats.items()}) for k in (0, 1)
    )
    return _infer.Network(
        graph.dtype.char,
        single,
        tiled,
        lowered.n_positions,
        graph.width_in,
        lowered.used,
        lowered.offsets,
        graph.high,
    )


# ---------------------------------------------------------------------------------------------
# The choice of formats.


def choose(
    graph: Graph, lowered: Lowered, formats: Formats | str | None, samples: Any
) -> list[Choice]:
    """Choose the formats of every matrix: the given ones, or the fastest on the samples."""
    if formats is None:
        return [_measured(graph, lowered, matrix, samples) for matrix in lowered.matrices]
    given = _given(lowered, formats)
    return [_stated(matrix, given[matrix.name]) for matrix in lowered.matrices]


def _given(lowered: Lowered, formats: Formats | str) -> dict[str, tuple[str, str]]:
    names = [matrix.name for matrix in lowered.matrices]
    if isinstance(formats, str):
        formats = dict.fromkeys(names, formats)
    missing, surplus = set(names) - set(formats), set(formats) - set(names)
    if missing or surplus:
        raise ValueError(
            f"formats must name the layers {names}: it lacks {sorted(missing)} and has "
            f"{sorted(surplus)} too many."
        )
    pairs = {k: (v, v) if isinstance(v, str) else tuple(v) for k, v in formats.items()}
    for name, pair in pairs.items():
        if len(pair) != 2 or not set(pair) <= set(FORMATS):
            raise ValueError(
                f"formats[{name!r}] must be of {list(FORMATS)}, got {formats[name]!r}."
            )
    return pairs  # type: ignore[return-value]


def _stated(matrix: Matrix, pair: tuple[str, str], *taken: dict[str, float]) -> Choice:
    return Choice(
        matrix.name,
        matrix.weight.shape,
        int(np.count_nonzero(matrix.weight)),
        pair,
        *(taken or ({}, {})),
    )


def _measured(graph: Graph, lowered: Lowered, matrix: Matrix, x: Any) -> Choice:
    single, tiled = {}, {}
    n = _infer.MOST_LANES
    into, step, offsets = _inputs_of(graph, lowered, matrix, x)
    into = np.ascontiguousarray(np.resize(into, (n, into.shape[1])))
    out = np.empty((n, 1), matrix.weight.dtype)
    moved = Matrix(matrix.name, matrix.weight, matrix.bias, offsets)
    for form in FORMATS:
        steps = [{"kind": "affine", **step, "W": moved.panels(form)}]
        end = max(lowered.n_positions, step["y"] + chunks(len(matrix.weight)) + CHUNK)
        alone = _infer.Network(
            matrix.weight.dtype.char,
            steps,
            steps,
            end,
            into.shape[1],
            np.arange(into.shape[1], dtype=np.int32),
            np.array([step["y"]], np.int32),
        )
        single[form] = seconds(lambda: alone.run(into[:8], out[:8], n, n, n)) / 8  # noqa: B023
        if form != "skip":  # tiles do not support skip
            tiled[form] = seconds(lambda: alone.run(into, out, n, 1, n)) / n  # noqa: B023
    best = tuple(min(taken, key=lambda form: taken[form]) for taken in (single, tiled))
    return _stated(matrix, (best[0], best[1]), single, tiled)


def _inputs_of(graph: Graph, lowered: Lowered, matrix: Matrix, x: Any) -> tuple[Any, Any, Any]:
    """Return the inputs of a matrix for the samples x, and the fields and offsets of a step for it.

    A convolution is timed on zeros, at its place in the whole network.
    """
    (k,) = (k for k, s in enumerate(lowered.steps) if any(value is matrix for value in s.values()))
    step = lowered.steps[k]
    if step["kind"] == "affine" and step["run"] > 1:
        kept = {key: step[key] for key in ("y", "run", "pitch", "repeat")}
        return np.zeros((1, 1), matrix.weight.dtype), kept, matrix.offsets
    width = len(matrix.offsets)
    if step.get("U") is matrix:
        into = np.tanh(np.random.default_rng(0).standard_normal((_infer.MOST_LANES, width)))
    else:
        before = dict.fromkeys((m.name for m in lowered.matrices), "dense")
        steps = lowered.with_formats(before)[:k]
        every = np.arange(graph.width_in, dtype=np.int32)
        prefix = _infer.Network(
            graph.dtype.char,
            steps,
            steps,
            lowered.n_positions,
            graph.width_in,
            every,
            matrix.offsets.astype(np.int32),
            graph.high,
        )
        into = np.empty((len(x), width), graph.dtype)
        prefix.run(x, into, CHUNK, CHUNK, 1)
    place = {"y": chunks(width + CHUNK), "run": 1, "pitch": 1, "repeat": 1}
    return into.astype(graph.dtype, copy=False), place, np.arange(width)


def seconds(work: Any) -> float:
    """Return the seconds of one call: the minimum of several samples, after a warm-up call."""
    work()
    began = time.perf_counter()
    work()
    once = max(time.perf_counter() - began, 1e-7)
    times = max(1, int(SAMPLE / once))
    best, end = np.inf, time.perf_counter() + SECONDS
    while best == np.inf or time.perf_counter() < end:
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - began) / times)
    return float(best)
