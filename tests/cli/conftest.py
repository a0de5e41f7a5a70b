"""Every test of the command line runs in an empty folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
