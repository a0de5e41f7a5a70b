"""Numbers in one format."""

import math

import pytest

from softreg_fast.report.numbers import give_or_take, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (125882.4, "125882"),
        (14881.2, "14881"),
        (-14881.2, "-14881"),
        (0.0, "0"),
        (0.5, "0.5"),
        (1.0, "1"),
        (99999.9, "100000"),
        (0.00123456, "0.0012346"),
        (1.5e-7, "1.5e-7"),
        (1.23456789e12, "1.2346e12"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_digits(value, text):
    assert number(value) == text


def test_numbers_read_back():
    for exponent in range(-12, 13):
        for mantissa in (1.0, 1.23456789, 9.99999999):
            value = mantissa * 10.0**exponent
            assert float(number(value, 4)) == pytest.approx(value, rel=1e-3)


def test_values_and_their_standard_errors():
    assert give_or_take(125882.3, 17910.2) == "125882 ± 17910"
    assert give_or_take(0.95123, 0.01234) == "0.951 ± 0.012"
    assert give_or_take(0.95123, 0.0) == "0.9512"
    assert give_or_take(1.0, math.nan) == "1"
    assert give_or_take(1.0, 1e-12) == "1 ± 1e-12"


def test_shares():
    assert percent(0.38196) == "38.2 %"
