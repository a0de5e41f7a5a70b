"""Solution: a fitted model at one alpha, with a printed summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.options.cells import Cell
from softreg_fast.options.choices import Prediction
from softreg_fast.options.hints import with_hints
from softreg_fast.options.tables import pandas_for
from softreg_fast.options.types import MatrixLike, Vector
from softreg_fast.paths.cells import cell_of_solution
from softreg_fast.paths.clusters import clusters_of
from softreg_fast.paths.kept import Kept
from softreg_fast.paths.kinds import Certified, predictions
from softreg_fast.paths.labelled import labelled
from softreg_fast.paths.selected import selected_groups
from softreg_fast.penalties.nonconvex import NONCONVEX
from softreg_fast.solvers.protocol import Status


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Kept, Certified):
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
    recipe : Recipe or None
        Penalty and settings of the fit; None: they are not known.

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
        return self.gap if self.stationarity is not None else gap_over(self.gap, self.null_loss)

    @property
    def stationarity(self) -> float | None:
        """Largest distance of a slope from stationarity, relative to alpha; None: there is a gap.

        The slope x_j.r / n is compared with the limiting subdifferential of the penalty at w_j.
        Under LHalf every slope is stationary at w_j = 0: there it is compared with the smallest
        one at which another w_j were better, to which the distance is relative, too.
        """
        return self.gap if self.penalty_kind in NONCONVEX else None

    @with_hints
    def predict(
        self, X: MatrixLike, *, offset: ArrayLike | None = None, kind: Prediction = "response"
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

    def named_coef(self, *, intercept: bool = False) -> Any:
        """Return the coefficients with the names of their features.

        Parameters
        ----------
        intercept : bool, default=False
            Put the intercept before the coefficients, under the name "(Intercept)".

        Returns
        -------
        pandas Series (n_features,), of several tasks or classes DataFrame (n_features, n_tasks)
            Features without names are numbered.

        Raises
        ------
        ImportError
            Without pandas.
        """
        b = self.intercept if intercept else None
        return labelled(self.coef, self.feature_names, self.classes, b)

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

    def plot(self, ax: Any = None, *, n_labels: int = 20) -> Any:
        """Draw the largest coefficients as bars.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw into. None: those of a new figure.
        n_labels : int, default=20
            Number of coefficients that are drawn, the largest; under a penalty of groups norms of
            groups.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            For a number below 0.
        """
        from softreg_fast.display.coefficient_bars import coefficient_bars

        return coefficient_bars(self.selected(), ax, n_labels)

    @with_hints
    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        *,
        offset: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return how well the model predicts new samples: R squared, or what their loss has for it.

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
        offset : array-like (n_samples,) or None, default=None
            Offset of these samples, which a model fitted with one needs.
        sample_weight : array-like (n_samples,), float or None, default=None
            Weights >= 0, not all 0. None: all equal.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError
            For data that do not fit the model.
        """
        from softreg_fast.model_selection.assess import score_of  # which assesses this class

        return float(score_of(self, X, y, None, offset, sample_weight))

    def to_frame(self) -> Any:
        """Return a table with one row.

        Returns
        -------
        pandas DataFrame
            alpha, df, dev_ratio, gap and converged.

        Raises
        ------
        ImportError
            Without pandas.
        """
        facts = {"alpha": self.alpha, "df": self.df, "dev_ratio": self.dev_ratio, "gap": self.gap}
        return pandas_for("to_frame").DataFrame([{**facts, "converged": self.converged}])

    def to_sklearn(self) -> Any:
        """Return this model as a fitted estimator of this package, for scikit-learn's tools.

        Predictions are equal. Its class follows the loss: ElasticNet, MultiTaskElasticNet,
        LogisticRegression, PoissonRegressor, CoxRegression and so on; under other penalties than
        the elastic net PenalizedRegression. Parameters such as l1_ratio are those of the fit where
        they are known, so that `fit` of a clone repeats it; penalties by feature name, and samples'
        weights, are given to that anew.

        Returns
        -------
        estimator

        Raises
        ------
        ValueError
            For a loss or a penalty without an estimator.
        """
        from softreg_fast.estimators.of_results import estimator_of  # which keeps this class

        return estimator_of(self)

    def _cell(self) -> Cell:
        return cell_of_solution(self)

    def __repr__(self) -> str:
        return (
            f"Solution(alpha={self.alpha:.6g}: {self.df} of {len(self.coef.T)} coefficients, "
            f"{100 * self.dev_ratio:.2f} % of deviance, relative "
            f"{self.certificate.removeprefix('duality ')} {self.relative_gap:.1e}, "
            f"{self.status.name.lower()})"
        )


def gap_over(gap: float, null_loss: float) -> float:
    """Return a gap in units of the loss without features, itself where that is 0."""
    return gap / null_loss if null_loss > 0.0 else gap
