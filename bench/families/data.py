"""Data: generated from a seed, shipped with scikit-learn, or read from files."""

import csv
import os
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

from bench.harness.environments import ROOT
from bench.harness.problem import Problem

# Real data; families whose file is missing are skipped with a message.
DATA = Path(os.environ.get("SOFTREG_DATA", ROOT.parent / "shared" / "data"))


def dense(n, p, rng):
    """Return columns of different scale that share five factors; ten carry the signal."""
    X = np.empty((n, p), order="F")
    factors = rng.standard_normal((n, 5))
    for start in range(0, p, 256):
        block = slice(start, min(start + 256, p))
        width = block.stop - start
        X[:, block] = rng.standard_normal((width, n)).T + 0.5 * (
            factors @ rng.standard_normal((5, width))
        )
        X[:, block] *= rng.uniform(0.5, 2.0, width)
    carriers = rng.choice(p, min(10, p), replace=False)
    y = X[:, carriers] @ rng.choice([-1.0, 1.0], len(carriers))
    y += y.std() * rng.standard_normal(n)
    return X, y - y.mean()


def text(n, p, words, rng):
    """Return documents of `words` words by Zipf's law: 1 + log(count), rows of unit length.

    Words that never occur are dropped, so there may be fewer than p columns.
    """
    frequency = 1.0 / np.arange(1, p + 1)
    heights = np.cumsum(rng.permutation(frequency))
    drawn = np.searchsorted(heights, rng.random(n * words) * heights[-1])
    X = sp.coo_array(
        (np.ones(n * words), (np.repeat(np.arange(n, dtype=np.int32), words), drawn)), (n, p)
    ).tocsc()
    X.sum_duplicates()
    X = X[:, np.flatnonzero(np.diff(X.indptr))]
    X.data = 1.0 + np.log(X.data)
    X = sp.csc_array(sp.diags_array(1.0 / np.sqrt(X.power(2).sum(axis=1))) @ X)
    X.sort_indices()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    frequent = np.argsort(-np.diff(X.indptr))[: max(p // 20, 2)]
    carriers = rng.choice(frequent, min(50, len(frequent)), replace=False)
    y = X[:, carriers] @ rng.standard_normal(len(carriers))
    y += 0.5 * y.std() * rng.standard_normal(n)
    return X, y - y.mean()


def factors(n, p, rng):
    """Return columns strongly correlated with ten factors, like genes in pathways."""
    X = rng.standard_normal((n, 10)) @ rng.standard_normal((10, p))
    return X + rng.standard_normal((n, p))


def autoregressive(n, p, rho, rng):
    """Return columns whose neighbours have correlation rho."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1.0 - rho**2) * X[:, j]
    return X


def with_target(X, rng):
    """Return X in Fortran order and a target from 50 columns, with noise a tenth of the signal."""
    p = X.shape[1]
    w = np.zeros(p)
    w[rng.choice(p, min(50, p // 2), replace=False)] = rng.standard_normal(min(50, p // 2))
    y = X @ w
    return np.asfortranarray(X), y + 0.1 * y.std() * rng.standard_normal(len(y))


def synthetic(build):
    """Return a function that makes a Problem from a function of a random generator."""
    return lambda: Problem(*with_target(build(rng := np.random.default_rng(0)), rng))


def dense_file(name, squares=False, scaled=True):
    """Return a function that reads a dense file into a Problem, without constant columns.

    `squares` adds squares and interactions; `scaled` divides the columns by their standard
    deviations.
    """

    def make():
        data = np.load(DATA / f"{name}.npz")
        X, y = data["X"].astype(np.float64), data["y"].astype(np.float64)
        if squares:
            X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0.0, X.std(axis=0), 1.0)
            X = PolynomialFeatures(2, include_bias=False).fit_transform(X)
        spread = X.std(axis=0)
        varying = spread > 0.0
        X = X[:, varying] / spread[varying] if scaled else X[:, varying]
        return Problem(np.asfortranarray(X), y)

    return make


def sparse_file(name, scaled=False, first=False):
    """Return a function that reads a sparse file into a Problem.

    `scaled` divides the columns by their standard deviations.  With `first`, y becomes
    the first class against the rest.
    """

    def make():
        X = sp.csc_matrix(sp.load_npz(DATA / f"{name}.X.npz")).astype(np.float64)
        y = np.load(DATA / f"{name}.y.npy")
        if first:
            y = np.where(y == y.min(), 1.0, -1.0)
        if scaled:
            squares = np.asarray(X.multiply(X).mean(axis=0)).ravel()
            spread = np.sqrt(np.maximum(squares - np.asarray(X.mean(axis=0)).ravel() ** 2, 0.0))
            X = sp.csc_matrix(X @ sp.diags(np.where(spread > 0.0, 1.0 / spread, 0.0)))
        X.sort_indices()
        return Problem(X, y.astype(np.float64))

    return make


def survival_file(name, time, event, columns):
    """Return a function that reads a table of survival times into a Problem.

    `columns` is a function that tells whether a column is a feature.
    """

    def make():
        with open(DATA / "survival" / f"{name}.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        chosen = [column for column in rows[0] if columns(column)]
        X = np.array([[float(row[column]) for column in chosen] for row in rows])
        y = np.array([[float(row[time]), float(row[event])] for row in rows])
        return Problem(np.asfortranarray(X), y)

    return make


def diabetes():
    """Return scikit-learn's diabetes data."""
    X, y = load_diabetes(return_X_y=True)
    return Problem(np.asfortranarray(X), y)


def documents(n, p, words):
    """Return a function that makes a Problem of documents; see `text`."""
    return lambda: Problem(*text(n, p, words, np.random.default_rng(0)))
