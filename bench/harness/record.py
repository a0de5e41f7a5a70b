"""Measurements, kept from one run of a command to the next."""

import json
from dataclasses import asdict

from bench.harness.result import Row


class Record:
    """All rows so far, in a JSON file; those of another machine or version are dropped.

    Curves are {panel: {package: points}}.
    """

    def __init__(self, path, about):
        self.path, self.rows, self.curves = path, {}, {}
        self.about = self.now = about  # of the last measurement, and of this run
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if _lasting(kept["about"]) == _lasting(about):
                self._restore(kept)

    def _restore(self, kept):
        try:
            rows = [Row(**row) for row in kept["rows"]]
        except TypeError:  # written when rows had other fields
            return
        for row in rows:
            self._take(row)
        self.curves, self.about = kept["curves"], kept["about"]

    def _take(self, row):
        self.rows[row.key] = row

    def add(self, rows, curves=()):
        """Add the results of one problem, and save."""
        self.about = self.now
        for row in rows:
            self._take(row)
        for panel, points in dict(curves).items():
            self.curves.setdefault(panel, {}).update(points)
        kept = {"about": self.about, "rows": [asdict(row) for row in self.rows.values()]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**kept, "curves": self.curves}, indent=1)
        self.path.write_text(text + "\n", encoding="utf-8")


def kept(file, make):
    """Return the content of a JSON file; if it does not exist, make the result and store it."""
    if not file.exists():
        result = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def _lasting(about):
    passing = {"command", "date", "load at the start", "threads", "blas"}
    return {name: value for name, value in about.items() if name not in passing}
