"""Plot of selection frequencies."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from softreg_fast.display.checks import check_n_labels
from softreg_fast.display.drawing import (
    background_lines,
    falling_alphas,
    label_ends,
    show_nonzeros,
)
from softreg_fast.model_selection.stability import StabilityPath
from softreg_fast.options.axes import axes


class StabilityDisplay:
    """Plot of selection frequencies along the path: selected features named, threshold dashed.

    Parameters
    ----------
    stability_path : StabilityPath
        The frequencies to draw.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    top_ax_ : matplotlib Axes
        Axes with the mean numbers of features that have entered, along the top.
    figure_ : matplotlib Figure
        Figure of the plot.
    lines_ : LineCollection
        Lines of the features without a label.
    labelled_ : list of Line2D
        Lines of the selected features.
    text_ : list of Text
        Names beside the labelled lines.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import StabilityDisplay, stability_path
    >>> found = stability_path(*load_diabetes(return_X_y=True, as_frame=True), random_state=0)
    >>> picture = StabilityDisplay.from_path(found)  # doctest: +SKIP
    """

    def __init__(self, stability_path: StabilityPath) -> None:
        self.stability_path = stability_path

    @classmethod
    def from_path(cls, stability_path: StabilityPath, **options: Any) -> Self:
        """Draw a StabilityPath.

        Parameters
        ----------
        stability_path : StabilityPath
            The frequencies to draw.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.
            threshold : float in (0, 1] or None, default=None
                None: the path's own threshold.
            n_labels : int, default=10
                Largest number of selected features with colour and name.

        Returns
        -------
        StabilityDisplay

        Raises
        ------
        TypeError
            For anything else than a StabilityPath.
        """
        if not isinstance(stability_path, StabilityPath):
            raise TypeError(
                f"stability_path must be a StabilityPath, got {type(stability_path).__name__}."
            )
        return cls(stability_path).plot(**options)

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> Self:
        """Draw the stability path of a fitted StabilitySelector.

        Parameters
        ----------
        estimator : StabilitySelector
            Fitted.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.
            threshold : float in (0, 1] or None, default=None
                None: the path's own threshold.
            n_labels : int, default=10
                Largest number of selected features with colour and name.

        Returns
        -------
        StabilityDisplay

        Raises
        ------
        TypeError
            For another estimator.
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "stability_path_"):
            raise TypeError(
                f"{type(estimator).__name__} has no stability path; use a StabilitySelector."
            )
        return cls.from_path(estimator.stability_path_, **options)

    def plot(self, ax: Any = None, *, threshold: float | None = None, n_labels: int = 10) -> Self:
        """Draw the selection frequencies.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        threshold : float in (0, 1] or None, default=None
            None: the path's own threshold.
        n_labels : int, default=10
            Largest number of selected features with colour and name.

        Returns
        -------
        StabilityDisplay
            Itself, with the attributes of the plot.

        Raises
        ------
        ValueError
            For options out of range.
        ImportError
            Without matplotlib.
        """
        check_n_labels(n_labels)
        found = self.stability_path
        level = found.threshold if threshold is None else threshold
        shown = found.support(level)[:n_labels]
        rest = np.setdiff1d(found.frequencies.indices, shown)
        entered = np.asarray(found.frequencies.sum(axis=0)).ravel()
        n_drawn = int(np.argmax(entered)) + 1  # beyond, no feature enters
        x, frequencies = found.alphas[:n_drawn], found.frequencies[:, :n_drawn]
        self.ax_, self.figure_ = axes(ax)
        self.lines_ = background_lines(self.ax_, x, frequencies[rest].toarray())
        rows = frequencies[shown].toarray()
        self.labelled_ = [self.ax_.plot(x, row, linewidth=1.6)[0] for row in rows]
        ink = self.ax_.xaxis.label.get_color()
        self.ax_.axhline(level, color=ink, linestyle="--", linewidth=1.0)
        self.ax_.set_ylim(0.0, 1.02)
        self.ax_.set_xlabel("alpha")
        self.ax_.set_ylabel(f"frequency among {found.n_subsamples} subsamples")
        falling_alphas(self.ax_, x)
        counts = np.rint(entered[:n_drawn]).astype(np.int64)
        self.top_ax_ = show_nonzeros(self.ax_, x, counts, "features entered, mean")
        names = found.feature_names
        shown_names = [str(j) if names is None else names[j] for j in shown]
        self.text_ = label_ends(self.ax_, self.labelled_, shown_names, top=1.0)
        return self
