"""Tables of penalty weights with errors."""

import pytest
from datafiles import file_with, write_table

WEIGHT_ERRORS = {
    "unknown": ("feature,l1\nroom,2\n", ["line 2", '"room"', 'did you mean "rooms"']),
    "twice": ("feature,l1\nage,2\nage,2\n", ["line 3", '"age"']),
    "negative": ("feature,l1\nage,-2\n", ["line 2", "'-2'"]),
    "text": ("feature,l1\nage,low\n", ["line 2", "'low'"]),
    "nan": ("feature,l1\nage,nan\n", ["line 2", "'nan'"]),
    "columns": ("name,l1\nage,1\n", ['"name"', "expected feature and l1"]),
    "other column": ("feature,l3\nage,1\n", ['"l3"', "expected feature and l1"]),
    "short": ("feature,l1,l2\nage,1\n", ["line 2 has 2 cells"]),
    "the target": ("feature,l1\nprice,1\n", ['"price"']),
}


@pytest.mark.parametrize("case", WEIGHT_ERRORS)
def test_penalty_weights_with_errors(fails, case):
    text, wanted = WEIGHT_ERRORS[case]
    write_table()
    file_with(text, "w.csv")
    said = fails("fit", "data.csv", "--target", "price", "--penalty-weights", "w.csv")
    for words in ["w.csv", *wanted]:
        assert words in said
