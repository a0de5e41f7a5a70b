"""Tikhonov's penalty, w'P w / 2 with a positive semidefinite matrix, and matrices for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve as dense_solve
from scipy.sparse.linalg import splu, spsolve

from softreg_fast.options.scalars import check_count
from softreg_fast.penalties.arrays import (
    Array,
    as_numpy,
    check_steps,
    is_in_memory,
    like,
    namespace,
    no_minus_zero,
)
from softreg_fast.penalties.base import Kept, Penalty, take_entries

# Roundings of the largest diagonal entry, for each row, within which a matrix is symmetric and an
# eigenvalue 0.
ROUNDINGS = 16.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Tikhonov(Penalty):
    """strength / 2 * w'P w: ridge with a matrix, such as that of differences of neighbours.

    No weight becomes zero. Directions in which P is 0, such as straight lines under second
    differences, are not penalised.

    Parameters
    ----------
    strength : float >= 0, default=1.0
        The factor lambda, in units of the loss. Given by name, like all settings. In regression
        alpha multiplies it, to which the default leaves it.
    matrix : array-like or sparse (n_weights, n_weights), or None, default=None
        P, symmetric without negative eigenvalues; `graph_laplacian` makes one.
    root : array-like or sparse (n_rows, n_weights), or None, default=None
        D with P = D'D, in place of P: the penalty is then strength / 2 * ||D w||^2. More accurate
        than P where some directions are hardly penalised; `difference_matrix` makes one.

    Raises
    ------
    ValueError
        For settings out of range; of shapes that do not fit the weights, from the methods.

    References
    ----------
    Tikhonov (1963), "Solution of incorrectly formulated problems and the regularization method",
    Soviet Mathematics Doklady 4; Eilers, Marx (1996), "Flexible smoothing with B-splines and
    penalties", Statistical Science 11(2), for differences.

    Examples
    --------
    >>> import numpy as np
    >>> from softreg_fast.penalties import Tikhonov, difference_matrix
    >>> penalty = Tikhonov(root=difference_matrix(4, order=2))
    >>> penalty.value(np.array([1.0, 2.0, 3.0, 4.0])), penalty.value(np.array([0.0, 0.0, 1.0, 0.0]))
    (0.0, 2.5)
    """

    kind: ClassVar[str] = "tikhonov"

    matrix: Any = None
    root: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.matrix is None) == (self.root is None):
            raise ValueError(
                "Tikhonov needs its matrix P or a root D with P = D'D, one of them: "
                f"{'neither was' if self.root is None else 'both were'} given."
            )
        name = "matrix" if self.root is None else "root"
        given = _as_matrix(name, getattr(self, name))
        if name == "matrix":
            _check_semidefinite(given)
            given = _in_form((given + given.T) * 0.5)
        object.__setattr__(self, name, given)

    @property
    def n_weights(self) -> int:
        """Number of weights that P is for."""
        return int((self.matrix if self.root is None else self.root).shape[1])

    def check_fits(self, shape: tuple[int, ...]) -> None:
        if math.prod(shape) != self.n_weights:
            raise ValueError(
                f"The matrix of Tikhonov is for {self.n_weights} weights, but there are "
                f"{math.prod(shape)}, of shape {tuple(shape)}; give one with as many columns as "
                "there are weights."
            )

    def full(self) -> Any:
        """Return P, dense or sparse as it was given.

        Returns
        -------
        ndarray or csr_array (n_weights, n_weights)
        """
        return self.matrix if self.root is None else _in_form(self.root.T @ self.root)

    def term(self, w: Array) -> Array:
        self.check_fits(tuple(w.shape))
        xp = namespace(w)
        flat = xp.reshape(w, (-1,))
        image = _product(self.matrix if self.root is None else self.root, flat)
        other = flat if self.root is None else image
        return (0.5 * self.strength) * xp.sum(other * image)

    def prox(self, z: Array, t: Array, scale: float = 1.0) -> Array:
        # with T the steps and c the strength, x = z - c T^1/2 (I + c T^1/2 P T^1/2)^-1 T^1/2 P z
        self.check_fits(tuple(z.shape))
        if is_in_memory(z):
            check_steps(t, z)
            return self._prox_in_memory(z, t, self.strength * float(scale))
        xp = namespace(z)
        strength = self.strength * scale
        step = xp.reshape(xp.sqrt(xp.zeros_like(z) + t), (-1,))
        flat = xp.reshape(z, (-1,))
        P = like(_dense(self.full()), z)
        inner = like(np.eye(self.n_weights), z) + strength * step[:, None] * P * step[None, :]
        slope = step * xp.matmul(P, flat)
        library = xp.linalg if xp.__name__ in ("numpy", "torch") else xp
        found = library.solve(inner, slope[:, None])
        x = flat - strength * step * xp.reshape(found, (-1,))
        return no_minus_zero(xp, xp.reshape(x, z.shape))

    def _prox_in_memory(self, z: Array, t: Array, strength: float) -> Array:
        flat = np.asarray(as_numpy(z), np.float64).reshape(-1)
        step = np.sqrt(np.broadcast_to(as_numpy(t), tuple(z.shape)).astype(np.float64).reshape(-1))
        P = self.full()
        slope = step * (P @ flat)
        if sp.issparse(P):
            turn = sp.diags_array(step)
            inner = sp.csc_array(sp.eye_array(len(flat)) + strength * (turn @ P @ turn))
            found = spsolve(inner, slope)
        else:
            inner = np.eye(len(flat)) + strength * (step[:, np.newaxis] * P * step)
            found = dense_solve(inner, slope, assume_a="pos")
        x = flat - strength * step * found + 0.0
        return like(x.reshape(tuple(z.shape)), z)

    def violation(self, w: Array, gradient: Array, scale: float = 1.0) -> Array:
        self.check_fits(tuple(w.shape))
        xp = namespace(w)
        flat = xp.reshape(w, (-1,))
        if self.root is None:
            slope = _product(self.matrix, flat)
        else:
            slope = _product(self.root.T, _product(self.root, flat))
        return xp.abs(gradient + (self.strength * scale) * xp.reshape(slope, w.shape))

    def take(self, shape: tuple[int, ...], kept: Kept) -> Tikhonov:
        # weights that were cut off were 0
        self.check_fits(shape)
        left = take_entries(np.arange(self.n_weights).reshape(shape), kept).reshape(-1)
        if self.root is not None:
            return replace(self, root=self.root[:, left])
        return replace(self, matrix=self.matrix[left][:, left])


def difference_matrix(n: int, order: int = 1) -> sp.csr_array:
    """Return D with D w the differences of neighbours in w, of any order.

    Parameters
    ----------
    n : int >= 1
        Number of weights.
    order : int >= 0, default=1
        Times that differences are taken: 1 has rows (-1, 1), 2 rows (1, -2, 1), and so on.

    Returns
    -------
    csr_array (n - order, n)

    Raises
    ------
    ValueError, TypeError
        For an order that leaves no row.

    Examples
    --------
    >>> from softreg_fast.penalties import difference_matrix
    >>> difference_matrix(4, order=2).toarray()
    array([[ 1., -2.,  1.,  0.],
           [ 0.,  1., -2.,  1.]])
    """
    check_count("n", n)
    check_count("order", order, 0)
    if order >= n:
        raise ValueError(
            f"order is {order}, but {n} weights have differences of order {n - 1} at most."
        )
    entries = [(-1.0) ** (order - k) * math.comb(order, k) for k in range(order + 1)]
    bands = sp.diags_array(entries, offsets=range(order + 1), shape=(n - order, n))
    return sp.csr_array(bands)


def graph_laplacian(adjacency: Any) -> sp.csr_array:
    """Return the Laplacian of a graph, P with w'P w the sum of a_ij (w_i - w_j)^2 over its edges.

    Parameters
    ----------
    adjacency : array-like or sparse (n_weights, n_weights)
        Symmetric weights a_ij >= 0 of the edges, 0 where there is none; the diagonal has no effect.

    Returns
    -------
    csr_array (n_weights, n_weights)

    Raises
    ------
    ValueError, TypeError
        For a matrix that is not square and symmetric, and for negative weights.

    Examples
    --------
    >>> from softreg_fast.penalties import graph_laplacian
    >>> graph_laplacian([[0, 1, 0], [1, 0, 2], [0, 2, 0]]).toarray()
    array([[ 1., -1.,  0.],
           [-1.,  3., -2.],
           [ 0., -2.,  2.]])
    """
    weights = sp.csr_array(_as_matrix("adjacency", adjacency))
    _check_symmetric("adjacency", weights)
    weights = sp.csr_array(weights - sp.diags_array(weights.diagonal()))
    if (weights.data < 0.0).any():
        raise ValueError(
            f"adjacency has an edge of weight {weights.data.min():g}; weights must be >= 0."
        )
    laplacian = sp.csr_array(sp.diags_array(weights.sum(axis=1)) - weights)
    laplacian.eliminate_zeros()
    return laplacian


def _as_matrix(name: str, given: Any) -> Any:
    # a copy of finite real numbers: ndarray or csr_array of float64
    held = given if sp.issparse(given) else np.asarray(as_numpy(given))
    if held.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {held.dtype}.")
    if held.ndim != 2:
        raise ValueError(f"{name} has shape {held.shape}; expected a matrix.")
    matrix = _in_form(held)
    if not np.isfinite(matrix.data if sp.issparse(matrix) else matrix).all():
        raise ValueError(f"{name} contains NaN or infinity; give finite numbers.")
    return matrix


def _in_form(matrix: Any) -> Any:
    if sp.issparse(matrix):
        return sp.csr_array(matrix, dtype=np.float64, copy=True)
    return np.array(matrix, np.float64)


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if sp.issparse(matrix) else matrix


def _product(matrix: Any, x: Array) -> Array:
    # matrix @ x for a vector of any library
    xp = namespace(x)
    if xp is np:
        return np.asarray(matrix @ x, x.dtype)
    return xp.matmul(like(_dense(matrix), x), x)


def _check_symmetric(name: str, matrix: Any) -> None:
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} has shape {matrix.shape}; expected a square matrix.")
    away = abs(matrix - matrix.T)
    if away.size and away.max() > _rounding(matrix, abs(matrix).max()):
        raise ValueError(
            f"{name} is not symmetric: it differs from its transpose by up to {away.max():.3g}; "
            "give a symmetric one, such as the mean of both."
        )


def _check_semidefinite(matrix: Any) -> None:
    _check_symmetric("matrix", matrix)
    diagonal = matrix.diagonal()
    around = np.asarray(abs(matrix).sum(axis=1)).ravel() - np.abs(diagonal)
    # Gershgorin: so are all Laplacians
    if np.all(diagonal >= around - _rounding(matrix, np.max(diagonal, initial=0.0))):
        return
    shift = _rounding(matrix, np.max(np.abs(diagonal), initial=0.0))
    if not (diagonal.min() >= -shift and _has_factor(matrix, shift)):
        raise ValueError(
            "matrix has a negative eigenvalue, so that the penalty would fall without bound; give "
            "a positive semidefinite one, such as D.T @ D, or D as root."
        )


def _has_factor(matrix: Any, shift: float) -> bool:
    # whether matrix + shift * I is positive definite
    if not sp.issparse(matrix):
        try:
            np.linalg.cholesky(matrix + shift * np.eye(len(matrix)))
        except np.linalg.LinAlgError:
            return False
        return True
    lifted = sp.csc_array(matrix + shift * sp.eye_array(matrix.shape[0]))
    try:  # pivots on the diagonal have the signs of the eigenvalues
        factor = splu(lifted, "MMD_AT_PLUS_A", 0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular
        return False
    on_diagonal = np.array_equal(factor.perm_r, factor.perm_c)
    return bool(on_diagonal and (factor.U.diagonal() > 0.0).all())


def _rounding(matrix: Any, size: float) -> float:
    return float(ROUNDINGS * matrix.shape[0] * np.finfo(np.float64).eps * size)
