"""svmlight files: a target and the entries of a sparse row in each line."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.cli.files import brief
from softreg_fast.cli.tables.archives import check_entries, vectors_of
from softreg_fast.cli.tables.cells import as_number, problem_of
from softreg_fast.cli.tables.foreign import as_floats
from softreg_fast.cli.tables.labels import classes_of
from softreg_fast.cli.tables.opening import open_bytes, open_text
from softreg_fast.cli.tables.roles import Roles, Table
from softreg_fast.options.errors import InputError

# Bytes that a fit needs per column, even an empty one: its entry in the matrix, its mean, its norm,
# the working vectors of the solver (125 were measured, with folds 161).
BYTES_A_COLUMN = 170


def read_svmlight(path: str, roles: Roles) -> Table:
    """Return the table in a svmlight file."""
    from sklearn.datasets import load_svmlight_file

    _check_roles(roles, path)
    try:
        with open_bytes(path) as file:
            if file.read(3) != b"\xef\xbb\xbf":  # the UTF-8 byte order mark that Windows writes
                file.seek(0)
            X, y = load_svmlight_file(file, zero_based=True)
    except (MemoryError, InputError):
        raise
    except Exception as error:
        problem = _first_bad_entry(path) or (
            f"cannot be read as svmlight ({brief(error)}); expected lines: target index:value ..."
        )
        raise InputError(f"{path}: {problem}") from None
    if max(np.abs(y).max(initial=0.0), np.abs(X.data).max(initial=0.0)) >= 2.0**53:
        _check_integers(path)
    if not X.shape[0] or (not X.nnz and not roles.to_predict):
        raise InputError(f"{path} holds no entries; expected lines: target index:value ...")
    first = roles.first_index
    if first is None:
        first = int(np.min(X.indices, initial=1) > 0)
    width = X.shape[1] - first if roles.n_features is None else roles.n_features
    _check_width(X, width, path)
    X = _shifted(X, first, width, path)
    check_entries(X, None, path, first)
    others = vectors_of(roles, [], X.shape[0], path)
    where = f"{path}: the target"
    has_target = not roles.to_predict or roles.evaluates
    target = as_floats(y, where) if has_target else None
    if roles.labels and target is not None:
        target, others["classes"] = classes_of(
            target, where, several=roles.several, known=roles.known
        )
    return Table(X, None, target, first_index=first)._replace(**others)


def _check_width(X: Any, width: int, path: str) -> None:
    """Check that a matrix of `width` columns, maybe mostly empty, fits into memory."""
    needed, free = BYTES_A_COLUMN * width, available_memory()
    if needed > free:
        used = np.unique(X.indices).size
        raise InputError(
            f"{path} has the feature index {X.shape[1] - 1}, so a fit to its {width} columns needs "
            f"{needed / 2**30:.3g} GiB, but {free / 2**30:.3g} GiB are free; only {used} features "
            "occur: number these from 1 on, or remove the index if it is a mistake"
        )


def _check_roles(roles: Roles, path: str) -> None:
    if roles.by_name:
        raise InputError(
            f"{path} is svmlight, without column names, but the model finds its columns by name; "
            "give a table with a header"
        )
    if roles.target is not None:
        raise InputError(f"{path} is svmlight, which holds its own target; leave out --target")
    if roles.ignore:
        raise InputError(
            f"{path} is svmlight, without column names; instead of --ignore give the feature's "
            "index the weight inf in --penalty-weights"
        )
    for option, name in roles.others.items():
        if not name.endswith(".npy"):
            raise InputError(f"{path} is svmlight, without columns; give {option} a .npy file")


def _shifted(X: Any, first: int, width: int, path: str) -> Any:
    """Return the features first, first + 1, ... as columns 0, 1, ...; others are dropped."""
    entries = X.tocoo()
    column = entries.col.astype(np.int64) - first
    if np.min(column, initial=0) < 0:
        raise InputError(f"{path} has a feature 0, but the model's features begin at {first}")
    kept = column < width
    return sp.csc_array(
        (entries.data[kept], (entries.row[kept], column[kept])), shape=(X.shape[0], width)
    )


def _first_bad_entry(path: str) -> str:
    """Return the first problem in a file and its line, found line by line."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].split()
            if words and (problem := _line_problem(words)):
                return (
                    f"line {number}: {problem}; expected a line like: 1.5 3:0.2 7:1 "
                    "(target, then index:value with rising indices)"
                )
    return ""


def _check_integers(path: str) -> None:
    """Check that no integer of the file was rounded."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            for word in line.partition("#")[0].split():
                problem = problem_of(word.rpartition(":")[2])
                if problem is not None and problem.kind == "too long":
                    raise InputError(f"{path}: line {number} {problem.words}")


def _line_problem(words: list[str]) -> str:
    if as_number(words[0]) is None:
        return f"the target is {words[0]!r}"
    last = -1
    for word in words[1:]:
        index, colon, value = word.partition(":")
        if index == "qid":
            continue
        if not re.fullmatch("-?[0-9]{1,100}", index) or as_number(value) is None:
            return f"{word!r} is not index:value"
        number = int(index)
        if number >= 2**31 - 1:
            return f"index {number} is too large (the largest is {2**31 - 2})"
        if number <= last or not colon:
            return f"index {number} follows {last}" if last >= 0 else f"index {number} is negative"
        last = number
    return ""


def available_memory() -> float:
    """Return the bytes of memory still available to this process, infinity if unknown."""
    free = [math.inf]
    with suppress(OSError, ValueError, LookupError):  # Linux
        with open("/proc/meminfo", encoding="ascii") as file:
            told = dict(line.split(":") for line in file)
        free.append(1024.0 * float(told["MemAvailable"].split()[0]))
    with suppress(OSError, ValueError):  # a container
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:
            most = float(limit.read())
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as current:
            free.append(most - float(current.read()))
    with suppress(ImportError, OSError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most != resource.RLIM_INFINITY:
            free.append(float(most))
    return min(free)
