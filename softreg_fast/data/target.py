"""Target: y, sample weights and offset under a loss, described to the engine."""

from __future__ import annotations

import copy
from math import isfinite
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.validation import check_finite
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._left_out import class_deviances, deviances
from softreg_fast.kernels._losses import KINDS, null_model, squared_null
from softreg_fast.losses.base import ROUNDING, Loss, times
from softreg_fast.losses.classes import Binomial, shown
from softreg_fast.losses.squared import SMALLEST_NORM, SQUARED
from softreg_fast.options.types import Index, Vector

# Limits of the mean deviance of a model without features that leaves something to explain: beyond,
# a few samples are all of the loss, or curvatures leave the range of float64.
LEAST_DEVIANCE, MOST_DEVIANCE = 1e-200, 1e30

# Share of a class, of several, that the training samples of a fold lack: it is the largest one
# without effect on a sum of 1, so that the other classes are fitted as without it.
UNSEEN = 1e-20


class Target:
    """Properties of y under a loss: the null model, units, the residual at w = 0.

    The engine works with linear predictors divided by `y_norm`, and with the loss of the null model
    as reference. A Target belongs to one description of the columns of X, that with its weights.

    Parameters
    ----------
    y : ndarray (n_samples,) or (n_samples, n_tasks)
        Finite.
    weight : ndarray (n_samples,) or None
        Sample weights of mean one; None: all are one.
    fit_intercept : bool
    loss : Loss
    offset : ndarray (n_samples,), or of the shape of y, or None
        Fixed part of the linear predictor; finite. None: there is none.
    classes : ndarray (2,) or None
        Labels of two classes, of which y has the codes. None: the loss's own, or no classes.

    Attributes
    ----------
    y : ndarray of the shape of y
        Targets to be fitted: y, under a quadratic loss minus the offset, which is the same problem
        without one.
    observed : ndarray of the shape of y
        Targets as given.
    y_mean : float or ndarray (n_tasks,)
        Intercept of the null model, whose linear predictor is that plus the offset; 0 without an
        intercept.
    y_norm : float
        Unit of the engine's linear predictors.
    is_null : bool
        Whether the null model leaves nothing to explain.
    objective_unit : float
        Factor from the engine's objective to the user's: y_norm^2 / n_samples.
    null_deviance : float
        Twice the loss of the null model in the engine's units: 1 for squared loss, or 0.

    Raises
    ------
    ValueError
        For targets that the loss does not allow, or whose squares leave the range of float64.
    """

    _fixed: Vector | None = None  # the part of the offset that the loss is given
    _is_part = False  # whether samples are left out that another fit has

    def __init__(
        self,
        y: NDArray[np.float64],
        weight: Vector | None = None,
        fit_intercept: bool = True,
        loss: Loss = SQUARED,
        offset: Vector | None = None,
        classes: NDArray[Any] | None = None,
    ) -> None:
        self.loss = loss
        self.classes = np.array(loss.labels) if classes is None and loss.labels else classes
        self.y = self.observed = loss.check(y)
        self.n_samples = len(y)
        self.weight = weight
        self.fit_intercept = fit_intercept
        self.offset = self._fixed = offset
        if offset is not None and loss.quadratic:
            self._fixed = None
            with np.errstate(over="ignore"):
                self.y = self.y - offset
            check_finite("y - offset", self.y)
        self._describe()

    def _describe(self) -> None:
        # the null model and what follows from it
        loss, weight = self.loss, self.weight
        y, fixed = self._counted()
        self._gradient: Vector | None = None
        self._residual: Vector | None
        self.y_mean: Any
        if loss.quadratic and y.ndim == 1:  # in a fraction of the time of what follows
            self.y_mean, unit, self._residual = squared_null(
                np.ascontiguousarray(y), weight, self.fit_intercept, SMALLEST_NORM
            )
            self._set_unit(unit)
        else:
            self.y_mean = self._null(y, fixed) if self.fit_intercept else np.zeros(y.shape[1:])[()]
            if self._by_kernel:
                self._describe_by_kernel(y, fixed)
            else:
                self._describe_by_loss(y, fixed)
        if not isfinite(self.objective_unit):
            largest = float(np.abs(y - self.y_mean).max())
            raise ValueError(
                f"The largest |y| is {largest:.3g} and its squares leave the range of float64; "
                "divide y by a constant."
            )

    def _describe_by_loss(self, y: Vector, fixed: Vector | None) -> None:
        with np.errstate(under="ignore"):
            self._set_unit(self.loss.unit(y, self._null_predictor(fixed), self.weight))
            # computed now, since the caller may change y later
            self._residual = self._residual_at_zero(y, fixed)

    @property
    def _by_kernel(self) -> bool:
        # whether a kernel knows the loss's deviance
        loss = self.loss
        return loss.kind in KINDS and loss.smooth and loss.convex and not loss.quadratic

    def _describe_by_kernel(self, y: Vector, fixed: Vector | None) -> None:
        # the same, for smooth convex losses, in a fraction of the time: small paths notice it
        eta, loss, n = self._predictors_of_null(fixed), self.loss, self.n_samples
        deviance, excess, residual = null_model(
            loss.kind, y, eta, self.weight, (*loss.parameters, 0.0)[0], ROUNDING
        )
        self.y_norm, self.objective_unit = 1.0, 1.0 / n
        self.is_null = not excess > 0.0
        self.null_deviance = 0.0 if self.is_null else deviance
        self._check_deviance()
        self._residual = np.zeros(n + 1)
        if not self.is_null:
            self._residual[:-1] = residual
            self._centre_residual(self._residual)

    def best_intercepts(self, predictor: Vector) -> Any:
        """Return the best intercept beside a predictor, a number or one for each class."""
        return self._null(self.y, predictor)

    def _null(self, y: Vector, fixed: Vector | None) -> Any:
        try:
            return self.loss.null(y, self.weight, fixed)
        except ValueError:
            if self._is_part and self.loss.n_outputs != 1:
                return self.loss.null(np.maximum(y, UNSEEN), self.weight, fixed)
            if isinstance(self.loss, Binomial) or self.loss.n_outputs != 1:
                self._refuse_one_class(y)
            raise

    def _refuse_one_class(self, y: Vector) -> None:
        # name the class without which the best intercept is infinite
        loss: Any = self.loss
        parts: Any = y.T
        if loss.n_outputs == 1:
            share = loss.share(y)
            parts = 1.0 - share, share
        for label, part in zip(np.asarray(self.classes).tolist(), parts, strict=True):
            if not np.any(part if self.weight is None else part * self.weight):
                raise ValueError(
                    f"No sample{'' if self.weight is None else ' with weight'} is of class "
                    f"{shown(label)}, for which the best intercept of {loss!r} is infinite; check "
                    "y, or fit without an intercept (fit_intercept=False)."
                ) from None

    def _set_unit(self, unit: float) -> None:
        self.is_null = unit == 0.0
        self.y_norm = 1.0 if self.is_null else unit
        self.objective_unit = float(self.y_norm * (self.y_norm / self.n_samples))
        self.null_deviance = 0.0 if self.is_null else 1.0
        if not (self.is_null or self.loss.quadratic):
            y, fixed = self._counted()
            deviance = self.loss.deviance(y, self._null_predictor(fixed))
            with np.errstate(over="ignore"):
                self.null_deviance = float(times(self.weight, deviance).sum())
            self._check_deviance()

    def _check_deviance(self) -> None:
        mean = self.null_deviance / self.n_samples
        if not (self.is_null or LEAST_DEVIANCE <= mean <= MOST_DEVIANCE):  # NaN, too
            self._refuse_deviance()

    def _refuse_deviance(self) -> NoReturn:
        mean, advice = self.null_deviance / self.n_samples, "divide y by a constant"
        if self._fixed is not None and np.ptp(self._fixed) > 1.0:
            low, high = float(self._fixed.min()), float(self._fixed.max())
            advice = f"check offset, which reaches from {low:.3g} to {high:.3g}"
        raise ValueError(
            f"The mean deviance of {self.loss!r} without features is {mean:.3g}, which leaves "
            f"float64 no digits for fits; the largest |y| is {np.abs(self.y).max():.3g}: {advice}."
        )

    def __copy__(self) -> Self:
        # a tenth of the time of the general one
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def with_weight(self, weight: Vector | None, is_part: bool = False) -> Self:
        """Return the same targets with other sample weights, as `Design.reweighted`."""
        other = copy.copy(self)
        other.weight, other._is_part = weight, is_part
        other._describe()
        return other

    def with_moments(self, weight: Vector, y_mean: Any, y_norm: float, gradient: Vector) -> Self:
        """Return the same targets with other weights and what follows from them, not validated."""
        other = self.__copy__()
        other.weight, other.y_mean, other._residual = weight, y_mean, None
        other._set_unit(y_norm)
        other.know_gradient(gradient)
        return other

    @property
    def residual(self) -> Vector:
        """The engine's weighted residual at w = 0; with several tasks one row per task.

        (n_samples + 1,) or (n_tasks, n_samples + 1); the last entry is for the centring of columns.
        """
        if self._residual is None:
            with np.errstate(under="ignore"):
                self._residual = self._residual_at_zero(*self._counted())
        return self._residual

    def _residual_at_zero(self, y: Vector, fixed: Vector | None) -> Vector:
        n = self.n_samples
        residual = np.zeros((*y.shape[1:], n + 1))
        if not self.is_null:
            deviation = self.loss.null_residual(y, self._null_predictor(fixed), self.weight)
            residual[..., :-1] = times(self.weight, deviation / self.y_norm).T
        self._centre_residual(residual)
        return residual

    def _centre_residual(self, residual: Vector) -> None:
        # rounding leaves the intercept a sum that is not quite 0
        if self.fit_intercept:
            mean = residual.sum(axis=-1, keepdims=True) / self.n_samples
            residual[..., :-1] -= mean if self.weight is None else mean * self.weight

    def _counted(self) -> tuple[Vector, Vector | None]:
        # y and the fixed part, with entries of zero weight replaced by a counted one: 0 times
        # infinity would be NaN
        weight, fixed = self.weight, self._fixed
        if weight is None or weight.all():
            return self.y, fixed
        counted = np.where(weight > 0.0, np.arange(self.n_samples), np.argmax(weight))
        return self.y[counted], None if fixed is None else fixed[counted]

    def _null_predictor(self, fixed: Vector | None) -> Any:
        return self.y_mean if fixed is None else self.y_mean + fixed

    def predictors_of(self, rows: Index | slice, eta: Vector) -> Vector:
        """Return the linear predictors of some samples, given those without their offset.

        Parameters
        ----------
        rows : indices of the samples
        eta : ndarray (n_rows, ...)
        """
        return eta if self.offset is None else eta + beside(eta, self.offset[rows])

    def deviance_of(self, rows: Index | slice, eta: Vector) -> Vector:
        """Return the deviances of some samples for linear predictors without their offset.

        Parameters
        ----------
        rows : indices of the samples
        eta : ndarray (n_rows, n_models), or (n_rows, n_models, n_tasks)

        Returns
        -------
        ndarray of the shape of eta
        """
        if self._fixed is not None:
            eta = self.predictors_of(rows, eta)
        return self.loss.deviance(self.y[rows][:, np.newaxis], eta)

    def deviance_sums(self, rows: Index, eta: Vector, weight: Vector) -> Vector:
        """Return the weighted sums over samples of what `deviance_of` returns.

        Parameters
        ----------
        rows : indices of the samples
        eta : ndarray (n_rows, n_models), or (n_rows, n_models, n_tasks)
        weight : ndarray (n_rows,)

        Returns
        -------
        ndarray (n_models,), or (n_models, n_tasks) of several targets
        """
        y, loss = self.y[rows], self.loss
        if self._by_kernel and eta.ndim == 2:
            z = np.ascontiguousarray(self.predictors_of(rows, eta))
            return deviances(loss.kind, y, z, weight, (*loss.parameters, 0.0)[0])
        if loss.n_outputs != 1 and (own := loss.strata(y)) is not None:
            z = np.ascontiguousarray(self.predictors_of(rows, eta))
            return class_deviances(own.astype(np.intp, copy=False), z, weight)
        each = self.deviance_of(rows, eta).reshape(len(eta), -1)
        return np.asarray((weight @ each).reshape(eta.shape[1:]))

    def mean_of(self, rows: Index | slice, eta: Vector) -> Vector:
        """Return the predictions for some samples by linear predictors without their offset.

        Parameters
        ----------
        rows : indices of the samples
        eta : ndarray (n_rows, ...)
        """
        return self.loss.mean(self.predictors_of(rows, eta))

    @property
    def null_loss(self) -> float:
        """Loss of the model without features, 1/S sum_i s_i f(y_i, y_mean)."""
        return 0.5 * self.null_deviance * self.objective_unit

    @property
    def gap_unit(self) -> float:
        """Unit of tolerances in the objective of the user: the null deviance, times its unit."""
        return self.objective_unit * (self.null_deviance or 1.0)

    @property
    def null_predictor(self) -> Vector:
        """Linear predictor of the model without features, of the shape of y."""
        return self._predictors_of_null(self._fixed)

    def _predictors_of_null(self, fixed: Vector | None) -> Vector:
        eta = np.empty(self.shape)
        eta[...] = self._null_predictor(fixed)
        return eta

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of predictions: (n_samples,) or (n_samples, n_tasks)."""
        return tuple(self.observed.shape)

    @property
    def strata(self) -> tuple[Vector, bool]:
        """A value of each sample by which folds are dealt out, and whether that is a class."""
        strata = self.loss.strata(self.observed)
        return (self.observed, False) if strata is None else (strata, True)

    def intercepts_of(self, moved: Any, found: Vector | None) -> Vector:
        """Return the intercepts of fits in the units of the user.

        Parameters
        ----------
        moved : ndarray (n_fits, ...)
            Linear predictors of the fits, without intercepts, at the centre of the columns.
        found : ndarray (n_fits,) or None
            The engine's intercepts, from that of the null model; None: all are 0.
        """
        intercepts = self.y_mean - moved
        return np.asarray(intercepts if found is None else intercepts + self.y_norm * found)

    def dev_ratio(self, deviance: Any) -> Any:
        """Return the fraction of the deviance that fits with this one explain."""
        whole = self.null_deviance
        return 1.0 - deviance / whole if whole else 0.0 * deviance

    def gradient_at_zero(self, columns: Columns, n_threads: int) -> Vector:
        """Return X'r of the engine's columns and residual at w = 0, read-only; computed once."""
        if self._gradient is None:
            residual = self.residual
            gradient = np.empty((*residual.shape[:-1], columns.shape[1]))
            if residual.ndim == 1:
                columns.slopes(residual, gradient, None, n_threads)
            else:
                columns.slopes_of_tasks(residual, gradient, n_threads)
            self.know_gradient(gradient)
            return gradient
        return self._gradient

    def know_gradient(self, gradient: Vector) -> None:
        """Store a `gradient_at_zero` computed elsewhere."""
        gradient.flags.writeable = False
        self._gradient = gradient


def beside(eta: Vector, offset: Vector) -> Vector:
    """Return the offset in a shape that is added to the linear predictors of every model.

    eta is (n_rows, ...), where several models have an axis; the classes of an offset (n_rows,
    n_classes) have the last.
    """
    between = (1,) * (eta.ndim - offset.ndim)
    return offset.reshape(len(offset), *between, *offset.shape[1:])
