"""Gram matrices of the engine's columns, from X or from a user's X'X compared with X."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.blas import dsyrk

from softreg_fast.kernels._columns import Columns
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.system.threads import LARGEST_FOR_ONE_BLAS_THREAD, blas_threads_for

# Entries of one dense panel for a Gram matrix: a few MiB, with BLAS at full speed.
PANEL_ENTRIES = 1 << 20

# Up to this many multiplications a Gram matrix is computed faster without BLAS than BLAS threads
# can be set up.
LARGEST_WITHOUT_BLAS = 500_000

# Misfit of a user's Gram matrix relative to the lengths of the columns: above the first it is not
# X'X, up to the second it is accurate enough to be used.
LARGEST_GRAM_MISFIT = 1e-4
SMALL_GRAM_MISFIT = 1e-11

LOWER = np.tri(256, dtype=bool)  # the lower triangle of a block


def mirror(matrix: Matrix) -> None:
    """Copy the lower triangle of a square matrix to the upper one, in place."""
    for start in range(0, len(matrix), len(LOWER)):
        stop = start + len(LOWER)
        if start:
            matrix[:start, start:stop] = matrix[start:stop, :start].T
        block = matrix[start:stop, start:stop]
        block[:] = np.where(LOWER[: len(block), : len(block)], block, block.T)


def gram_of(columns: Columns, n_entries: int, dense: bool, n_threads: int) -> Matrix:
    """Return X'SX of the engine's columns, (n_features, n_features) in Fortran order.

    Dense X is processed by BLAS in panels of rows, each centred before it is squared, so that large
    offsets cost no digits; sparse columns are multiplied in parallel over features.
    """
    p = columns.shape[1]
    everything = np.arange(p, dtype=np.intp)
    small = p * n_entries <= LARGEST_WITHOUT_BLAS
    if dense and not small:
        return crossproduct(columns, everything, n_threads=n_threads)
    gram = np.empty((p, p), order="F")
    columns.gram_block(everything, everything, gram, n_threads, lower=not small)
    if not small:
        mirror(gram)
    return gram


def crossproduct(
    columns: Columns,
    chosen: Index,
    factor: Vector | None = None,
    of_samples: bool = False,
    n_threads: int = 1,
) -> Matrix:
    """Return A'A, or with `of_samples` A A', for A = sqrt(s) times the chosen columns times factor.

    Small products are parallel over panels, each centred and multiplied by one thread; large ones
    leave the parallelism to BLAS.
    """
    n_samples = columns.shape[0]
    size = n_samples if of_samples else chosen.size
    product = np.zeros((size, size), order="F")
    if size <= LARGEST_FOR_ONE_BLAS_THREAD:
        with blas_threads_for(size):
            columns.crossproduct(product, chosen, factor, of_samples, n_threads)
    else:
        for rows, part in _panels(chosen.size, n_samples, of_samples):
            A = np.empty((rows.stop - rows.start, part.stop - part.start), order="F")
            columns.gather(rows.start, A, chosen[part])
            if factor is not None:
                A *= factor[part]
            product = dsyrk(
                1.0, A, beta=1.0, c=product, trans=not of_samples, lower=1, overwrite_c=1
            )
    mirror(product)
    return product


def _panels(n_chosen: int, n_samples: int, of_samples: bool) -> Iterator[tuple[slice, slice]]:
    # yield the rows and columns of the panels of a crossproduct
    size, length = (n_samples, n_chosen) if of_samples else (n_chosen, n_samples)
    width = max(PANEL_ENTRIES // size, 64)
    for start in range(0, length, width):
        part = slice(start, min(start + width, length))
        yield (slice(0, size), part) if of_samples else (part, slice(0, size))


class Moments(NamedTuple):
    """Means, centred lengths and scales of columns, and the mean sample weight (None: no weights).

    The engine's columns are (x_j - center_j) * scale_j.
    """

    center: Vector
    norm: Vector
    scale: Vector
    mean_weight: float | None


def checked_gram(
    given: ArrayLike, columns: Columns, moments: Moments, n_threads: int
) -> Matrix | None:
    """Return the engine's Gram matrix from a user's X'X, None if it has lost digits.

    Centred and raw columns are told apart by the diagonal, and the whole matrix is compared with X
    by a product with one random vector, which reveals any wrong entry.

    Raises
    ------
    ValueError
        If its shape does not fit, or if it is not X'X.
    TypeError
        If it does not hold real numbers.
    """
    n, p = columns.shape
    gram, offset = _centred(_validated(given, p), moments, n)
    misfit = _misfit(gram, columns, n_threads)
    # relative to the entries in the user's matrix, where a mean may dominate an entry
    whole = np.sqrt(1.0 + offset * np.square(moments.scale))
    if not np.all(misfit <= LARGEST_GRAM_MISFIT * whole * whole.max()):
        weighted = moments.mean_weight is not None
        raise ValueError(
            "The Gram matrix given as precompute did not pass validation: it is not X'X of "
            "this X, with its columns centred or as they are"
            + (", and with these sample weights" if weighted else "")
            + ". Pass X.T @ X of the same X"
            + (" (X.T @ (sample_weight[:, None] * X))" if weighted else "")
            + ", or precompute=True."
        )
    return gram if np.all(misfit <= SMALL_GRAM_MISFIT) else None


def _centred(gram: Matrix, moments: Moments, n: int) -> tuple[Matrix, Vector]:
    # a user's Gram matrix in the engine's units, and n mean^2 of each column unless centred
    center, scale = moments.center, moments.scale
    squares, means = np.square(moments.norm), n * np.square(center)
    whole = np.where(squares + means > 0.0, squares + means, 1.0)
    diagonal = np.diag(gram)

    def misfit(reading: tuple[float, Vector]) -> float:
        unit, offset = reading
        return float(np.abs((diagonal / unit - squares - offset) / whole).sum())

    units = {1.0, 1.0 if moments.mean_weight is None else moments.mean_weight}
    unit, offset = min(((u, o) for u in units for o in (0.0 * means, means)), key=misfit)
    if offset.any():
        gram = gram / unit - n * np.outer(center, center)
    else:
        scale = scale / np.sqrt(unit)
    return np.asfortranarray(gram * np.outer(scale, scale)), offset


def _misfit(gram: Matrix, columns: Columns, n_threads: int) -> Vector:
    # |(G - C'SC) v| for a random v without small entries, so that an error e in an entry of G
    # shows as at least e / 2, unless other errors cancel it to the last digit
    n, p = columns.shape
    rng = np.random.default_rng(0)
    v = rng.uniform(0.5, 1.5, p) * rng.choice([-1.0, 1.0], p)
    product, slopes = np.zeros(n + 1), np.empty(p)
    columns.subtract_product(v, product, n_threads)
    columns.slopes(product, slopes, None, n_threads)
    return np.asarray(np.abs(gram @ v + slopes))


def _validated(given: ArrayLike, p: int) -> Matrix:
    # a user's matrix of finite numbers and of the right shape, as float64
    gram = np.asarray(given)
    if gram.dtype.kind not in "fiub":
        raise TypeError(
            f"precompute must be True, False, 'auto' or the matrix X'X, got {gram.dtype} data."
        )
    if gram.shape != (p, p):
        raise ValueError(f"precompute has shape {gram.shape}, expected ({p}, {p}) for X'X.")
    if not np.isfinite(gram).all():
        raise ValueError(
            "precompute contains NaN or infinity; pass X.T @ X of a finite X, or precompute=True."
        )
    return gram.astype(np.float64, copy=False)
