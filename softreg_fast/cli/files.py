"""Model and result files, each written whole or not at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from softreg_fast.options.spelling import composed, printable
from softreg_fast.paths.result import Path
from softreg_fast.solvers.protocol import Status
from softreg_fast.system.writing import check_place, is_device, write_whole

MODEL_FORMAT = "softreg_fast model"
MODEL_VERSION = 1


class InputError(Exception):
    """Error for unusable user input; the text is one line, shown to the user."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(" ".join(text.split())))


def check_readable(path: str) -> None:
    """Raise InputError unless the path is a readable, non-empty regular file."""
    if not path:
        raise InputError("the name of a file to read is empty; give one")
    if is_device(path):
        raise InputError(f"{path} is a pipe or a device, which is read but once; give a file")
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give a file")
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty; give a file with a table in it")
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """Return the system's error message, without error numbers and file names."""
    return " ".join((error.strerror or str(error) or type(error).__name__).lower().split())


def brief(error: BaseException) -> str:
    """Return the text of an exception as one short line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 120 else said[:117] + "..."


# ---------------------------------------------------------------------------------------------
# Models.


@dataclass(frozen=True)
class Model:
    """Fitted models as stored in a file.

    Attributes
    ----------
    path : Path
        Fits at one alpha or many.
    target : str or None
        Name of the predicted column.
    first_index : int or None
        Index of the first feature in a svmlight file; None for other files.
    settings : dict
        Settings that reproduce the fit.
    """

    path: Path
    target: str | None
    first_index: int | None
    settings: dict[str, Any]

    @property
    def names(self) -> list[str] | None:
        """Names of the features, or None."""
        names = self.path.feature_names
        return None if names is None else [str(name) for name in names]

    @property
    def n_features(self) -> int:
        """Number of features, including those with coefficient 0."""
        return int(self.path.coefs.shape[0])

    def label(self, j: int) -> str:
        """Return the name of feature j, or its number in the file."""
        names = self.path.feature_names
        return str(j + (self.first_index or 0)) if names is None else str(names[j])


def model_text(model: Model, package_version: str) -> Iterator[str]:
    """Yield the pieces of a model's JSON file; `read_model` restores it to the last digit."""
    path = model.path
    head = {
        "format": MODEL_FORMAT,
        "format_version": MODEL_VERSION,
        "softreg_fast": package_version,
        "target": model.target,
        "n_features": model.n_features,
        "feature_names": model.names,
        "first_index": model.first_index,
        "settings": model.settings,
        "null_loss": path.null_loss,
        "strategy": path.strategy,
        "seconds": path.seconds,
    }
    yield "{\n"
    for key, value in head.items():
        yield f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)},\n"
    yield ' "models": [\n'
    for k in range(len(path)):
        end = "," if k + 1 < len(path) else ""
        yield f"  {json.dumps(_entry(model, k), allow_nan=False)}{end}\n"
    yield " ]\n}\n"


def _entry(model: Model, k: int) -> dict[str, Any]:
    path = model.path
    chosen = slice(path.coefs.indptr[k], path.coefs.indptr[k + 1])
    features, values = path.coefs.indices[chosen].tolist(), path.coefs.data[chosen].tolist()
    gap = float(path.gaps[k])
    return {
        "alpha": float(path.alphas[k]),
        "intercept": float(path.intercepts[k]),
        "dev_ratio": float(path.dev_ratio[k]),
        "gap": gap if np.isfinite(gap) else None,
        "tol": float(path.tols[k]),
        "n_epochs": int(path.n_epochs[k]),
        "status": Status(int(path.status[k])).name.lower(),
        "coefficients": {model.label(j): value for j, value in zip(features, values, strict=True)},
    }


def read_model(name: str) -> Model:
    """Read the model in a JSON file.

    Raises
    ------
    InputError
        If the file cannot be read, or is not a model file.
    """
    check_readable(name)
    try:
        with open(name, encoding="utf-8-sig") as file:
            held = json.load(file)
    except OSError as error:
        raise InputError(f"cannot read {name}: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{name} is not a model, for it is no JSON ({brief(error)}); give a file written by: "
            "softreg_fast fit ... --model FILE.json"
        ) from None
    if not isinstance(held, dict) or held.get("format") != MODEL_FORMAT:
        raise InputError(
            f"{name} is JSON, but not a model of softreg_fast; give a file written by: "
            "softreg_fast fit ... --model FILE.json"
        )
    if held.get("format_version") != MODEL_VERSION:
        raise InputError(
            f"{name} has format version {held.get('format_version')!r}, this softreg_fast reads "
            f"{MODEL_VERSION}; fit the model again, or use the version that wrote it "
            f"({held.get('softreg_fast')})"
        )
    try:
        return _model(held)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{name} is a damaged model ({type(error).__name__}: {brief(error)}); fit it again"
        ) from None


