"""cv_path(): the errors of whole grids on samples left out, and the choice of alpha."""

from __future__ import annotations

import numbers
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring

from softreg_fast.criteria import CRITERIA, information
from softreg_fast.design import Design
from softreg_fast.engines import GRAM_MEMORY
from softreg_fast.folds import Training, make_folds, pairs_of, predict_rows
from softreg_fast.path import (
    PathStep,
    alpha_grid,
    as_alphas,
    as_design,
    check_options,
    path,
)
from softreg_fast.penalty import Penalty, PenaltyVectors, check_number
from softreg_fast.result import Path

Vector = NDArray[np.float64]
Tell = Callable[[PathStep], None]

RULES = ("min", "1se")


@dataclass(frozen=True, eq=False, repr=False)
class CVPath:
    """Paths on all samples and on the training samples of every fold, and the errors on the rest.

    Attributes
    ----------
    alphas : ndarray (n_l1_ratios, n_alphas), falling
    l1_ratios : ndarray (n_l1_ratios,)
    errors : ndarray (n_l1_ratios, n_alphas, n_folds)
        Mean squared error on the test samples of each fold, weighted by sample_weight; with
        `scoring`, minus the score. With `criterion` its value, as that of one fold.
    path : Path
        All samples, at the l1_ratio with the smallest mean error.
    fold_paths : list of Path
        The training samples of each fold, at the same l1_ratio; empty with `criterion`.
    predictions : ndarray (n_samples,)
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
    errors: NDArray[np.float64]
    path: Path
    fold_paths: list[Path]
    predictions: Vector
    measure: str
    rule: str
    seconds: float

    @property
    def mean_errors(self) -> NDArray[np.float64]:
        """Mean of the errors over the folds, (n_l1_ratios, n_alphas)."""
        return np.asarray(self.errors.mean(axis=-1))

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard error of that mean, 0 with one fold; (n_l1_ratios, n_alphas)."""
        n_folds = self.errors.shape[-1]
        if n_folds == 1:
            return np.zeros(self.errors.shape[:-1])
        return np.asarray(self.errors.std(axis=-1, ddof=1) / np.sqrt(n_folds))

    @property
    def best_ratio(self) -> int:
        """Index of the l1_ratio with the smallest mean error."""
        return best_of(self.errors)[0]

    @property
    def index_min(self) -> int:
        """Index of the alpha with the smallest mean error."""
        return best_of(self.errors)[1]

    @property
    def index_1se(self) -> int:
        """Index of the largest alpha whose mean error is within one standard error of that."""
        mean, spread = self.mean_errors[self.best_ratio], self.standard_errors[self.best_ratio]
        k = self.index_min
        return int(np.argmax(mean <= mean[k] + spread[k]))

    @property
    def index(self) -> int:
        """Index of the alpha that the rule chooses."""
        return self.index_min if self.rule == "min" else self.index_1se

    @property
    def alpha(self) -> float:
        """The alpha that the rule chooses."""
        return float(self.alphas[self.best_ratio, self.index])

    @property
    def l1_ratio(self) -> float:
        """The l1_ratio with the smallest mean error."""
        return float(self.l1_ratios[self.best_ratio])

    def predict(self, X: Any) -> Vector:
        """Predictions of the chosen model, fitted to all samples, (n_samples,)."""
        return self.path[self.index].predict(X)

    def __repr__(self) -> str:
        n_ratios, n_alphas, n_folds = self.errors.shape
        ratios = f"{n_ratios} l1_ratios x " if n_ratios > 1 else ""
        return (
            f"CVPath({ratios}{n_alphas} alphas x {n_folds} folds, alpha={self.alpha:.6g} by rule "
            f"{self.rule!r}, {self.path.df[self.index]} nonzero, {self.seconds:.3g} s)"
        )

    def __str__(self) -> str:
        mean, spread = self.mean_errors[self.best_ratio], self.standard_errors[self.best_ratio]
        ratio = f", l1_ratio {self.l1_ratio:g}" if len(self.l1_ratios) > 1 else ""
        lines = [
            repr(self),
            f"measure: {self.measure}{ratio}",
            f"{'':>4} {'alpha':>12} {'index':>6} {'measure':>12} {'SE':>10} {'nonzero':>8}",
        ]
        for name, k in (("min", self.index_min), ("1se", self.index_1se)):
            lines.append(
                f"{name:>4} {self.path.alphas[k]:>12.6g} {k:>6} {mean[k]:>12.6g} "
                f"{spread[k]:>10.4g} {self.path.df[k]:>8}"
            )
        return "\n".join(lines)


