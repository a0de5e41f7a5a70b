"""Fuzz user input: malformed and unusual matrices, and damaged files.

    python tests/fuzz.py [--minutes 10] [--seed 0] [--only NAME]

Every example must end in a result of finite numbers or in one of the package's errors (ValueError
or TypeError for arrays, InputError for files), leave its input unchanged, and not crash. The work
is done in child processes, so that crashes can be detected and reported: every example is written
to disk before it is tried. Hypothesis shrinks failing examples.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from softreg_fast import Design, Lasso, path, solve
from softreg_fast.cli.models import read_model
from softreg_fast.cli.tables.penalty_weights import read_penalty_weights
from softreg_fast.cli.tables.reading import read_table
from softreg_fast.cli.tables.roles import Roles
from softreg_fast.options.errors import InputError

REFUSALS = (ValueError, TypeError)

# Numbers that have caused failures before.
NUMBERS = st.one_of(
    st.sampled_from(
        [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 5e-324, 1e-310, 1e308, 1e154, -1e200]
    ),
    st.floats(-10.0, 10.0),
)
INDICES = st.one_of(
    st.integers(-2, 8), st.sampled_from([2**31 - 1, 2**31, 2**63 - 1, -(2**31), -(2**63)])
)
DTYPES = [
    "f8",
    "f4",
    "f2",
    "g",
    "i1",
    "i4",
    "i8",
    "u8",
    "?",
    "O",
    "c16",
    ">f8",
    ">f4",
    "U3",
    "M8[s]",
]


def cast(values, dtype):
    """Convert to this dtype, whether or not that makes sense."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.asarray(values, float)
        if np.dtype(dtype).kind in "iuM":
            values = np.nan_to_num(values, posinf=99.0, neginf=-99.0).clip(-99.0, 99.0)
        return values.astype(np.int64).astype(dtype) if dtype == "M8[s]" else values.astype(dtype)


@st.composite
def dense(draw):
    """Draw arrays of unusual shapes, strides, dtypes, alignments and permissions."""
    shape = draw(
        st.sampled_from([(5, 3), (1, 4), (6, 1), (1, 1), (0, 3), (3, 0), (4,), (), (2, 2, 2)])
    )
    values = np.array(draw(st.lists(NUMBERS, min_size=1, max_size=12)))
    X = cast(np.resize(values, shape), draw(st.sampled_from(DTYPES)))
    if X.ndim == 2:
        how = draw(
            st.sampled_from(
                ["plain", "F", "T", "rows", "columns", "steps", "broadcast", "window", "fields"]
            )
        )
        if how == "F":
            X = np.asfortranarray(X)
        elif how == "T":
            X = np.ascontiguousarray(X.T).T
        elif how == "rows":
            X = X[::-1]
        elif how == "columns":
            X = X[:, ::-1]
        elif how == "steps":
            X = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2]
        elif how == "broadcast" and X.size:
            X = np.broadcast_to(X[:, :1], X.shape)
        elif how == "window" and X.size:
            X = np.lib.stride_tricks.sliding_window_view(X.ravel(), min(2, X.size))
        elif how == "fields" and X.dtype.kind in "fiu":
            X = _unaligned(X)
    if X.ndim and draw(st.booleans()):
        X.flags.writeable = False
    return X


def _unaligned(X):
    record = np.zeros(X.shape, dtype=[("pad", "i1"), ("value", X.dtype)])
    record["value"] = X
    return record["value"]


@st.composite
def mapped(draw):
    """Draw memory maps, some of them read-only, some at odd byte offsets."""
    order, dtype = draw(st.sampled_from("CF")), draw(st.sampled_from(["f8", "f4", "i4"]))
    offset = draw(st.sampled_from([0, 1, 4, 8]))
    values = cast(np.resize(draw(st.lists(NUMBERS, min_size=1, max_size=12)), (5, 3)), dtype)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0" * offset + values.tobytes(order))
        file.flush()
        mode = draw(st.sampled_from(["r", "c", "r+"]))
        return np.memmap(file.name, dtype, mode, offset, (5, 3), order)


class Parts(NamedTuple):
    """Parts of a sparse matrix: SciPy cannot print a malformed one."""

    kind: type
    shape: tuple
    arrays: dict

    def matrix(self):
        """Return the matrix without validating the arrays."""
        X = self.kind(self.shape)
        for name, array in self.arrays.items():
            setattr(X, name, array)
        return X


