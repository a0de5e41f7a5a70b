"""Squared error with Tikhonov's penalty: one generalised eigendecomposition for all alphas.

With the coefficients v that P refers to, G the matrix of squares and products of the columns and c
that of columns and target, the fit at alpha minimises v'G v / 2 - c'v + alpha / 2 v'P v. The
columns of Z diagonalise both matrices,

    Z'G Z = diag(g),   tau Z'P Z = diag(q),   g + q = 1,

so that v = Z diag(1 / (g + alpha / tau q)) Z'c. Directions in which G and P are 0 are not in Z: of
all minimisers v is the shortest.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular

from softreg_fast.data.design import Design
from softreg_fast.options.types import Matrix, Vector
from softreg_fast.solvers.certificate import LARGEST_FOR_GRAM
from softreg_fast.solvers.descent import Recorded
from softreg_fast.solvers.factor import lower_factor
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.protocol import Doubt, Status
from softreg_fast.system.interrupts import interruptible
from softreg_fast.system.threads import blas_threads_for

# More features than these would need minutes for the decomposition.
MOST_FEATURES = 5_000

# A Cholesky factor of a matrix of unit diagonal with a smaller pivot is not used.
SMALLEST_PIVOT = 1e-6

# Steps of iterative refinement, and the gap at which they end: that of rounding.
MOST_REFINEMENTS = 6
ROUNDED = 1e-20

# A squared residual below this share of the squared target is computed from X.
CANCELLATION = 1e-7

# Shares g and q up to this size do not shape a grid of alphas.
LEAST_SHARE = 1e-12


class TikhonovSpectrum:
    """The parts of the fits that all alphas share.

    Attributes
    ----------
    scale : ndarray (n_features,)
        The engine's coefficients are scale * v, 0 for columns that are constant.
    per_scale : float
        Coefficients in units of X are y_norm * per_scale * v, where P refers to those.
    unit : float
        Factor of alpha: the penalty is alpha * unit / 2 * v'P v.
    fitted : ndarray of bool (n_features,)
        Features that take part: with standardisation constant columns do not.
    gram, slopes : G and c
    Z : ndarray (n_fitted, rank)
    g, q : ndarray (rank,)
    tau : float
    """

    def __init__(self, problem: Problem) -> None:
        design, self.penalty = problem.design, problem.penalty.omega
        p = design.n_features
        self.penalty.check_fits((p,))
        check_size(p)
        largest = 1.0
        if design.standardize:
            self.fitted = design.norm > 0.0
            self.scale = np.ones(int(self.fitted.sum()))
        else:
            self.fitted = np.ones(p, np.bool_)
            largest = float(design.norm.max(initial=0.0)) or 1.0
            self.scale = design.norm / largest
        self.per_scale = 1.0 / largest
        self.unit = self.penalty.strength
        if not design.standardize:
            self.unit *= design.n_samples / largest / largest
        matrix = self.penalty.full()
        self.P = np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)
        self.root = self.penalty.root
        given = problem.options.precompute
        own = given is None or isinstance(given, bool | str)
        gram = design.gram if own else design.gram_from(given)
        slopes = design.gradient_at_zero()
        if not self.fitted.all():
            chosen = np.flatnonzero(self.fitted)
            gram, slopes = gram[np.ix_(chosen, chosen)], slopes[chosen]
            self.P = self.P[np.ix_(chosen, chosen)]
            self.root = None if self.root is None else self.root[:, chosen]
        self.gram = gram * np.outer(self.scale, self.scale)
        self.slopes = slopes * self.scale
        with blas_threads_for(p):
            self._decompose(problem.design)

    def _decompose(self, design: Design) -> None:
        G, P = self.gram, self.P
        sizes, penalties = np.diag(G), np.diag(P)
        both = (sizes > 0.0) & (penalties > 0.0)
        self.tau = 1.0
        if both.any():
            self.tau = float(np.exp(np.mean(np.log(sizes[both] / penalties[both]))))
        M = G + self.tau * P
        length = np.sqrt(np.diag(M))
        inverse = np.divide(1.0, length, out=np.ones(len(M)), where=length > 0.0)
        M *= np.outer(inverse, inverse)
        white = _whitening(M)
        W = inverse[:, np.newaxis] * white.W
        g, turn = self._directions(design, W)
        self.g = np.clip(g, 0.0, 1.0)
        self.Z = W @ turn
        if white.null.size:  # the shortest of all minimisers
            N = np.linalg.qr(inverse[:, np.newaxis] * white.null)[0]
            self.Z -= N @ (N.T @ self.Z)
        # with a root D there are no rounding errors of P where D is small
        left, right = (self.Z, self.P @ self.Z) if self.root is None else (self.root @ self.Z,) * 2
        self.seen = right
        self.q = self.tau * np.maximum(np.einsum("ij,ij->j", left, right), 0.0)

    def _directions(self, design: Design, W: Matrix) -> tuple[Vector, Matrix]:
        # eigenvalues and eigenvectors of W'G W; of wide X all but n_samples of them are 0
        n = design.n_samples
        if W.shape[1] <= n:
            values, vectors = interruptible(np.linalg.eigh, W.T @ self.gram @ W)
            return values, vectors
        C = np.empty((n, len(W)), order="F")
        design.columns.gather(0, C, np.flatnonzero(self.fitted), design.n_threads)
        _, sizes, turn = interruptible(np.linalg.svd, C @ (self.scale[:, np.newaxis] * W))
        return np.append(sizes**2, np.zeros(W.shape[1] - n)), turn.T

    def penalty_slopes(self, v: Vector) -> Vector:
        """Return Z'P v."""
        return np.asarray(self.seen.T @ (v if self.root is None else self.root @ v))

    def shares(self, alpha: float) -> Vector:
        """Return 1 / (g + alpha / tau q) for one alpha, 0 where it would be infinite."""
        lost = len(self.gram) * np.finfo(np.float64).eps
        found = self.g + (alpha * self.unit / self.tau) * self.q
        gone = (self.g <= lost) & (found <= lost)
        return np.where(gone, 0.0, 1.0 / np.where(gone, 1.0, found))

    def degrees_of_freedom(self, alphas: Vector) -> Vector:
        """Return the trace of the map from y to its fit at each alpha, without the intercept.

        It is the sum of g / (g + alpha / tau q) over the directions.
        """
        seen = self.g > len(self.gram) * np.finfo(np.float64).eps
        return np.array([(self.g * self.shares(alpha))[seen].sum() for alpha in alphas.tolist()])

    def ends(self, eps: float, least: float) -> tuple[float, float]:
        """Return the ends of a grid of alphas, (0, 0) if nothing is penalised.

        With d = tau g / q, in units of alpha, they are max d / eps, at which less than the share
        eps of least squares is left in any penalised direction, and eps max(min d, least max d).
        """
        counted = (self.q > LEAST_SHARE) & (self.g > LEAST_SHARE)
        if not counted.any() or not self.unit > 0.0:
            return 0.0, 0.0
        d = self.tau / self.unit * self.g[counted] / self.q[counted]
        largest = float(d.max())
        return largest / eps, eps * max(float(d.min()), least * largest)


