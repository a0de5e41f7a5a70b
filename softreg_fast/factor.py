"""Dense factorisations that Ctrl-C can end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

Vector = NDArray[np.float64]

# LAPACK needs less than a tenth of a second below this size.
SMALLEST_INTERRUPTIBLE = 1_000

# A Cholesky factor with a smaller ratio of its diagonal entries is not trusted: the matrix is
# singular to float64.
SMALLEST_PIVOT_RATIO = 1e-6


def cholesky(matrix: NDArray[np.float64]) -> Callable[[Any], Any]:
    """z -> matrix^-1 z of a symmetric positive definite matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    factor = _interruptible(np.linalg.cholesky, matrix)
    return lambda z: cho_solve((factor, True), z, check_finite=False)


def least_norm(matrix: NDArray[np.float64]) -> Callable[[Any], Any]:
    """z -> matrix^+ z of a symmetric positive semidefinite matrix, which may be singular."""
    if not len(matrix):
        return lambda z: z
    cutoff = len(matrix) * np.finfo(np.float64).eps
    inverse = _interruptible(np.linalg.pinv, matrix, cutoff, hermitian=True)
    return lambda z: inverse @ z


def solver_of(matrix: NDArray[np.float64]) -> Callable[[Any], Any]:
    """`cholesky` where it can be trusted, else `least_norm`."""
    try:
        factor = _interruptible(np.linalg.cholesky, matrix)
    except np.linalg.LinAlgError:
        return least_norm(matrix)
    pivots = np.diag(factor)
    if pivots.size and pivots.min() < SMALLEST_PIVOT_RATIO * pivots.max():
        return least_norm(matrix)
    return lambda z: cho_solve((factor, True), z, check_finite=False)


def _interruptible(function: Callable[..., Any], matrix: Any, *args: Any, **options: Any) -> Any:
    # NumPy's LAPACK calls release the GIL but do not look at signals. A large one runs in a thread
    # of its own, so that the main thread sees Ctrl-C; the abandoned call ends by itself.
    if len(matrix) < SMALLEST_INTERRUPTIBLE:
        return function(matrix, *args, **options)
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(function(matrix, *args, **options))
        except BaseException as error:  # handed over to the caller
            failure.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(0.05)
    if failure:
        raise failure[0]
    return outcome[0]
