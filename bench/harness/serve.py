"""Run one package in its own environment: python serve.py PACKAGE KIND, then one JSON request a
line.

    {"load": FOLDER, "n_threads": 2, "kind": KIND}   read a problem of that kind, or else the one
                                                     above; answers {"ladder": [...]}
    {"tol": 1e-6, "times": 3, "save": FILE}   solve `times` times; answers {"seconds": ...,
                                              "processor": ...} per run, and saves the
                                              coefficients, or the choice

A request that fails answers {"error": ...}.
"""

import importlib
import json
import os
import sys
import time
from functools import partial
from pathlib import Path


def clock(solve, prepared, tol, times):
    """Return answer, wall and processor seconds per run, for a solver that does not time itself."""
    began, began_processor = time.perf_counter(), time.process_time()
    for _ in range(times):
        found = solve(prepared, tol)
    seconds, processor = time.perf_counter() - began, time.process_time() - began_processor
    return found, seconds / times, processor / times


class Server:
    """A package's solver of one kind, and the problem that it has prepared."""

    def __init__(self, package, kind):
        self.problems = importlib.import_module("bench.harness.problem")
        self.package = package
        self.use(kind)
        self.prepared = None

    def use(self, kind):
        """Turn to problems of a kind."""
        self.solver = importlib.import_module("bench.adaptors").solver_of(self.package, kind)
        self.timed = self.solver.timed or partial(clock, self.solver.solve)

    def answer(self, request):
        """Return the answer to a request."""
        if "load" in request:
            if "kind" in request:
                self.use(request["kind"])
            return self.load(request["load"], request["n_threads"])
        times = request.get("times", 1)
        found, seconds, processor = self.timed(self.prepared, request["tol"], times)
        if request.get("save"):
            self.problems.save_answer(found, request["save"])
        return {"seconds": seconds, "processor": processor}

    def load(self, folder, n_threads):
        """Read and prepare a problem."""
        began = time.perf_counter()
        self.prepared = self.solver.prepare(self.problems.load(folder), n_threads)
        seconds = time.perf_counter() - began
        ours = getattr(sys.modules.get("softreg_fast"), "__file__", None)
        return {"ladder": self.solver.ladder, "seconds": seconds, "softreg_fast": ours}


def main():
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of the packages must not mix with the answers
    # instead of this script's folder, whose modules are no top-level modules
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    server = Server(*sys.argv[1:])
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except NotImplementedError as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
