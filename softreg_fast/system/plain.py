"""Records of numbers, texts and arrays as JSON, and back: nothing is executed on the way."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

# Arrays of these kinds are written as their bytes, in the order of small machines.
KINDS = "fiub"

# The key under which a value that JSON does not know says what it is.
IS = "is"


def plain(value: Any, what: str, of_class: Mapping[type, Callable[[Any], Any]]) -> Any:
    """Return a value as JSON has it.

    Parameters
    ----------
    value : None, bool, number, str, tuple, list, dict of str, array, csc_array, or record
        A record is a dataclass or a named tuple.
    what : str
        What it is, for messages.
    of_class : dict
        For classes that are no records: functions that return something else for a value.

    Raises
    ------
    TypeError
        For anything else.
    """

    def inner(part: Any, name: Any) -> Any:
        return plain(part, f"{what}, {name}", of_class)

    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if np.isfinite(value) else {IS: "float", "text": repr(value)}
    if isinstance(value, np.generic) and value.dtype.kind in KINDS + "U":
        return plain(value.item(), what, of_class)
    for kind, written in of_class.items():
        if isinstance(value, kind):
            return inner(written(value), "")
    if isinstance(value, np.ndarray):
        return _array(value, inner)
    if sp.issparse(value):
        parts = {name: inner(getattr(value, name), name) for name in ("data", "indices", "indptr")}
        return {IS: "csc", "shape": list(map(int, value.shape)), **parts}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return _record(value, names, inner)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _record(value, list(value._fields), inner)
    if type(value) in (tuple, list):
        found = [inner(part, k) for k, part in enumerate(value)]
        return found if type(value) is list else {IS: "tuple", "items": found}
    if type(value) is dict and all(type(key) is str for key in value):
        return {IS: "dict", "items": {key: inner(part, key) for key, part in value.items()}}
    raise TypeError(
        f"{what} is {value!r} ({type(value).__name__}), which a file cannot hold; names of "
        "features and classes may be text, numbers or booleans."
    )


def _record(value: Any, names: list[str], inner: Callable[[Any, Any], Any]) -> Any:
    fields = {name: inner(getattr(value, name), name) for name in names}
    return {IS: "record", "class": type(value).__name__, "fields": fields}


def _array(value: Any, inner: Callable[[Any, Any], Any]) -> Any:
    shape = list(value.shape)
    if value.dtype.kind in KINDS:
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        text = base64.b64encode(little.tobytes()).decode("ascii")
        return {IS: "array", "dtype": little.dtype.str, "shape": shape, "base64": text}
    items = [inner(part, k) for k, part in enumerate(value.ravel().tolist())]
    kind = "U" if value.dtype.kind == "U" else "O"
    return {IS: "array", "dtype": kind, "shape": shape, "items": items}


def restored(held: Any, records: Mapping[str, Callable[..., Any]]) -> Any:
    """Return the value that `plain` has written.

    Parameters
    ----------
    held : value of JSON
    records : dict
        The classes of records, and what restores values of other classes, by their names.

    Raises
    ------
    ValueError, TypeError, KeyError
        For anything that `plain` does not write.
    """
    if held is None or type(held) in (bool, int, float, str):
        return held
    if type(held) is list:
        return [restored(part, records) for part in held]
    if type(held) is not dict:
        raise TypeError(f"a value of type {type(held).__name__}")
    kind = held[IS]
    if kind == "float":
        return {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}[held["text"]]
    if kind == "tuple":
        return tuple(restored(part, records) for part in held["items"])
    if kind == "dict":
        return {str(key): restored(part, records) for key, part in held["items"].items()}
    if kind == "array":
        return _restored_array(held, records)
    if kind == "csc":
        parts = tuple(restored(held[name], records) for name in ("data", "indices", "indptr"))
        found = sp.csc_array(parts, shape=tuple(map(int, held["shape"])))
        found.check_format(full_check=True)
        return found
    if kind == "record":
        fields = {str(key): restored(part, records) for key, part in held["fields"].items()}
        return records[held["class"]](**fields)
    raise ValueError(f"a value of kind {kind!r}")


def _restored_array(held: dict[str, Any], records: Mapping[str, Callable[..., Any]]) -> Any:
    shape = tuple(int(n) for n in held["shape"])
    if min(shape, default=0) < 0:
        raise ValueError(f"an array of shape {shape}")
    if held["dtype"] in ("U", "O"):
        items = [restored(part, records) for part in held["items"]]
        if held["dtype"] == "U":
            return np.array(items, dtype=str).reshape(shape)
        found = np.empty(len(items), dtype=object)
        found[:] = items
        return found.reshape(shape)
    dtype = np.dtype(held["dtype"])
    if dtype.kind not in KINDS:
        raise ValueError(f"an array of dtype {dtype}")
    content = base64.b64decode(held["base64"], validate=True)
    # of the machine's own byte order, and not read-only
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
