"""Progress bars: they show on a terminal and in a notebook, and nowhere else."""

import sys
from types import SimpleNamespace

import pytest

from softreg_fast.system.progress_bar import progress_bar


def kernel():
    return SimpleNamespace(kernel=object(), config={})


@pytest.mark.parametrize(
    ("terminal", "shell", "shows"),
    [
        (True, None, True),
        (False, kernel(), True),
        (False, SimpleNamespace(kernel=None, config={}), False),
        (False, None, False),
    ],
)
def test_shows_where_it_is_seen(terminal, shell, shows, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    module = SimpleNamespace(get_ipython=lambda: shell, version_info=(9, 0))
    monkeypatch.setitem(sys.modules, "IPython", module)
    with progress_bar(3, progress=True) as bar:
        assert (bar is not None) == shows
        if bar is not None:
            bar.update(3)
    assert ("3/3" in capsys.readouterr().err) == shows
    with progress_bar(3, progress=False) as bar:
        assert bar is None
