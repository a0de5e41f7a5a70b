"""Plot of scores and sparsity along a path of networks."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from softreg_fast.options.axes import axes


class NetworkPathDisplay:
    """Plot of score and number of nonzeros against strength.

    The choices of both rules ("best", "sparsest") are vertical lines.

    Parameters
    ----------
    network_path : NetworkPath
        Result of `path`.

    Attributes
    ----------
    ax_ : matplotlib Axes of the scores
    right_ax_ : matplotlib Axes of the nonzeros
    figure_ : matplotlib Figure
    errorbar_ : ErrorbarContainer of the scores
    line_ : Line2D of the nonzeros

    Examples
    --------
    >>> from softreg_fast.nn import NetworkPathDisplay
    >>> found = path(train, model, [1e-4, 1e-3])  # doctest: +SKIP
    >>> picture = NetworkPathDisplay.from_path(found)  # doctest: +SKIP
    """

    def __init__(self, network_path: Any) -> None:
        self.network_path = network_path

    @classmethod
    def from_path(cls, network_path: Any, **options: Any) -> Self:
        """Plot a NetworkPath; options as in `plot`."""
        if not hasattr(type(network_path), "index_sparsest"):  # paths import this module
            raise TypeError(
                f"network_path must be a NetworkPath, got {type(network_path).__name__}."
            )
        return cls(network_path).plot(**options)

    def plot(self, ax: Any = None) -> Self:
        """Plot the path into the given Axes, or into those of a new figure."""
        found = self.network_path
        self.ax_, self.figure_ = axes(ax)
        self.right_ax_ = self.ax_.twinx()
        strengths = found.strengths
        bars = (
            np.nan_to_num(found.standard_errors)
            if np.isfinite(found.standard_errors).any()
            else None
        )
        self.errorbar_ = self.ax_.errorbar(
            strengths, found.scores, yerr=bars, fmt="o-", color="C0", markersize=4, capsize=2
        )
        (self.line_,) = self.right_ax_.plot(
            strengths, found.nonzeros, "s--", color="C1", markersize=3, linewidth=1.0
        )
        self._scales(strengths)
        self.ax_.set_xlabel("strength")
        self.ax_.set_ylabel("score" if found.greater_is_better else "loss")
        self.right_ax_.set_ylabel(f"nonzeros of {found.n_parameters:,}")
        above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2, "frameon": False}
        self.ax_.legend(handles=self._named(), fontsize="small", **above)  # off both curves
        return self

    def _scales(self, strengths: Any) -> None:
        positive = strengths[strengths > 0.0]
        if len(positive) == len(strengths):
            self.ax_.set_xscale("log")
        elif len(positive):
            self.ax_.set_xscale("symlog", linthresh=positive[0])
        if (self.network_path.nonzeros > 0).all():
            self.right_ax_.set_yscale("log")

    def _named(self) -> list[Any]:
        # handles of the legend: both curves, and the vertical lines of both rules, drawn here
        found = self.network_path
        self.errorbar_.set_label("score, left" if found.greater_is_better else "loss, left")
        self.line_.set_label("nonzeros, right")
        named = [self.errorbar_, self.line_]
        if not np.isfinite(found.scores).any():
            return named
        ink = self.ax_.xaxis.label.get_color()
        for name, k, style in (
            ("best", found.index_best, "--"),
            ("sparsest", found.index_sparsest, ":"),
        ):
            text = f"{name}: {found.strengths[k]:.3g}, {100 * found.density[k]:.3g} % nonzero"
            named.append(
                self.ax_.axvline(
                    found.strengths[k], color=ink, linestyle=style, linewidth=1.0, label=text
                )
            )
        return named
