"""R's glmnet, in a process of R's own that times itself; data and coefficients go through files.

With folds it is cv.glmnet.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bench.harness.problem import Choice
from bench.harness.task import Solver

FAMILIES = {
    "squared": "gaussian",
    "logistic": "binomial",
    "poisson": "poisson",
    "cox": "cox",
    "multinomial": "multinomial",
    "grouped multinomial": "multinomial",
}
LADDER = (1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17)
LOSS_LADDER = tuple(10.0**-k for k in range(5, 15))


@dataclass
class Prepared:
    """The problem's shape and the folder of its files, which the process has read last."""

    shape: tuple
    alphas: np.ndarray
    n_outputs: int
    folder: tempfile.TemporaryDirectory


@cache
def process():
    """Return the process of R, one for all problems."""
    return subprocess.Popen(
        ["Rscript", "--vanilla", Path(__file__).with_suffix(".R")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def prepare(problem, n_threads):
    squared = problem.loss == "squared"
    if squared and problem.l1_ratio != 1.0 and abs(problem.y.std() - 1.0) > 1e-9:
        raise NotImplementedError("its elastic net is the same only for a y of unit variance")
    folder = tempfile.TemporaryDirectory()
    X, p = problem.X, problem.X.shape[1]
    weights = np.ones(p) if problem.l1_weights is None else problem.l1_weights
    files = {
        "shape": np.array(X.shape, np.int32),
        "y": np.asarray(problem.y, np.float64).ravel(order="F"),
        # it scales the weights to a sum of n_features
        "lambda": problem.alphas * weights.mean(),
        "factors": weights,
        "ratio": np.array([problem.l1_ratio]),
    }
    if problem.n_folds:
        files["folds"] = problem.fold_of.astype(np.int32) + 1
    if problem.is_sparse:
        files |= {"indptr": X.indptr.astype(np.int32), "indices": X.indices.astype(np.int32)}
        files["data"] = X.data.astype(np.float64)
    else:
        files["data"] = X.astype(np.float64).ravel(order="F")
    kind = "grouped" if problem.loss.startswith("grouped") else "ungrouped"
    measure = "mse" if problem.loss == "squared" else problem.measure
    words = FAMILIES[problem.loss], kind, measure
    (Path(folder.name) / "family.txt").write_text("\n".join(words) + "\n")
    for name, values in files.items():
        values.tofile(Path(folder.name) / f"{name}.bin")
    if _ask(f"load {folder.name}") != ["ready"]:
        raise RuntimeError("Rscript has not read the problem")
    return Prepared(X.shape, problem.alphas, problem.n_outputs, folder)


def path(prepared, tol, times):
    """Return (coefficients, wall and processor seconds of one path by R's clock)."""
    answer = _ask(f"solve {tol} {times}")
    if len(answer) != 3 or int(answer[2]) != len(prepared.alphas):
        raise RuntimeError(f"glmnet stopped early: {answer}")
    names = {"p": np.int32, "i": np.int32, "x": np.float64}
    folder = Path(prepared.folder.name)
    parts = {name: np.fromfile(folder / f"coef_{name}.bin", kind) for name, kind in names.items()}
    n_alphas, count = len(prepared.alphas), prepared.n_outputs
    shape = prepared.shape[1], n_alphas * count
    coefs = sp.csc_matrix((parts["x"], parts["i"], parts["p"]), shape)
    if count > 1:
        coefs = coefs[:, np.arange(n_alphas * count).reshape(count, n_alphas).T.ravel()]
    return coefs, float(answer[0]), float(answer[1])


def choose(prepared, tol, times):
    """Return (choice, wall and processor seconds of one cross-validation by R's clock)."""
    coefs, *seconds = path(prepared, tol, times)
    errors = np.fromfile(Path(prepared.folder.name) / "errors.bin")
    return Choice.of(prepared.alphas, coefs, errors), *seconds


def _ask(line):
    print(line, file=process().stdin, flush=True)
    return process().stdout.readline().split()


SOLVERS = dict.fromkeys(("path", "fit"), Solver(prepare, None, LADDER, timed=path))
LOSS = Solver(prepare, None, LOSS_LADDER, timed=path)
SOLVERS |= {"loss path": LOSS, "loss fit": LOSS}
SOLVERS["cv"] = Solver(prepare, None, (1e-7,), timed=choose)
SOLVERS["loss cv"] = Solver(prepare, None, LOSS_LADDER, timed=choose)