class _Whitening(NamedTuple):
    """W with W'M W = I, and a basis of the directions in which M is 0."""

    W: Matrix
    null: Matrix


class _Point(NamedTuple):
    """Coefficients v, C'r there, Z' times minus the gradient, and the distance from the minimum."""

    v: Vector
    rest: Vector
    parts: Vector
    gap: float


def _whitening(M: Matrix) -> _Whitening:
    # of a positive semidefinite matrix with a diagonal of ones and zeros
    none = np.zeros((len(M), 0))
    if not len(M):
        return _Whitening(none, none)
    try:
        L = lower_factor(M)
    except np.linalg.LinAlgError:
        L = np.zeros_like(M)
    if np.diag(L).min() >= SMALLEST_PIVOT:
        return _Whitening(solve_triangular(L, np.eye(len(M)), lower=True).T, none)
    values, vectors = interruptible(np.linalg.eigh, M)
    large = values > len(M) * np.finfo(np.float64).eps * values[-1]
    return _Whitening(vectors[:, large] / np.sqrt(values[large]), vectors[:, ~large])


_SPECTRA: WeakKeyDictionary[Problem, TikhonovSpectrum] = WeakKeyDictionary()


def spectrum_of(problem: Problem) -> TikhonovSpectrum:
    """Return the spectrum of a problem with Tikhonov's penalty, computed once.

    Raises
    ------
    ValueError
        For problems that are not fitted with this penalty.
    """
    found = _SPECTRA.get(problem)
    if found is None:
        check_fitted(problem)
        found = _SPECTRA[problem] = TikhonovSpectrum(problem)
    return found


