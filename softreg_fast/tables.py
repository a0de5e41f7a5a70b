"""Tables read from text, Parquet, NumPy and svmlight files.

Every problem with a file becomes one `InputError` that says what was given, what is wanted and
what to do, and names the column and the row.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from softreg_fast.files import InputError, brief, check_readable, reason

Vector = NDArray[np.float64]

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "npz",
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
}

TABLE_FORMATS = ("csv", "parquet", "npz", "svmlight")

# How tables write a missing value, in lower case.
MISSING = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "?", ".", "#n/a", "#num!", "#div/0!", "#value!"}
)


@dataclass(frozen=True)
class Roles:
    """Which columns of a table are wanted, and as what.

    Parameters
    ----------
    target, weights : str or None
        Column of the target and of the sample weights; None: not wanted.
    ignore : sequence of str
        Columns to leave out.
    features : sequence of str or None
        The columns of X and their order; None: every column without another role.
    n_features : int or None
        How many columns X must have, where they are not chosen by name.
    first_index : int or None
        The index that a svmlight file gives its first feature; None: 0 if that index occurs in
        the file, else 1.
    """

    target: str | None = None
    weights: str | None = None
    ignore: Sequence[str] = ()
    features: Sequence[str] | None = None
    n_features: int | None = None
    first_index: int | None = None

    @property
    def to_predict(self) -> bool:
        """Whether a model, and not the user, chooses the columns."""
        return self.n_features is not None

    def way_out(self, name: str) -> str:
        """What may be done about a column that cannot be used."""
        if self.to_predict or name in (self.target, self.weights):
            return ""
        return f", or leave the column out with --ignore {_as_argument(name)}"


class Table(NamedTuple):
    """What a file held.

    X : ndarray (Fortran order) or CSC/CSR array, (n_samples, n_features)
    names : list of str or None
    y, weights : ndarray (n_samples,) or None
    first_index : the index that a svmlight file gives its first feature, else None
    """

    X: Any
    names: list[str] | None
    y: Vector | None = None
    weights: Vector | None = None
    first_index: int | None = None

    def label(self, j: int) -> str:
        """The name of feature j, or its number in the file."""
        return str(j + (self.first_index or 0)) if self.names is None else self.names[j]

    def labels(self) -> list[str]:
        """The labels of all features."""
        return [self.label(j) for j in range(self.X.shape[1])]


class _Chosen(NamedTuple):
    features: list[int]
    target: int | None
    weights: int | None

    @property
    def needed(self) -> list[int]:
        return [*self.features, *(j for j in (self.target, self.weights) if j is not None)]


def read_table(
    path: str, roles: Roles, file_format: str | None = None, delimiter: str | None = None
) -> Table:
    """The table in a file, every number in it finite.

    Parameters
    ----------
    path : str
    roles : Roles
    file_format : {"csv", "parquet", "npz", "svmlight"} or None
        None: by the ending of the name.
    delimiter : str or None
        Of a text table; " " stands for any white space, None for whatever the header suggests.

    Raises
    ------
    InputError
    """
    check_readable(path)
    file_format = file_format or _format_of(path)
    if delimiter and file_format != "csv":
        raise InputError(f"--delimiter is for text tables, but {path} is read as {file_format}")
    if file_format == "csv":
        return _read_csv(path, roles, delimiter)
    readers: dict[str, Callable[[str, Roles], Table]] = {
        "parquet": _read_parquet,
        "npz": _read_npz,
        "svmlight": _read_svmlight,
    }
    return readers[file_format](path, roles)


def _format_of(path: str) -> str:
    name = Path(path).name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in FORMATS and not (name.endswith(".gz") and FORMATS[suffix] in ("npz", "parquet")):
        return FORMATS[suffix]
    known = " ".join(FORMATS)
    raise InputError(
        f"the ending of {path} tells no format (known: {known}, and .gz after a text format); "
        "say which with --format"
    )


# ---------------------------------------------------------------------------------------------
# Columns by name.


def as_names(text: str) -> list[str]:
    """The names in a list with commas; a name with a comma stands between double quotes."""
    return next(csv.reader([text]), []) or [""]


def _choose(names: list[str], roles: Roles, path: str) -> _Chosen:
    """The positions of the wanted columns."""
    if roles.to_predict:
        return _Chosen(_columns_of_model(names, roles, path), None, None)
    if roles.target is None:
        raise InputError(f"say which column to predict with --target; {path} has {_listed(names)}")
    if roles.target == roles.weights:
        raise InputError(f'column "{roles.target}" cannot be both --target and --weights')
    for name in (roles.target, roles.weights, *roles.ignore):
        if name is not None and name not in names:
            if _is_number_row(names):
                raise InputError(
                    f"the first line of {path} holds only numbers; wanted is a header with the "
                    f'names of the columns, "{name}" among them'
                )
            raise InputError(f'{path} has no column "{name}"; {_hint(name, names)}')
    if roles.target in roles.ignore or roles.weights in roles.ignore:
        raise InputError("the column of --target or --weights cannot also be in --ignore")
    kept = [j for j, name in enumerate(names) if name not in roles.ignore]
    _check_names([names[j] for j in kept], names, path)
    target = names.index(roles.target)
    weights = names.index(roles.weights) if roles.weights is not None else None
    features = [j for j in kept if j not in (target, weights)]
    if not features:
        raise InputError(f"{path} has no column left for the features; it has {_listed(names)}")
    return _Chosen(features, target, weights)


def _columns_of_model(names: list[str], roles: Roles, path: str) -> list[int]:
    if roles.features is None:
        _check_count(len(names), roles, path)
        return list(range(len(names)))
    first = {name: j for j, name in reversed(list(enumerate(names)))}
    missing = [name for name in roles.features if name not in first]
    if missing:
        raise InputError(
            f"{path} lacks {len(missing)} of the {len(roles.features)} columns that the model "
            f"wants: {_listed(missing)}"
        )
    count = Counter(names)
    twice = [name for name in roles.features if count[name] > 1]
    if twice:
        raise InputError(f"{path} has more than one column named {_listed(twice)}; rename one")
    return [first[name] for name in roles.features]


def _check_count(found: int, roles: Roles, path: str) -> None:
    if roles.n_features is not None and found != roles.n_features:
        raise InputError(
            f"{path} has {found} columns, the model wants {roles.n_features}; without names on "
            "both sides columns are matched by position, so give exactly the features"
        )


def _check_names(kept: list[str], names: list[str], path: str) -> None:
    if "" in kept:
        raise InputError(
            f"column {names.index('') + 1} of {path} has no name (perhaps it numbers the rows?); "
            "name it in the header, or leave it out with --ignore ''"
        )
    twice = [name for name, count in Counter(kept).items() if count > 1]
    if twice:
        raise InputError(f"{path} has more than one column named {_listed(twice)}; rename one")


def _is_number_row(names: Sequence[str]) -> bool:
    return len(names) > 1 and not any(map(_cell_problem, names))


def _hint(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f'did you mean "{close[0]}"?' if close else f"it has {_listed(names)}"


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f'"{name}"' for name in names[:most]) + more


def _as_argument(name: str) -> str:
    return name if re.fullmatch(r"[\w.^+-]+", name) else f'"{name}"'


# ---------------------------------------------------------------------------------------------
# Text tables.


@contextmanager
def _lines(path: str, delimiter: str | None = None) -> Iterator[Iterable[str]]:
    """The lines of a text file; runs of white space as one blank where that is the delimiter."""
    try:
        with _open(path) as file:
            yield (" ".join(line.split()) for line in file) if delimiter == " " else file
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8; save it as such, or say --format") from None
    except (OSError, EOFError, zlib.error) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot read {path}: {said}") from None
    except csv.Error as error:
        raise InputError(
            f"{path} is not a well-formed text table: {error}; perhaps a double quote is not closed"
        ) from None


def _open(path: str) -> IO[str]:
    if path.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _read_csv(path: str, roles: Roles, delimiter: str | None) -> Table:
    delimiter = delimiter or _sniff(path)
    with _lines(path, delimiter) as lines:
        header = _header(lines, delimiter, path)
        chosen = _choose(header, roles, path)
        data, said = None, ""
        try:
            data = _parse(lines, delimiter, len(header), chosen.needed)
        except UnicodeDecodeError:
            raise
        except ValueError as error:
            said = str(error)
    if data is None or not np.isfinite(data).all():
        problem = _first_problem(path, delimiter, header, chosen.needed, roles)
        raise InputError(f"{path}: {problem or said}")
    if not len(data):
        raise InputError(f"{path} has a header but no rows")
    columns = data.T
    return Table(
        columns[chosen.features].T,
        [header[j] for j in chosen.features],
        None if chosen.target is None else columns[chosen.target].copy(),
        None if chosen.weights is None else columns[chosen.weights].copy(),
    )


def _sniff(path: str) -> str:
    if path.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    with _lines(path) as lines:
        filled = (line for line in lines if line.strip())
        first, second = next(filled, ""), next(filled, "")

    def width(line: str, delimiter: str) -> int:
        if delimiter == " ":
            return len(line.split())
        return len(next(csv.reader([line], delimiter=delimiter), ()))

    # the most columns, first of all among those that the first row of numbers has as well
    return max(
        (",", ";", "\t", "|", " "),
        key=lambda d: (
            d != " " and width(first, d) > 1,
            width(first, d) == width(second, d),
            width(first, d),
        ),
    )


def _header(lines: Iterable[str], delimiter: str, path: str) -> list[str]:
    for row in csv.reader(lines, delimiter=delimiter, strict=True):
        if row:
            return [name.strip() for name in row]
    raise InputError(f"{path} is empty; wanted is a header with the names of the columns")


def _parse(
    lines: Iterable[str], delimiter: str, width: int, needed: list[int]
) -> NDArray[np.float64]:
    """The rows as (n_samples, width); columns that are not needed hold zeros."""
    others = set(range(width)).difference(needed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input contained no data.*")
        data = np.loadtxt(
            lines,
            delimiter=delimiter,
            comments=None,
            quotechar='"',
            encoding="utf-8",
            ndmin=2,
            converters=dict.fromkeys(others, lambda cell: 0.0) or None,
        )
    if data.size and data.shape[1] != width:
        raise ValueError(f"the rows have {data.shape[1]} cells, but the header has {width}")
    return data


def _first_problem(
    path: str, delimiter: str, header: list[str], needed: list[int], roles: Roles
) -> str:
    """What is wrong where: the slow way, cell by cell, taken only when there is a problem."""
    needed = sorted(needed)
    with _lines(path, delimiter) as lines:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        rows = (row for row in reader if row)
        next(rows)
        for row in rows:
            if len(row) != len(header):
                return (
                    f"line {reader.line_num} has {len(row)} cells, but the header has "
                    f"{len(header)}; wanted is a row of equal length (text with the delimiter in "
                    "it belongs between double quotes)"
                )
            for j in needed:
                if problem := _cell_problem(row[j]):
                    where = f'column "{header[j]}", line {reader.line_num}'
                    return f"{where} {problem}{roles.way_out(header[j])}"
    return ""


def _cell_problem(cell: str) -> str:
    text = cell.strip()
    if text.lower() in MISSING:
        given = f"holds {text!r}, a missing value" if text else "is empty"
        return f"{given}; wanted is a number in every row: fill it in, remove the row"
    try:
        finite = np.isfinite(float(text)) and "_" not in text
    except ValueError:
        shown = text if len(text) <= 40 else text[:37] + "..."
        way = "write categories as 0/1"
        if re.fullmatch(r"[-+]?\d*,\d+", text):
            way = f"write {text.replace(',', '.')}"
        return f"holds {shown!r}; wanted is a number: {way}"
    return "" if finite else f"holds {text!r}; wanted is a finite number: correct it"


@contextmanager
def _foreign(what: str) -> Iterator[None]:
    """Where somebody else's reader works, which may raise anything about a damaged file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{what}: {brief(error)}") from None


