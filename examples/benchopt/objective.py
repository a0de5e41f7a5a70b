"""The objective of benchopt's Lasso benchmark, reduced to what our solver uses."""

import numpy as np
from benchopt import BaseObjective


class Objective(BaseObjective):
    """1/2 ||y - Xw - b||^2 + lmbd ||w||_1 with lmbd a fraction of the smallest that gives w = 0."""

    name = "Lasso"
    min_benchopt_version = "1.7"
    parameters = {"fit_intercept": [False, True], "reg": [0.5, 0.1]}

    def set_data(self, X, y):
        """Store a data set."""
        self.X, self.y = X, y
        centred = y - y.mean() if self.fit_intercept else y
        self.lmbd = self.reg * np.max(np.abs(X.T @ centred))

    def get_objective(self):
        """Return the arguments for solvers."""
        problem = {"X": self.X, "y": self.y, "lmbd": self.lmbd}
        return problem | {"fit_intercept": self.fit_intercept}

    def evaluate_result(self, beta):
        """Return the objective and the duality gap, from the residual scaled to be feasible."""
        w, b = beta[: self.X.shape[1]], beta[self.X.shape[1] :].sum()
        r = self.y - self.X @ w - b
        if self.fit_intercept:
            b = r.mean()  # the dual point must sum to 0; centring it is part of the gap
        feasible = r - b if self.fit_intercept else r
        feasible = feasible * min(1.0, self.lmbd / np.max(np.abs(self.X.T @ feasible)))
        value = r @ r / 2 + self.lmbd * np.abs(w).sum()
        dual = self.y @ feasible - feasible @ feasible / 2
        return {"value": value, "duality_gap": value - dual, "support_size": np.count_nonzero(w)}

    def get_one_result(self):
        """Return a point that can be evaluated."""
        return {"beta": np.zeros(self.X.shape[1] + self.fit_intercept)}
