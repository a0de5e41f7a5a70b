"""Validation and conversion of user input; messages state what was given and what is expected."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.contents import check_contents, check_unmasked
from softreg_fast.data.names import Names, entries_by_name, is_by_name
from softreg_fast.kernels._columns import check_compressed
from softreg_fast.options.types import Vector

# Numbers that the kernels read as they are stored; others are converted to float64.
READ_DENSE: tuple[Any, ...] = (np.float64, np.float32)
READ_SPARSE: tuple[Any, ...] = (np.float64, np.float32)

# Rows and columns that are transposed together: a tile fits into the cache.
TILE = (256, 16_384)


def as_columns(X: Any) -> Any:
    """Return X as float64 or float32 with contiguous columns, or canonical CSC; copy if needed."""
    if not (_is_plain(X) and X.ndim == 2):
        if not sp.issparse(X):
            options = {"dtype": list(READ_DENSE), "ensure_all_finite": False}
            X = as_real("X", X, accept_sparse=["csc", "csr", "coo"], **options)
        if sp.issparse(X):  # also from a frame of sparse columns
            return _as_csc(X)
    contiguous = X.flags.f_contiguous or (X.strides[0] == X.itemsize and X.strides[1] >= 0)
    if contiguous and X.strides[1] % X.itemsize == 0 and X.flags.aligned:
        return X
    # Tile by tile: several times faster than at once, and Ctrl-C is noticed in between.
    columns = np.empty(X.shape, X.dtype, order="F")
    for i in range(0, X.shape[0], TILE[0]):
        for j in range(0, X.shape[1], TILE[1]):
            tile = slice(i, i + TILE[0]), slice(j, j + TILE[1])
            columns[tile] = X[tile]
    return columns


def _is_plain(array: Any) -> bool:
    # arrays that check_array would return unchanged, after a tenth of a millisecond
    return (
        type(array) in (np.ndarray, np.memmap)
        and array.dtype in READ_DENSE
        and array.dtype.isnative
        and array.size > 0
    )


def as_real(name: str, value: Any, **options: Any) -> Any:
    """Run scikit-learn's check_array, with messages that name the argument."""
    if value is None:
        raise ValueError(f"{name} is None; expected an array of real numbers.")
    value = check_contents(name, value)
    try:
        return _check_array(value, input_name=name, **options)
    except (ValueError, TypeError) as error:
        kind_of_error = ValueError if isinstance(error, ValueError) else TypeError
        raise kind_of_error(
            f"{name} must hold real numbers, one row for each sample: {error}"
        ) from error


def _check_array(value: Any, **options: Any) -> Any:
    # imported when first needed, for importing it takes longer than many a fit to plain arrays
    from sklearn.utils import check_array

    return check_array(value, **options)


def check_finite(name: str, values: Any, where: str = "") -> None:
    """Raise ValueError if there is NaN or infinity among the values."""
    if not np.isfinite(values).all():
        kind = "NaN" if np.isnan(values).any() else "infinity"
        raise ValueError(
            f"Input {name} contains {kind}{where}; leave out such samples or replace such values."
        )


def _as_csc(X: Any) -> Any:
    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional, got a sparse array of shape {X.shape}.")
    if min(X.shape) == 0:
        _check_array(X, accept_sparse=True)  # raises with scikit-learn's message
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
    if X.dtype not in READ_SPARSE or not X.dtype.isnative:
        X = check_contents("X", X).astype(np.float64)
    if not canonical:
        if not (fresh := X.tocsc(copy=True)).has_canonical_format:
            fresh.sum_duplicates()
        X = fresh
    if not X.data.flags.c_contiguous or not X.indices.flags.c_contiguous:
        X = X.copy()
    return X


def check_structure(X: Any) -> bool:
    """Return whether a CSC or CSR matrix (COO: never) is canonical; ValueError if malformed."""
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


def check_same_rows(X: Any, name: str, values: Any) -> None:
    """Raise ValueError if a Series holds the row labels of X (frame or Design) in another order.

    Rows are paired by position, as everywhere in NumPy; labels in another order show that this
    would pair the wrong ones. Labels of different kinds are not compared.
    """
    rows, labels = getattr(X, "index", None), getattr(values, "index", None)
    if rows is None or labels is None or callable(rows) or callable(labels):
        return
    if len(rows) != len(labels) or rows.equals(labels) or set(rows) != set(labels):
        return
    raise ValueError(
        f"The index of {name} holds the labels of X's rows in another order, but rows are paired "
        f"by position; give {name}.loc[X.index], or {name}.to_numpy() if the order is meant."
    )


def check_sparse(X: Any) -> None:
    """Raise ValueError if X is a malformed sparse matrix, which SciPy's products do not detect."""
    if sp.issparse(X) and X.format in ("csc", "csr", "coo"):
        check_structure(X)


def malformed(X: Any, problem: str) -> ValueError:
    """Return the error for a sparse matrix with inconsistent parts."""
    return ValueError(
        f"X is a malformed {X.format.upper()} matrix: {problem}. "
        "Build it again, for example from (data, (row, col)) with scipy.sparse.coo_array."
    )


def as_targets(y: ArrayLike | None) -> NDArray[np.float64]:
    """Return y as a finite float64 array of any shape but a scalar."""
    if np.isscalar(y) or getattr(y, "ndim", 1) == 0:
        raise ValueError(f"y is {y!r}; expected one target value for each row of X.")
    if _is_plain(y):
        targets = np.asarray(y, dtype=np.float64, order="C")
    elif type(y) is np.ndarray and y.dtype.kind in "biu" and y.size:  # labels and counts, as often
        targets = np.asarray(check_contents("y", y), dtype=np.float64, order="C")
    else:
        options = {"ensure_2d": False, "allow_nd": True, "ensure_all_finite": False}
        targets = as_real("y", y, dtype=np.float64, order="C", **options)
    if not np.isfinite(targets).all():
        _refuse_targets(np.asarray(targets))
    return np.asarray(targets)


