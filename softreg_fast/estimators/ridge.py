"""Ridge as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.design import Design
from softreg_fast.data.names import PerFeature
from softreg_fast.estimators.base import _LinearRegressor
from softreg_fast.estimators.ridge_strengths import l2_weights_of, ridge_strengths
from softreg_fast.options.choices import Missing, RidgeSolver, Unknown
from softreg_fast.options.hints import with_hints
from softreg_fast.options.types import Bounds, RandomState
from softreg_fast.paths.result import Solution
from softreg_fast.paths.solve import solve_design
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.choice import ridge_solver
from softreg_fast.solvers.problem import Options

# scikit-learn's solver names, and the solver here that replaces each
NEAREST_SOLVER: dict[str, str] = {
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


class Ridge(_LinearRegressor):
    """Linear regression with an L2 penalty, optionally weighted per coefficient.

    Minimises over w and b, as scikit-learn's Ridge does,

        sum_i s_i (y_i - x_i.w - b)^2 + alpha * sum_j l2_weights_j w_j^2

    with the sample weights s.

    Parameters
    ----------
    alpha : float >= 0 or array-like (n_targets,), default=1.0
        Strength of the penalty, of all targets or of each; 0 is least squares. The default is
        scikit-learn's.
    fit_intercept : bool, default=True
        Fit an intercept, which is never penalised.
    copy_X : bool, default=True
        Accepted for compatibility: X is never modified, so a copy is never needed.
    max_iter : int or None, default=None
        Largest number of iterations, or of epochs for "cd". None: 100,000.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most tol * ||y - mean(y)||^2 / 2, both sides in the
        units of the objective above. "cholesky" ends at rounding level whatever tol; "cg" uses
        tol^2 instead (at least 1e-14), for coefficients as accurate as scikit-learn's at the same
        tol. The default is scikit-learn's.
    solver : {"auto", "cholesky", "cd", "gradient", "cg"}, default="auto"
        scikit-learn's other names are accepted: "svd" stands for "cholesky", "lsqr", "sparse_cg",
        "sag", "saga" and "lbfgs" for "auto". "cholesky" factorises the smaller of X'X and XX'; "cd"
        is coordinate descent, "gradient" accelerated gradient, "cg" conjugate gradients. "auto":
        "cd" with bounds, else "cholesky" if the smaller side of X is at most 3000, else "cg".
    positive : bool, default=False
        Constrain every coefficient to be >= 0.
    random_state : int, RandomState or None, default=None
        Accepted for compatibility; no solver is random.
    l2_weights : float, array-like (n_features,), dict, Series or None, default=None
        Relative strength of the L2 penalty on each feature, >= 0. 0: not penalised; inf: excluded,
        the coefficient is 0; None: all 1. A dict or a pandas Series is matched by feature name;
        features not named in it have 1.
    bounds : (lower, upper), scipy.optimize.Bounds, dict or None, default=None
        Bounds of the coefficients, in the units of X. Lower and upper are numbers, arrays
        (n_features,), dicts or Series by feature name, or None for no bound. A single dict has
        pairs (lower, upper) by feature name; other features are unbounded.
    standardize : bool, default=False
        Penalise as if every column had unit variance, without an intercept unit mean square;
        coefficients and bounds stay in the units of X. The default is scikit-learn's behaviour.
    n_threads : int or None, default=None
        Number of threads, as in `effective_n_threads`. None: all cores if the work is large enough.
    dates : list of str, dict or None, default=None
        Parts of dates that are features, as in `path`: ["year", "month"] of all columns of dates,
        or a dict by column. None: columns of dates are refused.
    missing : {"error", "drop", "indicator"}, default="error"
        What `fit` does about missing values, as in `path`: "drop" leaves rows out, "indicator"
        fills numbers with their mean and marks them by a feature, in predictions, too. "error":
        they are refused.
    unknown : {"error", "zero"}, default="error"
        What a level of a column means in `predict` that the fit has not seen: an error that names
        it, or zeros, so that its column has no effect.

    Attributes
    ----------
    coef_ : ndarray (n_features,) or (n_targets, n_features)
        Coefficients, in units of y per unit of X. Computed as accurately for float32 data as for
        float64, then rounded to float32 as in scikit-learn.
    intercept_ : float or ndarray (n_targets,)
        Intercept, in the unit of y; 0.0 without one.
    dual_gap_ : float or ndarray (n_targets,)
        Upper bound on the distance of the objective from its minimum, in the units of 1/(2S) times
        the objective above, as for the Lasso.
    n_iter_ : int or list of int
        Number of epochs or steps, of each target.
    solver_ : str
        `solver`, or the solver chosen by "auto".
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray (n_features,) of str
        Names of the features in `fit`; only if X was a frame whose column labels are all strings.
    coding_ : Coding or None
        How the columns of a frame became features, if some are of categories or text; its
        `feature_names` are those of coef_, such as "carrier=AA". None: each column is a feature.
    sparse_coef_ : csr_matrix of the shape of coef_
        coef_ as a sparse matrix, made on each access.

    Raises
    ------
    ValueError, TypeError
        From `fit` and `predict`, for parameters or data that cannot be used; the message says what
        is expected. Making the object raises nothing but a TypeError for a parameter that does not
        exist.

    Warns
    -----
    ConvergenceWarning
        From `fit`, if the duality gap is larger than the tolerance.

    References
    ----------
    Hoerl, Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems",
    Technometrics 12(1), for the penalty; docs/mathematics.md, section 7, for the solvers and the
    gap.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from softreg_fast import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Ridge(alpha=0.1, l2_weights=[0] * 2 + [1] * 8).fit(X, y)
    >>> round(model.score(X, y), 3)
    0.513
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
        solver: RidgeSolver = "auto",
        positive: bool = False,
        random_state: RandomState | None = None,
        l2_weights: PerFeature | None = None,
        bounds: Bounds | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        dates: Any = None,
        missing: Missing = "error",
        unknown: Unknown = "error",
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
        self.dates = dates
        self.missing = missing
        self.unknown = unknown

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
