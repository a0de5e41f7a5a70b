"""Run scikit-learn's own tests of linear models against our estimators.

    python tools/sklearn_tests.py [PYTEST ARGUMENTS]

The installed tests run with our classes under scikit-learn's names (`patch_sklearn`); tests that
use none of our classes are deselected.  Tests listed in tests/sklearn_exceptions.txt may fail, each
for the reason given there; a listed exception that is no longer needed is an error.  Names there
are patterns, after the name of the module and two colons where only its tests are meant.
"""

import sys
from fnmatch import fnmatchcase
from inspect import isclass, isfunction, unwrap
from pathlib import Path
from types import CodeType

import pytest
from sklearn.base import BaseEstimator

from softreg_fast import patch_sklearn
from softreg_fast.estimators.drop_in import OURS

MODULES = [
    "sklearn.linear_model.tests.test_coordinate_descent",
    "sklearn.linear_model.tests.test_sparse_coordinate_descent",
    "sklearn.linear_model.tests.test_common",
    "sklearn.linear_model.tests.test_ridge",
    "sklearn.linear_model.tests.test_logistic",
    "sklearn.linear_model.tests.test_huber",
    "sklearn.linear_model.tests.test_quantile",
    "sklearn.linear_model._glm.tests.test_glm",
    "sklearn.svm.tests.test_svm",
    "sklearn.svm.tests.test_sparse",
]
EXCEPTIONS = Path(__file__).parent.parent / "tests" / "sklearn_exceptions.txt"


def exceptions():
    """Return {pattern of test names: reason}; in the file a reason precedes its patterns."""
    found, reason = {}, ""
    for line in EXCEPTIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason = line[1:].strip()
        elif line.strip():
            found[line.strip()] = reason
    return found


def concerns_us(item):
    """Return whether a test covers one of our classes, judged by its parameters if it has any."""
    parameters = list(item.callspec.params.values()) if hasattr(item, "callspec") else []
    classes = [value if isclass(value) else type(value) for value in parameters]
    models = [one for one in classes if issubclass(one, BaseEstimator)]
    if models:
        return any(one in OURS.values() for one in models)
    functions = [unwrap(item.function), *filter(isfunction, parameters)]
    names = set().union(*map(names_in, functions))
    return not names.isdisjoint(OURS) or any(one in OURS.values() for one in functions)


def names_in(function, depth=1):
    """Return the names that a test uses, directly or through functions of its own module."""
    codes, names = [function.__code__], set()
    for code in codes:
        names |= set(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    for name in list(names) if depth else []:
        helper = function.__globals__.get(name)
        if isfunction(helper) and helper.__module__ == function.__module__:
            names |= names_in(helper, depth - 1)
    return names


class Contract:
    """Pytest plugin: deselects other tests, marks exceptions, records which are needed."""

    def __init__(self):
        self.reasons = exceptions()
        self.needed = set()

    def pytest_collection_modifyitems(self, config, items):
        """Deselect tests that do not concern us and mark the exceptions as expected failures."""
        others = [item for item in items if not concerns_us(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if concerns_us(item)]
        for item in items:
            module = item.module.__name__.rpartition(".")[-1]
            for pattern, reason in self.reasons.items():
                name = f"{module}::{item.name}" if "::" in pattern else item.name
                if fnmatchcase(name, pattern):
                    item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
                    item.user_properties.append(("exception", pattern))

    def pytest_runtest_logreport(self, report):
        """Record an exception that is needed."""
        if report.when == "call" and report.skipped:
            self.needed |= {value for name, value in report.user_properties if name == "exception"}


def main():
    """Run the tests; return 1 if any fails or an exception is not needed."""
    patch_sklearn()
    contract = Contract()
    chosen = sys.argv[1:]
    # -c /dev/null: do not use the pytest settings of our own tests
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore", "-c", "/dev/null"]
    status = pytest.main([*options, *chosen, "--pyargs", *MODULES], plugins=[contract])
    unneeded = [] if chosen else sorted(set(contract.reasons) - contract.needed)
    for pattern in unneeded:
        print(f"not needed any more: {pattern}  ({contract.reasons[pattern]})")
    return 1 if status or unneeded else 0


if __name__ == "__main__":
    sys.exit(main())
