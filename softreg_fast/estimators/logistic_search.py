"""The search of LogisticRegressionCV: a path for each fold and l1_ratio, scored where left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer

from softreg_fast.estimators.logistic_regression import LogisticRegression
from softreg_fast.losses import Loss
from softreg_fast.model_selection.folds import Training
from softreg_fast.model_selection.measures import aucs
from softreg_fast.model_selection.progress import Tell
from softreg_fast.model_selection.scoring import looks_at_X, name_of, rows_for, scores_by
from softreg_fast.model_selection.workers import Workers, workers_for
from softreg_fast.options.types import Index, MatrixLike, Vector
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.path import PathRun
from softreg_fast.paths.result import Path
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import is_alarm

# scikit-learn's log_loss takes no probability for smaller than this.
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)


def _minus_deviance(loss: Any, y: Any, eta: Any) -> Any:
    return -2.0 * loss.value(y, eta)


def _log_likelihood(loss: Any, y: Any, eta: Any) -> Any:
    return np.maximum(-loss.value(y, eta), np.log(LEAST_PROBABILITY))


# The scores of targets and linear predictors, by the name of the scorer, which they replace: making
# scikit-learn's own takes longer than many a fit. They are means over the samples of functions.
MEANS: dict[str, Any] = {
    "accuracy": lambda loss, y, eta: loss.hits(y, eta),
    "deviance": _minus_deviance,
    "neg_log_loss": _log_likelihood,
    "neg_brier_score": lambda loss, y, eta: -loss.brier(y, eta),
}
MEASURES = (*MEANS, "roc_auc")


class LogisticSearch:
    """Fits and scores of all folds.

    Parameters
    ----------
    problems : list of Problem
        One for each l1_ratio, at alpha = 1, on all samples.
    training : Training
        The folds.
    Cs : ndarray (n_Cs,)
        In the user's order. In each fold, as in scikit-learn, a C stands for the alpha that the sum
        of the weights of its training samples gives.
    codes : ndarray (n_samples,)
        Which of the classes each label is.
    classes : ndarray (n_classes,)
    scoring : str or callable
        One of MEASURES, or a scikit-learn scorer.
    score_params : dict
        Options of the scorer for each sample, such as sample_weight.

    Attributes
    ----------
    scores : ndarray (n_folds, n_l1_ratios, n_Cs)
        NaN where a callback ended the path.
    coefs : ndarray (n_folds, n_l1_ratios, n_Cs, n_rows, n_features + 1)
        Coefficients, then the intercept: one row for two classes, else one for each.
    n_iter : ndarray (n_folds, n_l1_ratios, n_Cs) of int
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        training: Training,
        Cs: Vector,
        codes: Index,
        classes: NDArray[Any],
        scoring: Any,
        score_params: dict[str, Any],
    ) -> None:
        self.problems = problems
        self.training = training
        self.design = training.design
        self.Cs = Cs
        self.codes = codes
        self.classes = classes
        self.scoring = scoring
        self.score_params = {
            name: np.broadcast_to(np.asarray(value), len(codes))
            for name, value in score_params.items()
        }
        shape = len(training.folds), len(problems), len(Cs)
        self.scores = np.full(shape, np.nan)
        self.n_rows = 1 if len(classes) == 2 else len(classes)
        self.coefs = np.empty((*shape, self.n_rows, self.design.n_features + 1))
        self.n_iter = np.zeros(shape, np.int32)

    def run(self, teller: Any) -> None:
        """Fit and score all folds, and warn once about fits that missed the tolerance."""
        if len(self.classes) == 2:
            self._check_classes()
        else:
            self.training.say_unseen_classes(self.classes)
        n_folds, design = len(self.training.folds), self.design
        crew = Workers(workers_for(n_folds, design.n_entries, design.most_threads))
        each = crew.map(lambda k: self._fold(k, crew, teller), range(n_folds))
        paths = [fits for fold in each for fits in fold]
        gaps, tols, status = (
            np.concatenate([getattr(fits, name) for fits in paths])
            for name in ("gaps", "tols", "status")
        )
        missed = is_alarm(status)
        if missed.any():
            max_iter = self.problems[0].options.max_iter
            where = f" in {int(missed.sum())} of {len(missed)} fits"
            warn_not_converged(gaps[missed], tols[missed], status[missed], max_iter, where)

    def chosen(self, rule: str) -> tuple[int, int]:
        """Return the indices of the l1_ratio and the C that the rule chooses."""
        (ratio,), (best,) = best_of(self.scores.mean(axis=0, keepdims=True))
        mean, scores = self.scores[:, ratio].mean(axis=0), self.scores[:, ratio, best]
        if rule == "1se" and len(scores) > 1:
            enough = mean[best] - scores.std(ddof=1) / np.sqrt(len(scores))
            best = np.argmin(np.where(mean >= enough, self.Cs, np.inf))
        return int(ratio), int(best)

    def chosen_in_folds(self) -> tuple[Index, Index]:
        """Return the indices of the best l1_ratio and C of each fold."""
        return best_of(self.scores)

    def _check_classes(self) -> None:
        weight, n_classes = self.training.weight, len(self.classes)
        for k, fold in enumerate(self.training.folds):
            sums = np.bincount(self.codes, weight * fold.counts, minlength=n_classes)
            if not sums.all():
                label = self.classes.tolist()[int(np.argmin(sums))]
                raise ValueError(
                    f"The training samples of fold {k} hold no sample of class {label!r}; use "
                    "fewer folds, or stratified ones (an integer cv)."
                )

    def _fold(self, k: int, crew: Workers, teller: Any) -> list[Path]:
        n_threads = crew.share(self.design.n_threads)
        design = self.training.design_of(k, n_threads)
        unit = self.design.weight_sum / self.design.n_samples  # of the weights of folds
        alphas = 1.0 / (self.Cs * (design.weight_sum * unit))
        falling = np.argsort(-alphas, kind="stable")
        found = []
        for ratio, problem in enumerate(self.problems):
            name = f"fold {k}"
            if len(self.problems) > 1:
                name = f"{name}, l1_ratio {problem.l1_ratio:g}"
            tell: Tell | None = teller(name)
            run = PathRun(problem.on(design), alphas[falling])
            run.advance(len(falling), tell)
            fits = run.path()
            place = k, ratio, falling[: len(fits)]
            self.coefs[place] = self._rows(fits)
            self.coefs[k, ratio, falling[len(fits) :]] = np.nan
            self.n_iter[place] = fits.n_epochs
            self.scores[place] = self._scores(k, fits)
            found.append(fits)
        return found

    def _rows(self, fits: Path) -> Vector:
        # the rows of every model, (n_models, n_rows, n_features + 1)
        coefs = fits.coefs
        rows = np.zeros((len(fits), self.n_rows, self.design.n_features + 1))
        owner = np.repeat(np.arange(coefs.shape[1]), np.diff(coefs.indptr))
        rows.reshape(coefs.shape[1], -1)[owner, coefs.indices] = coefs.data
        rows[..., -1] = fits.intercepts.reshape(len(fits), -1)
        return rows

    def _scores(self, k: int, fits: Path) -> Vector:
        test, loss = self.training.folds[k].test, self.training.loss
        eta = self.training.predictors_of(k, fits)
        options = {name: value[test] for name, value in self.score_params.items()}
        if self.scoring in MEASURES:
            return measured(self.scoring, loss, self.codes[test], eta, options.get("sample_weight"))
        scorer = get_scorer(self.scoring)
        X = rows_for(scorer, self.design, test)
        models = [
            HeldOut(X, eta[:, j], self.classes, rows[:, :-1], rows[:, -1], loss)
            for j, rows in enumerate(self._rows(fits))
        ]
        if looks_at_X(scorer):
            options = {}
        named = f"scoring={name_of(self.scoring)}", f"fold {k}"
        return scores_by(scorer, models, X, self.classes[self.codes[test]], named, **options)


