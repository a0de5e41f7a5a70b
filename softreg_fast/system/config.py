"""Versions, threads, and how the compiled modules were built."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import joblib
import numpy
import scipy

from softreg_fast.kernels import _runtime
from softreg_fast.system.threads import effective_n_threads


def config() -> dict[str, Any]:
    """Return versions, threads, OpenMP and vector level as a dictionary."""
    built = _runtime.build_info()
    return {
        "softreg_fast": version("softreg_fast"),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": version("scikit-learn"),
        "platform": platform.platform(),
        "cores": joblib.cpu_count(),
        "openmp": built["openmp"],
        "threads": effective_n_threads(),
        "vector level": built["vector_level"],
        "vector code chosen at run time": built["runtime_dispatch"],
        "bounds-checked build": built["checked"],
    }


def show_config() -> None:
    """Print versions, threads, OpenMP and vector level.

    Examples
    --------
    >>> from softreg_fast import show_config
    >>> show_config()  # doctest: +ELLIPSIS
    softreg_fast ...
    """
    entries = config()
    width = max(map(len, entries))
    for name, value in entries.items():
        shown = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        print(f"{name:<{width}}  {shown}")
