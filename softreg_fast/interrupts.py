"""Ctrl-C during one long call of LAPACK."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

# Matrices with no more rows than this are done before anybody has let go of the keys.
LARGEST_AT_ONCE = 400

# Seconds between two looks at pending signals, where waiting for a thread hides them.
INTERVAL = 0.05


def interruptible(function: Callable[..., Any], matrix: Any, *more: Any) -> Any:
    """function(matrix, *more), a function of numpy.linalg, during which Ctrl-C is heard.

    Nothing can end a call of LAPACK. So it gets a thread of its own, and the main thread, the only
    one that hears Ctrl-C, waits for it in a way that can be ended. Then the call is left behind,
    and its result dropped when it is there. (NumPy's functions let go of the GIL; SciPy's do not.)
    """
    in_main = threading.current_thread() is threading.main_thread()
    if max(np.shape(matrix), default=0) <= LARGEST_AT_ONCE or not in_main:
        return function(matrix, *more)
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["result"] = function(matrix, *more)
        except BaseException as error:
            outcome["error"] = error

    worker = threading.Thread(target=run, name="softreg_fast LAPACK", daemon=True)
    try:
        worker.start()
    except RuntimeError:  # no more threads, or no memory for one
        return function(matrix, *more)
    while worker.is_alive():
        worker.join(INTERVAL)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]
