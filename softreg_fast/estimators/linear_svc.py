"""LinearSVC as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.generalised import Fitted, _LinearClassifier
from softreg_fast.estimators.labels import factors_of, weights_of_labels
from softreg_fast.estimators.logistic_regression import strength_of
from softreg_fast.losses import Loss, SquaredHinge
from softreg_fast.options.choices import Missing, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, ClassWeight, Index, RandomState, Vector
from softreg_fast.paths.result import Solution
from softreg_fast.penalties.vectors import Penalty

# The l1_ratio that each of scikit-learn's names of penalties stands for
PENALTIES = {"l1": 1.0, "l2": 0.0}

# Where scikit-learn's own class is found, with or without patch_sklearn
THEIRS = "scikit-learn's own, sklearn.svm._classes.LinearSVC"


class LinearSVC(_LinearClassifier):
    """Linear support vector machine with the squared hinge loss.

    Minimises over w and b, with the sample weights s (times those of the classes), y_i = 1 for
    samples of classes_[1] and -1 for others,

        C sum_i s_i max(0, 1 - y_i eta_i)^2
        + sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + b + offset_i: scikit-learn's objective, except that b is not penalised.
    With more than two classes, each has such a fit against all others, whose classes then have
    weight 1.

    Parameters
    ----------
    penalty : {"l1", "l2"}, default="l2"
        The penalty, unless l1_ratio states it: its L1 or its L2 part alone.
    loss : {"squared_hinge"}, default="squared_hinge"
        The loss. "hinge", scikit-learn's other one, is refused.
    dual : bool or "auto", default="auto"
        Accepted for compatibility: every fit has a primal and a dual solution.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    C : float > 0, default=1.0
        Weight of the losses against the penalty. The default is scikit-learn's.
    multi_class : {"ovr"}, default="ovr"
        How more than two classes are fitted: each against all others. "crammer_singer",
        scikit-learn's other way, is refused.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    intercept_scaling : float, default=1
        Accepted for compatibility: the intercept is never penalised.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes by label, by which sample weights are multiplied; classes not named
        have 1. "balanced" gives all classes the same sum of weights. None: all 1.
    verbose : bool or int, default=0
        Accepted for compatibility: nothing is printed.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility: the solver is not random.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    l1_ratio : float in [0, 1] or None, default=None
        Share of the L1 penalty: 1 is the Lasso's, 0 is ridge's. None: penalty states it.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
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
        loss; of several classes, the worst.
    n_iter_ : int
        Number of epochs, the largest of the classes; 0 if warm_start began at the solution.
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
    Fan, Chang, Hsieh, Wang, Lin (2008), "LIBLINEAR", J. Mach. Learn. Res. 9; docs/mathematics.md,
    for the duality gap.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from softreg_fast import LinearSVC
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = LinearSVC(l1_ratio=1.0, C=0.01).fit(X, y)
    >>> round(model.score(X, y), 2), int((model.coef_ != 0.0).sum())
    (0.95, 5)
    """

    @with_hints
    def __init__(
        self,
        penalty: Literal["l1", "l2"] = "l2",
        loss: Literal["squared_hinge"] = "squared_hinge",
        *,
        dual: bool | Literal["auto"] = "auto",
        tol: float = 1e-4,
        C: float = 1.0,
        multi_class: Literal["ovr"] = "ovr",
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: ClassWeight | None = None,
        verbose: bool | int = 0,
        random_state: RandomState | None = None,
        max_iter: int | None = 100_000,
        l1_ratio: float | None = None,
        warm_start: bool = False,
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
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter
        self.l1_ratio = l1_ratio
        self.warm_start = warm_start
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    _more_than_two = True

    def _loss(self) -> Loss:
        if self.loss != "squared_hinge":
            raise ValueError(
                f"Unsupported set of arguments: penalty={self.penalty!r}, loss={self.loss!r}, "
                f"dual={self.dual!r}. loss must be 'squared_hinge'; 'hinge' is left to {THEIRS}."
            )
        if self.multi_class != "ovr":
            raise ValueError(
                f"multi_class must be 'ovr', got {self.multi_class!r}; 'crammer_singer' is left to "
                f"{THEIRS}."
            )
        return SquaredHinge()

    def _penalty(self, design: Design) -> Penalty:
        if self.penalty not in PENALTIES:
            raise ValueError(
                f"penalty must be one of {', '.join(map(repr, PENALTIES))}; got "
                f"{self.penalty!r}. (For a mixture of both give l1_ratio.)"
            )
        ratio = PENALTIES[self.penalty] if self.l1_ratio is None else self.l1_ratio
        if self.penalty == "l1" and ratio != 1.0:
            raise ValueError(
                f"penalty='l1' and l1_ratio={ratio!r} contradict each other; leave penalty out."
            )
        return self._penalty_of(strength_of(self.C, design.weight_sum), ratio)

    def _weights(self, classes: NDArray[Any], codes: Index, sample_weight: Any) -> Vector | None:
        weight = super()._weights(classes, codes, sample_weight)
        if len(classes) == 2:
            return weight
        return weights_of_labels(None, classes, codes, sample_weight)

    def _fit_classes(
        self, design: Design, classes: NDArray[Any], codes: Index, offset: Any, start: Any
    ) -> list[Fitted]:
        loss, fits = self._loss(), []
        _, factors = factors_of(self.class_weight, classes, codes, design.weight)
        mean = design.weight_sum / design.n_samples
        weight = mean * (np.ones(len(codes)) if design.weight is None else design.weight)
        for k, factor in enumerate(factors.tolist()):
            ones = codes == k
            # as in liblinear, the class has its weight, and all others 1
            on = design if factor == 1.0 else design.with_weight(np.where(ones, factor, 1) * weight)
            target = on.with_target(ones.astype(np.float64), loss, offset)
            fits.append(self._solve(target, None if start is None else start[k]))
        return fits

    def _joined(self, fits: list[Solution]) -> Solution:
        if len(fits) == 1:
            return fits[0]
        return replace(
            max(fits, key=lambda fit: fit.gap),
            coef=np.array([fit.coef for fit in fits]),
            intercept=np.array([fit.intercept for fit in fits]),
            n_epochs=max(fit.n_epochs for fit in fits),
        )

    def _keep_coefficients(self, coef: NDArray[Any], intercept: Any, dtype: Any) -> None:
        super()._keep_coefficients(coef, intercept, dtype)
        if not self.fit_intercept:
            self.intercept_ = 0.0  # as liblinear has it
