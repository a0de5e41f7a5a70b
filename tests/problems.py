"""Seeded data: matrices in every layout, and catalogues of shapes and penalties."""

import tempfile
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy.sparse as sp
from oracles import problem_of

try:
    import polars as pl
except ImportError:  # it has no wheels for Python without the GIL
    pl = None

INF = np.inf


def make_data(rng, n, p, *, density=1.0, offset=0.0, noise=0.5):
    """Return (X, y): correlated columns, a few of which make y; entries not stored are 0."""
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    X *= rng.random((n, p)) < density
    X *= np.exp(0.5 * rng.standard_normal(p))
    w = np.where(rng.random(p) < 0.5, 3 * rng.standard_normal(p), 0.0)
    y = X @ w + noise * np.std(X @ w) * rng.standard_normal(n) + rng.standard_normal(n) + 2.0
    return X + offset, y


def degenerate(X):
    """Return X with copies, multiples, constants and zeros among the columns."""
    X = X.copy()
    p = X.shape[1]
    X[:, p // 2] = X[:, 0]
    X[:, p // 3] = -2.0 * X[:, 1]
    X[:, -1] = 0.0
    X[:, -2] = 3.0
    return X


SHAPES = {
    "tall": lambda rng: make_data(rng, 40, 7),
    "wide": lambda rng: make_data(rng, 12, 30),
    "square": lambda rng: make_data(rng, 16, 16),
    "one feature": lambda rng: make_data(rng, 9, 1),
    "two samples": lambda rng: make_data(rng, 2, 4),
    "degenerate": lambda rng: (lambda X, y: (degenerate(X), y))(*make_data(rng, 25, 9)),
    "with holes": lambda rng: make_data(rng, 30, 12, density=0.3),
}


# Shapes for tests of whole searches; the last is the share of entries that are not 0.
KINDS = {"tall": (60, 7, 1.0), "wide": (30, 45, 1.0), "sparse": (50, 30, 0.2)}


def make_kind(rng, kind, **change):
    """Return (X, y) of one of KINDS, dense in Fortran order or sparse."""
    n, p, density = KINDS[kind]
    X, y = make_data(rng, n, p, **{"density": density, **change})
    return (sp.csc_array(X) if kind == "sparse" else np.asfortranarray(X)), y


def dense(X):
    """Return a matrix, sparse or not, as a dense array."""
    return X.toarray() if sp.issparse(X) else X


def sample_weights(rng, n):
    """Return unequal weights, some of them 0."""
    weights = rng.integers(0, 4, n) * rng.choice([1.0, 0.37], n)
    weights[:2] = 1.0, 2.5
    return weights


# ---------------------------------------------------------------------------------------------
# Penalties: functions of (rng, p) to keyword arguments of solve; alpha is in units of the largest
# that matters.


def _box(rng, p):
    lower = rng.choice([-INF, -0.3, 0.0, 0.1], p)
    upper = lower.clip(0.0) + rng.choice([0.0, 0.2, 1.0, INF], p)
    return lower, upper


def _box_without_zero(rng, p):
    sign = rng.choice([-1.0, 1.0], p)
    near, far = sign * 0.2, sign * rng.choice([0.2, 0.9, INF], p)
    return np.minimum(near, far), np.maximum(near, far)


def some_weights(rng, p, value):
    """Return weights of which about a third, at most three, have this value."""
    weights = rng.uniform(0.5, 2.0, p)
    weights[rng.permutation(p)[: min(3, (p + 1) // 3)]] = value
    return weights


PENALTIES = {
    "lasso": lambda rng, p: {"alpha": 0.1},
    "weak lasso": lambda rng, p: {"alpha": 1e-3},
    "elastic net": lambda rng, p: {"alpha": 0.1, "l1_ratio": 0.5},
    "nearly ridge": lambda rng, p: {"alpha": 0.1, "l1_ratio": 0.01},
    "nearly lasso": lambda rng, p: {"alpha": 0.1, "l1_ratio": 1 - 1e-6},
    "ridge": lambda rng, p: {"alpha": 0.1, "l1_ratio": 0.0},
    "weighted": lambda rng, p: {
        "alpha": 0.1,
        "l1_ratio": 0.7,
        "l1_weights": rng.uniform(0.0, 3.0, p),
        "l2_weights": rng.uniform(0.0, 3.0, p),
    },
    "some unpenalised": lambda rng, p: {"alpha": 0.1, "l1_weights": some_weights(rng, p, 0.0)},
    "some ridge only": lambda rng, p: {
        "alpha": 0.1,
        "l1_ratio": 0.5,
        "l1_weights": some_weights(rng, p, 0.0),
    },
    "some excluded": lambda rng, p: {
        "alpha": 0.1,
        "l1_ratio": 0.5,
        "l1_weights": some_weights(rng, p, INF),
        "l2_weights": some_weights(rng, p, INF),
    },
    "positive": lambda rng, p: {"alpha": 0.05, "positive": True},
    "positive, some unpenalised": lambda rng, p: {
        "alpha": 0.05,
        "l1_weights": some_weights(rng, p, 0.0),
        "positive": True,
    },
    "box": lambda rng, p: {"alpha": 0.05, "l1_ratio": 0.8, "bounds": _box(rng, p)},
    "box without 0": lambda rng, p: {"alpha": 0.05, "bounds": _box_without_zero(rng, p)},
    "ridge in a box": lambda rng, p: {"alpha": 0.1, "l1_ratio": 0.0, "bounds": _box(rng, p)},
    "vectors": lambda rng, p: {"l1": rng.uniform(0.0, 0.2, p), "l2": rng.uniform(0.0, 0.2, p)},
}


# ---------------------------------------------------------------------------------------------
# Layouts: functions of a float64 array in Fortran order to the same numbers as something else.


def _inside(X, top, left, steps=(1, 1)):
    """Return a view, equal to X, into a larger array in Fortran order."""
    n, p = X.shape
    big = np.full((2 * top + steps[0] * n, 2 * left + steps[1] * p), 7, X.dtype, order="F")
    view = big[top : top + steps[0] * n : steps[0], left : left + steps[1] * p : steps[1]]
    view[...] = X
    return view


def _memmap(X):
    with tempfile.TemporaryFile() as file:  # the map remains valid after deletion
        mapped = np.memmap(file, X.dtype, mode="w+", shape=X.shape, order="F")
    mapped[...] = X
    return mapped


def _reversed(X):
    return np.asfortranarray(X[::-1, ::-1])[::-1, ::-1]


def _unsorted_csc(X):
    """Return CSC with falling row indices and every entry split into two halves."""
    tidy = sp.csc_array(X)
    indptr = tidy.indptr.copy()
    order = np.concatenate(
        [np.arange(b - 1, a - 1, -1) for a, b in pairwise(indptr)] or [np.zeros(0, int)]
    ).astype(int)
    data = np.repeat(tidy.data[order], 2)
    if X.dtype.kind == "f":
        data *= 0.5
    else:
        data[1::2] = 0
    return sp.csc_array((data, np.repeat(tidy.indices[order], 2), 2 * indptr), shape=X.shape)


def _explicit_zeros(X):
    """Return CSC that stores every entry, zeros included."""
    n, p = X.shape
    rows = np.tile(np.arange(n, dtype=np.int32), p)
    indptr = np.arange(0, n * p + 1, n, dtype=np.int32)
    return sp.csc_array((np.ravel(X, order="F").copy(), rows, indptr), shape=X.shape)


def int64_indices(X):
    """Return a compressed sparse array with 64-bit indices."""
    X = X.copy()
    X.indptr, X.indices = X.indptr.astype(np.int64), X.indices.astype(np.int64)
    return X


DENSE_LAYOUTS = {
    "fortran": np.asfortranarray,
    "c": np.ascontiguousarray,
    "row slice": lambda X: _inside(X, 3, 0),
    "column stride": lambda X: _inside(X, 0, 1, (1, 3)),
    "both strides": lambda X: _inside(X, 2, 2, (2, 2)),
    "reversed": _reversed,
    "memmap": _memmap,
    "byte-swapped": lambda X: X.astype(X.dtype.newbyteorder()),
    "list": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X, columns=names(X.shape[1])),
}
if pl:
    DENSE_LAYOUTS["polars"] = lambda X: pl.DataFrame(X, schema=names(X.shape[1]))

SPARSE_LAYOUTS = {
    "csc_array": sp.csc_array,
    "csc_matrix": sp.csc_matrix,
    "csc_array int64": lambda X: int64_indices(sp.csc_array(X)),
    "csc unsorted": _unsorted_csc,
    "csc with zeros": _explicit_zeros,
    "csr_array": sp.csr_array,
    "csr_matrix int64": lambda X: int64_indices(sp.csr_matrix(X)),
    "coo_array": sp.coo_array,
    "coo_matrix": sp.coo_matrix,
    "lil_array": sp.lil_array,
    "dok_matrix": sp.dok_matrix,
    "bsr_array": sp.bsr_array,
    "dia_array": sp.dia_array,
}

LAYOUTS = DENSE_LAYOUTS | SPARSE_LAYOUTS

# the dtype that float64 numbers become
DTYPES = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "int": lambda X: np.round(3 * X).astype(np.int64),
    "bool": lambda X: X > 0.5,
}


def stored_dtype(layout, dtype):
    """Return the dtype in which a Design holds numbers that are given in a layout and a dtype."""
    kept = dtype == "float32" and layout not in ("list", "polars", "byte-swapped")
    return np.dtype(np.float32 if kept else np.float64)


def names(p):
    """Return p feature names."""
    return [f"x{j}" for j in range(p)]


def buffers(X):
    """Return every array that holds a part of X."""
    if sp.issparse(X):
        parts = [getattr(X, name, None) for name in ("data", "indices", "indptr", "row", "col")]
        return [part for part in parts if isinstance(part, np.ndarray) and part.dtype != object]
    if isinstance(X, np.ndarray):
        return [X]
    return [X.to_numpy()] if hasattr(X, "to_numpy") else [np.asarray(X)]


def make_read_only(X):
    """Make the arrays that hold X read-only."""
    for array in buffers(X):
        array.flags.writeable = False


def snapshot(*arrays):
    """Return the bytes of the arguments, for a later comparison."""
    return [part.tobytes() for X in arrays for part in buffers(X)]


def penalty_options(name, rng, problem):
    """Return keyword arguments of `solve` for a catalogue penalty, at the scale of a Problem."""
    options = PENALTIES[name](rng, problem.X.shape[1])
    unit = problem.alpha_max()
    return {
        key: value * unit if key in ("alpha", "l1", "l2") else value
        for key, value in options.items()
    }


def make_problem(rng, shape, penalty, weighted=False, **options):
    """Return (X, y, keyword arguments of solve) for a shape and a penalty of the catalogue."""
    X, y = SHAPES[shape](rng)
    if weighted:
        options["sample_weight"] = sample_weights(rng, len(y))
    options |= penalty_options(penalty, rng, problem_of(X, y, **options))
    return X, y, options
