"""Plots of paths, cross-validation and stability, in the style of scikit-learn's Displays.

They need matplotlib and follow its style sheet, including dark ones.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from softreg_fast.display.drawing import (
    background_lines,
    check_n_labels,
    falling_alphas,
    label_ends,
    show_nonzeros,
)
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.stability import StabilityPath
from softreg_fast.options.axes import axes
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import Path

AXES = {"alpha": "alpha", "l1": "L1 norm of the coefficients", "deviance": "deviance explained"}


class PathDisplay:
    """Plot of the coefficients along a path, with the number of nonzeros along the top.

    Parameters
    ----------
    path : Path
        The path to draw.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    top_ax_ : matplotlib Axes
        Axes with the numbers of nonzero coefficients, along the top.
    figure_ : matplotlib Figure
        Figure of the plot.
    lines_ : LineCollection
        Lines of the features without a label.
    labelled_ : list of Line2D
        Lines of the largest coefficients.
    text_ : list of Text
        Names beside the labelled lines.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import PathDisplay, path
    >>> fits = path(*load_diabetes(return_X_y=True, as_frame=True))
    >>> picture = PathDisplay.from_path(fits)  # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def from_path(cls, path: Path | CVPath, **options: Any) -> Self:
        """Draw a Path, or the path of a CVPath on all samples.

        Parameters
        ----------
        path : Path or CVPath
            The path to draw.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.
            against : {"alpha", "l1", "deviance"}, default="alpha"
                The horizontal axis: alpha falling from left to right, the L1 norm of the
                coefficients, or the fraction of deviance explained.
            n_labels : int, default=8
                Number of coefficients with colour and name, those largest at the end of the path.
            mark : int or None, default=None
                Index of an alpha to mark with a vertical line; the named coefficients are then the
                largest nonzero ones there.

        Returns
        -------
        PathDisplay

        Raises
        ------
        TypeError
            For anything else than a Path or a CVPath.
        """
        path = path.path if isinstance(path, CVPath) else path
        if not isinstance(path, Path):
            raise TypeError(f"path must be a Path or a CVPath, got {type(path).__name__}.")
        return cls(path).plot(**options)

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> Self:
        """Draw the path of a fitted LassoCV or ElasticNetCV.

        Parameters
        ----------
        estimator : LassoCV or ElasticNetCV
            Fitted to one target.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.
            against : {"alpha", "l1", "deviance"}, default="alpha"
                The horizontal axis: alpha falling from left to right, the L1 norm of the
                coefficients, or the fraction of deviance explained.
            n_labels : int, default=8
                Number of coefficients with colour and name, those largest at the end of the path.
            mark : int or None, default=None
                Index of an alpha to mark with a vertical line; the named coefficients are then the
                largest nonzero ones there.

        Returns
        -------
        PathDisplay

        Raises
        ------
        ValueError
            For an estimator without a single cross-validated path.
        NotFittedError
            Before `fit`.
        """
        return cls.from_path(cv_path_of(estimator), **options)

    def plot(
        self, ax: Any = None, *, against: str = "alpha", n_labels: int = 8, mark: int | None = None
    ) -> Self:
        """Draw the coefficients along the path.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        against : {"alpha", "l1", "deviance"}, default="alpha"
            The horizontal axis: alpha falling from left to right, the L1 norm of the coefficients,
            or the fraction of deviance explained.
        n_labels : int, default=8
            Number of coefficients with colour and name, those largest at the end of the path.
        mark : int or None, default=None
            Index of an alpha to mark with a vertical line; the named coefficients are then the
            largest nonzero ones there.

        Returns
        -------
        PathDisplay
            Itself, with the attributes of the plot.

        Raises
        ------
        ValueError
            For options out of range.
        ImportError
            Without matplotlib.
        """
        if against not in AXES:
            raise ValueError(f"against must be one of {', '.join(AXES)}; got {against!r}.")
        check_n_labels(n_labels)
        if mark is not None and not -len(self.path) <= mark < len(self.path):
            raise ValueError(f"mark must be an index of the {len(self.path)} alphas, got {mark!r}.")
        self.ax_, self.figure_ = axes(ax)
        x = self._positions(against)
        support = np.unique(self.path.coefs.indices)
        W = self.path.coefs[support].toarray()
        at = -1 if mark is None else mark
        if mark is not None:
            n_labels = min(n_labels, int(self.path.df[mark]))
        order = np.lexsort((-np.abs(W[:, -1]), -np.abs(W[:, at]))) if len(x) else np.arange(0)
        shown, rest = order[:n_labels], order[n_labels:]
        ink = self.ax_.xaxis.label.get_color()
        self.lines_ = background_lines(self.ax_, x, W[rest])
        self.labelled_ = [self.ax_.plot(x, W[k], linewidth=1.6)[0] for k in shown]
        self.ax_.axhline(0.0, color=ink, linewidth=0.6)
        if mark is not None:
            self.ax_.axvline(x[mark], color=ink, linestyle="--", linewidth=1.0)
        self.ax_.autoscale_view()
        self.ax_.set_xlabel(AXES[against])
        self.ax_.set_ylabel("coefficient")
        if against == "alpha":
            falling_alphas(self.ax_, self.path.alphas)
        self.top_ax_ = show_nonzeros(self.ax_, x, self.path.df)
        names = self.path.feature_names
        shown_names = [str(j) if names is None else names[j] for j in support[shown]]
        self.text_ = label_ends(self.ax_, self.labelled_, shown_names)
        return self

    def _positions(self, against: str) -> Vector:
        path = self.path
        if against == "alpha":
            return path.alphas
        if against == "deviance":
            return path.dev_ratio
        return np.asarray(abs(path.coefs).sum(axis=0)).ravel()


