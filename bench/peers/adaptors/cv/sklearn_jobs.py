"""scikit-learn's LassoCV with as many jobs as threads."""

from bench.peers.adaptors.cv import sklearn
from bench.peers.adaptors.cv.sklearn import LADDER, solve

__all__ = ["LADDER", "prepare", "solve"]


def prepare(problem, n_threads):
    return sklearn.prepare(problem, n_threads, n_jobs=n_threads)
