"""Public names of networks are documented, with examples that run."""

import doctest
import importlib
import inspect
import os
import pkgutil
import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")

import softreg_fast.nn
import softreg_fast.nn.keras
import softreg_fast.penalties

MODULES = [
    found.name
    for package in (softreg_fast.nn, softreg_fast.penalties)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
PUBLIC = {
    f"{package.__name__}.{name}": getattr(package, name)
    for package in (softreg_fast.nn, softreg_fast.nn.keras)
    for name in dir(package)
    if not name.startswith("_")
    and getattr(getattr(package, name), "__module__", "").startswith("softreg_fast.")
}
TOOL = Path(__file__).parents[3] / "tools" / "docstrings.py"


@pytest.fixture(autouse=True)
def seeded():
    """Seed PyTorch's generator, and use one thread, as in small trainings."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example(name):
    assert ">>> " in inspect.getdoc(PUBLIC[name])
    assert ">>> " in PUBLIC[name].__doc__  # its own, not that of a base class


def test_all_parameters_are_described_by_the_shared_texts():
    if not TOOL.exists():
        pytest.skip("the files of the source tree are not beside the tests")
    tool = runpy.run_path(str(TOOL))
    tool["main"].__globals__["public_things"] = tool["things_of_networks"]
    assert tool["main"](["--check"]) == 0
