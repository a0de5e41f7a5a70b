"""cv_path(): the errors of whole grids on samples left out, and the choice of alpha."""

from __future__ import annotations

import numbers
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.criteria import CRITERIA
from softreg_fast.design import Design
from softreg_fast.engines import GRAM_MEMORY
from softreg_fast.folds import Training, make_folds, pairs_of, predict_by
from softreg_fast.hints import with_hints
from softreg_fast.names import PerFeature
from softreg_fast.path import as_design, check_options
from softreg_fast.penalty import check_number
from softreg_fast.relaxed import as_gammas
from softreg_fast.result import Path
from softreg_fast.scoring import name_of
from softreg_fast.search import Search, best_of
from softreg_fast.watch import Watcher, watching

Vector = NDArray[np.float64]

RULES = ("min", "1se")


@dataclass(frozen=True, eq=False, repr=False)
class CVPath:
    """Paths on all samples and on the training samples of every fold, and the errors on the rest.

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas), falling
    l1_ratios : ndarray (n_l1_ratios,)
    gammas : ndarray (n_gammas,), falling
        What `relax` asked for: how much of the Lasso is in the fits; 1 alone without.
    errors_by_gamma : ndarray (n_gammas, n_l1_ratios, n_alphas, n_folds)
        Mean squared error on the test samples of each fold, weighted by sample_weight; with
        `scoring`, minus the score. With `criterion` its value, as that of one fold. NaN where the
        grid was left early.
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

    @cached_property
    def _best(self) -> tuple[int, int, int]:
        return best_of(self.errors_by_gamma)

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
        return np.asarray(self.errors.mean(axis=-1))

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard error of that mean, 0 with one fold; (n_l1_ratios, n_alphas)."""
        errors = self.errors
        n_folds = errors.shape[-1]
        if n_folds == 1:
            return np.zeros(errors.shape[:-1])
        return np.asarray(errors.std(axis=-1, ddof=1) / np.sqrt(n_folds))

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
        return (
            f"CVPath({ratios}{n_alphas} alphas x {n_folds} folds, alpha={self.alpha:.6g} by rule "
            f"{self.rule!r}, {self.path.df[self.index]} nonzero, {self.seconds:.3g} s)"
        )

    def __str__(self) -> str:
        mean, spread = self.curve
        ratio = f", l1_ratio {self.l1_ratio:g}" if len(self.l1_ratios) > 1 else ""
        gamma = f", gamma {self.gamma:g}" if len(self.gammas) > 1 else ""
        lines = [
            repr(self),
            f"measure: {self.measure}{ratio}{gamma}",
            f"{'':>4} {'alpha':>12} {'index':>6} {'measure':>12} {'SE':>10} {'nonzero':>8}",
        ]
        for name, k in (("min", self.index_min), ("1se", self.index_1se)):
            lines.append(
                f"{name:>4} {self.path.alphas[k]:>12.6g} {k:>6} {mean[k]:>12.6g} "
                f"{spread[k]:>10.4g} {self.path.df[k]:>8}"
            )
        return "\n".join(lines)


