"""SlopeCV: a scikit-learn estimator that chooses alpha of SLOPE."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.estimators.structured_cv import _StructuredCV
from softreg_fast.model_selection.choice import problems_for
from softreg_fast.options.choices import Missing, Rule, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Eps, Folds, Precompute, Scoring
from softreg_fast.paths.result import Solution
from softreg_fast.penalties.sorted import SLOPE
from softreg_fast.solvers.problem import Options, Problem


class SlopeCV(_StructuredCV):
    """SLOPE with alpha chosen by cross-validation.

    The objective is that of `Slope`: with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_k lambda_k |w|_(k)

    `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    rank_weights : {"bh", "oscar"} or array-like (n_weights,), default="bh"
        The lambda_k of the p coefficients, by their rank. "bh": Phi^-1(1 - k q / (2 p)), Phi the
        normal distribution's, which for orthogonal features bounds the false discovery rate by q
        (Benjamini and Hochberg); "oscar": 1 + q (p - k), the L1 norm plus q times the larger size
        of each pair. An array has numbers >= 0 that do not rise, not all 0.
    q : float in (0, 1), default=0.1
        The false discovery rate of "bh", the slope of "oscar"; of no effect beside an array.
    eps : float in (0, 1] or "auto", default=1e-3
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. The default is scikit-learn's. "auto" extends the grid while the error falls, as in
        `cv_path`.
    alphas : int, array-like (n_alphas,) or None, default=100
        Number of alphas, evenly spaced in the logarithm, or their values. None: `n_alphas`, or 100.
        The default is scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    standardize : bool, default=False
        Compare, and penalise, the coefficients of columns of unit variance, without an intercept of
        unit mean square; coefficients stay in the units of X.
    precompute : bool, "auto" or array-like (n_features, n_features), default="auto"
        Build the Gram matrix X'X of all features first; "auto" decides by the shape of X. A given
        matrix is used for the fit to all samples.
    max_iter : int or None, default=None
        Largest number of Newton steps at one alpha. None: 100,000.
    tol : float, default=1e-6
        The fit is reported as converged when the duality gap is at most tol * ||y - mean(y)||^2, in
        the sum form of the objective; it goes on to rounding whatever tol.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn: an int is the number of folds, blocks of samples in their order; None is
        5 of them. A splitter such as KFold(5, shuffle=True) draws the folds at random.
    verbose : bool or int, default=False
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
    n_jobs : int or None, default=None
        Number of threads, if n_threads is None: scikit-learn's name for it.
    rule : {"min", "1se"}, default="min"
        "min": the alpha with the smallest mean error over the folds. "1se": the largest alpha whose
        mean error is within one standard error of that.
    scoring : str, callable or None, default=None
        A scikit-learn scorer instead of the mean squared error.
    patience : int or None, default=None
        Leave the grid after this many alphas without a smaller mean error; `mse_path_` is NaN
        there. None: fit the whole grid.
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
    alpha_ : float
        The chosen alpha.
    coef_ : ndarray (n_features,)
        Coefficients of the model fitted to all samples, in units of y per unit of X.
    intercept_ : float
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float
        Upper bound on the distance of the objective from its minimum, in the objective's unit.
    n_iter_ : int
        Number of Newton steps of the fit to all samples.
    clusters_ : list of ndarray
        Of each cluster of nonzero coefficients, the largest first, the indices of its features, or
        their names; in a cluster coefficients are equal in size.
    alphas_ : ndarray (n_alphas,)
        The alphas tried, falling.
    mse_path_ : ndarray (n_alphas, n_folds)
        Mean squared errors on the test samples, in the squared unit of y; minus the scores if
        `scoring` is given.
    coef_path_ : csc_array (n_features, n_alphas)
        Coefficients of the path on all samples.
    cv_path_ : CVPath
        Full result: both rules, the folds' paths, out-of-fold predictions; and its `note` if the
        last alpha of the grid was the best, about which the estimator does not warn.
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
    Bogdan, van den Berg, Sabatti, Su, Candes (2015), "SLOPE: adaptive variable selection via convex
    optimization", Annals of Applied Statistics 9(3). docs/mathematics.md, section 10, for the
    folds.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import SlopeCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SlopeCV(cv=10).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.51
    """

    @with_hints
    def __init__(
        self,
        *,
        rank_weights: Any = "bh",
        q: float = 0.1,
        eps: Eps = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        standardize: bool = False,
        precompute: Precompute = "auto",
        max_iter: int | None = None,
        tol: float = 1e-6,
        cv: Folds | None = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        rule: Rule = "min",
        scoring: Scoring | None = None,
        patience: int | None = None,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
    ) -> None:
        self.rank_weights = rank_weights
        self.q = q
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.rule = rule
        self.scoring = scoring
        self.patience = patience
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _problems(self, design: Design, options: Options) -> list[Problem]:
        return problems_for(design, 1.0, options, SLOPE(weights=self.rank_weights, q=self.q))

    def _keep(self, fits: list[Solution], single: bool, dtype: Any = np.float64) -> None:
        super()._keep(fits, single, dtype)
        self.clusters_ = fits[0].clusters()
