"""R's cv.glmnet."""

from bench.peers.adaptors import rglmnet
from bench.peers.adaptors.rglmnet import prepare
from bench.peers.problem import Choice

__all__ = ["LADDER", "prepare", "timed"]

LADDER = [1e-7]


def timed(prepared, tol, times):
    """(choice, seconds of once by R's clock)."""
    coefs, seconds = rglmnet.timed(prepared, tol, times)
    return Choice.of(prepared.alphas, coefs, rglmnet.errors_of(prepared)), seconds