@st.composite
def sparse(draw):
    """Draw compressed and coordinate matrices whose arrays are not always consistent."""
    kind = draw(st.sampled_from([sp.csc_array, sp.csr_array, sp.csc_matrix, sp.coo_array]))
    shape = draw(st.sampled_from([(5, 3), (1, 4), (4, 1), (1, 1), (3, 6)]))
    index = draw(st.sampled_from(["i4", "i8", "i2", "u4", "u8", "f8"]))
    entries = draw(st.lists(NUMBERS, max_size=10))
    data = cast(entries, draw(st.sampled_from(["f8", "f4", "i4", "?", "c16", ">f8"])))

    def indices(length, sound):
        if draw(st.integers(0, 3)):  # mostly almost valid
            values = list(sound)
            for _ in range(draw(st.integers(0, 2))):
                if values:
                    values[draw(st.integers(0, len(values) - 1))] = draw(INDICES)
        else:
            values = draw(st.lists(INDICES, max_size=length + 2))
        wide = np.array(values, dtype=object)
        if index == "f8":
            return wide.astype(float)
        low, high = np.iinfo(index).min, np.iinfo(index).max
        return np.array([min(max(int(v), low), high) for v in values], dtype=index)

    n = len(entries)
    if kind is sp.coo_array:
        row = indices(n, [k % shape[0] for k in range(n)])
        col = indices(n, [k % shape[1] for k in range(n)])
        arrays = {"row": row, "col": col}
    else:
        major, minor = shape if kind is sp.csr_array else shape[::-1]
        arrays = {
            "indices": indices(n, [k % minor for k in range(n)]),
            "indptr": indices(major + 1, np.linspace(0, n, major + 1).astype(int).tolist()),
        }
    if draw(st.booleans()) and n:
        wide = np.zeros(2 * n, data.dtype)
        wide[::2] = data
        data = wide[::2]
    return Parts(kind, shape, {"data": data, **arrays})


@st.composite
def other_things(draw):
    """Draw objects that are not matrices, or only almost."""
    return draw(
        st.one_of(
            st.none(),
            st.text(max_size=5),
            st.lists(st.lists(NUMBERS, max_size=3), max_size=4),
            st.dictionaries(st.text(max_size=2), NUMBERS, max_size=2),
            st.just(np.matrix([[1.0, 2.0], [3.0, 5.0]])),
            st.just(np.ma.masked_array([[1.0, 2.0], [3.0, 5.0]], [[0, 1], [0, 0]])),
            st.builds(lambda v: sp.dia_array(([[v, 1.0, 2.0]], [0]), shape=(3, 3)), NUMBERS),
            st.builds(lambda v: sp.lil_array([[v, 0.0], [0.0, 1.0]]), NUMBERS),
            st.builds(lambda v: sp.dok_array([[v, 0.0], [0.0, 1.0]]), NUMBERS),
        )
    )


def state_of(X):
    """Return the state of X that must not change."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.tobytes(), X.shape, X.strides
    if sp.issparse(X) and X.format in ("csc", "csr"):
        return [part.tobytes() for part in (X.data, X.indices, X.indptr)]
    return None


def check_matrix(X):
    """Check every entry point on X: finite numbers or an error, and X unchanged."""
    X = X.matrix() if isinstance(X, Parts) else X
    before = state_of(X)
    n = X.shape[0] if getattr(X, "ndim", 0) else 5
    y = np.cos(np.arange(float(n)))
    fitted = Lasso(alpha=0.05).fit(np.eye(5)[:, :3], np.arange(5.0))
    faces = (
        lambda: Design(X),
        lambda: solve(X, y, alpha=0.05).coef,
        lambda: solve(X, y, l2=0.1).coef,
        lambda: path(X, y, n_alphas=3).coefs.data,
        lambda: Lasso(alpha=0.05).fit(X, y).coef_,
        lambda: bool(fitted.predict(X).size),
        lambda: solve(np.eye(5), np.arange(5.0), alpha=0.05, sample_weight=X),
        lambda: solve(np.eye(5), X),
    )
    for face in faces:
        try:
            found = face()
        except REFUSALS as error:
            check_message(error)
        else:  # (predictions for huge X may leave the range of float64)
            assert not isinstance(found, np.ndarray) or np.isfinite(found).all()
    assert state_of(X) == before


# --- files ------------------------------------------------------------------------------------

ODD_CELLS = """1 -2.5 1e400 nan " "a" x,y é 1_0 ∞ １ true 1,5 "1,234" 9007199254740993 2020-01-01"""
CELLS = st.one_of(
    st.sampled_from([*ODD_CELLS.split(), "", "\0", "\r", "1" * 30, '"a\nb"', "\ufeff", "\x1b"]),
    st.floats(-5.0, 5.0).map(repr),
    st.text(max_size=4),
)
ENDINGS = [".csv", ".tsv", ".txt", ".csv.gz", ".svm", ".svm.gz", ".npz", ".parquet"]


