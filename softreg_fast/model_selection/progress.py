"""Progress reporting for searches: a bar, and callbacks that may end a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from softreg_fast.paths.path import PathStep
from softreg_fast.system.progress_bar import progress_bar

Tell = Callable[[PathStep], bool | None]
Watcher = Callable[[str, PathStep], bool | None]


@contextmanager
def watching(total: int, progress: bool, watcher: Watcher | None) -> Iterator[Any]:
    """Provide a function from the name of a path to its callback, None if nothing is reported.

    Parameters
    ----------
    total : int
        Total number of fits.
    progress : bool
        Show a bar, on standard error if that is a terminal, or in a notebook.
    watcher : callable or None
        Called with the path's name and the PathStep; a true return value ends the path.
    """
    with progress_bar(total, progress) as bar:
        one_at_a_time = Lock()  # paths may come from several threads

        def teller(name: str) -> Tell | None:
            if bar is None and watcher is None:
                return None

            def tell(step: PathStep) -> bool | None:
                with one_at_a_time:
                    if bar is not None:
                        bar.total = max(bar.total, bar.n + 1)  # a grid may be extended
                        bar.set_postfix_str(f"gap {step.gap:.0e}, {step.df} nonzero", refresh=False)
                        bar.update()
                    return None if watcher is None else watcher(name, step)

            return tell

        yield teller
