"""Design: the only place that checks, converts, weights and describes X and y."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.blas import dsyrk
from sklearn.utils import check_array

from softreg_fast._columns import Columns, check_compressed
from softreg_fast.penalty import check_flag
from softreg_fast.threads import (
    LARGEST_FOR_ONE_BLAS_THREAD,
    blas_threads_for,
    effective_n_threads,
)

Vector = NDArray[np.float64]

# Entries of one dense panel on the way to a Gram matrix: a few MiB, and BLAS at full speed.
PANEL_ENTRIES = 1 << 20

# Rows and columns that are transposed at once: what a tile touches stays in the cache.
TILE = (256, 16_384)

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
        self.fit_intercept = check_flag("fit_intercept", fit_intercept)
        self.standardize = check_flag("standardize", standardize)
        self.feature_names = feature_names_of(X)
        self.X = as_columns(X)
        self.n_samples, self.n_features = self.X.shape
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
            # about a value that counts first: the mean of what is left loses no digits
            pilot = self.y[np.argmax(weights)]
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
        if not np.isfinite(self.objective_unit):
            raise ValueError(
                f"The largest |y| is {largest:.3g} and its squares leave the range of float64; "
                "divide y by a constant."
            )

    def _check_finite(self) -> None:
        # NaN and infinity survive in the moments, so finite moments save a pass over X.
        bad = ~(np.isfinite(self.center) & np.isfinite(self.norm))
        if not bad.any():
            return
        j = int(np.flatnonzero(bad)[0])
        name = j if self.feature_names is None else self.feature_names[j]
        if sp.issparse(self.X):
            column = self.X.data[self.X.indptr[j] : self.X.indptr[j + 1]]
        else:
            column = self.X[:, j]
        check_finite("X", column, f", the first in feature {name}")
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
        norm, u, lower, upper = (a[support] for a in (self.norm, u, lower, upper))
        with np.errstate(all="ignore"):
            w = u * (self.y_norm / norm)
            # what lies on a bound of `to_engine` lies on the user's, to the last digit
            w = np.where(u <= lower * (norm / self.y_norm), lower, w)
            w = np.where(u >= upper * (norm / self.y_norm), upper, w)
        return support, np.clip(np.where(fixed[support], 0.0, w), lower, upper)

    def from_user(self, w: ArrayLike) -> Vector:
        """Coefficients in the units of X in those of the engine."""
        return as_start(w, self.n_features) * (self.norm / self.y_norm)

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
        everything = np.arange(self.n_features, dtype=np.intp)
        if not sp.issparse(self.X):
            return self.crossproduct(everything)
        gram = np.empty((self.n_features, self.n_features), order="F")
        self.columns.gram_block(everything, everything, gram, self.n_threads, lower=True)
        mirror(gram)
        return gram

    def crossproduct(
        self,
        chosen: NDArray[np.intp],
        factor: Vector | None = None,
        of_samples: bool = False,
    ) -> NDArray[np.float64]:
        """A'A, or A A' of samples, of A = sqrt(s) times the engine's chosen columns times factor.

        Small ones are parallel over panels, each centred and multiplied by one thread; in large
        ones BLAS has enough to do to be parallel by itself.
        """
        size = self.n_samples if of_samples else chosen.size
        product = np.zeros((size, size), order="F")
        if size <= LARGEST_FOR_ONE_BLAS_THREAD:
            with blas_threads_for(size):
                self.columns.crossproduct(product, chosen, factor, of_samples, self.n_threads)
        else:
            for panel in self._panels(chosen, of_samples):
                rows, columns = panel
                A = np.empty((rows.stop - rows.start, columns.stop - columns.start), order="F")
                self.columns.gather(rows.start, A, chosen[columns])
                if factor is not None:
                    A *= factor[columns]
                product = dsyrk(
                    1.0, A, beta=1.0, c=product, trans=not of_samples, lower=1, overwrite_c=1
                )
        mirror(product)
        return product

    def _panels(self, chosen: NDArray[np.intp], of_samples: bool) -> Iterator[tuple[slice, slice]]:
        # rows and columns of the panels of a crossproduct
        size, length = chosen.size, self.n_samples
        if of_samples:
            size, length = length, size
        width = max(PANEL_ENTRIES // size, 64)
        for start in range(0, length, width):
            part = slice(start, min(start + width, length))
            yield (slice(0, size), part) if of_samples else (part, slice(0, size))

    def gram_from(self, given: ArrayLike) -> NDArray[np.float64]:
        """The engine's Gram matrix from a user's X'X, which must be that of this X.

        Raises
        ------
        ValueError
            If its shape, its diagonal or its last column does not fit.
        """
        gram = np.asarray(given)
        p = self.n_features
        if gram.dtype.kind not in "fiub":
            raise TypeError(
                f"precompute must be True, False, 'auto' or the matrix X'X, got {gram.dtype} data."
            )
        if gram.shape != (p, p):
            raise ValueError(f"precompute has shape {gram.shape}, X wants ({p}, {p}) for X'X.")
        if not np.isfinite(gram).all():
            raise ValueError(
                "precompute contains NaN or infinity; pass X.T @ X of a finite X, or "
                "precompute=True."
            )
        gram = gram.astype(np.float64, copy=False)
        if self.weight is not None or self.standardize:
            return self.gram
        with np.errstate(divide="ignore"):
            scale = np.where(self.norm > 0.0, 1.0 / self.norm, 0.0)
        n = self.n_samples
        centered = np.abs(np.diag(gram) - self.norm**2) <= 1e-6 * self.norm**2
        offset = 0.0 if centered.all() else n * np.outer(self.center, self.center)
        gram = np.asfortranarray((gram - offset) * np.outer(scale, scale))
        entry = np.empty((1, p), order="F")
        self.columns.gram_block(np.array([p - 1]), np.arange(p), entry, self.n_threads)
        fits = np.allclose(gram[:, -1], entry[0], rtol=1e-5, atol=1e-5)
        if not fits or not np.allclose(np.diag(gram), self.curvature, rtol=1e-5, atol=1e-5):
            raise ValueError(
                "precompute is not the Gram matrix X'X of this X: its diagonal or its last column "
                "differs. Pass X.T @ X of the same X, or precompute=True."
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
    X = as_real("X", X, dtype=[np.float64, np.float32], ensure_all_finite=False)
    if X.flags.f_contiguous and X.flags.aligned:
        return X
    # Tile by tile: several times faster than in one go, and Ctrl-C is heard in between.
    columns = np.empty(X.shape, X.dtype, order="F")
    for i in range(0, X.shape[0], TILE[0]):
        for j in range(0, X.shape[1], TILE[1]):
            tile = slice(i, i + TILE[0]), slice(j, j + TILE[1])
            columns[tile] = X[tile]
    return columns


def as_real(name: str, value: Any, **options: Any) -> Any:
    """scikit-learn's check_array, with messages that name what was given."""
    if value is None:
        raise ValueError(f"{name} is None; wanted is an array of real numbers.")
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", "")
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {dtype}; use real numbers.")
    if kind in ("m", "M"):
        raise TypeError(f"{name} has dtype {dtype}; turn dates and durations into numbers first.")
    try:
        return check_array(value, input_name=name, **options)
    except (ValueError, TypeError) as error:
        kind_of_error = ValueError if isinstance(error, ValueError) else TypeError
        raise kind_of_error(
            f"{name} must hold real numbers, one row for each sample: {error}"
        ) from error


