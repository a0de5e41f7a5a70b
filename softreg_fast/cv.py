"""cv_path(): the errors of whole grids on samples left out, and the choice of alpha."""

from __future__ import annotations

import numbers
import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.criteria import CRITERIA, Criterion, criterion_for
from softreg_fast.design import Design
from softreg_fast.engines import GRAM_MEMORY
from softreg_fast.folds import Training, folds_for, make_folds, predict_by
from softreg_fast.grids import AUTO, EndOfGridWarning
from softreg_fast.path import as_design, check_options, level_of_caller
from softreg_fast.penalty import PenaltyVectors, check_number
from softreg_fast.relaxed import as_gammas
from softreg_fast.result import Path
from softreg_fast.scoring import name_of
from softreg_fast.search import Search, best_of, mean_over
from softreg_fast.watch import Watcher, watching

Vector = NDArray[np.float64]

RULES = ("min", "1se")

FOLD_WEIGHTS = ("equal", "samples")

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
        last = 1 < len(self.path) == self.index_min + 1
        return last and self.end not in ("settled", "watcher")

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


def cv_path(
    X: Any,
    y: ArrayLike | None = None,
    *,
    alphas: ArrayLike | int | None = None,
    n_alphas: int = 100,
    eps: float | str = AUTO,
    l1_ratio: float | ArrayLike = 1.0,
    l1_weights: ArrayLike | None = None,
    l2_weights: ArrayLike | None = None,
    positive: bool = False,
    bounds: Any = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    cv: Any = None,
    seed: int | None = 0,
    groups: ArrayLike | None = None,
    fold_weights: str = "equal",
    scoring: Any = None,
    criterion: str | None = None,
    noise_variance: float | None = None,
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
    eps : float in (0, 1] or "auto", default="auto"
        "auto": the grid has n_alphas as with 1e-3, and goes on at the same ratio while the smallest
        mean error is among the newest alphas, over five decades more at most. It ends earlier when
        a fit does not converge, or where all features are in and the errors hardly change any
        more. While it goes on the engines of all folds are in memory at the same time. Alphas that
        are given stay as they are.
    l1_ratio : float or array-like of them, default=1.0
        With several, each has its own grid of alphas, unless alphas are given; with eps="auto"
        each goes on for itself.
    cv : int, splitter, iterable of (train, test) or None
        An int is the number of folds, None is 5: samples are dealt out to them in the random order
        that `seed` says. All else is scikit-learn's and taken as it is. A sample that a fold names
        several times counts so often in its training.
    seed : int or None, default=0
        Of the shuffle before samples are dealt out, as in KFold(cv, shuffle=True,
        random_state=seed): data are often sorted, and blocks of sorted data are poor samples of
        the whole. None: blocks of samples in their order, as for series in time.
    groups : array-like (n_samples,) or None
        For splitters that want them.
    fold_weights : {"equal", "samples"}, default="equal"
        What the folds count in the mean error and its standard error. "equal": all the same, as in
        scikit-learn. "samples": each as its test samples, by number or by sample_weight, as in
        glmnet. They differ where folds differ in size or weight.
    scoring : str, callable or None
        A scikit-learn scorer instead of the mean squared error.
    criterion : {"aic", "aicc", "bic", "ebic"} or None
        Choose by an information criterion instead of folds; `softreg_fast.criteria` has the
        formulas.
    noise_variance : float > 0 or None
        Of y about its mean given X, for the criterion. None: an estimate that does not come from
        the models to choose from: of least squares on all features where these are at most half as
        many as the samples, otherwise of the scaled Lasso (Sun and Zhang 2012).
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
        One bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    watcher : callable or None
        Called after every fit with the name of its path and a `PathStep`; a true return value ends
        that path.

    Returns
    -------
    CVPath

    Warns
    -----
    EndOfGridWarning
        If the smallest mean error is that of the last alpha of a grid, whose end hides better ones.
    ConvergenceWarning
        As `path`.

    Raises
    ------
    ValueError, TypeError
        As `path`; for folds that cannot be fitted or tested, saying which; and for options that
        have no effect beside others.

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
    _check_folds_of(cv, seed, groups, fold_weights, criterion)
    check_options(tol, max_iter, gram_memory)
    design = as_design(X, y, sample_weight, fit_intercept, standardize, n_threads)
    pairs = None
    if criterion is None:
        rows = design.X if isinstance(X, Design) else X
        groups_given = {} if groups is None else {"groups": groups}
        pairs = folds_for(cv, seed, rows, design.y, **groups_given)
    found = choose(
        design,
        pairs,
        Choice(rule, scoring, criterion, noise_variance, relax, patience, fold_weights),
        grid={"alphas": n_alphas if alphas is None else alphas, "eps": eps, "l1_ratio": l1_ratio},
        penalty={
            "l1_weights": l1_weights,
            "l2_weights": l2_weights,
            "positive": positive,
            "bounds": bounds,
        },
        options={"solver": solver, "tol": tol, "max_iter": max_iter, "gram_memory": gram_memory},
        precompute=precompute,
        told=(progress, watcher),
        began=began,
    )
    if found.is_at_end:
        warnings.warn(found.note, EndOfGridWarning, stacklevel=level_of_caller())
    return found


@dataclass(frozen=True)
class Choice:
    """By what a model is chosen; the words of `cv_path`."""

    rule: str = "min"
    scoring: Any = None
    criterion: str | None = None
    noise_variance: float | None = None
    relax: Any = False
    patience: int | None = None
    fold_weights: str = "equal"

    def check(self) -> None:
        """Errors for words that mean nothing, alone or together."""
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}; got {self.rule!r}.")
        if self.fold_weights not in FOLD_WEIGHTS:
            raise ValueError(
                f"fold_weights must be one of {', '.join(FOLD_WEIGHTS)}; got {self.fold_weights!r}."
            )
        if self.criterion is None:
            if self.noise_variance is not None:
                raise ValueError("noise_variance is for a criterion; give one, or leave it out.")
        else:
            self._check_criterion()
        if (given := self.patience) is not None:
            whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
            if not whole or given < 1:
                raise ValueError(f"patience must be an integer >= 1 or None, got {given!r}.")

    def _check_criterion(self) -> None:
        if self.criterion not in CRITERIA:
            raise ValueError(
                f"criterion must be one of {', '.join(CRITERIA)}; got {self.criterion!r}."
            )
        if self.scoring is not None:
            raise ValueError(
                "Choose by scoring, on folds, or by a criterion, without; not by both."
            )
        blends = not np.array_equal(as_gammas(self.relax), [1.0])
        if blends or self.patience is not None:
            raise ValueError(
                "relax and patience need folds; leave them out, or leave criterion out."
            )

    @property
    def measure(self) -> str:
        """What the errors are called."""
        if self.criterion is not None:
            return self.criterion
        return "mean squared error" if self.scoring is None else f"-{name_of(self.scoring)}"