class CVPathDisplay:
    """Plot of the mean error over the folds with its standard error, and of both rules' choices.

    Parameters
    ----------
    cv_path : CVPath
        The search to draw.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    top_ax_ : matplotlib Axes
        Axes with the numbers of nonzero coefficients, along the top.
    figure_ : matplotlib Figure
        Figure of the plot.
    errorbar_ : ErrorbarContainer
        Mean errors with their standard errors.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import CVPathDisplay, cv_path
    >>> found = cv_path(*load_diabetes(return_X_y=True, as_frame=True))
    >>> picture = CVPathDisplay.from_path(found)  # doctest: +SKIP
    """

    def __init__(self, cv_path: CVPath) -> None:
        self.cv_path = cv_path

    @classmethod
    def from_path(cls, cv_path: CVPath, **options: Any) -> Self:
        """Draw a CVPath.

        Parameters
        ----------
        cv_path : CVPath
            The search to draw.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.

        Returns
        -------
        CVPathDisplay

        Raises
        ------
        TypeError
            For anything else than a CVPath.
        """
        if not isinstance(cv_path, CVPath):
            raise TypeError(f"cv_path must be a CVPath, got {type(cv_path).__name__}.")
        return cls(cv_path).plot(**options)

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> Self:
        """Draw the cross-validation of a fitted LassoCV or ElasticNetCV.

        Parameters
        ----------
        estimator : LassoCV or ElasticNetCV
            Fitted to one target.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.

        Returns
        -------
        CVPathDisplay

        Raises
        ------
        ValueError
            For an estimator without a single cross-validated path.
        NotFittedError
            Before `fit`.
        """
        return cls(cv_path_of(estimator)).plot(**options)

    def plot(self, ax: Any = None) -> Self:
        """Draw the error curve into the given Axes or those of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.

        Returns
        -------
        CVPathDisplay
            Itself, with the attributes of the plot.

        Raises
        ------
        ValueError
            For options out of range.
        ImportError
            Without matplotlib.
        """
        self.ax_, self.figure_ = axes(ax)
        found, alphas = self.cv_path, self.cv_path.path.alphas
        (mean, bars), (measure, sign) = found.curve, found.shown
        ink = self.ax_.xaxis.label.get_color()
        self.errorbar_ = self.ax_.errorbar(
            alphas,
            sign * mean,
            yerr=bars,
            fmt="o-",
            markersize=3,
            linewidth=1.0,
            ecolor="0.6",
            capsize=2,
        )
        for name, k, style in (("min", found.index_min, "--"), ("1se", found.index_1se, ":")):
            text = f"{name}: alpha {alphas[k]:.4g}, {found.path.df[k]} nonzero"
            self.ax_.axvline(alphas[k], color=ink, linestyle=style, linewidth=1.0, label=text)
        falling_alphas(self.ax_, alphas)
        self.ax_.set_xlabel("alpha")
        self.ax_.set_ylabel(measure)
        self.ax_.legend(fontsize="small")
        self.top_ax_ = show_nonzeros(self.ax_, alphas, found.path.df)
        return self


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


def cv_path_of(estimator: Any) -> CVPath:
    """Return the CVPath of a fitted estimator with one target."""
    check_is_fitted(estimator)
    found = getattr(estimator, "cv_path_", None)
    if not isinstance(found, CVPath):
        raise ValueError(
            f"{type(estimator).__name__} has no single cross-validated path to draw; use a LassoCV "
            "or ElasticNetCV fitted to one target, or one entry of its cv_path_."
        )
    return found
