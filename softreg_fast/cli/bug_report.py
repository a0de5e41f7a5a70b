"""The block that `info --bug-report` prints: versions, build, machine, and a fit that tests them.

It is made to be published: nothing in it names the user, the machine or a folder.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from softreg_fast.options.spelling import aligned, printable

# Packages whose version may matter, where they are installed.
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "pandas",
    "pyarrow",
    "polars",
    "formulaic",
    "matplotlib",
    "rich",
    "tqdm",
    "torch",
    "keras",
    "onnx",
    "cython",
    "setuptools",
    "pip",
)

# Environment variables that change what a fit does: prefixes, and whole names.
PREFIXES = (
    "BLIS_",
    "GOMP_",
    "GOTO_",
    "JOBLIB_",
    "KMP_",
    "LOKY_",
    "MKL_",
    "OMP_",
    "OPENBLAS_",
    "SOFTREG_",
    "VECLIB_",
)
VARIABLES = (
    "GLIBC_TUNABLES",
    "KERAS_BACKEND",
    "LANG",
    "LC_ALL",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONMALLOC",
    "PYTHONOPTIMIZE",
    "PYTHONUTF8",
    "PYTHONWARNINGS",
    "PYTHON_GIL",
)

# Instructions of the processor that decide between vector levels.
INSTRUCTIONS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512vl", "asimd", "sve")

# The longest value of a variable that is shown.
LONGEST = 120

Row = tuple[str, str]


def bug_report() -> str:
    """Return the report as lines to paste into an issue; a part that fails says why."""
    rows: list[Row] = []
    for part in (_versions, _build, _machine, _variables, _self_test):
        try:
            rows += part()
        except Exception as error:  # whatever is broken, the rest of the report may say why
            rows.append((part.__name__.strip("_").replace("_", " "), _failure(error)))
    shown = [(name, printable(" ".join(text.split()))) for name, text in rows]
    return "\n".join(line.rstrip() for line in aligned(shown, left=2))


def _versions() -> Iterator[Row]:
    yield "softreg_fast", ", ".join(filter(None, (_version("softreg_fast"), _installed())))
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    facts = (
        platform.python_implementation(),
        platform.python_compiler(),
        platform.architecture()[0],
        *(() if gil else ("without the GIL",)),
    )
    yield "python", f"{platform.python_version()}, {', '.join(facts)}"
    for name in PACKAGES:
        if found := _version(name):
            yield name, found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _installed() -> str:
    # how the package came here: its wheel's tag, and whether it runs from a folder of sources
    try:
        files = distribution("softreg_fast")
    except PackageNotFoundError:
        return "not installed, from a folder"
    tag = re.search(r"^Tag: (.*)$", files.read_text("WHEEL") or "", re.MULTILINE)
    said = [tag.group(1) if tag else "no wheel"]
    if '"editable": true' in (files.read_text("direct_url.json") or ""):
        said.append("editable")
    installer = (files.read_text("INSTALLER") or "").strip()
    return ", ".join([*said, *([f"by {installer}"] if installer else [])])


def _build() -> Iterator[Row]:
    from softreg_fast.kernels import _runtime
    from softreg_fast.system.threads import effective_n_threads

    known = _runtime.build_info()
    yield "openmp", _yes(known["openmp"])
    chosen = "chosen at run time" if known["runtime_dispatch"] else "of the build"
    yield "vector level", f"{known['vector_level']}, {chosen}"
    yield "bounds checked", _yes(known["checked"])
    yield "compiled modules", Path(_runtime.__file__).name.partition(".")[2]
    yield "threads of a fit", str(effective_n_threads())
    yield from _thread_pools()


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _thread_pools() -> Iterator[Row]:
    # BLAS is loaded with this
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    for pool in threadpool_info():
        told = ("internal_api", "version", "architecture", "threading_layer")
        facts = [str(pool[key]) for key in told if pool.get(key)]
        file = Path(pool["filepath"]).name
        yield (
            f"{pool['user_api']} library",
            f"{', '.join(facts)}, {pool['num_threads']} threads, {file}",
        )


def _machine() -> Iterator[Row]:
    import joblib

    yield "system", platform.platform()
    model, instructions = _processor()
    yield "processor", model
    if instructions:
        yield "instructions", " ".join(instructions)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "cores", f"{os.cpu_count()}, {usable} usable, {joblib.cpu_count()} by joblib"
    if hasattr(os, "sysconf"):
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        yield "memory", f"{size / 2**30:.1f} GiB"


def _processor() -> tuple[str, list[str]]:
    # its model and its vector instructions, as far as the system says
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), []
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.*)$", text, re.MULTILINE)
    known = set(flags.group(1).split()) if flags else set()
    return model.group(1) if model else platform.machine(), [f for f in INSTRUCTIONS if f in known]


def _variables() -> Iterator[Row]:
    found = variables_of(os.environ)
    yield "variables", found[0] if found else "none that matter is set"
    for text in found[1:]:
        yield "", text


def variables_of(environment: Mapping[str, str]) -> list[str]:
    """Return NAME=value of the variables that change what a fit does, without folders."""
    return [
        f"{name}={_without_folders(value)[:LONGEST]}"
        for name, value in sorted(environment.items())
        if name in VARIABLES or name.startswith(PREFIXES)
    ]


def _without_folders(value: str) -> str:
    # of each path in a list of them its last part
    if not re.search(r"[\\/]", value):
        return _without_names(value)
    parts = re.split(rf"[{re.escape(os.pathsep)}\s]", value)
    return os.pathsep.join(re.sub(r"^.*[\\/](?=.)", ".../", part) for part in parts)


def _without_names(text: str) -> str:
    # folders of users, this one's first, and its name; "root" and the like name nobody
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = text.replace(home, "~")
    text = re.sub(r"(?i)(/home/|/users/|[a-z]:\\users\\)[^/\\\s:'\"]+", "~", text)
    name = os.path.basename(home)
    if len(name) > 2 and name != "root":
        text = re.sub(rf"\b{re.escape(name)}\b", "USER", text)
    return text


def _failure(error: BaseException) -> str:
    # what went wrong and where, by the names of files only
    where = [
        f"{Path(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)[-3:]
    ]
    return f"FAILED: {type(error).__name__}: {_without_names(str(error))} ({' '.join(where)})"


def _self_test() -> Iterator[Row]:
    import numpy as np
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((200, 40)))
    y = X[:, :3] @ np.array([3.0, -2.0, 1.0]) + rng.standard_normal(200)
    sparse = sp.csc_array(np.where(np.abs(X) > 1.0, X, 0.0))
    yield "lasso, dense", _tried(X, y)
    yield "lasso, sparse", _tried(sparse, y)
    yield "logistic", _tried(X, y > 0.0, loss="logistic")


def _tried(X: Any, y: Any, **options: Any) -> str:
    # the certificate of a short path, its time, and a sum by which machines can be compared
    from softreg_fast.paths.path import path

    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            path(X, y, n_alphas=20, eps=0.01, **options)  # the first call loads what it needs
            fits = path(X, y, n_alphas=20, eps=0.01, **options)
    except Exception as error:
        return _failure(error)
    facts = [
        "converged" if fits.converged else "NOT CONVERGED",
        f"gap/P0 {fits.relative_gaps.max():.1e}",
        f"{fits.df[-1]} of {X.shape[1]} features",
        f"sum of |w| {abs(fits[-1].coef).sum():.10g}",
        f"{1e3 * fits.seconds:.1f} ms",
        *(f"{each.category.__name__}: {_without_names(str(each.message))}" for each in said[:1]),
    ]
    return ", ".join(facts)
