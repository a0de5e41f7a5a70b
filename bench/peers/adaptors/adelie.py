"""adelie's grpnet with every feature a group of its own; its own early exit switched off."""

import adelie
import numpy as np
import scipy.sparse as sp

LADDER = [1e-5, 1e-7, 1e-9, 1e-11, 1e-13, 1e-15, 1e-17]


def prepare(X, y, alphas, n_threads):
    if sp.issparse(X):
        matrix = adelie.matrix.sparse(sp.csc_matrix(X).astype(np.float64), n_threads=n_threads)
    else:
        matrix = adelie.matrix.dense(np.asfortranarray(X, dtype=np.float64), n_threads=n_threads)
    return matrix, np.asarray(y, dtype=np.float64), alphas, n_threads


def path(prepared, tol):
    matrix, y, alphas, n_threads = prepared
    state = adelie.grpnet(
        matrix,
        adelie.glm.gaussian(y),
        lmda_path=alphas,
        tol=tol,
        early_exit=False,
        adev_tol=1.0,
        progress_bar=False,
        n_threads=n_threads,
        max_iters=10_000_000,
    )
    found = np.asarray(state.lmdas)
    if len(found) != len(alphas):
        raise RuntimeError(f"adelie stopped after {len(found)} of {len(alphas)} alphas")
    return sp.csc_matrix(state.betas.T)
