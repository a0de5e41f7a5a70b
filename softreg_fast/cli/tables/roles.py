"""Columns by name, and their roles: features, target, sample weights, offset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.options.errors import InputError
from softreg_fast.options.spelling import as_argument, composed, listed, nearest

Vector = NDArray[np.float64]


# Fields of a Table, by the options that name their columns.
IN_TABLE = {
    "--target": "y",
    "--time": "y",
    "--weights": "weights",
    "--offset": "offset",
    "--event": "event",
    "--start": "start",
    "--strata": "strata",
}


@dataclass(frozen=True)
class Roles:
    """Requested columns of a table and their roles; names in any form of Unicode.

    Parameters
    ----------
    target, weights, offset : str or None
        Column of the target, of the sample weights and of the offset; None: not requested.
    ignore : sequence of str
        Columns to leave out.
    features : sequence of str or None
        Columns of X in their order; None: every column without another role.
    n_features : int or None
        Required number of columns of X, if they are not chosen by name.
    first_index : int or None
        Index of the first feature in a svmlight file; None: 0 if that index occurs in the file,
        else 1.
    labels : bool
        Whether the target may be the names of classes.
    several : bool
        Whether there may be more than two.
    event, start, strata : str or None
        Of survival times, whose target is the time: columns of events, of entries, of strata.
    categories : sequence of str
        Columns that are read as text, whatever they hold.
    dates : sequence of (str or None, tuple of str)
        Columns of dates, None for all, with their parts that are features.
    missing : {"error", "drop", "indicator"}
        What becomes of missing values.
    unknown : {"error", "zero"} or None
        What becomes of levels that the fit has not seen; None: as the coding of the model says.
    coding : Coding or None
        Of a model: how its columns become features.
    known : tuple of str or None
        Of a model: the names of its classes.
    evaluates : bool
        Whether a model is compared with the target.
    event_value : str or None
        Cell of the column of events that stands for one; None: 1 does.
    """

    target: str | None = None
    weights: str | None = None
    offset: str | None = None
    ignore: Sequence[str] = ()
    features: Sequence[str] | None = None
    n_features: int | None = None
    first_index: int | None = None
    labels: bool = False
    several: bool = False
    event: str | None = None
    start: str | None = None
    strata: str | None = None
    categories: Sequence[str] = ()
    dates: Sequence[tuple[str | None, tuple[str, ...]]] = ()
    missing: str = "error"
    unknown: str | None = None
    coding: Any = None
    known: tuple[str, ...] | None = None
    evaluates: bool = False
    event_value: str | None = None

    def __post_init__(self) -> None:
        for field in ("target", "weights", "offset", "event", "start", "strata"):
            name = getattr(self, field)
            object.__setattr__(self, field, None if name is None else composed(name))
        for field in ("ignore", "features", "categories"):
            names = getattr(self, field)
            object.__setattr__(self, field, None if names is None else [*map(composed, names)])

    def among(self, names: Sequence[str]) -> Roles:
        """Return the roles with COLUMN=VALUE of the events taken apart, unless a column has it."""
        if self.event is None or self.event in names or "=" not in self.event:
            return self
        column, _, value = self.event.rpartition("=")
        return replace(self, event=column, event_value=value)

    @property
    def others(self) -> dict[str, str]:
        """The columns that are no features, by the options that name them."""
        named = {
            "--target" if self.event is None else "--time": self.target,
            "--weights": self.weights,
            "--offset": self.offset,
            "--event": self.event,
            "--start": self.start,
            "--strata": self.strata,
        }
        return {option: name for option, name in named.items() if name is not None}

    @property
    def to_predict(self) -> bool:
        """Return whether the columns are chosen by a model, not by the user."""
        return self.n_features is not None

    @property
    def by_name(self) -> bool:
        """Return whether the columns are chosen by a model that has column names."""
        return self.to_predict and self.features is not None

    @property
    def codes(self) -> bool:
        """Return whether columns of text become features, as they do in a fit."""
        return not self.to_predict

    @property
    def text(self) -> frozenset[str]:
        """The features whose cells are read as text, whatever they hold."""
        if self.coding is None:
            return frozenset(self.categories)
        return frozenset(text_columns_of(self.coding))

    def way_out_of_missing(self, name: str, like_it: Sequence[str] = ()) -> str:
        """Return advice about a column with missing values, and about others like it."""
        if self.to_predict and name not in self.others.values():
            return ""
        drop = "leave such rows out with --missing drop"
        if name in self.others.values():
            rest = [each for each in like_it if each not in self.others.values()]
            too = f" ({listed(rest)} {'lacks' if len(rest) == 1 else 'lack'} values, too)"
            return f", or {drop}{too if rest else ''}"
        return f", {drop}, mark them with --missing indicator{self.way_out(name, like_it)}"

    def way_out(self, name: str, like_it: Sequence[str] = ()) -> str:
        """Return advice about a column that cannot be used, and about others like it."""
        others = self.others.values()
        if self.to_predict or name in others:
            return ""
        needed = [each for each in like_it if each in others]
        names = [each for each in like_it if each not in needed] or [name]
        which = "the column" if len(names) == 1 else f"the {len(names)} columns like it"
        too = f"; {listed(needed)}, which cannot be left out, is like it" if needed else ""
        return f", or leave {which} out with --ignore {as_argument(names)}{too}"


class Table(NamedTuple):
    """Contents of a file.

    X : ndarray (Fortran order) or CSC/CSR array, (n_samples, n_features)
    names : list of str or None
    y, weights, offset : ndarray (n_samples,) or None
    event, start, strata : of survival times, which y holds; strata are labels
    first_index : index of the first feature in a svmlight file, else None
    notes : remarks for the user on how the file was read
    classes : names of the classes that are 0, 1, ... in y, or None
    coding : of columns that became several features, or None
    kept : which rows of the file are in the table, (n_rows,); None: all
    told : lines for the user on what became of columns and rows
    """

    X: Any
    names: list[str] | None
    y: Vector | None = None
    weights: Vector | None = None
    offset: Vector | None = None
    first_index: int | None = None
    notes: Sequence[str] = ()
    classes: tuple[str, ...] | None = None
    event: Vector | None = None
    start: Vector | None = None
    strata: NDArray[Any] | None = None
    coding: Any = None
    kept: NDArray[np.bool_] | None = None
    told: Sequence[str] = ()

    def label(self, j: int) -> str:
        """Return the name of feature j, or its number in the file."""
        return str(j + (self.first_index or 0)) if self.names is None else self.names[j]

    def labels(self) -> list[str]:
        """Return the labels of all features."""
        return [self.label(j) for j in range(self.X.shape[1])]

    def members(self) -> dict[str, list[int]]:
        """Return the features of each name: that of a feature, or of a column that has several."""
        found: dict[str, list[int]] = {}
        if self.coding is not None:
            for j, k in enumerate(self.coding.labels.tolist()):
                found.setdefault(str(self.coding.columns[k]), []).append(j)
        return found | {label: [j] for j, label in enumerate(self.labels()) if label not in found}


class Chosen(NamedTuple):
    """Positions of the requested columns."""

    features: list[int]
    others: dict[str, int]  # by their names in a Table

    @property
    def needed(self) -> list[int]:
        """The features, then the target, the weights and the offset if there are any."""
        return [*self.features, *self.others.values()]


def choose(names: list[str], roles: Roles, path: str) -> Chosen:
    """Return the positions of the requested columns among those of a file."""
    if roles.to_predict:
        others = {
            IN_TABLE[option]: _column_of_model(name, option, names, path)
            for option, name in roles.others.items()
        }
        return Chosen(columns_of_model(names, roles, path), others)
    if roles.target is None:
        raise InputError(f"say which column to predict with --target; {path} has {listed(names)}")
    asked = roles.others
    _check_distinct(asked)
    for name in (*asked.values(), *roles.ignore):
        check_known(name, names, path)
    for option, name in asked.items():
        if name in roles.ignore:
            raise InputError(f"the column of {option} cannot also be in --ignore")
    _check_coded(roles, names, path)
    kept = [j for j, name in enumerate(names) if name not in roles.ignore]
    others = {IN_TABLE[option]: names.index(name) for option, name in asked.items()}
    if names[0] == "" and 0 in kept and len(names) > 1:  # perhaps the names of the rows
        others["row_names"] = 0
        kept = kept[1:]
    check_names([names[j] for j in kept], names, path)
    features = [j for j in kept if j not in others.values()]
    if not features:
        raise InputError(f"{path} has no column left for the features; it has {listed(names)}")
    return Chosen(features, others)


def _check_coded(roles: Roles, names: Sequence[str], path: str) -> None:
    """Check the columns that are named as categories or dates."""
    dates = [name for name, _ in roles.dates if name is not None]
    for option, given in (("--categories", roles.categories), ("--dates", dates)):
        for name in given:
            check_known(name, names, path)
            taken = next((other for other, each in roles.others.items() if each == name), None)
            if taken is None and name in roles.ignore:
                taken = "--ignore"
            if taken is not None:
                raise InputError(
                    f"column {listed([name])} cannot be in both {option} and {taken}; leave it out "
                    "of one of them"
                )
    if both := [name for name in roles.categories if name in dates]:
        raise InputError(
            f"column {listed(both)} cannot be in both --categories and --dates; leave it out of "
            "one of them"
        )
    for given in (dates, list(roles.categories)):
        if twice := [name for name, count in Counter(given).items() if count > 1]:
            raise InputError(f"column {listed(twice)} is given twice; name it once")
    if sum(name is None for name, _ in roles.dates) > 1:
        raise InputError(
            "--dates is given twice for all columns; give the parts in one list, or name the "
            "column, as in --dates COLUMN=year+month"
        )


def text_columns_of(coding: Any) -> list[str]:
    """Return the columns of a coding that are text or dates."""
    return [
        str(name)
        for name, part in zip(coding.columns, coding.parts, strict=True)
        if hasattr(part, "values") or hasattr(part, "origin")
    ]


def _check_distinct(asked: dict[str, str]) -> None:
    by_name: dict[str, str] = {}
    for option, name in asked.items():
        if name in by_name:
            raise InputError(f'column "{name}" cannot be both {by_name[name]} and {option}')
        by_name[name] = option


def _column_of_model(name: str, option: str, names: list[str], path: str) -> int:
    """Return the position of the column of the offset, or of the strata, that a model needs."""
    if name not in names and option == "--weights":  # never those of the fit
        raise InputError(
            f"{path} lacks the column {listed([name])} that --weights names; {hint(name, names)}"
        )
    if name not in names:
        raise InputError(
            f"{path} lacks the column {listed([name])} of the {option.removeprefix('--')}, which "
            f"the model was fitted with; {hint(name, names)}, and {option} names another"
        )
    if names.count(name) > 1:
        raise InputError(f"{path} has more than one column named {listed([name])}; rename one")
    return names.index(name)


def columns_of_model(names: list[str], roles: Roles, path: str) -> list[int]:
    """Return the positions of the columns that a model was fitted on."""
    if roles.features is None:
        kept = [j for j, name in enumerate(names) if name not in roles.others.values()]
        check_count(len(kept), roles, path)
        return kept
    first = {name: j for j, name in reversed(list(enumerate(names)))}
    missing = [name for name in roles.features if name not in first]
    if missing:
        raise InputError(
            f"{path} lacks {len(missing)} of the {len(roles.features)} columns that the model "
            f"was fitted on: {listed(missing)}; {hint(missing[0], names)}"
        )
    count = Counter(names)
    twice = [name for name in roles.features if count[name] > 1]
    if twice:
        raise InputError(f"{path} has more than one column named {listed(twice)}; rename one")
    return [first[name] for name in roles.features]


def check_count(found: int, roles: Roles, path: str) -> None:
    """Check the number of columns if they are not matched by name."""
    if roles.n_features is not None and found != roles.n_features:
        raise InputError(
            f"{path} has {found} columns, the model has {roles.n_features}; without names on "
            "both sides columns are matched by position, so give exactly the features"
        )


def check_known(name: str, names: Sequence[str], path: str) -> None:
    """Check that a file has a column of this name."""
    if name not in names:
        raise InputError(f"{path} has no column {listed([name])}; {hint(name, names)}")


def check_names(kept: Sequence[str], names: Sequence[str], path: str) -> None:
    """Check that every kept column has a unique name."""
    if "" in kept:
        raise InputError(
            f"column {names.index('') + 1} of {path} has no name (perhaps it numbers the rows?); "
            "name it in the header, or leave it out with --ignore ''"
        )
    twice = [name for name, count in Counter(kept).items() if count > 1]
    if twice:
        raise InputError(f"{path} has more than one column named {listed(twice)}; rename one")


def hint(name: str, names: Sequence[str]) -> str:
    """Return a suggestion: the nearest name, or a list of the existing ones."""
    close = nearest(name, names)
    return f"it has {listed(names)}" if close is None else f"did you mean {listed([close])}?"


def by_position(roles: Roles, names: Sequence[str] | None, path: str) -> list[str]:
    """Return a note for the user if only one of model and file has names, else nothing."""
    if not roles.to_predict or (roles.features is None) == (names is None):
        return []
    nameless = "the model" if roles.features is None else path
    return [f"{nameless} has no names for its columns: they are taken in their order"]
