"""Labels of several classes as shares."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from softreg_fast.data.shares import shares_of


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([3, 1, 3], [1, 3]),
        ([3.0, 1.0, 3.0], [1.0, 3.0]),
        ([True, False, True], [False, True]),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
        (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
        ([["b"], ["a"], ["b"]], ["a", "b"]),
    ],
)
def test_labels(y, labels):
    shares, classes = shares_of(y)
    assert_array_equal(classes, labels)
    assert_array_equal(shares, np.eye(2)[[1, 0, 1]])


def test_shares():
    shares = np.array([[0.25, 0.75], [1.0, 0.0]])
    found, classes = shares_of(shares)
    assert found is shares
    assert_array_equal(classes, [0, 1])
    assert_array_equal(shares_of(pd.DataFrame(shares, columns=["u", "v"]))[1], ["u", "v"])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.0], "y\\[0\\] is 0.5; the multinomial loss is for classes"),
        ([1.0, np.nan], "y\\[1\\] is nan"),
        (np.array(["a", None], object), "y\\[1\\] is None; leave out"),
        (np.array(["a", np.nan], object), "leave out samples without a label"),
        (["a", "a"], "one class only, 'a'"),
        ([], "y is empty"),
    ],
)
def test_what_is_no_label(y, message):
    with pytest.raises(ValueError, match=message):
        shares_of(y)


def test_types_of_labels():
    with pytest.raises(TypeError, match="no common order"):
        shares_of(np.array(["a", 1, 2.5], object))
    with pytest.raises(TypeError, match="complex"):
        shares_of([1j, 2.0])
