"""RidgeCV: a scikit-learn estimator; all alphas from one decomposition, leave-one-out or folds."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import get_scorer
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from softreg_fast.data.coding import frame_of
from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_targets
from softreg_fast.estimators.base import _LinearRegressor
from softreg_fast.estimators.ridge_strengths import l2_weights_of, ridge_strengths
from softreg_fast.estimators.routing import routed
from softreg_fast.model_selection.folds import Training, make_folds, pairs_of
from softreg_fast.model_selection.scoring import Known, scores_of
from softreg_fast.options.choices import RULES, GCVMode, Missing, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Folds, MatrixLike, Scoring, Vector
from softreg_fast.paths.grids import checked_alphas
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.spectrum import RidgeSpectrum, ridge_spectrum


class RidgeCV(_LinearRegressor):
    """Ridge with alpha chosen by leave-one-out or by k-fold cross-validation.

    Minimises over w and b, with the sample weights s, for each of the alphas

        sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l2_weights_j w_j^2

    One eigendecomposition serves all alphas, and the error on a held-out sample follows from the
    fit to all samples (`softreg_fast.solvers.spectrum`).

    Parameters
    ----------
    alphas : array-like (n_alphas,) or float, default=(0.1, 1.0, 10.0)
        Strengths of the penalty to choose from, all positive; with `cv` also 0. The default is
        scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    scoring : str, callable or None, default=None
        A scikit-learn scorer, which receives the sample weights. None: minus the mean squared error
        (times the weights); with `cv`, R squared.
    cv : int, splitter, iterable of (train, test) or None, default=None
        Folds as in scikit-learn; an int is their number. None: leave one sample out at a time.
    gcv_mode : {None, "auto", "svd", "eigen"}, default=None
        Accepted for compatibility: the eigenvalues of the smaller of X'X and XX' are used for every
        shape.
    store_cv_results : bool, default=False
        Store `cv_results_`; not available with `cv`.
    alpha_per_target : bool, default=False
        Choose an alpha for each target.
    rule : {"min", "1se"}, default="min"
        "1se": the largest alpha whose score is within one standard error of the best, over samples
        (if scoring is None) or over folds.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L2 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    dates : list of str, dict or None, default=None
        Parts of dates that are features, as in `path`: ["year", "month"] of all columns of dates,
        or a dict by column. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What `fit` does about missing values, as in `path`: "drop" leaves rows out, "indicator"
        fills numbers with their mean and marks them by a feature, in predictions, too. "error":
        they are refused.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.

    Attributes
    ----------
    alpha_ : float, or ndarray (n_targets,) with alpha_per_target
        The chosen alpha.
    best_score_ : float or ndarray (n_targets,)
        Score at alpha_.
    scores_ : ndarray (n_alphas,) or (n_targets, n_alphas)
        All scores, in the order of `alphas`.
    cv_results_ : ndarray (n_samples, n_alphas) or (n_samples, n_targets, n_alphas)
        Weighted squared errors of each held-out sample; with `scoring` the predictions.
    coef_ : ndarray (n_features,) or (n_targets, n_features)
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float or ndarray (n_targets,)
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float or ndarray (n_targets,)
        Duality gap of that model, in the units of 1/(2S) times the objective of `Ridge`.
    n_iter_ : int or list of int
        Number of epochs of that fit, of each target.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray (n_features,) of str
        Names of the features in `fit`; only if X was a frame whose column labels are all strings.
    coding_ : Coding or None
        How the columns of a frame became features, if some are of categories or text; its
        `feature_names` are those of coef_, such as "carrier=AA". None: each column is a feature.
    sparse_coef_ : csr_matrix of the shape of coef_
        coef_ as a sparse matrix, made on each access.

    Raises
    ------
    ValueError, TypeError
        From `fit` and `predict`, for parameters or data that cannot be used; the message says what
        is expected. Making the object raises nothing but a TypeError for a parameter that does not
        exist.

    References
    ----------
    Allen (1974), "The relationship between variable selection and data augmentation and a method
    for prediction", Technometrics 16(1), for leave-one-out errors from one fit. Breiman, Friedman,
    Olshen, Stone (1984), "Classification and Regression Trees", for the rule of one standard error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import RidgeCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = RidgeCV(alphas=[1e-3, 1e-2, 1e-1, 1.0]).fit(X, y)
    >>> model.alpha_, round(model.score(X, y), 3)
    (0.01, 0.517)
    """

    alpha_: float | Any
    best_score_: float | Any

    @with_hints
    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        scoring: Scoring | None = None,
        cv: Folds | None = None,
        gcv_mode: GCVMode | None = None,
        store_cv_results: bool = False,
        alpha_per_target: bool = False,
        rule: Rule = "min",
        l2_weights: PerFeature | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.gcv_mode = gcv_mode
        self.store_cv_results = store_cv_results
        self.alpha_per_target = alpha_per_target
        self.rule = rule
        self.l2_weights = l2_weights
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Choose alpha, then fit the model to all samples.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,) or (n_samples, n_targets), default=None
            The target, finite numbers. The columns of a matrix are fitted one by one.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        **params
            Options of scorer and splitter, with metadata routing; without it `groups` for the
            splitter, if `cv` is an object with a method `split`.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            From `fit` and `predict`, for parameters or data that cannot be used; the message says
            what is expected. Making the object raises nothing but a TypeError for a parameter that
            does not exist.
        """
        self._check_options()
        split, score = routed(self, sample_weight, params)
        alphas = self._checked_alphas()
        table = self._table(X, y, sample_weight)
        X, y, sample_weight, _ = table[:4]
        split, score = table.rows_of(split), table.rows_of(score)
        design = self._design(X, y, sample_weight, self.n_threads)
        given = as_targets(y)
        if given.ndim > 2:
            raise ValueError(f"y has shape {given.shape}; expected a vector or a matrix.")
        targets = [design.with_target(t) for t in given.reshape(len(given), -1).T]
        weights = l2_weights_of(self.l2_weights, design)
        spectrum = ridge_spectrum(targets[0], weights)
        together = not self.alpha_per_target or len(targets) == 1
        search = _Search(design, targets, alphas, self.scoring, score, together)
        if self.cv is None:
            search.leave_one_out(spectrum, self.store_cv_results)
        else:
            search.over_folds(pairs_of(self.cv, frame_of(X), given, **split), weights)
        chosen = search.chosen(self.rule)
        self._keep_features(X, y, design.n_features)
        fits = [
            self._fit_to_all(spectrum, target, weights, alphas[k])
            for target, k in zip(targets, np.broadcast_to(chosen, len(targets)), strict=True)
        ]
        self._keep(fits, single=given.ndim == 1, dtype=design.X.dtype)
        self._keep_search(search, chosen, given)
        return self

    def _check_options(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}; got {self.rule!r}.")
        if self.gcv_mode not in (None, "auto", "svd", "eigen"):
            raise ValueError(
                f"gcv_mode must be None, 'auto', 'svd' or 'eigen', got {self.gcv_mode!r}."
            )
        if self.cv is not None and self.store_cv_results:
            raise ValueError("cv!=None and store_cv_results=True are incompatible")
        if self.rule == "1se" and self.cv is None and self.scoring is not None:
            raise ValueError(
                "rule='1se' needs several scores; leaving out single samples gives them with "
                "scoring=None only. Give cv for a standard error over folds."
            )

    def _checked_alphas(self) -> Vector:
        single = np.ndim(self.alphas) == 0
        return checked_alphas([self.alphas] if single else self.alphas, positive=self.cv is None)

    def _fit_to_all(
        self, spectrum: RidgeSpectrum, target: Design, weights: Vector, alpha: float
    ) -> Any:
        # start from the solution by eigenvalues, which only needs to be certified
        return solve_design(
            target,
            Penalty(l2=ridge_strengths(weights, alpha, target)),
            solver="auto",
            precompute="auto",
            tol=1e-10,
            max_iter=100_000,
            coef_init=spectrum.coef(target, alpha) if alpha > 0.0 else None,
        )

    def _keep_search(
        self, search: _Search, chosen: NDArray[np.intp], given: NDArray[np.float64]
    ) -> None:
        alphas, best = search.alphas[chosen], search.scores[np.arange(len(chosen)), chosen]
        one = search.together
        self.alpha_ = float(alphas[0]) if one else alphas
        self.best_score_ = float(best[0]) if one else best
        self.scores_ = search.scores[0] if one else search.scores
        if self.store_cv_results:
            kept = search.by_sample
            self.cv_results_ = kept[0] if given.ndim == 1 else kept.transpose(1, 0, 2)
        else:
            self.__dict__.pop("cv_results_", None)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of `fit` parameters to scorer and splitter (metadata routing).

        Returns
        -------
        MetadataRouter
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        router.add(
            scorer=self._scorer(), method_mapping=MethodMapping().add(caller="fit", callee="score")
        )
        return router.add(
            splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split")
        )

    def _scorer(self) -> Any:
        if self.scoring is None:
            return get_scorer("r2").set_score_request(sample_weight=True)
        return get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring


