"""LogisticRegressionCV: a scikit-learn estimator that chooses C and l1_ratio."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import get_scorer
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping

from softreg_fast.data.coding import frame_of
from softreg_fast.data.labels import encoded
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import check_same_rows
from softreg_fast.estimators.callbacks import tasks_of, with_callbacks
from softreg_fast.estimators.labels import codes_of
from softreg_fast.estimators.logistic_regression import (
    PENALTIES,
    LogisticRegression,
    caution,
    strength_of,
)
from softreg_fast.estimators.logistic_search import HeldOut, LogisticSearch, has_measure, measured
from softreg_fast.estimators.routing import routed
from softreg_fast.model_selection.choice import as_ratios
from softreg_fast.model_selection.folds import Training, make_folds, pairs_of
from softreg_fast.model_selection.progress import watching
from softreg_fast.options.choices import (
    RULES,
    LogisticPenalty,
    LogisticSolver,
    Missing,
    Rule,
    Unknown,
)
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_count, is_integer
from softreg_fast.options.types import (
    Bounds,
    ClassWeight,
    Folds,
    MatrixLike,
    RandomState,
    Scoring,
    Vector,
)
from softreg_fast.solvers.problem import Options, Problem

# Values by which scikit-learn 1.9 says that an argument was not given
NOT_GIVEN = ("warn", None)


class LogisticRegressionCV(LogisticRegression):
    """Logistic regression with C, and l1_ratio, chosen by cross-validation.

    The objective is that of `LogisticRegression`. Every fold is a vector of sample weights on the
    same X, or of a small X some rows; as in scikit-learn the same C is fitted to fewer samples
    there, so that alpha differs. `cv_path(loss="logistic")` compares folds at the same alpha, on a
    grid that fits the data.

    Parameters
    ----------
    Cs : int or array-like (n_Cs,), default=10
        The values of C tried, or their number, evenly spaced in the logarithm from 1e-4 to 1e4. The
        default is scikit-learn's.
    l1_ratios : array-like (n_l1_ratios,) or None, default=None
        The values of l1_ratio tried; None: 0 alone.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of stratified folds, which all have the same shares
        of the classes; None is 5 of them.
    dual : bool, default=False
        Accepted for compatibility: every fit has a primal and a dual solution.
    penalty : {"l1", "l2", "elasticnet"}, default="deprecated"
        scikit-learn's former way to choose l1_ratio: 1, 0, or as given in l1_ratios, as is the
        default.
    scoring : str, callable or None, default=None
        What the folds are compared by: a scikit-learn scorer, or "deviance", minus the mean
        deviance of the test samples. None: the accuracy, as in scikit-learn.
    solver : str, default="lbfgs"
        Accepted for compatibility, if it is one of scikit-learn's names: one solver fits all.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes by label, by which sample weights are multiplied; classes not named
        have 1. "balanced" gives all classes the same sum of weights. None: all 1.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
    verbose : bool or int, default=0
        Show one bar over folds and values of C (needs tqdm), on a terminal or in a notebook.
    refit : bool, default=True
        Fit the chosen C and l1_ratio to all samples. False: average the coefficients, C and
        l1_ratio that are best in each fold.
    intercept_scaling : float, default=1.0
        Accepted for compatibility: the intercept is never penalised.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility: the solver is not random.
    use_legacy_attributes : bool, default=True
        Keep C_, l1_ratio_, scores_, coefs_paths_ and n_iter_ in the shapes of scikit-learn before
        1.10, which are stated first below; False: in those after it.
    rule : {"min", "1se"}, default="min"
        "min": the C with the largest mean score over the folds. "1se": the smallest C whose mean
        score is within one standard error of that.
    l1_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L1 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L2 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
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
    classes_ : ndarray (n_classes,)
        The labels of the classes. Of two, decisions > 0 stand for the second.
    coef_ : ndarray or csr_matrix (1 or n_classes, n_features)
        Coefficients, of each class if there are more than two, in units of the linear predictor per
        unit of X; for float32 data rounded to float32. `sparsify` makes it sparse.
    intercept_ : ndarray (1,) or (n_classes,)
        Intercept, in the unit of the linear predictor; 0.0 without one.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the units of the mean
        loss; for losses that are not convex the distance from stationarity.
    C_ : ndarray (1,) or float
        The chosen C.
    l1_ratio_ : ndarray (1,) or float
        The chosen l1_ratio.
    Cs_ : ndarray (n_Cs,)
        The values of C tried.
    l1_ratios_ : ndarray (n_l1_ratios,)
        The values of l1_ratio tried.
    scores_ : dict of ndarray (n_folds, n_Cs, n_l1_ratios), or ndarray (n_folds, n_l1_ratios, n_Cs)
        Scores on the test samples, by the second class. Without l1_ratios the dict's array has no
        axis for them.
    coefs_paths_ : dict of ndarray (n_folds, n_Cs, n_l1_ratios, n_features + 1), or ndarray
        Coefficients, and last the intercept if there is one, by the second class; the array is
        (n_folds, n_l1_ratios, n_Cs, 1, n_features + 1).
    n_iter_ : ndarray (1,)
        Number of epochs; 0 if warm_start began at the solution.
    loss_ : Loss
        The loss of the fit, an object of `softreg_fast.losses`.
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

    Warns
    -----
    ConvergenceWarning
        From `fit`, if the duality gap is larger than the tolerance.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1). Breiman, Friedman, Olshen, Stone (1984),
    "Classification and Regression Trees", for the rule of one standard error.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from softreg_fast import LogisticRegressionCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = LogisticRegressionCV(l1_ratios=[1.0], scoring="roc_auc", standardize=True)
    >>> search.fit(X, y).C_.round(3)
    array([0.359])
    """

    __metadata_request__score = {"sample_weight": UNUSED}  # noqa: RUF012

    C_: Any
    l1_ratio_: Any
    scores_: Any
    coefs_paths_: Any

    @with_hints
    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = None,
        fit_intercept: bool = True,
        cv: Folds | None = None,
        dual: bool = False,
        penalty: LogisticPenalty = "deprecated",
        scoring: Scoring | None = None,
        solver: LogisticSolver = "lbfgs",
        tol: float = 1e-4,
        max_iter: int | None = 100_000,
        class_weight: ClassWeight | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: RandomState | None = None,
        use_legacy_attributes: bool = True,
        rule: Rule = "min",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes
        self.rule = rule
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Choose C and l1_ratio by cross-validation, then fit the model to all samples.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,), default=None
            Labels of the classes, two for ProbitRegression: strings, numbers, booleans or
            categories.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0 in a class. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Part of the linear predictor that is known for each sample, such as the logarithm of an
            exposure; predictions then need the offset of their samples. None: there is none.
        **params
            Options of the splitter and the scorer: with metadata routing those that they request,
            otherwise `groups`, if `cv` is an object with a method `split`.

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
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}; got {self.rule!r}.")
        self._refuse_missing(y)
        split, score = routed(self, sample_weight, params)
        table = self._table(X, y, sample_weight, offset)
        X, y, sample_weight, offset = table[:4]
        split, score = table.rows_of(split), table.rows_of(score)
        classes, codes = encoded(y, type(self).__name__, self._more_than_two)
        check_same_rows(X, "y", y)
        check_same_rows(X, "sample_weight", sample_weight)
        weight = self._weights(classes, codes, sample_weight)
        design = self._design(X, y, weight, self._most_threads)
        design = self._with_codes(design, classes, codes, offset)
        Cs, ratios = self._checked_Cs(), self._checked_ratios()
        options = Options(tol=self._gap_tol, max_iter=self._most_iterations)
        options.check()
        problems = [Problem(design, self._penalty_of(1.0, r), options) for r in ratios.tolist()]
        pairs = pairs_of(self.cv, frame_of(X), classes[codes], stratified=True, **split)
        training = Training(design, make_folds(pairs, design.n_samples))
        search = LogisticSearch(problems, training, Cs, codes, classes, self._measure, score)
        n_paths = len(pairs) * len(problems)
        tasks = tasks_of(self, frame_of(X), y, n_paths)
        watcher = None if tasks is None else tasks.teller("")
        with watching(n_paths * len(Cs), bool(self.verbose), watcher) as teller:
            search.run(teller)
        self._keep_features(X, y, design.n_features)
        self._keep_choice(search, problems, design.X.dtype)
        self.classes_ = classes
        if tasks is not None:
            tasks.end()
        return self

    @property
    def _measure(self) -> Any:
        return "accuracy" if self.scoring in NOT_GIVEN else self.scoring

    def _checked_Cs(self) -> Vector:
        if is_integer(self.Cs):
            return np.logspace(-4, 4, check_count("Cs", self.Cs))
        Cs = np.atleast_1d(np.asarray(self.Cs, np.float64))
        if Cs.ndim != 1 or not Cs.size:
            raise ValueError(f"Cs must be a number of values or a vector, got shape {Cs.shape}.")
        for C in Cs.tolist():
            strength_of(C, 1.0)  # raises for others than numbers > 0
        return Cs

    def _checked_ratios(self) -> Vector:
        named, given = PENALTIES[self.penalty], None if self._one_ratio else self.l1_ratios
        if self.penalty is None:
            raise ValueError("penalty=None leaves nothing to choose; use Cs=[inf], or inf in Cs.")
        if given is None and self.penalty == "elasticnet":
            raise ValueError("l1_ratios must be specified when penalty is elasticnet; got None.")
        if named is not None and given is not None and not np.all(np.equal(given, named)):
            caution(
                "l1_ratios parameter is only used when penalty is 'elasticnet'. Got "
                f"(penalty={self.penalty}); leave it out."
            )
        if named is not None or given is None:
            return np.full(1, named or 0.0)
        return as_ratios(given)

    @property
    def _one_ratio(self) -> bool:
        return self.l1_ratios is None or isinstance(self.l1_ratios, str)

    def _keep_choice(self, search: LogisticSearch, problems: list[Problem], dtype: Any) -> None:
        design, ratios = search.design, np.array([problem.l1_ratio for problem in problems])
        if self.refit:
            chosen = search.chosen(self.rule)
            ratio, C = ratios[chosen[0]], search.Cs[chosen[1]]
            penalty = self._penalty_of(strength_of(C, design.weight_sum), ratio)
            found, problem = self._solve(design, None, penalty)
            self._keep(found, dtype)
            self._warn(found, problem)
        else:
            each, (each_ratio, each_C) = np.arange(len(search.scores)), search.chosen_in_folds()
            C, ratio = search.Cs[each_C].mean(), ratios[each_ratio].mean()
            mean = search.coefs[each, each_ratio, each_C].mean(axis=0)
            self._keep_coefficients(mean[:, :-1], mean[:, -1], dtype)
            self.dual_gap_, self.loss_ = float("nan"), problems[0].loss
            self._coding = design.coding
            self._has_offset = design.described_target.offset is not None
        self.Cs_, self.l1_ratios_ = search.Cs, ratios
        self._keep_search(search, C, ratio)

    def _keep_search(self, search: LogisticSearch, C: float, ratio: float) -> None:
        # in the shapes of scikit-learn, before or after 1.10
        scores, n_iter = search.scores, search.n_iter
        paths = search.coefs if self.fit_intercept else search.coefs[..., :-1]
        if not self.use_legacy_attributes:
            self.C_, self.l1_ratio_ = float(C), float(ratio)
            self.scores_, self.coefs_paths_, self.n_iter_ = scores, paths, n_iter
            return
        scores, n_iter, paths = (each.swapaxes(1, 2) for each in (scores, n_iter, paths))
        if self._one_ratio:
            scores, n_iter, paths = scores[:, :, 0], n_iter[:, :, 0], paths[:, :, 0]
        rows = paths.shape[-2]
        names = search.classes[-rows:].tolist()  # of two classes, the second
        self.C_, self.l1_ratio_ = np.full(rows, C), np.full(rows, ratio)
        self.scores_ = dict.fromkeys(names, scores)
        self.coefs_paths_ = {name: paths[..., k, :] for k, name in enumerate(names)}
        self.n_iter_ = n_iter[np.newaxis]

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **score_params: Any,
    ) -> float:
        """Return the score by which C was chosen.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        y : array-like (n_samples,)
            The observed labels.
        sample_weight : array-like (n_samples,) or None, default=None
            Weights of the samples. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.
        **score_params
            Further options of the scorer.

        Returns
        -------
        float
        """
        _, options = routed(self, sample_weight, score_params, "score")
        eta = self.decision_function(X, offset)
        if has_measure(self._measure, self.loss_):
            codes, weight = codes_of(y, self.classes_), options.get("sample_weight")
            weight = None if weight is None else np.asarray(weight, np.float64)
            return float(measured(self._measure, self.loss_, codes, eta[:, np.newaxis], weight)[0])
        known = HeldOut(X, eta, self.classes_, self.coef_, self.intercept_, self.loss_)
        return float(self._get_scorer()(known, X, y, **options))

    def _get_scorer(self) -> Any:
        # the scorer, or one that requests the same as the deviance
        return get_scorer("accuracy" if self._measure == "deviance" else self._measure)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of parameters to splitter and scorer (metadata routing).

        Returns
        -------
        MetadataRouter
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        to_scorer = MethodMapping().add(caller="score", callee="score")
        router.add(
            scorer=self._get_scorer(), method_mapping=to_scorer.add(caller="fit", callee="score")
        )
        splitter = self.cv if hasattr(self.cv, "split") else check_cv()  # reads no iterator
        return router.add(
            splitter=splitter, method_mapping=MethodMapping().add(caller="fit", callee="split")
        )
