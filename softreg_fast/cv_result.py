"""CVPath: what a search over alphas found, and which model it chooses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.result import Path
from softreg_fast.search import best_of, mean_over

Vector = NDArray[np.float64]

# What to do where the last alpha of a grid is the best, by what ended the grid.
ADVICE = {
    "eps": "Let the grid go further: eps='auto', the default of cv_path and of fit --cv, goes on "
    "while the error falls. Columns of very different scales are better standardized.",
    "given": "Give smaller alphas too, or none for a grid that goes on while the error falls. "
    "Columns of very different scales are better standardized.",
    "floor": "The grid has gone on as far as it may, or as fits converge: try alpha=0, least "
    "squares. Columns of very different scales are better standardized.",
}


@dataclass(frozen=True, eq=False, repr=False)
class CVPath:
    """Paths on all samples and on the training samples of every fold, and the errors on the rest.

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas), falling
        As far as any l1_ratio was followed.
    l1_ratios : ndarray (n_l1_ratios,)
    gammas : ndarray (n_gammas,), falling
        What `relax` asked for: how much of the Lasso is in the fits; 1 alone without.
    errors_by_gamma : ndarray (n_gammas, n_l1_ratios, n_alphas, n_folds)
        Mean squared error on the test samples of each fold, weighted by sample_weight; with
        `scoring`, minus the score. With `criterion` its value, as that of one fold. NaN where an
        l1_ratio was not followed so far.
    path : Path
        All samples, at the gamma and l1_ratio with the smallest mean error.
    fold_paths : list of Path
        The training samples of each fold, at the same; empty with `criterion`.
    predictions : ndarray (n_samples,) or (n_samples, n_tasks)
        Out of fold, at the chosen alpha: the prediction by the model that was not trained with the
        sample, the mean where several were not, NaN where none was.
    measure : str
        What `errors` are.
    rule : {"min", "1se"}
    seconds : float
        Wall time, data checks included.
    fold_weights : ndarray (n_folds,) or None
        What each fold counts in the mean errors; None: all the same.
    noise_variance : float or None
        That of the criterion.
    end : {"eps", "given", "turned", "settled", "floor", "watcher"}
        What ended the grid of the best l1_ratio: eps; the alphas given; with eps="auto" that the
        errors do not fall any more, that they hardly do, or that a grid may go no further or a fit
        there did not converge; a watcher.
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

    @cached_property
    def _best(self) -> tuple[int, int, int]:
        return best_of(self.errors_by_gamma, self.fold_weights)

    @property
    def gamma(self) -> float:
        """The gamma with the smallest mean error: 1 is the Lasso, 0 its fully relaxed form."""
        return float(self.gammas[self._best[0]])

    @property
    def errors(self) -> NDArray[np.float64]:
        """errors_by_gamma at that gamma, (n_l1_ratios, n_alphas, n_folds)."""
        return np.asarray(self.errors_by_gamma[self._best[0]])

    @property
    def mean_errors(self) -> NDArray[np.float64]:
        """Mean of `errors` over the folds, (n_l1_ratios, n_alphas)."""
        return mean_over(self.errors, self.fold_weights)

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard error of that mean, 0 with one fold; (n_l1_ratios, n_alphas).

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
        """Whether the smallest mean error is that of the last alpha of several, and smaller alphas
        may be better."""
        last = 1 < len(self.path) == self.index_min + 1 and self.path.alphas[-1] > 0.0
        return bool(last) and self.end not in ("settled", "watcher")

    @property
    def note(self) -> str:
        """What is to be said of a smallest error at an end of the grid; empty inside."""
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
        """The alpha that the rule chooses."""
        return float(self.path.alphas[self.index])

    @property
    def l1_ratio(self) -> float:
        """The l1_ratio with the smallest mean error."""
        return float(self.l1_ratios[self.best_ratio])

    def predict(self, X: Any) -> Vector:
        """Predictions of the chosen model, fitted to all samples, (n_samples,)."""
        return self.path[self.index].predict(X)

    def __repr__(self) -> str:
        _, n_ratios, n_alphas, n_folds = self.errors_by_gamma.shape
        ratios = f"{n_ratios} l1_ratios x " if n_ratios > 1 else ""
        folds, by = f" x {n_folds} folds", f"rule {self.rule!r}"
        if self.noise_variance is not None:
            folds, by = "", self.measure
        return (
            f"CVPath({ratios}{n_alphas} alphas{folds}, alpha={self.alpha:.6g} by {by}, "
            f"{self.path.df[self.index]} nonzero, {self.seconds:.3g} s)"
        )

    def __str__(self) -> str:
        mean, spread = self.curve
        ratio = f", l1_ratio {self.l1_ratio:g}" if len(self.l1_ratios) > 1 else ""
        gamma = f", gamma {self.gamma:g}" if len(self.gammas) > 1 else ""
        noise = ""
        if self.noise_variance is not None:
            noise = f", noise variance {self.noise_variance:.6g}"
        lines = [
            repr(self),
            f"measure: {self.measure}{noise}{ratio}{gamma}",
            f"{'':>4} {'alpha':>12} {'index':>6} {'measure':>12} {'SE':>10} {'nonzero':>8}",
        ]
        for name, k in (("min", self.index_min), ("1se", self.index_1se)):
            lines.append(
                f"{name:>4} {self.path.alphas[k]:>12.6g} {k:>6} {mean[k]:>12.6g} "
                f"{spread[k]:>10.4g} {self.path.df[k]:>8}"
            )
        return "\n".join([*lines, self.note] if self.note else lines)
