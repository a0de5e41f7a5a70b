"""Cells of notebooks: well-formed HTML without scripts, whatever the names of the data."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import problems
import pytest

import softreg_fast as sf
from softreg_fast.options.cells import Bars, Cell, Picture, svg_of

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")

NASTY = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\x1b[31m\u202eb", "&amp;"]
NASTY += ["x" * 500]


class Tags(HTMLParser):
    """A check that tags are closed, and that none of them does anything."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], set(), ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self._look(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self._look(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def _look(self, tag, attrs):
        assert tag not in ("script", "img", "iframe", "a")
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.seen.add(tag)


def results(X, y):
    yield sf.solve(X, y, alpha=0.1)
    yield sf.path(X, y, n_alphas=10)
    yield sf.path(X, y, alphas=[0.1])
    yield sf.path(X, np.column_stack([y, -y]), n_alphas=5)
    yield sf.relaxed_path(X, y, n_alphas=5)
    yield sf.cv_path(X, y, n_alphas=10)
    yield sf.cv_path(X, y > 0.0, n_alphas=10, loss="logistic", measure="auc", cv=3)
    yield sf.stability_path(X, y, n_subsamples=4, random_state=0)
    yield sf.solve(X, y, alpha=1e9)
    yield sf.path(X, y, alphas=[1e9, 1e8])


def test_are_well_formed_and_do_nothing(rng):
    X, y = problems.make_data(rng, 40, 5)
    frame = pd.DataFrame(X, columns=NASTY)
    for result in results(frame, y):
        text = result._repr_html_()
        found = Tags(text)
        assert {"div", "table"} <= found.seen
        assert "nan" not in text
        assert not set("\x1b\u202e") & set(text)
        assert type(result).__name__.removeprefix("MultiTask") in found.text


def test_designs_and_penalties(rng):
    X, y = problems.make_data(rng, 40, 5)
    design = sf.Design(pd.DataFrame(X, columns=NASTY), y, standardize=True)
    assert repr(design) == "Design(40 samples, 5 features, dense, float64)"
    assert "Squared()" in Tags(design._repr_html_()).text
    penalty = sf.Penalty(alpha=0.5, l1_weights=dict.fromkeys(NASTY, 2.0))
    assert "l1_weights" in Tags(penalty._repr_html_()).text
    assert "bounds" not in Tags(sf.Penalty()._repr_html_()).text


def test_pictures_are_in_them(rng):
    X, y = problems.make_data(rng, 40, 5)
    for result in list(results(X, y))[:8]:
        assert "svg" in Tags(result._repr_html_()).seen


def test_many_features_stay_small(rng):
    X, y = rng.standard_normal((30, 3000)), rng.standard_normal(30)
    for result in (sf.path(X, y), sf.stability_path(X, y, n_subsamples=4, random_state=0)):
        assert len(result._repr_html_()) < 100_000


def test_values_that_are_not_finite():
    lines = [("a", [1.0, np.nan, np.inf]), ("b", [])]
    text = svg_of(Picture("t", lines, [[-np.inf]], ("x", "y"), marks=[("m", 0)], level=0.5))
    assert "nan" not in text
    assert "inf" not in text
    Tags(Cell("t", [], picture=Bars("t", [("a", np.nan), ("b", -1.0), ("c", 2.0)])).html())
    Tags(Cell("t", []).html())
