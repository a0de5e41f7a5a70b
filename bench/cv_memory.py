"""Peak memory of LassoCV beyond its problem, in bytes: python -m bench.cv_memory FOLDER.

Prints nothing on systems without /proc.
"""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.adaptors import with_softreg_fast as ours
from bench.harness.problem import Problem, load

N_THREADS = 2


def kibibytes(name):
    """Return an entry of /proc/self/status, such as VmHWM, the peak resident set."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)


def warm_up():
    """Run everything that is loaded and allocated once per process."""
    rng = np.random.default_rng(0)
    X, alphas = np.asfortranarray(rng.standard_normal((50, 200))), np.geomspace(0.5, 0.1, 5)
    small = Problem(X, X[:, 0] + rng.standard_normal(50), alphas, n_folds=5)
    ours.choose(ours.prepare_cv(small, N_THREADS), ours.CV_TOL)


def main():
    """Measure and print the peak."""
    problem = load(sys.argv[1])
    warm_up()
    prepared = ours.prepare_cv(problem, N_THREADS)
    try:
        with suppress(PermissionError):  # then VmHWM is the peak since the process began
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = kibibytes("VmRSS")
    except (FileNotFoundError, KeyError):
        return
    ours.fit_cv(prepared, ours.CV_TOL)
    print(1024 * (kibibytes("VmHWM") - before))


if __name__ == "__main__":
    main()
