"""Models of a path at any alpha in its range: coefficients and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.contents import check_unmasked
from softreg_fast.options.choices import RULES, RULES_OF_GLMNET, Prediction
from softreg_fast.options.hints import with_hints
from softreg_fast.options.scalars import is_real
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.paths.clusters import clusters_of
from softreg_fast.paths.kinds import Certified, predictions
from softreg_fast.paths.labelled import labelled, labelled_at
from softreg_fast.paths.solution import Solution


class AtAnyAlpha(Certified):
    """Part of `Path`: its models between the alphas of the grid, as on it."""

    alphas: Vector
    coefs: Any
    intercepts: Vector

    def __len__(self) -> int:
        return len(self.alphas)

    def __getitem__(self, k: Any) -> Any:
        raise NotImplementedError

    def _column(self, k: int) -> Vector:
        raise NotImplementedError

    def _intercept(self, k: int) -> Any:
        raise NotImplementedError

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

    @with_hints
    def coef(
        self, alpha: float | ArrayLike | None = None, *, intercept: bool = False, exact: Any = False
    ) -> Any:
        """Return the coefficients with the names of their features, as `coef_at` has them.

        Parameters
        ----------
        alpha : float, array-like (n_alphas,) or None, default=None
            Within the path's range. None: all alphas of the path.
        intercept : bool, default=False
            Put the intercept before the coefficients, under the name "(Intercept)".
        exact : bool, tuple (X, y), dict or Design, default=False
            As in `at`.

        Returns
        -------
        pandas Series (n_features,), of several alphas DataFrame (n_features, n_alphas)
            With several tasks or classes DataFrames with a column for each, and for each alpha.
            Features without names are numbered.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError, TypeError
            If an alpha lies outside the path, or is not a number.
        """
        labels = self.feature_names, self.classes
        if alpha is not None and np.ndim(alpha) == 0:
            coef, b = self._models(alpha, exact)[0]
            return labelled(coef, *labels, b if intercept else None)
        if alpha is None:
            alpha = self.alphas
        models = self._models(alpha, exact)
        coefs = np.stack([coef for coef, _ in models], axis=-1)
        b = np.stack([b for _, b in models], axis=-1) if intercept else None
        return labelled_at(coefs, np.asarray(alpha, np.float64), *labels, b)

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

    def at(self, alpha: float, *, exact: Any = False) -> Solution:
        """Return the model at one alpha: of the grid, or with `exact` at any, fitted for it.

        Parameters
        ----------
        alpha : float
            One of the path's; with `exact` any number >= 0.
        exact : bool, tuple (X, y), dict or Design, default=False
            The samples that the path was fitted to, to fit them again at this alpha with the same
            penalty and settings; a path keeps no samples. A dict may hold X, y, offset and
            sample_weight. False: no fit; between two alphas of the path there is only what
            `coef_at` interpolates.

        Returns
        -------
        Solution

        Raises
        ------
        ValueError, TypeError
            For an alpha that is not on the grid, and for other samples than those of the path.

        Warns
        -----
        ConvergenceWarning
            If the gap is larger than the tolerance.
        """
        if exact is not False:
            return self._exact(alpha, exact)[0]
        k = self._position(alpha)
        if self.alphas[k] != alpha:
            raise ValueError(
                f"alpha={alpha!r} is none of the path's; the next one is {self.alphas[k]:.6g}. "
                "coef_at and predict interpolate; exact=(X, y) fits at this alpha."
            )
        return self[k]  # type: ignore[no-any-return]

    @with_hints
    def predict(
        self,
        X: MatrixLike,
        alpha: float | ArrayLike | None = None,
        *,
        offset: ArrayLike | None = None,
        kind: Prediction = "response",
        exact: Any = False,
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
        exact : bool, tuple (X, y), dict or Design, default=False
            As in `at`: the samples of the fit, for models fitted at these alphas.

        Returns
        -------
        ndarray (n_samples, n_alphas), or (n_samples,) for one alpha
            Predictions, in the unit of y; with several tasks or classes (n_samples, n_tasks,
            n_alphas) and (n_samples, n_tasks).

        Raises
        ------
        ValueError, TypeError
            For missing columns, for X that is not finite numbers, and for alphas out of range.
        """
        if exact is not False:
            chosen = self.alphas if alpha is None else alpha
            fits = self._exact(chosen, exact)
            found = [fit.predict(X, offset=offset, kind=kind) for fit in fits]
            return found[0] if np.ndim(chosen) == 0 else np.stack(found, axis=self._axis)
        if alpha is None:
            return self._predict(X, self.coefs, self.intercepts, offset, kind)
        if np.ndim(alpha) == 0:
            coef, intercept = self._at(alpha)
            return predictions(self, X, coef.T, intercept, offset, kind)
        models = self._at_all(alpha)
        coefs = sp.csc_array(np.concatenate([np.atleast_2d(w) for w, _ in models]).T)
        return self._predict(X, coefs, np.array([b for _, b in models]), offset, kind)

    @property
    def _axis(self) -> int:
        # of the alphas, in predictions
        return 1

    def _predict(self, X: Any, coefs: Any, *others: Any) -> NDArray[Any]:
        return predictions(self, X, coefs, *others)

    def _models(self, alpha: Any, exact: Any) -> list[tuple[Vector, Any]]:
        # coefficients and intercepts at one alpha or several
        if exact is not False:
            return [(fit.coef, fit.intercept) for fit in self._exact(alpha, exact)]
        return [self._at(alpha)] if np.ndim(alpha) == 0 else self._at_all(alpha)

    def _exact(self, alpha: Any, exact: Any) -> list[Solution]:
        from softreg_fast.paths.exact import fitted_at  # which makes paths

        several = _several(alpha) if np.ndim(alpha) else [_number(alpha)]
        fits: Any = self
        return fitted_at(fits, several, exact)

    def _position(self, alpha: Any) -> int:
        # of the smallest alpha of the grid that is not below this one
        alpha = _number(alpha)
        if not len(self) or not self.alphas[-1] <= alpha <= self.alphas[0]:
            span = f"{self.alphas[-1]:.6g} to {self.alphas[0]:.6g}" if len(self) else "empty"
            raise ValueError(
                f"alpha={alpha!r} lies outside this path ({span}); fit a path that holds it."
            )
        return int(np.searchsorted(-self.alphas, -float(alpha)))

    def _at_all(self, alphas: ArrayLike) -> list[tuple[Vector, Any]]:
        return [self._at(each) for each in _several(alphas)]

    def _at(self, alpha: Any) -> tuple[Vector, Any]:
        right = self._position(alpha)
        if self.alphas[right] == alpha:
            return self._column(right), self._intercept(right)
        left = right - 1
        t = (self.alphas[left] - alpha) / (self.alphas[left] - self.alphas[right])
        coef = (1 - t) * self._column(left) + t * self._column(right)
        return coef, (1 - t) * self._intercept(left) + t * self._intercept(right)


def _several(alphas: ArrayLike) -> list[Any]:
    check_unmasked("alpha", alphas)
    several = np.asarray(alphas)
    if several.ndim != 1 or not several.size:
        raise ValueError(
            f"alpha has shape {several.shape}; expected a number, or a vector of at least one."
        )
    return list(several.tolist())


def _number(alpha: Any) -> float:
    if isinstance(alpha, np.ndarray):  # zero-dimensional
        alpha = alpha.item()
    if isinstance(alpha, str) and (alpha in RULES or alpha in RULES_OF_GLMNET):
        raise ValueError(
            f"alpha={alpha!r} is a rule of cross-validation, whose results cv_path returns; give a "
            "number."
        )
    if not is_real(alpha):
        raise TypeError(f"alpha must be a real number, got {alpha!r} ({type(alpha).__name__}).")
    return alpha
