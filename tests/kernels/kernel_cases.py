"""Matrices of every kind, penalties, and comparisons for the tests of compiled modules.

These tests use only the compiled modules and Design, so that they can also test a build with bounds
checks.
"""

from typing import NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from oracles import INF, LD

from softreg_fast.kernels._columns import Columns

KINDS = {
    "dense float64": (np.float64, None),
    "dense float32": (np.float32, None),
    "csc float64 int32": (np.float64, np.int32),
    "csc float64 int64": (np.float64, np.int64),
    "csc float32 int32": (np.float32, np.int32),
    "csc float32 int64": (np.float32, np.int64),
}


each_kind = pytest.mark.parametrize("kind", KINDS)


each_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


class Csc(NamedTuple):
    """The parts of a sparse matrix that Columns takes."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple


class Case(NamedTuple):
    """Columns and the matrix they represent: C = scale (X - center), with sample weights s."""

    columns: Columns
    C: np.ndarray
    s: np.ndarray
    sparse: bool

    def weighted_residual(self, r, constant=0.0):
        """Return a residual as kernels store it; for sparse X a constant may be separate."""
        constant = LD(constant if self.sparse else 0.0)
        return np.append(self.s * (r - constant), constant).astype(np.float64)

    def random_residual(self, rng):
        """Return (v, r) with sum_i s_i r_i = 0, as in models with an intercept."""
        r = rng.standard_normal(len(self.s)).astype(LD)
        r -= self.s @ r / self.s.sum()
        return self.weighted_residual(r, rng.standard_normal()), r

    def residual_of(self, v):
        """Return the r of a stored v where the weights are positive; 0 elsewhere."""
        s = np.where(self.s > 0, self.s, 1)
        return np.where(self.s > 0, v[:-1] / s + v[-1] * self.sparse, 0)


def as_kind(X, kind):
    """Convert X to what Columns accepts, with the element and index types of a kind."""
    dtype, index = KINDS[kind]
    if index is None:
        return np.asfortranarray(X, dtype)
    X = sp.csc_array(X.astype(dtype))
    return Csc(X.data, X.indices.astype(index), X.indptr.astype(np.int64), X.shape)


def make_weights(rng, n, weighted):
    """Return sample weights, some of them 0, or None."""
    return rng.choice([0.0, 0.3, 1.0, 2.0], n) + (np.arange(n) < 2) if weighted else None


def make_case(rng, kind, n=23, p=9, weighted=True):
    sparse = KINDS[kind][1] is not None
    X = rng.standard_normal((n, p)) + 0.5
    if sparse:
        X[:, 1:] *= rng.random((n, p - 1)) < 0.5  # column 0 has no implicit zeros
    weight = make_weights(rng, n, weighted)
    s = np.ones(n, LD) if weight is None else weight.astype(LD)
    exact = X.astype(KINDS[kind][0]).astype(LD)
    center = (s @ exact / s.sum()).astype(np.float64)
    scale = rng.uniform(0.5, 2.0, p)
    columns = Columns(as_kind(X, kind), center, scale, weight)
    return Case(columns, scale * (exact - center), s, sparse)


def assert_close(actual, desired, size, ulps=64):
    """Compare float64 sums whose terms have the total magnitude `size`."""
    error = np.abs(np.asarray(actual, LD) - desired)
    assert np.all(error <= ulps * np.finfo(float).eps * size), float(np.max(error))


def per_thread(compute):
    """Return compute(n_threads), which must agree to the last bit for 1, 2 and 3 threads."""
    results = [compute(n_threads) for n_threads in (1, 2, 3)]
    for other in results[1:]:
        assert_array_equal(other, results[0])
    return results[0]


BOXES = {
    "free": (-INF, INF),
    "positive": (0.0, INF),
    "box": (-0.05, 0.1),
    "box without 0": (0.02, 0.08),
    "excluded": (0.0, 0.0),
}


def make_penalty(rng, p, box):
    """Return (l1, l2, lower, upper), where some features lack one part of the penalty."""
    l1 = rng.uniform(0.0, 3.0, p) * (rng.random(p) < 0.8)
    l2 = rng.uniform(0.0, 3.0, p) * (rng.random(p) < 0.8)
    lower, upper = BOXES[box]
    return l1, l2, np.full(p, lower), np.full(p, upper)


class StrangeColumns:
    """An object whose `capsule` is not a capsule."""

    capsule = "not a capsule"
