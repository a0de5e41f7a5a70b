"""The progress bar of a search."""

import sys
from types import SimpleNamespace

import problems
import pytest

from softreg_fast import cv_path

# small user-given grids are not extended
pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


def test_progress(rng, monkeypatch):
    X, y = problems.make_data(rng, 30, 4)
    seen = []

    class Bar:
        def __init__(self, total, **_):
            self.total = total

        def __enter__(self):
            return self

        def __exit__(self, *_):
            seen.append((self.total, self.n))

        n = 0

        def update(self):
            self.n += 1

        def set_postfix_str(self, text, refresh):
            assert "gap" in text

    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    cv_path(X, y, cv=3, n_alphas=4, eps=0.1, progress=True)
    assert seen == []  # standard error is not a terminal
    kernel = SimpleNamespace(kernel=object())  # the shell class of a notebook
    for shell, shown in ((None, 0), (SimpleNamespace(), 0), (kernel, 1)):
        ipython = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        cv_path(X, y, cv=3, n_alphas=4, eps=0.1, progress=True)
        assert seen == [(16, 16)] * shown
    monkeypatch.delitem(sys.modules, "IPython")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    cv_path(X, y, cv=3, n_alphas=4, eps=0.1, progress=True)
    assert seen == [(16, 16)] * 2
    y = X.sum(axis=1)  # no noise: smaller alphas are better
    found = cv_path(X, y, cv=3, n_alphas=4, eps="auto", progress=True)
    assert len(found.path) > 4  # the bar's total grew with the grid
    assert seen[2] == (4 * len(found.path), 4 * len(found.path))
