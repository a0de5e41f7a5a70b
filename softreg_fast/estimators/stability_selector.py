"""StabilitySelector: a scikit-learn estimator for stability_path."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from softreg_fast.data.names import PerFeature
from softreg_fast.data.validation import as_targets
from softreg_fast.model_selection.stability import StabilityPath, stability_path
from softreg_fast.options.hints import with_hints


class StabilitySelector(SelectorMixin, BaseEstimator):
    """Select the features that enter the path in most subsamples.

    On each subsample, with S the sum of its weights, the path of

        1/(2S) sum_i (y_i - x_i.w - b)^2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ]

    is followed until `max_selected` features have entered, as `stability_path` describes. Sample
    weights, which scikit-learn treats as repetitions of samples, have no such meaning where samples
    are drawn: `stability_path` accepts them as weights in the fits, this class does not.

    Attributes
    ----------
    frequencies_ : ndarray (n_features,)
        Share of the subsamples in which each feature entered.
    expected_false_ : float
        Bound on the expected number of false features among those selected; NaN where there is
        none, for fractions above 1/2.
    stability_path_ : StabilityPath
        Full result: frequencies at every alpha, the names selected at other thresholds.
    n_features_in_
    feature_names_in_

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
        bounds: Any = None,
        fit_intercept: bool = True,
        standardize: bool = False,
        tol: float = 1e-6,
        random_state: Any = None,
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

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Compute how often each feature enters.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)
        y : array-like (n_samples,)

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
        options = self.get_params()
        found = stability_path(
            X,
            column_or_1d(as_targets(y), warn=True),
            progress=bool(options.pop("verbose")),
            **options,
        )
        validate_data(self, X, skip_check_array=True)
        self.stability_path_: StabilityPath = found
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
