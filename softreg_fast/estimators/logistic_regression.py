"""LogisticRegression as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.callbacks import CallbackSupportMixin, tasks_of, with_callbacks
from softreg_fast.estimators.generalised import Fitted, _ProbabilityClassifier
from softreg_fast.losses import Loss, as_loss
from softreg_fast.options.choices import LogisticPenalty, LogisticSolver, Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Bounds, ClassWeight, Index, MatrixLike, RandomState
from softreg_fast.paths.convergence import level_of_caller
from softreg_fast.penalties.vectors import Penalty

# scikit-learn's solver names, all of which stand for the solver here
SOLVERS: tuple[LogisticSolver, ...] = get_args(LogisticSolver)

# The l1_ratio that each of scikit-learn's names of penalties stands for; None: that which is given.
PENALTIES = {"l1": 1.0, "l2": 0.0, "elasticnet": None, "deprecated": None, None: None}


class LogisticRegression(CallbackSupportMixin, _ProbabilityClassifier):
    """Logistic regression of two or more classes with L1 and L2 penalties.

    Minimises over w and b, with the sample weights s (times those of the classes), y_i = 1 for
    samples of classes_[1] and 0 for others,

        sum_i s_i [ log(1 + exp(eta_i)) - y_i eta_i ]
        + 1/C * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + b + offset_i, which is scikit-learn's objective where all weights are 1.
    More than two classes have a w and a b each, in the loss log(sum_c exp(eta_ic)) - eta_ik of
    samples of class k; `losses.Multinomial` describes it.

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet", None}, default="deprecated"
        scikit-learn's former way to choose l1_ratio: 1, 0, or as given; None is C=inf. The default
        leaves the choice to l1_ratio and C.
    C : float > 0 or inf, default=1.0
        Inverse strength of the penalty on a sum of losses, as in scikit-learn: alpha = 1 / (C * sum
        of the weights). inf: no penalty.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty: 1 is the Lasso's, 0, the default as in scikit-learn, is ridge's.
    dual : bool, default=False
        Accepted for compatibility: every fit has a primal and a dual solution.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    intercept_scaling : float, default=1
        Accepted for compatibility: the intercept is never penalised.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes by label, by which sample weights are multiplied; classes not named
        have 1. "balanced" gives all classes the same sum of weights. None: all 1.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility: the solver is not random.
    solver : str, default="lbfgs"
        Accepted for compatibility, if it is one of scikit-learn's names: one solver fits all.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    verbose : bool or int, default=0
        Accepted for compatibility: nothing is printed.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
    alpha : float >= 0 or None, default=None
        Strength of the penalty on a mean loss, instead of C; None: C states it.
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
    coordinate descent", J. Stat. Software 33(1).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from softreg_fast import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = LogisticRegression(l1_ratio=1.0, C=0.1).fit(X, y)
    >>> round(model.score(X, y), 3), int((model.coef_ != 0.0).sum())
    (0.951, 6)
    """

    @with_hints
    def __init__(
        self,
        penalty: LogisticPenalty | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: ClassWeight | None = None,
        random_state: RandomState | None = None,
        solver: LogisticSolver = "lbfgs",
        max_iter: int | None = 100_000,
        verbose: bool | int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
        alpha: float | None = None,
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
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.alpha = alpha
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
    ) -> Self:
        """Fit the model.

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
        tasks = tasks_of(self, X, y, 1)
        super().fit(X, y, sample_weight, offset)
        if tasks is not None:
            tasks.end()
        return self

    _more_than_two = True

    def _loss(self) -> Loss:
        check_names(self)
        return as_loss("logistic")

    def _with_codes(
        self, design: Design, classes: NDArray[Any], codes: Index, offset: Any
    ) -> Design:
        if len(classes) == 2:
            return super()._with_codes(design, classes, codes, offset)
        check_names(self)
        return MultiTaskDesign.of(design).with_target(codes, as_loss("multinomial"), offset)

    def _fit_classes(
        self, design: Design, classes: NDArray[Any], codes: Index, offset: Any, start: Any
    ) -> list[Fitted]:
        return [self._solve(self._with_codes(design, classes, codes, offset), start)]

    def _penalty(self, design: Design) -> Penalty:
        ratio = l1_ratio_of(self.penalty, self.l1_ratio)
        if self.alpha is not None and self.C != 1.0:
            raise ValueError(
                f"C={self.C!r} and alpha={self.alpha!r} both state the strength of the penalty; "
                "leave one of them out."
            )
        if self.penalty is None:
            if self.C != 1.0 or self.alpha is not None:
                caution("Setting penalty=None will ignore the C, alpha and l1_ratio parameters.")
            return self._penalty_of(0.0, ratio)
        alpha = strength_of(self.C, design.weight_sum) if self.alpha is None else self.alpha
        return self._penalty_of(alpha, ratio)


def caution(message: str, kind: type[Warning] = UserWarning) -> None:
    """Warn about parameters that contradict each other, or will mean something else."""
    warnings.warn(message, kind, stacklevel=level_of_caller())


def l1_ratio_of(penalty: str | None, l1_ratio: Any) -> Any:
    """Return the l1_ratio that both of scikit-learn's ways to choose the penalty stand for.

    Raises
    ------
    ValueError
        If neither states one.
    """
    named = PENALTIES[penalty]
    if l1_ratio is None and penalty == "elasticnet":
        raise ValueError("l1_ratio must be specified when penalty is elasticnet; got None.")
    if l1_ratio is None and named is None:
        caution(
            "'l1_ratio=None' was deprecated in scikit-learn 1.8; use l1_ratio=0.", FutureWarning
        )
        return 0.0
    if named is None:
        return l1_ratio
    if l1_ratio not in (None, 0.0, named):  # 0 is the default
        caution(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. l1_ratio parameter "
            f"is only used when penalty is 'elasticnet'. Got (penalty={penalty}); leave it out."
        )
    return named


def check_names(estimator: Any) -> None:
    """Raise ValueError unless the estimator's solver and penalty are names of scikit-learn's."""
    for name, known in (("solver", SOLVERS), ("penalty", tuple(PENALTIES))):
        given = getattr(estimator, name)
        if given not in known:
            raise ValueError(
                f"{name} must be one of {', '.join(map(repr, known))}; got {given!r}. (It is "
                "accepted for compatibility: l1_ratio states the penalty, and one solver fits all.)"
            )


def strength_of(C: Any, weight_sum: float) -> float:
    """Return the alpha that C stands for; 0 for C = inf.

    Raises
    ------
    ValueError, TypeError
        For anything but a number > 0.
    """
    if not (isinstance(C, float) and np.isposinf(C)):
        check_number("C", C, low=0.0, low_open=True)
    return 1.0 / (float(C) * weight_sum)
