"""adelie's grpnet with every feature a group of its own; its own early exit switched off."""

import adelie
import numpy as np
import scipy.sparse as sp

LADDER = [1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17]


def prepare(problem, n_threads):
    X = problem.X.astype(np.float64)
    if problem.is_sparse:
        matrix = adelie.matrix.sparse(sp.csc_matrix(X), n_threads=n_threads)
    else:
        matrix = adelie.matrix.dense(np.asfortranarray(X), n_threads=n_threads)
    return problem, matrix, np.asarray(problem.y, dtype=np.float64), n_threads


def solve(prepared, tol):
    problem, matrix, y, n_threads = prepared
    state = adelie.grpnet(
        matrix,
        adelie.glm.gaussian(y),
        alpha=problem.l1_ratio,
        penalty=problem.l1_weights,
        lmda_path=problem.alphas,
        tol=tol,
        early_exit=False,
        adev_tol=1.0,
        progress_bar=False,
        n_threads=n_threads,
        max_iters=10_000_000,
    )
    found = np.asarray(state.lmdas)
    if len(found) != len(problem.alphas):
        raise RuntimeError(f"adelie stopped after {len(found)} of {len(problem.alphas)} alphas")
    return sp.csc_matrix(state.betas.T)
