"""Rules that end a path, and its progress."""

import sys

import numpy as np
import problems
import pytest

import softreg_fast as sf
from softreg_fast import path


@pytest.mark.parametrize("loss", ["squared", "logistic", "multinomial"])
def test_pmax_counts_features_ever_nonzero(rng, loss):
    X, y = problems.make_data(rng, 60, 30)
    y = {"squared": y, "logistic": y > 0.0, "multinomial": np.digitize(y, [-1.0, 1.0])}[loss]
    whole = path(X, y, loss=loss, n_alphas=40)
    n_outputs = whole.coefs.shape[1] // len(whole)
    nonzero = whole.coefs.toarray().reshape(30, len(whole), n_outputs).any(axis=2)
    ever = np.logical_or.accumulate(nonzero, axis=1).sum(axis=0)
    for pmax in (1, 7, 20):
        fits = path(X, y, loss=loss, n_alphas=40, pmax=pmax)
        reached = np.flatnonzero(ever >= pmax)
        assert len(fits) == (reached[0] + 1 if reached.size else len(whole))


def test_pmax_of_other_penalties(rng):
    X, y = problems.make_data(rng, 40, 6)
    fits = path(X, y, n_alphas=30, pmax=3, penalty=sf.penalties.MCP(gamma=3.0))
    ever = np.zeros(6, bool)
    for k in range(len(fits)):
        assert ever.sum() < 3
        ever |= fits[k].coef != 0.0
    groups = sf.penalties.GroupLasso(groups=[[0, 1, 2], [2, 3], [4, 5]], overlap=True)
    fits = path(X, y, n_alphas=30, pmax=4, penalty=groups)
    assert (fits.coefs.toarray() != 0.0).any(axis=1).sum() >= 4


def test_bad_pmax(rng):
    X, y = problems.make_data(rng, 20, 3)
    for bad in (-1, 2.5, "three"):
        with pytest.raises(ValueError, match="pmax must be an integer >= 0 or None"):
            path(X, y, pmax=bad)


def test_progress(rng, monkeypatch, capsys):
    X, y = problems.make_data(rng, 20, 3)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fits = path(X, y, n_alphas=7, progress=True)
    assert "7/7" in capsys.readouterr().err
    quiet = path(X, y, n_alphas=7)
    assert "7/7" not in capsys.readouterr().err
    assert (fits.coefs != quiet.coefs).sum() == 0
