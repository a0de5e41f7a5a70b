"""Cost of a frame with text columns against its ready sparse matrix: python -m bench.tables.

A path on nycflights (327,346 flights, 4,166 features) as a frame of six columns of numbers and four
of text, and on the one-hot matrix; each in processes of its own, in turn. Prints the medians of the
times, of the peaks of memory, and of what the path took beyond its input, to which the bytes of the
ready matrix are added where that was the input, with their ratios.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bench.cv_memory import kibibytes
from bench.families.data import DATA

REPEATS = 5

# The columns of text, and where their levels begin among the features.
TEXT = {"carrier": (6, 22), "origin": (22, 25), "dest": (25, 129), "tailnum": (129, 4166)}


def frame_of(X):
    """Return the frame of which the one-hot matrix was made."""
    import pandas as pd

    columns = {f"x{j}": np.asarray(X[:, [j]].todense()).ravel() for j in range(6)}
    for name, (start, stop) in TEXT.items():
        levels = np.array([f"{name[:2].upper()}{k:04}" for k in range(stop - start)])
        block = X[:, start:stop].tocsc()
        codes = np.empty(X.shape[0], np.intp)
        codes[block.indices] = np.repeat(np.arange(stop - start), np.diff(block.indptr))
        columns[name] = levels[codes]
    return pd.DataFrame(columns)


def fit(kind, folder):
    """Fit the path to the input of a kind, and print seconds, the peak, and that of the path."""
    import pandas as pd

    import softreg_fast as sf

    small = pd.DataFrame({"a": ["u", "v"] * 9, "b": np.arange(18.0)})
    y = np.load(folder / "y.npy")
    if kind == "frame":
        X = pd.read_parquet(folder / "X.parquet")
    else:
        X = sp.load_npz(folder / "X.npz")
    held = 0 if kind == "frame" else sum(a.nbytes for a in (X.data, X.indices, X.indptr)) // 1024
    sf.path(small, np.sin(np.arange(18.0)), n_alphas=3)  # loads what is loaded once
    with suppress(PermissionError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = kibibytes("VmRSS"), time.perf_counter()
    fits = sf.path(X, y, standardize=True)
    seconds, peak = time.perf_counter() - start, kibibytes("VmHWM")
    print(seconds, peak, peak - before + held, float(fits.dev_ratio[-1]))


def main():
    """Make the input, and measure both kinds in turn."""
    if len(sys.argv) == 3:
        fit(sys.argv[1], Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        X = sp.load_npz(DATA / "nycflights_onehot.X.npz")
        frame_of(X).to_parquet(folder / "X.parquet")
        sp.save_npz(folder / "X.npz", X.tocsc())
        np.save(folder / "y.npy", np.load(DATA / "nycflights_onehot.y.npy"))
        found = {"matrix": [], "frame": []}
        for kind in list(found) * REPEATS:
            command = [sys.executable, "-m", "bench.tables", kind, name]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[kind].append([float(each) for each in out.split()])
    medians = {
        kind: [statistics.median(each) for each in zip(*rows, strict=True)]
        for kind, rows in found.items()
    }
    for k, what in enumerate(["seconds", "peak, KiB", "path and matrix, KiB", "deviance"]):
        a, b = medians["matrix"][k], medians["frame"][k]
        print(f"{what:>22}: matrix {a:.6g}, frame {b:.6g}, ratio {b / a:.3f}")


if __name__ == "__main__":
    main()
