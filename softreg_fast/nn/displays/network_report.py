"""Plot of the fraction of nonzero parameters of every layer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from softreg_fast.options.axes import axes

# Height of one layer's bar including the gap to the next, in inches.
HEIGHT_OF_A_BAR = 0.32


class NetworkReportDisplay:
    """Bar chart of the fraction of nonzero parameters of every layer.

    Parameters
    ----------
    report : NetworkReport
        Result of `report`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : BarContainer of the nonzeros
    text_ : list of Text with the numbers

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import NetworkReportDisplay, report
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> picture = NetworkReportDisplay.from_report(report(model))  # doctest: +SKIP
    """

    def __init__(self, report: Any) -> None:
        self.report = report

    @classmethod
    def from_report(cls, report: Any, **options: Any) -> Self:
        """Plot a NetworkReport; options as in `plot`."""
        if not hasattr(type(report), "bytes_left"):  # reports import this module
            raise TypeError(f"report must be a NetworkReport, got {type(report).__name__}.")
        return cls(report).plot(**options)

    def plot(self, ax: Any = None) -> Self:
        """Plot the report into the given Axes, or into a new figure of suitable height."""
        layers = self.report.layers
        self.ax_, self.figure_ = axes(ax)
        if ax is None:
            self.figure_.set_size_inches(7.0, 1.2 + HEIGHT_OF_A_BAR * len(layers))
        ink = self.ax_.xaxis.label.get_color()
        places = np.arange(len(layers))
        shares = np.array([100.0 * layer.density for layer in layers])
        self.ax_.barh(places, np.full(len(layers), 100.0), height=0.62, color=ink, alpha=0.12)
        self.bars_ = self.ax_.barh(places, shares, height=0.62, color="C0")
        names = [f"{layer.name or '(model)'}  {layer.kind}" for layer in layers]
        self.ax_.set_yticks(places, names, parse_math=False)
        self.ax_.tick_params(axis="y", length=0)
        self.text_ = [
            self.ax_.text(
                102.0,
                place,
                f"{layer.nonzeros:,} of {layer.parameters:,}",
                color=ink,
                va="center",
                size="small",
            )
            for place, layer in zip(places, layers, strict=True)
        ]
        self.ax_.set_xlim(0.0, 100.0)
        self.ax_.set_ylim(len(layers) - 0.5, -0.5)  # the first layer at the top
        for side in ("top", "right", "left"):
            self.ax_.spines[side].set_visible(False)
        self.ax_.set_xlabel("% of the parameters that are not zero")
        total = self.report
        self.ax_.set_title(
            f"{total.nonzeros:,} of {total.parameters:,} parameters "
            f"({100 * total.density:.3g} %) are not zero",
            fontsize="medium",
            loc="left",
        )
        return self
