"""Seeds, threads and hypothesis profiles for every test.

SOFTREG_TEST_SEED (default 0) seeds the random data; the tests must pass for every seed.
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from softreg_fast.__main__ import main
from softreg_fast.system import threads as thread_rules

settings.register_profile(
    "softreg", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("ci", settings.get_profile("softreg"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "softreg")


@pytest.fixture
def seed():
    """Return the seed given by SOFTREG_TEST_SEED."""
    return int(os.environ.get("SOFTREG_TEST_SEED", "0"))


@pytest.fixture
def rng(seed, request):
    """Return a random generator specific to each test and its parameters."""
    return np.random.default_rng([seed, *request.node.name.encode()])


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def n_threads(request, monkeypatch):
    """Return one and two threads; two are used even for small work."""
    monkeypatch.setattr(thread_rules, "SMALLEST_PARALLEL_WORK", 1)
    return request.param


@pytest.fixture
def call(capsys):
    """Return a function that runs the command line: (exit code, stdout, stderr)."""

    def run(*argv):
        code = main([str(word) for word in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def fails(call):
    """Return a function that runs a failing command and returns its line on standard error."""

    def run(*argv):
        code, out, err = call(*argv)
        assert code == 2
        assert out == ""
        assert err.startswith("softreg_fast")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return run