# ---------------------------------------------------------------------------------------------
# Parquet.


def _read_parquet(path: str, roles: Roles) -> Table:
    try:
        import pandas as pd

        with _foreign(f"{path} cannot be read as Parquet"):
            frame = pd.read_parquet(path)
    except ImportError as error:
        raise InputError(
            f"reading {path} needs pandas and pyarrow; install them with: "
            f'pip install "softreg_fast[parquet]" ({brief(error)})'
        ) from None
    names = [str(name) for name in frame.columns]
    if not len(frame):
        raise InputError(f"{path} has no rows")
    chosen = _choose(names, roles, path)

    def column(j: int) -> NDArray[Any]:
        return _frame_column(frame.iloc[:, j], names[j], roles, path)

    X = np.empty((len(frame), len(chosen.features)), order="F")
    for k, j in enumerate(chosen.features):
        X[:, k] = column(j)
    return Table(
        X,
        [names[j] for j in chosen.features],
        None if chosen.target is None else column(chosen.target),
        None if chosen.weights is None else column(chosen.weights),
    )


def _frame_column(series: Any, name: str, roles: Roles, path: str) -> Vector:
    where = f'{path}: column "{name}"'
    if getattr(series.dtype, "kind", "O") not in "fiub":
        given = str(series.iloc[0])[:40]
        raise InputError(
            f"{where}, row 1 holds {given!r} ({series.dtype}); wanted are numbers: write them so "
            f"(categories as 0/1){roles.way_out(name)}"
        )
    values: Vector = series.to_numpy(dtype=np.float64, na_value=np.nan)
    _check_column(values, where, roles.way_out(name))
    return values


