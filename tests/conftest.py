"""Seeds, threads and hypothesis profiles for every test.

SOFTREG_TEST_SEED (default 0) chooses the random data; the tests must pass whatever it is.
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from softreg_fast import threads as thread_rules

settings.register_profile(
    "softreg", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("ci", settings.get_profile("softreg"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "softreg")


@pytest.fixture
def seed():
    """The seed that SOFTREG_TEST_SEED asks for."""
    return int(os.environ.get("SOFTREG_TEST_SEED", "0"))


@pytest.fixture
def rng(seed, request):
    """A random generator of its own for every test, parameters included."""
    return np.random.default_rng([seed, *request.node.name.encode()])


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def n_threads(request, monkeypatch):
    """One and two threads, the second also where the work is small."""
    monkeypatch.setattr(thread_rules, "SMALLEST_PARALLEL_WORK", 1)
    return request.param
