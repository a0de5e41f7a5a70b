"""PyTorch, which has an OpenMP library of its own, in the same process; and no PyTorch at all."""

import importlib.util
import json
import os
import sys

import numpy as np
import pytest
from children import digest, in_child, main, make, run_script

from softreg_fast import nn, solve


def fit_ours():
    X, y = make(6000, 150)
    return solve(X, y, alpha=1e-3, precompute=False, n_threads=2)


def fit_theirs(torch):
    X, y = (torch.from_numpy(np.ascontiguousarray(part)) for part in make(6000, 150))
    torch.set_num_threads(2)
    return torch.linalg.lstsq(X.relu(), y[:, None]).solution.numpy()


def script_torch():
    """Return whether both libraries fit, in turn and after a fork."""
    import torch

    ours, theirs = digest(fit_ours()), fit_theirs(torch)
    found = {
        "ours": digest(fit_ours()) == ours,
        "theirs": bool(np.allclose(fit_theirs(torch), theirs)),
        "ours again": digest(fit_ours()) == ours,
        "forked": in_child(lambda: digest(fit_ours()) == ours) is True,
    }
    print(json.dumps(found))


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("first", ["torch", "ours"])
def test_torch(first, tmp_path):
    program = __file__
    if first == "torch":  # imported before anything of ours
        program = tmp_path / "torch_first.py"
        program.write_text(
            f"import sys\nimport torch\nsys.path.insert(0, {os.path.dirname(__file__)!r})\n"
            "import test_beside_torch as tests\ntests.main(vars(tests))\n"
        )
    found = run_script(str(program), "torch", timeout=110)
    assert len(found) == 4
    assert all(found.values()), found


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name, module in list(sys.modules.items()):
        if name.startswith("softreg_fast.nn.") and hasattr(module, "torch"):
            monkeypatch.delitem(sys.modules, name)
    for name in nn.FROM_TORCH:
        monkeypatch.delitem(vars(nn), name, raising=False)
        monkeypatch.delitem(sys.modules, f"softreg_fast.nn.{nn.FROM_TORCH[name]}", raising=False)
        assert name in dir(nn)
        with pytest.raises(ModuleNotFoundError, match="needs PyTorch: pip install"):
            getattr(nn, name)
    with pytest.raises(AttributeError, match="no attribute 'nobody'"):
        nn.nobody  # noqa: B018


if __name__ == "__main__":
    main(globals())