def _check_column(values: Vector, where: str, way_out: str = "") -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        problem = _cell_problem("" if np.isnan(values[row]) else str(values[row]))
        raise InputError(f"{where}, row {row + 1} {problem}{way_out}")


# ---------------------------------------------------------------------------------------------
# NumPy archives.


def _read_npz(path: str, roles: Roles) -> Table:
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} is not a whole .npz archive; wanted are arrays X and y from numpy.savez, or a "
            "matrix from scipy.sparse.save_npz"
        )
    with _foreign(f"{path} is a damaged archive"), zipfile.ZipFile(path) as archive:
        arrays = [name.removesuffix(".npy") for name in archive.namelist()]
    if {"format", "shape"} <= set(arrays):
        X, arrays = _sparse_matrix(path), []
    elif "X" in arrays:
        X = _array(path, "X")
    else:
        raise InputError(f"{path} has no array X; it has {_listed(arrays) or 'none at all'}")
    _check_matrix(X, path)
    names = None
    if "feature_names" in arrays:
        names = _feature_names(_array(path, "feature_names"), X.shape[1], path)
    y = weights = None
    if not roles.to_predict:
        y = _vector(_target_array(arrays, roles, path), arrays, X.shape[0], path, "--target")
    if roles.weights is not None:
        weights = _vector(roles.weights, arrays, X.shape[0], path, "--weights")
    return _of_matrix(X, names, y, weights, roles, path)