def best_of(errors: NDArray[np.float64]) -> tuple[int, int]:
    """(l1_ratio, alpha) with the smallest mean error, the largest alpha where several have it."""
    mean = errors.mean(axis=-1)
    ratio, k = np.unravel_index(int(np.argmin(mean)), mean.shape)
    return int(ratio), int(k)


def cv_path(
    X: Any,
    y: ArrayLike | None = None,
    *,
    alphas: ArrayLike | int | None = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    l1_ratio: float | ArrayLike = 1.0,
    l1_weights: ArrayLike | None = None,
    l2_weights: ArrayLike | None = None,
    positive: bool = False,
    bounds: Any = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: Any = None,
    criterion: str | None = None,
    rule: str = "min",
    solver: str = "auto",
    precompute: bool | str | ArrayLike = "auto",
    tol: float = 1e-6,
    max_iter: int = 100_000,
    gram_memory: float = GRAM_MEMORY,
    n_threads: int | None = None,
    progress: bool = False,
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
        most its standard error, at the same l1_ratio.
    progress : bool, default=False
        One bar over folds and alphas on standard error (needs tqdm), if that is a terminal.

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
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}; got {rule!r}.")
    if criterion is not None and criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
    if criterion is not None and scoring is not None:
        raise ValueError("Choose by scoring, on folds, or by a criterion, without; not by both.")
    check_options(tol, max_iter, gram_memory)
    design = as_design(X, y, sample_weight, fit_intercept, standardize, n_threads)
    words = {
        "l1_weights": l1_weights,
        "l2_weights": l2_weights,
        "positive": positive,
        "bounds": bounds,
    }
    how = {"solver": solver, "tol": tol, "max_iter": max_iter, "gram_memory": gram_memory}
    count = n_alphas if alphas is None else alphas
    grid = _Grid.of(design, as_ratios(l1_ratio), count, eps, words, how)
    if criterion is not None:
        training = None
        with progress_bar(grid.n_fits, progress) as bar:
            errors, wholes = _by_criterion(design, grid, criterion, precompute, _teller(bar))
        whole, fold_paths = wholes[best_of(errors)[0]], list[Path]()
    else:
        rows = design.X if isinstance(X, Design) else X
        options = {} if groups is None else {"groups": groups}
        pairs = pairs_of(cv, rows, design.y, **options)
        training = Training(design, make_folds(pairs, design.n_samples))
        n_fits = grid.n_fits * len(training.folds) + len(grid.alphas[0])
        with progress_bar(n_fits, progress) as bar:
            of_folds = precompute if isinstance(precompute, bool | str) else "auto"
            errors, paths = _by_folds(training, grid, scoring, of_folds, _teller(bar))
            best = best_of(errors)[0]
            whole, fold_paths = grid.fit(design, best, precompute, _teller(bar)), paths[best]
    found = CVPath(
        alphas=grid.alphas,
        l1_ratios=grid.l1_ratios,
        errors=errors,
        path=whole,
        fold_paths=fold_paths,
        predictions=np.full(design.n_samples, np.nan),
        measure=criterion or ("mean squared error" if scoring is None else f"-{_name_of(scoring)}"),
        rule=rule,
        seconds=time.perf_counter() - began,
    )
    if training is not None:
        _predict_out_of_fold(training, found)
    return found


@dataclass(frozen=True, eq=False)
class _Grid:
    """Every l1_ratio with its alphas, and what all fits have in common."""

    l1_ratios: Vector
    alphas: NDArray[np.float64]
    penalties: list[PenaltyVectors]
    words: dict[str, Any]
    how: dict[str, Any]

    @classmethod
    def of(
        cls,
        design: Design,
        l1_ratios: Vector,
        alphas: Any,
        eps: float,
        words: dict[str, Any],
        how: dict[str, Any],
    ) -> _Grid:
        penalties, grids = [], []
        for ratio in l1_ratios.tolist():
            vectors = Penalty(1.0, ratio, **words).vectors(design.n_features)
            penalties.append(PenaltyVectors(*design.to_engine(*vectors)))
            if isinstance(alphas, numbers.Integral):
                grids.append(alpha_grid(design, penalties[-1], ratio, int(alphas), eps))
            else:
                grids.append(as_alphas(alphas))
        return cls(l1_ratios, np.array(grids), penalties, words, how)

    @property
    def n_fits(self) -> int:
        return self.alphas.size

    def fit(self, design: Design, ratio: int, precompute: Any, tell: Tell | None) -> Path:
        """The path at the l1_ratio with this index."""
        options = {**self.words, **self.how, "precompute": precompute, "callback": tell}
        return path(
            design, alphas=self.alphas[ratio], l1_ratio=float(self.l1_ratios[ratio]), **options
        )