def _model(held: dict[str, Any]) -> Model:
    entries = held["models"]
    p, names, first = held["n_features"], held["feature_names"], held["first_index"] or 0
    if names is None:
        position = {}
    else:
        names = [composed(name) for name in names]
        position = {name: j for j, name in enumerate(names)}
        if len(position) != p:
            raise ValueError(f"{len(position)} different names for {p} features")
    columns = [entry["coefficients"] for entry in entries]
    indices = [
        position[composed(name)] if names is not None else int(name) - first
        for column in columns
        for name in column
    ]
    values = np.array([value for column in columns for value in column.values()], dtype=float)
    df = np.array([len(column) for column in columns], dtype=np.int64)
    coefs = sp.csc_array(
        (values, np.array(indices, dtype=np.int64), np.concatenate([[0], np.cumsum(df)])),
        shape=(p, len(entries)),
    )
    coefs.check_format(full_check=True)

    def numbers(key: str, dtype: Any = np.float64) -> Any:
        return np.array([entry[key] for entry in entries], dtype=dtype)

    path = Path(
        alphas=numbers("alpha"),
        coefs=coefs,
        intercepts=numbers("intercept"),
        gaps=np.array([np.inf if entry["gap"] is None else entry["gap"] for entry in entries]),
        tols=numbers("tol"),
        n_epochs=numbers("n_epochs", np.int64),
        status=np.array([Status[entry["status"].upper()] for entry in entries], dtype=np.int8),
        dev_ratio=numbers("dev_ratio"),
        df=df,
        null_loss=float(held["null_loss"]),
        seconds=float(held["seconds"]),
        strategy=str(held["strategy"]),
        feature_names=None if names is None else np.array(names, dtype=object),
    )
    if not len(path) or not (np.isfinite(values).all() and np.isfinite(path.intercepts).all()):
        raise ValueError("no coefficients, or infinite ones")
    if np.isnan(path.alphas).any() or (np.diff(path.alphas) > 0.0).any():
        raise ValueError("the alphas do not fall")
    return Model(path, held["target"], held["first_index"], dict(held["settings"]))


# ---------------------------------------------------------------------------------------------
# Writing.


# Endings that imply a file format.
ENDINGS = re.compile(
    r"\.(csv|tsv|txt|dat|json|html?|pdf|md|tex|xlsx?|ods|parquet|pq|feather|np[yz]|svm(light)?|libsvm"
    r"|pkl|pickle|joblib|onnx|rds|rda(ta)?|png|svg|jpe?g|gif|xml|ya?ml|toml|gz|zip|bz2|xz|zst)"
)


def check_writable(
    path: str, inputs: Iterable[str | None] = (), endings: Sequence[str] = ()
) -> None:
    """Check that a file can be written, before anything is computed for it.

    Parameters
    ----------
    path : str
    inputs : iterable of str or None
        Input files, which must not be overwritten.
    endings : sequence of str
        Endings allowed for this output. Others that imply a format are rejected; if these are of
        HTML, which a browser recognises by the ending alone, any other ending is rejected.

    Raises
    ------
    InputError
    """
    try:
        check_place(path)
    except OSError as error:
        raise InputError(str(error)) from None
    for given in inputs:
        if given and same_file(given, path):
            raise InputError(f"{path} would be overwritten, but it is read; give another name")
    ending = os.path.splitext(path)[1].lower()
    if not endings or ending in endings or is_device(path):
        return
    if ENDINGS.fullmatch(ending) or ".html" in endings:
        what = {".json": "a model is JSON", ".html": "a report is a page of HTML"}
        raise InputError(
            f"cannot write {path}: {what.get(endings[0], 'this is a table of CSV')}; "
            f"give a name that ends in {endings[0]}"
        )


def same_file(first: str, second: str) -> bool:
    """Return whether two names refer to one file, through links and case-insensitive folders."""
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them does not exist
        return os.path.realpath(first) == os.path.realpath(second)


def save(path: str, content: str | Iterable[str]) -> None:
    """Write a file by `write_whole`; failures raise InputError."""
    try:
        write_whole(path, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        said = str(error) if error.errno is None else f"cannot write {path}: {reason(error)}"
        raise InputError(said) from None


def csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Format rows as lines of CSV; floats with all their digits."""
    for row in rows:
        yield ",".join(map(_cell, row)) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    if any(character in text for character in ',"\r\n') or text != text.strip():
        text = '"' + text.replace('"', '""') + '"'
    return text
