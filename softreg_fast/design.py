"""Design: the only place that checks, converts, weights and describes X and y."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.blas import dsyrk
from sklearn.utils import assert_all_finite, check_array

from softreg_fast._columns import Columns, check_compressed
from softreg_fast.threads import effective_n_threads

Vector = NDArray[np.float64]

# Entries of one dense panel on the way to a Gram matrix: a few MiB, and BLAS at full speed.
PANEL_ENTRIES = 1 << 20

# Norms of y below this cannot be scaled to one in float64; such a y counts as constant.
SMALLEST_NORM = 1e-290


class Design:
    """A matrix, a target and sample weights, checked once and described to the engine.

    The engine works with columns `(x_j - center_j) / norm_j` and the target
    `(y - y_mean) / y_norm`, all of unit length in the metric of the sample weights. None of this
    is ever stored: dense X is neither copied nor written, a sparse column costs O(nnz_j).

    Parameters
    ----------
    X : array-like, sparse matrix or array, pandas or polars frame, (n_samples, n_features)
        Float64 and float32 with contiguous columns (Fortran order, a memory map, a read-only
        array) and canonical CSC are used where they lie, everything else is converted once:
        C order, integers, bool and other real types to Fortran order, other sparse formats to CSC.
    y : array-like (n_samples,) or None
    sample_weight : array-like (n_samples,), number or None
        Weights >= 0, not all zero. Only their ratios matter.
    fit_intercept : bool, default=True
        Centre columns and target, so that an intercept, never penalised, is fitted.
    standardize : bool, default=False
        Let the penalty act on the coefficients of columns with unit (weighted) variance.
        Coefficients and bounds stay in the units of X. False, as in scikit-learn.
    n_threads : int or None, default=None
        See `effective_n_threads`.

    Attributes
    ----------
    n_samples, n_features : int
    feature_names : ndarray of str or None
    center, norm : ndarray (n_features,)
    y_mean, y_norm : float
    columns : Columns
        The engine's columns, for the compiled modules.
    unscaled_columns : Columns
        The same, centred but in the units of X.
    target : ndarray (n_samples + 1,)
        The engine's residual at w = 0.

    Raises
    ------
    ValueError, TypeError
        For NaN or infinity, wrong shapes, empty or malformed matrices, complex numbers, negative
        or all-zero weights: what was given, what is wanted, what to do.
    """

    def __init__(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | float | None = None,
        *,
        fit_intercept: bool = True,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.feature_names = feature_names_of(X)
        self.X = as_columns(X)
        self.n_samples, self.n_features = self.X.shape
        self.fit_intercept = bool(fit_intercept)
        self.standardize = bool(standardize)
        self.n_entries = self.X.data.size if sp.issparse(self.X) else self.X.size
        self.n_threads = effective_n_threads(n_threads, self.n_entries)
        self.weight, self.weight_sum = as_weights(sample_weight, self.n_samples)
        buffers = _Buffers(self.X) if sp.issparse(self.X) else self.X
        raw = Columns(buffers, weight=self.weight)
        self.center, self.norm = raw.moments(self.fit_intercept, self.n_threads)
        self._check_finite()
        with np.errstate(divide="ignore"):
            scale = np.where(self.norm > 0.0, 1.0 / self.norm, 0.0)
        self.unscaled_columns = Columns(buffers, self.center, None, self.weight)
        self.columns = Columns(buffers, self.center, scale, self.weight)
        if y is not None:
            self._set_target(y)

    def with_target(self, y: ArrayLike) -> Design:
        """The same matrix and weights, already described, for another target."""
        other = copy.copy(self)
        other._set_target(y)
        return other

    def _set_target(self, y: ArrayLike) -> None:
        self.y = as_target(y, self.n_samples)
        weights = np.ones(self.n_samples) if self.weight is None else self.weight
        self.y_mean = 0.0
        if self.fit_intercept:
            # about a pilot value first: the mean of what is left loses no digits
            pilot = self.y[0]
            self.y_mean = pilot + np.average(self.y - pilot, weights=weights)
        centered = self.y - self.y_mean
        largest = np.max(np.abs(centered) * (weights > 0.0))
        with np.errstate(under="ignore"):
            shrunk = centered / largest if largest >= SMALLEST_NORM else centered
            norm = np.sqrt(np.sum(weights * shrunk * shrunk))
            self.is_null = bool(largest < SMALLEST_NORM)
            self.y_norm = 1.0 if self.is_null else float(largest * norm)
            self.target = np.append(weights * (shrunk if self.is_null else shrunk / norm), 0.0)
        if self.fit_intercept:
            self.target[:-1] -= weights * (self.target.sum() / weights.sum())
        if not np.isfinite(self.y_norm):
            raise ValueError(
                f"The largest |y| is {largest:.3g} and its squares leave the range of float64; "
                "divide y by a constant."
            )

    def _check_finite(self) -> None:
        # NaN and infinity survive in the moments, so finite moments save a pass over X.
        bad = ~(np.isfinite(self.center) & np.isfinite(self.norm))
        if not bad.any():
            return
        assert_all_finite(self.X.data if sp.issparse(self.X) else self.X, input_name="X")
        j = int(np.flatnonzero(bad)[0])
        name = j if self.feature_names is None else self.feature_names[j]
        raise ValueError(
            f"The values of feature {name} are finite but their squares leave the range of "
            "float64 (about 1e154 a sample); divide the column by a constant."
        )

    @property
    def curvature(self) -> Vector:
        """||c_j||^2 of the engine's columns: 1, or 0 for a constant column."""
        return (self.norm > 0.0).astype(np.float64)

    @property
    def target_sumsq(self) -> float:
        """||y||^2 of the engine's target: 1, or 0 for a constant y."""
        return 0.0 if self.is_null else 1.0

    @property
    def objective_unit(self) -> float:
        """What 1 in the engine's objective is worth in the user's: y_norm^2 / n_samples."""
        return float(self.y_norm * (self.y_norm / self.n_samples))

    def to_engine(self, l1: Vector, l2: Vector, lower: Vector, upper: Vector) -> tuple[Vector, ...]:
        """Penalty vectors in the user's units to those of the engine (docs/mathematics.md, 5)."""
        norm, n = self.norm, float(self.n_samples)
        with np.errstate(all="ignore"):
            if self.standardize:
                l1 = l1 * (np.sqrt(n) / self.y_norm)
                l2 = l2 * 1.0
            else:
                l1 = l1 * (n / self.y_norm / norm)
                l2 = l2 * (n / norm / norm)
            lower = lower * (norm / self.y_norm)
            upper = upper * (norm / self.y_norm)
        # Nothing to fit in a constant column, nor where the weight leaves the range of float64.
        excluded = (norm == 0.0) | ~np.isfinite(l1) | ~np.isfinite(l2)
        l1, l2, lower, upper = (np.where(excluded, 0.0, a) for a in (l1, l2, lower, upper))
        return l1, l2, lower, upper

    def to_user(self, u: Vector, lower: Vector, upper: Vector) -> tuple[NDArray[np.intp], Vector]:
        """The support and its coefficients in the units of X, inside the user's bounds."""
        fixed = (self.norm == 0.0) & ((lower > 0.0) | (upper < 0.0))
        support = np.flatnonzero((u != 0.0) | fixed)
        with np.errstate(all="ignore"):
            w = np.where(fixed[support], 0.0, u[support] * (self.y_norm / self.norm[support]))
        return support, np.clip(w, lower[support], upper[support])

    def from_user(self, w: ArrayLike) -> Vector:
        """Coefficients in the units of X in those of the engine."""
        coef = np.asarray(w, dtype=np.float64)
        if coef.shape != (self.n_features,):
            raise ValueError(
                f"The initial coefficients have shape {coef.shape}, X wants ({self.n_features},)."
            )
        return coef * (self.norm / self.y_norm)

    def intercept_of(self, support: NDArray[np.intp], w: Vector) -> float:
        """b = mean(y) - mean(X) w, for the coefficients w of the support."""
        if not self.fit_intercept:
            return 0.0
        return float(self.y_mean - self.center[support] @ w)

    @cached_property
    def gram(self) -> NDArray[np.float64]:
        """X'SX of the engine's columns, (n_features, n_features) in Fortran order.

        Dense X passes through BLAS in panels of rows, each centred before it is squared, so that
        wide offsets cost no digits; sparse columns are multiplied in parallel over features.
        """
        p = self.n_features
        gram = np.zeros((p, p), order="F")
        if sp.issparse(self.X):
            everything = np.arange(p, dtype=np.intp)
            self.columns.gram_block(everything, everything, gram, self.n_threads)
            return gram
        rows = min(max(PANEL_ENTRIES // p, 64), self.n_samples)
        buffer = np.empty((rows, p), order="F")
        for start in range(0, self.n_samples, rows):
            stop = min(start + rows, self.n_samples)
            panel = buffer if stop - start == rows else np.empty((stop - start, p), order="F")
            self.columns.gather(start, panel, None, self.n_threads)
            gram = dsyrk(1.0, panel, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)
        upper = np.triu_indices(p, 1)
        gram[upper] = gram.T[upper]
        return gram

    def gram_from(self, given: ArrayLike) -> NDArray[np.float64]:
        """The engine's Gram matrix from a user's X'X, which must be that of this X.

        Raises
        ------
        ValueError
            If its shape, or one entry computed anew, does not fit.
        """
        gram = np.asarray(given, dtype=np.float64)
        p = self.n_features
        if gram.shape != (p, p):
            raise ValueError(f"precompute has shape {gram.shape}, X wants ({p}, {p}) for X'X.")
        if self.weight is not None or self.standardize:
            return self.gram
        with np.errstate(divide="ignore"):
            scale = np.where(self.norm > 0.0, 1.0 / self.norm, 0.0)
        n = self.n_samples
        centered = np.abs(np.diag(gram) - self.norm**2) <= 1e-6 * self.norm**2
        offset = 0.0 if centered.all() else n * np.outer(self.center, self.center)
        gram = np.asfortranarray((gram - offset) * np.outer(scale, scale))
        entry = np.empty((p, 1), order="F")
        self.columns.gram_block(np.arange(p), np.array([p - 1]), entry, self.n_threads)
        if not np.allclose(gram[:, -1], entry[:, 0], rtol=1e-5, atol=1e-5):
            raise ValueError(
                "precompute is not the Gram matrix X'X of this X: its last column differs. "
                "Pass X.T @ X of the same X, or precompute=True."
            )
        return gram

    def gradient_at_zero(self) -> Vector:
        """X'y of the engine's columns and target."""
        q = np.empty(self.n_features)
        self.columns.slopes(self.target, q, None, self.n_threads)
        return q


class _Buffers:
    """What Columns wants of a CSC matrix, with indptr in int64."""

    def __init__(self, X: Any) -> None:
        self.shape = X.shape
        self.data, self.indices = X.data, X.indices
        self.indptr = np.asarray(X.indptr, dtype=np.int64)


def feature_names_of(X: Any) -> NDArray[np.object_] | None:
    """The column names of a frame, if they are all strings."""
    names = getattr(X, "columns", None)
    if names is None or callable(names):
        return None
    names = np.asarray(list(names), dtype=object)
    return names if len(names) and all(isinstance(name, str) for name in names) else None


def as_columns(X: Any) -> Any:
    """X as float64 or float32 with contiguous columns, or as canonical CSC; no copy if it is."""
    if sp.issparse(X):
        return _as_csc(X)
    if (
        type(X) in (np.ndarray, np.memmap)
        and X.ndim == 2
        and X.dtype in (np.float64, np.float32)
        and X.dtype.isnative
        and X.size
        and (X.flags.f_contiguous or (X.strides[0] == X.itemsize and X.strides[1] >= 0))
        and X.strides[1] % X.itemsize == 0
        and X.flags.aligned
    ):
        return X
    return check_array(
        X, dtype=[np.float64, np.float32], order="F", ensure_all_finite=False, input_name="X"
    )


def _as_csc(X: Any) -> Any:
    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional, got a sparse array of shape {X.shape}.")
    if min(X.shape) == 0:
        check_array(X, accept_sparse=True)  # raises with scikit-learn's message
    if X.dtype.kind not in "fiub":
        check_array(X, accept_sparse=True, dtype="numeric")  # complex raises here
        raise TypeError(f"X has dtype {X.dtype}; use a real number type such as float64.")
    if X.format not in ("csc", "csr", "coo"):
        X = X.tocoo()
    if X.format == "coo":
        for axis, name in ((0, "row"), (1, "col")):
            index = getattr(X, name)
            if len(index) != X.nnz or (
                len(index) and not (index.min() >= 0 and index.max() < X.shape[axis])
            ):
                raise ValueError(
                    f"X is a malformed COO matrix: its {name} indices leave the shape."
                )
        X = X.tocsc()
    canonical = _check_compressed(X)
    if X.format == "csr":
        X, canonical = X.tocsc(), False
    if X.dtype not in (np.float64, np.float32) or not X.dtype.isnative:
        X = X.astype(np.float64)
    if not canonical:
        if not (fresh := X.tocsc(copy=True)).has_canonical_format:
            fresh.sum_duplicates()
        X = fresh
    if not X.data.flags.c_contiguous or not X.indices.flags.c_contiguous:
        X = X.copy()
    return X


def _check_compressed(X: Any) -> bool:
    """Whether a CSR or CSC matrix is canonical; ValueError if it is not even valid."""
    minor = X.shape[0] if X.format == "csc" else X.shape[1]
    major = X.shape[1] if X.format == "csc" else X.shape[0]
    indptr, indices = np.ascontiguousarray(X.indptr), np.ascontiguousarray(X.indices)
    if indptr.dtype != indices.dtype or indices.dtype not in (np.int32, np.int64):
        indptr, indices = indptr.astype(np.int64), indices.astype(np.int64)
    if len(indptr) != major + 1 or len(indices) != len(X.data):
        problem = "indptr, indices and data have the wrong lengths for its shape"
    else:
        problem = check_compressed(indptr, indices, minor)
    if problem in ("", "unsorted"):
        return problem == "" and len(indices) == indptr[-1]
    raise ValueError(
        f"X is a malformed {X.format.upper()} matrix: {problem}. "
        "Build it again, for example from (data, (row, col)) with scipy.sparse.coo_array."
    )


def as_target(y: ArrayLike, n_samples: int) -> Vector:
    """y as a finite float64 vector with one value per sample."""
    target = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", order="C")
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise ValueError(
            f"y has shape {target.shape}; wanted is a vector ({n_samples},), one target at a time."
        )
    if len(target) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, "
            f"y has {len(target)}."
        )
    return np.ascontiguousarray(target)


def as_weights(sample_weight: ArrayLike | float | None, n_samples: int) -> tuple[Any, float]:
    """(weights with mean one, or None where all are equal; the sum of the weights as given)."""
    if sample_weight is None:
        return None, float(n_samples)
    given = np.asarray(sample_weight)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight has dtype {given.dtype}; use real numbers.")
    weights = np.array(np.broadcast_to(given, (n_samples,)) if given.ndim == 0 else given, float)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, X has {n_samples} samples; "
            f"wanted is one weight for each, shape ({n_samples},)."
        )
    if not np.isfinite(weights).all():
        raise ValueError("sample_weight contains NaN or infinity; every weight must be finite.")
    if weights.min() < 0.0:
        raise ValueError(
            f"sample_weight contains negative values (smallest {weights.min():.3g}); "
            "Negative values in data passed to `sample_weight`: use weights >= 0."
        )
    if weights.max() == 0.0:
        raise ValueError("sample_weight is zero for every sample; at least one must be positive.")
    total = float(weights.sum())
    if weights.min() == weights.max():
        return None, total
    weights /= weights.max()
    return weights * (n_samples / weights.sum()), total
