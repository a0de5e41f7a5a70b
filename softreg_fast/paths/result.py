"""Solution and Path: the results of a fit, with printed summaries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.contents import check_contents, check_unmasked
from softreg_fast.data.names import Names, in_order
from softreg_fast.data.validation import check_sparse
from softreg_fast.losses.base import Loss
from softreg_fast.losses.squared import SQUARED
from softreg_fast.options.scalars import is_real
from softreg_fast.options.types import Vector
from softreg_fast.solvers.protocol import Status, is_alarm

# Remarks on the end of a fit in the table of a path.
MARKS: dict[int, str] = {Status.CONVERGED: "", Status.PRECISION: "  as exact as float64 allows"}


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """A fitted model at one alpha.

    Attributes
    ----------
    alpha : float
        Strength; NaN if the vectors l1 and l2 were given.
    coef : ndarray (n_features,) or (n_tasks, n_features), in the units of X
    intercept : float or ndarray (n_tasks,)
    gap : float
        Duality gap, in the units of the objective 1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + penalty:
        an upper bound on the distance of the objective from its minimum.
    tol : float
        Tolerance of the gap, tol * ||y - mean(y)||^2 / n of the call, in the same units.
    null_loss : float
        Loss of the model without features, 1/(2S) sum_i s_i (y_i - mean(y))^2.
    n_epochs : int
        Passes over the working set (or steps of a gradient method) at this alpha.
    status : Status
    dev_ratio : float
        1 - loss / null_loss, the fraction of deviance explained (R squared).
    df : int
        Number of nonzero coefficients; with several tasks, of features with a nonzero coefficient.
    seconds : float
    strategy : str
        How X was used: "working set", "gram", "residual", or the name of a ridge solver; see
        docs/mathematics.md, section 9. "products" on a fold of cross-validation: its Gram matrix is
        the difference of two sums of products, and the gap is as accurate as that difference.
    feature_names : ndarray of object or None
        Column labels of a frame, by which `predict` matches columns.
    loss : Loss
        Squared loss, under which predictions are the linear predictors.
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
    feature_names: NDArray[np.object_] | None = None
    loss: Loss = SQUARED

    @property
    def converged(self) -> bool:
        """Return whether the gap is at most the tolerance."""
        return self.status == Status.CONVERGED

    @property
    def relative_gap(self) -> float:
        """gap / null_loss."""
        return _relative(self.gap, self.null_loss)

    def predict(self, X: Any) -> Vector:
        """Return X w + b, (n_samples,) or (n_samples, n_tasks).

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            Columns of a frame are matched by name, if the model was fitted to named columns;
            columns unknown to the model are ignored. Those of an array are taken in order.

        Raises
        ------
        ValueError, TypeError
            For missing columns, and for X that is not finite numbers.
        """
        eta = np.asarray(_product(X, self.coef.T, self.feature_names) + self.intercept)
        return self.loss.mean(eta)

    def selected(self) -> list[tuple[Any, Any]]:
        """Return (name or index, coefficient or coefficients of all tasks) of the nonzero features,
        the largest first.
        """
        coef = self.coef.T
        sizes = np.abs(coef) if coef.ndim == 1 else np.sqrt(np.square(coef).sum(axis=1))
        support = np.flatnonzero(sizes)
        support = support[np.argsort(-sizes[support], kind="stable")]
        names = range(len(coef)) if self.feature_names is None else self.feature_names
        return [(names[j], float(coef[j]) if coef.ndim == 1 else coef[j]) for j in support]

    def __repr__(self) -> str:
        return (
            f"Solution(alpha={self.alpha:.6g}: {self.df} of {len(self.coef.T)} coefficients, "
            f"{100 * self.dev_ratio:.2f} % of deviance, relative gap {self.relative_gap:.1e}, "
            f"{self.status.name.lower()})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Path:
    """Fitted models along falling alphas.

    Attributes
    ----------
    alphas : ndarray (n_alphas,), falling
    coefs : csc_array (n_features, n_alphas), in the units of X
    intercepts, gaps, tols, dev_ratio : ndarray (n_alphas,) of float
    n_epochs, status, df : ndarray (n_alphas,) of int
    null_loss : float
    seconds : float
        Wall time of the whole path, data checks included.
    strategy : str
        How X was used at the end: as in `Solution`.
    feature_names : ndarray of str or None
    loss : Loss

    The entries are those of `Solution`.
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
    feature_names: NDArray[np.object_] | None = None
    loss: Loss = SQUARED

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
        )

    def part(self, chosen: slice) -> Self:
        """Return the models at these positions as a path.

        Raises
        ------
        ValueError
            For a slice with a negative step: the alphas of a path fall.
        """
        if chosen.step is not None and chosen.step < 0:
            raise ValueError(f"The alphas of a path fall; {chosen} would make them rise.")
        by_alpha = ("alphas", "intercepts", "gaps", "tols", "n_epochs", "status", "dev_ratio", "df")
        parts = {name: getattr(self, name)[chosen] for name in by_alpha}
        return replace(self, coefs=self.coefs[:, self._columns_of(chosen)], **parts)

    def _columns_of(self, chosen: slice) -> NDArray[np.intp]:
        return np.arange(len(self))[chosen]

    @property
    def converged(self) -> bool:
        """Return whether every alpha met its tolerance."""
        return bool(np.all(self.status == Status.CONVERGED))

    @property
    def relative_gaps(self) -> Vector:
        """gaps / null_loss."""
        return np.array([_relative(gap, self.null_loss) for gap in self.gaps])

    def coef_at(self, alpha: float | ArrayLike) -> Vector:
        """Return the coefficients at any alpha in the path's range, (n_features,), or at several.

        They are linear in alpha between grid points: exact for the Lasso while the support does not
        change in between, since its path is piecewise linear.

        Parameters
        ----------
        alpha : float or array-like (n_alphas,)

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

    def predict(self, X: Any, alpha: float | ArrayLike | None = None) -> NDArray[np.float64]:
        """Return predictions for every alpha, (n_samples, n_alphas), or for one, (n_samples,).

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            As in `Solution.predict`: columns of frames are matched by name.
        alpha : float, array-like (n_alphas,) or None
            Within the path's range, as in `coef_at`; None: all alphas of the path.

        Raises
        ------
        ValueError, TypeError
            For missing columns, X that is not finite numbers, alphas out of range.
        """
        if alpha is None:
            return self._predict(X, self.coefs, self.intercepts)
        if np.ndim(alpha) == 0:
            coef, intercept = self._at(alpha)
            eta = np.asarray(_product(X, coef.T, self.feature_names) + intercept)
            return self.loss.mean(eta)
        found = self._at_all(alpha)
        coefs = sp.csc_array(np.concatenate([np.atleast_2d(w) for w, _ in found]).T)
        return self._predict(X, coefs, np.array([b for _, b in found]))

    def _predict(self, X: Any, coefs: Any, intercepts: Vector) -> NDArray[np.float64]:
        return self.loss.mean(_product(X, coefs, self.feature_names) + intercepts)

    def support_of(self, k: int) -> tuple[NDArray[np.intp], Vector]:
        """Return the nonzero features of the k-th model and their coefficients, (df,)."""
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
        relative to the null loss. `rows` limits the lines shown, spread evenly over the path.
        """
        shown = list(range(len(self)))
        if rows is not None and rows < len(self):
            shown = sorted({round(k) for k in np.linspace(0, len(self) - 1, rows)})
        lines = [repr(self), f"{'':>4} {'Df':>6} {'%Dev':>7} {'alpha':>12} {'gap/P0':>9}"]
        for k, gap in zip(shown, self.relative_gaps[shown], strict=True):
            mark = MARKS.get(int(self.status[k]), "  not converged")
            lines.append(
                f"{k:>4} {self.df[k]:>6} {round(100 * self.dev_ratio[k], 2) + 0.0:>7.2f} "
                f"{self.alphas[k]:>12.6g} {gap:>9.1e}{mark}"
            )
        return "\n".join(lines)


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

    def _predict(self, X: Any, coefs: Any, intercepts: Vector) -> NDArray[np.float64]:
        # (n_samples, n_tasks, n_alphas)
        predicted = _product(X, coefs, self.feature_names).reshape(-1, *intercepts.shape)
        return np.moveaxis(self.loss.mean(predicted + intercepts), 1, 2)

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


def _product(X: Any, coef: Any, names: Names | None) -> NDArray[np.float64]:
    from sklearn.utils import check_array  # here, for a fit without predictions does not need it

    X = in_order(X, names, coef.shape[0])
    check_sparse(X)
    X = check_contents("X", X)
    X = check_array(X, accept_sparse=["csr", "csc", "coo"], dtype=[np.float64, np.float32])
    if X.shape[1] != coef.shape[0]:
        raise ValueError(
            f"X has {X.shape[1]} features, but this model was fitted with {coef.shape[0]}."
        )
    if sp.issparse(coef):
        return (X @ coef).toarray() if sp.issparse(X) else np.asarray(coef.T @ X.T).T
    return np.asarray(X @ coef, dtype=np.float64)
