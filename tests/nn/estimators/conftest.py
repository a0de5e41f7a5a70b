"""Fixtures of every test of the networks as estimators."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning


@pytest.fixture
def torch():
    """Return PyTorch, limited to one thread, as in small trainings."""
    found = pytest.importorskip("torch")
    found.set_num_threads(1)
    return found


@pytest.fixture
def still_changing():
    """Ignore the warning of trainings that are cut short."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
