"""scikit-learn's own tests of linear models against our estimators.

    python tools/sklearn_tests.py [PYTEST ARGUMENTS]

They run as installed, with our classes under scikit-learn's names (`patch_sklearn`).  What
tests/sklearn_exceptions.txt names may fail, each for the reason given there; an exception that
nothing needs any more is an error.
"""

import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from softreg_fast import patch_sklearn

MODULES = [
    "sklearn.linear_model.tests.test_coordinate_descent",
    "sklearn.linear_model.tests.test_sparse_coordinate_descent",
]
EXCEPTIONS = Path(__file__).parent.parent / "tests" / "sklearn_exceptions.txt"


def exceptions():
    """{pattern of test names: reason}; a reason stands above the patterns that it is for."""
    found, reason = {}, ""
    for line in EXCEPTIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason = line[1:].strip()
        elif line.strip():
            found[line.strip()] = reason
    return found


class Contract:
    """Marks the exceptions, and sees which of them are needed."""

    def __init__(self):
        self.reasons = exceptions()
        self.needed = set()

    def pytest_collection_modifyitems(self, items):
        """Let the exceptions fail."""
        for item in items:
            for pattern, reason in self.reasons.items():
                if fnmatchcase(item.name, pattern):
                    item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
                    item.user_properties.append(("exception", pattern))

    def pytest_runtest_logreport(self, report):
        """Note an exception that is needed."""
        if report.when == "call" and report.skipped:
            self.needed |= {value for name, value in report.user_properties if name == "exception"}


def main():
    """Run them; 1 if anything fails or an exception is not needed."""
    patch_sklearn()
    contract = Contract()
    chosen = sys.argv[1:]
    arguments = ["-q", "-p", "no:cacheprovider", "-W", "ignore", *chosen, "--pyargs", *MODULES]
    status = pytest.main(arguments, plugins=[contract])
    unneeded = [] if chosen else sorted(set(contract.reasons) - contract.needed)
    for pattern in unneeded:
        print(f"not needed any more: {pattern}  ({contract.reasons[pattern]})")
    return 1 if status or unneeded else 0


if __name__ == "__main__":
    sys.exit(main())
