"""Plot of the measure by which cross-validation chooses a strength."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from softreg_fast.display.drawing import (
    WEAKER,
    falling_alphas,
    logarithmic,
    show_nonzeros,
)
from softreg_fast.display.look import dress
from softreg_fast.display.rule_marks import Rule, draw_rules, headroom
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.scoring import name_of
from softreg_fast.options.axes import axes
from softreg_fast.options.types import Vector

# Measures with other names for people.
IN_WORDS = {"auc": "AUC", "roc_auc": "AUC"}

# Standard errors of more strengths than these are a band instead of bars.
MOST_BARS = 15

SQUARES = "mean squared error"  # the measure of which there is a root


class Curve(NamedTuple):
    """A measure along strengths.

    strengths : ndarray (n_strengths,)
    kind : {"alpha", "C"}
    mean, spread : ndarray (n_strengths,)
        Its means over the folds and their standard errors.
    measure : str
    sign : float
        1 where less of the measure is better, -1 where more is.
    df : ndarray (n_strengths,)
        Numbers of nonzero coefficients; of C the means over the folds.
    chosen : dict of str to int
        Indices of the choices of rules.
    """

    strengths: Vector
    kind: str
    mean: Vector
    spread: Vector
    measure: str
    sign: float
    df: NDArray[Any]
    chosen: dict[str, int]

    @property
    def limit(self) -> float:
        """Worst mean within one standard error of the best one."""
        best = self.chosen["min"]
        return float(self.mean[best] + self.sign * self.spread[best])

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """One standard error below and above the means."""
        return self.mean - self.spread, self.mean + self.spread

    def rooted(self) -> tuple[Vector, tuple[Vector, Vector], float, str]:
        """Return means, bounds, limit and measure as roots of a mean of squares."""
        if self.measure != SQUARES:
            raise ValueError(
                f"root=True draws the root of the {SQUARES}; this search compared models by "
                f"{in_words(self.measure)}. Leave it out."
            )
        low, high = (np.sqrt(np.maximum(each, 0.0)) for each in self.bounds)
        return np.sqrt(self.mean), (low, high), float(np.sqrt(self.limit)), f"root {SQUARES}"


class CVPathDisplay:
    """Plot of the mean error over the folds with its standard error, and of both rules' choices.

    Where more of the measure is better, as of scores, the best is the largest. The horizontal line
    is one standard error from the best mean, as far as the rule "1se" goes. Standard errors of many
    strengths are a band.

    Parameters
    ----------
    cv_path : CVPath or LogisticRegressionCV
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
        Mean errors, of few strengths with their standard errors.
    band_ : PolyCollection or None
        One standard error on both sides of the means of many strengths; None: there are few.
    rules_ : list of Text
        What stands beside the lines of the rules.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import CVPathDisplay, cv_path
    >>> found = cv_path(*load_diabetes(return_X_y=True, as_frame=True))
    >>> picture = CVPathDisplay.from_path(found)  # doctest: +SKIP
    """

    def __init__(self, cv_path: Any) -> None:
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
            root : bool, default=False
                Draw the root of the mean squared error, which has the unit of y.

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
        """Draw the cross-validation of a fitted LassoCV, ElasticNetCV or LogisticRegressionCV.

        Parameters
        ----------
        estimator : LassoCV, ElasticNetCV or LogisticRegressionCV
            Fitted to one target.
        **options
            Parameters of `plot`:

            ax : matplotlib Axes or None, default=None
                Axes to draw into. None: those of a new figure.
            root : bool, default=False
                Draw the root of the mean squared error, which has the unit of y.

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
        check_is_fitted(estimator)
        by_C = hasattr(estimator, "scores_") and hasattr(estimator, "Cs_")
        return cls(estimator if by_C else cv_path_of(estimator)).plot(**options)

    def plot(self, ax: Any = None, *, root: bool = False) -> Self:
        """Draw the error curve into the given Axes or those of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        root : bool, default=False
            Draw the root of the mean squared error, which has the unit of y.

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
        found = self.cv_path
        curve = _of_path(found) if isinstance(found, CVPath) else _of_scores(found)
        mean, bounds, limit, measure = curve.mean, curve.bounds, curve.limit, curve.measure
        if root:
            mean, bounds, limit, measure = curve.rooted()
        self.ax_, self.figure_ = axes(ax)
        ax, x = self.ax_, curve.strengths
        dress(ax, keep=("top",))
        self._draw(x, mean, bounds)
        ax.axhline(limit, color="0.6", linewidth=0.8, zorder=0)
        if curve.kind == "alpha":
            falling_alphas(ax, x)
        elif len(x) > 1:
            logarithmic(ax, float(x.min()), float(x.max()))
        ax.set_xlabel(WEAKER[curve.kind])
        said = in_words(measure)
        ax.set_ylabel(said if curve.sign > 0.0 else f"{said}, more is better")
        n_rows = len(set(curve.chosen.values()))
        row = headroom(ax, n_rows)
        self.top_ax_ = show_nonzeros(ax, x, curve.df)
        rules = []
        for rule, k in curve.chosen.items():
            style = "--" if rule == getattr(found, "rule", "min") else ":"
            number = f"{curve.df[k]:.3g}" if curve.kind == "C" else f"{curve.df[k]}"
            rules.append(Rule(x[k], rule, style, (f"{curve.kind} {x[k]:.4g}", f"{number} nonzero")))
        self.rules_ = draw_rules(ax, rules, row, n_rows)
        return self

    def _draw(self, x: Vector, mean: Vector, bounds: tuple[Vector, Vector]) -> None:
        # the means, and one standard error on both sides
        self.band_ = None
        options: Any = {"fmt": "o-", "markersize": 3, "linewidth": 1.2}
        if len(x) <= MOST_BARS:
            # lists: older versions of matplotlib take an array of one number for a number
            errors = [(mean - bounds[0]).tolist(), (bounds[1] - mean).tolist()]
            options |= {"yerr": errors, "ecolor": "0.6", "capsize": 2}
        else:
            options |= {"fmt": "-", "linewidth": 1.6}
        self.errorbar_ = self.ax_.errorbar(x, mean, **options)
        if len(x) > MOST_BARS:
            colour = self.errorbar_[0].get_color()
            self.band_ = self.ax_.fill_between(x, *bounds, color=colour, alpha=0.2, linewidth=0.0)


def _of_path(found: CVPath) -> Curve:
    (mean, spread), (measure, sign), fits = found.curve, found.shown, found.path
    chosen = choices_of(found)
    return Curve(fits.alphas, "alpha", sign * mean, spread, measure, sign, fits.df, chosen)


def _of_scores(search: Any) -> Curve:
    # of a search over C in the form of scikit-learn, at the l1_ratio that it chose
    Cs, (scores, coefs) = np.asarray(search.Cs_), (search.scores_, search.coefs_paths_)
    if isinstance(scores, dict):  # by class, (n_folds, n_Cs, n_l1_ratios), perhaps without the last
        scores, coefs = (next(iter(each.values())) for each in (scores, coefs))
        scores = scores.reshape(*scores.shape[:2], -1)
        coefs = coefs.reshape(*scores.shape, -1)
    else:
        scores, coefs = np.swapaxes(scores, 1, 2), np.swapaxes(coefs, 1, 2)
        coefs = coefs.reshape(*scores.shape, -1)
    mean = scores.mean(axis=0)
    best, ratio = np.unravel_index(int(np.nanargmax(mean)), mean.shape)
    n_folds = len(scores)
    spread = np.zeros(len(Cs))
    if n_folds > 1:
        spread = scores[..., ratio].std(axis=0, ddof=1) / np.sqrt(n_folds)
    within = mean[:, ratio] >= mean[best, ratio] - spread[best]
    chosen = {"min": int(best), "1se": int(np.argmin(np.where(within, Cs, np.inf)))}
    n_coefs = coefs.shape[-1] - int(search.fit_intercept)
    df = np.count_nonzero(coefs[..., ratio, :n_coefs], axis=-1).mean(axis=0)
    measure = "accuracy" if search.scoring in (None, "warn") else name_of(search.scoring)
    sign = -1.0
    if measure.startswith("neg_"):
        measure, sign, mean = measure.removeprefix("neg_"), 1.0, -mean
    return Curve(Cs, "C", mean[:, ratio], spread, measure, sign, df, chosen)


def choices_of(found: CVPath) -> dict[str, int]:
    """Return the indices of the choices of both rules; of a criterion, that of its minimum."""
    if not found.fold_paths:
        return {"min": found.index_min}
    return {"min": found.index_min, "1se": found.index_1se}


def in_words(measure: str) -> str:
    """Return the name of a measure as people say it."""
    return IN_WORDS.get(measure, measure.replace("_", " "))


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
