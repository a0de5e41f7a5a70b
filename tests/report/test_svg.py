"""Plots as parts of a page: recoloured, without styles, with the names of lines."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from pages import report_of

from softreg_fast import cv_path
from softreg_fast.report.pictures import LEADING, MOST_LINES, errors_picture, path_picture


@pytest.fixture
def report():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12))
    y = X[:, :10] @ np.linspace(2.0, 0.2, 10) + rng.standard_normal(60)
    found = cv_path(X, y, cv=4, n_alphas=30, eps=1e-2)
    report = report_of(X, y, found.index, fits=found.path)
    return dataclasses.replace(report, search=found, label=lambda j: f"<{j}> & \uffff")


def points(path):
    return np.array(re.findall(r"([-\d.e]+) ([-\d.e]+)", path.get("d")), float)


def values(svg, path):
    """Return the drawn values of a line at the places of the picture, by its scale."""
    places = np.array(svg.get("data-x").split(), float)
    y0, v0, y1, v1 = map(float, svg.get("data-y").split())
    x, y = points(path).T
    return v0 + (np.interp(places, x, y) - y0) * (v1 - v0) / (y1 - y0)


def test_lines_have_names_and_values(report):
    svg = ET.fromstring(path_picture(report))
    lines = [path for path in svg.iter("path") if path.find("title") is not None]
    alphas = np.array(svg.get("data-labels").split(), float)
    np.testing.assert_allclose(alphas, report.path.alphas, rtol=1e-3)
    coefs = report.path.coefs.toarray() * report.deviation[:, np.newaxis]
    ever = np.flatnonzero(coefs.any(axis=1))
    names = [line.find("title").text for line in lines]
    assert sorted(names) == sorted(f"<{j}> & \\uffff" for j in ever)
    scale = np.abs(coefs).max()
    for line, name in zip(lines, names, strict=True):
        j = int(re.search(r"\d+", name)[0])
        np.testing.assert_allclose(values(svg, line), coefs[j], atol=3e-3 * scale)


def test_errors_have_names_and_values(report):
    svg = ET.fromstring(errors_picture(report.search))
    (line,) = [path for path in svg.iter("path") if path.find("title") is not None]
    assert line.find("title").text == "root mean squared error"
    expected = np.sqrt(report.search.curve[0])
    np.testing.assert_allclose(values(svg, line), expected, rtol=3e-3)


def test_nothing_is_styled_and_no_identifier_is_shared(report):
    texts = [path_picture(report), errors_picture(report.search)]
    for text in texts:
        assert "style=" not in text
        assert "<style" not in text
        assert "xmlns" not in text
        assert 'role="img" aria-label="' in text
        assert "var(--ink)" in text
    first, second = (set(re.findall(' id="([^"]+)"', text)) for text in texts)
    assert not first & second


def test_of_very_many_lines_the_leading_ones_have_names():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((700, 650))
    report = report_of(X, X.sum(axis=1), alphas=[1.0, 0.1, 0.01])
    assert report.model.df > MOST_LINES
    svg = ET.fromstring(path_picture(report))
    assert LEADING < len(list(svg.iter("title"))) <= LEADING + 40
