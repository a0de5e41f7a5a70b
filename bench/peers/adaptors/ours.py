"""softreg_fast: one tolerance, since every alpha ends with a Newton step on its support."""

import softreg_fast

LADDER = [1e-3, 1e-6]


def prepare(X, y, alphas, n_threads):
    return X, y, alphas, n_threads


def path(prepared, tol):
    X, y, alphas, n_threads = prepared
    return softreg_fast.path(X, y, alphas=alphas, tol=tol, n_threads=n_threads).coefs
