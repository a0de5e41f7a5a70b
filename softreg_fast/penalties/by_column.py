"""Groups that are the columns of a frame, and the names that groups have in results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.data.coding import Coded, categorical_columns
from softreg_fast.data.design import Design
from softreg_fast.data.names import Names, entries_by_name, is_by_name
from softreg_fast.options.types import Index
from softreg_fast.penalties.grouping import GROUPED, grouping_of
from softreg_fast.penalties.vectors import Penalty

# The value of `groups` for which each column of a frame is a group.
COLUMNS = "columns"


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


def coded_for(X: Any, penalty: Any) -> Any:
    """Return X with its categorical columns coded, if a penalty asks for columns as groups.

    Parameters
    ----------
    X : array-like, sparse, frame or Design
    penalty : object of softreg_fast.penalties, list of them, or None

    Raises
    ------
    ValueError
        For several penalties that differ in what unknown levels mean.
    """
    several = penalty if isinstance(penalty, list | tuple) else [penalty]
    asking = [each for each in several if is_by_column(each)]
    if not asking or isinstance(X, Design) or not categorical_columns(X):
        return X
    meanings = {each.unknown for each in asking}
    if len(meanings) > 1:
        raise ValueError(
            "The penalties differ in `unknown`, what unknown levels mean; give all the same."
        )
    return Coded(X, meanings.pop())


def on_columns(penalty: Penalty, design: Design) -> Penalty:
    """Return the penalty of a fit with a label of each feature in place of groups="columns"."""
    omega = penalty.omega
    if not is_by_column(omega) or omega.overlap:  # which is refused elsewhere
        return penalty
    coding = design.coding
    labels = np.arange(design.n_features) if coding is None else coding.labels
    columns = design.feature_names if coding is None else coding.columns
    return replace(penalty, omega=replace(omega, groups=labels, **_weights(omega, labels, columns)))


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
