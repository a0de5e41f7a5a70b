"""A path fitted to a table, and the choice of the model to show."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from softreg_fast.cli.groups import groups_of
from softreg_fast.cli.messages import warn, warn_all
from softreg_fast.cli.requests import FitRequest
from softreg_fast.cli.tables.penalty_weights import read_penalty_weights
from softreg_fast.cli.tables.roles import Table
from softreg_fast.data.design import Design
from softreg_fast.data.given import as_design
from softreg_fast.losses.by_name import loss_of_text
from softreg_fast.options.choices import OF_GROUPS, PENALTIES
from softreg_fast.options.errors import InputError
from softreg_fast.paths.path import path
from softreg_fast.paths.result import Path
from softreg_fast.penalties import (
    MCP,
    SCAD,
    SLOPE,
    GroupLasso,
    GroupMCP,
    SparseGroupLasso,
)
from softreg_fast.report.summary import well_explained

if TYPE_CHECKING:
    from softreg_fast.model_selection.cv_result import CVPath

Vector = NDArray[np.float64]
Index = NDArray[np.intp]

# Penalties by the names of --penalty.
OBJECTS: dict[str, Any] = {
    "mcp": MCP,
    "scad": SCAD,
    "group_lasso": GroupLasso,
    "sparse_group_lasso": SparseGroupLasso,
    "group_mcp": GroupMCP,
    "slope": SLOPE,
}


@dataclasses.dataclass(frozen=True)
class Fit:
    """A path fitted to a table as requested.

    Attributes
    ----------
    request : FitRequest
    table : Table
    weights : dict of str to ndarray or None
        Penalty weights of the features, as arguments of `path`.
    design : Design
    path : Path
    search : CVPath or None
        The cross-validation, if there is one.
    penalty : object of softreg_fast.penalties or None
        The one of the path, if it is not L1 and L2.
    k : int
        Index of the model to show.
    """

    request: FitRequest
    table: Table
    weights: dict[str, Vector | None]
    design: Design
    path: Path
    search: CVPath | None
    penalty: Any
    k: int

    @property
    def deviation(self) -> Vector:
        """Standard deviations of the features."""
        deviation: Vector = self.design.norm / np.sqrt(self.design.n_samples)
        return deviation

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes; None under a loss of something else."""
        is_of_classes = self.request.roles.labels
        return (self.table.classes or ("0", "1")) if is_of_classes else None


def fit_table(table: Table, request: FitRequest) -> Fit:
    """Fit a path to a table; warnings go to standard error.

    Raises
    ------
    InputError
        For data that cannot be fitted, and for a selection outside the path.
    """
    weights = _penalty_weights(request, table)
    _check_folds(request, table)
    groups = None if request.groups is None else groups_of(request.groups, table)
    options = with_objects({**request.settings, **request.grid.options, **weights}, groups)
    of_design = {name: options.pop(name) for name in ("fit_intercept", "standardize")}
    loss = loss_of_text(options.pop("loss"))
    search = None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)  # no convergence, the end of the grid
            design = as_design(
                table.X,
                target_of(table),
                table.weights,
                n_threads=request.n_threads,
                loss=loss,
                offset=table.offset,
                **of_design,
            )
            if request.folds is None:
                fits = path(design, **options)
            else:
                from softreg_fast.model_selection.cv import cv_path

                search = cv_path(design, **request.folds.options, **options)
                fits = search.path
    except (ValueError, TypeError) as error:
        raise InputError(f"{request.file.shown}: {in_words_of_options(error)}") from error
    warn_all(dict.fromkeys(str(warning.message) for warning in caught))
    names = None if table.names is None else np.array(table.names, dtype=object)
    fits = dataclasses.replace(fits, feature_names=names)
    k = _selected(fits, request.select) if search is None else search.index
    penalty = options.get("penalty")
    if isinstance(penalty, list):
        penalty = None if search is None else search.penalty
    return Fit(request, table, weights, design, fits, search, penalty, k)


def in_words_of_options(error: Exception) -> str:
    """Return a message of a function of Python with the remedies of the command line."""
    theirs = "of a status coded as 1 and 2 give status == 2"
    return str(error).replace(theirs, "of a status coded as 1 and 2 say --event COLUMN=2")


