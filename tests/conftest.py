"""Seeds, threads and hypothesis profiles for every test.

SOFTREG_TEST_SEED (default 0) seeds the random data; the tests must pass for every seed.
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
