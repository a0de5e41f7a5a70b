"""Plot of coefficients along a path.

The plots of this folder are in the style of scikit-learn's Displays; they need matplotlib and
follow its style sheet, including dark ones.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.display.checks import check_n_labels
from softreg_fast.display.coefficients import Coefficients
from softreg_fast.display.cv_path_display import choices_of, cv_path_of
from softreg_fast.display.drawing import (
    WEAKER,
    background_lines,
    drawn_name,
    falling_alphas,
    height_of_a_label,
    label_ends,
    panels,
    show_nonzeros,
)
from softreg_fast.display.look import dress, line_colours
from softreg_fast.display.rule_marks import Rule, draw_rules, headroom
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.options.choices import Against
from softreg_fast.options.types import Vector
from softreg_fast.paths.result import Path

AXES = {
    "alpha": WEAKER["alpha"],
    "l1": "L1 norm of the coefficients",
    "deviance": "deviance explained",
}

# Coefficients larger than this many times the largest of a marked model are cut off.
MOST_OF_MARKED = 4.0

# Coefficients with a colour and a name; more are named, without a colour, if all have room.
MOST_COLOURS = 8

# The same axis, the vertical one and that along the top where groups of several features are drawn.
OF_GROUPS = ("sum of the norms of groups", "coefficient, or norm of a group", "nonzero groups")


class PathDisplay:
    """Plot of the coefficients along a path, with the number of nonzeros along the top.

    Under a penalty of groups each group of several features is one line, the norm of its
    coefficients; a feature that is a group by itself keeps its coefficient.

    With several classes or tasks there is a plot for each, with the same colours and the same
    vertical axis. The attributes of the plot are then lists with an entry for each.

    Of a search the choices of the rules "min" and "1se" are marked.

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
    names_ : list of str
        Names of these features, in the order of the lines.
    labelled_ : list of Line2D
        Lines of the largest coefficients.
    text_ : list of Text
        Names beside the labelled lines.
    rules_ : list of Text
        What stands beside the vertical lines of marked alphas.

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
        self._choices: dict[str, int] = {}
        self._rule = ""

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
            n_labels : int or None, default=None
                Number of coefficients with colour and name, those largest at the end of the path.
                None: 8, and the names of all others where there is room for them.
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
        fits = path.path if isinstance(path, CVPath) else path
        if not isinstance(fits, Path):
            raise TypeError(f"path must be a Path or a CVPath, got {type(path).__name__}.")
        self = cls(fits)
        if isinstance(path, CVPath):
            self._choices, self._rule = choices_of(path), path.rule
        return self.plot(**options)

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
            n_labels : int or None, default=None
                Number of coefficients with colour and name, those largest at the end of the path.
                None: 8, and the names of all others where there is room for them.
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
            n_labels : int or None, default=None
                Number of coefficients with colour and name, those largest at the end of the path.
                None: 8, and the names of all others where there is room for them.
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
        self._choices, self._rule = {}, ""
        return self.plot(**options)

    def plot(
        self,
        ax: Any = None,
        *,
        against: Against = "alpha",
        n_labels: int | None = None,
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
        n_labels : int or None, default=None
            Number of coefficients with colour and name, those largest at the end of the path. None:
            8, and the names of all others where there is room for them.
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
        if n_labels is not None:
            check_n_labels(n_labels)
        if mark is not None and not -n_alphas <= mark < n_alphas:
            raise ValueError(f"mark must be an index of the {n_alphas} alphas, got {mark!r}.")
        x = shown.positions(against)
        at = -1 if mark is None else mark
        drawn, self.figure_ = panels(ax, n_outputs, sharey=True)
        for each in drawn:
            dress(each, keep=("top",))
        chosen = [
            shown.largest(k, at, _n_named(each, shown.values[k], at, n_labels), mark is not None)
            for k, each in enumerate(drawn)
        ]
        parts = self._draw_lines(drawn, x, chosen, against, output)
        if mark is not None:
            for each in drawn:
                _keep_scale(each, shown.values[:, :, mark])
        rules = self._rules(x, mark)
        row = _frame(drawn, x, against, bool(rules))
        above = OF_GROUPS[2:] if shown.grouped else ()
        tops = [
            show_nonzeros(each, x, np.count_nonzero(W, axis=0), *above)
            for each, W in zip(drawn, shown.values, strict=True)
        ]
        texts = [
            label_ends(each, lines, [shown.names[j] for j in js])
            for each, (_, _, lines), js in zip(drawn, parts, chosen, strict=True)
        ]
        marks = [draw_rules(each, rules, row) for each in drawn]
        others = [[shown.names[j] for j in rest] for rest, _, _ in parts]
        behind, lines = ([each[k] for each in parts] for k in (1, 2))
        found: Any = (drawn, tops, behind, lines, texts, marks, others)
        found = tuple(each[0] if n_outputs == 1 else each for each in found)
        self.ax_, self.top_ax_, self.lines_, self.labelled_, self.text_ = found[:5]
        self.rules_, self.names_ = found[5:]
        return self

    def _draw_lines(
        self, drawn: list[Any], x: Vector, chosen: list[list[int]], against: str, output: int | None
    ) -> list[tuple[list[int], Any, list[Any]]]:
        # for each of the Axes the other features, their lines, and the lines of the chosen ones
        shown = self._coefficients.only(output)
        colours = _colours(chosen, line_colours(drawn[0]), drawn[0].xaxis.label.get_color())
        parts = []
        for k, ax in enumerate(drawn):
            parts.append(_lines(ax, x, shown.values[k], chosen[k], colours))
            ax.axhline(0.0, color=ax.xaxis.label.get_color(), linewidth=0.6)
            ax.margins(x=0.0)
            ax.autoscale_view()
            of_l1 = OF_GROUPS[0] if shown.grouped and against == "l1" else AXES[against]
            ax.set_xlabel(of_l1)
            if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
                ax.set_ylabel(OF_GROUPS[1] if shown.grouped else "coefficient")
            ax.set_title(drawn_name(shown.outputs[k]), parse_math=False)
        return parts

    def _rules(self, x: Vector, mark: int | None) -> list[Rule]:
        # the choices, with a broken line for the marked one, or else for that of the search; a
        # marked alpha that is no choice is named by its value
        alphas = self._coefficients.alphas
        k = self._choices.get(self._rule) if mark is None else mark % len(alphas)
        styles = {j: "--" if j == k else ":" for j in self._choices.values()}
        rules = [Rule(float(x[j]), name, styles[j]) for name, j in self._choices.items()]
        if k is not None and k not in styles:
            rules.append(Rule(float(x[k]), f"alpha {alphas[k]:.3g}", "--"))
        return rules


def _frame(drawn: list[Any], x: Vector, against: str, has_rules: bool) -> float:
    # the scales, with room for the names of rules, of which the height is returned
    top, row = max(ax.get_ylim()[1] for ax in drawn), 0.0
    for ax in drawn:
        if against == "alpha":
            falling_alphas(ax, x)
        if has_rules and ax.get_ylim()[1] <= top:  # otherwise it shares a scale with another
            row = headroom(ax, 1)
    return row


def _n_named(ax: Any, W: NDArray[np.float64], at: int, n_labels: int | None) -> int:
    # of those that are nonzero all, if their names have room
    if n_labels is not None:
        return n_labels
    wanted = int(np.count_nonzero(W[:, at])) if W.shape[1] else 0
    if wanted <= MOST_COLOURS:
        return max(wanted, MOST_COLOURS)
    low, high = ax.get_ylim()
    room = int((high - low) / height_of_a_label(ax, settled=False))
    return wanted if wanted <= room else MOST_COLOURS


def _lines(
    ax: Any, x: Vector, W: NDArray[np.float64], chosen: list[int], colours: dict[int, Any]
) -> tuple[list[int], Any, list[Any]]:
    # other features, their lines, and the lines of the chosen ones in their colours
    rest = np.setdiff1d(np.arange(len(W)), chosen)
    background = background_lines(ax, x, W[rest])
    ink = ax.xaxis.label.get_color()
    lines = []
    for j in chosen:
        width = 0.9 if colours[j] == ink else 1.6
        lines.append(ax.plot(x, W[j], linewidth=width, color=colours[j])[0])
    return rest.tolist(), background, lines


def _keep_scale(ax: Any, marked: NDArray[np.float64]) -> None:
    # coefficients far beyond those of the marked model would make these a flat line
    low, high = ax.get_ylim()
    reach = MOST_OF_MARKED * float(np.abs(marked).max(initial=0.0))
    if reach:
        ax.set_ylim(max(low, -reach), min(high, reach))


def _colours(chosen: list[list[int]], cycle: list[Any], ink: Any) -> dict[int, Any]:
    # a colour for each feature that any panel names, the same in all of them; in a single one the
    # ink for those that have none of their own
    features = dict.fromkeys(j for each in chosen for j in each)
    if len(chosen) == 1:
        cycle = cycle[:MOST_COLOURS] + [ink] * max(len(features) - MOST_COLOURS, 0)
    return {j: cycle[k % len(cycle)] for k, j in enumerate(features)}
