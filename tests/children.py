"""Scripts in processes of their own, for what could hang, crash or disturb other tests.

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
import time

import numpy as np
import scipy.sparse as sp


def run_script(file, name, *arguments, timeout=60, **environment):
    """What script_NAME of a test file prints last, as JSON."""
    command = [sys.executable, file, name, str(timeout - 5), *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def main(names):
    """Run the script that the command line names; should it hang: say where, and fail."""
    script, longest, *rest = sys.argv[1:]
    faulthandler.enable()
    faulthandler.dump_traceback_later(float(longest), exit=True)
    names[f"script_{script}"](*rest)
    faulthandler.cancel_dump_traceback_later()


def make(n, p, seed=0, correlation=0.0):
    """Columns in Fortran order, neighbours alike, and a target that some of them make."""
    rng = np.random.default_rng(seed)
    X = rng.random((p, n)).T - 0.5
    if correlation:
        for j in range(1, p):
            X[:, j] += correlation * (X[:, j - 1] - X[:, j])
    w = np.where(rng.random(p) < 0.1, rng.standard_normal(p), 0.0)
    return X, X @ w + 0.1 * rng.standard_normal(n)


def make_sparse(n, p, per_column=20, seed=0):
    """The same with about so many entries in every column, as CSC."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, n, p * per_column)
    columns = np.repeat(np.arange(p), per_column)
    X = sp.csc_array((rng.standard_normal(p * per_column), (rows, columns)), shape=(n, p))
    return X, X @ rng.standard_normal(p) + 0.1 * rng.standard_normal(n)


def digest(fit):
    """Every bit of a result."""
    values = (fit.coef, fit.intercept, fit.gap) if hasattr(fit, "coef") else (fit,)
    return b"".join(np.asarray(value).tobytes() for value in values)


def resident():
    """Resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE / 2**20


def forget_the_peak():
    """Let `peak_resident` begin again with what is in use now: that, in MiB."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return resident()


def peak_resident():
    """Peak resident memory of this process in MiB since that was forgotten.

    (getrusage would count what the parent had before this program began in its place.)
    """
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# A process of its own: a call that holds the GIL would hold up a thread that sends the signal.
SENDER = """
import os, sys, time
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
print(time.monotonic(), file=sys.stderr, flush=True)
os.kill(int(sys.argv[1]), 2)
"""


def latency_of(call, delay):
    """Seconds from SIGINT, sent so long into endless repetitions of a call, to the error."""
    command = [sys.executable, "-S", "-c", SENDER, str(os.getpid()), str(delay)]
    pipe = subprocess.PIPE
    try:
        sender = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        sender.stdout.readline()  # which the signal may end, too
        while True:
            call()
    except KeyboardInterrupt:
        ended = time.monotonic()
    return ended - float(sender.communicate()[1])


def in_child(work, limit=10):
    """Whether work() is true in a child made by fork(), or "hangs" after so many seconds."""
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
