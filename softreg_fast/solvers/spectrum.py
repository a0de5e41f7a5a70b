"""Weighted ridge for whole grids of alphas from one eigendecomposition, and leave-one-out errors.

Everything is in the engine's units (docs/mathematics.md, 5 and 10): B = sqrt(s) C with the columns
of a Design, t = sqrt(s) times its target, and per feature a weight omega of the penalty
alpha/2 sum_j omega_j u_j^2. The intercept and the unpenalised columns F are projected out of the
others, P:

    A = M B_P diag(omega_P)^-1/2,   M = I - projection on (sqrt(s), B_F),   A'A = V Lambda V'.

Another alpha then only rescales: u_P = diag(omega_P)^-1/2 V (Lambda + alpha)^-1 V'A't.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.gram import PANEL_ENTRIES
from softreg_fast.options.types import Index, Matrix, Vector
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.system.interrupts import interruptible
from softreg_fast.system.threads import blas_threads_for

# A sample whose 1 - h_ii in the unpenalised fit is below this determines a coefficient alone.
SMALLEST_FREEDOM = 1e-10


class RidgeSpectrum(ABC):
    """The parts of a ridge fit shared by all alphas; made by `ridge_spectrum`.

    Attributes
    ----------
    design : Design
        Its target is not used.
    eigenvalues : ndarray (rank,), Lambda
    penalised, free : ndarray of int
        Feature indices; excluded and constant features are in neither.
    """

    eigenvalues: Vector

    def __init__(self, design: Design, penalised: Index, free: Index, omega: Vector) -> None:
        self.design = design
        self.penalised = penalised
        self.free = free
        self.omega = omega
        self.root = np.ones(design.n_samples) if design.weight is None else np.sqrt(design.weight)
        with blas_threads_for(min(penalised.size + free.size, design.n_samples)):
            self._decompose()

    @abstractmethod
    def _decompose(self) -> None:
        """Compute the eigenvalues and the related matrices."""

    @abstractmethod
    def _parts(self, target: Design, alphas: Vector) -> Iterator[tuple[Index, Matrix]]:
        """Yield features and their coefficients u at each alpha, until all are given."""

    @abstractmethod
    def _left_out(
        self, targets: list[Design], alphas: Vector
    ) -> Iterator[tuple[slice, list[Matrix], Matrix]]:
        """Yield rows, residuals for each target and 1 - h_ii, at each alpha, for all rows."""

    def _shares(self, alphas: Vector) -> Matrix:
        # (Lambda + alpha)^-1, (rank, n_alphas); 0 where it would be infinite but for rounding
        smallest = (
            len(self.eigenvalues) * np.finfo(np.float64).eps * self.eigenvalues.max(initial=0.0)
        )
        values = self.eigenvalues[:, np.newaxis] + alphas
        lost = (self.eigenvalues[:, np.newaxis] <= smallest) & (alphas == 0.0)
        return np.where(lost, 0.0, 1.0 / np.where(lost, 1.0, values))

    def _panel(self, rows: slice, features: Index) -> Matrix:
        # B of these samples and features
        panel = np.empty((rows.stop - rows.start, features.size), order="F")
        self.design.columns.gather(rows.start, panel, features, self.design.n_threads)
        return panel

    def _target(self, target: Design) -> Vector:
        # t = sqrt(s) times the engine's target
        return np.asarray(self.root * ((target.y - target.y_mean) / target.y_norm))

    def coef(self, target: Design, alpha: float) -> Vector:
        """Return the coefficients in the units of X at one alpha, (n_features,).

        `target` is the Design of the spectrum with a target.
        """
        w = np.zeros(self.design.n_features)
        with blas_threads_for(self.design.n_samples):
            for features, u in self._parts(target, np.array([alpha])):
                w[features] = u[:, 0] * (target.y_norm / self.design.norm[features])
        return w

    def predictions(self, target: Design, rows: Index, alphas: Vector) -> Matrix:
        """Return the predictions for these rows of X, (n_rows, n_alphas)."""
        design, X = self.design, self.design.X
        out = np.full((len(rows), len(alphas)), target.y_mean)
        with blas_threads_for(design.n_samples):
            for features, u in self._parts(target, alphas):
                w = u * (target.y_norm / design.norm[features])[:, np.newaxis]
                out -= design.center[features] @ w
                if sp.issparse(X):
                    out += X[:, features].tocsr()[rows] @ w
                else:
                    step = max(PANEL_ENTRIES // max(features.size, 1), 1)
                    for start in range(0, len(rows), step):
                        block = X[np.ix_(rows[start : start + step], features)]
                        out[start : start + step] += block @ w
        return out

    def left_out(
        self, targets: list[Design], alphas: Vector
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield y_i minus its prediction by the model fitted without sample i, in blocks of rows.

        With the hat matrix H of the weighted fit these are (y_i - x_i.w - b) / (1 - h_ii), without
        another fit; a sample of weight 0 is not in the fit anyway. With standardisation the scale
        of the columns remains that of all samples.

        Yields
        ------
        (rows, errors (n_targets, n_rows, n_alphas))

        Raises
        ------
        ValueError
            If an unpenalised coefficient depends on a single sample, without which it is undefined.

        References
        ----------
        Golub, Heath, Wahba (1979), "Generalized cross-validation as a method for choosing a good
        ridge parameter", Technometrics 21.
        """
        with blas_threads_for(min(self.penalised.size, self.design.n_samples)):
            for rows, residuals, freedom in self._left_out(targets, alphas):
                root = self.root[rows, np.newaxis]
                absent = rows.start + np.flatnonzero(root[:, 0] == 0.0)
                errors = np.empty((len(targets), *freedom.shape))
                for k, target in enumerate(targets):
                    with np.errstate(invalid="ignore", divide="ignore"):
                        errors[k] = residuals[k] * (target.y_norm / (root * freedom))
                    if absent.size:
                        fitted = self.predictions(target, absent, alphas)
                        errors[k, absent - rows.start] = target.y[absent, np.newaxis] - fitted
                yield rows, errors

    def _freedom_of(self, rows: slice, explained: Vector) -> Vector:
        # 1 - h_ii of the intercept and the free features; `explained`: h_ii of the latter
        freedom = 1.0 - explained
        if self.design.fit_intercept:
            freedom = freedom - self.root[rows] ** 2 / self.design.n_samples
        alone = np.flatnonzero(freedom < SMALLEST_FREEDOM)
        if alone.size:
            raise ValueError(
                f"Sample {rows.start + alone[0]} alone determines the intercept or an unpenalised "
                "coefficient, so there is no fit without it; penalise these features, or give cv."
            )
        return np.asarray(freedom)


