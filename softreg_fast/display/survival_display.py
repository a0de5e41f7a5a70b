"""Survival curves of groups of samples by their predicted risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.display.checks import given_weights, numbers
from softreg_fast.display.class_plots import NORMAL
from softreg_fast.display.look import dress
from softreg_fast.options.axes import axes
from softreg_fast.options.scalars import check_count
from softreg_fast.options.types import Vector

if TYPE_CHECKING:
    from softreg_fast.display.outcomes import Outcomes

# Names of two and of three groups.
LEVELS = {2: ("low risk", "high risk"), 3: ("low risk", "middle risk", "high risk")}


class SurvivalCurve(NamedTuple):
    """Kaplan-Meier estimate of a survival function, constant between the times of events.

    name : name of the group
    times : ndarray (n_times,), the different times of events, rising
    survival : ndarray (n_times,), the estimate from each time on
    lower, upper : ndarray (n_times,), bounds of its 95 % interval
    entry, exit : ndarray (n_samples,), times between which samples are at risk
    weight : ndarray (n_samples,)
    """

    name: str
    times: Vector
    survival: Vector
    lower: Vector
    upper: Vector
    entry: Vector
    exit: Vector
    weight: Vector

    def at_risk(self, times: ArrayLike) -> Vector:
        """Return the weights of the samples at risk just before some times, (n_times,)."""
        return weight_at_risk(self.entry, self.exit, self.weight, np.asarray(times, np.float64))

    def at(self, times: ArrayLike) -> Vector:
        """Return the survival at some times, (n_times,)."""
        place = np.searchsorted(self.times, np.asarray(times, np.float64), side="right")
        return np.append(1.0, self.survival)[place]


def survival_by_risk_group(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    n_groups: int = 3,
    *,
    start: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> list[SurvivalCurve]:
    """Return the Kaplan-Meier estimates of groups of samples by their predicted risk.

    Groups are of equal size, as far as samples of equal risk, which stay together, allow it. The
    95 % intervals are Greenwood's, on the scale of log(-log(survival)).

    Parameters
    ----------
    time : array-like (n_samples,)
        Time of the event, or up to which there was none.
    event : array-like (n_samples,)
        Whether the event happened at that time: true or 1; otherwise the time is censored.
    risk : array-like (n_samples,)
        Predicted risk, larger for earlier events, such as the linear predictor of a Cox model; best
        by a model that was not fitted to the sample.
    n_groups : int, default=3
        Number of groups.
    start : array-like (n_samples,) or None, default=None
        Time from which the sample was observed (left truncation). None: from the beginning.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights of the samples. None: all equal.

    Returns
    -------
    list of SurvivalCurve
        Named tuples with name, times, survival, lower and upper, the lowest risk first.

    Raises
    ------
    ValueError, TypeError
        For arrays of different lengths, numbers that are not finite, events other than 0 and 1, and
        times that do not exceed their start.

    References
    ----------
    Kaplan, Meier (1958), "Nonparametric estimation from incomplete observations", J. Amer. Statist.
    Assoc. 53. Kalbfleisch, Prentice (2002), "The Statistical Analysis of Failure Time Data", for
    the intervals.

    Examples
    --------
    >>> from softreg_fast import survival_by_risk_group
    >>> low, high = survival_by_risk_group([5, 3, 4, 1], [0, 1, 1, 1], [0.1, 0.2, 0.9, 1.2], 2)
    >>> low.times, low.survival
    (array([3.]), array([0.5]))
    >>> high.times, high.survival
    (array([1., 4.]), array([0.5, 0. ]))
    """
    n_groups = check_count("n_groups", n_groups)
    given = {"time": time, "event": event, "risk": risk, "start": start}
    n = len(np.asarray(time))
    exit_, happened, score, entry = (
        np.full(n, -np.inf) if values is None else numbers(name, values, n)
        for name, values in given.items()
    )
    if not np.isin(happened, (0.0, 1.0)).all():
        bad = happened[~np.isin(happened, (0.0, 1.0))][0]
        raise ValueError(f"event must be 0 or 1 (false or true) for each sample, got {bad:g}.")
    if (k := int(np.argmax(exit_ <= entry))) or exit_[0] <= entry[0]:
        raise ValueError(
            f"time must exceed start, but time[{k}] is {exit_[k]:g} and start[{k}] {entry[k]:g}."
        )
    weight = given_weights(sample_weight, n)
    weight = np.ones(n) if weight is None else weight
    group = np.minimum((_ranks(score, weight) * n_groups).astype(int), n_groups - 1)
    curves = []
    for k, name in enumerate(LEVELS.get(n_groups) or _numbered(n_groups)):
        rows = (group == k) & (weight > 0.0)
        if rows.any():
            found = kaplan_meier(entry[rows], exit_[rows], happened[rows] == 1.0, weight[rows])
            curves.append(SurvivalCurve(name, *found, entry[rows], exit_[rows], weight[rows]))
    return curves


def kaplan_meier(
    entry: Vector, exit_: Vector, happened: Any, weight: Vector
) -> tuple[Vector, Vector, Vector, Vector]:
    """Return the times of events, the estimate from each on, and the bounds of its interval."""
    times, place = np.unique(exit_[happened], return_inverse=True)
    died = np.bincount(place, weight[happened], minlength=len(times))
    at_risk = weight_at_risk(entry, exit_, weight, times)
    survivors = np.maximum(at_risk - died, 0.0)
    survivors[survivors <= 1e-12 * at_risk] = 0.0  # rounding of the sums
    survival = np.asarray(np.cumprod(survivors / at_risk), np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(died / (at_risk * survivors))  # of the logarithm of the survival
        half = NORMAL * np.sqrt(variance) / np.abs(np.log(survival))
        lower, upper = survival ** np.exp(half), survival ** np.exp(-half)
    known = (survival > 0.0) & (survival < 1.0)
    low, high = (np.asarray(np.where(known, each, survival)) for each in (lower, upper))
    return np.asarray(times), survival, low, high


def weight_at_risk(entry: Vector, exit_: Vector, weight: Vector, times: Vector) -> Vector:
    """Return the weights of samples that have entered before some times and not left before."""

    def up_to(moments: Vector) -> Vector:  # the weights of those whose moment is before each time
        order = np.argsort(moments, kind="stable")
        sums = np.append(0.0, np.cumsum(weight[order]))
        return sums[np.searchsorted(moments[order], times, side="left")]

    return up_to(entry) - up_to(exit_)


def _ranks(score: Vector, weight: Vector) -> Vector:
    # the share of the weight below each score, and half of that beside it
    _, place = np.unique(score, return_inverse=True)
    beside = np.bincount(place, weight)
    return np.asarray(((np.cumsum(beside) - 0.5 * beside) / beside.sum())[place])


class SurvivalDisplay:
    """Plot of survival curves of groups by predicted risk, with the numbers at risk below.

    Parameters
    ----------
    curves : list of SurvivalCurve
        As `survival_by_risk_group` returns them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure of the plot.
    lines_ : list of Line2D
        The curves, in the order of `curves`.

    Examples
    --------
    >>> from softreg_fast import SurvivalDisplay
    >>> time, event, risk = [5, 3, 4, 1], [0, 1, 1, 1], [0.1, 0.2, 0.9, 1.2]
    >>> picture = SurvivalDisplay.from_predictions(
    ...     time, event, risk, n_groups=2
    ... )  # doctest: +SKIP
    """

    def __init__(self, curves: list[SurvivalCurve]) -> None:
        self.curves = curves

    @classmethod
    def from_predictions(
        cls,
        time: ArrayLike,
        event: ArrayLike,
        risk: ArrayLike,
        n_groups: int = 3,
        *,
        start: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **options: Any,
    ) -> Self:
        """Draw the survival of groups of samples by their predicted risk.

        Parameters
        ----------
        time : array-like (n_samples,)
            Time of the event, or up to which there was none.
        event : array-like (n_samples,)
            Whether the event happened at that time: true or 1; otherwise the time is censored.
        risk : array-like (n_samples,)
            Predicted risk, larger for earlier events, such as the linear predictor of a Cox model;
            best by a model that was not fitted to the sample.
        n_groups : int, default=3
            Number of groups.
        start : array-like (n_samples,) or None, default=None
            Time from which the sample was observed (left truncation). None: from the beginning.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights of the samples. None: all equal.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.
            intervals : bool, default=True
                Whether to shade 95 % intervals.
            at_risk : bool, default=True
                Whether to write the numbers of samples at risk below the axis.

        Returns
        -------
        SurvivalDisplay

        Raises
        ------
        ValueError, TypeError
            As `survival_by_risk_group`.
        """
        options_of_groups = {"start": start, "sample_weight": sample_weight}
        curves = survival_by_risk_group(time, event, risk, n_groups, **options_of_groups)
        return cls(curves).plot(**options)

    def plot(self, ax: Any = None, *, intervals: bool = True, at_risk: bool = True) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        intervals : bool, default=True
            Whether to shade 95 % intervals.
        at_risk : bool, default=True
            Whether to write the numbers of samples at risk below the axis.

        Returns
        -------
        SurvivalDisplay
            Itself, with the attributes of the plot.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_, self.figure_ = axes(ax)
        ax, self.lines_ = self.ax_, []
        dress(ax)
        last = max(float(curve.exit.max()) for curve in self.curves)
        for curve, style in zip(self.curves, _styles(len(self.curves)), strict=True):
            end = float(curve.exit.max())
            x = np.concatenate([[0.0], curve.times, [end]])
            steps = {
                name: np.concatenate([[1.0], values, values[-1:] if len(values) else [1.0]])
                for name, values in zip(("middle", "low", "high"), curve[2:5], strict=True)
            }
            options: Any = {"where": "post", "linewidth": 1.6, "linestyle": style}
            (line,) = ax.step(x, steps["middle"], label=curve.name, **options)
            self.lines_.append(line)
            if intervals:
                shade: Any = {"step": "post", "alpha": 0.15, "linewidth": 0.0}
                ax.fill_between(x, steps["low"], steps["high"], color=line.get_color(), **shade)
        ax.set(xlim=(0.0, 1.02 * last), ylim=(0.0, 1.02))
        ax.set_xlabel("time")
        ax.set_ylabel("survival")
        ax.legend(fontsize="small", loc="best", frameon=False)
        if at_risk:
            self._write_numbers_at_risk(last)
        return self

    def _write_numbers_at_risk(self, last: float) -> None:
        # below the label of the axis, a row for each group
        from matplotlib.ticker import MaxNLocator

        ax = self.ax_
        places = [t for t in MaxNLocator(5).tick_values(0.0, last) if 0.0 <= t <= last]
        ax.set_xticks(places)
        options: Any = {"fontsize": "small", "textcoords": "offset points", "va": "top"}
        placed = ax.get_xaxis_transform()
        for row, (curve, line) in enumerate(zip(self.curves, self.lines_, strict=True)):
            down = -38.0 - 13.0 * row
            # just after a start at 0 all that start there are at risk
            counts = curve.at_risk(np.maximum(places, np.nextafter(0.0, 1.0)))
            for place, count in zip(places, counts, strict=True):
                text = {"xy": (place, 0.0), "xycoords": placed, "xytext": (0.0, down)}
                ax.annotate(f"{count:.6g}", ha="center", color=line.get_color(), **text, **options)
        text = {"xy": (0.0, 0.0), "xycoords": placed, "xytext": (-28.0, -38.0)}
        ax.annotate("at risk", ha="right", **text, **options)


def draw_survival(outcomes: Outcomes, ax: Any) -> SurvivalDisplay:
    """Draw the survival of the samples in three groups by their predicted risk."""
    entry, end, event = outcomes.y[:, :3].T
    start = None if np.isneginf(entry).all() else entry
    options = {"start": start, "sample_weight": outcomes.weight, "ax": ax}
    return SurvivalDisplay.from_predictions(end, event, outcomes.predicted, **options)


SURVIVAL_PLOTS = {"survival": draw_survival}


def _styles(n_lines: int) -> list[Any]:
    # lines differ in more than their colours
    styles: list[Any] = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
    return [styles[k % len(styles)] for k in range(n_lines)]


def _numbered(n_groups: int) -> list[str]:
    return [f"group {k} of {n_groups}" for k in range(1, n_groups + 1)]