def _sparse_matrix(path: str) -> Any:
    with _foreign(f"{path} cannot be read as a sparse matrix"):
        X = sp.load_npz(path)
        if hasattr(X, "check_format"):
            X.check_format(full_check=True)
    return X


def _array(path: str, name: str) -> Any:
    """One array of an archive, or the array of a .npy file (name "")."""
    what = f'the array "{name}" of {path}' if name else path
    with _foreign(f"{what} cannot be read (save numbers, or names by .astype(str))"):
        loaded = np.load(path, allow_pickle=False)
        if not name:
            return loaded
        with loaded:
            return loaded[name]


def _target_array(arrays: list[str], roles: Roles, path: str) -> str:
    if roles.target is None and "y" not in arrays:
        wanted = "the array in it or a .npy file" if arrays else "a .npy file"
        raise InputError(f"{path} has no array y; name {wanted} with the target by --target")
    return roles.target or "y"


def _vector(spec: str, arrays: list[str], n: int, path: str, option: str) -> Vector:
    """One number a row, from an array of the archive or from a .npy file."""
    if spec.endswith(".npy"):
        check_readable(spec)
        where, values = spec, _array(spec, "")
    elif spec in arrays:
        where, values = f'{path}: array "{spec}"', _array(path, spec)
    else:
        those = f"one of {_listed(arrays)} or " if arrays else ""
        raise InputError(f'{path} has no array "{spec}" for {option}; give {those}a .npy file')
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        raise InputError(f"{where} does not hold real numbers; {option} wants one for each row")
    if values.shape not in ((n,), (n, 1)):
        raise InputError(
            f"{where} has shape {values.shape}; {option} wants one number for each of the {n} rows"
        )
    vector = values.reshape(n).astype(np.float64)
    _check_column(vector, where)
    return vector


