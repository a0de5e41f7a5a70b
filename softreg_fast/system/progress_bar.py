"""Progress bars of tqdm, on a terminal or in a notebook."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


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
