"""Readers that are not ours, and checks of what they hand over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from softreg_fast.files import InputError, brief
from softreg_fast.tables.cells import problem_of, rounded, too_long
from softreg_fast.tables.roles import Vector


@contextmanager
def foreign(what: str) -> Iterator[None]:
    """Guard somebody else's reader, which may raise anything about a damaged file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ImportError, MemoryError, InputError):
        raise
    except Exception as error:
        raise InputError(f"{what}: {brief(error)}") from None


def as_floats(values: Any, where: str, way_out: str = "") -> Vector:
    """Return a column of real numbers as float64, all of them finite and none of them rounded."""
    if values.dtype.kind in "iu":
        bad = rounded(values)
        if bad.size:
            problem = too_long(values[bad[0]])
            raise InputError(f"{where}, row {int(bad[0]) + 1} {problem.words}{way_out}")
    floats: Vector = values.astype(np.float64, copy=False)
    bad = np.flatnonzero(~np.isfinite(floats))
    if bad.size:
        row = int(bad[0])
        found = problem_of(str(floats[row]))
        raise InputError(f"{where}, row {row + 1} {found.words if found else ''}{way_out}")
    return floats
