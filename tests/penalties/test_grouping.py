"""Groups of a regression: every form in which they are given, and what is refused."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from softreg_fast.penalties import GroupLasso, SparseGroupLasso
from softreg_fast.penalties.grouping import grouping_of

INF = np.inf
NAMES = np.array(["a", "b", "c", "d"], object)

FORMS = {
    "labels": {"groups": [0, 1, 1, 0]},
    "gaps in the labels": {"groups": np.array([3, 70, 70, 3], np.uint8)},
    "lists of numbers": {"groups": [[0, 3], (1, 2)]},
    "lists of names": {"groups": [["d", "a"], {"b", "c"}]},
    "ragged lists": {"groups": [[3, 0], ["b", 2]]},
    "dict of names": {"groups": {"b": 1, "a": 0, "c": 1, "d": 0}},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_groups(form):
    found = grouping_of(GroupLasso(strength=2.0, **form), 4, NAMES)
    assert_array_equal(found.labels, [0, 1, 1, 0])
    assert_array_equal(found.weight, 2.0 * np.sqrt([2.0, 2.0]))
    assert_array_equal(found.thin, [0.0, 0.0])


def test_blocks_of_one_size():
    assert_array_equal(grouping_of(GroupLasso(size=2), 6).labels, [0, 0, 1, 1, 2, 2])
    assert_array_equal(grouping_of(GroupLasso(), 3).labels, [0, 1, 2])


def test_parts_and_exclusion():
    penalty = SparseGroupLasso(
        strength=2.0, groups=[5, -1, 0, 7, 7], group_weights=[1.0, INF, 0.0], l1_ratio=0.25
    )
    found = grouping_of(penalty, 5)
    assert_array_equal(found.labels, [1, -1, 0, 2, 2])
    assert_array_equal(found.weight, [1.5, 0.0, 0.0])
    assert_array_equal(found.thin, [0.5, 0.0, 0.5])
    assert_array_equal(found.excluded, [False, True, False])
    assert_array_equal(found.by_feature, [INF, 0.0, 2.0, 0.5, 0.5])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": [0, 1, 1]}, "groups has shape (3,); in a regression expected one label"),
        ({"groups": np.zeros((4, 1), int)}, "groups has shape (4, 1)"),
        ({"groups": [0.0, 1.0, np.nan, 0.0]}, "must hold integers"),
        ({"groups": [0, 1, -2, 0]}, "groups['c'] is -2"),
        ({"groups": [-1, -1, -1, -1]}, "has no groups: every label is -1"),
        ({"groups": [[0, 1], [1, 2, 3]]}, "Feature 'b' is in groups 0 and 1"),
        ({"groups": [[0, 0], [1, 2, 3]]}, "groups[0] has feature 'a' twice"),
        ({"groups": [[0, 1], [2]]}, "Feature 'd' is in no group"),
        ({"groups": [[0, 1, 2, 3], []]}, "groups[1] is empty"),
        ({"groups": [[0, 1, 2, 3], 7]}, "groups[1] is 7"),
        ({"groups": [[0, 1], [2, 4]]}, "groups[1] names feature 4"),
        ({"groups": [[0, 1], [2, "x"]]}, "groups[1] names 'x'"),
        ({"groups": {"a": 0, "b": 0, "c": 0}}, "no label for feature 'd'"),
        ({"groups": {"a": 0, "b": 0, "c": 0, "e": 0}}, "groups names 'e'"),
        ({"groups": {"a": 0, "b": 0, "c": 0, "d": 0.5}}, "groups['d'] must be an integer"),
        ({"groups": 2}, "for blocks of 2 neighbouring features use groups=0, size=2"),
        ({"size": 3}, "size=3 does not divide the 4 features"),
        ({"size": 2, "group_weights": [1.0]}, "group_weights has shape (1,); expected one for"),
        ({"size": 2, "group_weights": [1.0, -1.0]}, "group_weights[1] is -1.0"),
        ({"size": 2, "group_weights": [np.nan, 1.0]}, "group_weights[0] is nan"),
        ({"size": 2, "group_weights": [0.0, 0.0]}, "the weight of each group, is 0"),
        ({"size": 2, "strength": 0.0}, "penalises nothing: its strength"),
        ({"size": 2, "group_weights": [INF, INF]}, "excluded by an infinite weight"),
    ],
)
def test_what_is_refused(settings, words):
    with pytest.raises((ValueError, TypeError), match=re.escape(words)):
        grouping_of(GroupLasso(**settings), 4, NAMES)


def test_networks_take_no_lists_of_features():
    for groups in ([[0, 1], [2]], {"a": 0}):
        with pytest.raises(ValueError, match="expected integers of the shape of the weights"):
            GroupLasso(groups=groups).value(np.ones(3))