def check_size(n_features: int) -> None:
    """Raise ValueError for more features than can be decomposed."""
    if n_features > MOST_FEATURES:
        raise ValueError(
            "Tikhonov's penalty needs a decomposition of the size of the features, "
            f"{n_features}; up to {MOST_FEATURES} are fitted."
        )


def check_fitted(problem: Problem) -> None:
    """Raise ValueError unless problems of this kind are fitted with Tikhonov's penalty."""
    one = not problem.loss.quadratic or np.ndim(problem.design.y_mean) == 0
    if not (one and problem.options.solver == "auto"):
        raise ValueError(
            "Tikhonov is fitted with one target, or several classes, and solver='auto' only; "
            "otherwise use L1, L2 or ElasticNet."
        )


class TikhonovEngine(Recorded):
    """Solver for squared error with Tikhonov's penalty, by its spectrum and iterative refinement.

    Its gap is the exact distance from the minimum, e'H^+ e / 2 with the gradient e and the Hessian
    H = G + alpha P, and not a bound by a dual point.
    """

    needs: ClassVar[tuple[str, ...]] = ("quadratic loss", "Tikhonov", "one target")
    strategy = "eigenvalues"
    doubt = Doubt(False, False, False)  # the gap is computed from X where that matters

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.spectrum = spectrum_of(problem)
        # of constant columns in units of y_norm per unit of X, as the engine has no unit for them
        self.coef = np.zeros(self.design.n_features)
        self.gap, self.n_epochs = np.inf, 0
        self.residual_sumsq = problem.target.null_deviance

    def start(self, u: Vector) -> None:
        """Do nothing: every fit is computed afresh."""

    def solve(self, l1_strength: float, l2_strength: float, tol: float, max_iter: int) -> int:
        """Compute the fit at alpha = l2_strength, refine it and return the status."""
        with blas_threads_for(self.design.n_features):
            best = self._refined(l2_strength)
        self.gap = best.gap
        self._keep(best)
        return int(Status.CONVERGED if self.gap <= tol else Status.STALLED)

    def _refined(self, l2_strength: float) -> _Point:
        spectrum = self.spectrum
        shares, alpha = spectrum.shares(l2_strength), l2_strength * spectrum.unit

        def point(v: Vector, rest: Vector) -> _Point:
            parts = spectrum.Z.T @ rest - alpha * spectrum.penalty_slopes(v)
            return _Point(v, rest, parts, 0.5 * float(shares @ np.square(parts)))

        best = point(np.zeros(len(spectrum.gram)), spectrum.slopes)
        self.n_epochs, falls = 0, True
        while falls and best.gap > ROUNDED and self.n_epochs < MOST_REFINEMENTS:
            v = best.v + spectrum.Z @ (shares * best.parts)
            new = point(v, self._slopes_at(v))
            self.n_epochs += 1
            falls = new.gap < 0.25 * best.gap
            best = new if new.gap <= best.gap else best
        return best

    def _slopes_at(self, v: Vector) -> Vector:
        # C'r in the units of v: by G, or from X where the coefficients are so large that rounding
        # errors of G matter
        spectrum = self.spectrum
        u = spectrum.scale * v
        if not u @ u > LARGEST_FOR_GRAM**2:
            return np.asarray(spectrum.slopes - spectrum.gram @ v)
        whole = np.empty(self.design.n_features)
        columns, residual = self.design.columns, self._residual(u)
        columns.slopes(residual, whole, None, self.design.n_threads)
        return np.asarray(whole[spectrum.fitted] * spectrum.scale)

    def _residual(self, u: Vector) -> Vector:
        whole = np.zeros(self.design.n_features)
        whole[self.spectrum.fitted] = u
        residual = self.design.target.copy()
        self.design.columns.subtract_product(whole, residual, self.design.n_threads)
        return residual

    def _keep(self, at: _Point) -> None:
        spectrum, v = self.spectrum, at.v
        u = spectrum.scale * v
        whole = self.problem.target.null_deviance
        self.residual_sumsq = float(whole - (spectrum.slopes + at.rest) @ v)
        if self.residual_sumsq < CANCELLATION * whole or u @ u > LARGEST_FOR_GRAM**2:
            residual = self._residual(u)
            self.residual_sumsq = float(self.design.columns.residual_sumsq(residual))
        varying = self.design.norm[spectrum.fitted] > 0.0
        self.coef = np.zeros(self.design.n_features)
        self.coef[spectrum.fitted] = np.where(varying, u, v * spectrum.per_scale)
