"""The relaxed Lasso: unpenalised fits on the supports of a path, blended with it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design, MultiTaskDesign, as_design
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import Index, Vector
from softreg_fast.paths.path import path
from softreg_fast.paths.predict import predict_rows
from softreg_fast.paths.result import Path
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.factor import solver_of
from softreg_fast.solvers.problem import Problem
from softreg_fast.system.threads import blas_threads_for

# Shares of the Lasso in the blends that cross-validation compares, as in glmnet.
GAMMAS = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class RelaxedPath:
    """A path, and at each alpha the unpenalised fit on the features that it selects.

    Attributes
    ----------
    path : Path
    refits : Path
        Unpenalised fits at the same alphas. `gaps` are the differences of the loss from its minimum
        on the support.
    overlap : ndarray (n_alphas,)
        Inner product of the residuals of path and refits, as a share of the null deviance.
    """

    path: Path
    refits: Path
    overlap: Vector

    def at(self, gamma: float) -> Path:
        """Return gamma times the path plus (1 - gamma) times the refits (1: Lasso, 0: refits).

        `gaps` are the larger of the two paths' gaps.
        """
        gamma = check_number("gamma", gamma, low=0.0, high=1.0)
        if gamma in (0.0, 1.0):
            return self.path if gamma else self.refits
        rest = 1.0 - gamma
        unexplained = (
            gamma**2 * (1.0 - self.path.dev_ratio)
            + 2.0 * gamma * rest * self.overlap
            + rest**2 * (1.0 - self.refits.dev_ratio)
        )
        coefs = sp.csc_array(gamma * self.path.coefs + rest * self.refits.coefs)
        coefs.eliminate_zeros()
        return dataclasses.replace(
            self.path,
            coefs=coefs,
            intercepts=gamma * self.path.intercepts + rest * self.refits.intercepts,
            gaps=np.maximum(self.path.gaps, self.refits.gaps),
            dev_ratio=1.0 - unexplained,
            df=np.diff(coefs.indptr).astype(np.int64),
        )

    def coef_at(self, alpha: float | ArrayLike, gamma: float = 0.0) -> Vector:
        """Return the coefficients of `at(gamma)`, by default the refits, at one alpha or several.

        Shapes and errors are those of `Path.coef_at`. Between two alphas of the grid the refits,
        unlike the Lasso, are not linear in alpha: the result there is a blend of the two.
        """
        return self.at(gamma).coef_at(alpha)

    def predict(
        self, X: Any, alpha: float | ArrayLike | None = None, gamma: float = 0.0
    ) -> NDArray[np.float64]:
        """Return the predictions of `at(gamma)`, by default those of the refits.

        X, alpha and the shapes are those of `Path.predict`: columns of frames are matched by name.
        """
        return self.at(gamma).predict(X, alpha)

    def __repr__(self) -> str:
        return f"RelaxedPath(refits of {self.path!r})"


def relaxed_path(
    X: Any,
    y: ArrayLike | None = None,
    *,
    positive: bool = False,
    bounds: Any = None,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool | None = None,
    n_threads: int | None = None,
    **options: Any,
) -> RelaxedPath:
    """Fit a `path` and its relaxed fits.

    At each alpha the features with nonzero coefficients are fitted again without L1 and L2, within
    the bounds. If these features are linearly dependent the refit is the one of least norm (for
    columns of unit length).

    Parameters
    ----------
    X, y, positive, bounds, sample_weight, fit_intercept, standardize, n_threads, **options
        As in `path`.

    Returns
    -------
    RelaxedPath

    Raises
    ------
    ValueError, TypeError
        As in `path`, and for several targets.

    References
    ----------
    Meinshausen (2007), "Relaxed Lasso", Computational Statistics & Data Analysis 52; in the form of
    a blend: Hastie, Tibshirani, Tibshirani (2020), "Best subset, forward stepwise or Lasso?",
    Statistical Science 35.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import relaxed_path
    >>> fits = relaxed_path(*load_diabetes(return_X_y=True), n_alphas=20)
    >>> bool((fits.refits.dev_ratio >= fits.path.dev_ratio).all())
    True
    """
    design = as_design(X, y, sample_weight, fit_intercept, standardize, n_threads)
    fits = path(design, positive=positive, bounds=bounds, **options)
    positive = positive or getattr(options.get("penalty"), "positive", False)
    return relax_fits(Problem(design, Penalty(positive=positive, bounds=bounds)), fits)


def relax_fits(problem: Problem, fits: Path) -> RelaxedPath:
    """Compute the relaxed fits of a path of this problem, within its bounds.

    Raises
    ------
    ValueError
        For several targets.
    """
    design, penalty = problem.design, problem.penalty
    if isinstance(design, MultiTaskDesign):
        raise ValueError("Relaxed fits are for one target; fit each target by itself.")
    if penalty.positive or penalty.bounds is not None:
        found = _bounded(design, fits, penalty)
    else:
        found = _least_squares(design, fits)
    coefs = sp.csc_array(
        (np.concatenate([[], *found.coefs]), fits.coefs.indices, fits.coefs.indptr),
        shape=fits.coefs.shape,
    )
    offsets = design.center @ coefs
    refits = dataclasses.replace(
        fits,
        coefs=coefs,
        intercepts=np.asarray(design.y_mean - offsets),
        gaps=np.array(found.gaps) * design.objective_unit,
        dev_ratio=np.zeros(len(fits)) if design.is_null else 1.0 - np.array(found.unexplained),
        df=np.array([np.count_nonzero(w) for w in found.coefs], np.int64),
    )
    overlap = np.ones(len(fits)) if design.is_null else np.array(found.overlap)
    return RelaxedPath(fits, refits, overlap)


class _Refits(NamedTuple):
    """Per alpha: coefficients on the support in the units of X, and figures as shares."""

    coefs: list[Vector]
    gaps: list[float]
    unexplained: list[float]
    overlap: list[float]


def _supports(fits: Path) -> list[Index]:
    indptr = fits.coefs.indptr
    return [fits.coefs.indices[indptr[k] : indptr[k + 1]] for k in range(len(fits))]


def _least_squares(design: Design, fits: Path) -> _Refits:
    # from the Gram matrix of all features selected at any alpha
    features = np.unique(fits.coefs.indices).astype(np.intp)
    gram = design.crossproduct(features)
    slopes = design.gradient_at_zero()[features]
    unit = design.y_norm / np.where(design.norm[features] > 0.0, design.norm[features], 1.0)
    found, last = _Refits([], [], [], []), np.array([-1])
    for support in _supports(fits):
        if not np.array_equal(support, last):
            last, place = support, np.searchsorted(features, support)
            with blas_threads_for(place.size):
                u, gap = _newton(gram[np.ix_(place, place)], slopes[place])
            # ||t - Cu||^2 = t.t - u.C't; this residual is orthogonal to the support
            unexplained = max(design.target_sumsq - float(u @ slopes[place]), 0.0)
            w = u * unit[place]
        found.coefs.append(w)
        found.gaps.append(gap)
        found.unexplained.append(unexplained)
        found.overlap.append(unexplained)
    return found


def _newton(gram: NDArray[np.float64], slopes: Vector) -> tuple[Vector, float]:
    # argmin 1/2 u'Gu - slopes.u in two steps, and the distance of its value from the minimum
    if not slopes.size:
        return np.zeros(0), 0.0
    solve = solver_of(gram)
    u = solve(slopes)
    u = u + solve(slopes - gram @ u)
    rest = slopes - gram @ u
    return u, max(0.5 * float(rest @ solve(rest)), 0.0)


def _bounded(design: Design, fits: Path, penalty: Penalty) -> _Refits:
    # by the engine, with all other features excluded
    found, last = _Refits([], [], [], []), np.array([-1])
    rows = np.arange(design.n_samples)
    weight = np.ones(design.n_samples) if design.weight is None else design.weight
    for k, support in enumerate(_supports(fits)):
        if not np.array_equal(support, last):
            last, excluded = support, np.full(design.n_features, np.inf)
            excluded[support] = 0.0
            refit_penalty = Penalty(l1=excluded, positive=penalty.positive, bounds=penalty.bounds)
            fit = solve_design(design, refit_penalty, fits[k].coef, tol=1e-10)
            refit = sp.csc_array(fit.coef[:, np.newaxis])
            residual = (
                design.y - predict_rows(design.X, rows, refit, np.array([fit.intercept]))[:, 0]
            )
        lasso = predict_rows(design.X, rows, fits.coefs[:, [k]], fits.intercepts[[k]])[:, 0]
        product = float(weight @ (residual * (design.y - lasso)))
        found.coefs.append(fit.coef[support])
        found.gaps.append(fit.gap / design.objective_unit)
        found.unexplained.append(1.0 - fit.dev_ratio)
        found.overlap.append(product / design.y_norm**2 if not design.is_null else 0.0)
    return found


def as_gammas(relax: Any) -> Vector:
    """Return the gammas of `relax`, falling: just 1 for False, GAMMAS for True, or those given."""
    if isinstance(relax, bool | np.bool_):
        return np.array(GAMMAS if relax else [1.0])
    given = np.atleast_1d(np.asarray(relax))
    if given.dtype.kind not in "fiu":
        raise TypeError(f"relax must be True, False or gammas in [0, 1], got {relax!r}.")
    if given.ndim != 1 or not given.size:
        raise ValueError(f"relax must be True, False or gammas in [0, 1], got {relax!r}.")
    gammas = [check_number("relax", g, low=0.0, high=1.0) for g in given.tolist()]
    return np.unique(gammas)[::-1]