def _refuse_targets(targets: NDArray[np.float64]) -> NoReturn:
    missing = np.isnan(targets)
    bad = (missing if missing.any() else np.isinf(targets)).reshape(len(targets), -1).any(axis=1)
    n, first = int(np.count_nonzero(bad)), int(np.argmax(bad))
    kind = "NaN" if missing.any() else "infinity"
    raise ValueError(
        f"Input y contains {kind} in {n} row{'s' * (n > 1)}, the first in row {first}; "
        "leave out such samples"
        + (", as missing='drop' does" if missing.any() else "")
        + ", or replace such values."
    )


def as_target(y: ArrayLike, n_samples: int) -> Vector:
    """Return y as a finite float64 vector with one value per sample."""
    target = as_targets(y)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise ValueError(
            f"y has shape {target.shape}; expected a vector ({n_samples},), one target at a time."
        )
    if len(target) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, "
            f"y has {len(target)}; give one target value for each row of X."
        )
    return np.ascontiguousarray(target)


def as_task_targets(y: ArrayLike, n_samples: int) -> Vector:
    """Return y as a finite float64 matrix with a row per sample and a column per task."""
    targets = as_targets(y)
    if targets.ndim != 2 or not targets.shape[1]:
        raise ValueError(
            f"y has shape {targets.shape}; expected a matrix ({n_samples}, n_tasks) with one "
            "column for each task."
        )
    if len(targets) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, "
            f"y has {len(targets)}; give one row of targets for each row of X."
        )
    return targets


def as_offset(offset: Any, n_samples: int, n_classes: int = 1) -> Vector:
    """Return an offset as a finite float64 vector with one number per sample, or one per class."""
    options = {"ensure_2d": False, "allow_nd": True, "ensure_all_finite": False}
    if np.ndim(offset) == 0:
        raise ValueError(
            f"offset is {offset!r}; expected one number for each row of X (what is the same for "
            "all rows belongs to the intercept)."
        )
    fixed = as_real("offset", offset, dtype=np.float64, order="C", **options)
    if fixed.ndim == 2 and fixed.shape[1] == 1:
        fixed = fixed[:, 0]
    expected = (n_samples,) if n_classes == 1 else (n_samples, n_classes)
    if fixed.shape != expected:
        each = "each row of X" if n_classes == 1 else "each row of X and class"
        raise ValueError(
            f"offset has shape {fixed.shape}, X has {n_samples} samples; expected one number for "
            f"{each}, shape {expected}."
        )
    check_finite("offset", fixed)
    return np.ascontiguousarray(fixed)


def no_offset(offset: Any, n_samples: int) -> Vector:
    """Raise ValueError: several targets have no offset."""
    raise ValueError(
        "offset is for one target; subtract it from the columns of y, and add it to predictions."
    )


def as_start(
    coef_init: Any,
    n_features: int,
    *n_tasks: int,
    names: Names | None = None,
    what: str = "coef_init",
) -> Vector:
    """Return initial coefficients as a finite float64 array, one value per feature (and task).

    A dict or a Series is matched by feature name; features not named in it start at 0.
    """
    if not n_tasks and is_by_name(coef_init, names):
        entries = entries_by_name(what, coef_init, n_features, names)
        coef_init = [entries.get(j, 0.0) for j in range(n_features)]
    check_unmasked(what, coef_init)
    start, expected = np.asarray(coef_init), (*n_tasks, n_features)
    if start.dtype.kind not in "fiub":
        raise TypeError(f"{what} must hold real numbers, got dtype {start.dtype}.")
    if start.shape != expected:
        each = "each feature and task" if n_tasks else "each feature"
        raise ValueError(
            f"{what} has shape {start.shape}; expected one number for {each}, shape {expected}."
        )
    if not np.isfinite(start).all():
        raise ValueError(f"{what} contains NaN or infinity; start from finite numbers.")
    return start.astype(np.float64)


def as_weights(sample_weight: ArrayLike | float | None, n_samples: int) -> tuple[Any, float]:
    """Return (weights with mean one, None if all are equal; the sum of the given weights)."""
    if sample_weight is None:
        return None, float(n_samples)
    check_unmasked("sample_weight", sample_weight)
    given = np.asarray(sample_weight)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight has dtype {given.dtype}; use real numbers.")
    weights = np.array(np.broadcast_to(given, (n_samples,)) if given.ndim == 0 else given, float)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"Sample weights must be 1D array or scalar: sample_weight has shape {weights.shape}, "
            f"X has {n_samples} samples; expected one weight for each, shape ({n_samples},)."
        )
    low, high = float(weights.min()), float(weights.max())  # NaN if any weight is
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("sample_weight contains NaN or infinity; every weight must be finite.")
    if low < 0.0:
        raise ValueError(
            f"sample_weight contains negative values (smallest {low:.3g}); "
            "Negative values in data passed to `sample_weight`: use weights >= 0."
        )
    if high == 0.0:
        raise ValueError("sample_weight is zero for every sample; at least one must be positive.")
    total = float(weights.sum())
    if low == high:
        return None, total
    weights /= high
    return weights * (n_samples / weights.sum()), total
