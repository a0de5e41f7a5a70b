"""Fixtures of every test of compaction."""

import pytest


@pytest.fixture(autouse=True)
def seeded(seed, request):
    """Seed PyTorch's generator for each test, and use one thread, as in small trainings."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed + sum(request.node.name.encode()))
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def never_put_back(monkeypatch, seeded):
    """Fail if `compact` has to restore the network: that is a fallback for unforeseen cases."""
    from softreg_fast.nn.compaction.surgery import Surgery

    def undo(self):
        raise AssertionError("the outputs of the cut network differ")

    monkeypatch.setattr(Surgery, "undo", undo)