class HeldOut(LogisticRegression):
    """A fitted model whose linear predictors of some samples are known."""

    def __init__(
        self,
        X: Any,
        eta: Vector,
        classes: NDArray[Any],
        coef: Any,
        intercept: Any,
        loss: Loss,
    ) -> None:
        super().__init__()
        self.loss_ = loss
        self.known = X, eta
        self.classes_, self.n_features_in_ = classes, coef.shape[1]
        self.coef_, self.intercept_ = coef, intercept
        self._has_offset = False

    def decision_function(self, X: MatrixLike, offset: Any = None) -> Vector:
        """Return the known predictors for the samples to which they belong."""
        rows, eta = self.known
        return eta if X is rows else super().decision_function(X, offset)


def best_of(scores: NDArray[np.float64]) -> tuple[Index, Index]:
    """Return the indices of the l1_ratio and the C with the largest score, in each fold.

    Of equal ones those with the first C, then the first l1_ratio, as in scikit-learn.
    """
    flat = scores.swapaxes(1, 2).reshape(len(scores), -1)
    C, ratio = np.divmod(np.nanargmax(flat, axis=1), scores.shape[1])
    return ratio, C


def has_measure(scoring: Any, loss: Loss) -> bool:
    """Return whether `measured` replaces the scorer."""
    return scoring in MEANS or (scoring == "roc_auc" and loss.n_outputs == 1)


def measured(
    scoring: str, loss: Loss, codes: Index, eta: NDArray[np.float64], weight: Vector | None
) -> Vector:
    """Return the scores, by one of MEASURES, of linear predictors (n_samples, n_models).

    More than two classes have the last axis of the predictors.

    Raises
    ------
    ValueError
        For the area under the ROC curve of samples of one class.
    """
    y = codes.astype(np.float64) if eta.ndim == 2 else np.eye(eta.shape[-1])[codes]
    if scoring in MEANS:
        each = MEANS[scoring](loss, y[:, np.newaxis], eta)
        return np.asarray(np.average(each, axis=0, weights=weight))
    return aucs(y, eta, weight)
