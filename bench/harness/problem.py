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
    """minimise  1/n sum_i f(y_i, b + x_i.w) + alpha sum_j [l1_ratio c_j |w_j|
                                           + (1 - l1_ratio)/2 w_j^2] + sum_j l2_j/2 w_j^2

    for each of the alphas, in falling order.  f is half the squared error, or a `loss` of
    bench/harness/losses.py; losses of bench/harness/joint_losses.py are means over samples, too:
    "cox", whose y has columns of times and events, and "multinomial", whose y holds numbers of
    classes, with a w_j for each of them, or "grouped multinomial", where |w_j| is the length of all
    of them.  X has contiguous columns: Fortran order, or CSC.
    c = `l1_weights` is 1 and l2 is 0 if they are None; b = 0 without `fit_intercept`.  With a y of
    shape (n_samples, n_tasks), w_j is a row of coefficients, |w_j| its length.  With `n_folds`,
    one of the alphas is chosen by cross-validation, by the `measure` "deviance" or "auc" under
    losses beyond the squared one.  `learning_rate` is the step length of gradient descent.  An
    `omega` of bench/harness/penalties.py replaces sum_j |w_j|; `groups` numbers the group of each
    feature.
    """

    X: np.ndarray | sp.csc_matrix
    y: np.ndarray
    alphas: np.ndarray | None = None
    l1_ratio: float = 1.0
    l1_weights: np.ndarray | None = None
    n_folds: int = 0
    fit_intercept: bool = True
    l2: np.ndarray | None = None
    learning_rate: float = 0.0
    loss: str = "squared"
    measure: str = "deviance"
    omega: str = "l1"
    groups: np.ndarray | None = None

    @property
    def n_outputs(self):
        """Number of predictors of a sample: of classes, if there are several, otherwise one."""
        return int(self.y.max()) + 1 if self.loss.endswith("multinomial") else 1

    @property
    def is_sparse(self):
        return sp.issparse(self.X)

    @property
    def shape(self):
        return self.X.shape

    @property
    def nbytes(self):
        """Size of X in bytes."""
        if not self.is_sparse:
            return self.X.nbytes
        return self.X.data.nbytes + self.X.indices.nbytes + self.X.indptr.nbytes

    @property
    def layout(self):
        """Shape and dtype, as "500 x 20,000 float64" or "20,000 x 50,000 float32, 1.7M stored"."""
        n, p = self.shape
        text = f"{n:,} x {p:,} {self.X.dtype}"
        if self.is_sparse:
            nnz = self.X.nnz
            text += f", {nnz / 1e6:.1f}M stored" if nnz >= 1e6 else f", {nnz:,} stored"
        return text

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

    @property
    def search_options(self):
        """Parameters of a LogisticRegressionCV that chooses among these alphas, on all samples."""
        fold_of = self.fold_of
        pairs = [(fold_of != k, fold_of == k) for k in range(self.n_folds)]
        return {
            "Cs": 1.0 / (len(self.y) * self.alphas),
            "l1_ratios": (self.l1_ratio,),
            "cv": [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in pairs],
            "scoring": "neg_log_loss",
            "use_legacy_attributes": False,
        }

    def need_no_weights(self):
        """Raise an error, for packages without weights."""
        if self.l1_weights is not None:
            raise NotImplementedError("no weights")


class Choice(NamedTuple):
    """Choice: the alpha with the smallest mean error, its coefficients on all samples, and all
    errors, means over the folds: squared errors, deviances, or minus areas under the curve.

    Coefficients are (n_features,), or (n_features, n_outputs) if there are several.
    """

    alpha: float
    coef: np.ndarray
    errors: np.ndarray

    @classmethod
    def of(cls, alphas, coefs, errors):
        """Return the Choice, given the coefficients at all alphas: columns of one after another."""
        k, count = int(np.argmin(errors)), coefs.shape[1] // len(alphas)
        coef = coefs[:, k * count : (k + 1) * count]
        coef = coef.toarray() if sp.issparse(coef) else coef
        return cls(float(alphas[k]), coef[:, 0] if count == 1 else coef, errors)

    @classmethod
    def of_search(cls, problem, model):
        """Return the Choice of a LogisticRegressionCV with the search_options of the problem."""
        scores = model.scores_[:, 0].mean(axis=0)
        return cls(float(problem.alphas[np.argmax(scores)]), model.coef_[0], -scores)


def save_answer(answer, path):
    """Write a Choice, or coefficients: of a path (sparse or dense), or of several targets."""
    if isinstance(answer, Choice):
        np.savez(path, **answer._asdict())
    elif sp.issparse(answer) or answer.ndim == 2:
        sp.save_npz(path, sp.csc_matrix(answer), compressed=False)
    else:
        np.savez(path, coefs=answer)


def load_answer(path):
    """Read what `save_answer` wrote."""
    with np.load(path) as found:
        if "alpha" in found:
            return Choice(float(found["alpha"]), found["coef"], found["errors"])
        if "coefs" in found:
            return found["coefs"]
    return sp.load_npz(path)


def save_data(folder, problem):
    """Write X and y, which all problems of a family share."""
    if problem.is_sparse:
        sp.save_npz(folder / "X.npz", problem.X, compressed=False)
    else:
        np.save(folder / "X.npy", problem.X)
    np.save(folder / "y.npy", problem.y)


FIT = "fit_intercept", "l2", "learning_rate", "loss", "measure", "omega", "groups"
SETTING = ("alphas", "l1_ratio", "l1_weights", "n_folds", *FIT)


def save_setting(folder, problem):
    """Write y and the other fields of a Problem."""
    np.save(folder / "y.npy", problem.y)
    setting = {name: getattr(problem, name) for name in SETTING}
    text = json.dumps(setting, default=lambda value: value.tolist())
    (folder / "setting.json").write_text(text)


def load(folder):
    """Return the Problem whose data and setting are in the folder."""
    folder = Path(folder)
    if (folder / "X.npz").exists():
        X = sp.csc_matrix(sp.load_npz(folder / "X.npz"))
    else:
        X = np.load(folder / "X.npy")
    setting = json.loads((folder / "setting.json").read_text())
    fields = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in setting.items()
    }
    return Problem(X, np.load(folder / "y.npy"), **fields)
