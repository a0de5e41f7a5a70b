"""Models of a search that a rule chooses, or at other alphas: coefficients and predictions."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from softreg_fast.options.choices import Prediction, rule_of
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.paths.result import Path


class Chosen:
    """Part of `CVPath`: its models fitted to all samples."""

    path: Path

    @property
    def alpha(self) -> float:
        """Alpha that the rule of the search chooses."""
        raise NotImplementedError

    @property
    def index_min(self) -> int:
        """Index of the alpha with the smallest mean error."""
        raise NotImplementedError

    @property
    def index_1se(self) -> int:
        """Index of the largest alpha whose mean error is within one standard error of that."""
        raise NotImplementedError

    @property
    def alpha_min(self) -> float:
        """Alpha with the smallest mean error, whatever the rule (glmnet: lambda.min)."""
        return float(self.path.alphas[self.index_min])

    @property
    def alpha_1se(self) -> float:
        """Largest alpha within one standard error of that (glmnet: lambda.1se)."""
        return float(self.path.alphas[self.index_1se])

    def alpha_of(self, alpha: float | ArrayLike | str | None = None) -> Any:
        """Return the alpha that a rule chooses; a number, or several, as given.

        Parameters
        ----------
        alpha : float, array-like (n_alphas,), {"min", "1se"} or None, default=None
            "min" and "1se" stand for `alpha_min` and `alpha_1se`, as do glmnet's "lambda.min" and
            "lambda.1se". None: the alpha that was chosen.

        Returns
        -------
        float, or of several alphas as given

        Raises
        ------
        ValueError
            For other words.
        """
        if alpha is None:
            return self.alpha
        if isinstance(alpha, str):
            return self.alpha_min if rule_of(alpha) == "min" else self.alpha_1se
        return alpha

    def coef_at(self, alpha: float | ArrayLike | str | None = None) -> Vector:
        """Return the coefficients of the model fitted to all samples, as `Path.coef_at` does.

        Parameters
        ----------
        alpha : float, array-like (n_alphas,), {"min", "1se"} or None, default=None
            As in `alpha_of`; numbers within the range of `path`.

        Returns
        -------
        ndarray (n_features,), of several alphas (n_features, n_alphas)

        Raises
        ------
        ValueError, TypeError
            If an alpha lies outside the path, or is not a number.
        """
        return self.path.coef_at(self.alpha_of(alpha))

    @with_hints
    def coef(
        self,
        alpha: float | ArrayLike | str | None = None,
        *,
        intercept: bool = False,
        exact: Any = False,
    ) -> Any:
        """Return the coefficients with the names of their features, as `Path.coef` does.

        Parameters
        ----------
        alpha : float, array-like (n_alphas,), {"min", "1se"} or None, default=None
            As in `alpha_of`; numbers within the range of `path`.
        intercept : bool, default=False
            Put the intercept before the coefficients, under the name "(Intercept)".
        exact : bool, tuple (X, y), dict or Design, default=False
            As in `Path.at`.

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
        return self.path.coef(self.alpha_of(alpha), intercept=intercept, exact=exact)

    def _asked(self, alpha: Any, rule: str | None) -> Any:
        if alpha is not None and rule is not None:
            raise ValueError(
                f"alpha={alpha!r} and rule={rule!r} both say which model; give one of them."
            )
        return self.alpha_of(alpha if rule is None else rule_of(rule))

    @with_hints
    def predict(
        self,
        X: MatrixLike,
        alpha: float | ArrayLike | str | None = None,
        *,
        rule: str | None = None,
        offset: ArrayLike | None = None,
        kind: Prediction = "response",
        exact: Any = False,
    ) -> NDArray[Any]:
        """Return predictions of the chosen model, fitted to all samples, or of others.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features. Columns of a frame are matched by name, if the model was fitted to named
            columns; columns unknown to the model are ignored. Those of an array are taken in order.
        alpha : float, array-like (n_alphas,), {"min", "1se"} or None, default=None
            As in `alpha_of`; numbers within the range of `path`.
        rule : {"min", "1se"} or None, default=None
            The same by the name of cv_path's argument. None: that of the search.
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
            As in `Path.at`.

        Returns
        -------
        ndarray (n_samples,), of several alphas (n_samples, n_alphas)
            Predictions, in the unit of y; with several tasks (n_samples, n_tasks) and
            (n_samples, n_tasks, n_alphas).

        Raises
        ------
        ValueError, TypeError
            For missing columns, for X that is not finite numbers, and for alphas out of range.
        """
        asked = self._asked(alpha, rule)
        return self.path.predict(X, asked, offset=offset, kind=kind, exact=exact)

    @with_hints
    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        alpha: float | ArrayLike | str | None = None,
        *,
        rule: str | None = None,
        offset: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float | Vector:
        """Return how well the chosen model, or others, predict new samples, as `Path.score` does.

        Parameters
        ----------
        X : array-like, sparse, frame or Design, (n_samples, n_features)
            The features, as in `predict`.
        y : array-like (n_samples,)
            Their targets.
        alpha : float, array-like (n_alphas,), {"min", "1se"} or None, default=None
            As in `alpha_of`; numbers within the range of `path`.
        rule : {"min", "1se"} or None, default=None
            The same by the name of cv_path's argument. None: that of the search.
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
        asked = self._asked(alpha, rule)
        return self.path.score(X, y, asked, offset=offset, sample_weight=sample_weight)

    def to_sklearn(self, alpha: float | str | None = None) -> Any:
        """Return the chosen model, or another, as a fitted estimator, as `Path.to_sklearn` does.

        Parameters
        ----------
        alpha : float, {"min", "1se"} or None, default=None
            As in `alpha_of`; a number within the range of `path`.

        Returns
        -------
        estimator

        Raises
        ------
        ValueError, TypeError
            For a loss or a penalty without an estimator, and if alpha lies outside the path.
        """
        return self.path.to_sklearn(self.alpha_of(alpha))
