"""Bases of the generalised linear models: a loss becomes a regressor or a classifier.

One file: regressors and classifiers share the fit of one target and what is kept of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from softreg_fast.data.design import Design
from softreg_fast.data.labels import encoded
from softreg_fast.data.names import PerFeature
from softreg_fast.data.target import beside
from softreg_fast.data.validation import (
    as_offset,
    as_target,
    as_targets,
    as_weights,
    check_same_rows,
)
from softreg_fast.estimators.base import _LinearModel
from softreg_fast.estimators.labels import weights_of_labels
from softreg_fast.losses import Loss
from softreg_fast.losses.base import times
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Floats, Index, MatrixLike, Vector
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.endless import warn_of_endless
from softreg_fast.paths.result import Solution
from softreg_fast.paths.solve import solve_problem
from softreg_fast.paths.user_units import rounded
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.problem import Options, Problem
from softreg_fast.solvers.protocol import is_alarm

# A fit, and the problem that it solves
Fitted = tuple[Solution, Problem]

# Below this tolerance rounding may keep a fit from reaching the gap.
SMALLEST_TOL = 1e-14


class _GeneralisedLinearModel(_LinearModel):
    """Base of all of them: the fit of one target under a loss, with an offset."""

    alpha: Any
    l1_ratio: float | None
    tol: float
    warm_start: bool = False
    l1_weights: PerFeature | None
    l2_weights: PerFeature | None
    positive: bool
    bounds: Any
    n_threads: int | None
    loss_: Loss

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _penalty(self, design: Design) -> Penalty:
        return self._penalty_of(self.alpha, self.l1_ratio)

    def _penalty_of(self, alpha: Any, l1_ratio: Any) -> Penalty:
        return Penalty(
            alpha, l1_ratio, self.l1_weights, self.l2_weights, self.positive, self.bounds
        )

    @property
    def _most_threads(self) -> int | None:
        return getattr(self, "n_jobs", None) if self.n_threads is None else self.n_threads

    @property
    def _gap_tol(self) -> float:
        # scikit-learn's tol is for a gradient, and the gap scales with its square
        tol = check_number("tol", self.tol, low=0.0)
        return min(tol, max(tol**2, SMALLEST_TOL))

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        fitted: Callable[[Design, NDArray[Any] | None], list[Fitted]],
        **learned: Any,
    ) -> Self:
        # fit from the last coefficients, and keep what is learned; y is as given by the user
        design = self._design(X, y, sample_weight, self._most_threads)
        check_same_rows(X, "y", y)
        fits = fitted(design, self._last_coef(design))
        self._keep_features(X, y, design.n_features)
        self._keep(self._joined([found for found, _ in fits]), design.X.dtype)
        self.__dict__.update(learned)
        for found, problem in fits:
            if self._warn(found, problem):
                break  # one warning is enough
        return self

    def _joined(self, fits: list[Solution]) -> Solution:
        # the model of the fits, which are several for several classes
        return fits[0]

    def _warn(self, found: Solution, problem: Problem) -> bool:
        if warn_of_endless(problem, found):
            return True
        alarm = bool(is_alarm(found.status))
        if alarm:
            most, said = self._most_iterations, found.certificate
            warn_not_converged([found.gap], [found.tol], [found.status], most, "", said)
        return alarm

    def _fit_target(
        self, design: Design, target: Vector, offset: Any, start: Vector | None
    ) -> Fitted:
        return self._solve(design.with_target(target, self._loss(), offset), start)

    def _solve(self, design: Design, start: Any, penalty: Penalty | None = None) -> Fitted:
        problem = self._problem(design, self._penalty(design) if penalty is None else penalty)
        return solve_problem(problem, start), problem

    def _problem(self, design: Design, penalty: Penalty) -> Problem:
        options = Options(tol=self._gap_tol, max_iter=self._most_iterations)
        return Problem(design, penalty, options)

    def _keep(self, found: Solution, dtype: Any) -> None:
        self._keep_coefficients(found.coef, found.intercept, dtype)
        self.dual_gap_ = found.gap
        self.n_iter_ = max(found.n_epochs, 0 if self.warm_start else 1)
        self.loss_ = found.loss
        self._coding = found.coding
        self._has_offset = found.has_offset

    def _keep_coefficients(self, coef: Vector, intercept: Any, dtype: Any) -> None:
        self.coef_ = rounded(coef, dtype)
        self.intercept_ = rounded(np.array([intercept]), dtype)[0] if self.fit_intercept else 0.0

    def _predictor(self, X: Any, offset: Any) -> Vector:
        # the linear predictor, with its offset; (n_samples, n_classes) for more than two classes
        eta = self._linear_predictor(X)
        if eta.shape[1:] == (1,):
            eta = eta[:, 0]
        if offset is None and self._has_offset:
            raise ValueError(
                f"This {type(self).__name__} was fitted with an offset, and offset is missing; "
                "give that of these rows of X (zeros for the prediction without one)."
            )
        if offset is not None and not self._has_offset:
            raise ValueError(
                f"offset is given, but this {type(self).__name__} was fitted without one; leave "
                "it out, or fit with the offset of the samples that were fitted."
            )
        if offset is None:
            return eta
        check_same_rows(X, "offset", offset)
        n_classes = 1 if self.loss_.n_outputs == 1 else eta.shape[-1]
        return eta + beside(eta, as_offset(offset, len(eta), n_classes))


class _GeneralisedRegressor(RegressorMixin, _GeneralisedLinearModel):
    """Base of the regressors: predictions are means, the score is the deviance explained."""

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
            The target, finite numbers that the loss allows.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Part of the linear predictor that is known for each sample, such as the logarithm of an
            exposure; predictions then need the offset of their samples. None: there is none.

        Returns
        -------
        self : the fitted estimator

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used; the message says what is expected.
        """
        self._refuse_missing(y)
        X, y, sample_weight, offset = self._table(X, y, sample_weight, offset)[:4]
        target = column_or_1d(as_targets(y), warn=True)
        return self._fit(
            X, y, sample_weight, lambda on, start: [self._fit_target(on, target, offset, start)]
        )

    def predict(self, X: MatrixLike, offset: ArrayLike | None = None) -> Floats:
        """Return the mean of y, as the loss has it for the linear predictor.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples,)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            For X that is not finite numbers, has another number of features, or other names; for a
            missing offset.
        """
        eta = self._predictor(X, offset)
        return self.loss_.mean(eta)

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return D2, the share of the deviance that the model explains.

        It is 1 for perfect predictions, 0 for those of the best constant, which with an offset is
        the best intercept beside it, and may be negative.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        y : array-like (n_samples,)
            The observed targets.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        float
        """
        eta = self._predictor(X, offset).astype(np.float64)
        loss = self.loss_
        target = loss.check(as_target(y, len(eta)))
        weight, _ = as_weights(sample_weight, len(eta))
        fixed = None if offset is None else as_offset(offset, len(eta))

        def deviance(eta: Vector) -> float:
            return float(times(weight, loss.deviance(target, eta)).sum())

        found = deviance(eta)
        if fixed is None and (target == target[0]).all():  # nothing to explain, as for R squared
            return 1.0 if found == 0.0 else 0.0
        null = loss.null(target, weight, fixed) + (0.0 if fixed is None else fixed)
        return 1.0 - found / deviance(null)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            self._loss().check(np.array([-1.0]))
        except ValueError:
            tags.target_tags.positive_only = True
        return tags


class _LinearClassifier(ClassifierMixin, _GeneralisedLinearModel):
    """Base of the classifiers: labels, class weights, decisions; a row of coef_ for two classes."""

    class_weight: Any
    classes_: NDArray[Any]
    intercept_: Floats | Any

    # whether _fit_classes fits more than two classes, with a row of coef_ for each
    _more_than_two = False

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
            For parameters or data that cannot be used; the message says what is expected.
        """
        self._refuse_missing(y)
        X, y, sample_weight, offset = self._table(X, y, sample_weight, offset)[:4]
        classes, codes = encoded(y, type(self).__name__, self._more_than_two)
        check_same_rows(X, "sample_weight", sample_weight)
        weight = self._weights(classes, codes, sample_weight)

        def fitted(design: Design, start: NDArray[Any] | None) -> list[Fitted]:
            n_rows = 1 if len(classes) == 2 else len(classes)
            if start is not None and len(start) != n_rows:
                start = None  # the last fit had other classes
            if n_rows > 1:
                return self._fit_classes(design, classes, codes, offset, start)
            target = self._with_codes(design, classes, codes, offset)
            return [self._solve(target, None if start is None else start[0])]

        return self._fit(X, y, weight, fitted, classes_=classes)

    def _weights(self, classes: NDArray[Any], codes: Index, sample_weight: Any) -> Vector | None:
        # of the samples, those of their classes included
        return weights_of_labels(self.class_weight, classes, codes, sample_weight)

    def _with_codes(
        self, design: Design, classes: NDArray[Any], codes: Index, offset: Any
    ) -> Design:
        # the design with the codes of classes as target
        return design.with_target(codes.astype(np.float64), self._loss(), offset)

    def _fit_classes(
        self, design: Design, classes: NDArray[Any], codes: Index, offset: Any, start: Any
    ) -> list[Fitted]:
        # the fits to more than two classes, with a row of coefficients for each
        raise NotImplementedError

    def _keep_coefficients(self, coef: NDArray[Any], intercept: Any, dtype: Any) -> None:
        # in the shapes of scikit-learn's linear classifiers
        self.coef_ = np.atleast_2d(rounded(coef, dtype))
        free = np.atleast_1d(intercept) if self.fit_intercept else np.zeros(len(self.coef_))
        self.intercept_ = rounded(np.asarray(free, np.float64), dtype)

    def decision_function(self, X: MatrixLike, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Return the linear predictor, which is > 0 where classes_[1] is predicted.

        With more than two classes each has one, and the largest is that of the predicted class.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples,), or (n_samples, n_classes) for more than two

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            For X that is not finite numbers, has another number of features, or other names; for a
            missing offset.
        """
        return self._predictor(X, offset)

    def predict(self, X: MatrixLike, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Return the label of the more probable class of every sample.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples,)
        """
        eta = self.decision_function(X, offset)
        codes = (eta > 0.0).astype(np.intp) if eta.ndim == 1 else eta.argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return the accuracy, the share of the labels that are predicted.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        y : array-like (n_samples,)
            The observed labels.
        sample_weight : array-like (n_samples,) or None, default=None
            Weights of the samples. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        float
        """
        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))

    def sparsify(self) -> Self:
        """Convert coef_ to a sparse matrix.

        Returns
        -------
        self : the fitted estimator
        """
        check_is_fitted(self)
        self.coef_ = sp.csr_matrix(self.coef_)
        return self

    def densify(self) -> Self:
        """Convert coef_ back to an array.

        Returns
        -------
        self : the fitted estimator
        """
        check_is_fitted(self)
        self.coef_ = self.sparse_coef_.toarray() if sp.issparse(self.coef_) else self.coef_
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self._more_than_two
        return tags


class _ProbabilityClassifier(_LinearClassifier):
    """Base of the classifiers whose loss is minus the logarithm of a probability."""

    def _keep(self, found: Solution, dtype: Any) -> None:
        super()._keep(found, dtype)
        self.n_iter_ = np.array([self.n_iter_], dtype=np.int32)

    def predict_proba(self, X: MatrixLike, offset: ArrayLike | None = None) -> Floats:
        """Return the probability of each class, in the order of classes_.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples, n_classes)
        """
        eta, loss = self.decision_function(X, offset), self.loss_
        if eta.ndim > 1:
            return loss.mean(eta)
        return np.column_stack([loss.mean(-eta), loss.mean(eta)])

    def predict_log_proba(self, X: MatrixLike, offset: ArrayLike | None = None) -> Floats:
        """Return the logarithm of the probability of each class, finite where that is 0.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples, n_classes)
        """
        eta = self.decision_function(X, offset)
        if eta.ndim > 1:
            return np.asarray(log_softmax(eta, axis=1))
        return -self.loss_.value(np.array([0.0, 1.0]), eta[:, np.newaxis])
