"""CoxRegression as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.survival_model import _SurvivalModel
from softreg_fast.options.choices import Missing, Ties, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds


class CoxRegression(_SurvivalModel):
    """Cox's proportional hazards for survival times, with an elastic net.

    Minimises over w, with S the sum of the sample weights s,

        1/S sum_i s_i event_i [ log sum_j s_j exp(eta_j) - eta_i ]
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + offset_i and the inner sum is over the samples of the same stratum that
    are at risk at the time of i. The first part is minus the log partial likelihood over S, as in
    glmnet. There is no intercept, and predictions are not centred.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default is scikit-learn's for such models.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty: 1 is the Lasso's, 0, the default as in scikit-learn, is ridge's.
    ties : {"breslow", "efron"}, default="breslow"
        What to do about events at the same time, as in `losses.Cox`. The default is that of glmnet
        and scikit-survival; R's coxph has "efron".
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
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
        Penalise as if every column had unit variance; coefficients and bounds stay in the units of
        X.
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
    coef_ : ndarray (n_features,)
        Coefficients, logarithms of hazard ratios per unit of X; for float32 data rounded to
        float32.
    intercept_ : float
        0.0: Cox's loss has no intercept.
    baseline_ : Baseline
        Cumulative baseline hazards of the strata: times, cumulative, labels, and the linear
        predictor `center` of the sample whose they are.
    unique_times_ : ndarray (n_times,)
        The distinct times of the samples of the fit, rising.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the units of the mean
        loss; for losses that are not convex the distance from stationarity.
    n_iter_ : int
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
    Cox (1972), "Regression models and life-tables", J. R. Stat. Soc. B 34; Simon, Friedman, Hastie,
    Tibshirani (2011), "Regularization paths for Cox's proportional hazards model via coordinate
    descent", J. Stat. Software 39(5). docs/mathematics.md, section 16, for the duality gap.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import CoxRegression, survival
    >>> X, time = np.array([[0.0], [1.0], [2.0], [3.0]]), [4.0, 2.0, 3.0, 1.0]
    >>> model = CoxRegression(alpha=0.1).fit(X, survival(time, [1, 1, 0, 1]))
    >>> model.coef_.round(3)
    array([0.709])
    >>> round(model.predict_survival_function(X[:1])[0](2.0), 3)
    0.815
    """

    @with_hints
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        l1_ratio: float = 0.0,
        ties: Ties = "breslow",
        max_iter: int | None = 100_000,
        tol: float = 1e-4,
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
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.ties = ties
        self.max_iter = max_iter
        self.tol = tol
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
