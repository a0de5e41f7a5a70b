"""CVPath: the result of a search over alphas, and the model it chooses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.model_selection.chosen import Chosen
from softreg_fast.model_selection.search import best_of, mean_over
from softreg_fast.options.cells import Cell, Picture, in_digits
from softreg_fast.options.types import Vector
from softreg_fast.paths.cells import ends_of, facts_of
from softreg_fast.paths.kept import Kept
from softreg_fast.paths.result import Path

# Advice where the last alpha of a grid is the best, by the reason why the grid ended.
ADVICE = {
    "eps": "Let the grid go further: eps='auto', the default of cv_path and of fit --cv, goes on "
    "while the error falls. Columns of very different scales are better standardized.",
    "given": "Give smaller alphas too, or none for a grid that goes on while the error falls. "
    "Columns of very different scales are better standardized.",
    "floor": "The grid has gone on as far as it may, or as fits converge: try alpha=0, least "
    "squares. Columns of very different scales are better standardized.",
}


@dataclass(frozen=True, eq=False, repr=False)
class CVPath(Kept, Chosen):
    """Paths on all samples and on the training samples of every fold, and the errors on the rest.

    What `cv_path` returns, and the estimators that choose alpha keep as `cv_path_`.

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas)
        Falling alphas of each l1_ratio, as far as the longest grid of any l1_ratio.
    l1_ratios : ndarray (n_l1_ratios,)
        Shares of the L1 penalty.
    gammas : ndarray (n_gammas,)
        Falling blends from `relax`: the share of the Lasso in the fits; only 1 without `relax`.
    errors_by_gamma : ndarray (n_gammas, n_l1_ratios, n_alphas, n_folds)
        The measure on the test samples of each fold, weighted by sample_weight: the mean squared
        error, for other losses the mean deviance, or what was asked for; minus that where more of
        it is better, as for scores; with `criterion`, its value, as for a single fold. NaN where
        the grid of an l1_ratio ended earlier.
    path : Path
        Fit to all samples, at the gamma and l1_ratio with the smallest mean error.
    fold_paths : list of Path
        Fits to the training samples of each fold, at the same gamma and l1_ratio; empty with
        `criterion`.
    predictions : ndarray (n_samples,) or (n_samples, n_tasks)
        Out-of-fold predictions at the chosen alpha, by the model that was not trained on the
        sample; their mean where several were not, NaN where none was.
    measure : str
        Name of the quantity in `errors`; "-auc" and the like are minus what they name.
    rule : {"min", "1se"}
        Rule by which `alpha` is chosen, as in `cv_path`.
    seconds : float
        Wall time, data checks included.
    fold_weights : ndarray (n_folds,) or None
        Weight of each fold in the mean errors; None: all equal.
    noise_variance : float or None
        Noise variance, or dispersion, of the criterion.
    end : {"eps", "given", "turned", "settled", "floor", "watcher"}
        Reason why the grid of the best l1_ratio ended: "eps" reached; the alphas "given" used up;
        with eps="auto" the errors do not fall any more ("turned"), hardly change ("settled"), or
        the grid reached its lower limit or a fit that did not converge ("floor"); stopped by a
        "watcher".
    penalties : tuple or None
        The penalties that were given as a list, which take the place of the l1_ratios; None: there
        was no list.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import cv_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> found = cv_path(X, y)
    >>> found.alpha == float(found.path.alphas[found.index_min])
    True
    >>> found.path.df[[found.index_min, found.index_1se]]
    array([8, 5])
    """

    alphas: NDArray[np.float64]
    l1_ratios: Vector
    gammas: Vector
    errors_by_gamma: NDArray[np.float64]
    path: Path
    fold_paths: list[Path]
    predictions: Vector
    measure: str
    rule: str
    seconds: float
    fold_weights: Vector | None = None
    noise_variance: float | None = None
    end: str = "eps"
    penalties: tuple[Any, ...] | None = None

    @cached_property
    def _best(self) -> tuple[int, int, int]:
        return best_of(self.errors_by_gamma, self.fold_weights)

    @property
    def gamma(self) -> float:
        """Gamma with the smallest mean error: 1 is the Lasso, 0 its fully relaxed form."""
        return float(self.gammas[self._best[0]])

    @property
    def errors(self) -> NDArray[np.float64]:
        """errors_by_gamma at the best gamma, (n_l1_ratios, n_alphas, n_folds)."""
        return np.asarray(self.errors_by_gamma[self._best[0]])

    @property
    def mean_errors(self) -> NDArray[np.float64]:
        """Mean of `errors` over the folds, (n_l1_ratios, n_alphas)."""
        return mean_over(self.errors, self.fold_weights)

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard error of the mean errors, 0 with one fold; (n_l1_ratios, n_alphas).

        The root of the (weighted) mean of (error - mean)^2 over n_folds - 1.
        """
        errors = self.errors
        n_folds = errors.shape[-1]
        if n_folds == 1:
            return np.zeros(errors.shape[:-1])
        off = errors - self.mean_errors[..., np.newaxis]
        return np.asarray(np.sqrt(mean_over(off**2, self.fold_weights) / (n_folds - 1)))

    @property
    def best_ratio(self) -> int:
        """Index of the l1_ratio with the smallest mean error."""
        return self._best[1]

    @property
    def curve(self) -> tuple[Vector, Vector]:
        """Mean error and its standard error along `path`, each (n_alphas,)."""
        part = self.best_ratio, slice(len(self.path))
        return self.mean_errors[part], self.standard_errors[part]

    @property
    def shown(self) -> tuple[str, float]:
        """Name of the measure as people know it, and the sign that makes errors of its values."""
        if self.measure.startswith("-neg_"):
            return self.measure.removeprefix("-neg_"), 1.0
        return self.measure.removeprefix("-"), -1.0 if self.measure.startswith("-") else 1.0

    @property
    def index_min(self) -> int:
        """Index of the alpha with the smallest mean error."""
        return self._best[2]

    @property
    def index_1se(self) -> int:
        """Index of the largest alpha whose mean error is within one standard error of that."""
        mean, spread = self.curve
        k = self.index_min
        return int(np.argmax(mean <= mean[k] + spread[k]))

    @property
    def index(self) -> int:
        """Index of the alpha that the rule chooses."""
        return self.index_min if self.rule == "min" else self.index_1se

    @property
    def is_at_end(self) -> bool:
        """Return whether the last of several alphas is the best and smaller ones may be better."""
        last = 1 < len(self.path) == self.index_min + 1 and self.path.alphas[-1] > 0.0
        return bool(last) and self.end not in ("settled", "watcher")

    @property
    def note(self) -> str:
        """Note on a smallest error at an end of the grid; empty if it is inside."""
        if len(self.path) > 1 and self.index_min == 0:
            return "The first alpha has the smallest error: no smaller one of the path does better."
        if self.is_at_end:
            return (
                f"The last alpha of the grid, {self.path.alphas[-1]:.6g}, has the smallest error: "
                f"smaller ones may be better. {ADVICE[self.end]}"
            )
        if 1 < len(self.path) == self.index_min + 1 and self.end == "settled":
            return (
                "The last alpha has the smallest error, but the errors have come to rest: smaller "
                "alphas, down to least squares, make hardly any difference."
            )
        return ""

    @property
    def alpha(self) -> float:
        """Alpha that the rule chooses."""
        return float(self.path.alphas[self.index])

    @property
    def certificate(self) -> str:
        """Meaning of the gaps of `path` and `fold_paths`, as in `Path`."""
        return self.path.certificate

    @property
    def l1_ratio(self) -> float:
        """The l1_ratio with the smallest mean error."""
        return float(self.l1_ratios[self.best_ratio])

    @property
    def penalty(self) -> Any:
        """The penalty with the smallest mean error, of those given as a list; None: no list."""
        return None if self.penalties is None else self.penalties[self.best_ratio]

    def plot(self, ax: Any = None) -> Any:
        """Draw the mean errors along the path, as `CVPathDisplay.from_path` does.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.

        Returns
        -------
        CVPathDisplay
            `path.plot()` draws the coefficients.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        from softreg_fast.display.cv_path_display import CVPathDisplay  # which draws this class

        return CVPathDisplay.from_path(self, ax=ax)

    def to_frame(self) -> Any:
        """Return a table with a row for each alpha of `path`.

        Returns
        -------
        pandas DataFrame
            alpha, df, dev_ratio, gap and converged, as of a Path; mean_error and standard_error, as
            in `curve`; and the rules that choose the alpha.

        Raises
        ------
        ImportError
            Without pandas.
        """
        frame, (mean, spread) = self.path.to_frame(), self.curve
        chosen = {"min": self.index_min, "1se": self.index_1se}
        rules = [", ".join(r for r, at in chosen.items() if at == k) for k in range(len(mean))]
        return frame.assign(mean_error=mean, standard_error=spread, rule=rules)

    def _cell(self) -> Cell:
        (mean, spread), (measure, sign) = self.curve, self.shown
        marks = {"min": self.index_min, "1se": self.index_1se}
        rows = [
            [
                rule,
                f"{self.path.alphas[k]:.4g}",
                in_digits(sign * mean[k], 5),
                in_digits(spread[k], 3),
                str(self.path.df[k]),
            ]
            for rule, k in marks.items()
        ]
        by = f"{self.errors.shape[-1]} folds" if self.fold_paths else self.measure
        facts = [*facts_of(self.path), ("chosen by", f"{by}, rule {self.rule}")]
        picture = Picture(
            f"{measure} along the path",
            [(measure, sign * mean)],
            [],
            ends_of(self.path.alphas),
            (sign * mean - spread, sign * mean + spread),
            list(marks.items()),
        )
        header = ["rule", "alpha", measure, "\u00b1 SE", "nonzero"]
        return Cell("CVPath", facts, header, rows, picture, self.note)

    def __repr__(self) -> str:
        _, n_ratios, n_alphas, n_folds = self.errors_by_gamma.shape
        several = "l1_ratios" if self.penalties is None else "penalties"
        ratios = f"{n_ratios} {several} x " if n_ratios > 1 else ""
        folds, by = f" x {n_folds} folds", f"rule {self.rule!r}"
        if not self.fold_paths:
            folds, by = "", self.measure
        return (
            f"CVPath({ratios}{n_alphas} alphas{folds}, alpha={self.alpha:.6g} by {by}, "
            f"{self.path.df[self.index]} nonzero, {self.seconds:.3g} s)"
        )

    def __str__(self) -> str:
        mean, spread = self.curve
        measure, sign = self.shown
        ratio = f", l1_ratio {self.l1_ratio:g}" if len(self.l1_ratios) > 1 else ""
        if self.penalties is not None:
            ratio = f", penalty {self.penalty!r}"
        gamma = f", gamma {self.gamma:g}" if len(self.gammas) > 1 else ""
        noise = ""
        if self.noise_variance is not None:
            noise = f", noise variance {self.noise_variance:.6g}"
        lines = [
            repr(self),
            f"measure: {measure}{noise}{ratio}{gamma}",
            f"{'':>4} {'alpha':>12} {'index':>6} {'measure':>12} {'SE':>10} {'nonzero':>8}",
        ]
        for name, k in (("min", self.index_min), ("1se", self.index_1se)):
            lines.append(
                f"{name:>4} {self.path.alphas[k]:>12.6g} {k:>6} {sign * mean[k]:>12.6g} "
                f"{spread[k]:>10.4g} {self.path.df[k]:>8}"
            )
        return "\n".join([*lines, self.note] if self.note else lines)
