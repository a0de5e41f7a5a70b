"""Progress reporting for searches: tqdm bars and scikit-learn callbacks (1.9 and later)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any

from softreg_fast.paths.path import PathStep

__all__ = [
    "CallbackSupportMixin",
    "FitTasks",
    "Watcher",
    "progress_bar",
    "tasks_of",
    "watching",
    "with_callbacks",
]

Tell = Callable[[PathStep], bool | None]
Watcher = Callable[[str, PathStep], bool | None]

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn < 1.9
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Placeholder for scikit-learn versions without callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method unchanged."""
        return method


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


def progress_bar(total: int, progress: bool, unit: str = "fit") -> AbstractContextManager[Any]:
    """Return a bar on standard error or in a notebook; a null context if it would be invisible."""
    if not progress or not (sys.stderr.isatty() or _in_notebook()):
        return nullcontext()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            "progress=True needs tqdm: pip install 'softreg_fast[progress]', or leave it out."
        ) from None
    bar: AbstractContextManager[Any] = tqdm(total=total, unit=unit)
    return bar


def _in_notebook() -> bool:
    # an IPython shell with a kernel, where tqdm.auto draws an HTML bar
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class FitTasks:
    """Tasks of a fit for scikit-learn's callbacks: the fit, its paths, their alphas.

    A hook at the end of an alpha that returns True ends that path.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, n_paths: int) -> None:
        self.estimator = estimator
        self.data = {"X": X, "y": y}
        self.running: dict[str, Any] = {}
        self.root = estimator._init_callback_context(max_subtasks=n_paths)
        self.root.call_on_fit_task_begin(estimator=estimator, **self.data)

    def teller(self, prefix: str) -> Watcher:
        """Return a watcher that adds this prefix to the names of paths."""
        return lambda name, step: self.tell(prefix + name, step)

    def tell(self, name: str, step: PathStep) -> bool:
        """Report a fit on the path of this name; return whether to end that path."""
        if name not in self.running:
            path = self.root.subcontext(task_name=name, max_subtasks=step.n_alphas)
            path.call_on_fit_task_begin(estimator=self.estimator, **self.data)
            self.running[name] = path
        metadata = {"alpha": step.alpha, "gap": step.gap, "n_nonzero": step.df}
        told = {"estimator": self.estimator, **self.data, "metadata": metadata}
        alpha = self.running[name].subcontext(task_name="alpha")
        alpha.call_on_fit_task_begin(**told)
        stop = bool(alpha.call_on_fit_task_end(**told))
        if stop or step.position == step.n_alphas - 1:
            self._end(name)
        return stop

    def end(self) -> None:
        """Report the end of the fit and of all its paths."""
        for name in list(self.running):
            self._end(name)
        self.root.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def _end(self, name: str) -> None:
        path = self.running.pop(name)
        path.call_on_fit_task_end(estimator=self.estimator, **self.data)


def tasks_of(estimator: Any, X: Any, y: Any, n_paths: int) -> FitTasks | None:
    """Return FitTasks if the estimator, or the one that fits it, has callbacks."""
    wanted = hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")
    return FitTasks(estimator, X, y, n_paths) if HAS_CALLBACKS and wanted else None
