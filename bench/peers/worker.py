"""Run one package in its own environment: python worker.py ADAPTOR, then one JSON request a line.

    {"load": FOLDER, "n_threads": 2}   read the problem; answers {"ladder": [...]}
    {"tol": 1e-6, "times": 3, "save": FILE}   solve `times` times; answers {"seconds": ...} per run,
                                              and saves the coefficients, or the choice

A request that fails answers {"error": ...}.
"""

import importlib
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import scipy.sparse as sp


def clock(solve, prepared, tol, times):
    """Return (result, seconds per run) for an adaptor that does not time itself."""
    began = time.perf_counter()
    for _ in range(times):
        found = solve(prepared, tol)
    return found, (time.perf_counter() - began) / times


def save(found, path):
    """Save a choice, or the coefficients of a path as a sparse matrix."""
    if hasattr(found, "save"):
        found.save(path)
    else:
        sp.save_npz(path, sp.csc_matrix(found), compressed=False)


def main():
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of the packages must not mix with the answers
    # in this script's folder, adaptors would shadow the packages of the same name
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    problem = importlib.import_module("bench.peers.problem")
    adaptor = importlib.import_module(f"bench.peers.adaptors.{sys.argv[1]}")
    prepared = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                began = time.perf_counter()
                prepared = adaptor.prepare(problem.load(request["load"]), request["n_threads"])
                seconds = time.perf_counter() - began
                answer = {"ladder": adaptor.LADDER, "seconds": seconds}
            else:
                timed = getattr(adaptor, "timed", None) or partial(clock, adaptor.solve)
                found, seconds = timed(prepared, request["tol"], request.get("times", 1))
                answer = {"seconds": seconds}
                if request.get("save"):
                    save(found, request["save"])
        except NotImplementedError as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
