"""NetworkReport: what is left of each layer, as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from softreg_fast.options.spelling import aligned


@dataclass(frozen=True)
class LayerReport:
    """Counts of all and of nonzero entries of one module with parameters of its own.

    Attributes
    ----------
    name, kind : str
        Qualified name of the module, and its class.
    parameters, nonzeros : int
        Number of all and of nonzero parameters, biases included.
    weights, weight_nonzeros : int
        The same for parameters with two axes or more.
    rows, rows_left : int
        Number of neurons, filters, words, or hidden units of recurrent layers, and of those with a
        nonzero weight. Both 0 where there are no weights.
    columns, columns_left : int
        The same for inputs, input channels, or dimensions of an embedding.
    bytes, bytes_left : int
        Size of the dense form, and of the smallest of three forms: dense, the nonzeros with one bit
        for every weight, or the nonzeros with an index of 4 bytes each.
    multiply_adds, multiply_adds_left : int or None
        Number for the example inputs, of all weights and of nonzero ones. None: not counted.
    """

    name: str
    kind: str
    parameters: int
    nonzeros: int
    weights: int
    weight_nonzeros: int
    rows: int
    rows_left: int
    columns: int
    columns_left: int
    bytes: int
    bytes_left: int
    multiply_adds: int | None
    multiply_adds_left: int | None

    @property
    def density(self) -> float:
        """Fraction of nonzero parameters."""
        return self.nonzeros / max(self.parameters, 1)


@dataclass(frozen=True, repr=False)
class NetworkReport:
    """Counts of all and of nonzero entries of a network; `str` formats a table.

    Attributes
    ----------
    layers : tuple of LayerReport

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import report
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> found = report(model, torch.zeros(1, 3))
    >>> found.parameters, found.multiply_adds
    (21, 16)
    """

    layers: tuple[LayerReport, ...]

    def _sum(self, name: str) -> int:
        return sum(getattr(layer, name) or 0 for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Number of parameters, shared ones once."""
        return self._sum("parameters")

    @property
    def nonzeros(self) -> int:
        """Number of nonzero parameters."""
        return self._sum("nonzeros")

    @property
    def density(self) -> float:
        """Fraction of nonzero parameters."""
        return self.nonzeros / max(self.parameters, 1)

    @property
    def bytes(self) -> int:
        """Bytes of all parameters in dense form."""
        return self._sum("bytes")

    @property
    def bytes_left(self) -> int:
        """Bytes with each parameter in its smallest form."""
        return self._sum("bytes_left")

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds of the counted layers for the example inputs; None without inputs."""
        return self._sum("multiply_adds") if self._counted else None

    @property
    def multiply_adds_left(self) -> int | None:
        """Multiply-adds with nonzero weights."""
        return self._sum("multiply_adds_left") if self._counted else None

    @property
    def _counted(self) -> bool:
        return any(layer.multiply_adds is not None for layer in self.layers)

    @property
    def uncounted(self) -> list[str]:
        """Layers whose multiply-adds are unknown although example inputs were given."""
        if not self._counted:
            return []
        return [layer.name for layer in self.layers if layer.multiply_adds is None]

    @property
    def dead(self) -> list[str]:
        """Layers whose weights are all zero, which block the signal."""
        return [x.name for x in self.layers if x.weights and not x.weight_nonzeros]

    @property
    def compression(self) -> float:
        """Ratio of `bytes` to `bytes_left`."""
        return self.bytes / self.bytes_left if self.bytes_left else math.inf

    def plot(self, ax: Any = None) -> Any:
        """Plot the fraction of nonzeros of every layer, as a `NetworkReportDisplay`."""
        from softreg_fast.nn.displays.network_report import NetworkReportDisplay

        return NetworkReportDisplay(self).plot(ax)

    def __repr__(self) -> str:
        return (
            f"NetworkReport({len(self.layers)} layers, {self.nonzeros:,} of {self.parameters:,} "
            f"parameters left, {self.compression:.3g} times smaller)"
        )

    def __str__(self) -> str:
        counted = self._counted
        head = ["layer", "kind", "nonzero", "of", "%", "rows", "columns", "bytes", "of"]
        rows = [[*head, "multiply-adds", "of"] if counted else head]
        for layer in (*self.layers, None):
            rows.append(_cells(self, layer, counted))
        first, *lines, last = aligned(rows, left=2)
        rule = "-" * max(map(len, (first, *lines, last)))
        text = [first, rule, *lines, rule, last, self._summary()]
        if self.uncounted:
            text.append(f"Multiply-adds not counted: {', '.join(self.uncounted)}")
        if self.dead:
            names = ", ".join(name or "(model)" for name in self.dead)
            text.append(f"All zero, so that nothing passes: {names}")
        return "\n".join(text)

    def _summary(self) -> str:
        text = f"{_ratio(self.parameters, self.nonzeros)} times fewer weights, "
        text += f"{_ratio(self.bytes, self.bytes_left)} times fewer bytes"
        if self.multiply_adds is not None and self.multiply_adds_left is not None:
            text += f", {_ratio(self.multiply_adds, self.multiply_adds_left)} times fewer"
            text += " multiply-adds"
        return text


def _ratio(whole: int, left: int) -> str:
    return f"{whole / left:.3g}" if left else "infinitely many"


def _cells(report: NetworkReport, layer: LayerReport | None, counted: bool) -> list[str]:
    # a line of the table; the total if layer is None
    of = report if layer is None else layer
    names = ["all", ""] if layer is None else [layer.name or "(model)", layer.kind]
    groups = ["", ""]
    if layer is not None and layer.weights:
        groups = [
            f"{layer.rows_left}/{layer.rows}",
            f"{layer.columns_left}/{layer.columns}",
        ]
    cells = [
        *names,
        f"{of.nonzeros:,}",
        f"{of.parameters:,}",
        f"{100.0 * of.density:.3g}",
        *groups,
        f"{of.bytes_left:,}",
        f"{of.bytes:,}",
    ]
    if counted:
        for number in (of.multiply_adds_left, of.multiply_adds):
            cells.append("?" if number is None else f"{number:,}")
    return cells


# -- multiply-adds ---------------------------------------------------------------------------------
