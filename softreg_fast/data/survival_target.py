"""SurvivalTarget: survival times under Cox's loss, described to the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.target import Target
from softreg_fast.kernels._risk_sets import RiskSets
from softreg_fast.losses.cox import EVENT, Cox, Times, times_of
from softreg_fast.options.types import Matrix, Vector

# Residuals up to here are rounding errors of 0.
ROUNDING = 1e-14


class SurvivalTarget(Target):
    """Survival times, sample weights and offset: risk sets, null model, residual at w = 0.

    Cox's loss has no intercept: the null model's linear predictor is the offset, or 0, and a
    model's intercept is 0 for columns as the user gave them, although the engine centres them.

    Parameters
    ----------
    y : ndarray (n_samples, 4)
        As in `Survival`.
    weight : ndarray (n_samples,) or None
        Sample weights of mean one; None: all are one.
    fit_intercept : bool
        Without effect.
    loss : Cox or None, default=None
        None: with Breslow's ties.
    offset : ndarray (n_samples,) or None
        Fixed part of the linear predictor.
    classes : ndarray (n_strata,) or None
        Names of the strata.

    Attributes
    ----------
    y, observed : ndarray (n_samples, 4)
        As in `Survival`.
    labels : ndarray (n_strata,) or None
        Names of the strata.
    times : Times
        Event times and who is at risk.
    others : as those of Target

    Raises
    ------
    ValueError
        If no sample with a positive weight has an event, or if offsets are too far apart.
    """

    loss: Cox
    _sets: RiskSets | None = None

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: Vector | None = None,
        fit_intercept: bool = False,
        loss: Any = None,
        offset: Vector | None = None,
        classes: NDArray[Any] | None = None,
    ) -> None:
        self.loss = Cox() if loss is None else loss
        self.y = self.observed = y
        self.labels, self.classes = classes, None
        self.n_samples = len(y)
        self.weight = weight
        self.fit_intercept = False
        self.offset = self._fixed = offset
        self._describe()

    def _describe(self) -> None:
        self._gradient = None
        self.y_mean, self.y_norm = 0.0, 1.0
        self.objective_unit = 1.0 / self.n_samples
        self.times: Times = times_of(self.y, self.weight)
        if not len(self.times.time):
            raise ValueError(
                "No sample with a positive weight has an event, and Cox's loss compares samples at "
                "the times of events; check y."
            )
        self._sets = self.loss.risk_sets(self.times, self.weight)
        value, residual, _ = self._sets.evaluate(self.null_predictor)
        if not np.isfinite(value):
            raise ValueError(
                "The offsets of samples at risk at the same time are too far apart for their "
                "exponentials; check offset, which is added to the logarithm of the hazard."
            )
        scale = 1.0 if self.weight is None else self.weight
        self.is_null = not np.any(np.abs(residual) > ROUNDING * scale)
        least = self.loss.saturated(self.times, self.weight)
        self.null_deviance = 0.0 if self.is_null else 2.0 * max(value - least, 0.0)
        self._residual = np.append(0.0 * residual if self.is_null else residual, 0.0)

    def risk_sets(self) -> RiskSets:
        """Return new risk sets, whose storage only one thread may use at a time."""
        if self._sets is None:
            self._sets = self.loss.risk_sets(self.times, self.weight)
        return self._sets.twin()

    def __getstate__(self) -> dict[str, Any]:
        # risk sets hold pointers
        return {**self.__dict__, "_sets": None}

    def intercepts_of(self, moved: Vector, found: Vector | None) -> Vector:
        """Return zeros: there is no intercept."""
        return np.zeros(np.shape(moved))

    def total_deviance(self, eta: Vector) -> Vector:
        """Return the deviances of all samples with linear predictors (n_samples, n_models)."""
        least = self.loss.saturated(self.times, self.weight)
        return self.loss.deviance_on(self.risk_sets(), least, eta)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of predictions, (n_samples,)."""
        return (self.n_samples,)

    @property
    def strata(self) -> tuple[Vector, bool]:
        """The events and their values: folds get the same share of them."""
        return self.events, True

    def hessian(self, eta: Vector, A: Matrix) -> Matrix:
        """Return A'HA, H the Hessian of the loss at linear predictors with offset.

        Parameters
        ----------
        eta : ndarray (n_samples,)
        A : ndarray (n_samples, n_columns)
        """
        sets, z = self.risk_sets(), np.ascontiguousarray(eta, np.float64)
        products = [sets.curve(z, np.ascontiguousarray(column, np.float64)) for column in A.T]
        return np.asarray(A.T @ np.array(products).reshape(A.shape[::-1]).T)

    @property
    def events(self) -> Vector:
        """1 for samples with an event, 0 for those that are censored, (n_samples,)."""
        return self.y[:, EVENT]
