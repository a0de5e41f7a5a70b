"""Families of data for paths, fits and cross-validation, and the expected speeds."""

from bench.families.data import (
    autoregressive,
    dense_file,
    diabetes,
    documents,
    factors,
    sparse_file,
    synthetic,
)
from bench.families.family import Family


def generated(name, kind, build, must, aim):
    return Family(name, kind, synthetic(build), must, aim)


def dense(name, kind, must, aim, squares=False, **options):
    make = dense_file(name, squares)
    return Family(name, f"real, {kind}", make, must, aim, file=f"{name}.npz", **options)


def sparse(name, must, aim, **options):
    make = sparse_file(name, **options)
    return Family(name, "real, sparse", make, must, aim, file=f"{name}.X.npz")


FAMILIES = [
    generated("factors 200 x 10,000", "wide", lambda g: factors(200, 10_000, g), 10, 20),
    generated("AR(0.6) 500 x 20,000", "wide", lambda g: autoregressive(500, 20_000, 0.6, g), 3, 8),
    generated(
        "AR(0.8) 3,000 x 3,000", "square", lambda g: autoregressive(3_000, 3_000, 0.8, g), 5, 10
    ),
    generated("tall 100,000 x 300", "tall", lambda g: g.standard_normal((100_000, 300)), 3, 5),
    Family("text 20,000 x 100,000", "sparse", documents(20_000, 100_000, 100), 3, 8),
    Family("tiny 442 x 10", "tiny", diabetes, 0.7, 1.5, fit_rival="sklearn"),
    dense("riboflavin", "wide", 6, 15),
    dense("golub", "wide", 6, 15),
    dense("arcene", "wide", 6, 15),
    dense("mice_snp", "wide", 6, 15, least=0.1),
    sparse("trumptweets_logrt", 4, 10),
    sparse("news20_tfidf1", 4, 10, first=True),
    sparse("polarity2_tfidf12", 4, 10),
    sparse("nycflights_onehot", 4, 10, scaled=True),
    dense("california_housing", "tall", 2, 5, squares=True),
    dense("diamonds", "tall", 2, 5, squares=True),
    dense("bikeshare", "tall", 2, 5),
]
