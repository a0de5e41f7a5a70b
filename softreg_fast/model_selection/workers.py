"""Independent fits in several Python threads: the compiled loops release the GIL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import TypeVar, cast

from softreg_fast.kernels._runtime import end_when
from softreg_fast.system.threads import blas_threads_for

Item = TypeVar("Item")
Result = TypeVar("Result")

# Entries of X from which a path is worth a thread of its own: below, alphas take so little time
# that the threads wait for the GIL.
SMALLEST_PATH = 400_000


def workers_for(n_tasks: int, n_entries: int, most_threads: int) -> int:
    """Return the number of threads worth using for `n_tasks` paths on a matrix of `n_entries`."""
    return min(n_tasks, most_threads) if n_entries >= SMALLEST_PATH else 1


class Workers:
    """Threads for independent tasks; the calling thread is one of them.

    Attributes
    ----------
    errors : list of BaseException
        Exceptions raised by tasks, or Ctrl-C; the loops of the other tasks then end.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self.errors: list[BaseException] = []

    def share(self, n_threads: int) -> int:
        """Return the share of so many threads that each worker has for itself."""
        return max(n_threads // self.n_workers, 1)

    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the results of all tasks, in order; raise the first error if there is one."""
        if self.n_workers == 1:
            return [task(item) for item in items]
        found: dict[int, Result] = {}
        waiting, one_at_a_time = enumerate(items), Lock()

        def work() -> None:
            former = None
            try:
                former = end_when(self.errors)
                while not self.errors:
                    with one_at_a_time:
                        k, item = next(waiting, (-1, None))
                    if k < 0:
                        return
                    found[k] = task(cast(Item, item))
            except BaseException as error:
                self.errors.append(error)
            finally:
                end_when(former)

        with (
            blas_threads_for(0),
            ThreadPoolExecutor(self.n_workers - 1, "softreg_fast") as pool,  # waits for its threads
        ):
            try:
                others = [pool.submit(work) for _ in range(self.n_workers - 1)]
                work()
                wait(others)
            except KeyboardInterrupt as error:
                self.errors.append(error)
        if self.errors:
            raise self.errors[0]
        return [found[k] for k in range(len(found))]
