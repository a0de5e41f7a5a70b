"""StabilitySelector: a scikit-learn estimator for stability_path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from softreg_fast.data.coding import categorical_columns
from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_targets
from softreg_fast.model_selection.stability import StabilityPath, stability_path
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, MatrixLike, RandomState, Vector


class StabilitySelector(SelectorMixin, BaseEstimator):
    """Select the features that enter the path in most subsamples.

    On each subsample, with S the sum of its weights, the path of

        1/(2S) sum_i (y_i - x_i.w - b)^2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ]

    is followed until `max_selected` features have entered, as `stability_path` describes. Sample
    weights, which scikit-learn treats as repetitions of samples, have no such meaning where samples
    are drawn: `stability_path` accepts them as weights in the fits, this class does not.

    Parameters
    ----------
    threshold : float in (0.5, 1], default=0.75
        Share of the subsamples in which a feature must enter to be selected. The default is the
        middle of the range 0.6 to 0.9 that Meinshausen and Buehlmann (2010) recommend.
    max_selected : int or None, default=None
        A subsample's path ends when this many features have entered (q in the literature); of those
        that enter at the last alpha the ones with the largest standardised coefficients count.
        None: the largest number that keeps the bound on the expected number of false features at 1.
    n_subsamples : int, default=100
        Number of subsamples. The default is that of Meinshausen and Buehlmann (2010).
    fraction : float in (0, 1], default=0.5
        Size of a subsample as a share of the samples, rounded down to whole samples. The default is
        the largest for which the number of false features has a bound.
    complementary : bool, default=True
        Draw the subsamples in pairs without common samples, for which the bound holds with any
        number of subsamples.
    alphas : int or array-like (n_alphas,), default=100
        Number of alphas, evenly spaced in the logarithm, or their values. The grid goes from
        alpha_max / sqrt(fraction) down to that times eps; alpha_max is that of all samples, which a
        subsample's exceeds by about that factor if y is noise.
    eps : float in (0, 1], default=1e-2
        Ratio of the smallest alpha to the largest. The default is ten times that of `path`: below
        it, on half the samples, paths hold more features than stability selection can use.
    l1_ratio : float in (0, 1], default=1.0
        Share of the L1 penalty, which selects features: 1, the default, is the Lasso.
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
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    tol : float, default=1e-6
        The fits end when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form of the
        objective. The default is that of `stability_path`.
    random_state : int, RandomState or None, default=None
        Seed or generator of the subsamples; None: different ones each time.
    verbose : bool or int, default=0
        Show a bar over subsamples (needs tqdm), on a terminal or in a notebook.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.

    Attributes
    ----------
    frequencies_ : ndarray (n_features,)
        Share of the subsamples in which each feature entered.
    expected_false_ : float
        Bound on the expected number of false features among those selected; NaN where there is
        none, for fractions above 1/2.
    stability_path_ : StabilityPath
        Full result: frequencies at every alpha, the names selected at other thresholds.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray (n_features,) of str
        Names of the features in `fit`; only if X was a frame whose column labels are all strings.

    Raises
    ------
    ValueError, TypeError
        From `fit`, for parameters or data that cannot be used; the message says what is expected.

    Warns
    -----
    ConvergenceWarning
        From `fit`, once, if the duality gap is larger than the tolerance in some subsample.

    References
    ----------
    Meinshausen, Buehlmann (2010), "Stability selection", JRSS B 72(4). Shah, Samworth (2013),
    "Variable selection with error control: another look at stability selection", JRSS B 75(1), for
    complementary pairs.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import StabilitySelector
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> selector = StabilitySelector(random_state=0).fit(X, y)
    >>> selector.get_feature_names_out().tolist()
    ['bmi', 's5']
    """

    stability_path_: StabilityPath
    frequencies_: Vector
    expected_false_: float
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    if TYPE_CHECKING:  # scikit-learn has no types

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def get_support(self, indices: bool = False) -> NDArray[Any]: ...
        def transform(self, X: MatrixLike) -> Any: ...
        def fit_transform(self, X: MatrixLike, y: ArrayLike, **fit_params: Any) -> Any: ...

    @with_hints
    def __init__(
        self,
        *,
        threshold: float = 0.75,
        max_selected: int | None = None,
        n_subsamples: int = 100,
        fraction: float = 0.5,
        complementary: bool = True,
        alphas: Any = 100,
        eps: float = 1e-2,
        l1_ratio: float = 1.0,
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        positive: bool = False,
        bounds: Bounds | None = None,
        fit_intercept: bool = True,
        standardize: bool = False,
        tol: float = 1e-6,
        random_state: RandomState | None = None,
        verbose: bool | int = 0,
        n_threads: int | None = None,
    ) -> None:
        self.threshold = threshold
        self.max_selected = max_selected
        self.n_subsamples = n_subsamples
        self.fraction = fraction
        self.complementary = complementary
        self.alphas = alphas
        self.eps = eps
        self.l1_ratio = l1_ratio
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.positive = positive
        self.bounds = bounds
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose
        self.n_threads = n_threads

    def fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Compute how often each feature enters.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,), default=None
            The target, finite numbers.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used; the message says what is expected.
        """
        if y is None:
            raise ValueError(
                "StabilitySelector requires y to be passed, but the target y is None; give one "
                "target value for each row of X."
            )
        if categorical_columns(X):
            raise ValueError(
                "StabilitySelector selects columns of X, but some hold categories, text or dates, "
                "which have several features each; use stability_path, or give columns of numbers."
            )
        options = self.get_params()
        found = stability_path(
            X,
            column_or_1d(as_targets(y), warn=True),
            progress=bool(options.pop("verbose")),
            **options,
        )
        validate_data(self, X, skip_check_array=True)
        self.stability_path_ = found
        self.frequencies_ = found.max_frequencies
        self.expected_false_ = found.expected_false() if found.fraction <= 0.5 else np.nan
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return np.asarray(self.frequencies_ >= self.stability_path_.threshold)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        return tags
