"""Pages of HTML as tests read them."""

from html.parser import HTMLParser

import numpy as np

from softreg_fast import path
from softreg_fast.report.page import Report, page

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Parsed(HTMLParser):
    """Content of a page: tags with attributes, tables, all text; every tag must be closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.text, self.open = [], [], "", []
        self.inner = []  # tables that are not closed yet
        self.parts = {"style": "", "script": "", "svg": []}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.inner.append([])
            self.tables.append(self.inner[-1])
        elif tag == "tr":
            self.inner[-1].append([])
        elif tag in ("td", "th"):
            self.inner[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.inner.pop()

    def handle_data(self, data):
        kind = self.open[-1] if self.open else ""
        if kind in ("style", "script"):
            self.parts[kind] += data
            return
        self.text += data
        around = [tag for tag in self.open if tag in ("td", "th", "tr", "table")]
        if around and around[-1] in ("td", "th"):
            self.inner[-1][-1][-1] += data

    def table(self, first):
        """Return the rows of the table with this first heading, without the heading row."""
        return next(rows[1:] for rows in self.tables if rows and rows[0][0] == first)

    def features(self):
        """Return the rows of coefficients, those that are folded among them."""
        return [row for rows in self.tables if rows and rows[0][0] == "feature" for row in rows[1:]]

    def fact(self, name):
        """Return the cell beside a heading."""
        return next(row[1] for rows in self.tables for row in rows if row[0] == name)

    def pictures(self):
        """Return the attributes of the plots."""
        return [held for tag, held in self.tags if tag == "svg" and held.get("role") == "img"]


def report_of(X, y, k=-1, *, fits=None, **options):
    """Return a report of a path without a search, with plain names."""
    fits = path(X, y, **options) if fits is None else fits
    return Report(
        path=fits,
        k=range(len(fits))[k],
        search=None,
        deviation=np.asarray(X).std(axis=0),
        label=str,
        l1_ratio=1.0,
        source="data",
        target="y",
        data={},
        settings={},
        command="",
    )


def parsed(report):
    """Return the page of a report as it is read."""
    return Parsed("".join(page(report)))
