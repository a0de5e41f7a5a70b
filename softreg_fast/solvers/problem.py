"""Options of a fit."""

from __future__ import annotations

import sys

from softreg_fast.options.scalars import check_count, check_number
from softreg_fast.solvers.engines import GRAM_MEMORY


def check_options(tol: float, max_iter: int, gram_memory: float = GRAM_MEMORY) -> None:
    """Raise an error for an invalid tolerance or limit."""
    check_number("tol", tol, low=0.0)
    check_number("gram_memory", gram_memory, low=0.0)
    check_count("max_iter", max_iter)
    if max_iter > sys.maxsize:
        raise ValueError(f"max_iter must be an integer <= {sys.maxsize}, got {max_iter!r}.")
