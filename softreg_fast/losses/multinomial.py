"""Multinomial: the negative log likelihood of several classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from softreg_fast.losses.base import Loss, weighted_mean
from softreg_fast.losses.classes import shown
from softreg_fast.losses.entropy import relative_entropy_near
from softreg_fast.options.types import Vector

# Shares of the classes may miss the sum 1 by rounding.
ROUNDING = 1e-8

# Newton's method for the intercepts beside an offset.
MOST_STEPS = 200
MOST_HALVINGS = 60


class Multinomial(Loss):
    """f(y, eta) = log(sum_c exp(eta_c)) - sum_c y_c eta_c for shares y_c >= 0 of the classes.

    There is a linear predictor for each class, and all their coefficients are penalised. A constant
    that is added to all intercepts changes nothing, and theirs are chosen with the sum 0, as glmnet
    does. With two classes and an L2 penalty the fit is the logistic one at half of alpha, with
    coefficients of half the size. The conjugate at -theta is finite where y - theta are shares.

    Parameters
    ----------
    grouped : bool, default=False
        False: the penalty is that of each single coefficient. True: the L1 part is that of the
        lengths of rows, sqrt(sum_c w_jc^2) for each feature, so that a feature is selected for all
        classes or for none (glmnet: type.multinomial="grouped").

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Software 33(1), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.losses import Multinomial
    >>> Multinomial().mean(np.array([[0.0, 0.0, 2.0]])).round(3)
    array([[0.107, 0.107, 0.787]])
    """

    kind = "multinomial"
    n_outputs: ClassVar[int] = 0  # as many as there are classes
    _settings = ("grouped",)

    def __init__(self, grouped: bool = False) -> None:
        if not isinstance(grouped, (bool, np.bool_)):
            raise TypeError(f"grouped must be True or False, got {grouped!r}.")
        self.grouped = self.by_rows = bool(grouped)

    @property
    def parameters(self) -> tuple[float, ...]:
        """No numbers."""
        return ()

    def check(self, y: Vector) -> Vector:
        """Return y, rows of shares >= 0 with the sum 1."""
        if y.ndim != 2 or y.shape[1] < 2:
            raise ValueError(
                f"y has shape {y.shape}; the multinomial loss wants labels of at least two "
                "classes, or shares of the classes in the columns of a matrix."
            )
        bad = np.flatnonzero((y < 0.0).any(axis=1) | (np.abs(y.sum(axis=1) - 1.0) > ROUNDING))
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                f"y[{i}] is {y[i].tolist()}; expected shares of the classes, >= 0 and of sum 1. Of "
                "counts, divide each row by its sum and give the sums as sample_weight."
            )
        return y

    def null(self, y: Vector, weight: Vector | None, offset: Vector | None = None) -> Any:
        """Return the intercepts of the model without features, with the sum 0.

        Raises
        ------
        ValueError
            If one of the classes is missing.
        """
        plain = self._null(y, weight)
        return plain if offset is None else self._null_beside(y, weight, offset, plain)

    def _null(self, y: Vector, weight: Vector | None) -> Any:
        shares = weighted_mean(y, weight)
        missing = np.flatnonzero(shares <= 0.0)
        if missing.size:
            self._no_intercept(f"No target is of class number {int(missing[0])}")
        intercepts = np.log(shares)
        return intercepts - intercepts.mean()

    def _null_beside(self, y: Vector, weight: Vector | None, offset: Vector, start: Vector) -> Any:
        # Newton's method; the Hessian is singular in the direction of equal changes only
        n, n_classes = y.shape
        weight = np.ones(n) if weight is None else weight
        intercepts = start - weighted_mean(offset, weight)
        value = weight @ self.value(y, intercepts + offset)
        for _ in range(MOST_STEPS):
            eta = intercepts + offset
            gradient = weight @ self.residual(y, eta)
            p = self.mean(eta)
            hessian = np.diag(weight @ p) - (p.T * weight) @ p + n / n_classes
            step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
            for _ in range(MOST_HALVINGS):
                new = weight @ self.value(y, eta + step)
                if new <= value:
                    break
                step *= 0.5
            if not new < value:
                break
            intercepts, value = intercepts + step, new
        return intercepts - intercepts.mean()

    def value(self, y: Vector, eta: Any) -> Vector:
        """Return log(sum_c exp(eta_c)) - sum_c y_c eta_c, a sum of terms >= 0."""
        best = np.argmax(eta, axis=-1)[..., np.newaxis]
        top = np.take_along_axis(eta, best, axis=-1)
        others = np.exp(eta - top)
        np.put_along_axis(others, best, 0.0, axis=-1)  # its 1 would take the digits of small sums
        return np.asarray(np.log1p(others.sum(axis=-1)) + (y * (top - eta)).sum(axis=-1))

    def residual(self, y: Vector, eta: Any) -> Vector:
        """Return y - mean(eta), with a last axis for the classes."""
        p = self.mean(eta)
        return np.asarray(y * _others(p) - (1.0 - y) * p)

    def curvature(self, y: Vector, eta: Any) -> Vector:
        """Return p (1 - p), p = mean(eta): the diagonal of the Hessian diag(p) - p p'."""
        p = self.mean(eta)
        return np.asarray(p * _others(p) * np.ones_like(y))

    def curvature_bound(self, y: Vector, eta: Any) -> Vector:
        """Return 1/2: 1/2 (I - 11' / n_classes) is above all Hessians."""
        return np.full_like(y, 0.5)

    def bregman(self, y: Vector, eta: Any, theta: Vector) -> Vector:
        """Return the relative entropy of y - theta from mean(eta), one number for each sample."""
        top = np.max(eta, axis=-1, keepdims=True)
        log_p = eta - top - np.log(np.exp(eta - top).sum(axis=-1, keepdims=True))
        away = self.residual(y, eta) - theta
        each = relative_entropy_near(y - theta, self.mean(eta), log_p, away)
        return np.asarray(each.sum(axis=-1))

    def mean(self, eta: Vector) -> Vector:
        """Return the probabilities exp(eta_c) / sum, with a last axis for the classes."""
        with np.errstate(under="ignore"):
            p = np.exp(eta - np.max(eta, axis=-1, keepdims=True))
            return np.asarray(p / p.sum(axis=-1, keepdims=True))

    def probabilities(self, eta: Vector) -> Vector:
        """Return the probabilities of all classes, in a last axis."""
        return self.mean(eta)

    def classes(self, eta: Vector) -> NDArray[np.intp]:
        """Return the number of the most probable class, the first of equally probable ones."""
        return np.asarray(np.argmax(eta, axis=-1))

    codes = classes

    def strata(self, y: Vector) -> Vector | None:
        """Return the number of the class of each target, or None if some are of several."""
        return np.argmax(y, axis=-1) if np.all(y.max(axis=-1) == 1.0) else None

    def hits(self, y: Vector, eta: Vector) -> Vector:
        """Return the share of each target that is of the most probable class."""
        best = np.argmax(eta, axis=-1)[..., np.newaxis]
        return np.take_along_axis(np.broadcast_to(y, eta.shape), best, axis=-1)[..., 0]

    def contests(
        self, names: list[Any], y: Vector, eta: Vector
    ) -> Iterator[tuple[str, str, Vector, Vector]]:
        """Yield what ROC curves compare, each class against all others: the names of both, the
        shares of the class in y, and its probabilities.
        """
        p = self.mean(eta)
        for c, name in enumerate(map(shown, names)):
            yield name, f"other than {name}", y[..., c], p[..., c]

    def brier(self, y: Vector, eta: Vector) -> Vector:
        """Return the sum of the squared errors of all probabilities."""
        return np.asarray(np.square(y - self.mean(eta)).sum(axis=-1))

    def _best(self, y: Vector, dispersion: float) -> Vector:
        inner = np.where(y > 0.0, y, 1.0)
        return np.asarray(-2.0 * (inner * np.log(inner)).sum(axis=-1))


def _others(p: Vector) -> Vector:
    # 1 - p as the sum of the others, which does not cancel
    before, after = np.zeros_like(p), np.zeros_like(p)
    np.cumsum(p[..., :-1], axis=-1, out=before[..., 1:])
    after[..., :-1] = np.cumsum(p[..., :0:-1], axis=-1)[..., ::-1]
    return before + after