def choose(
    design: Design,
    pairs: list[Any] | None,
    choice: Choice,
    *,
    grid: dict[str, Any],
    penalty: dict[str, Any],
    options: dict[str, Any],
    precompute: Any = "auto",
    told: tuple[bool, Watcher | None] = (False, None),
    began: float | None = None,
) -> CVPath:
    """`cv_path` for a Design and folds that exist already; the caller warns of the grid's end.

    Parameters
    ----------
    pairs : list of (train, test), or None for a criterion
    grid : dict
        alphas (how many, or which), eps and l1_ratio.
    penalty, options : dict
        For `Penalty` and for the solver.
    told : (progress, watcher)
    """
    began = time.perf_counter() if began is None else began
    choice.check()
    training = fold_weights = None
    if pairs is not None:
        # before the grid: Gram matrices of folds tell the slopes at 0, where grids begin
        training = Training(design, make_folds(pairs, design.n_samples))
        if choice.fold_weights == "samples":
            fold_weights = training.test_weights()
    search = Search(
        design,
        as_ratios(grid["l1_ratio"]),
        as_gammas(choice.relax),
        grid["alphas"],
        grid["eps"],
        penalty,
        options,
        fold_weights,
    )
    criterion: Criterion | None = None
    fold_paths: list[Path] = []
    n_paths = 1 if training is None else len(training.folds)
    total = n_paths * search.n_fits + (0 if training is None else search.n_first)
    with watching(total, *told) as teller:
        if training is None:
            criterion = _criterion(choice, design, search)
            errors, whole = search.by_criterion(criterion, precompute, teller)
        else:
            errors, fold_paths, whole = search.over_folds(
                training, choice.scoring, precompute, choice.patience, teller
            )
    alphas, errors = search.trimmed(errors)
    found = CVPath(
        alphas=alphas,
        l1_ratios=search.l1_ratios,
        gammas=search.gammas,
        errors_by_gamma=errors,
        path=whole,
        fold_paths=fold_paths,
        predictions=np.full(design.y.shape, np.nan),
        measure=choice.measure,
        rule=choice.rule,
        seconds=time.perf_counter() - began,
        fold_weights=fold_weights,
        noise_variance=None if criterion is None else criterion.noise_variance,
        end=search.end_of(search.best[1]),
    )
    if training is not None:
        _predict_out_of_fold(training, found)
    return found


def _criterion(choice: Choice, design: Design, search: Search) -> Criterion:
    scaled = PenaltyVectors(*design.to_engine(*search.vectors[0]))
    return criterion_for(str(choice.criterion), design, scaled, choice.noise_variance)


def _check_folds_of(
    cv: Any, seed: Any, groups: Any, fold_weights: str, criterion: str | None
) -> None:
    # words about folds where there are none, or where others have made them
    if criterion is not None:
        given = {"cv": cv, "groups": groups}
        said = [name for name, value in given.items() if value is not None]
        if fold_weights != "equal":
            said.append("fold_weights")
        if said:
            raise ValueError(
                f"{' and '.join(said)}: a criterion needs no folds; leave this out, or criterion."
            )
    made_here = cv is None or isinstance(cv, numbers.Integral)
    if made_here and groups is not None:
        raise ValueError(
            "groups need a splitter that keeps them together, such as "
            f"cv=GroupKFold({5 if cv is None else cv}) of sklearn.model_selection."
        )
    if not made_here and seed != 0:
        raise ValueError(
            "seed is for folds that are made here, by a number; this cv brings its own order."
        )


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
