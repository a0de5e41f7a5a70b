"""Error handling for third-party readers, and checks of their results."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.files import brief
from softreg_fast.cli.tables.cells import problem_of, too_long
from softreg_fast.cli.tables.roles import Vector
from softreg_fast.options.errors import InputError


@contextmanager
def foreign(what: str) -> Iterator[None]:
    """Turn any exception of a third-party reader into an InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ImportError, MemoryError, InputError):
        raise
    except Exception as error:
        raise InputError(f"{what}: {brief(error)}") from None


def as_floats(
    values: Any,
    where: str,
    way_out: str = "",
    rows: Any = None,
    allow_nan: bool = False,
) -> Vector:
    """Return real numbers as float64; raise InputError if one is not finite or would be rounded.

    Parameters
    ----------
    values : ndarray (n,)
    where : str
        File and column, for messages.
    way_out : str, default=""
        Advice at the end of messages.
    rows : ndarray (n,) of int or None, default=None
        Rows of the values, from 0 on; None: 0, 1, 2, ...
    allow_nan : bool, default=False
        Whether NaN may be among them.
    """
    if values.dtype.kind in "iu":
        bad = rounded(values)
        if bad.size:
            row = int(bad[0] if rows is None else rows[bad[0]])
            raise InputError(f"{where}, row {row + 1} {too_long(values[bad[0]]).words}{way_out}")
    floats: Vector = values.astype(np.float64, copy=False)
    bad = np.flatnonzero(np.isinf(floats) if allow_nan else ~np.isfinite(floats))
    if bad.size:
        row = int(bad[0] if rows is None else rows[bad[0]])
        found = problem_of(str(floats[bad[0]]))
        raise InputError(f"{where}, row {row + 1} {found.words if found else ''}{way_out}")
    return floats


def rounded(values: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the positions of integers that float64 cannot represent."""
    limit = 2**53
    if not values.size or (-limit <= int(values.min()) and int(values.max()) <= limit):
        return np.empty(0, dtype=np.intp)
    floats = values.astype(np.float64)
    top = 2.0**63 if values.dtype.kind == "i" else 2.0**64
    fits = floats < top
    back = np.where(fits, floats, 0.0).astype(values.dtype)
    return np.flatnonzero(~fits | (back != values))