def _by_criterion(
    design: Design, grid: _Grid, criterion: str, precompute: Any, tell: Tell | None
) -> tuple[NDArray[np.float64], list[Path]]:
    # values of the criterion as errors of one fold, and the path at each l1_ratio
    errors, paths = np.empty((*grid.alphas.shape, 1)), []
    for k, (ratio, penalty) in enumerate(zip(grid.l1_ratios, grid.penalties, strict=True)):
        paths.append(grid.fit(design, k, precompute, tell))
        errors[k, :, 0] = information(criterion, paths[-1], design, penalty, float(ratio))
    return errors, paths


def _by_folds(
    training: Training, grid: _Grid, scoring: Any, precompute: Any, tell: Tell | None
) -> tuple[NDArray[np.float64], list[list[Path]]]:
    # errors on the test samples, and for each l1_ratio the paths of all folds
    n_folds = len(training.folds)
    errors = np.empty((*grid.alphas.shape, n_folds))
    paths: list[list[Path]] = [[] for _ in grid.l1_ratios]
    for k in range(n_folds):
        design = training.design_of(k)
        for ratio in range(len(grid.l1_ratios)):
            fits = grid.fit(design, ratio, precompute, tell)
            errors[ratio, :, k] = _errors(training, k, fits, scoring)
            paths[ratio].append(fits)
    return errors, paths


def as_ratios(l1_ratio: float | ArrayLike) -> Vector:
    """One l1_ratio or several, checked."""
    given = np.atleast_1d(np.asarray(l1_ratio))
    if given.ndim != 1 or not given.size:
        raise ValueError(f"l1_ratio must be a number or a vector, got shape {given.shape}.")
    return np.array([check_number("l1_ratio", r, low=0.0, high=1.0) for r in given.tolist()])


class _Known(RegressorMixin, BaseEstimator):
    """A model that has made its predictions."""

    def __init__(self, predictions: Any = None) -> None:
        self.predictions = predictions

    def fit(self, X: Any, y: Any) -> _Known:
        return self

    def predict(self, X: Any) -> Any:
        return self.predictions


def _errors(training: Training, k: int, fits: Path, scoring: Any) -> Vector:
    # the errors of a path on the k-th fold, or minus its scores
    if scoring is None:
        return training.errors_of(k, fits)
    design, test = training.design, training.folds[k].test
    scorer = check_scoring(_Known(), scoring=scoring)
    weight = training.weight_of(k)
    options = {} if weight is None else {"sample_weight": weight}
    rows = np.empty((len(test), 0))
    if callable(scoring) and not hasattr(scoring, "_score_func"):  # may want to see them
        rows = design.X.tocsr()[test] if sp.issparse(design.X) else design.X[test]
        options = {}
    predictions = training.predictions_of(k, fits)
    y, scores = design.y[test], np.empty(len(fits))
    try:
        for i, column in enumerate(predictions.T):
            scores[i] = scorer(_Known(column), rows, y, **options)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"scoring={_name_of(scoring)} failed on fold {k}: {error}; wanted is a scorer for "
            "regression that gives one number."
        ) from error
    if not np.isfinite(scores).all():
        raise ValueError(
            f"scoring={_name_of(scoring)} gives {scores[~np.isfinite(scores)][0]} on the "
            f"{len(test)} test samples of fold {k}; use larger test sets or another scorer."
        )
    return -scores


def _name_of(scoring: Any) -> str:
    return str(getattr(scoring, "__name__", scoring))


def _predict_out_of_fold(training: Training, found: CVPath) -> None:
    total = np.zeros(training.design.n_samples)
    times = np.zeros(training.design.n_samples)
    k = found.index
    for fold, fits in zip(training.folds, found.fold_paths, strict=True):
        coef, intercept = fits.coefs[:, [k]], fits.intercepts[[k]]
        predicted = predict_rows(training.design.X, fold.test, coef, intercept)
        np.add.at(total, fold.test, predicted[:, 0])
        np.add.at(times, fold.test, 1.0)
    tested = times > 0.0
    found.predictions[tested] = total[tested] / times[tested]


def progress_bar(total: int, progress: bool, unit: str = "fit") -> AbstractContextManager[Any]:
    """A bar on standard error, or None in its place."""
    if not progress or not sys.stderr.isatty():
        return nullcontext()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            "progress=True needs tqdm: pip install 'softreg_fast[progress]', or leave it out."
        ) from None
    bar: AbstractContextManager[Any] = tqdm(total=total, unit=unit)
    return bar


def _teller(bar: Any) -> Tell | None:
    # a callback that moves the bar
    if bar is None:
        return None

    def tell(step: PathStep) -> None:
        bar.set_postfix_str(f"gap {step.gap:.0e}, {step.df} nonzero", refresh=False)
        bar.update()

    return tell
