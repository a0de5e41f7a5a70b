"""Helpers for tests in separate processes, which could hang, crash or disturb other tests.

A test file calls `run_script(__file__, name)`, which runs it as a program, and ends with

    if __name__ == "__main__":
        main(globals())

so that its function `script_NAME` does the work and prints the result as JSON.
"""

import faulthandler
import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from softreg_fast import Lasso, solve

# Large enough for two threads, small enough to be quick.
PARALLEL_SHAPE = 6000, 150


def run_script(file, name, *arguments, timeout=60, **environment):
    """Run script_NAME of a test file; return the JSON that it prints last."""
    command = [sys.executable, file, name, str(timeout - 5), *map(str, arguments)]
    path = [os.path.dirname(__file__), os.environ.get("PYTHONPATH")]  # this module is found there
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), **environment},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def main(names):
    """Run the script named on the command line; if it hangs, print the stack and fail."""
    script, longest, *rest = sys.argv[1:]
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(longest), exit=True)
    names[f"script_{script}"](*rest)
    faulthandler.cancel_dump_traceback_later()


def make(n, p, seed=0, correlation=0.0):
    """Return correlated columns in Fortran order, and a target that depends on some of them."""
    rng = np.random.default_rng(seed)
    X = rng.random((p, n)).T - 0.5
    if correlation:
        for j in range(1, p):
            X[:, j] += correlation * (X[:, j - 1] - X[:, j])
    w = np.where(rng.random(p) < 0.1, rng.standard_normal(p), 0.0)
    return X, X @ w + 0.1 * rng.standard_normal(n)


def make_sparse(n, p, per_column=20, seed=0):
    """Return the like as CSC with about `per_column` entries in every column."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, n, p * per_column)
    columns = np.repeat(np.arange(p), per_column)
    X = sp.csc_array((rng.standard_normal(p * per_column), (rows, columns)), shape=(n, p))
    return X, X @ rng.standard_normal(p) + 0.1 * rng.standard_normal(n)


def digest(fit):
    """Return a digest of every bit of a result."""
    values = (fit.coef, fit.intercept, fit.gap) if hasattr(fit, "coef") else (fit,)
    return b"".join(np.asarray(value).tobytes() for value in values)


def several_fits(n_threads=2):
    """Return the digests of several solvers' results."""
    X, y = make(*PARALLEL_SHAPE)
    S, z = make_sparse(4000, 4500, 200)
    return [
        digest(solve(X, y, alpha=1e-3, precompute=False, n_threads=n_threads)),
        digest(solve(X, y, alpha=1e-3, precompute=True, n_threads=n_threads)),
        digest(solve(S, z, alpha=0.3, tol=1e-3, n_threads=n_threads)),
        digest(solve(X, y, l2=1e-3, solver="cg", n_threads=n_threads)),
        digest(solve(X, y, l2=1e-3, solver="cholesky", n_threads=n_threads)),
        digest(Lasso(alpha=1e-3, n_threads=n_threads).fit(X, y).coef_),
    ]


def at_once(calls):
    """Return the results of calls that start at the same moment, each in its own thread."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait(20.0)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def resident():
    """Return the resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE / 2**20


def forget_the_peak():
    """Reset `peak_resident` to the memory in use now; return that, in MiB."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return resident()


def peak_resident():
    """Return the peak resident memory of this process in MiB since `forget_the_peak`.

    (getrusage would include the parent's memory before exec.)
    """
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# A separate process: a call that holds the GIL would block a thread that sends the signal.
SENDER = """
import os, sys, time
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
print(time.monotonic(), file=sys.stderr, flush=True)
os.kill(int(sys.argv[1]), 2)
"""


def latency_of(call, delay):
    """Return the seconds from SIGINT, `delay` into endless repetitions of a call, to the error."""
    command = [sys.executable, "-S", "-c", SENDER, str(os.getpid()), str(delay)]
    pipe = subprocess.PIPE
    try:
        sender = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        sender.stdout.readline()  # the signal may interrupt this, too
        while True:
            call()
    except KeyboardInterrupt:
        ended = time.monotonic()
    return ended - float(sender.communicate()[1])


def in_child(work, limit=10):
    """Return whether work() is true in a forked child, or "hangs" after `limit` seconds."""
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    for _ in range(int(limit / 0.02)):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hangs"
