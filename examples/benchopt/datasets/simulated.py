"""Simulated data: correlated columns, a few of which make y."""

import numpy as np
import scipy.sparse as sp
from benchopt import BaseDataset


class Dataset(BaseDataset):
    """An AR(1) design; with density < 1 it is sparse."""

    name = "Simulated"
    parameters = {
        "n_samples, n_features": [(100, 500)],
        "density": [1.0, 0.1],
        "rho": [0.6],
    }
    test_parameters = {"n_samples, n_features": [(30, 60)]}

    def get_data(self):
        """Return X and y."""
        rng = np.random.default_rng(27)
        X = rng.standard_normal((self.n_samples, self.n_features))
        for j in range(1, self.n_features):
            X[:, j] = self.rho * X[:, j - 1] + np.sqrt(1 - self.rho**2) * X[:, j]
        X *= rng.random(X.shape) < self.density
        w = np.where(np.arange(self.n_features) % 20 == 0, 1.0, 0.0)
        y = X @ w + 0.1 * rng.standard_normal(self.n_samples) + 1.0
        return {"X": sp.csc_array(X) if self.density < 1 else np.asfortranarray(X), "y": y}
