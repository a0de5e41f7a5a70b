"""adelie's grpnet with every feature a group of its own; its own early exit switched off.

In cross-validation, cv_grpnet, which draws its folds itself, and the fit to all samples that it
leaves to the user.
"""

from dataclasses import dataclass

import adelie
import numpy as np
import scipy.sparse as sp

from bench.harness.problem import SEED, Choice, Problem
from bench.harness.task import Solver


def _survival(y):
    time, event = (np.ascontiguousarray(column) for column in y.T)
    return adelie.glm.cox(np.full(len(y), -1.0), time, event, tie_method="breslow")


def _classes(y):
    return adelie.glm.multinomial((y[:, None] == np.unique(y)).astype(np.float64))


TARGETS = {
    "squared": adelie.glm.gaussian,
    "logistic": adelie.glm.binomial,
    "poisson": adelie.glm.poisson,
    "cox": _survival,
    "grouped multinomial": _classes,
}
LADDER = (1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17)
LOSS_LADDER = tuple(10.0**-k for k in range(5, 15))


def matrix_of(X, n_threads):
    if sp.issparse(X):
        return adelie.matrix.sparse(sp.csc_matrix(X), n_threads=n_threads)
    return adelie.matrix.dense(np.asfortranarray(X), n_threads=n_threads)


def prepare(problem, n_threads):
    if problem.loss not in TARGETS:
        raise NotImplementedError("grouped only")
    matrix = matrix_of(problem.X.astype(np.float64), n_threads)
    return problem, matrix, np.asarray(problem.y, dtype=np.float64), n_threads


def path(prepared, tol):
    problem, matrix, y, n_threads = prepared
    # its loss of several classes is divided by their number
    count, weights = problem.n_outputs, problem.l1_weights
    state = adelie.grpnet(
        matrix,
        TARGETS[problem.loss](y),
        alpha=problem.l1_ratio,
        penalty=np.ones(problem.shape[1]) if weights is None else weights,
        lmda_path=problem.alphas / count,
        tol=tol,
        irls_tol=tol,
        intercept=problem.fit_intercept,
        early_exit=False,
        adev_tol=1.0,
        progress_bar=False,
        n_threads=n_threads,
        max_iters=10_000_000,
    )
    found = np.asarray(state.lmdas)
    if len(found) != len(problem.alphas):
        raise RuntimeError(f"adelie stopped after {len(found)} of {len(problem.alphas)} alphas")
    if count == 1:
        return sp.csc_matrix(state.betas.T)
    coefs = state.betas.toarray().reshape(len(found), -1, count)
    return sp.csc_matrix(coefs.transpose(1, 0, 2).reshape(-1, len(found) * count))


@dataclass
class Folded:
    """X and y as adelie takes them, and the mean squares of the test targets."""

    problem: Problem
    matrix: object
    target: object
    n_threads: int
    square: float


def prepare_cv(problem, n_threads):
    _, matrix, y, _ = prepare(problem, n_threads)
    squares = [np.mean(y[problem.fold_of == k] ** 2) for k in range(problem.n_folds)]
    return Folded(problem, matrix, adelie.glm.gaussian(y), n_threads, np.mean(squares))


def choose(prepared, tol):
    alphas = prepared.problem.alphas
    options = {"tol": tol, "n_threads": prepared.n_threads, "progress_bar": False}
    options |= {"adev_tol": 1.0, "max_iters": 10_000_000}
    found = adelie.cv_grpnet(
        prepared.matrix,
        prepared.target,
        min_ratio=alphas[-1] / alphas[0],
        lmda_path_size=len(alphas),
        n_folds=prepared.problem.n_folds,
        seed=SEED,
        **options,
    )
    model = found.fit(prepared.matrix, prepared.target, **options)
    # its loss is half the squared error less half the squared target
    errors = 2.0 * found.avg_losses + prepared.square
    return Choice(model.lmdas[-1], model.betas[-1].toarray().ravel(), errors)


def prepare_groups(problem, n_threads):
    """Return X with the columns of each group side by side, the groups' starts, the way back."""
    if problem.omega not in ("groups", "logistic groups"):
        raise NotImplementedError("no such penalty")
    _, of = np.unique(problem.groups, return_inverse=True)
    order = np.argsort(of, kind="stable")
    matrix = matrix_of(problem.X[:, order], n_threads)
    starts = np.concatenate([[0], np.cumsum(np.bincount(of))])[:-1]
    return problem, matrix, starts, np.argsort(order), n_threads


def group_path(prepared, tol):
    problem, matrix, starts, back, n_threads = prepared
    # Newton's models of other losses are fitted as exactly as the whole
    more = {} if problem.loss == "squared" else {"irls_tol": tol}
    state = adelie.grpnet(
        matrix,
        TARGETS[problem.loss](np.asarray(problem.y, dtype=np.float64)),
        groups=starts,
        lmda_path=problem.alphas,
        tol=tol,
        early_exit=False,
        adev_tol=1.0,
        progress_bar=False,
        n_threads=n_threads,
        max_iters=10_000_000,
        **more,
    )
    if len(state.lmdas) != len(problem.alphas):
        raise RuntimeError(f"adelie stopped after {len(state.lmdas)} alphas")
    return sp.csc_matrix(state.betas.T)[back]


SOLVERS = dict.fromkeys(("path", "fit"), Solver(prepare, path, LADDER))
LOSS = Solver(prepare, path, LOSS_LADDER)
SOLVERS |= {"loss path": LOSS, "loss fit": LOSS}
SOLVERS["penalty path"] = Solver(prepare_groups, group_path, LADDER)
SOLVERS["cv"] = Solver(prepare_cv, choose, (1e-7,))
