"""The table of coefficients: complete without a script, groups folded, bars that use their room."""

import dataclasses
import re

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from pages import parsed, report_of

from softreg_fast import path, penalties
from softreg_fast.report import coefficients as table
from softreg_fast.report.coefficients import MOST_ROWS, SHOWN, coefficients
from softreg_fast.report.pictures import path_picture

STRANGE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\N{GRINNING FACE}",
    "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}",
    "x" * 200,
    "a\x00\x1b[31m\nb",
    "\uffff\ufdd0",
    "$\\frac{a$",
    "&amp;",
    '" onload="alert(1)',
]


def of_effects(effects, **changes):
    """Return a report of one model with these coefficients, of features of unit variance."""
    n = len(effects)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, n))
    fits = path(X, X[:, 0], alphas=[1.0])
    coefs = type(fits.coefs)(np.reshape(effects, (n, 1)).astype(float))
    fits = dataclasses.replace(fits, coefs=coefs, df=np.array([np.count_nonzero(effects)]))
    report = dataclasses.replace(report_of(X, None, fits=fits), deviation=np.ones(n))
    return dataclasses.replace(report, **changes)


def bars_of(report):
    found = re.findall(r'<rect x="(\d+)" width="(\d+)"', "".join(coefficients(report)))
    return [(int(start), int(start) + int(width)) for start, width in found]


def test_all_features_are_there_without_a_script():
    effects = np.arange(1, 20_001) * np.where(np.arange(20_000) % 3, 1.0, -1.0)
    report = of_effects(effects, label=lambda j: f"gene {j}")
    read = parsed(report)
    rows = [row for row in read.features() if row[0] != "(intercept)"]
    assert [row[0] for row in rows] == [f"gene {j}" for j in range(19_999, -1, -1)]
    assert [float(row[2]) for row in rows] == list(effects[::-1])
    assert len(read.table("feature")) == SHOWN + 1
    assert ("details", {"class": "long"}) in read.tags
    assert ("p", {"class": "filter", "hidden": None}) in read.tags


def test_short_lists_are_not_searched_or_folded():
    text = "".join(coefficients(of_effects([1.0, 0.0, -2.0])))
    assert "<details" not in text
    assert "<input" not in text


def test_very_long_lists_end(monkeypatch):
    assert MOST_ROWS >= 20_000
    monkeypatch.setattr(table, "MOST_ROWS", 60)
    read = parsed(of_effects(np.arange(1.0, 101.0)))
    assert len([row for row in read.features() if row[0] != "(intercept)"]) == 60
    assert "And 40 more; fit --coefficients OUT.csv writes all of them." in read.text


def test_bars_use_their_room():
    assert bars_of(of_effects([4.0, 1.0, 2.0])) == [(0, 1000), (0, 500), (0, 250)]
    assert bars_of(of_effects([-4.0, -1.0])) == [(0, 1000), (750, 1000)]
    assert bars_of(of_effects([3.0, -1.0])) == [(250, 1000), (0, 250)]
    assert bars_of(of_effects([0.0, 0.0])) == []


def test_colours_are_those_of_the_plot():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 6))
    y = X @ [3.0, -2.0, 1.0, 0.5, 0.0, 0.0] + 0.1 * rng.standard_normal(80)
    report = report_of(X, y, 60)
    drawn = re.findall(r'fill="var\(--([\w-]+)\)"[^>]*>(\d)</text>', path_picture(report))
    rows = re.findall(
        r'<th scope=row>(\d)</th>.*?<rect[^>]*fill="var\(--([\w-]+)\)"',
        "".join(coefficients(report)),
    )
    assert {name: colour for colour, name in drawn if colour.startswith("line")} == dict(rows)


@pytest.mark.parametrize("n_classes", [1, 3, 7])
def test_strange_names_are_text(n_classes):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, len(STRANGE)))
    options = {}
    y = X.sum(axis=1)
    if n_classes > 1:
        y = np.argsort(np.argsort(y)) * n_classes // 120
        options = {"loss": "multinomial"}
    report = report_of(X, y, -1, n_alphas=5, **options)
    report = dataclasses.replace(
        report, label=STRANGE.__getitem__, loss=options.get("loss", "squared")
    )
    read = parsed(report)
    names = [tag for tag, _ in read.tags]
    assert names.count("script") == 1
    assert "img" not in names
    assert not any(key.startswith("on") for _, held in read.tags for key in held)
    shown = {
        row[0] for rows in read.tables if rows[0][0] in ("feature", "per st.dev.") for row in rows
    }
    assert {*STRANGE[:5], *STRANGE[7:], "a\\x00\\x1b[31m\\nb", "\\uffff\\ufdd0"} <= shown


def test_a_group_is_one_row_with_its_features_below():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6)) * [1.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    y = X @ [1.0, -2.0, 0.5, -1.5, 0.0, 0.0] + 0.1 * rng.standard_normal(60)
    labels = [0, 0, 0, 1, 2, 2]
    fits = path(X, y, penalty=penalties.GroupLasso(groups=labels), alphas=[0.4])
    report = dataclasses.replace(report_of(X, y, fits=fits), label="abcdef".__getitem__)
    read = parsed(report)
    model, deviation = fits[0], X.std(axis=0)
    (group, alone, _), members = read.table("feature"), read.tables
    assert group[0].startswith("0 (3 features)")
    assert alone[0] == "d"
    effect = model.coef * deviation
    assert float(group[2]) == pytest.approx(np.linalg.norm(effect[:3]), rel=1e-3)
    assert float(group[1]) == pytest.approx(np.linalg.norm(model.coef[:3]), rel=1e-3)
    inner = next(
        rows
        for rows in members
        if rows[0][0] == "feature" and len(rows) == 4 and rows[1][0] in "abc"
    )
    assert [row[0] for row in inner[1:]] == [
        "abc"[j] for j in np.argsort(-np.abs(effect[:3]), kind="stable")
    ]
    for row in inner[1:]:
        assert float(row[2]) == pytest.approx(effect["abc".index(row[0])], rel=1e-3)
    assert "Group lasso for y" in read.text
