"""Handling of Ctrl-C during one long LAPACK call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

# Matrices with at most this many rows are finished too quickly for an interrupt to matter.
LARGEST_AT_ONCE = 400

# Seconds between two checks for pending signals, where waiting for a thread blocks them.
INTERVAL = 0.05


def interruptible(function: Callable[..., Any], matrix: Any, *more: Any) -> Any:
    """Call function(matrix, *more), a function of numpy.linalg, so that Ctrl-C interrupts it.

    A LAPACK call cannot be interrupted. So it runs in a thread of its own, and the main thread, the
    only one that receives Ctrl-C, waits for it with an interruptible wait. After an interrupt the
    call is abandoned and its result discarded. (NumPy's functions release the GIL; SciPy's do not.)
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
    except RuntimeError:  # no thread could be started, or memory ran out
        return function(matrix, *more)
    while worker.is_alive():
        worker.join(INTERVAL)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]