class _FeatureSpectrum(RidgeSpectrum):
    """Spectrum of X'X, for at most as many features as samples."""

    def _decompose(self) -> None:
        gram, P, F = self.design.gram, self.penalised, self.free
        self.features = np.concatenate([P, F])
        # B_F'B_F = E diag(f) E' with E of full rank; B_F times `basis` is orthonormal
        f, E = _eigen(gram[np.ix_(F, F)])
        self.basis = E / np.sqrt(f)
        overlap = self.basis.T @ gram[np.ix_(F, P)]
        scale = 1.0 / np.sqrt(self.omega)
        rest = (gram[np.ix_(P, P)] - overlap.T @ overlap) * np.outer(scale, scale)
        self.eigenvalues, V = _eigen(rest)
        V *= scale[:, np.newaxis]
        # B_(P, F) times this is A V
        self.turn = np.vstack([V, -self.basis @ (overlap @ V)])

    def _solutions(self, target: Design, alphas: Vector) -> Matrix:
        # u of self.features at each alpha
        slopes = target.gradient_at_zero()[self.features]
        u = self.turn @ ((self.turn.T @ slopes)[:, np.newaxis] * self._shares(alphas))
        free = self.basis @ (self.basis.T @ slopes[self.penalised.size :])
        u[self.penalised.size :] += free[:, np.newaxis]
        return np.asarray(u)

    def _parts(self, target: Design, alphas: Vector) -> Iterator[tuple[Index, Matrix]]:
        yield self.features, self._solutions(target, alphas)

    def _left_out(
        self, targets: list[Design], alphas: Vector
    ) -> Iterator[tuple[slice, list[Matrix], Matrix]]:
        n, n_penalised = self.design.n_samples, self.penalised.size
        solved = [(self._target(t)[:, np.newaxis], self._solutions(t, alphas)) for t in targets]
        shares = self._shares(alphas)
        height = max(PANEL_ENTRIES // max(self.features.size, len(alphas)), 1)
        for start in range(0, n, height):
            rows = slice(start, min(start + height, n))
            B = self._panel(rows, self.features)
            explained = np.sum((B[:, n_penalised:] @ self.basis) ** 2, axis=1)
            freedom = self._freedom_of(rows, explained)[:, np.newaxis]
            freedom = freedom - (B @ self.turn) ** 2 @ shares
            yield rows, [t[rows] - B @ u for t, u in solved], freedom


class _SampleSpectrum(RidgeSpectrum):
    """Spectrum of the kernel A A', for more features than samples."""

    def _decompose(self) -> None:
        design, n = self.design, self.design.n_samples
        # N: basis of the intercept and the unpenalised features, projected out of the kernel
        self.B_F = self._panel(slice(0, n), self.free)
        N = _orthonormal(self.B_F)
        self.explained = np.sum(N**2, axis=1)
        if design.fit_intercept:
            N = np.column_stack([self.root / np.sqrt(n), N])
        kernel = design.crossproduct(self.penalised, 1.0 / np.sqrt(self.omega), of_samples=True)
        kernel -= N @ (N.T @ kernel)
        kernel -= (kernel @ N) @ N.T
        # the directions N get eigenvalues above all others, and are dropped: the remaining
        # eigenvectors are a basis of their orthogonal complement
        kernel += (2.0 * np.trace(kernel) or 1.0) * (N @ N.T)
        values, vectors = interruptible(np.linalg.eigh, kernel)
        kept = n - N.shape[1]
        self.eigenvalues, self.U = np.maximum(values[:kept], 0.0), vectors[:, :kept]

    def _dual(self, target: Design, alphas: Vector) -> Matrix:
        # (A A' + alpha I)^-1 M t, (n_samples, n_alphas)
        among = (self.U.T @ self._target(target))[:, np.newaxis]
        return np.asarray(self.U @ (among * self._shares(alphas)))

    def _parts(self, target: Design, alphas: Vector) -> Iterator[tuple[Index, Matrix]]:
        n = self.design.n_samples
        dual, fitted = self._dual(target, alphas), np.zeros((n, len(alphas)))
        width = max(PANEL_ENTRIES // n, 1)
        for start in range(0, self.penalised.size, width):
            part = slice(start, start + width)
            B = self._panel(slice(0, n), self.penalised[part])
            u = (B.T @ dual) / self.omega[part, np.newaxis]
            if self.free.size:
                fitted += B @ u
            yield self.penalised[part], u
        if self.free.size:
            rest = self._target(target)[:, np.newaxis] - fitted
            yield self.free, interruptible(np.linalg.lstsq, self.B_F, rest, None)[0]

    def _left_out(
        self, targets: list[Design], alphas: Vector
    ) -> Iterator[tuple[slice, list[Matrix], Matrix]]:
        rows = slice(0, self.design.n_samples)
        self._freedom_of(rows, self.explained)
        kept = alphas * self._shares(alphas)
        among = [(self.U.T @ self._target(target))[:, np.newaxis] for target in targets]
        yield rows, [self.U @ (kept * a) for a in among], self.U**2 @ kept


def ridge_spectrum(design: Design, l2_weights: Vector) -> RidgeSpectrum:
    """Return the spectrum of sum_i s_i (y_i - x_i.w - b)^2 + alpha sum_j l2_weights_j w_j^2."""
    vectors = Penalty(l2=l2_weights / design.weight_sum).vectors(design.n_features)
    _, omega, lower, upper = design.to_engine(*vectors)
    fitted = lower < upper
    penalised = np.flatnonzero(fitted & (omega > 0.0))
    free = np.flatnonzero(fitted & (omega == 0.0))
    wide = penalised.size + free.size > design.n_samples
    form = _SampleSpectrum if wide else _FeatureSpectrum
    return form(design, penalised, free, omega[penalised])


def _eigen(matrix: Matrix) -> tuple[Vector, Matrix]:
    # eigenvalues and eigenvectors, without those at rounding level
    if not matrix.size:
        return np.empty(0), np.empty((len(matrix), 0))
    values, vectors = interruptible(np.linalg.eigh, matrix)
    large = values > len(matrix) * np.finfo(np.float64).eps * values[-1]
    return values[large], vectors[:, large]


def _orthonormal(matrix: Matrix) -> Matrix:
    # an orthonormal basis of the column space
    if not matrix.size:
        return np.empty((len(matrix), 0))
    U, sizes, _ = interruptible(np.linalg.svd, matrix, False)
    kept = sizes > max(matrix.shape) * np.finfo(np.float64).eps * sizes[0]
    return np.asarray(U[:, kept])
