"""Worker processes of the packages, and timing in turn."""

import json
import math
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import numpy as np

from bench.peers.environments import python_of
from bench.timing import LEAST_SECONDS, REST_SECONDS

# A package slower than ours by more than this factor is timed only once.
NO_CONTEST = 30.0


class Worker:
    """A package in its own process, given up after a number of seconds without an answer.

    `adaptor` is the module in bench.peers.adaptors, if its name is not that of the package.
    """

    def __init__(self, package, n_threads, seconds, adaptor=""):
        self.package, self.n_threads, self.seconds = package, n_threads, seconds
        script = Path(__file__).with_name("worker.py")
        threads = {
            name: str(n_threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        }
        settings = (f"{name}={value}" for name, value in threads.items())
        self.process = subprocess.Popen(
            ["env", *settings, python_of(package), script, adaptor or package],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    @property
    def too_slow(self):
        """Error message of a solution that was given up."""
        return f"over {self.seconds:g} s"

    def ask(self, seconds=None, **request):
        """Send a request and return the answer; an error if there is none in time."""
        if self.process.poll() is not None:
            return {"error": "the process has ended"}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        most = seconds or self.seconds
        if not select.select([self.process.stdout], [], [], most)[0]:
            self.close()
            return {"error": f"over {most:g} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process has ended"}

    def close(self):
        """Terminate the process and its children."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def duel(contenders, repeats, most_seconds, once=None):
    """Return pairs of times (ours, rival), measured in turn.

    The contenders are (worker, tolerance); `once` is the time of one run of each, if known.
    """
    times = once or [_seconds(worker, tol, 1) for worker, tol in contenders]
    if None in times:
        return []
    counts = [max(1, math.ceil(LEAST_SECONDS / seconds)) for seconds in times]
    pairs, began = [], time.perf_counter()
    while len(pairs) < repeats:
        pair = [_seconds(*who, count) for who, count in zip(contenders, counts, strict=True)]
        if None in pair:
            break
        pairs.append(pair)
        if pair[1] > NO_CONTEST * pair[0] and pair[1] > 1.0:
            break
        if len(pairs) >= 3 and time.perf_counter() - began > most_seconds:
            break
    return pairs


def _seconds(worker, tol, times):
    time.sleep(REST_SECONDS)
    return worker.ask(tol=tol, times=times).get("seconds")


def fill(row, pairs):
    """Write the medians of pairs of times to a row, and their ratio with its quartiles."""
    if pairs:
        ours, its = np.transpose(pairs)
        row.ours, row.seconds = float(np.median(ours)), float(np.median(its))
        low, row.ratio, high = np.quantile(its / ours, (0.25, 0.5, 0.75)).tolist()
        row.quartiles, row.pairs = (low, high), len(pairs)
