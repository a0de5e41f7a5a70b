"""Columns found by name."""

import json
from pathlib import Path

from datafiles import COMPOSED, DECOMPOSED, file_with

from softreg_fast.cli.models import read_model


def test_names_are_found_in_both_forms_of_unicode(call):
    file_with(f"{DECOMPOSED},b,y\n1,2,3\n3,4,4\n7,0,1\n", "one.csv")
    file_with(f"y,b,{COMPOSED}\n3,2,1\n4,4,3\n1,0,7\n", "other.csv")
    file_with(f"feature,l1\n{COMPOSED},inf\n", "w.csv")
    fit = ("fit", "one.csv", "--target", "y", "--alpha", 0.1, "--model", "m.json")
    assert call(*fit, "--penalty-weights", "w.csv")[0] == 0
    assert read_model("m.json").path.coefs.toarray()[0, 0] == 0.0
    assert call(*fit)[0] == 0
    first = call("predict", "m.json", "one.csv")
    assert first[0] == 0
    assert call("predict", "m.json", "other.csv") == first
    held = json.loads(Path("m.json").read_text())
    old = json.dumps(held, ensure_ascii=False).replace(COMPOSED, DECOMPOSED)
    assert call("predict", file_with(old, "old.json"), "other.csv") == first
