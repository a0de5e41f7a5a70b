"""Base of the estimators of survival times: risks, survival functions, concordance."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from softreg_fast.data.baseline import Baseline
from softreg_fast.data.contents import check_unmasked
from softreg_fast.estimators.generalised import _GeneralisedLinearModel
from softreg_fast.estimators.step_function import StepFunction
from softreg_fast.losses import Cox, Loss
from softreg_fast.model_selection.survival_measures import concordance
from softreg_fast.options.choices import Ties
from softreg_fast.options.types import Index, MatrixLike, Vector
from softreg_fast.paths.result import Solution
from softreg_fast.paths.survival import survival_of


class _SurvivalModel(_GeneralisedLinearModel):
    """Base of the estimators whose loss is Cox's."""

    intercept_: float
    unique_times_: Vector
    ties: Ties
    baseline_: Baseline
    fit_intercept = True  # columns are centred, which Cox's loss does not see

    def _loss(self) -> Loss:
        return Cox(self.ties)

    def fit(
        self,
        X: MatrixLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
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
        return self._fit(
            X, y, sample_weight, lambda on, start: [self._fit_target(on, y, offset, start)]
        )

    def _keep(self, found: Solution, dtype: Any) -> None:
        super()._keep(found, dtype)
        self.intercept_ = 0.0
        assert found.baselines is not None
        self.baseline_ = found.baselines.of(found.coef)
        self.unique_times_ = self.baseline_.all_times

    def predict(self, X: MatrixLike, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Return the risk scores: linear predictors, logarithms of hazard ratios.

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
        return self._predictor(X, offset)

    def predict_cumulative_hazard_function(
        self,
        X: MatrixLike,
        return_array: bool = False,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Return the cumulative hazard of every sample, by Breslow's estimate of the baseline.

        With ties="efron" its steps at ties are Efron's, as in R.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        return_array : bool, default=False
            Return values at `unique_times_` instead of functions.
        strata : array-like (n_samples,) of labels or None, default=None
            Stratum of each sample, one of those of the fit. None: the fit had none.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples,) of functions, called with times, or (n_samples, n_times)

        Raises
        ------
        ValueError, TypeError
            As from `predict`; for missing and unknown strata.
        """
        return self._functions(X, return_array, strata, offset, False)

    def predict_survival_function(
        self,
        X: MatrixLike,
        return_array: bool = False,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Return the probability of every sample to have no event up to a time.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        return_array : bool, default=False
            Return values at `unique_times_` instead of functions.
        strata : array-like (n_samples,) of labels or None, default=None
            Stratum of each sample, one of those of the fit. None: the fit had none.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        ndarray (n_samples,) of functions, called with times, or (n_samples, n_times)

        Raises
        ------
        ValueError, TypeError
            As from `predict`; for missing and unknown strata.
        """
        return self._functions(X, return_array, strata, offset, True)

    def _functions(
        self, X: Any, return_array: bool, strata: Any, offset: Any, of_survival: bool
    ) -> NDArray[Any]:
        eta = self._predictor(X, offset).astype(np.float64)
        of_sample, baseline = self._strata_of(strata, len(eta)), self.baseline_
        times = baseline.all_times if return_array else None
        found = np.empty(len(eta), object)
        for k in np.unique(of_sample):
            rows = np.flatnonzero(of_sample == k)
            values = baseline.hazards(eta[rows], k, times)
            values = survival_of(values) if of_survival else values
            for i, row in zip(rows, values, strict=True):
                found[i] = row if return_array else self._step(k, row, of_survival)
        return np.stack(list(found)) if return_array else found

    def _step(self, stratum: int, values: Vector, of_survival: bool) -> StepFunction:
        return StepFunction(self.baseline_.times[stratum], values, 1.0 if of_survival else 0.0)

    def _strata_of(self, strata: Any, n_samples: int) -> Index:
        labels = self.baseline_.labels
        if labels is None or (strata is None and len(labels) == 1):
            if strata is not None:
                raise ValueError("strata is given, but the model was fitted without; leave it out.")
            return np.zeros(n_samples, np.intp)
        known = ", ".join(map(repr, labels[:5].tolist()))
        if strata is None:
            raise ValueError(
                f"The model was fitted with {len(labels)} strata ({known}), each with a baseline "
                "hazard of its own; give the stratum of each sample as strata."
            )
        check_unmasked("strata", strata)
        given = np.asarray(strata)
        if given.shape != (n_samples,):
            raise ValueError(
                f"strata has shape {given.shape}, X has {n_samples} samples; give one label for "
                "each."
            )
        places = {label: k for k, label in enumerate(labels.tolist())}
        unknown = [label for label in given.tolist() if label not in places]
        if unknown:
            raise ValueError(
                f"strata holds {unknown[0]!r}, which was no stratum of the fit; those are {known}."
            )
        return np.array([places[label] for label in given.tolist()], np.intp)

    def score(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return Harrell's C-index of the risk scores, as `concordance` does.

        Parameters
        ----------
        X : array-like, sparse or frame, (n_samples, n_features)
            The features; a frame must have the columns of the fit in their order.
        y : survival times, (n_samples,)
            In any form that `fit` takes.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, if the model was fitted with one.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        return concordance(y, self._predictor(X, offset), sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
