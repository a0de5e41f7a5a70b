"""Plot of selection frequencies."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from softreg_fast.display.checks import check_n_labels
from softreg_fast.display.drawing import (
    WEAKER,
    background_lines,
    falling_alphas,
    label_ends,
    show_nonzeros,
)
from softreg_fast.display.look import dress
from softreg_fast.model_selection.stability import StabilityPath
from softreg_fast.options.axes import axes
from softreg_fast.options.types import Vector

# Of more features that are not selected the most frequent ones are lines, the others a shade.
MOST_LINES = 100
LEADING = 20

# Below these shares of them the shade is darker.
DENSE = (1.0, 0.99, 0.9)


class StabilityDisplay:
    """Plot of selection frequencies along the path: selected features named, threshold dashed.

    Of many features that are not selected the most frequent ones are lines. The others are a shade
    from 0 to the largest frequency among them, which is darker below that of 99 % and of 90 %.

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
    shades_ : list of PolyCollection
        Shades instead of lines, where there are many.
    threshold_ : Text
        What stands beside the line of the threshold.
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
        dress(self.ax_, keep=("top",))
        self._draw_others(x, frequencies, rest)
        rows = frequencies[shown].toarray()
        self.labelled_ = [self.ax_.plot(x, row, linewidth=1.6)[0] for row in rows]
        self.ax_.set_ylim(0.0, 1.02)
        self.ax_.set_xlabel(WEAKER["alpha"])
        self.ax_.set_ylabel(f"frequency among {found.n_subsamples} subsamples")
        falling_alphas(self.ax_, x)
        self._draw_threshold(level)
        counts = np.rint(entered[:n_drawn]).astype(np.int64)
        self.top_ax_ = show_nonzeros(self.ax_, x, counts, "features entered, mean")
        names = found.feature_names
        shown_names = [str(j) if names is None else names[j] for j in shown]
        self.text_ = label_ends(self.ax_, self.labelled_, shown_names, top=1.0)
        return self

    def _draw_others(self, x: Vector, frequencies: Any, rest: Any) -> None:
        # lines of the features that are not selected, or of the most frequent ones and a shade
        ink, self.shades_ = self.ax_.xaxis.label.get_color(), []
        lines = rest
        if len(rest) > MOST_LINES:
            last = frequencies[rest][:, [-1]].toarray()[:, 0]
            order = np.argsort(-last, kind="stable")
            lines, others = rest[order[:LEADING]], frequencies[rest[order[LEADING:]]].toarray()
            for share in DENSE:
                top = np.quantile(others, share, axis=0, method="lower")
                options: Any = {"color": ink, "alpha": 0.12, "linewidth": 0.0}
                self.shades_.append(self.ax_.fill_between(x, 0.0, top, **options))
        self.lines_ = background_lines(self.ax_, x, frequencies[lines].toarray())

    def _draw_threshold(self, level: float) -> None:
        ink = self.ax_.xaxis.label.get_color()
        self.ax_.axhline(level, color=ink, linestyle="--", linewidth=1.0)
        placed = {"xy": (0.0, level), "xycoords": self.ax_.get_yaxis_transform()}
        self.threshold_ = self.ax_.annotate(
            f"threshold {level:g}",
            xytext=(4.0, 3.0 if level < 0.9 else -3.0),
            textcoords="offset points",
            va="bottom" if level < 0.9 else "top",
            color=ink,
            size="small",
            **placed,
        )
