"""scikit-learn's callbacks (1.9 and later) in the estimators that search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from softreg_fast.model_selection.progress import Watcher
from softreg_fast.paths.path import PathStep

__all__ = ["CallbackSupportMixin", "FitTasks", "tasks_of", "with_callbacks"]

P = ParamSpec("P")
R = TypeVar("R")

HAS_CALLBACKS = True
if not TYPE_CHECKING:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # scikit-learn < 1.9
        HAS_CALLBACKS = False

if TYPE_CHECKING or not HAS_CALLBACKS:  # scikit-learn has no types

    class CallbackSupportMixin:
        """Placeholder for scikit-learn versions without callbacks."""

        if TYPE_CHECKING:

            def set_callbacks(self, *callbacks: Any) -> Self: ...

    def with_callbacks(method: Callable[P, R]) -> Callable[P, R]:
        """Return the method unchanged."""
        return method


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
