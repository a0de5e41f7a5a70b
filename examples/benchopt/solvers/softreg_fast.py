"""softreg_fast for benchopt's Lasso benchmark: 1/2 ||y - Xw - b||^2 + lmbd ||w||_1."""

import warnings

import numpy as np
from benchopt import BaseSolver
from scipy.sparse.linalg import LinearOperator
from sklearn.exceptions import ConvergenceWarning

from softreg_fast import solve


class Solver(BaseSolver):
    """Working sets, Newton steps on the support, a duality gap for every answer."""

    name = "softreg_fast"
    requirements = ["pip::softreg_fast"]
    references = ["softreg_fast, docs/mathematics.md"]
    # A fit stops at the requested gap, so a curve is drawn from fits at decreasing gaps.
    sampling_strategy = "tolerance"

    def skip(self, X, y, lmbd, fit_intercept=False):
        """Skip matrices whose columns cannot be read."""
        if isinstance(X, LinearOperator):
            return True, f"{self.name} needs a matrix, dense or sparse"
        return False, None

    def set_objective(self, X, y, lmbd, fit_intercept=False):
        """Store the problem; softreg_fast divides the loss by the number of samples."""
        self.X, self.y, self.fit_intercept = X, y, fit_intercept
        self.alpha = lmbd / X.shape[0]
        # benchopt also asks for gaps below the precision of float64
        warnings.filterwarnings("ignore", category=ConvergenceWarning)

    def get_next(self, tol):
        """Return the next gap, in large steps: if the first fit is exact, benchopt stops early."""
        return min(tol, 1.0) / 1000.0

    def run(self, tol):
        """Fit from scratch to a gap of `tol` times that of w = 0, or to what float64 allows."""
        self.fit = solve(
            self.X,
            self.y,
            alpha=self.alpha,
            fit_intercept=self.fit_intercept,
            tol=min(tol, 1.0),  # benchopt starts with 3e38
        )

    def get_result(self):
        """Return the coefficients, followed by the intercept if there is one."""
        coef = self.fit.coef
        return {"beta": np.append(coef, self.fit.intercept) if self.fit_intercept else coef}