@with_hints
def cv_path(
    X: Any,
    y: ArrayLike | None = None,
    *,
    alphas: ArrayLike | int | None = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    l1_ratio: float | ArrayLike = 1.0,
    l1_weights: PerFeature | None = None,
    l2_weights: PerFeature | None = None,
    positive: bool = False,
    bounds: Any = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: Any = None,
    criterion: str | None = None,
    rule: str = "min",
    relax: bool | ArrayLike = False,
    patience: int | None = None,
    solver: str = "auto",
    precompute: bool | str | ArrayLike = "auto",
    tol: float = 1e-6,
    max_iter: int = 100_000,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
    progress: bool = False,
    watcher: Watcher | None = None,
) -> CVPath:
    """Choose alpha, and l1_ratio if there are several, by the errors on samples left out.

    Every fold is a vector of sample weights on the same X: no rows are copied. For few features on
    many samples all Gram matrices come from one pass over X. Centring and standardisation are
    those of the training samples.

    Parameters not listed mean what they mean in `path`.

    Parameters
    ----------
    l1_ratio : float or array-like of them, default=1.0
        With several, each has its own grid of alphas, unless alphas are given.
    cv : int, splitter, iterable of (train, test) or None
        scikit-learn's; None is 5 folds in the order of the samples. A sample that a fold names
        several times counts so often in its training.
    groups : array-like (n_samples,) or None
        For splitters that want them.
    scoring : str, callable or None
        A scikit-learn scorer instead of the mean squared error.
    criterion : {"aic", "aicc", "bic", "ebic"} or None
        Choose by an information criterion instead of folds; `softreg_fast.criteria` has the
        formulas.
    rule : {"min", "1se"}, default="min"
        "min": the smallest mean error. "1se": the largest alpha whose mean error exceeds that by at
        most its standard error, at the same l1_ratio and gamma.
    relax : bool or array-like of gammas in [0, 1], default=False
        Also try blends of the Lasso fits with unpenalised fits on their supports (`relaxed_path`):
        True tries gamma 1, 3/4, 1/2, 1/4 and 0.
    patience : int or None
        Leave the grid of an l1_ratio after so many alphas without a smaller mean error. The folds
        then go along the grid together, so that their engines are in memory at the same time.
    progress : bool, default=False
        One bar over folds and alphas on standard error (needs tqdm), if that is a terminal.
    watcher : callable or None
        Called after every fit with the name of its path and a `PathStep`; a true return value ends
        that path.

    Returns
    -------
    CVPath

    Raises
    ------
    ValueError, TypeError
        As `path`; and for folds that cannot be fitted or tested, saying which.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), "Classification and Regression Trees", for the rule of
    one standard error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import cv_path
    >>> found = cv_path(*load_diabetes(return_X_y=True), rule="1se")
    >>> found.path.df[found.index]
    5
    """
    began = time.perf_counter()
    _check_choice(rule, criterion, scoring, relax, patience)
    check_options(tol, max_iter, gram_memory)
    design = as_design(X, y, sample_weight, fit_intercept, standardize, n_threads)
    training = None
    if criterion is None:
        rows = design.X if isinstance(X, Design) else X
        groups_given = {} if groups is None else {"groups": groups}
        pairs = pairs_of(cv, rows, design.y, **groups_given)
        # before the grid: Gram matrices of folds tell the slopes at 0, where grids begin
        training = Training(design, make_folds(pairs, design.n_samples))
    search = Search(
        design,
        l1_ratios=as_ratios(l1_ratio),
        gammas=as_gammas(relax),
        alphas=n_alphas if alphas is None else alphas,
        eps=eps,
        penalty={
            "l1_weights": l1_weights,
            "l2_weights": l2_weights,
            "positive": positive,
            "bounds": bounds,
        },
        options={"solver": solver, "tol": tol, "max_iter": max_iter, "gram_memory": gram_memory},
    )
    n_paths = 1 if training is None else len(training.folds)
    total = n_paths * search.alphas.size + (0 if training is None else search.alphas.shape[1])
    with watching(total, progress, watcher) as teller:
        if training is None:
            errors, whole = search.by_criterion(str(criterion), precompute, teller)
            fold_paths: list[Path] = []
        else:
            errors, fold_paths, whole = search.over_folds(
                training, scoring, precompute, patience, teller
            )
    found = CVPath(
        alphas=search.alphas,
        l1_ratios=search.l1_ratios,
        gammas=search.gammas,
        errors_by_gamma=errors,
        path=whole,
        fold_paths=fold_paths,
        predictions=np.full(design.y.shape, np.nan),
        measure=criterion or ("mean squared error" if scoring is None else f"-{name_of(scoring)}"),
        rule=rule,
        seconds=time.perf_counter() - began,
    )
    if training is not None:
        _predict_out_of_fold(training, found)
    return found


def _check_choice(rule: str, criterion: Any, scoring: Any, relax: Any, patience: Any) -> None:
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}; got {rule!r}.")
    if criterion is not None and criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
    if criterion is not None and scoring is not None:
        raise ValueError("Choose by scoring, on folds, or by a criterion, without; not by both.")
    blends = not np.array_equal(as_gammas(relax), [1.0])
    if criterion is not None and (blends or patience is not None):
        raise ValueError("relax and patience need folds; leave them out, or leave criterion out.")
    if patience is not None:
        whole = isinstance(patience, numbers.Integral) and not isinstance(patience, bool)
        if not whole or patience < 1:
            raise ValueError(f"patience must be an integer >= 1 or None, got {patience!r}.")


def as_ratios(l1_ratio: float | ArrayLike) -> Vector:
    """One l1_ratio or several, checked."""
    given = np.atleast_1d(np.asarray(l1_ratio))
    if given.ndim != 1 or not given.size:
        raise ValueError(f"l1_ratio must be a number or a vector, got shape {given.shape}.")
    return np.array([check_number("l1_ratio", r, low=0.0, high=1.0) for r in given.tolist()])


def _predict_out_of_fold(training: Training, found: CVPath) -> None:
    X, k = training.design.X, found.index
    tests = [fold.test for fold in training.folds]
    each = [predict_by(X, t, fits, k) for t, fits in zip(tests, found.fold_paths, strict=True)]
    rows, total = np.concatenate(tests), np.zeros(found.predictions.shape)
    np.add.at(total, rows, np.concatenate(each))
    times = np.bincount(rows, minlength=len(total)).reshape(-1, *(1,) * (total.ndim - 1))
    np.divide(total, times, out=found.predictions, where=times > 0)
