"""A fit as one self-contained HTML page: the model, its certificate, and how to repeat it.

The same fit gives the same page, byte for byte, except for the date.
"""

from __future__ import annotations

from collections.abc import Iterator

from softreg_fast.report.certificate import certificate
from softreg_fast.report.choice import choice
from softreg_fast.report.coefficients import coefficients
from softreg_fast.report.contents import Report as Report
from softreg_fast.report.document import closing, opening
from softreg_fast.report.headline import figures_of, origin_of, sentence_of
from softreg_fast.report.markup import escape, facts_table, folded
from softreg_fast.report.predictions import came_true
from softreg_fast.system.config import config


def page(report: Report) -> Iterator[str]:
    """Yield the pieces of the page."""
    for piece in _pieces(report):  # file names may not be valid UTF-8
        yield piece.encode("utf-8", "backslashreplace").decode()


def _pieces(report: Report) -> Iterator[str]:
    yield opening(report.title)
    yield f"<h1>{escape(report.title)}</h1>\n{origin_of(report)}"
    yield f"<p>{escape(sentence_of(report))}</p>\n"
    yield figures_of(report)
    yield from choice(report)
    if report.outcomes is not None:
        yield from came_true(report.outcomes)
    yield from coefficients(report)
    yield from certificate(report)
    yield from _repetition(report)
    yield closing()


def _repetition(report: Report) -> Iterator[str]:
    known = config()
    software = ("softreg_fast", "python", "numpy", "scipy", "scikit-learn")
    versions = {
        **{name: str(known[name]) for name in software},
        "platform": str(known["platform"]),
        "OpenMP": "yes" if known["openmp"] else "no",
        "vector level": str(known["vector level"]),
    }
    yield "<h2>To repeat it</h2>\n"
    yield f"<pre><code>{escape(report.command)}</code></pre>\n"
    parts = "".join(
        f"<section>\n<h3>{title}</h3>\n{facts_table(facts)}</section>\n"
        for title, facts in (
            ("Data", report.data),
            ("Settings", report.settings),
            ("Software", versions),
        )
        if facts
    )
    yield folded("Data, settings and software", f'<div class="columns">\n{parts}</div>\n')
