"""Kinds of arrays for the penalties."""

import numpy as np
import pytest


@pytest.fixture(params=["numpy", "torch", "vectorised"])
def array(request, monkeypatch):
    """Return a function that makes arrays, tensors, or arrays that the kernels do not take."""
    if request.param == "torch":
        return pytest.importorskip("torch").tensor
    if request.param == "vectorised":
        for module in ("elementwise", "groups", "group_mcp", "quadratic"):
            monkeypatch.setattr(f"softreg_fast.penalties.{module}.is_in_memory", lambda x: False)
    return np.array
