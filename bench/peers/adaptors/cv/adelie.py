"""adelie's cv_grpnet, which draws its folds itself, and the fit to all samples that it leaves."""

from dataclasses import dataclass

import adelie
import numpy as np

from bench.peers.adaptors import adelie as paths
from bench.peers.problem import SEED, Choice, Problem

LADDER = [1e-7]


@dataclass
class Prepared:
    """X and y as adelie wants them, and the mean squares of the test targets."""

    problem: Problem
    matrix: object
    target: object
    n_threads: int
    square: float


def prepare(problem, n_threads):
    _, matrix, y, _ = paths.prepare(problem, n_threads)
    squares = [np.mean(y[problem.fold_of == k] ** 2) for k in range(problem.n_folds)]
    return Prepared(problem, matrix, adelie.glm.gaussian(y), n_threads, np.mean(squares))


def solve(prepared, tol):
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
