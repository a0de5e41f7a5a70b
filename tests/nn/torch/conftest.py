"""Fixtures of every test of training in PyTorch."""

import pytest


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed PyTorch's generator, and use one thread, as in small trainings."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)  # it is that of all of OpenMP
