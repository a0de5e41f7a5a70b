"""Run one package in its own environment: python worker.py ADAPTOR, then a JSON request a line.

    {"load": FOLDER, "n_threads": 2}   read X, y and alphas; answers {"ladder": [...]}
    {"tol": 1e-6, "save": FILE}        one path; answers {"seconds": ...}; saves the coefficients

A request that fails answers {"error": ...}.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp


def load(folder):
    """X (Fortran order or CSC), y and the alphas."""
    folder = Path(folder)
    if (folder / "X.npz").exists():
        X = sp.csc_matrix(sp.load_npz(folder / "X.npz"))
    else:
        X = np.load(folder / "X.npy")
    return X, np.load(folder / "y.npy"), np.load(folder / "alphas.npy")


def main():
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the packages print must not get between the answers
    # its own folder would hide the packages that adaptors are named after
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    adaptor = importlib.import_module(f"bench.peers.adaptors.{sys.argv[1]}")
    prepared = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                prepared = adaptor.prepare(*load(request["load"]), request["n_threads"])
                answer = {"ladder": adaptor.LADDER}
            else:
                began = time.perf_counter()
                W = adaptor.path(prepared, request["tol"])
                answer = {"seconds": time.perf_counter() - began}
                if request.get("save"):
                    sp.save_npz(request["save"], sp.csc_matrix(W), compressed=False)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
