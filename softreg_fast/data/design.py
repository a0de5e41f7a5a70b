"""Design: X, y and sample weights, described to the engine without modifying them.

One file: a Design of other weights or another target shares the parts of this one.
"""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.coding import coded, coding_of, matrix_of
from softreg_fast.data.columns import FAR_MEAN, Buffers, KnownMoments, check_moments, moved
from softreg_fast.data.design_cell import Described
from softreg_fast.data.gram import Moments, checked_gram, crossproduct, gram_of
from softreg_fast.data.labels import Given, given_target
from softreg_fast.data.names import feature_names_of, row_labels_of
from softreg_fast.data.survival import as_survival, check_no_survival
from softreg_fast.data.survival_target import SurvivalTarget
from softreg_fast.data.target import Target
from softreg_fast.data.validation import (
    as_columns,
    as_offset,
    as_start,
    as_weights,
    check_same_rows,
)
from softreg_fast.kernels._columns import Columns
from softreg_fast.kernels._units import engine_penalty, user_coefficients
from softreg_fast.losses import SQUARED, Cox, Loss, as_loss
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_flag
from softreg_fast.options.types import Index, Matrix, MatrixLike, Vector
from softreg_fast.system.threads import effective_n_threads, threads_worth


class Design(Described):
    """A matrix, a target and sample weights, validated once and described to the engine.

    The engine works with columns `(x_j - center_j) / norm_j` and the target
    `(y - y_mean) / y_norm`, all of unit length in the metric of the sample weights. None of these
    is ever stored: dense X is neither copied nor written, a sparse column costs O(nnz_j).

    Parameters
    ----------
    X : array-like, sparse matrix or array, pandas or polars frame, (n_samples, n_features)
        Float64 and float32 with contiguous columns (Fortran order, a memory map, a read-only array)
        and canonical CSC are used in place, everything else is converted once: C order, integers,
        bool and other real types to Fortran order, other sparse formats to CSC.
    y : array-like (n_samples,) or None, default=None
        The target. None: to be given to `solve` and `path`, or by `with_target`.
    sample_weight : array-like (n_samples,), float or None, default=None
        Weights >= 0, not all zero. Only their ratios matter. None: all equal.
    fit_intercept : bool, default=True
        Centre columns and target, so that an intercept, never penalised, is fitted.
    standardize : bool, default=False
        Apply the penalty to the coefficients of columns scaled to unit (weighted) variance.
        Coefficients and bounds stay in the units of X. The default False is that of scikit-learn.
        Without an intercept columns are scaled to a root mean square of one, where glmnet uses the
        standard deviation about the mean.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.

    Attributes
    ----------
    n_samples : int
    n_features : int
    feature_names : ndarray of object or None
        Column labels of a frame; None if they are just 0, 1, 2, ...
    coding : Coding or None
        How the columns of a frame became features; None: each is one.
    kept : ndarray of int or None
        Positions of the rows in the table that was given, if some of it are left out.
    index : pandas.Index or None
        Row labels of a frame, used to detect a y or weights in another order.
    center : ndarray (n_features,)
    norm : ndarray (n_features,)
    y_mean : float
    y_norm : float
    columns : Columns
        The engine's columns, for the compiled modules.
    unscaled_columns : Columns
        The same columns, centred but in the units of X.
    n_threads : int
        Number of threads for one pass over X; for the whole computation.
    most_threads : int
        Number of threads for one pass over X; for the whole computation.
    target : ndarray (n_samples + 1,)
        The engine's residual at w = 0.

    Raises
    ------
    ValueError, TypeError
        For NaN or infinity, wrong shapes, empty or malformed matrices, complex numbers, text,
        dates, categories, masked entries, integers that float64 cannot represent, negative or
        all-zero weights; for y or weights whose index holds that of X in another order.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Design, solve
    >>> design = Design(*load_diabetes(return_X_y=True))
    >>> [solve(design, alpha=alpha).df for alpha in (1.0, 0.5)]
    [3, 4]
    """

    index: Any = None  # missing in pickles of older versions
    coding: Any = None
    kept: Index | None = None
    trials: Vector | None = None  # single samples of each row, where y counts them
    _target: Target | None = None
    _plain: Design | None = None  # without the trials in its weights
    _gram: Matrix | None = None
    _unscaled: Columns | None = None
    only_products = False  # whether the Gram matrix comes from sums of products, not from X

    @with_hints
    def __init__(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | float | None = None,
        *,
        fit_intercept: bool = True,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.fit_intercept = check_flag("fit_intercept", fit_intercept)
        self.standardize = check_flag("standardize", standardize)
        if isinstance(X, Design):
            raise TypeError(
                f"X is a {type(X).__name__}; expected an array, a sparse matrix or a frame. "
                "solve, path and cv_path take a Design; a new one is made from its attribute X."
            )
        X = coded(X)
        self.feature_names, self.coding = feature_names_of(X), coding_of(X)
        self.index = row_labels_of(X)
        check_same_rows(self, "y", y)
        check_same_rows(self, "sample_weight", sample_weight)
        self.X = as_columns(matrix_of(X))
        self.n_samples, self.n_features = self.X.shape
        self.is_sparse: bool = sp.issparse(self.X)
        self.n_entries = self.X.data.size if self.is_sparse else self.X.size
        self.most_threads = effective_n_threads(n_threads)
        self.n_threads = threads_worth(self.n_entries, self.most_threads)
        self._buffers = Buffers(self.X) if self.is_sparse else self.X
        self._origin: Vector | None = None  # values subtracted from the columns in the buffers
        self._set_weight(sample_weight)
        if not self._is_near:
            self._move_far_columns(sample_weight)
        if y is not None:
            self._set_target(self._given(y, SQUARED))

    def _set_weight(self, sample_weight: Any) -> None:
        self.weight, self.weight_sum = as_weights(sample_weight, self.n_samples)
        moments = self._describe_columns()
        self.columns.moments(self.fit_intercept, self.n_threads, moments)
        # takes two microseconds: everything is finite and no mean is far
        near = np.abs(self._center) <= FAR_MEAN * self.norm
        self._is_near = bool(near.all() and np.isfinite(self.norm.sum()))
        if not self._is_near:
            check_moments(self.X, self._center, self.norm, self.feature_names)

    def _describe_columns(self) -> NDArray[np.float64]:
        # the moments are filled in later
        moments = np.empty((3, self.n_features))
        self._center: Vector = moments[0]
        self.norm: Vector = moments[1]
        self._scale: Vector = moments[2]
        self.columns = Columns(self._buffers, self._center, self._scale, self.weight)
        return moments

    def columns_with(
        self, center: Vector | None = None, scale: Vector | None = None, weight: Any = None
    ) -> Columns:
        """Return the engine's columns with another centre or scale, and other weights.

        Parameters
        ----------
        center : ndarray (n_features,) or None, default=None
            None: that of the engine.
        scale : ndarray (n_features,) or None, default=None
            None: that of the engine.
        weight : ndarray (n_samples,) or None, default=None
            None: all are one.

        Returns
        -------
        Columns
        """
        center = self._center if center is None else center
        return Columns(self._buffers, center, self._scale if scale is None else scale, weight)

    @property
    def center(self) -> Vector:
        """Weighted mean of every column, (n_features,)."""
        return self._center if self._origin is None else self._center + self._origin

    @property
    def scale(self) -> Vector:
        """1 / norm of every column, 0 where it is constant."""
        return self._scale

    @property
    def stored_center(self) -> Vector:
        """Weighted mean of the columns as stored in `columns`, after `_move_far_columns`."""
        return self._center

    def _move_far_columns(self, sample_weight: Any) -> None:
        # where a mean far exceeds the spread, its own rounding matters
        far = (np.abs(self._center) > FAR_MEAN * self.norm) & (self.norm > 0.0)
        if not far.any():
            return
        heaviest = 0 if self.weight is None else int(np.argmax(self.weight))
        buffers, origin = moved(self.X, far, heaviest)
        if origin.any():
            self._origin, self._buffers = origin, buffers
            self._set_weight(sample_weight)

    def __copy__(self) -> Self:
        # all parts are shared; unpickled copies build their own columns
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __getstate__(self) -> dict[str, Any]:
        # the compiled columns hold pointers into X
        return {k: v for k, v in self.__dict__.items() if k not in ("columns", "_unscaled")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.columns = Columns(self._buffers, self._center, self._scale, self.weight)

    def with_threads(self, n_threads: int) -> Design:
        """Return this design limited to `n_threads` threads (itself if it already is).

        Parameters
        ----------
        n_threads : int
            Largest number of threads for one pass over X.

        Returns
        -------
        Design
        """
        if n_threads >= self.n_threads:
            return self
        other = copy.copy(self)
        other.n_threads = n_threads
        return other

    def with_target(
        self, y: ArrayLike, loss: Loss | str = SQUARED, offset: ArrayLike | None = None
    ) -> Design:
        """Return a design with another target, whose matrix and weights are not described again.

        Parameters
        ----------
        y : array-like (n_samples,), or (n_samples, 2)
            The target, in any unit; of two classes as in `path`.
        loss : Loss or str, default=Squared()
            The loss between y and the linear predictor, or its name: squared error.
        offset : array-like (n_samples,) or None, default=None
            Part of the linear predictor that is known for each sample. None: there is none.

        Returns
        -------
        Design
        """
        check_same_rows(self, "y", y)
        check_same_rows(self, "offset", offset)
        given, plain = self._given(y, as_loss(loss)), self if self._plain is None else self._plain
        other = copy.copy(plain) if given.trials is None else plain._counting(given.trials)
        other._set_target(given, as_loss(loss), offset)
        return other

    def _counting(self, trials: Vector) -> Design:
        # with weights times trials
        each = self.weight_sum / self.n_samples
        other = self.reweighted(each * trials * (1.0 if self.weight is None else self.weight))
        other.trials, other._plain = trials, self
        return other

    def with_weight(self, sample_weight: Any) -> Design:
        """Return a design of the same matrix and target with other sample weights.

        Parameters
        ----------
        sample_weight : array-like (n_samples,), float or None
            Weights >= 0, not all zero. Only their ratios matter. None: all equal. Those of a target
            of counts are multiplied by these.

        Returns
        -------
        Design
        """
        check_same_rows(self, "sample_weight", sample_weight)
        if self._plain is None or self.trials is None:
            return self.reweighted(sample_weight)
        other = self._plain.with_weight(sample_weight)._counting(self.trials)
        other._target = self.described_target.with_weight(other.weight)
        return other

    def reweighted(self, sample_weight: Any, is_part: bool = False) -> Design:
        """Return a design with other weights; `is_part`: they may leave a class of several out."""
        other = self._copy_of_matrix()
        other._set_weight(sample_weight)
        if self._target is not None:
            other._target = self._target.with_weight(other.weight, is_part)
        return other

    def with_moments(self, weight: Vector, known: KnownMoments) -> Design:
        """Return a copy with precomputed moments, which are not validated."""
        other = self._copy_of_matrix()
        other.weight_sum = float(weight.sum())
        other.weight = weight * (self.n_samples / other.weight_sum)
        moments = other._describe_columns()
        moments[0] = known.center if self._origin is None else known.center - self._origin
        moments[1] = known.norm
        moments[2] = 0.0
        np.divide(1.0, known.norm, out=moments[2], where=known.norm > 0.0)
        other._target = self.described_target.with_moments(
            other.weight, known.y_mean, known.y_norm, known.gradient
        )
        other.know_gram(known.gram)
        other.only_products = True
        return other

    def _copy_of_matrix(self) -> Self:
        # without anything that depends on the weights
        other = copy.copy(self)
        other._target = other._gram = other._unscaled = None
        return other

    def _given(self, y: ArrayLike, loss: Loss) -> Given:
        if isinstance(loss, Cox):
            return Given(*as_survival(y, self.n_samples))  # strata in place of classes
        return given_target(check_no_survival(y, loss), loss, self.n_samples)

    def _checked_offset(self, offset: Any) -> Vector:
        return as_offset(offset, self.n_samples)

    def _set_target(
        self, given: Given, loss: Loss = SQUARED, offset: ArrayLike | None = None
    ) -> None:
        fixed = None if offset is None else self._checked_offset(offset)
        parts = self.weight, self.fit_intercept, loss, fixed, given.classes
        kind = SurvivalTarget if isinstance(loss, Cox) else Target
        self._target = kind(given.values, *parts)

    @property
    def has_target(self) -> bool:
        """Return whether there is a y."""
        return self._target is not None

    @property
    def described_target(self) -> Target:
        """The Target: y under its loss.

        Raises
        ------
        AttributeError
            If there is none.
        """
        if self._target is None:
            raise AttributeError("This Design has no target; give y when making it.")
        return self._target

    @property
    def y(self) -> Vector:
        """Targets to be fitted, under a quadratic loss minus their offset."""
        return self.described_target.y

    @property
    def y_mean(self) -> Any:
        """Weighted mean of y, 0 without an intercept."""
        return self.described_target.y_mean

    @property
    def y_norm(self) -> float:
        """Norm of y minus y_mean; 1 if y is constant."""
        return self.described_target.y_norm

    @property
    def is_null(self) -> bool:
        """Return whether y is constant."""
        return self.described_target.is_null

    @property
    def target(self) -> Vector:
        """The engine's residual at w = 0; with several tasks one row per task."""
        return self.described_target.residual

    @property
    def target_sumsq(self) -> float:
        """||y||^2 of the engine's target: 1, or 0 for a constant y."""
        return self.described_target.null_deviance

    @property
    def objective_unit(self) -> float:
        """Factor from the engine's objective to the user's: y_norm^2 / n_samples."""
        return self.described_target.objective_unit

    @property
    def unscaled_columns(self) -> Columns:
        """The engine's columns in the units of X."""
        if self._unscaled is None:
            self._unscaled = Columns(self._buffers, self._center, None, self.weight)
        return self._unscaled

    @property
    def curvature(self) -> Vector:
        """||c_j||^2 of the engine's columns: 1, or 0 for a constant column."""
        return (self.norm > 0.0).astype(np.float64)

    def to_engine(self, *penalty: Vector) -> tuple[Vector, ...]:
        """Convert l1, l2, lower, upper from units of X to the engine's (docs/mathematics.md, 5)."""
        n = self.n_samples
        return tuple(engine_penalty(self.norm, self.y_norm, n, self.standardize, *penalty))

    def to_user(
        self,
        features: NDArray[np.intp],
        u: Vector,
        starts: NDArray[np.int64],
        lower: Vector,
        upper: Vector,
    ) -> tuple[Vector, Vector]:
        """Return the coefficients u of these features in the units of X, and center.w, (n_fits,).

        Those of the k-th fit are starts[k]:starts[k + 1]. All lie within the user's bounds.
        """
        return user_coefficients(
            self.norm, self.center, self.y_norm, lower, upper, starts, features, u
        )

    def fixed(self, lower: Vector, upper: Vector) -> NDArray[np.intp]:
        """Return the constant features, undetermined by X, whose bounds exclude 0."""
        if self.norm.all():
            return np.empty(0, np.intp)
        return np.flatnonzero((self.norm == 0.0) & ((lower > 0.0) | (upper < 0.0)))

    def from_user(self, w: Any) -> Vector:
        """Convert coefficients from the units of X to the engine's."""
        start = as_start(w, self.n_features, names=self.feature_names)
        return start * (self.norm / self.y_norm)

    @property
    def gram(self) -> Matrix:
        """X'SX of the engine's columns, (n_features, n_features) in Fortran order."""
        if self._gram is None:
            dense = not self.is_sparse
            self._gram = gram_of(self.columns, self.n_entries, dense, self.n_threads)
        return self._gram

    @property
    def has_gram(self) -> bool:
        """Return whether `gram` has been computed."""
        return self._gram is not None

    def know_gram(self, gram: NDArray[np.float64]) -> None:
        """Store a Gram matrix computed elsewhere."""
        self._gram = gram

    def crossproduct(
        self, chosen: Index, factor: Vector | None = None, of_samples: bool = False
    ) -> Matrix:
        """Return A'A, or with `of_samples` A A', for A = sqrt(s) times the engine's chosen columns
        times factor.
        """
        return crossproduct(self.columns, chosen, factor, of_samples, self.n_threads)

    def gram_from(self, given: ArrayLike) -> Matrix:
        """Return the engine's Gram matrix from a user's X'X, validated against this X.

        With sample weights it is X'SX, S = diag(sample_weight), divided by their mean or not. The
        columns may be centred or not. A matrix that is right but has lost digits, through float32
        or through means far beyond the spread, is recomputed from X.

        Parameters
        ----------
        given : array-like (n_features, n_features)
            X'X, in the units of X.

        Returns
        -------
        ndarray (n_features, n_features)

        Raises
        ------
        ValueError
            If its shape does not fit, or if it is not X'X.
        TypeError
            If it does not hold real numbers.
        """
        mean_weight = None if self.weight is None else self.weight_sum / self.n_samples
        moments = Moments(self.center, self.norm, self._scale, mean_weight)
        gram = checked_gram(given, self.columns, moments, self.n_threads)
        return self.gram if gram is None else gram

    def gradient_at_zero(self) -> Vector:
        """Return X'y of the engine's columns and target, read-only; computed once.

        With several tasks (n_tasks, n_features).
        """
        return self.described_target.gradient_at_zero(self.columns, self.n_threads)
