"""Problem passed to every package: data, alphas, penalty.  Needs only NumPy and SciPy."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

# Seed of the folds.
SEED = 0


@dataclass(frozen=True, eq=False)
class Problem:
    """minimise  1/(2n) ||y - b - Xw||^2 + alpha sum_j [l1_ratio c_j |w_j| + (1 - l1_ratio)/2 w_j^2]

    for each of the alphas, in falling order.  X has contiguous columns: Fortran order, or CSC.
    c = `l1_weights` is 1 if it is None.  With folds, one of the alphas is to be chosen.
    """

    X: np.ndarray | sp.csc_matrix
    y: np.ndarray
    alphas: np.ndarray
    l1_ratio: float = 1.0
    l1_weights: np.ndarray | None = None
    n_folds: int = 0

    @property
    def is_sparse(self):
        return sp.issparse(self.X)

    @property
    def fold_of(self):
        """Fold that leaves each sample out.

        The folds are those of scikit-learn's KFold(shuffle=True, random_state=SEED), and of
        adelie, which draws its own.
        """
        folds = np.empty(len(self.y), dtype=np.intp)
        order = np.random.RandomState(SEED).permutation(len(self.y))
        for k, test in enumerate(np.array_split(order, self.n_folds)):
            folds[test] = k
        return folds

    def need_plain_lasso(self):
        """Raise an error, for packages with neither weights nor an l1_ratio."""
        self.need_no_weights()
        if self.l1_ratio != 1.0:
            raise NotImplementedError("no elastic net")

    def need_no_weights(self):
        """Raise an error, for packages without weights."""
        if self.l1_weights is not None:
            raise NotImplementedError("no weights")


class Choice(NamedTuple):
    """Choice: the alpha with the smallest mean squared error, its coefficients on all samples, and
    all errors, means over the folds."""

    alpha: float
    coef: np.ndarray
    errors: np.ndarray

    @classmethod
    def of(cls, alphas, coefs, errors):
        """Return the Choice, given the coefficients at all alphas, (n_features, n_alphas)."""
        k = int(np.argmin(errors))
        coef = coefs[:, [k]].toarray()[:, 0] if sp.issparse(coefs) else coefs[:, k]
        return cls(float(alphas[k]), coef, errors)

    @classmethod
    def load(cls, path):
        """Read a saved Choice."""
        with np.load(path) as found:
            return cls(float(found["alpha"]), found["coef"], found["errors"])

    def save(self, path):
        """Write an .npz file."""
        np.savez(path, **self._asdict())


def save_data(folder, X, y):
    """Write the data that all problems of a family share."""
    if sp.issparse(X):
        sp.save_npz(folder / "X.npz", X, compressed=False)
    else:
        np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)


def save_setting(folder, problem):
    """Write the other fields of a Problem."""
    weights = None if problem.l1_weights is None else problem.l1_weights.tolist()
    setting = {"alphas": problem.alphas.tolist(), "l1_ratio": problem.l1_ratio}
    setting["n_folds"] = problem.n_folds
    (folder / "setting.json").write_text(json.dumps({**setting, "l1_weights": weights}))


def load(folder):
    """Return the Problem whose data and setting are in the folder."""
    folder = Path(folder)
    if (folder / "X.npz").exists():
        X = sp.csc_matrix(sp.load_npz(folder / "X.npz"))
    else:
        X = np.load(folder / "X.npy")
    setting = json.loads((folder / "setting.json").read_text())
    weights = setting["l1_weights"]
    return Problem(
        X,
        np.load(folder / "y.npy"),
        np.array(setting["alphas"]),
        setting["l1_ratio"],
        None if weights is None else np.array(weights),
        setting["n_folds"],
    )