def _check_matrix(X: Any, path: str) -> None:
    if X.ndim != 2 or not min(X.shape):
        raise InputError(f"{path}: X has shape {X.shape}; wanted are rows and columns of numbers")
    if X.dtype.kind not in "fiub":
        raise InputError(f"{path}: X has dtype {X.dtype}; wanted are real numbers")


def _feature_names(given: Any, n_features: int, path: str) -> list[str] | None:
    if given is None:
        return None
    if given.shape != (n_features,):
        raise InputError(
            f"{path}: feature_names has shape {given.shape}, but X has {n_features} columns; "
            "wanted is one name for each"
        )
    names = [str(name) for name in given]
    _check_names(names, names, path)
    return names


def _of_matrix(
    X: Any,
    names: list[str] | None,
    y: Vector | None,
    weights: Vector | None,
    roles: Roles,
    path: str,
) -> Table:
    """X as a table, with the columns that are wanted."""
    kept: list[int] | None = None
    if roles.to_predict and (names is None or roles.features is None):
        _check_count(X.shape[1], roles, path)
    elif roles.to_predict and names is not None:
        kept = _columns_of_model(names, roles, path)
    elif roles.ignore and names is None:
        raise InputError(
            f"{path} has no names for its columns, so --ignore cannot leave one out; give it the "
            "weight inf in --penalty-weights instead"
        )
    elif roles.ignore and names is not None:
        unknown = [name for name in roles.ignore if name not in names]
        if unknown:
            raise InputError(f'{path} has no column "{unknown[0]}"; {_hint(unknown[0], names)}')
        kept = [j for j, name in enumerate(names) if name not in roles.ignore]
        if not kept:
            raise InputError(f"{path} has no column left for the features")
    if kept is not None and names is not None:
        X, names = X.tocsc()[:, kept] if sp.issparse(X) else X[:, kept], [names[j] for j in kept]
    _check_entries(X, names, path)
    return Table(X, names, y, weights)


def _check_entries(X: Any, names: list[str] | None, path: str, first: int = 0) -> None:
    entries = X.data if sp.issparse(X) else X
    if X.dtype.kind != "f" or np.isfinite(entries).all():
        return
    found = X.tocoo() if sp.issparse(X) else None
    if found is None:
        row, j = map(int, np.argwhere(~np.isfinite(X))[0])
    else:
        k = int(np.flatnonzero(~np.isfinite(found.data))[0])
        row, j = int(found.row[k]), int(found.col[k])
    name = str(j + first) if names is None else f'"{names[j]}"'
    raise InputError(
        f"{path}: feature {name}, row {row + 1} is missing or infinite (nan or inf); wanted is a "
        "finite number: fill it in or remove the row"
    )


# ---------------------------------------------------------------------------------------------
# svmlight.


def _read_svmlight(path: str, roles: Roles) -> Table:
    from sklearn.datasets import load_svmlight_file

    _check_svmlight_roles(roles, path)
    try:
        with gzip.open(path, "rb") if path.lower().endswith(".gz") else open(path, "rb") as file:
            X, y = load_svmlight_file(file, zero_based=True)
    except MemoryError:
        raise
    except Exception as error:
        problem = _first_bad_entry(path) or brief(error)
        raise InputError(f"{path}: {problem}") from None
    if not X.shape[0] or (not X.nnz and not roles.to_predict):
        raise InputError(f"{path} holds no entries; wanted are lines: target index:value ...")
    first = roles.first_index
    if first is None:
        first = int(np.min(X.indices, initial=1) > 0)
    width = X.shape[1] - first if roles.n_features is None else roles.n_features
    X = _shifted(X, first, width, path)
    _check_entries(X, None, path, first)
    y = np.asarray(y, dtype=np.float64)
    if not roles.to_predict:
        _check_column(y, f"{path}: the target")
    weights = None
    if roles.weights is not None:
        weights = _vector(roles.weights, [], len(y), path, "--weights")
    return Table(X, None, None if roles.to_predict else y, weights, first)


