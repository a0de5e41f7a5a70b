"""Bases of the estimators: data, warm starts, fitted attributes, linear predictors."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from softreg_fast.data.coding import Coding, frame_of
from softreg_fast.data.contents import check_contents
from softreg_fast.data.design import Design
from softreg_fast.data.names import Names, feature_names_of, in_order, labels_of
from softreg_fast.data.tables import Table, TableOptions, as_table
from softreg_fast.data.validation import as_targets, check_sparse
from softreg_fast.options.choices import Missing, Unknown
from softreg_fast.options.types import Floats, MatrixLike
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.result import Solution
from softreg_fast.paths.user_units import rounded
from softreg_fast.solvers.protocol import is_alarm


class _LinearModel(BaseEstimator):
    """Base of all linear models: the Design, features, warm starts and linear predictors."""

    # `| Any` stands for the arrays of several targets, in which a type checker then sees no mistake
    coef_: Floats
    intercept_: float | Any
    dual_gap_: float | Any
    n_iter_: int | Any
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    _coding: Any
    max_iter: Any
    fit_intercept: bool
    standardize: bool

    dates: Any = None
    missing: Missing = "error"
    unknown: Unknown = "error"

    _design_type = Design

    if TYPE_CHECKING:  # scikit-learn has no types

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...

    def __setstate__(self, state: dict[str, Any]) -> None:
        # fill in defaults for parameters newer than the pickle
        parameters = inspect.signature(type(self).__init__).parameters.values()
        defaults = {
            each.name: each.default for each in parameters if each.default is not each.empty
        }
        super().__setstate__({**defaults, **state})

    def _refuse_design(self, X: Any) -> None:
        if isinstance(X, Design):
            raise TypeError(
                f"{type(self).__name__} takes arrays, sparse matrices and frames, as scikit-learn "
                "does; X is a Design, which is for solve, path and cv_path."
            )

    def _refuse_missing(self, y: Any) -> None:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; "
                "give one target value for each row of X."
            )

    def _design(
        self, X: Any, y: ArrayLike | None, sample_weight: ArrayLike | None, n_threads: int | None
    ) -> Design:
        # the Design of X, shared by all targets
        self._refuse_design(X)
        self._refuse_missing(y)
        return self._design_type(
            X,
            sample_weight=sample_weight,
            fit_intercept=self.fit_intercept,
            standardize=self.standardize,
            n_threads=n_threads,
        )

    def _table(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Table:
        # what is fitted: a frame coded, without the rows that are left out
        self._refuse_design(X)
        if isinstance(X, str):  # which is no formula here
            return Table(X, y, sample_weight, offset)
        return as_table(X, y, sample_weight, offset, self._table_options())

    def _table_options(self) -> TableOptions:
        return TableOptions(self.dates, self.missing, self.unknown)

    @property
    def _most_iterations(self) -> int:
        return 100_000 if self.max_iter is None else self.max_iter

    def _last_coef(self, design: Design) -> NDArray[Any] | None:
        # initial coefficients of a warm start, matched by name if both fits have names
        coef = getattr(self, "coef_", None) if getattr(self, "warm_start", False) else None
        last, now = getattr(self, "feature_names_in_", None), design.feature_names
        coding: Coding | None = getattr(self, "_coding", None)
        if coding is not None:
            last = coding.feature_names
        if coef is not None and sp.issparse(coef):
            coef = coef.toarray()
        if coef is not None and last is not None and now is not None:
            place = {name: j for j, name in enumerate(last)}
            if place.keys() != set(now):
                return None
            coef = coef[..., [place[name] for name in now]]
        return coef if coef is not None and coef.shape[-1] == design.n_features else None

    def _keep_features(self, X: Any, y: Any, n_features: int) -> None:
        X = frame_of(X)
        self._labels: Names | None = None  # unless all strings: scikit-learn ignores others
        if isinstance(X, np.ndarray) or sp.issparse(X):
            # no names: looking for them can take as long as a small fit
            self.n_features_in_ = n_features
            self.__dict__.pop("feature_names_in_", None)
            return
        validate_data(self, X, y, skip_check_array=True)
        if not hasattr(self, "feature_names_in_"):
            self._labels = feature_names_of(X)

    def _linear_predictor(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        self._refuse_design(X)
        if getattr(self, "_coding", None) is not None:
            return self._product(self._features_of(X))
        if not (isinstance(X, np.ndarray) or hasattr(self, "feature_names_in_")):
            X = in_order(X, getattr(self, "_labels", None), self.n_features_in_)
        check_sparse(X)
        check_contents("X", X)
        return self._product(
            validate_data(self, X, accept_sparse=["csr", "csc", "coo"], reset=False)
        )

    def _features_of(self, X: Any) -> Any:
        # the features that stand for the columns of a frame
        if self._coding is None or labels_of(X) is None:
            raise ValueError(
                f"This {type(self).__name__} was fitted to a frame with categorical columns; give "
                "a frame with the same columns."
            )
        return self._coding.matrix(X)

    @property
    def coding_(self) -> Coding | None:
        """Coding of the columns of a frame as features; None where each is one."""
        check_is_fitted(self)
        return getattr(self, "_coding", None)

    def _product(self, X: Any) -> NDArray[Any]:
        product = safe_sparse_dot(X, self.coef_.T, dense_output=True)
        return np.asarray(product + self.intercept_)

    @property
    def sparse_coef_(self) -> Any:
        """Coefficients as a CSR matrix."""
        return sp.csr_matrix(self.coef_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _LinearRegressor(MultiOutputMixin, RegressorMixin, _LinearModel):
    """Base of the estimators of squared error: several targets as several fits on one Design."""

    alpha: Any
    n_threads: int | None

    if TYPE_CHECKING:  # scikit-learn has no types

        def score(
            self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
        ) -> float: ...

    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features, finite numbers.
        y : array-like (n_samples,) or (n_samples, n_targets), default=None
            The target, finite numbers. The columns of a matrix are fitted one by one.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used; the message says what is expected.
        """
        X, y, sample_weight, _ = self._table(X, y, sample_weight)[:4]
        design = self._design(X, y, sample_weight, self.n_threads)
        targets = as_targets(y)
        if targets.ndim > 2:
            raise ValueError(f"y has shape {targets.shape}; expected a vector or a matrix.")
        columns = targets.reshape(len(targets), -1).T
        alphas = self._alphas(len(columns))
        starts = self._starts(len(columns), design)
        fits = [
            self._fit_target(design.with_target(column), alpha, start)
            for column, alpha, start in zip(columns, alphas, starts, strict=True)
        ]
        # Stored together, so that an interrupted fit leaves the previous one intact.
        self._keep_features(X, y, design.n_features)
        self._keep(fits, single=targets.ndim == 1, dtype=design.X.dtype)
        missed = [fit for fit in fits if is_alarm(fit.status)]
        if missed:
            warn_not_converged(
                [fit.gap for fit in missed],
                [fit.tol for fit in missed],
                [fit.status for fit in missed],
                self._most_iterations,
                f" for {len(missed)} of {len(fits)} targets" if len(fits) > 1 else "",
            )
        return self

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        raise NotImplementedError

    def _alphas(self, n_targets: int) -> list[Any]:
        return [self.alpha] * n_targets

    def _starts(self, n_targets: int, design: Design) -> list[NDArray[np.float64] | None]:
        coef = self._last_coef(design)
        if coef is None or coef.reshape(-1, design.n_features).shape[0] != n_targets:
            return [None] * n_targets
        return list(coef.reshape(n_targets, -1))

    def _keep(self, fits: list[Solution], single: bool, dtype: Any = np.float64) -> None:
        one = single or len(fits) == 1
        fewest = 0 if getattr(self, "warm_start", False) else 1
        self._coding = fits[0].coding
        first, n_iter = fits[0], [max(fit.n_epochs, fewest) for fit in fits]
        self.coef_ = rounded(first.coef if one else np.array([fit.coef for fit in fits]), dtype)
        self.dual_gap_ = first.gap if one else np.array([fit.gap for fit in fits])
        self.n_iter_ = n_iter[0] if one else n_iter
        intercepts = rounded(np.array([fit.intercept for fit in fits]), dtype)
        self.intercept_ = intercepts[0] if single else intercepts
        if not self.fit_intercept:
            self.intercept_ = 0.0

    def predict(self, X: MatrixLike) -> Floats:
        """Return X @ coef_.T + intercept_, in float32 if X and coef_ are float32.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            A frame must have the columns of the fit in their order. If their names are numbers,
            dates or tuples, which scikit-learn does not compare, columns are matched by name.

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_targets)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            For X that is not finite numbers, has another number of features, or other names.
        """
        return self._linear_predictor(X)


def order_of_descent(selection: str, random_state: Any) -> Any:
    """Return the random generator for selection="random", None for "cyclic"."""
    if selection not in ("cyclic", "random"):
        raise ValueError(f"selection must be 'cyclic' or 'random', got {selection!r}.")
    rng = check_random_state(random_state)
    return rng if selection == "random" else None


def matrix_of_targets(estimator: Any, y: ArrayLike | None) -> NDArray[np.float64]:
    targets = as_targets(y)
    if targets.ndim == 1:
        name = type(estimator).__name__.removeprefix("MultiTask")
        raise ValueError(
            f"For mono-task outputs, use {name}; y has shape {targets.shape}, expected a column "
            "for each task."
        )
    return targets