def sound_files(folder):
    """Return one well-formed file of every format, as bytes."""
    import pandas as pd

    X, y = np.arange(12.0).reshape(4, 3) % 5.0, np.arange(4.0)
    place = os.path.join(folder, "sound")
    np.savez(place + ".npz", X=X, y=y, feature_names=np.array(["a", "b", "c"]))
    sp.save_npz(place + "2.npz", sp.csc_array(X))
    pd.DataFrame(np.c_[X, y], columns=list("abcy")).to_parquet(place + ".parquet")
    text = b"a,b,c,y\n" + b"".join(
        b"%g,%g,%g,%g\n" % (*row, t) for row, t in zip(X, y, strict=True)
    )
    svm = b"".join(b"%g 1:%g 3:%g\n" % (t, row[0], row[2]) for row, t in zip(X, y, strict=True))
    model = {"alpha": 0.1, "intercept": 1.0, "dev_ratio": 0.5, "gap": 0.0, "tol": 1e-4}
    model |= {"n_epochs": 3, "status": "converged", "coefficients": {"a": 1.5}}
    head = {"format": "softreg_fast model", "format_version": 1, "softreg_fast": "0", "target": "y"}
    head |= {"n_features": 2, "feature_names": ["a", "b"], "first_index": None, "settings": {}}
    head |= {"null_loss": 1.0, "strategy": "x", "seconds": 0.1, "models": [model]}
    return {
        ".npz": [Path(place + ".npz").read_bytes(), Path(place + "2.npz").read_bytes()],
        ".parquet": [Path(place + ".parquet").read_bytes()],
        ".csv": [text, b"feature,l1,l2\na,1,inf\nb,0,2\n"],
        ".svm": [svm],
        ".json": [json.dumps(head).encode()],
    }


