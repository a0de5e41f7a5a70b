"""Integers that float64 would round."""

import numpy as np

from softreg_fast.cli.tables.foreign import rounded


def test_rounded_integers():
    for kind in ("i8", "u8"):
        top = np.iinfo(kind).max
        values = np.array([0, 2**53, 2**53 + 1, 2**62, 2**62 + 1, top], dtype=kind)
        assert rounded(values).tolist() == [2, 4, 5]
    assert rounded(np.array([-(2**63), -(2**53) - 1])).tolist() == [1]
