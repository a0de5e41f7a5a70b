"""Range checks for numeric parameters of networks and their training."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.options.scalars import is_integer, is_real


def check_integer(
    name: str, value: Any, least: int = 1, *, plain: bool = False, otherwise: str = ""
) -> None:
    """Raise ValueError unless `value` is an integer >= `least`.

    Parameters
    ----------
    name : str
    value : any
    least : int, default=1
    plain : bool, default=False
        Expect an int of Python, for values in checkpoints, which are loaded as plain data.
    otherwise : str
        Added to the message, to name other allowed values.
    """
    fits = is_integer(value) and (isinstance(value, int) or not plain)
    if not fits or value < least:
        raise ValueError(f"{name} must be an integer >= {least}{otherwise}, got {value!r}.")


def check_real(
    name: str, value: Any, *, above: bool = False, most: float = np.inf, below: float = np.inf
) -> None:
    """Raise ValueError unless value is a number >= 0 (> 0 if `above`), <= `most` and < `below`."""
    fits = is_real(value) and (value > 0.0 if above else value >= 0.0)
    if fits and value <= most and value < below:
        return
    wanted = f"a number {'>' if above else '>='} 0"
    wanted += f" and <= {most:g}" if most < np.inf else ""
    wanted += f" and < {below:g}" if below < np.inf else ""
    raise ValueError(f"{name} must be {wanted}, got {value!r}.")
