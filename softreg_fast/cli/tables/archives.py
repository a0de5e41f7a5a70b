"""NumPy archives: arrays by name, or a sparse matrix."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.cli.files import check_readable
from softreg_fast.cli.tables.cells import too_long
from softreg_fast.cli.tables.foreign import as_floats, foreign, rounded
from softreg_fast.cli.tables.labels import HINT, classes_of
from softreg_fast.cli.tables.roles import (
    Roles,
    Table,
    by_position,
    check_count,
    check_known,
    check_names,
    columns_of_model,
)
from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import composed, listed


def read_archive(path: str, roles: Roles) -> Table:
    """Return the table in a .npz archive."""
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} is not a whole .npz archive; expected arrays X and y from numpy.savez, or a "
            "matrix from scipy.sparse.save_npz"
        )
    with foreign(f"{path} is a damaged archive"), zipfile.ZipFile(path) as archive:
        arrays = [name.removesuffix(".npy") for name in archive.namelist()]
    if {"format", "shape"} <= set(arrays):
        X, arrays = _sparse_matrix(path), []
    elif "X" in arrays:
        X = _array(path, "X")
    else:
        raise InputError(f"{path} has no array X; it has {listed(arrays) or 'none at all'}")
    _check_matrix(X, path)
    names = None
    if "feature_names" in arrays:
        names = _feature_names(_array(path, "feature_names"), X.shape[1], path)
    others = vectors_of(roles, arrays, X.shape[0], path)
    if not roles.to_predict or roles.evaluates:
        spec = _target_array(arrays, roles, path)
        others["y"] = _vector_of(spec, arrays, X.shape[0], path, "--target", roles.labels)
        if roles.labels:
            where = spec if spec.endswith(".npy") else f'{path}: array "{spec}"'
            others["y"], others["classes"] = classes_of(
                others["y"], where, several=roles.several, known=roles.known
            )
    return _of_matrix(X, names, others, roles, path)


def _sparse_matrix(path: str) -> Any:
    with foreign(f"{path} cannot be read as a sparse matrix"):
        X = sp.load_npz(path)
        if hasattr(X, "check_format"):
            X.check_format(full_check=True)
    return X


def _array(path: str, name: str) -> Any:
    """Return one array of an archive, or the array of a .npy file (name "")."""
    what = f'the array "{name}" of {path}' if name else path
    with foreign(f"{what} cannot be read (save numbers, or names by .astype(str))"):
        loaded = np.load(path, allow_pickle=False)
        if not name:
            return loaded
        with loaded:
            return loaded[name]


def _target_array(arrays: list[str], roles: Roles, path: str) -> str:
    if roles.target is None and "y" not in arrays:
        what = "the array in it or a .npy file" if arrays else "a .npy file"
        raise InputError(f"{path} has no array y; name {what} with the target by --target")
    return roles.target or "y"


def vectors_of(roles: Roles, arrays: list[str], n: int, path: str) -> dict[str, Any]:
    """Return the sample weights and the offset if they are requested, as fields of a Table."""
    named = {"weights": roles.weights, "offset": roles.offset}
    return {
        name: _vector_of(spec, arrays, n, path, f"--{name}")
        for name, spec in named.items()
        if spec is not None
    }


def _vector_of(
    spec: str, arrays: list[str], n: int, path: str, option: str, labels: bool = False
) -> Any:
    """Return one number per row, or label, from an array of the archive or from a .npy file."""
    if spec.endswith(".npy"):
        check_readable(spec)
        where, values = spec, _array(spec, "")
    elif spec in arrays:
        where, values = f'{path}: array "{spec}"', _array(path, spec)
    else:
        those = f"one of {listed(arrays)} or " if arrays else ""
        raise InputError(f'{path} has no array "{spec}" for {option}; give {those}a .npy file')
    is_text = isinstance(values, np.ndarray) and values.dtype.kind == "U"
    if not isinstance(values, np.ndarray) or not (
        values.dtype.kind in "fiub" or (labels and is_text)
    ):
        hint = HINT if is_text and option == "--target" else ""
        raise InputError(
            f"{where} does not hold real numbers; expected one for each row ({option}){hint}"
        )
    if values.shape not in ((n,), (n, 1)):
        raise InputError(
            f"{where} has shape {values.shape}; expected one number for each of the {n} rows "
            f"({option})"
        )
    return values.reshape(n) if is_text else as_floats(values.reshape(n), where)


def _check_matrix(X: Any, path: str) -> None:
    if X.ndim != 2 or not min(X.shape):
        raise InputError(f"{path}: X has shape {X.shape}; expected rows and columns of numbers")
    if X.dtype.kind not in "fiub":
        raise InputError(f"{path}: X has dtype {X.dtype}; expected real numbers")


def _feature_names(given: Any, n_features: int, path: str) -> list[str] | None:
    if given is None:
        return None
    if given.shape != (n_features,):
        raise InputError(
            f"{path}: feature_names has shape {given.shape}, but X has {n_features} columns; "
            "expected one name for each"
        )
    if given.dtype.kind == "S":
        with foreign(f"{path}: feature_names cannot be read"):
            given = np.char.decode(given, "utf-8")
    names = [composed(str(name)) for name in given]
    check_names(names, names, path)
    return names


def _of_matrix(
    X: Any,
    names: list[str] | None,
    others: dict[str, Any],
    roles: Roles,
    path: str,
) -> Table:
    """Return X as a table, with the requested columns."""
    kept: list[int] | None = None
    if roles.to_predict and (names is None or roles.features is None):
        check_count(X.shape[1], roles, path)
    elif roles.to_predict and names is not None:
        kept = columns_of_model(names, roles, path)
    elif roles.ignore and names is None:
        raise InputError(
            f"{path} has no names for its columns, so --ignore cannot leave one out; give it the "
            "weight inf in --penalty-weights instead"
        )
    elif roles.ignore and names is not None:
        for name in roles.ignore:
            check_known(name, names, path)
        kept = [j for j, name in enumerate(names) if name not in roles.ignore]
        if not kept:
            raise InputError(f"{path} has no column left for the features")
    notes = by_position(roles, names, path)
    if kept is not None and names is not None:
        X, names = X.tocsc()[:, kept] if sp.issparse(X) else X[:, kept], [names[j] for j in kept]
    check_entries(X, names, path)
    return Table(X, names, notes=notes)._replace(**others)


def check_entries(X: Any, names: list[str] | None, path: str, first: int = 0) -> None:
    """Check that all entries of a matrix are finite, and none would be rounded by float64."""
    entries = X.data if sp.issparse(X) else X
    if X.dtype.kind in "iu" and rounded(entries).size:
        row, j = _place(X, rounded)
        said = too_long(X[row, j] if not sp.issparse(X) else X.tocsr()[row, j]).words
    elif X.dtype.kind == "f" and not np.isfinite(entries).all():
        row, j = _place(X, _not_finite)
        said = (
            "is missing or infinite (nan or inf); expected a finite number: fill it in or remove "
            "the row"
        )
    else:
        return
    name = str(j + first) if names is None else f'"{names[j]}"'
    raise InputError(f"{path}: feature {name}, row {row + 1} {said}")


def _not_finite(values: Any) -> Any:
    return np.flatnonzero(~np.isfinite(values))


def _place(X: Any, positions: Callable[[Any], Any]) -> tuple[int, int]:
    """Return the row and column of the first entry selected by `positions`."""
    if sp.issparse(X):
        found = X.tocoo()
        k = int(positions(found.data)[0])
        return int(found.row[k]), int(found.col[k])
    row, j = divmod(int(positions(X.reshape(-1))[0]), X.shape[1])
    return row, j
