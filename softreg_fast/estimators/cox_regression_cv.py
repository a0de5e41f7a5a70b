"""CoxRegressionCV: a scikit-learn estimator that chooses alpha and l1_ratio."""

from __future__ import annotations

from typing import Any

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.survival_model import _SurvivalModel
from softreg_fast.model_selection.choice import Choice, choose, problems_for
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.folds import folds_for
from softreg_fast.options.choices import Missing, Rule, SurvivalMeasure, Ties, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, Eps, Folds, Vector
from softreg_fast.paths.result import Solution
from softreg_fast.solvers.problem import Options, Problem


class CoxRegressionCV(_SurvivalModel):
    """Cox's proportional hazards with alpha, and l1_ratio if several are given, chosen by folds.

    The objective is that of `CoxRegression`; `cv_path` documents how folds are fitted and compared.

    Parameters
    ----------
    l1_ratio : float in [0, 1] or array-like of them, default=1.0
        Share of the L1 penalty: 1 is the Lasso's, 0 ridge's; the best of several is chosen with
        alpha.
    alphas : int or array-like (n_alphas,), default=100
        Number of alphas, evenly spaced in the logarithm, or their values.
    eps : float in (0, 1] or "auto", default="auto"
        Ratio of the smallest alpha to alpha_max, the smallest alpha at which all coefficients are
        0. "auto" extends the grid while the error falls, as in `cv_path`.
    cv : int, splitter, iterable of (train, test) or None, default=None
        As in scikit-learn; an int is a number of folds with the same shares of events. None is 5.
    measure : {"deviance", "concordance"}, default="deviance"
        By what models are compared on the samples left out: the partial likelihood of all samples
        less that of the training samples, as in glmnet, or Harrell's C-index.
    rule : {"min", "1se"}, default="min"
        "min": the alpha with the smallest mean error over the folds. "1se": the largest alpha whose
        mean error is within one standard error of that.
    ties : {"breslow", "efron"}, default="breslow"
        What to do about events at the same time, as in `losses.Cox`. The default is that of glmnet
        and scikit-survival; R's coxph has "efron".
    seed : int or None, default=0
        Seed of the shuffle before folds are dealt out, if cv is a number or None. None: blocks of
        samples in their order.
    max_iter : int or None, default=100_000
        Largest number of epochs, passes over the features; None: 100,000. The default is a limit
        for fits that do not converge; others need far fewer.
    tol : float, default=1e-6
        The fits end when the duality gap is at most tol times the mean deviance of the model
        without features.
    verbose : bool or int, default=0
        Show one bar over folds and alphas (needs tqdm), on a terminal or in a notebook.
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
    alpha_ : float
        The chosen alpha.
    l1_ratio_ : float
        The chosen l1_ratio.
    alphas_ : ndarray (n_alphas,) or (n_l1_ratios, n_alphas)
        The alphas tried, falling; one row for each l1_ratio if there are several.
    cv_path_ : CVPath
        Full result: both rules, the folds' paths and errors, and its `note` if the last alpha of
        the grid was the best, about which the estimator does not warn.
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
    Verweij, van Houwelingen (1993), "Cross-validation in survival analysis", Stat. Med. 12, for the
    deviance of folds; Simon, Friedman, Hastie, Tibshirani (2011), J. Stat. Software 39(5).

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast import CoxRegressionCV, survival
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 5))
    >>> time = rng.exponential(np.exp(-X[:, 0]))
    >>> model = CoxRegressionCV().fit(X, survival(time, time < 2.0))
    >>> bool(model.score(X, survival(time, time < 2.0)) > 0.7)
    True
    """

    alpha_: float
    l1_ratio_: float
    alphas_: Vector
    cv_path_: CVPath

    @with_hints
    def __init__(
        self,
        *,
        l1_ratio: Any = 1.0,
        alphas: Any = 100,
        eps: Eps = "auto",
        cv: Folds | None = None,
        measure: SurvivalMeasure = "deviance",
        rule: Rule = "min",
        ties: Ties = "breslow",
        seed: int | None = 0,
        max_iter: int | None = 100_000,
        tol: float = 1e-6,
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
        self.l1_ratio = l1_ratio
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.measure = measure
        self.rule = rule
        self.ties = ties
        self.seed = seed
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

    def _fit_target(
        self, design: Design, target: Any, offset: Any, start: Vector | None
    ) -> tuple[Solution, Problem]:
        design = design.with_target(target, self._loss(), offset)
        pairs = folds_for(self.cv, self.seed, design.X, *design.described_target.strata)
        ratios: Any = self.l1_ratio
        problems = problems_for(
            design,
            ratios,
            Options("auto", "auto", self.tol, self._most_iterations),
            l1_weights=self.l1_weights,
            l2_weights=self.l2_weights,
            positive=self.positive,
            bounds=self.bounds,
        )
        choice = Choice(
            alphas=self.alphas,
            eps=self.eps,
            rule=self.rule,
            measure=self.measure,
            progress=bool(self.verbose),
        )
        found = choose(problems, pairs, choice)
        self.alpha_, self.l1_ratio_ = found.alpha, found.l1_ratio
        self.alphas_ = found.alphas[0] if len(found.l1_ratios) == 1 else found.alphas
        self.cv_path_ = found
        return found.path[found.index], problems[0]
