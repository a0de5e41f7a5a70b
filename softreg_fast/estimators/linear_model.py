"""Lasso, ElasticNet and Ridge as scikit-learn estimators: fit = Design -> solve -> attributes."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from softreg_fast.data.contents import check_contents
from softreg_fast.data.design import Design
from softreg_fast.data.names import Names, PerFeature, feature_names_of, in_order
from softreg_fast.data.validation import as_targets, check_sparse
from softreg_fast.options.hints import with_hints
from softreg_fast.paths.convergence import warn_not_converged
from softreg_fast.paths.result import Solution
from softreg_fast.paths.sklearn_paths import enet_path, lasso_path
from softreg_fast.paths.solve import solve_design
from softreg_fast.paths.user_units import rounded
from softreg_fast.penalties.vectors import Penalty, nonnegative_vector
from softreg_fast.solvers.choice import ridge_solver
from softreg_fast.solvers.problem import Options
from softreg_fast.solvers.protocol import is_alarm


class _LinearRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base of the estimators: several targets as several fits on one Design, and predict."""

    coef_: NDArray[Any]
    intercept_: Any
    dual_gap_: Any
    n_iter_: Any
    n_features_in_: int
    alpha: Any
    max_iter: Any
    fit_intercept: bool
    standardize: bool
    n_threads: int | None

    _design_type = Design

    def __setstate__(self, state: dict[str, Any]) -> None:
        # fill in defaults for parameters newer than the pickle
        parameters = inspect.signature(type(self).__init__).parameters.values()
        defaults = {
            each.name: each.default for each in parameters if each.default is not each.empty
        }
        super().__setstate__({**defaults, **state})

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like, sparse or frame (n_samples, n_features)
        y : array-like (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like (n_samples,), number or None

        Returns
        -------
        self
        """
        design = self._design(X, y, sample_weight, self.n_threads)
        targets = as_targets(y)
        if targets.ndim > 2:
            raise ValueError(f"y has shape {targets.shape}; expected a vector or a matrix.")
        columns = targets.reshape(len(targets), -1).T
        alphas = self._alphas(len(columns))
        starts = self._starts(len(columns), design)
        fits = [
            self._fit_target(design.with_target(column), alpha, start)
            for column, alpha, start in zip(columns, alphas, starts, strict=True)
        ]
        # Stored together, so that an interrupted fit leaves the previous one intact.
        self._keep_features(X, y, design.n_features)
        self._keep(fits, single=targets.ndim == 1, dtype=design.X.dtype)
        missed = [fit for fit in fits if is_alarm(fit.status)]
        if missed:
            warn_not_converged(
                [fit.gap for fit in missed],
                [fit.tol for fit in missed],
                [fit.status for fit in missed],
                self._most_iterations,
                f" for {len(missed)} of {len(fits)} targets" if len(fits) > 1 else "",
            )
        return self

    def _refuse_design(self, X: Any) -> None:
        if isinstance(X, Design):
            raise TypeError(
                f"{type(self).__name__} takes arrays, sparse matrices and frames, as scikit-learn "
                "does; X is a Design, which is for solve, path and cv_path."
            )

    def _design(
        self, X: Any, y: ArrayLike | None, sample_weight: ArrayLike | None, n_threads: int | None
    ) -> Design:
        # the Design of X, shared by all targets
        self._refuse_design(X)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None; "
                "give one target value for each row of X."
            )
        return self._design_type(
            X,
            sample_weight=sample_weight,
            fit_intercept=self.fit_intercept,
            standardize=self.standardize,
            n_threads=n_threads,
        )

    @property
    def _most_iterations(self) -> int:
        return 100_000 if self.max_iter is None else self.max_iter

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        raise NotImplementedError

    def _alphas(self, n_targets: int) -> list[Any]:
        return [self.alpha] * n_targets

    def _starts(self, n_targets: int, design: Design) -> list[NDArray[np.float64] | None]:
        coef = self._last_coef(design)
        if coef is None or coef.reshape(-1, design.n_features).shape[0] != n_targets:
            return [None] * n_targets
        return list(coef.reshape(n_targets, -1))

    def _last_coef(self, design: Design) -> NDArray[Any] | None:
        # initial coefficients of a warm start, matched by name if both fits have names
        coef = getattr(self, "coef_", None) if getattr(self, "warm_start", False) else None
        last, now = getattr(self, "feature_names_in_", None), design.feature_names
        if coef is not None and last is not None and now is not None:
            place = {name: j for j, name in enumerate(last)}
            if place.keys() != set(now):
                return None
            coef = coef[..., [place[name] for name in now]]
        return coef if coef is not None and coef.shape[-1] == design.n_features else None

    def _keep_features(self, X: Any, y: Any, n_features: int) -> None:
        self._labels: Names | None = None  # unless all strings: scikit-learn ignores others
        if isinstance(X, np.ndarray) or sp.issparse(X):
            # no names: looking for them can take as long as a small fit
            self.n_features_in_ = n_features
            self.__dict__.pop("feature_names_in_", None)
            return
        validate_data(self, X, y, skip_check_array=True)
        if not hasattr(self, "feature_names_in_"):
            self._labels = feature_names_of(X)

    def _keep(self, fits: list[Solution], single: bool, dtype: Any = np.float64) -> None:
        one = single or len(fits) == 1
        fewest = 0 if getattr(self, "warm_start", False) else 1
        first, n_iter = fits[0], [max(fit.n_epochs, fewest) for fit in fits]
        self.coef_ = rounded(first.coef if one else np.array([fit.coef for fit in fits]), dtype)
        self.dual_gap_ = first.gap if one else np.array([fit.gap for fit in fits])
        self.n_iter_ = n_iter[0] if one else n_iter
        intercepts = rounded(np.array([fit.intercept for fit in fits]), dtype)
        self.intercept_ = intercepts[0] if single else intercepts
        if not self.fit_intercept:
            self.intercept_ = 0.0

    def predict(self, X: Any) -> NDArray[Any]:
        """Return X @ coef_.T + intercept_, in float32 if X and coef_ are float32.

        Parameters
        ----------
        X : array-like, sparse or frame (n_samples, n_features)
            A frame must have the columns of the fit in their order. If their names are numbers,
            dates or tuples, which scikit-learn does not compare, columns are matched by name.

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        self._refuse_design(X)
        if not (isinstance(X, np.ndarray) or hasattr(self, "feature_names_in_")):
            X = in_order(X, getattr(self, "_labels", None), self.n_features_in_)
        check_sparse(X)
        check_contents("X", X)
        X = validate_data(self, X, accept_sparse=["csr", "csc", "coo"], reset=False)
        product = safe_sparse_dot(X, self.coef_.T, dense_output=True)
        return np.asarray(product + self.intercept_)

    @property
    def sparse_coef_(self) -> Any:
        """coef_ as a CSR matrix."""
        return sp.csr_matrix(self.coef_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def order_of_descent(selection: str, random_state: Any) -> Any:
    """Return the random generator for selection="random", None for "cyclic"."""
    if selection not in ("cyclic", "random"):
        raise ValueError(f"selection must be 'cyclic' or 'random', got {selection!r}.")
    rng = check_random_state(random_state)
    return rng if selection == "random" else None


class ElasticNet(_LinearRegressor):
    """Linear regression with L1 and L2 penalties, optionally weighted per feature.

    Minimises, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2
        + alpha * sum_j [ l1_ratio * l1_weights_j |w_j| + (1 - l1_ratio) / 2 * l2_weights_j w_j^2 ]

    Parameters
    ----------
    alpha : float >= 0, default=1.0
    l1_ratio : float in [0, 1], default=0.5
    fit_intercept : bool, default=True
    precompute : bool, "auto" or array-like (n_features, n_features), default=False
        Use the Gram matrix X'X.
    max_iter : int or None, default=1000
        Largest number of epochs; None: 100,000.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2, in the sum form.
    warm_start : bool, default=False
        Start from the coefficients of the last fit.
    positive : bool, default=False
    random_state : int, RandomState or None
        Seed or generator for selection="random".
    selection : {"cyclic", "random"}, default="cyclic"
        "random" updates the coordinates in random order; the optimum is the same.
    l1_weights, l2_weights : array-like (n_features,), dict, Series or None
        0: not penalised; inf: excluded; None: all 1. A dict or a Series is matched by feature name;
        features not named in it have 1.
    bounds : (lower, upper), {name: (lower, upper)} or None
        Each a number, an array (n_features,), a dict or Series by name, or None.
    standardize : bool, default=False
        Penalise as if every column had unit variance; coefficients stay in the units of X.
    n_threads : int or None
        None: all cores if the work is large enough.

    Attributes
    ----------
    coef_ : ndarray (n_features,) or (n_targets, n_features)
        Computed as accurately for float32 data as for float64, then rounded to float32 as in
        scikit-learn.
    intercept_ : float or ndarray (n_targets,)
    dual_gap_ : float or ndarray (n_targets,)
        Upper bound on the distance of the objective from its minimum; valid for all of the above.
    n_iter_ : int or list of int
        Number of epochs; 0 if warm_start began at the solution.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had names
    sparse_coef_ : csr_matrix

    Warns
    -----
    ConvergenceWarning
        If the gap is larger than the tolerance.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import ElasticNet
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ElasticNet(alpha=0.1, l1_ratio=0.9).fit(X, y)
    >>> round(model.score(X, y), 3)
    0.46
    """

    path = staticmethod(enet_path)
    __metadata_request__fit = {"check_input": UNUSED}  # noqa: RUF012

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        precompute: Any = False,
        max_iter: int | None = 1000,
        copy_X: bool = True,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Any = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.copy_X = copy_X
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
        self.l1_weights = l1_weights
        self.l2_weights = l2_weights
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse (n_samples, n_features)
        y : array-like (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like (n_samples,), number or None
        check_input : bool, default=True
            Accepted for compatibility: input is always checked.

        Returns
        -------
        self
        """
        return super().fit(X, y, sample_weight)

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        rng = order_of_descent(self.selection, self.random_state)
        penalty = Penalty(
            alpha, self.l1_ratio, self.l1_weights, self.l2_weights, self.positive, self.bounds
        )
        return solve_design(
            design,
            penalty,
            solver="cd" if rng is not None else "auto",
            precompute=self.precompute,
            tol=self.tol,
            max_iter=self._most_iterations,
            coef_init=coef_init,
            rng=rng,
        )


class Lasso(ElasticNet):
    """Linear regression with an L1 penalty, optionally weighted per feature.

    Minimises, with S the sum of the sample weights s,

        1/(2S) sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l1_weights_j |w_j|

    Parameters, attributes and warnings are those of `ElasticNet` with l1_ratio=1.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Lasso
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = Lasso(alpha=1.0).fit(X, y)
    >>> model.feature_names_in_[model.coef_ != 0].tolist()
    ['bmi', 's5']
    """

    path = staticmethod(lasso_path)

    @with_hints
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        precompute: Any = False,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
        l1_weights: PerFeature | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Any = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(
            alpha=alpha,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            precompute=precompute,
            copy_X=copy_X,
            max_iter=max_iter,
            tol=tol,
            warm_start=warm_start,
            positive=positive,
            random_state=random_state,
            selection=selection,
            l1_weights=l1_weights,
            l2_weights=l2_weights,
            bounds=bounds,
            standardize=standardize,
            n_threads=n_threads,
        )


# scikit-learn's solver names, and the solver here that replaces each
NEAREST_SOLVER = {
    "svd": "cholesky",
    "lsqr": "auto",
    "sparse_cg": "auto",
    "sag": "auto",
    "saga": "auto",
    "lbfgs": "auto",
}
# Below this tolerance rounding may keep conjugate gradients from reaching the gap.
SMALLEST_CG_TOL = 1e-14

PURE_L2 = ("cholesky", "cg", "svd", "lsqr", "sparse_cg")


def l2_weights_of(given: Any, design: Design) -> NDArray[np.float64]:
    """Return the L2 weights, one per feature, from the user's argument."""
    return nonnegative_vector("l2_weights", given, design.n_features, 1.0, design.feature_names)


def ridge_strengths(
    weights: NDArray[np.float64], alpha: float, design: Design
) -> NDArray[np.float64]:
    """Return 1/(2S) of alpha * weights; an infinite weight excludes even at alpha = 0."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(weights), np.inf, weights * (alpha / design.weight_sum))


class Ridge(_LinearRegressor):
    """Linear regression with an L2 penalty, optionally weighted per coefficient.

    Minimises, as scikit-learn's Ridge does,

        sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l2_weights_j w_j^2

    Parameters
    ----------
    alpha : float >= 0 or array-like (n_targets,), default=1.0
    fit_intercept : bool, default=True
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified.
    max_iter : int or None
        Largest number of iterations; None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2 / 2, both sides in the
        units of the objective above. "cholesky" ends at rounding level whatever tol; "cg" uses
        tol^2 instead (at least 1e-14), for coefficients as accurate as scikit-learn's at the same
        tol.
    solver : {"auto", "cholesky", "cd", "gradient", "cg"}, default="auto"
        scikit-learn's other names are accepted: "svd" stands for "cholesky", "lsqr", "sparse_cg",
        "sag", "saga" and "lbfgs" for "auto". "cholesky" factorises the smaller of X'X and XX'; "cd"
        is coordinate descent, "gradient" accelerated gradient, "cg" conjugate gradients. "auto":
        "cd" with bounds, else "cholesky" if the smaller side of X is at most 3000, else "cg".
    positive : bool, default=False
    random_state : ignored, for compatibility
    l2_weights : array-like (n_features,), dict, Series or None
        0: not penalised; inf: excluded; None: all 1. A dict or a Series is matched by feature name;
        features not named in it have 1.
    bounds : (lower, upper), {name: (lower, upper)} or None
        As in `ElasticNet`.
    standardize : bool, default=False
        Penalise as if every column had unit variance; coefficients stay in the units of X.
    n_threads : int or None

    Attributes
    ----------
    coef_ : ndarray (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray (n_targets,)
    dual_gap_ : float or ndarray (n_targets,)
        Duality gap in the units of 1/(2S) times the objective above, as for the Lasso.
    n_iter_ : int or list of int
    solver_ : str
        `solver`, or the solver chosen by "auto".
    n_features_in_, feature_names_in_, sparse_coef_ : as in `ElasticNet`

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Ridge(alpha=0.1, l2_weights=[0] * 2 + [1] * 8).fit(X, y)
    >>> round(model.score(X, y), 3)
    0.514
    """

    @with_hints
    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
        l2_weights: PerFeature | None = None,
        bounds: Any = None,
        standardize: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state
        self.l2_weights = l2_weights
        self.bounds = bounds
        self.standardize = standardize
        self.n_threads = n_threads

    def _fit_target(
        self, design: Design, alpha: Any, coef_init: NDArray[np.float64] | None
    ) -> Solution:
        Penalty(alpha)  # raises if it is not a number >= 0
        solver = NEAREST_SOLVER.get(self.solver, self.solver)
        weights = l2_weights_of(self.l2_weights, design)
        l2 = ridge_strengths(weights, float(alpha), design)
        penalty = Penalty(positive=self.positive, bounds=self.bounds, l2=l2)
        pure_l2 = penalty.vectors(design.n_features, design.feature_names).is_ridge
        if self.solver in PURE_L2 and not pure_l2:
            raise ValueError(
                f"solver={self.solver!r} does not support positive=True or bounds; use 'auto', "
                "'cd', 'gradient' or, as in scikit-learn, 'lbfgs'."
            )
        if solver == "auto" and pure_l2:
            solver = ridge_solver(design)
        Options(tol=self.tol, max_iter=self._most_iterations).check()
        return solve_design(
            design,
            penalty,
            solver=solver,
            precompute="auto",
            # scikit-learn's tol is for a residual, the gap scales with its square
            tol=min(self.tol, max(self.tol**2, SMALLEST_CG_TOL)) if solver == "cg" else self.tol,
            max_iter=self._most_iterations,
            coef_init=coef_init,
        )

    def _keep(self, fits: list[Solution], single: bool, dtype: Any = np.float64) -> None:
        super()._keep(fits, single, dtype)
        chosen = fits[0].strategy if fits[0].strategy in PURE_L2 else "cd"
        self.solver_ = chosen if self.solver == "auto" else self.solver

    def _alphas(self, n_targets: int) -> list[Any]:
        alphas = np.asarray(self.alpha)
        if alphas.ndim == 0:
            return [alphas.item()] * n_targets
        if alphas.shape not in ((1,), (n_targets,)):
            raise ValueError(
                f"Number of targets and number of penalties do not correspond: {len(alphas)} != "
                f"{n_targets}. alpha has shape {alphas.shape}; expected one number, or one for "
                f"each of the {n_targets} targets in y."
            )
        return list(np.broadcast_to(alphas, n_targets))
