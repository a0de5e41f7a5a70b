"""Small tables and files for tests of the command line, and how to read what it wrote."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

NAMES = ["rooms", "age", "tax, yearly", "distance"]


def table(n=30, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, len(NAMES)))
    y = X @ [2.0, -1.0, 0.0, 0.5] + 3.0 + 0.1 * rng.standard_normal(n)
    return X, y


def write_csv(name, header, rows, delimiter=","):
    with open(name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)


def write_table(name="data.csv", delimiter=","):
    X, y = table()
    rows = [[*map(repr, row), repr(t)] for row, t in zip(X.tolist(), y.tolist(), strict=True)]
    write_csv(name, [*NAMES, "price"], rows, delimiter)
    return X, y


def pandas_with_parquet():
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError as error:  # also from a pyarrow that needs a newer NumPy
        pytest.skip(str(error))
    return pandas


def read_numbers(name):
    with open(name, encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], np.array(rows[1:], dtype=float)


def file_with(content, name="data.csv"):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def text_of(name):
    return Path(name).read_text(encoding="utf-8")


def files():
    return sorted(os.listdir("."))


def sparse_table(dtype=np.float64):
    rng = np.random.default_rng(1)
    X = sp.csr_array((rng.random((60, 25)) * (rng.random((60, 25)) < 0.2)).astype(dtype))
    return X, np.asarray(X.sum(axis=1)).ravel().astype(float) + 5.0 * X.toarray()[:, 3]


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def written(frame, name="data.parquet", **options):
    pytest.importorskip("pyarrow")
    frame.to_parquet(name, **options)
    return name


def process(*argv, **options):
    return subprocess.run(
        [sys.executable, "-m", "softreg_fast", *argv],
        capture_output=True, text=True, timeout=60, check=False, **options,
    )  # fmt: skip
