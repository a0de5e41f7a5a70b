"""InverseGaussianRegressor as a scikit-learn estimator."""

from __future__ import annotations

from softreg_fast.estimators.tweedie_regressor import _TweedieFamily
from softreg_fast.losses import InverseGaussian, Loss


class InverseGaussianRegressor(_TweedieFamily):
    """Regression of positive, heavy-tailed amounts with a log link: the inverse Gaussian.

    Minimises over w and b, with S the sum of the sample weights s,

        1/S sum_i s_i [ y_i exp(-2 eta_i) / 2 - exp(-eta_i) ]
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ],

    where eta_i = x_i.w + b + offset_i is the logarithm of the mean. This is not convex, so that
    there is no duality gap: fits are judged by their distance from stationarity.

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
    >>> from softreg_fast import InverseGaussianRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = InverseGaussianRegressor(alpha=0.0).fit(X, [1.0, 2.0, 4.0, 8.0])
    >>> model.predict([[4.0]]).round(3)
    array([16.])
    """

    def _family(self) -> Loss:
        return InverseGaussian()
