"""Solution and Path: the results of a fit, with printed summaries.

One file: a path is a column of solutions, and what one has the other has, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.contents import check_unmasked
from softreg_fast.options.scalars import is_real
from softreg_fast.options.types import Vector
from softreg_fast.paths.clusters import clusters_of
from softreg_fast.paths.kinds import Certified, predictions
from softreg_fast.paths.selected import selected_groups
from softreg_fast.paths.table import table_of
from softreg_fast.penalties.nonconvex import NONCONVEX
from softreg_fast.solvers.protocol import Status, is_alarm


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Certified):
    """A fitted model at one alpha, with the duality gap that certifies it.

    What `solve` returns, and `path(...)[k]`. The objective is

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + penalty,   S the sum of the sample weights s.

    Attributes
    ----------
    alpha : float
        Strength; NaN if the vectors l1 and l2 were given.
    coef : ndarray (n_features,) or (n_tasks, n_features)
        Coefficients w, in units of y per unit of X.
    intercept : float or ndarray (n_tasks,)
        Intercept b, in the unit of y; 0 without one.
    gap : float
        Duality gap, in the units of the objective: an upper bound on the distance of the objective
        from its minimum; see `certificate`.
    tol : float
        Tolerance of the gap, tol * ||y - mean(y)||^2 / n of the call, in the same units.
    null_loss : float
        Loss of the model without features, 1/(2S) sum_i s_i (y_i - mean(y))^2.
    n_epochs : int
        Passes over the working set (or steps of a gradient method) at this alpha.
    status : Status
        Reason why the fit ended.
    dev_ratio : float
        1 - loss / null_loss, the fraction of deviance explained (R squared).
    df : int
        Number of nonzero coefficients; with several tasks, of features with a nonzero coefficient.
    seconds : float
        Wall time, data checks included; of a model of a path, its share of the path's.
    strategy : str
        How X was used: "working set", "gram", "residual", "eigenvalues" (Tikhonov's penalty with
        squared error), or the name of a ridge solver; see docs/mathematics.md, section 9.
        "products" on a fold of cross-validation: its Gram matrix is the difference of two sums of
        products, and the gap is as accurate as that difference.
    locally_convex : bool or None
        Under MCP, SCAD, LogSum and GroupMCP whether the objective is convex in the coefficients of
        the support, whatever their values (Breheny and Huang 2011, "Coordinate descent algorithms
        for nonconvex penalized regression", Annals of Applied Statistics 5): these features then
        have no other stationary point; under LHalf among coefficients of at least the size with
        which they enter. None: the objective is convex.
    feature_names : ndarray (n_features,) of object or None
        Column labels of a frame, by which `predict` matches columns.
    loss : Loss
        The loss, whose mean function gives predictions: the squared loss, under which they are the
        linear predictors.
    has_offset : bool
        Whether the model was fitted with an offset, which `predict` then needs, too.
    classes : ndarray (2,) or None
        Labels of two classes, the second with positive predictors; None: y is no class.
    baselines : Baselines or None
        What makes baseline hazards of survival times; None under other losses than Cox's.
    penalty_kind : str
        Kind of the penalty: "elastic_net", "mcp", "scad", "group_lasso",
        "sparse_group_lasso", "slope" or "tikhonov".
    deviations : ndarray (n_features,) or None
        Standard deviations by which SLOPE multiplies coefficients before it compares them, under
        standardize=True; None: it compares them as they are.
    coding : Coding or None
        How the columns of a frame became features, if some are categorical: `predict` codes other
        frames alike.
    groups : NamedGroups or None
        The groups of a penalty of groups: `labels`, the number of each feature's group, and the
        `names` of groups.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import solve
    >>> fit = solve(*load_diabetes(return_X_y=True, as_frame=True), alpha=0.5)
    >>> [name for name, _ in fit.selected()]
    ['bmi', 's5', 'bp', 's3']
    >>> fit.gap <= fit.tol
    True
    """

    alpha: float
    coef: Vector
    intercept: Any
    gap: float
    tol: float
    null_loss: float
    n_epochs: int
    status: Status
    dev_ratio: float
    df: int
    seconds: float
    strategy: str
    locally_convex: bool | None = None

    @property
    def converged(self) -> bool:
        """Return whether the gap is at most the tolerance."""
        return self.status == Status.CONVERGED

    @property
    def relative_gap(self) -> float:
        """gap / null_loss; under penalties that are not convex `stationarity`."""
        return self.gap if self.stationarity is not None else _relative(self.gap, self.null_loss)

    @property
    def stationarity(self) -> float | None:
        """Largest distance of a slope from stationarity, relative to alpha; None: there is a gap.

        The slope x_j.r / n is compared with the limiting subdifferential of the penalty at w_j.
        Under LHalf every slope is stationary at w_j = 0: there it is compared with the smallest
        one at which another w_j were better, to which the distance is relative, too.
        """
        return self.gap if self.penalty_kind in NONCONVEX else None

    def predict(
        self, X: Any, *, offset: ArrayLike | None = None, kind: str = "response"
    ) -> NDArray[Any]:
        """Return predictions, (n_samples,) or (n_samples, n_tasks).

        They are means of y at the linear predictors, offset + X w + b.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features. Columns of a frame are matched by name, if the model was fitted to named
            columns; columns unknown to the model are ignored. Those of an array are taken in order.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, which a model fitted with one needs. None: there was none in
            the fit.
        kind : {"response", "link", "class", "proba", "survival"}, default="response"
            "response": the mean of y, under squared error the linear predictor itself, which is
            "link". "class" and "proba" are for losses of classes: the most probable class, and the
            probabilities of all. "survival" is for survival times, whose "response" is the hazard
            ratio: in a last axis the probabilities of no event up to each distinct time of the
            samples of the fit.

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_tasks)
            Predictions, in the unit of y.

        Raises
        ------
        ValueError, TypeError
            For missing columns, for X that is not finite numbers, and for alphas out of range.
        """
        return predictions(self, X, self.coef.T, self.intercept, offset, kind)

    def selected(self) -> list[tuple[Any, Any]]:
        """Return the nonzero features with their coefficients, the largest first.

        Under a penalty of groups they are the nonzero groups, those of the largest norm first.

        Returns
        -------
        list of (str or int, float or ndarray (n_tasks,))
            Name or index of the feature, and its coefficient or those of all tasks. Of a group its
            name (that of a column, or its label; of a single feature the feature's), and the
            coefficients of its features, ndarray (n_in_group,) or (n_tasks, n_in_group).
        """
        if self.groups is not None:
            return selected_groups(self.coef, self.groups.with_singles(self.feature_names))
        coef = self.coef.T
        sizes = np.abs(coef) if coef.ndim == 1 else np.sqrt(np.square(coef).sum(axis=1))
        support = np.flatnonzero(sizes)
        support = support[np.argsort(-sizes[support], kind="stable")]
        names = range(len(coef)) if self.feature_names is None else self.feature_names
        return [(names[j], float(coef[j]) if coef.ndim == 1 else coef[j]) for j in support]

    def clusters(self) -> list[NDArray[Any]]:
        """Return the features whose coefficients SLOPE has made equal in size, the largest first.

        Returns
        -------
        list of ndarray
            Of each cluster of nonzero coefficients the indices of its features, or their names.

        Raises
        ------
        ValueError
            For another penalty than SLOPE.
        """
        return clusters_of(self, self.coef)

    def __repr__(self) -> str:
        return (
            f"Solution(alpha={self.alpha:.6g}: {self.df} of {len(self.coef.T)} coefficients, "
            f"{100 * self.dev_ratio:.2f} % of deviance, relative "
            f"{self.certificate.removeprefix('duality ')} {self.relative_gap:.1e}, "
            f"{self.status.name.lower()})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Path(Certified):
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
        return np.array([_relative(gap, self.null_loss) for gap in self.gaps])

    def coef_at(self, alpha: float | ArrayLike) -> Vector:
        """Return the coefficients at any alpha in the path's range, (n_features,), or at several.

        They are linear in alpha between grid points: exact for the Lasso of squared error while the
        support does not change in between, since its path is piecewise linear.

        Parameters
        ----------
        alpha : float or array-like (n_alphas,)
            Within the path's range.

        Returns
        -------
        ndarray (n_features,), of several alphas (n_features, n_alphas); with several tasks
        (n_tasks, n_features) and (n_tasks, n_features, n_alphas).

        Raises
        ------
        ValueError, TypeError
            If an alpha lies outside the path, or is not a number.
        """
        if np.ndim(alpha) == 0:
            return self._at(alpha)[0]
        return np.stack([coef for coef, _ in self._at_all(alpha)], axis=-1)

    def clusters_at(self, alpha: float) -> list[NDArray[Any]]:
        """Return the clusters of SLOPE at any alpha in the path's range, the largest sizes first.

        Parameters
        ----------
        alpha : float
            Within the path's range, as in `coef_at`.

        Returns
        -------
        list of ndarray
            As `Solution.clusters` returns them.

        Raises
        ------
        ValueError, TypeError
            If alpha lies outside the path, or is not a number; for another penalty than SLOPE.
        """
        return clusters_of(self, self._at(alpha)[0])

    def predict(
        self,
        X: Any,
        alpha: float | ArrayLike | None = None,
        *,
        offset: ArrayLike | None = None,
        kind: str = "response",
    ) -> NDArray[Any]:
        """Return predictions for every alpha, (n_samples, n_alphas), or for one, (n_samples,).

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features. Columns of a frame are matched by name, if the model was fitted to named
            columns; columns unknown to the model are ignored. Those of an array are taken in order.
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range, as in `coef_at`. None: all alphas of the path.
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, which a model fitted with one needs. None: there was none in
            the fit.
        kind : {"response", "link", "class", "proba", "survival"}, default="response"
            "response": the mean of y, under squared error the linear predictor itself, which is
            "link". "class" and "proba" are for losses of classes: the most probable class, and the
            probabilities of all. "survival" is for survival times, whose "response" is the hazard
            ratio: in a last axis the probabilities of no event up to each distinct time of the
            samples of the fit.

        Returns
        -------
        ndarray (n_samples, n_alphas), or (n_samples,) for one alpha
            Predictions, in the unit of y; with several tasks (n_samples, n_alphas, n_tasks) and
            (n_samples, n_tasks).

        Raises
        ------
        ValueError, TypeError
            For missing columns, for X that is not finite numbers, and for alphas out of range.
        """
        if alpha is None:
            return self._predict(X, self.coefs, self.intercepts, offset, kind)
        if np.ndim(alpha) == 0:
            coef, intercept = self._at(alpha)
            return predictions(self, X, coef.T, intercept, offset, kind)
        found = self._at_all(alpha)
        coefs = sp.csc_array(np.concatenate([np.atleast_2d(w) for w, _ in found]).T)
        return self._predict(X, coefs, np.array([b for _, b in found]), offset, kind)

    def _predict(self, X: Any, coefs: Any, *others: Any) -> NDArray[Any]:
        return predictions(self, X, coefs, *others)

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

    def _at_all(self, alphas: ArrayLike) -> list[tuple[Vector, Any]]:
        check_unmasked("alpha", alphas)
        several = np.asarray(alphas)
        if several.ndim != 1 or not several.size:
            raise ValueError(
                f"alpha has shape {several.shape}; expected a number, or a vector of at least one."
            )
        return [self._at(each) for each in several.tolist()]

    def _at(self, alpha: Any) -> tuple[Vector, Any]:
        if isinstance(alpha, np.ndarray):  # zero-dimensional
            alpha = alpha.item()
        if not is_real(alpha):
            raise TypeError(f"alpha must be a real number, got {alpha!r} ({type(alpha).__name__}).")
        if not len(self) or not self.alphas[-1] <= alpha <= self.alphas[0]:
            span = f"{self.alphas[-1]:.6g} to {self.alphas[0]:.6g}" if len(self) else "empty"
            raise ValueError(
                f"alpha={alpha!r} lies outside this path ({span}); fit a path that holds it."
            )
        right = int(np.searchsorted(-self.alphas, -float(alpha)))
        if self.alphas[right] == alpha:
            return self._column(right), self._intercept(right)
        left = right - 1
        t = (self.alphas[left] - alpha) / (self.alphas[left] - self.alphas[right])
        coef = (1 - t) * self._column(left) + t * self._column(right)
        return coef, (1 - t) * self._intercept(left) + t * self._intercept(right)

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


def _relative(gap: float, null_loss: float) -> float:
    return gap / null_loss if null_loss > 0.0 else gap
