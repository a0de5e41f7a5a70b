"""Grouping: which feature belongs to which group, from the forms in which users give groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softreg_fast.data.names import Names, entries_by_name, is_by_name, name_of
from softreg_fast.options.scalars import is_integer
from softreg_fast.options.types import Index, Vector
from softreg_fast.penalties.arrays import as_numpy

# Kinds of the penalties of groups in regression.
GROUPED = ("group_lasso", "sparse_group_lasso", "group_mcp")

# Label of a feature without a group, which is not penalised.
NO_GROUP = -1


class Grouping(NamedTuple):
    """The groups of a penalty for given features, whose weights are c_g and a_g of

        sum_g c_g ||w_g||_2 + a_g ||w_g||_1 + l2_g / 2 ||w_g||_2^2.

    Attributes
    ----------
    labels : ndarray (n_features,)
        Numbers 0 ... n_groups - 1, without a gap; -1 for a feature in no group.
    weight, thin, l2 : ndarray (n_groups,)
        c_g, a_g and l2_g, finite and with the strength of the penalty; 0 where a group is excluded.
    excluded : ndarray (n_groups,) of bool
    """

    labels: Index
    weight: Vector
    thin: Vector
    l2: Vector
    excluded: NDArray[np.bool_]

    @property
    def by_feature(self) -> Vector:
        """c_g + a_g of the group of each feature, (n_features,): its weight if it were alone.

        0 for no group, inf for an excluded one.
        """
        whole = np.append(np.where(self.excluded, np.inf, self.weight + self.thin), 0.0)
        return np.asarray(whole[self.labels])


def are_lists(groups: Any) -> bool:
    """Return whether groups is a list of lists, of features or, for networks, of labels."""
    kinds = (list, tuple, set, frozenset, range, np.ndarray)
    return isinstance(groups, list | tuple) and any(isinstance(each, kinds) for each in groups)


def is_one_size(groups: Any) -> bool:
    """Return whether `groups` of an estimator is a number, the size of all groups.

    Raises
    ------
    ValueError
        For a number that is no size.
    """
    if isinstance(groups, Mapping) or are_lists(groups) or np.ndim(groups):
        return False
    if not is_integer(groups) or groups < 1:
        raise ValueError(
            f"groups must be the size of all groups, an integer >= 1, or labels, a list of lists, "
            f"a dict of labels by name or 'columns'; got {groups!r}."
        )
    return True


def groups_of_estimator(
    groups: Any, group_weights: Any, unknown: str = "error", overlap: bool = False
) -> dict[str, Any]:
    """Return the arguments of a penalty for those of an estimator, whose int is a size."""
    if overlap:
        return {"group_weights": group_weights, "groups": groups, "overlap": overlap}
    if isinstance(groups, str) and groups == "columns":
        return {"group_weights": group_weights, "groups": groups, "unknown": unknown}
    given = {"size": groups} if is_one_size(groups) else {"groups": groups}
    return {"group_weights": group_weights, **given}


def grouping_of(penalty: Any, n_features: int, names: Names | None = None) -> Grouping:
    """Return the groups of a GroupLasso or its kin among the features of a regression.

    Parameters
    ----------
    penalty : GroupLasso or SparseGroupLasso
    n_features : int
        Number of features.
    names : ndarray (n_features,) of object or None, default=None
        Feature names, for groups that are given by name.

    Raises
    ------
    ValueError, TypeError
        For groups that do not fit the features, and for weights that leave nothing to penalise.
    """
    labels = _labels(penalty, n_features, names)
    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    numbers = np.searchsorted(found, labels)
    numbers[labels < 0] = NO_GROUP
    given = _weights(penalty.group_weights, counts.astype(np.float64))
    excluded = np.isinf(given)
    ratio, smooth = float(penalty.l1_ratio), float(penalty.l2_ratio)
    finite = np.where(excluded, 0.0, given)
    sharp = penalty.strength * (1.0 - smooth)
    weight = sharp * (1.0 - ratio) * finite
    thin = np.where(excluded, 0.0, sharp * ratio)
    l2 = penalty.strength * smooth * finite
    if not found.size or not (weight + thin).any():
        raise ValueError(_nothing_left(penalty, bool(found.size), bool(excluded.any())))
    return Grouping(numbers, weight, thin, l2, excluded)


def _nothing_left(penalty: Any, has_groups: bool, excludes: bool) -> str:
    name = type(penalty).__name__
    if not has_groups:
        return f"{name} has no groups: every label is -1; give a label >= 0 to some features."
    if excludes:
        return (
            f"Each group of {name} is excluded by an infinite weight or has the weight 0, so that "
            "there is nothing to choose; give some groups a weight between."
        )
    return (
        f"{name} penalises nothing: its strength, or the weight of each group, is 0; give "
        "strength > 0, or leave the penalty out for least squares."
    )


def copies_of(penalty: Any, n_features: int, names: Names | None) -> tuple[Index, Any]:
    """Return the feature of each copy of a column, and the penalty of these copies.

    Overlapping groups are groups of copies that do not overlap.

    Parameters
    ----------
    penalty : GroupLasso or SparseGroupLasso with overlap=True
    n_features : int
    names : ndarray (n_features,) of object or None

    Raises
    ------
    ValueError, TypeError
        For groups that are no lists, a feature that is in one of them twice, or in none.
    """
    if not are_lists(penalty.groups):
        raise ValueError(
            "overlap=True is for groups that are lists of features, [[...], [...]]; labels put "
            "each feature into one group."
        )
    origin = _members_of_lists(penalty.groups, n_features, names)
    sizes = [len(each) for each in origin]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.concatenate(origin), replace(penalty, groups=labels, overlap=False)


def weights_by_feature(penalty: Any, n_features: int, names: Names | None) -> Vector:
    """Return the smallest weight of the groups of each feature, as `Grouping.by_feature`."""
    if not penalty.overlap:
        return grouping_of(penalty, n_features, names).by_feature
    origin, copied = copies_of(penalty, n_features, names)
    least = np.full(n_features, np.inf)
    np.minimum.at(least, origin, grouping_of(copied, len(origin)).by_feature)
    return least


def _labels(penalty: Any, n_features: int, names: Names | None) -> Index:
    groups = penalty.groups
    if is_by_name(groups, names):
        return _labels_by_name(groups, n_features, names)
    if are_lists(groups):
        return _labels_of_lists(groups, n_features, names)
    if np.ndim(groups):
        return _checked(np.asarray(as_numpy(groups)), n_features, names)
    if groups not in (0, -1):
        raise ValueError(
            f"groups={groups!r} names no axis of the coefficients of a regression, which have one; "
            f"for blocks of {groups!r} neighbouring features use groups=0, size={groups!r}."
        )
    count, rest = divmod(n_features, penalty.size)
    if rest:
        raise ValueError(
            f"size={penalty.size} does not divide the {n_features} features; give a label for each."
        )
    return np.repeat(np.arange(count), penalty.size)


def _labels_by_name(groups: Any, n_features: int, names: Names | None) -> Index:
    entries = entries_by_name("groups", groups, n_features, names)
    for j in range(n_features):
        if j not in entries:
            raise ValueError(
                f"groups has no label for feature {name_of(j, names)}; give one for each feature, "
                "-1 for no group."
            )
    for j, label in entries.items():
        if not is_integer(label):
            raise TypeError(
                f"groups[{name_of(j, names)}] must be an integer, the label of a group, got "
                f"{label!r}."
            )
    return _checked(np.array([entries[j] for j in range(n_features)]), n_features, names)


def _checked(labels: NDArray[Any], n_features: int, names: Names | None) -> Index:
    if labels.shape != (n_features,):
        raise ValueError(
            f"groups has shape {labels.shape}; in a regression expected one label for each of the "
            f"{n_features} features, shape ({n_features},), or a list of lists of features."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"groups must hold integers, the labels of groups, got dtype {labels.dtype}; NaN is no "
            "label: -1 stands for no group."
        )
    if (labels < NO_GROUP).any():
        j = int(np.flatnonzero(labels < NO_GROUP)[0])
        raise ValueError(
            f"groups[{name_of(j, names)}] is {labels[j]}; labels must be >= 0, or -1 for no group."
        )
    return labels.astype(np.intp)


def _labels_of_lists(groups: Any, n_features: int, names: Names | None) -> Index:
    labels = np.full(n_features, NO_GROUP)
    for g, members in enumerate(_members_of_lists(groups, n_features, names)):
        for j in members.tolist():
            if labels[j] != NO_GROUP:
                raise ValueError(
                    f"Feature {name_of(j, names)} is in groups {labels[j]} and {g}; give it to one "
                    "of them, or allow groups to overlap with overlap=True."
                )
            labels[j] = g
    return labels


def _members_of_lists(groups: Any, n_features: int, names: Names | None) -> list[Index]:
    place = {} if names is None else {name: j for j, name in enumerate(names)}
    found = []
    for g, members in enumerate(groups):
        if isinstance(members, str) or not np.iterable(members):
            raise TypeError(
                f"groups[{g}] is {members!r}; in a list of lists each is the list of the features "
                "of a group."
            )
        members = list(members)
        if not members:
            raise ValueError(f"groups[{g}] is empty; leave it out.")
        found.append(np.array([_position(each, g, place, n_features) for each in members], np.intp))
        several = np.bincount(found[-1]) > 1
        if several.any():
            twice = name_of(int(np.argmax(several)), names)
            raise ValueError(f"groups[{g}] has feature {twice} twice; leave it out once.")
    missing = np.setdiff1d(np.arange(n_features), np.concatenate(found))
    if missing.size:
        raise ValueError(
            f"Feature {name_of(int(missing[0]), names)} is in no group; add it to one, or to one "
            "of its own with group_weights 0 if it is not to be penalised."
        )
    return found


def _position(member: Any, g: int, place: dict[Any, int], n_features: int) -> int:
    if member in place:
        return place[member]
    if not is_integer(member):
        raise ValueError(
            f"groups[{g}] names {member!r}, which is no feature; give names of columns, or numbers "
            f"from 0 to {n_features - 1}."
        )
    if not 0 <= member < n_features:
        raise ValueError(
            f"groups[{g}] names feature {member}; the features are numbered 0 to {n_features - 1}."
        )
    return int(member)


def _weights(given: Any, counts: Vector) -> Vector:
    if given is None:
        return np.sqrt(counts)
    weights = np.asarray(as_numpy(given), np.float64)
    if weights.shape != counts.shape:
        raise ValueError(
            f"group_weights has shape {weights.shape}; expected one for each of the {counts.size} "
            f"groups, in the order of their labels, shape ({counts.size},)."
        )
    if np.isnan(weights).any() or (weights < 0.0).any():
        g = int(np.flatnonzero(np.isnan(weights) | (weights < 0.0))[0])
        raise ValueError(
            f"group_weights[{g}] is {weights[g]}; every weight must be >= 0 (0: not penalised, "
            "inf: excluded)."
        )
    return weights
