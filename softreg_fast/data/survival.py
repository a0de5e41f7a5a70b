"""Survival times as targets: what users give, checked and as columns of numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softreg_fast.data.validation import as_real, check_finite
from softreg_fast.losses.base import Loss
from softreg_fast.losses.cox import WIDTH
from softreg_fast.options.types import Vector

EXPECTED = (
    "an array made by sf.survival(time, event), a structured array with an event and a time, "
    "(n_samples, 2) numbers [time, event] or (n_samples, 3) numbers [start, stop, event]"
)


class Survival(NamedTuple):
    """Checked survival times.

    Attributes
    ----------
    y : ndarray (n_samples, 4)
        Entry (-inf: from the beginning), end, event or not, number of the stratum.
    labels : ndarray (n_strata,) or None
        Names of the strata; None: there is one, without a name.
    """

    y: NDArray[np.float64]
    labels: NDArray[Any] | None


def survival(
    time: ArrayLike,
    event: ArrayLike,
    start: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> NDArray[Any]:
    """Return survival times as a target of loss="cox": a structured array, one row per sample.

    Parameters
    ----------
    time : array-like (n_samples,)
        Time of the event, or the last time at which the sample was known to be without one. Only
        the order of times matters.
    event : array-like (n_samples,) of bool, or of 0 and 1
        Whether the event was observed at that time; if not, the sample is censored.
    start : array-like (n_samples,) or None, default=None
        Time after which a sample is at risk (left truncation, or the rows of a subject whose
        features change): it is on (start, time]. None: all are from the beginning.
    strata : array-like (n_samples,) of labels or None, default=None
        Stratum of each sample; each stratum has a baseline hazard of its own. None: there is one.

    Returns
    -------
    ndarray (n_samples,) with the fields event, time and, if given, start and strata

    Raises
    ------
    ValueError, TypeError
        For negative or missing times, events other than 0 and 1, start >= time, and missing
        labels.

    Examples
    --------
    >>> from softreg_fast import survival
    >>> survival([5, 2], [True, False], strata=["a", "b"])["time"]
    array([5., 2.])
    """
    parts: dict[str, Any] = {"event": _events("event", event), "time": _numbers("time", time)}
    if start is not None:
        parts["start"] = _numbers("start", start)
    if strata is not None:
        parts["strata"] = _labels(strata)
    n = len(parts["time"])
    for name, values in parts.items():
        if len(values) != n:
            raise ValueError(
                f"time has {n} entries and {name} has {len(values)}; give one of each for every "
                "sample."
            )
    _check_order(parts["time"], parts.get("start"))
    found = np.empty(n, [(name, values.dtype) for name, values in parts.items()])
    for name, values in parts.items():
        found[name] = values
    return found


def as_survival(y: Any, n_samples: int) -> Survival:
    """Return survival times, given in any of the forms that `survival` stands for.

    Raises
    ------
    ValueError, TypeError
        For what is none of them, and as `survival` does.
    """
    if getattr(getattr(y, "dtype", None), "names", None):
        parts = _fields(np.asarray(y))
    else:
        parts = _columns(y)
    checked = survival(**parts)
    if len(checked) != n_samples:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_samples}, "
            f"y has {len(checked)}; give one survival time for each row of X."
        )
    columns = np.zeros((n_samples, WIDTH))
    names, labels = checked.dtype.names or (), None
    columns[:, 0] = checked["start"] if "start" in names else -np.inf
    columns[:, 1], columns[:, 2] = checked["time"], checked["event"]
    if "strata" in names:
        labels, columns[:, 3] = np.unique(checked["strata"], return_inverse=True)
    return Survival(columns, labels)


def check_no_survival(y: Any, loss: Loss) -> Any:
    """Return y; raise ValueError if it is made by `survival`, under a loss of something else."""
    names = getattr(getattr(y, "dtype", None), "names", None) or ()
    if "time" in names and "event" in names:
        raise ValueError(f"y holds survival times, which are for loss='cox'; the loss is {loss!r}.")
    return y


def _fields(y: NDArray[Any]) -> dict[str, Any]:
    names = list(y.dtype.names or ())
    if "time" in names and "event" in names:
        return {name: y[name] for name in ("time", "event", "start", "strata") if name in names}
    flags = [name for name in names if y.dtype[name].kind == "b"]
    if len(names) != 2 or len(flags) != 1:
        raise ValueError(
            f"y has the fields {', '.join(names)}; expected event and time, or one of booleans and "
            "one of times, as scikit-survival has them; sf.survival(time, event) makes them."
        )
    return {"event": y[flags[0]], "time": y[next(name for name in names if name != flags[0])]}


def _columns(y: Any) -> dict[str, Any]:
    shape = y.shape if hasattr(y, "shape") else np.shape(y)
    if len(shape) != 2 or shape[1] not in (2, 3):
        given = "None" if y is None else f"an array of shape {tuple(shape)}"
        raise ValueError(f"y is {given}; loss='cox' wants survival times: {EXPECTED}.")
    values = as_real("y", y, dtype=np.float64, ensure_all_finite=False)
    check_finite("y", values)
    if values.shape[1] == 2:
        return {"time": values[:, 0], "event": values[:, 1]}
    return {"start": values[:, 0], "time": values[:, 1], "event": values[:, 2]}


def _numbers(name: str, given: Any) -> Vector:
    if type(given) is np.ndarray and given.dtype == np.float64 and given.ndim == 1 and len(given):
        check_finite(name, given)
        return given
    options = {"ensure_2d": False, "allow_nd": True, "ensure_all_finite": False}
    if np.ndim(given) == 0:
        raise ValueError(f"{name} is {given!r}; expected one number for every sample.")
    values = as_real(name, given, dtype=np.float64, **options)
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}; expected a vector.")
    check_finite(name, values)
    return np.asarray(values)


def _events(name: str, given: Any) -> NDArray[np.bool_]:
    if type(given) is np.ndarray and given.dtype == np.bool_ and given.ndim == 1 and len(given):
        return given
    values = _numbers(name, given)
    bad = ~np.isin(values, (0.0, 1.0))
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"{name} must be True or 1 where an event was observed and False or 0 where not, but "
            f"{name}[{k}] is {values[k]:g}; of a status coded as 1 and 2 give status == 2."
        )
    return np.asarray(values == 1.0)


def _labels(given: Any) -> NDArray[Any]:
    each = np.asarray(given, dtype=object).ravel()
    missing = [label is None or label != label for label in each]
    if any(missing):
        raise ValueError(
            f"strata[{missing.index(True)}] is missing; give every sample the label of a stratum."
        )
    labels = np.asarray(given)
    if labels.ndim != 1:
        raise ValueError(f"strata has shape {labels.shape}; expected one label for every sample.")
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def _check_order(time: Vector, start: Vector | None) -> None:
    if start is None:
        if (time < 0.0).any():
            k = int(np.argmin(time))
            raise ValueError(
                f"Survival times are durations, and time[{k}] is {time[k]:g}; only their order "
                "matters, so that a constant may be added."
            )
        return
    bad = start >= time
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"A sample is at risk after its start until its time, but start[{k}] is "
            f"{start[k]:g} and time[{k}] is {time[k]:g}; leave out samples of no length."
        )