def check_finite(name: str, values: Any, where: str = "") -> None:
    """ValueError if there is NaN or infinity among the values."""
    if not np.isfinite(values).all():
        kind = "NaN" if np.isnan(values).any() else "infinity"
        raise ValueError(
            f"Input {name} contains {kind}{where}; leave out such samples or replace such values."
        )


def mirror(matrix: NDArray[np.float64]) -> None:
    """Copy the lower triangle of a square matrix to the upper one, in place."""
    for start in range(0, len(matrix), TILE[0]):
        stop = start + TILE[0]
        matrix[:start, start:stop] = matrix[start:stop, :start].T
        block = matrix[start:stop, start:stop]
        block[:] = np.tril(block) + np.tril(block, -1).T


def _as_csc(X: Any) -> Any:
    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional, got a sparse array of shape {X.shape}.")
    if min(X.shape) == 0:
        check_array(X, accept_sparse=True)  # raises with scikit-learn's message
    if X.dtype.kind not in "fiub":
        as_real("X", X, accept_sparse=True, dtype="numeric")  # complex raises here
        raise TypeError(f"X has dtype {X.dtype}; use a real number type such as float64.")
    if X.format not in ("csc", "csr", "coo"):
        try:
            X = X.tocoo()
        except (ValueError, IndexError) as error:
            raise malformed(X, str(error)) from error
    canonical = check_structure(X)
    if X.format != "csc":
        X = X.tocsc()
        canonical = check_structure(X)
    if X.indices.dtype not in (np.int32, np.int64):
        X = sp.csc_array(
            (X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape
        )
    if X.dtype not in (np.float64, np.float32) or not X.dtype.isnative:
        X = X.astype(np.float64)
    if not canonical:
        if not (fresh := X.tocsc(copy=True)).has_canonical_format:
            fresh.sum_duplicates()
        X = fresh
    if not X.data.flags.c_contiguous or not X.indices.flags.c_contiguous:
        X = X.copy()
    return X


def check_structure(X: Any) -> bool:
    """Whether a CSC or CSR matrix (or COO: never) is canonical; ValueError if it is malformed."""
    indices = [X.row, X.col] if X.format == "coo" else [X.indptr, X.indices]
    if any(index.dtype.kind not in "iu" or index.ndim != 1 for index in indices):
        raise malformed(X, "its index arrays must be vectors of integers")
    if X.format == "coo":
        for index, length, name in zip(indices, X.shape, ("row", "col"), strict=True):
            if len(index) != len(X.data):
                raise malformed(X, f"{len(index)} {name} indices for {len(X.data)} values")
            if len(index) and (index.min() < 0 or index.max() >= length):
                raise malformed(X, f"its {name} indices leave 0..{length - 1}")
        return False
    minor = X.shape[0] if X.format == "csc" else X.shape[1]
    major = X.shape[1] if X.format == "csc" else X.shape[0]
    if indices[0].dtype != indices[1].dtype or indices[1].dtype not in (np.int32, np.int64):
        indices = [index.astype(np.int64) for index in indices]
    indptr, rows = (np.ascontiguousarray(index) for index in indices)
    if len(indptr) != major + 1 or len(rows) != len(X.data):
        problem = "indptr, indices and data have the wrong lengths for its shape"
    else:
        problem = check_compressed(indptr, rows, minor)
    if problem not in ("", "unsorted"):
        raise malformed(X, problem)
    return problem == "" and len(rows) == indptr[-1]


def check_sparse(X: Any) -> None:
    """ValueError if X is a malformed sparse matrix: SciPy's products do not look."""
    if sp.issparse(X) and X.format in ("csc", "csr", "coo"):
        check_structure(X)


def malformed(X: Any, problem: str) -> ValueError:
    """The error for a sparse matrix whose parts do not fit together."""
    return ValueError(
        f"X is a malformed {X.format.upper()} matrix: {problem}. "
        "Build it again, for example from (data, (row, col)) with scipy.sparse.coo_array."
    )


def as_targets(y: ArrayLike) -> NDArray[np.float64]:
    """y as a finite float64 array of any shape but a scalar."""
    if np.isscalar(y) or getattr(y, "ndim", 1) == 0:
        raise ValueError(f"y is {y!r}; wanted is one target value for each row of X.")
    targets = as_real(
        "y", y, ensure_2d=False, allow_nd=True, dtype=np.float64, order="C", ensure_all_finite=False
    )
    check_finite("y", targets)
    return np.asarray(targets)


def as_target(y: ArrayLike, n_samples: int) -> Vector:
    """y as a finite float64 vector with one value per sample."""
    target = as_targets(y)
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


def as_start(coef_init: ArrayLike, n_features: int) -> Vector:
    """Initial coefficients as a finite float64 vector with one value per feature."""
    start = np.asarray(coef_init)
    if start.dtype.kind not in "fiub":
        raise TypeError(f"coef_init must hold real numbers, got dtype {start.dtype}.")
    if start.shape != (n_features,):
        raise ValueError(
            f"coef_init has shape {start.shape}; X wants one number for each feature, shape "
            f"({n_features},)."
        )
    if not np.isfinite(start).all():
        raise ValueError("coef_init contains NaN or infinity; start from finite numbers.")
    return start.astype(np.float64)


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
