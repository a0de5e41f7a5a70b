"""The problems of the comparison: made from a seed, or real data where they are at hand."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import PolynomialFeatures

ROOT = Path(__file__).resolve().parents[2]

# Real data; problems whose file is not there are left out, and said to be.
DATA = Path(os.environ.get("SOFTREG_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Family:
    """A problem, how far its path goes, and how much faster than the best package we must be."""

    name: str
    kind: str
    must: float
    aim: float
    make: Callable
    eps: float = 0.01
    file: str = ""

    @property
    def missing(self):
        """The file that is not there, or nothing."""
        return "" if not self.file or (DATA / self.file).exists() else self.file


def factors(n, p, rng):
    """Ten factors with which all columns are strongly correlated, like genes in pathways."""
    X = rng.standard_normal((n, 10)) @ rng.standard_normal((10, p))
    return X + rng.standard_normal((n, p))


def autoregressive(n, p, rho, rng):
    """Neighbouring columns with correlation rho."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1.0 - rho**2) * X[:, j]
    return X


def with_target(X, rng):
    """X in Fortran order, and a target that 50 of its columns make, noise a tenth of the signal."""
    p = X.shape[1]
    w = np.zeros(p)
    w[rng.choice(p, min(50, p // 2), replace=False)] = rng.standard_normal(min(50, p // 2))
    y = X @ w
    return np.asfortranarray(X), y + 0.1 * y.std() * rng.standard_normal(len(y))


def synthetic(build):
    """A maker of (X, y) from a function of a random generator."""
    return lambda: with_target(build(rng := np.random.default_rng(0)), rng)


def dense(name, squares=False):
    """A maker from a dense file; with squares and interactions, if wanted, all of unit variance."""

    def make():
        data = np.load(DATA / f"{name}.npz")
        X, y = data["X"].astype(np.float64), data["y"].astype(np.float64)
        if squares:
            X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0.0, X.std(axis=0), 1.0)
            X = PolynomialFeatures(2, include_bias=False).fit_transform(X)
        spread = X.std(axis=0)
        return np.asfortranarray(X[:, spread > 0.0] / spread[spread > 0.0]), y

    return make


def sparse(name, scaled=False):
    """A maker from a sparse file; y is class 0 against the rest if it has more than two classes."""

    def make():
        X = sp.csc_matrix(sp.load_npz(DATA / f"{name}.X.npz")).astype(np.float64)
        y = np.load(DATA / f"{name}.y.npy")
        if name == "news20_tfidf1":
            y = np.where(y == y.min(), 1.0, -1.0)
        if scaled:
            squares = np.asarray(X.multiply(X).mean(axis=0)).ravel()
            spread = np.sqrt(np.maximum(squares - np.asarray(X.mean(axis=0)).ravel() ** 2, 0.0))
            X = sp.csc_matrix(X @ sp.diags(np.where(spread > 0.0, 1.0 / spread, 0.0)))
        X.sort_indices()
        return X, y.astype(np.float64)

    return make


def _real(name, kind, must, aim, make, suffix=".npz", **options):
    return Family(name, kind, must, aim, make, file=name + suffix, **options)


FAMILIES = [
    Family(
        "factors 200 x 10,000", "wide", 10, 20, synthetic(lambda rng: factors(200, 10_000, rng))
    ),
    Family(
        "AR(0.6) 500 x 20,000",
        "wide",
        3,
        8,
        synthetic(lambda rng: autoregressive(500, 20_000, 0.6, rng)),
    ),
    Family(
        "AR(0.8) 3,000 x 3,000",
        "square",
        5,
        10,
        synthetic(lambda rng: autoregressive(3_000, 3_000, 0.8, rng)),
    ),
    Family(
        "tall 100,000 x 300",
        "tall",
        3,
        5,
        synthetic(lambda rng: rng.standard_normal((100_000, 300))),
    ),
    _real("riboflavin", "real, wide", 6, 15, dense("riboflavin")),
    _real("golub", "real, wide", 6, 15, dense("golub")),
    _real("arcene", "real, wide", 6, 15, dense("arcene")),
    # below a tenth of the largest alpha the fit is saturated
    _real("mice_snp", "real, wide", 6, 15, dense("mice_snp"), eps=0.1),
    _real("trumptweets_logrt", "real, sparse", 4, 10, sparse("trumptweets_logrt"), ".X.npz"),
    _real("news20_tfidf1", "real, sparse", 4, 10, sparse("news20_tfidf1"), ".X.npz"),
    _real("polarity2_tfidf12", "real, sparse", 4, 10, sparse("polarity2_tfidf12"), ".X.npz"),
    _real("nycflights_onehot", "real, sparse", 4, 10, sparse("nycflights_onehot", True), ".X.npz"),
    _real("california_housing", "real, tall", 2, 5, dense("california_housing", squares=True)),
    _real("diamonds", "real, tall", 2, 5, dense("diamonds", squares=True)),
    _real("bikeshare", "real, tall", 2, 5, dense("bikeshare")),
]
