"""RelaxedPath: a path and the unpenalised fits on its supports."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.design import Design
from softreg_fast.options.cells import Cell
from softreg_fast.options.choices import Prediction
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import check_number
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.paths.cells import coefficients_of, facts_of, spread
from softreg_fast.paths.kept import Kept
from softreg_fast.paths.refits import blended, dev_ratios, features_in
from softreg_fast.paths.result import Path


@dataclass(frozen=True, eq=False, repr=False)
class RelaxedPath(Kept):
    """A path, and at each alpha the unpenalised fit on the features that it selects.

    What `relaxed_path` returns.

    Attributes
    ----------
    path : Path
        The fits with the penalty.
    refits : Path
        Unpenalised fits at the same alphas. `gaps` are the differences of the loss from its minimum
        on the support.
    overlap : ndarray (n_alphas,) or None
        Inner product of the residuals of path and refits, as a share of the null deviance; None for
        losses other than squared error.
    design : Design or None
        The samples, from which the deviances of blends follow; None for squared error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import relaxed_path
    >>> fits = relaxed_path(*load_diabetes(return_X_y=True), n_alphas=5)
    >>> fits.at(0.5).dev_ratio.round(3)
    array([0.   , 0.486, 0.514, 0.517, 0.518])
    """

    path: Path
    refits: Path
    overlap: Vector | None
    design: Design | None = None

    def at(self, gamma: float) -> Path:
        """Return gamma times the path plus (1 - gamma) times the refits (1: Lasso, 0: refits).

        `gaps` are the larger of the two paths' gaps. Under other losses than squared error a
        result that was loaded from a file, which has no samples, has NaN for the `dev_ratio` of
        blends.

        Parameters
        ----------
        gamma : float in [0, 1]
            Share of the path in the blend: 1 is the Lasso, 0 its refits.

        Returns
        -------
        Path

        Raises
        ------
        ValueError, TypeError
            For a gamma that is not in [0, 1].
        """
        gamma = check_number("gamma", gamma, low=0.0, high=1.0)
        if gamma in (0.0, 1.0):
            return self.path if gamma else self.refits
        rest = 1.0 - gamma
        coefs = blended(self.path, self.refits, gamma)
        intercepts = gamma * self.path.intercepts + rest * self.refits.intercepts
        if self.overlap is None and self.design is None:  # loaded from a file
            dev_ratio = np.full(len(self.path), np.nan)
        elif self.overlap is None:
            dev_ratio = dev_ratios(self.design, coefs, intercepts)
        else:
            dev_ratio = 1.0 - (
                gamma**2 * (1.0 - self.path.dev_ratio)
                + 2.0 * gamma * rest * self.overlap
                + rest**2 * (1.0 - self.refits.dev_ratio)
            )
        return dataclasses.replace(
            self.path,
            coefs=coefs,
            intercepts=intercepts,
            gaps=np.maximum(self.path.gaps, self.refits.gaps),
            dev_ratio=dev_ratio,
            df=features_in(coefs, len(self.path)),
            recipe=None,
        )

    def coef_at(self, alpha: float | ArrayLike, gamma: float = 0.0) -> Vector:
        """Return the coefficients of `at(gamma)`, by default the refits, at one alpha or several.

        Between two alphas of the grid the refits, unlike the Lasso, are not linear in alpha: the
        result there is a blend of the two.

        Parameters
        ----------
        alpha : float or array-like (n_alphas,)
            Within the path's range.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.

        Returns
        -------
        ndarray (n_features,), of several alphas (n_features, n_alphas)
            Coefficients, in units of y per unit of X.

        Raises
        ------
        ValueError, TypeError
            If an alpha lies outside the path, or is not a number.
        """
        return self.at(gamma).coef_at(alpha)

    @with_hints
    def predict(
        self,
        X: MatrixLike,
        alpha: float | ArrayLike | None = None,
        gamma: float = 0.0,
        *,
        offset: ArrayLike | None = None,
        kind: Prediction = "response",
    ) -> NDArray[Any]:
        """Return the predictions of `at(gamma)`, by default those of the refits.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features. Columns of a frame are matched by name, if the model was fitted to named
            columns; columns unknown to the model are ignored. Those of an array are taken in order.
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range, as in `coef_at`. None: all alphas of the path.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.
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
            Predictions, in the unit of y.

        Raises
        ------
        ValueError, TypeError
            For missing columns, for X that is not finite numbers, and for alphas out of range.
        """
        return self.at(gamma).predict(X, alpha, offset=offset, kind=kind)

    @with_hints
    def coef(
        self,
        alpha: float | ArrayLike | None = None,
        gamma: float = 0.0,
        *,
        intercept: bool = False,
    ) -> Any:
        """Return the coefficients with the names of their features, as `coef_at` has them.

        Parameters
        ----------
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range. None: all alphas of the path.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.
        intercept : bool, default=False
            Put the intercept before the coefficients, under the name "(Intercept)".

        Returns
        -------
        pandas Series (n_features,), of several alphas DataFrame (n_features, n_alphas)

        Raises
        ------
        ImportError
            Without pandas.
        ValueError, TypeError
            If an alpha lies outside the path, or is not a number.
        """
        return self.at(gamma).coef(alpha, intercept=intercept)

    @with_hints
    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        alpha: float | ArrayLike | None = None,
        gamma: float = 0.0,
        *,
        offset: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float | Vector:
        """Return how well the models of `at(gamma)` predict new samples, as `Path.score` does.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features, as in `predict`.
        y : array-like (n_samples,)
            Their targets.
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range, as in `coef_at`. None: all alphas of the path.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.
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
        return self.at(gamma).score(X, y, alpha, offset=offset, sample_weight=sample_weight)

    def plot(self, ax: Any = None, gamma: float = 0.0, **options: Any) -> Any:
        """Draw the coefficients of `at(gamma)`, by default those of the refits.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.
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
        return self.at(gamma).plot(ax, **options)

    def to_frame(self, gamma: float = 0.0) -> Any:
        """Return a table with a row for each alpha, of `at(gamma)`.

        Parameters
        ----------
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.

        Returns
        -------
        pandas DataFrame
            alpha, df, dev_ratio, gap and converged.

        Raises
        ------
        ImportError
            Without pandas.
        """
        return self.at(gamma).to_frame()

    def to_sklearn(self, alpha: float, gamma: float = 0.0) -> Any:
        """Return the model at one alpha as a fitted estimator, as `Path.to_sklearn` does.

        Parameters
        ----------
        alpha : float
            Within the path's range.
        gamma : float in [0, 1], default=0.0
            Share of the path in the blend: 1 is the Lasso, 0 its refits.

        Returns
        -------
        estimator

        Raises
        ------
        ValueError, TypeError
            For a loss or a penalty without an estimator, and if alpha lies outside the path.
        """
        return self.at(gamma).to_sklearn(alpha)

    def _cell(self) -> Cell:
        path, refits = self.path, self.refits
        rows = [
            [
                f"{path.alphas[k]:.4g}",
                str(path.df[k]),
                f"{100.0 * path.dev_ratio[k]:.2f} %",
                f"{100.0 * refits.dev_ratio[k]:.2f} %",
            ]
            for k in spread(len(path))
        ]
        header = ["alpha", "nonzero", "explained", "refitted"]
        return Cell("RelaxedPath", facts_of(path), header, rows, coefficients_of(refits))

    def __repr__(self) -> str:
        return f"RelaxedPath(refits of {self.path!r})"
