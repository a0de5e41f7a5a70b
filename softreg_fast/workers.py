"""Independent fits in several Python threads: the compiled loops let the GIL go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

from softreg_fast.design import Design
from softreg_fast.threads import blas_threads_for

Item = TypeVar("Item")
Result = TypeVar("Result")

# A thread of its own for a path pays from so many entries of X on.
SMALLEST_PATH = 20_000


def workers_for(design: Design, n_tasks: int) -> int:
    """How many workers so many paths on this matrix deserve."""
    return min(n_tasks, design.most_threads) if design.n_entries >= SMALLEST_PATH else 1


class Workers:
    """Threads for tasks that do not depend on each other; one worker is the calling thread.

    Attributes
    ----------
    stopped : Event
        Set when a task has failed or Ctrl-C was pressed: tasks under way should end soon.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self.stopped = Event()

    def share(self, design: Design) -> int:
        """Threads for one pass over X by each worker."""
        return max(design.n_threads // self.n_workers, 1)

    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The results of all tasks, in order; the first error if there is one."""
        if self.n_workers == 1:
            return [task(item) for item in items]
        pool = ThreadPoolExecutor(self.n_workers, thread_name_prefix="softreg_fast")
        try:
            with blas_threads_for(0):
                running = [pool.submit(task, item) for item in items]
                return [each.result() for each in running]
        except BaseException:
            self.stopped.set()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def watched(self, tell: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
        """A callback for `path` that also ends it when the workers are to stop."""
        if self.n_workers == 1:
            return tell

        def told(step: Any) -> bool:
            return bool(self.stopped.is_set() or (tell is not None and tell(step)))

        return told