def with_objects(options: dict[str, Any], groups: Index | None = None) -> dict[str, Any]:
    """Return arguments of `path`, in which objects stand for a penalty's name, shape and weights.

    Parameters
    ----------
    options : dict
    groups : ndarray (n_features,) of int or None, default=None
        Numbers of the groups of the features, of a penalty of groups.

    Raises
    ------
    InputError
        For a shape that the penalty does not allow.
    """
    if "penalty" not in options:
        return options
    rest = dict(options)
    make = OBJECTS[rest.pop("penalty")]
    shape = PENALTIES[make.kind]
    weights, _ = rest.pop("l1_weights", None), rest.pop("l2_weights", None)
    if weights is not None and not np.isfinite(weights).all():  # left out by bounds
        excluded = np.isinf(weights)
        weights = np.where(excluded, 1.0, weights)
        rest["bounds"] = np.where(excluded, 0.0, -np.inf), np.where(excluded, 0.0, np.inf)
    fixed: dict[str, Any] = {"weights": weights, "positive": rest.pop("positive")}
    ratio = rest.pop("l1_ratio")
    if make.kind in OF_GROUPS:
        fixed = {"groups": groups}
    elif make.kind == SLOPE.kind:
        fixed = {}
    if make.kind == SparseGroupLasso.kind:
        fixed["l1_ratio"] = ratio
    values = None if shape is None else rest.pop(shape, None)
    try:
        each = [make(**fixed, **{str(shape): value}) for value in values or ()] or [make(**fixed)]
    except ValueError as error:
        raise InputError(f"--{shape}: {error}") from None
    return {**rest, "penalty": each if len(each) > 1 else each[0]}


def target_of(table: Table) -> Any:
    """Return the target of a fit: numbers, or survival times."""
    if table.event is None:
        return table.y
    from softreg_fast.data.survival import survival

    assert table.y is not None
    return survival(table.y, table.event, table.start, table.strata)


def _penalty_weights(request: FitRequest, table: Table) -> dict[str, Vector | None]:
    if request.penalty_weights is None:
        return {}
    n_features = table.X.shape[1]
    l1, l2 = read_penalty_weights(request.penalty_weights, table.members(), n_features)
    ratio = request.settings["l1_ratio"]
    for name, vector, idle in (("l1", l1, ratio == 0.0), ("l2", l2, ratio == 1.0)):
        if idle and vector is not None and ((vector != 1.0) & np.isfinite(vector)).any():
            kind = request.settings.get("penalty")
            said = f"--l1-ratio {ratio:g}" if kind is None else f"--penalty {kind}"
            warn(f"the {name} weights have no effect with {said}")
    return {"l1_weights": l1, "l2_weights": l2}


def _check_folds(request: FitRequest, table: Table) -> None:
    n = table.X.shape[0]
    if request.folds is not None and request.folds.n_folds > n:
        raise InputError(
            f"--cv {request.folds.n_folds}: {request.file.shown} has {n} rows; expected a number "
            f"of folds from 2 to {n}"
        )


def _selected(fits: Path, select: tuple[str, float] | None) -> int:
    if select is None:
        return well_explained(fits)
    kind, value = select
    if kind == "dev":
        enough = np.flatnonzero(fits.dev_ratio >= value)
        if not enough.size:
            raise InputError(
                f"--select dev={value:g}: the path explains at most {fits.dev_ratio.max():.4g} of "
                "the deviance; ask for less, or let it go further with a smaller --eps"
            )
        return int(enough[0])
    if kind == "alpha":
        if not fits.alphas[-1] <= value <= fits.alphas[0]:
            raise InputError(
                f"--select alpha={value:g} lies outside the path, {fits.alphas[-1]:.6g} to "
                f"{fits.alphas[0]:.6g}; use --alpha to fit exactly that one"
            )
        return int(np.argmin(np.abs(fits.alphas - value)))
    if not -len(fits) <= value < len(fits):
        raise InputError(f"--select index={value:g}: the path has the indices 0 to {len(fits) - 1}")
    return range(len(fits))[int(value)]
