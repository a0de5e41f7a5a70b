"""python-glmnet with as many jobs as threads."""

from bench.peers.adaptors.cv import glmnet
from bench.peers.adaptors.cv.glmnet import LADDER, solve

__all__ = ["LADDER", "prepare", "solve"]


def prepare(problem, n_threads):
    return glmnet.prepare(problem, n_threads, n_jobs=n_threads)
