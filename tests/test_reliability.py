"""Signals, forks, threads, memory: what must go on working around a fit.

What could hang, crash or disturb other tests runs in a process of its own, which is this file run
as a script with the name of one of the functions under "scripts" below.
"""

import json
import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import count

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from softreg_fast import (
    Design,
    ElasticNet,
    Lasso,
    Ridge,
    effective_n_threads,
    enet_path,
    gradient_descent,
    path,
    solve,
)
from softreg_fast._columns import Columns, build_info
from softreg_fast.threads import SMALLEST_PARALLEL_WORK

OPENMP = build_info()["openmp"]
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork() here")

# A quarter of a second is promised; a busy machine may need longer to run a thread at all.
LONGEST_LATENCY = 1.0


def run_script(name, *arguments, timeout=60, **environment):
    """What a script of this file prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def make(n, p, seed=0, correlation=0.0):
    """Columns in Fortran order, neighbours alike, and a target that some of them make."""
    rng = np.random.default_rng(seed)
    X = rng.random((p, n)).T - 0.5
    if correlation:
        for j in range(1, p):
            X[:, j] += correlation * (X[:, j - 1] - X[:, j])
    w = np.where(rng.random(p) < 0.1, rng.standard_normal(p), 0.0)
    return X, X @ w + 0.1 * rng.standard_normal(n)


def make_sparse(n, p, density=0.02, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, p), density=density, format="csc", rng=seed)
    return X, X @ rng.standard_normal(p) + 0.1 * rng.standard_normal(n)


def digest(fit):
    """Every bit of a result."""
    values = (fit.coef, fit.intercept, fit.gap) if hasattr(fit, "coef") else (fit,)
    return b"".join(np.asarray(value).tobytes() for value in values)