def _check_svmlight_roles(roles: Roles, path: str) -> None:
    if roles.target is not None:
        raise InputError(f"{path} is svmlight, which holds its own target; leave out --target")
    if roles.ignore:
        raise InputError(
            f"{path} is svmlight, without column names; instead of --ignore give the feature's "
            "index the weight inf in --penalty-weights"
        )
    if roles.weights is not None and not roles.weights.endswith(".npy"):
        raise InputError(f"{path} is svmlight, without columns; give --weights a .npy file")


def _shifted(X: Any, first: int, width: int, path: str) -> Any:
    """The features first, first + 1, ... as columns 0, 1, ...; others are left out."""
    entries = X.tocoo()
    column = entries.col.astype(np.int64) - first
    if np.min(column, initial=0) < 0:
        raise InputError(f"{path} has a feature 0, but the model's features begin at {first}")
    kept = column < width
    return sp.csc_array(
        (entries.data[kept], (entries.row[kept], column[kept])), shape=(X.shape[0], width)
    )


def _first_bad_entry(path: str) -> str:
    """What is wrong where in a svmlight file, found line by line."""
    with _lines(path) as lines:
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].split()
            if words and (problem := _line_problem(words)):
                return (
                    f"line {number}: {problem}; wanted is a line like: 1.5 3:0.2 7:1 "
                    "(target, then index:value with rising indices)"
                )
    return ""


def _line_problem(words: list[str]) -> str:
    try:
        float(words[0])
    except ValueError:
        return f"the target is {words[0]!r}"
    last = -1
    for word in words[1:]:
        index, colon, value = word.partition(":")
        if index == "qid":
            continue
        try:
            number = int(index)
            float(value)
        except ValueError:
            return f"{word!r} is not index:value"
        if number <= last or not colon:
            return f"index {number} follows {last}" if last >= 0 else f"index {number} is negative"
        last = number
    return ""


# ---------------------------------------------------------------------------------------------
# Penalty weights.


def read_penalty_weights(path: str, labels: Sequence[str]) -> tuple[Vector | None, Vector | None]:
    """The weights l1 and l2 of every feature, 1 where the file says nothing.

    The file is a text table with a column "feature" and a column "l1", "l2" or both; a weight is
    a number >= 0 or inf. A column that the file does not have comes back as None.
    """
    check_readable(path)
    delimiter = _sniff(path)
    with _lines(path, delimiter) as lines:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    header = rows[0][1] if rows else []
    kinds = [name for name in header if name != "feature"]
    if "feature" not in header or not kinds or sorted(set(kinds) | {"l1", "l2"}) != ["l1", "l2"]:
        raise InputError(
            f"{path} has the columns {_listed(header)}; wanted are feature and l1, l2 or both"
        )
    position = {label: j for j, label in enumerate(labels)}
    vectors = {kind: np.ones(len(labels)) for kind in kinds}
    seen: set[str] = set()
    for line, row in rows[1:]:
        cells = dict(zip(header, row, strict=False))
        if len(row) != len(header):
            raise InputError(f"{path}, line {line} has {len(row)} cells, wanted: {len(header)}")
        feature = cells["feature"]
        if feature not in position:
            hint = _hint(feature, labels)
            raise InputError(f'{path}, line {line}: the data have no feature "{feature}"; {hint}')
        if feature in seen:
            raise InputError(f'{path}, line {line}: feature "{feature}" comes a second time')
        seen.add(feature)
        for kind in kinds:
            vectors[kind][position[feature]] = _weight(cells[kind], f"{path}, line {line}")
    return vectors.get("l1"), vectors.get("l2")


def _weight(cell: str, where: str) -> float:
    try:
        weight = float(cell)
    except ValueError:
        weight = -1.0
    if not weight >= 0.0:
        raise InputError(
            f"{where}: the weight is {cell!r}; wanted is a number >= 0 "
            "(0: not penalised, inf: left out)"
        )
    return weight
