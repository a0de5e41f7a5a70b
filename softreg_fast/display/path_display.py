"""Plot of coefficients along a path.

The plots of this folder are in the style of scikit-learn's Displays; they need matplotlib and
follow its style sheet, including dark ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.display.checks import check_n_labels
from softreg_fast.display.cv_path_display import cv_path_of
from softreg_fast.display.drawing import (
    background_lines,
    falling_alphas,
    label_ends,
    panels,
    show_nonzeros,
)
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.choices import Against
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import Path
from softreg_fast.paths.selected import sizes_of_groups

AXES = {"alpha": "alpha", "l1": "L1 norm of the coefficients", "deviance": "deviance explained"}

# Coefficients larger than this many times the largest of a marked model are cut off.
MOST_OF_MARKED = 4.0


# The same axis, the vertical one and that along the top where groups of several features are drawn.
OF_GROUPS = ("sum of the norms of groups", "coefficient, or norm of a group", "nonzero groups")


class Coefficients(NamedTuple):
    """Coefficients along falling alphas, without the features that are 0 everywhere.

    Of a group of several features they are the norm of its coefficients.

    alphas : ndarray (n_alphas,)
    values : ndarray (n_outputs, n_kept, n_alphas)
    names : list of str, of the kept features
    outputs : list of str, of the classes or tasks; without a name for a single one
    dev_ratio : ndarray (n_alphas,) or None
    grouped : bool
        Whether some are of groups of several features.
    """

    alphas: Vector
    values: NDArray[np.float64]
    names: list[str]
    outputs: list[str]
    dev_ratio: Vector | None
    grouped: bool = False

    @classmethod
    def of_path(cls, path: Path) -> Self:
        """Return those of a path; with several tasks or classes, of each of them."""
        kept = np.unique(path.coefs.indices)
        n_outputs = path.coefs.shape[1] // max(len(path), 1)
        values = path.coefs[kept].toarray().reshape(len(kept), len(path), n_outputs)
        names, grouped = _names_of(path.feature_names, kept), False
        if path.groups is not None:
            groups = path.groups.with_singles(path.feature_names)
            grouped = len(groups.names) < path.coefs.shape[0]
            if grouped:
                values, drawn = sizes_of_groups(values, kept, groups)
                names = [str(groups.names[g]) for g in drawn]
        outputs = getattr(path, "classes_", None)
        return cls(
            path.alphas,
            values.transpose(2, 0, 1),
            names,
            _output_names(outputs, n_outputs),
            path.dev_ratio,
            grouped,
        )

    @classmethod
    def of_arrays(cls, alphas: Any, coefs: Any, feature_names: Any, outputs: Any) -> Self:
        """Return those of arrays: coefs is (n_alphas, n_features) or has outputs in between."""
        alphas, coefs = np.asarray(alphas, np.float64), np.asarray(coefs, np.float64)
        if alphas.ndim != 1 or coefs.ndim not in (2, 3) or len(coefs) != len(alphas):
            raise ValueError(
                f"alphas has shape {alphas.shape} and coefs {coefs.shape}; expected (n_alphas,) "
                "with (n_alphas, n_features) or (n_alphas, n_outputs, n_features)."
            )
        for name, given, n in (
            ("feature_names", feature_names, coefs.shape[-1]),
            ("output_names", outputs, coefs.shape[1] if coefs.ndim == 3 else 1),
        ):
            if given is not None and len(given) != n:
                raise ValueError(f"{name} has {len(given)} entries; coefs has {n} of them.")
        falling = np.argsort(-alphas, kind="stable")
        values = coefs.reshape(len(alphas), -1, coefs.shape[-1])[falling]
        kept = np.flatnonzero(values.any(axis=(0, 1)))
        return cls(
            alphas[falling],
            values[..., kept].transpose(1, 2, 0),
            _names_of(feature_names, kept),
            _output_names(outputs, values.shape[1]),
            None,
        )

    def only(self, output: int | None) -> Self:
        """Return those of one output, which then has no title; None: all."""
        n = len(self.values)
        if output is None:
            return self
        if not isinstance(output, int | np.integer) or not -n <= output < n:
            raise ValueError(
                f"output must be an index of the {n} classes or tasks, got {output!r}."
            )
        return self._replace(values=self.values[[output]], outputs=[""])

    def positions(self, against: str) -> Vector:
        """Return the places of the models on the horizontal axis."""
        if against == "alpha":
            return self.alphas
        if against == "deviance":
            if self.dev_ratio is None:
                raise ValueError("against='deviance' needs a path; coefficients alone have none.")
            return self.dev_ratio
        return np.asarray(np.abs(self.values).sum(axis=(0, 1)))

    def largest(self, k: int, at: int, n_labels: int, nonzero: bool) -> list[int]:
        """Return the features of output k with the largest coefficients at an alpha."""
        W = self.values[k]
        if nonzero:
            n_labels = min(n_labels, int(np.count_nonzero(W[:, at])))
        order = np.lexsort((-np.abs(W[:, -1]), -np.abs(W[:, at]))) if W.shape[1] else np.arange(0)
        return [int(j) for j in order[:n_labels]]


class PathDisplay:
    """Plot of the coefficients along a path, with the number of nonzeros along the top.

    Under a penalty of groups each group of several features is one line, the norm of its
    coefficients; a feature that is a group by itself keeps its coefficient.

    With several classes or tasks there is a plot for each, with the same colours and the same
    vertical axis. The attributes of the plot are then lists with an entry for each.

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
        self._coefficients = Coefficients.of_path(path)

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
            output : int or None, default=None
                Index of a class or task, to draw that one alone. None: all, each into Axes of its
                own.

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
            output : int or None, default=None
                Index of a class or task, to draw that one alone. None: all, each into Axes of its
                own.

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

    @classmethod
    def from_coefficients(
        cls,
        alphas: ArrayLike,
        coefs: ArrayLike,
        *,
        feature_names: Any = None,
        output_names: Any = None,
        **options: Any,
    ) -> Self:
        """Draw coefficients given as an array.

        Parameters
        ----------
        alphas : array-like (n_alphas,)
            Strengths of the penalty, in any order.
        coefs : array-like (n_alphas, n_features) or (n_alphas, n_outputs, n_features)
            Coefficients at each alpha; with several outputs, those of each class or task.
        feature_names : sequence of str or None, default=None
            Names of the features. None: their numbers.
        output_names : sequence of str or None, default=None
            Names of the classes or tasks. None: their numbers.
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
            output : int or None, default=None
                Index of a class or task, to draw that one alone. None: all, each into Axes of its
                own.

        Returns
        -------
        PathDisplay

        Raises
        ------
        ValueError
            For arrays whose shapes do not fit, and for options out of range.
        """
        self = cls.__new__(cls)
        self._coefficients = Coefficients.of_arrays(alphas, coefs, feature_names, output_names)
        return self.plot(**options)

    def plot(
        self,
        ax: Any = None,
        *,
        against: Against = "alpha",
        n_labels: int = 8,
        mark: int | None = None,
        output: int | None = None,
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
        output : int or None, default=None
            Index of a class or task, to draw that one alone. None: all, each into Axes of its own.

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
        shown = self._coefficients.only(output)
        n_alphas, n_outputs = len(shown.alphas), len(shown.values)
        if against not in AXES:
            raise ValueError(f"against must be one of {', '.join(AXES)}; got {against!r}.")
        check_n_labels(n_labels)
        if mark is not None and not -n_alphas <= mark < n_alphas:
            raise ValueError(f"mark must be an index of the {n_alphas} alphas, got {mark!r}.")
        x = shown.positions(against)
        at = -1 if mark is None else mark
        chosen = [shown.largest(k, at, n_labels, mark is not None) for k in range(n_outputs)]
        drawn, self.figure_ = panels(ax, n_outputs, sharey=True)
        colours = _colours(chosen)
        parts = []
        for k, each in enumerate(drawn):
            parts.append(_lines(each, x, shown.values[k], chosen[k], colours))
            _frame(each, x, against, None if mark is None else x[mark], shown.grouped)
            each.set_title(shown.outputs[k])
        tops, texts = [], []
        for k, each in enumerate(drawn):  # when the scale, which panels share, is known
            if mark is not None:
                _keep_scale(each, shown.values[:, :, mark])
            if against == "alpha":
                falling_alphas(each, x)
            counts = np.count_nonzero(shown.values[k], axis=0)
            tops.append(show_nonzeros(each, x, counts, *(OF_GROUPS[2:] if shown.grouped else ())))
        for k, each in enumerate(drawn):
            names = [shown.names[j] for j in chosen[k]]
            texts.append(label_ends(each, parts[k][1], names))
        found = (drawn, tops, [rest for rest, _ in parts], [lines for _, lines in parts], texts)
        self.ax_, self.top_ax_, self.lines_, self.labelled_, self.text_ = (
            each[0] if n_outputs == 1 else each for each in found
        )
        return self


def _lines(
    ax: Any, x: Vector, W: NDArray[np.float64], chosen: list[int], colours: dict[int, Any]
) -> tuple[Any, list[Any]]:
    # the lines of other features, and those of the chosen ones in their colours
    rest = np.setdiff1d(np.arange(len(W)), chosen)
    background = background_lines(ax, x, W[rest])
    return background, [ax.plot(x, W[j], linewidth=1.6, color=colours[j])[0] for j in chosen]


def _frame(ax: Any, x: Vector, against: str, mark: float | None, grouped: bool) -> None:
    ink = ax.xaxis.label.get_color()
    ax.axhline(0.0, color=ink, linewidth=0.6)
    if mark is not None:
        ax.axvline(mark, color=ink, linestyle="--", linewidth=1.0)
    ax.margins(x=0.0)
    ax.autoscale_view()
    ax.set_xlabel(OF_GROUPS[0] if grouped and against == "l1" else AXES[against])
    if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
        ax.set_ylabel(OF_GROUPS[1] if grouped else "coefficient")


def _keep_scale(ax: Any, marked: NDArray[np.float64]) -> None:
    # coefficients far beyond those of the marked model would make these a flat line
    low, high = ax.get_ylim()
    reach = MOST_OF_MARKED * float(np.abs(marked).max(initial=0.0))
    if reach:
        ax.set_ylim(max(low, -reach), min(high, reach))


def _colours(chosen: list[list[int]]) -> dict[int, Any]:
    # a colour for each feature that any panel names, the same in all of them
    from matplotlib import rcParams

    cycle = rcParams["axes.prop_cycle"].by_key().get("color", ["C0"])
    features = dict.fromkeys(j for each in chosen for j in each)
    return {j: cycle[k % len(cycle)] for k, j in enumerate(features)}


def _names_of(names: Any, kept: NDArray[np.intp]) -> list[str]:
    return [str(j) if names is None else str(names[j]) for j in kept.tolist()]


def _output_names(names: Any, n_outputs: int) -> list[str]:
    if n_outputs == 1:
        return [""]
    return [str(name) for name in (range(n_outputs) if names is None else names)]
