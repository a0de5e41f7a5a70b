"""The number of threads of a fit, and of BLAS within it."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import joblib
import threadpoolctl
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

from softreg_fast.kernels import _runtime
from softreg_fast.options.scalars import is_integer

# Below this many entries per pass, waking a second thread costs more than it saves.
SMALLEST_PARALLEL_WORK = 400_000

_forked = False
_counted_cores: dict[Any, int] = {}


def _after_fork_in_child() -> None:
    global _forked
    _forked = True


# A child of fork() inherits the state of libgomp's thread pool but not its threads: a parallel
# region with more than one thread would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def effective_n_threads(n_threads: int | None = None, work: int | None = None) -> int:
    """Return the number of threads that a kernel should use.

    Parameters
    ----------
    n_threads : int or None, default=None
        None: every core this process may use (affinity, cgroup quota and OMP_NUM_THREADS are
        respected). A positive number is used unchanged; -1 means every core, -2 all but one.
    work : int or None, default=None
        Entries read in one pass; small work gets one thread.

    Returns
    -------
    int
        At least 1; always 1 in a process made by fork() and in a build without OpenMP, and, unless
        n_threads is given, in the threads of a joblib.Parallel, which keeps the cores busy itself.

    Raises
    ------
    TypeError, ValueError
        If n_threads is not an integer, or is 0.

    Examples
    --------
    >>> from softreg_fast import effective_n_threads
    >>> effective_n_threads(2, work=10)
    1
    """
    if n_threads is not None:
        if not is_integer(n_threads):
            raise TypeError(f"n_threads must be an integer or None, got {n_threads!r}")
        if n_threads == 0:
            raise ValueError("n_threads=0 has no meaning; use None or -1 for every core")
    built = _runtime.build_info()
    if _forked or not built["openmp"] or (n_threads is None and _in_thread_of_joblib()):
        return 1
    cores = _cores()
    available = min(cores, built["max_threads"])
    if n_threads is None or n_threads == -1:
        wanted = available
    elif n_threads < 0:
        wanted = max(cores + 1 + int(n_threads), 1)
    else:
        wanted = int(n_threads)
    wanted = max(int(wanted), 1)
    return wanted if work is None else threads_worth(work, wanted)


def threads_worth(work: int, most: int) -> int:
    """Return how many of `most` threads a pass over `work` entries is worth, at least 1."""
    return min(most, max(work // SMALLEST_PARALLEL_WORK, 1))


def _in_thread_of_joblib() -> bool:
    if threading.current_thread() is threading.main_thread():
        return False
    return bool(get_active_backend()[0].nesting_level)


def _cores() -> int:
    # joblib reads the cgroup files each time, which takes longer than a small fit
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    allowed = frozenset(affinity), os.environ.get("LOKY_MAX_CPU_COUNT")
    if allowed not in _counted_cores:
        _counted_cores[allowed] = int(joblib.cpu_count())
    return _counted_cores[allowed]


# Matrices with at most this many rows give BLAS too little work for several threads.
LARGEST_FOR_ONE_BLAS_THREAD = 512


def blas_threads_for(size: int) -> AbstractContextManager[Any]:
    """Return a context in which BLAS and LAPACK use one thread if matrices have few (`size`) rows.

    It is meant for calls from our own threads, and for work so small that waking other threads
    costs more. The setting applies to the whole process, from the first thread that enters to the
    last that leaves: when several threads of a program fit at once, results may differ by rounding.
    """
    return nullcontext() if size > LARGEST_FOR_ONE_BLAS_THREAD else _one_blas_thread


class _OneBlasThread:
    """A context that any number of threads may be in at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None
        self._libraries: ThreadpoolController | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                if self._libraries is None:  # scanning all libraries takes milliseconds
                    self._libraries = ThreadpoolController().select(user_api="blas")
                _let_this_thread_limit_blas()
                self._limit = self._libraries.limit(limits=1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _let_this_thread_limit_blas()
                self._limit.restore_original_limits()
                _let_this_thread_limit_blas()


def _let_this_thread_limit_blas() -> None:
    # Since threadpoolctl 3.8 the limits of OpenBLAS can be changed only by the thread that changed
    # them first, until it ends or is cleared; here the last one out lifts the limit of the first.
    controller: Any = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(controller, "clear_controlling_thread"):
        controller.clear_controlling_thread(force=True)


_one_blas_thread = _OneBlasThread()