@st.composite
def damage(draw, sound):
    """Draw a valid file with bytes changed, left out, repeated or inserted."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        how = draw(st.integers(0, 4))
        if how == 0 and data:
            data[at] = draw(st.integers(0, 255))
        elif how == 1:
            del data[at : at + draw(st.integers(1, 20))]
        elif how == 2:
            data[at:at] = data[at : at + draw(st.integers(1, 20))]
        elif how == 3:
            data[at:at] = draw(st.binary(max_size=6))
        else:
            word = rb'[] {} null -1 1e999 "a" 99999999999999999999 NaN : , ; 0:1 -3:2 "" true'
            data[at:at] = draw(st.sampled_from(word.split()))
    return bytes(data)


@st.composite
def files(draw, sound):
    """Draw (file extension, bytes) of a table: a damaged valid file, or random cells in lines."""
    if draw(st.booleans()):
        kind = draw(st.sampled_from([kind for kind in sound if kind != ".json"]))
        return draw(st.sampled_from(ENDINGS[:1] if kind == ".csv" else [kind])), draw(
            st.sampled_from(sound[kind]).flatmap(damage)
        )
    delimiter = draw(st.sampled_from([",", ";", "\t", " ", "|", ":"]))
    rows = draw(st.lists(st.lists(CELLS, max_size=4).map(delimiter.join), max_size=5))
    header = draw(st.sampled_from(["a,b,y", "a,y", '"a\n",b,y', "1,2,y", "3,1,2", "sep=;\na,b,y"]))
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join([header.replace(",", delimiter), *rows])
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    coding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16"]))
    return draw(st.sampled_from(ENDINGS)), (mark + text).encode(coding, "surrogatepass")


ROLES = st.builds(
    Roles,
    target=st.sampled_from([None, "y", "a", "none"]),
    weights=st.sampled_from([None, "b", "y"]),
    ignore=st.sampled_from([(), ("a",), ("none",)]),
    n_features=st.sampled_from([None, None, 2, 3]),
    features=st.sampled_from([None, None, ("a", "b"), ("none",)]),
    first_index=st.sampled_from([None, 0, 1, 5]),
)


def write(folder, ending, data):
    """Write a file with these bytes and return its name."""
    place = os.path.join(folder, "given" + ending)
    if ending.endswith(".gz") and len(data) % 2:
        import gzip

        data = gzip.compress(data)
    Path(place).write_bytes(data)
    return place


def check_message(error, lines=None):
    """Check that the message is not empty and, if `lines` is given, has at most that many lines."""
    said = str(error)
    assert said.strip()
    assert lines is None or said.count("\n") < lines


def check_table(folder, ending, data, roles):
    """Check for a table of finite numbers, or an InputError of one line."""
    place = write(folder, ending, data)
    try:
        text = ending.removesuffix(".gz") in (".csv", ".tsv", ".txt")
        table = read_table(place, roles, decimal="," if text and len(data) % 3 == 0 else None)
    except InputError as error:
        check_message(error, lines=1)
        return
    entries = table.X.data if sp.issparse(table.X) else table.X
    assert np.isfinite(entries).all()
    for values in (table.y, table.weights):
        assert values is None or (np.isfinite(values).all() and len(values) == table.X.shape[0])


def check_other_file(folder, data):
    """Check for a model or penalty weights from the same bytes, or an InputError."""
    features = {"a": [0], "b": [1, 2]}
    for ending, read in (
        (".json", read_model),
        (".csv", lambda file: read_penalty_weights(file, features, 3)),
    ):
        try:
            read(write(folder, ending, data))
        except InputError as error:
            check_message(error, lines=1)


# --- the runs ---------------------------------------------------------------------------------


def targets(folder):
    """Return {name: function of Hypothesis settings that runs one batch of examples}."""
    sound = sound_files(folder)

    def noted(check, *arguments):
        # holds the current example if there is a crash
        Path(folder, "trying").write_text(repr(arguments), errors="backslashreplace")
        check(*arguments)

    def matrices(strategy):
        return given(strategy)(lambda X: noted(check_matrix, X))

    def tables():
        found = st.tuples(files(sound), ROLES)
        return given(found)(lambda t: noted(check_table, folder, *t[0], t[1]))

    def others():
        bases = [*sound[".json"], *sound[".csv"]]
        data = st.sampled_from(bases).flatmap(damage)
        return given(data)(lambda d: noted(check_other_file, folder, d))

    return {
        "dense": lambda: matrices(dense()),
        "mapped": lambda: matrices(mapped()),
        "sparse": lambda: matrices(sparse()),
        "other things": lambda: matrices(other_things()),
        "tables": tables,
        "models and weights": others,
    }


NAMES = ["dense", "mapped", "sparse", "other things", "tables", "models and weights"]


def child(name, seed, n_examples, folder):
    """Run one batch in this process."""
    warnings.simplefilter("ignore")
    chosen = settings(
        max_examples=n_examples,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    seeded(seed)(chosen(targets(folder)[name]()))()


def batch(name, seed, n_examples=300):
    """Run a batch in a child process; return "" or a description of the failure."""
    with tempfile.TemporaryDirectory(prefix="softreg-fuzz-") as folder:
        command = [sys.executable, "-X", "faulthandler", __file__, "--child", name]
        command += ["--seed", str(seed), "--examples", str(n_examples), "--folder", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            said = "hangs"
        else:
            if done.returncode == 0:
                return ""
            said = f"exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-5000:]}"
        tried = Path(folder, "trying")
        return f"{said}\ntried last: {tried.read_text()[:2000] if tried.exists() else 'nothing'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--examples", type=int, default=300, help="in one batch")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.seed, options.examples, options.folder)
        return
    seed = int(time.time()) if options.seed is None else options.seed
    names = [options.only] if options.only else NAMES
    print(f"fuzzing for {options.minutes:g} min from seed {seed}", flush=True)
    end, count, failures = time.monotonic() + 60.0 * options.minutes, dict.fromkeys(names, 0), []
    while time.monotonic() < end:
        for name in names:
            problem = batch(name, seed, options.examples)
            count[name] += options.examples
            if problem:
                failures.append(name)
                print(f"\n=== {name}, --seed {seed}\n{problem}", flush=True)
            if time.monotonic() > end:
                break
        seed += 1
    print(", ".join(f"{name}: up to {n}" for name, n in count.items()), "examples")
    print(f"{len(failures)} batches failed")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
