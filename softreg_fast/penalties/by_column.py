"""Groups that are the columns of a frame, and the names that groups have in results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.data.design import Design
from softreg_fast.data.names import Names, entries_by_name, is_by_name, key_of, listed
from softreg_fast.data.tables import PLAIN, TableOptions
from softreg_fast.options.hints import suggestion
from softreg_fast.options.types import Index
from softreg_fast.penalties.excluded import features_of_columns
from softreg_fast.penalties.grouping import GROUPED, grouping_of
from softreg_fast.penalties.vectors import Penalty

# The value of `groups` for which each column of a frame is a group.
COLUMNS = "columns"

# Arguments of a penalty that may have entries by name.
BY_NAME = ("l1_weights", "l2_weights", "l1", "l2")


class NamedGroups(NamedTuple):
    """The groups of the features of a fit.

    Attributes
    ----------
    labels : ndarray (n_features,) of int
        Number of the group of each feature, -1 for none.
    names : list
        Of each group its name: that of a column, of its only feature, or its label.
    """

    labels: Index
    names: list[Any]

    def members(self, g: int) -> Index:
        """Return the features of a group."""
        return np.flatnonzero(self.labels == g)

    def with_singles(self, features: Names | None) -> NamedGroups:
        """Return the groups with one more for each feature that is in none, named as it is."""
        alone = np.flatnonzero(self.labels < 0)
        if not alone.size:
            return self
        labels = self.labels.copy()
        labels[alone] = len(self.names) + np.arange(alone.size)
        names = alone.tolist() if features is None else list(features[alone])
        return NamedGroups(labels, [*self.names, *names])


def is_by_column(penalty: Any) -> bool:
    """Return whether the groups of a penalty are the columns of X."""
    groups = getattr(penalty, "groups", None)
    return isinstance(groups, str) and groups == COLUMNS


def options_for(penalty: Any, options: TableOptions = PLAIN) -> TableOptions:
    """Return the options of a table with what unknown levels mean under a penalty of columns.

    They mean zero if the options or a penalty that asks for columns as groups say so.

    Parameters
    ----------
    penalty : object of softreg_fast.penalties, list of them, or None
    options : TableOptions

    Raises
    ------
    ValueError
        For several penalties that differ in what unknown levels mean.
    """
    several = penalty if isinstance(penalty, list | tuple) else [penalty]
    meanings = {each.unknown for each in several if is_by_column(each)}
    if len(meanings) > 1:
        raise ValueError(
            "The penalties differ in `unknown`, what unknown levels mean; give all the same."
        )
    return options._replace(unknown="zero") if "zero" in meanings else options


def on_columns(penalty: Penalty, design: Design) -> Penalty:
    """Return the penalty of a fit with numbers for features in place of those for columns.

    What is given by the name of a column of a frame holds for all of its features; groups="columns"
    become a label of each feature.
    """
    if design.coding is not None:
        penalty = _by_feature(penalty, design.coding)
    omega = penalty.omega
    if not is_by_column(omega) or omega.overlap:  # which is refused elsewhere
        return penalty
    coding = design.coding
    labels = np.arange(design.n_features) if coding is None else coding.labels
    columns = design.feature_names if coding is None else coding.columns
    return replace(penalty, omega=replace(omega, groups=labels, **_weights(omega, labels, columns)))


def _by_feature(penalty: Penalty, coding: Any) -> Penalty:
    changes = {name: getattr(penalty, name) for name in BY_NAME}
    changes = {name: _spread(name, value, coding) for name, value in changes.items()}
    if penalty.exclude is not None:
        changes["exclude"] = features_of_columns(penalty.exclude, coding)
    bounds = penalty.bounds
    if isinstance(bounds, Mapping):
        changes["bounds"] = _spread("bounds", bounds, coding)
    elif isinstance(bounds, tuple | list):
        changes["bounds"] = tuple(_spread("bounds", each, coding) for each in bounds)
    changed = {
        name: value for name, value in changes.items() if value is not getattr(penalty, name)
    }
    return replace(penalty, **changed) if changed else penalty


def _spread(what: str, value: Any, coding: Any) -> Any:
    # entries by the names of columns as entries of their features; a feature's name means itself
    features = coding.feature_names
    if not is_by_name(value, features):
        return value
    given = {key_of(key): entry for key, entry in value.items()}
    if len(given) < len(value):  # which is refused elsewhere
        return value
    known, labels = set(map(key_of, features)), coding.labels
    columns = {key_of(name): k for k, name in enumerate(coding.columns)}
    spread: dict[Any, Any] = {}
    for key, entry in given.items():
        if key not in known and key not in columns:
            close = suggestion(key, [*coding.columns, *features])
            raise ValueError(
                f"{what} names {key!r}; {close or f'the columns are {listed(coding.columns)}.'}"
            )
        own = [key] if key in known else features[labels == columns[key]].tolist()
        if both := [name for name in own if name != key and key_of(name) in given]:
            raise ValueError(
                f"{what} names the column {key!r} and its feature {both[0]!r}; give one of them."
            )
        spread |= dict.fromkeys(own, entry)
    return spread


def _weights(omega: Any, labels: Index, columns: Names | None) -> dict[str, Any]:
    if not is_by_name(omega.group_weights, columns):
        return {}
    sizes = np.bincount(labels)
    weights = np.sqrt(sizes)
    given = entries_by_name("group_weights", omega.group_weights, len(sizes), columns)
    weights[list(given)] = list(given.values())
    return {"group_weights": weights}


def groups_of(penalty: Penalty, design: Design) -> NamedGroups | None:
    """Return the groups of a fit with their names; None for a penalty without groups.

    None also where groups may overlap, so that features have no label.
    """
    if penalty.kind not in GROUPED or penalty.omega.overlap:
        return None
    names, coding = design.feature_names, design.coding
    labels = grouping_of(penalty.omega, design.n_features, names).labels
    if coding is not None and np.array_equal(labels, coding.labels):
        return NamedGroups(labels, list(coding.columns))
    return NamedGroups(labels, _names(penalty.omega, labels, names))


def _names(omega: Any, labels: Index, features: Names | None) -> list[Any]:
    sizes = np.bincount(labels[labels >= 0])
    first = np.zeros(len(sizes), np.intp)
    first[labels[::-1]] = np.arange(len(labels))[::-1]
    own = _labels_given(omega.groups, len(sizes))
    if features is None:
        return own
    return [features[first[g]] if size == 1 else own[g] for g, size in enumerate(sizes)]


def _labels_given(groups: Any, n_groups: int) -> list[Any]:
    # the labels of a user, whose numbers need not be consecutive
    values: Any = (
        groups.values() if hasattr(groups, "values") and callable(groups.values) else groups
    )
    if isinstance(values, Iterable) and all(np.ndim(each) == 0 for each in values):
        found = {int(each) for each in values if not isinstance(each, str) and each >= 0}
        if len(found) == n_groups:
            return sorted(found)
    return list(range(n_groups))
