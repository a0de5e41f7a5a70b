"""Worker processes of the packages, and comparisons of their times with ours."""

import json
import math
import os
import select
import signal
import subprocess
import time
from pathlib import Path

from bench.harness import timing
from bench.harness.environments import python_of
from bench.harness.judge import worst_gap
from bench.harness.problem import load_answer

# A package slower than ours by more than this factor is timed only once.
NO_CONTEST = 30.0

# Seconds between two looks at a worker that is at work.
POLL = 0.25

# Most wall time for a limit of processor time, in multiples of it.
SHARE = 5.0

# Longest wait for a worker to read its problem and compile.
LOADING = 300.0


class Worker:
    """Package in its own process, ended if it does not answer within a number of seconds.

    It solves problems of a `kind`, as the package's adaptor says; another one from the next problem
    on if that is changed.  `build` is a checkout of
    softreg_fast to be used instead of this one.  Seconds are of wall time, or with `by_processor`
    of processor time, with more wall time by a factor.
    """

    def __init__(self, package, kind, n_threads, seconds, build=None, by_processor=False):
        self.package, self.n_threads, self.seconds = package, n_threads, seconds
        self.kind, self.by_processor = kind, by_processor
        self.stopped = {}  # times of a run that was too slow, until it was stopped
        script = Path(__file__).with_name("serve.py")
        settings = {
            name: str(n_threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        }
        if build:
            settings["SOFTREG_BUILD"] = str(build)
        self.process = subprocess.Popen(
            [python_of(package), script, package, kind],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def too_slow(self):
        """Error message of a solution that took too long."""
        return f"over {self.seconds:g} s"

    def load(self, folder):
        """Read the problem in a folder; return {"ladder": tolerances, ...}, or an error."""
        request = {"load": str(folder), "n_threads": self.n_threads, "kind": self.kind}
        answer = self.ask(seconds=LOADING, **request)
        self.stopped = {}  # that was no run
        return answer

    def solve(self, tol, folder):
        """Return (answer, seconds), or (None, error); the answer is stored in the folder."""
        saved = folder / f"{self.package}.npz"
        found = self.ask(tol=tol, save=str(saved))
        if "error" in found:
            return None, found["error"]
        return load_answer(saved), found["seconds"]

    def sampler(self, tol, count=1):
        """Return a sampler of the times of one of `count` runs; None if there is no answer.

        The times are {"seconds": wall time, "processor": processor time}.
        """

        def sample():
            times = self.ask(tol=tol, times=count)
            return times if "seconds" in times else None

        return timing.rested(sample)

    def ask(self, seconds=None, **request):
        """Send a request and return the answer; an error if there is none in time."""
        if self.process.poll() is not None:
            return {"error": "the process has ended"}
        most = seconds or self.seconds
        began, before = time.perf_counter(), processor_seconds(self.process.pid)
        print(json.dumps(request), file=self.process.stdin, flush=True)
        while not select.select([self.process.stdout], [], [], min(most, POLL))[0]:
            wall = time.perf_counter() - began
            spent = processor_seconds(self.process.pid) - before
            if wall < most or (self.by_processor and spent < most and wall < SHARE * most):
                continue
            self.stopped = {"seconds": wall, "processor": spent}
            self.close()
            return {"error": f"over {most:g} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process has ended"}

    def close(self):
        """Terminate the process and its children."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def processor_seconds(group):
    """Return the processor time of all processes of a group; 0 where there is no /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else 0.0


def climb(worker, problem, targets, folder, judge=worst_gap):
    """Return {target: (tol, gap) of the loosest tolerance that meets it}, all points, a note.

    `judge(problem, answer)` returns the gap.
    """
    answer = worker.load(folder)
    # warm up: the first run of a process is slower
    if "error" not in answer:
        answer |= worker.ask(tol=answer["ladder"][0])
    if "error" in answer:
        return {}, [], answer["error"]
    reached, points = {}, []
    for tol in answer["ladder"]:
        W, seconds = worker.solve(tol, folder)
        if W is None:
            return reached, points, seconds
        gap = judge(problem, W)
        points.append((seconds, gap))
        reached = {target: (tol, gap) for target in targets if gap <= target} | reached
        if len(reached) == len(targets):
            break
    return reached, points, "" if reached else f"gap {points[-1][1]:.0e} at the strictest tolerance"


def pairs_of(contenders, repeats, most_seconds, once=None):
    """Return pairs of seconds (ours, the package's), measured in turn; see `rounds_of`."""
    rounds = rounds_of(contenders, repeats, most_seconds, once)
    return [[times["seconds"] for times in round_] for round_ in rounds]


def rounds_of(contenders, repeats, most_seconds, once=None):
    """Return rounds of the contenders' times, {"seconds": ..., "processor": ...}, in turn.

    The contenders are (worker, tolerance); `once` is the time of one run of each, if known.
    """
    once = once or [(worker.sampler(tol)() or {}).get("seconds") for worker, tol in contenders]
    if None in once:
        return []
    samplers = [
        worker.sampler(tol, max(1, math.ceil(timing.LEAST_SECONDS / seconds)))
        for (worker, tol), seconds in zip(contenders, once, strict=True)
    ]
    return timing.alternate(samplers, repeats, most_seconds, hopeless)


def hopeless(times):
    """Return whether the last contender is so slow beside the first that one round is enough."""
    first, last = times[0]["seconds"], times[-1]["seconds"]
    return last > NO_CONTEST * first and last > 1.0
