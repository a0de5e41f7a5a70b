"""Regressors of the Tweedie family: Poisson, Gamma, and any power."""

from __future__ import annotations

from typing import Any, get_args

from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.generalised import _GeneralisedRegressor
from softreg_fast.losses import Gamma, Loss, Poisson, Squared, Tweedie
from softreg_fast.options.choices import LINKS, Link, Missing, TweedieSolver, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds

# scikit-learn's solver names, all of which stand for the solver here
SOLVERS: tuple[TweedieSolver, ...] = get_args(TweedieSolver)


class _TweedieFamily(_GeneralisedRegressor):
    """Base of these: the parameters that they share, in scikit-learn's names."""

    @with_hints
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        solver: TweedieSolver = "lbfgs",
        max_iter: int | None = 100_000,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: bool | int = 0,
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads

    def _loss(self) -> Loss:
        if self.solver not in SOLVERS:
            raise ValueError(
                f"solver must be one of {', '.join(map(repr, SOLVERS))}; got {self.solver!r}. (It "
                "is accepted for compatibility: one solver fits all.)"
            )
        return self._family()

    def _family(self) -> Loss:
        raise NotImplementedError


class PoissonRegressor(_TweedieFamily):
    """Regression of counts with a log link: the Poisson distribution.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i [ exp(eta_i) - y_i eta_i ]
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + b + offset_i is the logarithm of the mean: scikit-learn's objective where
    l1_ratio = 0 and all weights are 1.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default is scikit-learn's for such models.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty: 1 is the Lasso's, 0, the default as in scikit-learn, is ridge's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    solver : str, default="lbfgs"
        Accepted for compatibility, if it is one of scikit-learn's names: one solver fits all.
    max_iter : int or None, default=100000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=0.0001
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    verbose : bool or int, default=0
        Accepted for compatibility: nothing is printed.
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

    Attributes
    ----------
    coef_ : ndarray (n_features,)
        Coefficients, in units of the linear predictor per unit of X; for float32 data rounded to
        float32.
    intercept_ : float
        Intercept, in the unit of the linear predictor; 0.0 without one.
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
    McCullagh, Nelder (1989), "Generalized linear models", for the models; docs/mathematics.md, for
    the duality gap.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import PoissonRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = PoissonRegressor(alpha=0.0).fit(X, [1.0, 2.0, 4.0, 8.0])
    >>> model.predict([[4.0]]).round(3)
    array([16.])
    """

    def _family(self) -> Loss:
        return Poisson()


class GammaRegressor(_TweedieFamily):
    """Regression of positive amounts with a log link: the Gamma distribution.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i [ y_i exp(-eta_i) + eta_i ]
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + b + offset_i is the logarithm of the mean: scikit-learn's objective where
    l1_ratio = 0 and all weights are 1.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default is scikit-learn's for such models.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty: 1 is the Lasso's, 0, the default as in scikit-learn, is ridge's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    solver : str, default="lbfgs"
        Accepted for compatibility, if it is one of scikit-learn's names: one solver fits all.
    max_iter : int or None, default=100000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=0.0001
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    verbose : bool or int, default=0
        Accepted for compatibility: nothing is printed.
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

    Attributes
    ----------
    coef_ : ndarray (n_features,)
        Coefficients, in units of the linear predictor per unit of X; for float32 data rounded to
        float32.
    intercept_ : float
        Intercept, in the unit of the linear predictor; 0.0 without one.
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
    McCullagh, Nelder (1989), "Generalized linear models", for the models; docs/mathematics.md, for
    the duality gap.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import GammaRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = GammaRegressor(alpha=0.0).fit(X, [1.0, 2.0, 4.0, 8.0])
    >>> model.predict([[4.0]]).round(3)
    array([16.001])
    """

    def _family(self) -> Loss:
        return Gamma()


class TweedieRegressor(_TweedieFamily):
    """Regression under a Tweedie distribution, whose variance is a power of the mean.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i d(y_i, eta_i) / 2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where d is the deviance for eta_i = x_i.w + b + offset_i: scikit-learn's objective where
    l1_ratio = 0 and all weights are 1. `losses.Tweedie` has the formula.

    Parameters
    ----------
    power : float, default=0.0
        Exponent of the mean in the variance: 0 is squared error, 1 Poisson, 2 Gamma, 3 inverse
        Gaussian; from 1 to 2 amounts that may be 0. Others have no distribution, or no convex loss
        with a log link.
    alpha : float >= 0, default=1.0
        Strength of the penalty; 0 is none. The default is scikit-learn's for such models.
    l1_ratio : float in [0, 1], default=0.0
        Share of the L1 penalty: 1 is the Lasso's, 0, the default as in scikit-learn, is ridge's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    link : {"auto", "identity", "log"}, default="auto"
        The function of the mean that is linear in X: "identity", for power 0 alone, or "log", for
        powers >= 1. "auto": the one that there is.
    solver : str, default="lbfgs"
        Accepted for compatibility, if it is one of scikit-learn's names: one solver fits all.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol^2 (at least 1e-14) times the mean deviance
        of the model without features: scikit-learn's tol, whose default this is, is for a gradient,
        with whose square the gap scales.
    warm_start : bool, default=False
        Start from the coefficients of the last fit, matched by feature name if both have names.
    verbose : bool or int, default=0
        Accepted for compatibility: nothing is printed.
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
    coef_ : ndarray (n_features,)
        Coefficients, in units of the linear predictor per unit of X; for float32 data rounded to
        float32.
    intercept_ : float
        Intercept, in the unit of the linear predictor; 0.0 without one.
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
    Jorgensen (1987), "Exponential dispersion models", J. Roy. Statist. Soc. B 49;
    docs/mathematics.md, for the duality gap.

    Examples
    --------
    >>> from softreg_fast import TweedieRegressor
    >>> X, y = [[1, 2], [2, 3], [3, 4], [4, 3]], [2, 3.5, 5, 5.5]
    >>> TweedieRegressor(alpha=0.1, power=1.5).fit(X, y).coef_.round(3)
    array([0.253, 0.177])
    """

    @with_hints
    def __init__(
        self,
        *,
        power: float = 0.0,
        alpha: float = 1.0,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        link: Link = "auto",
        solver: TweedieSolver = "lbfgs",
        max_iter: int | None = 100_000,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: bool | int = 0,
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
        super().__init__(
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            solver=solver,
            max_iter=max_iter,
            tol=tol,
            warm_start=warm_start,
            verbose=verbose,
            l1_weights=l1_weights,
            l2_weights=l2_weights,
            positive=positive,
            bounds=bounds,
            standardize=standardize,
            n_threads=n_threads,
        )
        self.power = power
        self.link = link
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _family(self) -> Loss:
        if self.link not in LINKS:
            raise ValueError(
                f"link must be one of {', '.join(map(repr, LINKS))}; got {self.link!r}."
            )
        identity = self.power == 0.0
        if self.link != "auto" and identity != (self.link == "identity"):
            why = (
                "with an identity link means may be negative, which no distribution of this power "
                "allows"
            )
            if identity:
                why = "normal errors have link='identity'"
            raise ValueError(
                f"link={self.link!r} does not go with power={self.power!r}: {why}; leave link out."
            )
        return Squared() if identity else Tweedie(self.power)