class _Search:
    """Scores of all alphas, for all targets jointly or for each.

    Attributes
    ----------
    scores, spread : ndarray (n_choices, n_alphas)
        Means over folds or samples, and their standard errors; n_choices is 1 if `together`.
    by_sample : ndarray (n_targets, n_samples, n_alphas)
        Squared errors or predictions of held-out samples, if they are to be stored.
    """

    @with_hints
    def __init__(
        self,
        design: Design,
        targets: list[Design],
        alphas: Vector,
        scoring: Any,
        score_params: dict[str, Any],
        together: bool,
    ) -> None:
        self.design = design
        self.targets = targets
        self.alphas = alphas
        self.scoring = scoring
        self.score_params = score_params
        self.together = together
        self.by_sample = np.empty((len(targets), 0, len(alphas)))
        shape = (1 if together else len(targets), len(alphas))
        self.scores, self.spread = np.empty(shape), np.zeros(shape)

    def chosen(self, rule: str) -> NDArray[np.intp]:
        """Return the index of the alpha that the rule chooses, (n_choices,)."""
        best = np.argmax(self.scores, axis=1)
        if rule == "1se":
            each = np.arange(len(best))
            enough = self.scores[each, best] - self.spread[each, best]
            within = self.scores >= enough[:, np.newaxis]
            best = np.argmax(np.where(within, self.alphas, -np.inf), axis=1)
        return np.asarray(best)

    def leave_one_out(self, spectrum: RidgeSpectrum, keep: bool) -> None:
        """Compute the leave-one-out scores."""
        n = self.design.n_samples
        if n == 1:
            raise ValueError("X has n_samples=1; at least 2 are needed to leave one out.")
        if self.scoring is not None or keep:
            self.by_sample = np.empty((len(self.targets), n, len(self.alphas)))
        sums = np.zeros((2, *self.scores.shape))  # of the samples' losses and of their squares
        y = np.array([target.y for target in self.targets])
        for rows, errors in spectrum.left_out(self.targets, self.alphas):
            if self.scoring is not None:
                self.by_sample[:, rows] = y[:, rows, np.newaxis] - errors
                continue
            losses = errors**2 * self._weight(rows)[:, np.newaxis]
            if keep:
                self.by_sample[:, rows] = losses
            losses = losses.mean(axis=0, keepdims=True) if self.together else losses
            sums += losses.sum(axis=1), (losses**2).sum(axis=1)
        if self.scoring is not None:
            self.scores = self._scores(np.arange(n), self.by_sample, "the samples left out")
            return
        self.scores = -sums[0] / n
        variance = np.maximum(sums[1] / n - self.scores**2, 0.0) * (n / max(n - 1, 1))
        self.spread = np.sqrt(variance / n)

    def _weight(self, rows: slice) -> Vector:
        # sample weights as given by the user
        if self.design.weight is None:
            return np.full(rows.stop - rows.start, self.design.weight_sum / self.design.n_samples)
        unit = self.design.weight_sum / self.design.n_samples
        return np.asarray(self.design.weight[rows] * unit)

    def over_folds(self, pairs: list[Any], l2_weights: Vector) -> None:
        """Compute the scores on the test samples of every fold."""
        folds = make_folds(pairs, self.design.n_samples)
        training = Training(self.targets[0], folds)
        unit = self.design.weight_sum / self.design.n_samples  # unit of the weights in Training
        scores = []
        for k, fold in enumerate(folds):
            first = training.design_of(k)
            targets = [first, *(first.with_target(t.y) for t in self.targets[1:])]
            spectrum = ridge_spectrum(first, l2_weights / unit)
            predicted = [spectrum.predictions(t, fold.test, self.alphas) for t in targets]
            scores.append(self._scores(fold.test, np.array(predicted), f"fold {k}"))
        self.scores = np.mean(scores, axis=0)
        if len(folds) > 1:
            self.spread = np.std(scores, axis=0, ddof=1) / np.sqrt(len(folds))

    def _scores(self, rows: NDArray[np.intp], predicted: Any, where: str) -> NDArray[np.float64]:
        # scores of predictions (n_targets, n_rows, n_alphas) by the scorer
        y = np.array([target.y[rows] for target in self.targets])
        n = self.design.n_samples
        options: dict[str, Any] = {
            k: np.broadcast_to(np.asarray(v), n)[rows] for k, v in self.score_params.items()
        }
        if len(y) > 1 and self.together:
            groups = [(y.T, predicted.transpose(1, 0, 2))]
        else:
            groups = list(zip(y, predicted, strict=True))
        scoring = "r2" if self.scoring is None else self.scoring
        return np.array(
            [
                scores_of(scoring, self.design, Known(rows, true, guessed), where, **options)
                for true, guessed in groups
            ]
        )
