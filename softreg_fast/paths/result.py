"""Path: fitted models along falling alphas, with a printed table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.options.cells import Cell
from softreg_fast.options.hints import with_hints
from softreg_fast.options.tables import pandas_for
from softreg_fast.options.types import Vector
from softreg_fast.paths.at_any_alpha import AtAnyAlpha
from softreg_fast.paths.cells import cell_of_path
from softreg_fast.paths.kept import Kept
from softreg_fast.paths.solution import Solution, gap_over
from softreg_fast.paths.table import table_of
from softreg_fast.penalties.nonconvex import NONCONVEX
from softreg_fast.solvers.protocol import Status, is_alarm

__all__ = ["MultiTaskPath", "Path", "Solution"]


@dataclass(frozen=True, eq=False, repr=False)
class Path(Kept, AtAnyAlpha):
    """Fitted models along falling alphas, with a duality gap for each.

    What `path` returns. `fits[k]` is the k-th model, a `Solution`, `fits[i:j]` a part of the path.

    Attributes
    ----------
    alphas : ndarray (n_alphas,)
        Strengths of the penalty, falling.
    coefs : csc_array (n_features, n_alphas)
        Coefficients, in units of y per unit of X.
    intercepts : ndarray (n_alphas,)
        Intercepts, in the unit of y; 0 without one.
    gaps : ndarray (n_alphas,)
        Duality gaps, in the units of the objective: upper bounds on its distance from its minimum.
    tols : ndarray (n_alphas,)
        Tolerances of the gaps, tol * ||y - mean(y)||^2 / n of the call, in the same units.
    n_epochs : ndarray (n_alphas,) of int
        Passes over the working set (or steps of a gradient method) at each alpha.
    status : ndarray (n_alphas,) of int
        Reasons why the fits ended, numbers of a `Status`.
    dev_ratio : ndarray (n_alphas,)
        1 - loss / null_loss, the fractions of deviance explained (R squared).
    df : ndarray (n_alphas,) of int
        Numbers of nonzero coefficients.
    null_loss : float
        Loss of the model without features, 1/(2S) sum_i s_i (y_i - mean(y))^2.
    seconds : float
        Wall time of the whole path, data checks included.
    strategy : str
        How X was used at the end: as in `Solution`.
    locally_convex : ndarray (n_alphas,) of bool or None
        As in `Solution`.
    feature_names : ndarray (n_features,) of object or None
        Column labels of a frame, by which `predict` matches columns.
    loss : Loss
        The loss, as in `Solution`.
    has_offset : bool
        Whether the models were fitted with an offset, which `predict` then needs, too.
    classes : ndarray (2,) or None
        Labels of two classes, as in `Solution`.
    baselines : Baselines or None
        As in `Solution`.
    penalty_kind : str
        As in `Solution`.
    deviations : ndarray (n_features,) or None
        As in `Solution`.
    coding : Coding or None
        As in `Solution`.
    groups : NamedGroups or None
        As in `Solution`.
    recipe : Recipe or None
        Penalty and settings of the fit, for `at` with `exact`; None: they are not known.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> fits = path(X, y, n_alphas=5)
    >>> fits.df
    array([ 0,  4,  7,  9, 10])
    >>> fits.predict(X, alpha=0.5).shape
    (442,)
    """

    alphas: Vector
    coefs: Any
    intercepts: Vector
    gaps: Vector
    tols: Vector
    n_epochs: NDArray[np.int64]
    status: NDArray[np.int8]
    dev_ratio: Vector
    df: NDArray[np.int64]
    null_loss: float
    seconds: float
    strategy: str
    locally_convex: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.alphas)

    @overload
    def __getitem__(self, k: int) -> Solution: ...

    @overload
    def __getitem__(self, k: slice) -> Self: ...

    def __getitem__(self, k: int | slice) -> Solution | Self:
        """Return the model at the k-th alpha; for a slice, a path of the models in it."""
        if isinstance(k, slice):
            return self.part(k)
        try:
            k = range(len(self))[k]
        except (TypeError, IndexError) as error:
            raise type(error)(
                f"{k!r} is no position on a path of {len(self)} alphas; give an integer or a "
                "slice, or coef_at(alpha)."
            ) from None
        return Solution(
            alpha=float(self.alphas[k]),
            coef=self._column(k),
            intercept=self._intercept(k),
            gap=float(self.gaps[k]),
            tol=float(self.tols[k]),
            null_loss=self.null_loss,
            n_epochs=int(self.n_epochs[k]),
            status=Status(int(self.status[k])),
            dev_ratio=float(self.dev_ratio[k]),
            df=int(self.df[k]),
            seconds=self.seconds / max(len(self), 1),
            strategy=self.strategy,
            feature_names=self.feature_names,
            loss=self.loss,
            has_offset=self.has_offset,
            classes=self.classes,
            baselines=self.baselines,
            penalty_kind=self.penalty_kind,
            deviations=self.deviations,
            coding=self.coding,
            groups=self.groups,
            recipe=self.recipe,
            locally_convex=None if self.locally_convex is None else bool(self.locally_convex[k]),
        )

    def part(self, chosen: slice) -> Self:
        """Return the models at these positions as a path.

        Parameters
        ----------
        chosen : slice
            Positions on the path, with a positive step.

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            For a slice with a negative step: the alphas of a path fall.
        """
        if chosen.step is not None and chosen.step < 0:
            raise ValueError(f"The alphas of a path fall; {chosen} would make them rise.")
        by_alpha = ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df")
        parts = {name: getattr(self, name)[chosen] for name in by_alpha}
        if self.locally_convex is not None:
            parts["locally_convex"] = self.locally_convex[chosen]
        return replace(self, coefs=self.coefs[:, self._columns_of(chosen)], **parts)

    def _columns_of(self, chosen: slice) -> NDArray[np.intp]:
        return np.arange(len(self))[chosen]

    @property
    def converged(self) -> bool:
        """Return whether every alpha met its tolerance."""
        return bool(np.all(self.status == Status.CONVERGED))

    @property
    def stationarity(self) -> Vector | None:
        """Largest distance of a slope from stationarity at each alpha, as in `Solution`."""
        return self.gaps if self.penalty_kind in NONCONVEX else None

    @property
    def relative_gaps(self) -> Vector:
        """gaps / null_loss; under penalties that are not convex `stationarity`."""
        if self.stationarity is not None:
            return self.gaps
        return np.array([gap_over(gap, self.null_loss) for gap in self.gaps])

    def support_of(self, k: int) -> tuple[NDArray[np.intp], Vector]:
        """Return the nonzero features of the k-th model and their coefficients, (df,).

        Parameters
        ----------
        k : int
            Position on the path.

        Returns
        -------
        features : ndarray (df,) of int
        coefficients : ndarray (df,)
        """
        part = slice(self.coefs.indptr[k], self.coefs.indptr[k + 1])
        return self.coefs.indices[part], self.coefs.data[part]

    def _column(self, k: int) -> Vector:
        features, w = self.support_of(k)
        dense = np.zeros((self.coefs.shape[0], *w.shape[1:]))
        dense[features] = w
        return dense.T

    def _intercept(self, k: int) -> Any:
        return float(self.intercepts[k])

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the coefficients along the path, as `PathDisplay.from_path` does.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        **options
            Further parameters of `PathDisplay.plot`.

        Returns
        -------
        PathDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        from softreg_fast.display.path_display import PathDisplay  # which draws this class

        return PathDisplay.from_path(self, ax=ax, **options)

    @with_hints
    def score(
        self,
        X: Any,
        y: ArrayLike,
        alpha: float | ArrayLike | None = None,
        *,
        offset: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float | Vector:
        """Return how well the models predict new samples: R squared, or what their loss has for it.

        As of the estimators it is the share of the deviance that is explained (D2, for squared
        error R squared), for classes the accuracy, for survival times the concordance; D2 for
        quantiles, too, where QuantileRegressor has scikit-learn's R squared. `assess` has further
        measures.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features, as in `predict`.
        y : array-like (n_samples,)
            Their targets.
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range, as in `coef_at`. None: all alphas of the path.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, which a model fitted with one needs.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.

        Returns
        -------
        float, or of several alphas ndarray (n_alphas,)

        Raises
        ------
        ValueError, TypeError
            For data that do not fit the models.
        """
        from softreg_fast.model_selection.assess import score_of  # which assesses this class

        return score_of(self, X, y, alpha, offset, sample_weight)

    def to_frame(self) -> Any:
        """Return a table with a row for each alpha.

        Returns
        -------
        pandas DataFrame
            alpha, df, dev_ratio, gap and converged.

        Raises
        ------
        ImportError
            Without pandas.
        """
        return pandas_for("to_frame").DataFrame(
            {
                "alpha": self.alphas,
                "df": self.df,
                "dev_ratio": self.dev_ratio,
                "gap": self.gaps,
                "converged": self.status == Status.CONVERGED,
            }
        )

    def to_sklearn(self, alpha: float) -> Any:
        """Return the model at one alpha as a fitted estimator of this package, for scikit-learn.

        Parameters
        ----------
        alpha : float
            Within the path's range, as in `coef_at`.

        Returns
        -------
        estimator
            As `Solution.to_sklearn` returns it.

        Raises
        ------
        ValueError, TypeError
            As there, and if alpha lies outside the path.
        """
        return self._at_alpha(alpha).to_sklearn()

    def _at_alpha(self, alpha: float) -> Solution:
        # the model there; between two alphas of the grid, where none was fitted, with the facts of
        # the smaller one
        k = self._position(alpha)
        if self.alphas[k] == alpha:
            return self[k]
        coef, intercept = self._at(alpha)
        return replace(self[k], alpha=float(alpha), coef=coef, intercept=intercept)

    def _cell(self) -> Cell:
        return cell_of_path(self)

    def __repr__(self) -> str:
        missed = np.count_nonzero(is_alarm(self.status))
        limited = np.count_nonzero(self.status == Status.PRECISION)
        parts = [
            f"{missed} of {len(self)} not converged" if missed else "",
            f"{limited} of {len(self)} as exact as float64 allows" if limited else "",
        ]
        state = ", ".join(filter(None, parts)) or "all converged"
        span = f", alpha {self.alphas[0]:.4g} to {self.alphas[-1]:.4g}" if len(self) else ""
        return (
            f"Path({len(self)} alphas, {self.coefs.shape[0]} features{span}, {state}, "
            f"{self.strategy}, {self.seconds:.3g} s)"
        )

    def __str__(self) -> str:
        return self.table()

    def table(self, rows: int | None = None) -> str:
        """Return a table like glmnet's, with the duality gap as a certificate.

        Df: nonzero coefficients; %Dev: percentage of deviance explained; gap/P0: duality gap
        relative to the null loss.

        Parameters
        ----------
        rows : int or None, default=None
            Number of lines shown, spread evenly over the path. None: all.

        Returns
        -------
        str
        """
        return table_of(self, rows)


@dataclass(frozen=True, eq=False, repr=False)
class MultiTaskPath(Path):
    """Fitted models of several tasks along falling alphas.

    Attributes are those of `Path`, except for

    coefs : csc_array (n_features, n_alphas * n_tasks), in the units of X
        The n_tasks columns of the first alpha, then those of the second, ...
    intercepts : ndarray (n_alphas, n_tasks)
    df : ndarray (n_alphas,)
        Number of features with a nonzero coefficient.
    """

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return int(self.intercepts.shape[1])

    @property
    def _axis(self) -> int:
        return -1

    def _predict(self, X: Any, coefs: Any, *others: Any) -> NDArray[Any]:
        # (n_samples, n_tasks, n_alphas); of classes (n_samples, n_alphas)
        found = super()._predict(X, coefs, *others)
        return np.moveaxis(found, 1, 2) if found.ndim > 2 else found

    def support_of(self, k: int) -> tuple[NDArray[np.intp], Vector]:
        """Return the nonzero features of the k-th model and their coefficients, (df, n_tasks)."""
        first, last = k * self.n_tasks, (k + 1) * self.n_tasks
        start, stop = self.coefs.indptr[[first, last]]
        w = self.coefs.data[start:stop].reshape(self.n_tasks, -1).T
        return self.coefs.indices[start : start + len(w)], w

    def _columns_of(self, chosen: slice) -> NDArray[np.intp]:
        columns = np.arange(len(self) * self.n_tasks).reshape(len(self), -1)
        return columns[chosen].ravel()

    def _intercept(self, k: int) -> Any:
        return self.intercepts[k]
