"""The command line on survival times: their columns, strata of text, and contradictions."""

import json

import numpy as np
import pytest

from softreg_fast import path, survival
from softreg_fast.__main__ import main
from softreg_fast.losses import Cox


@pytest.fixture
def table(tmp_path, rng):
    """Return the name of a table with survival times, and its columns."""
    n = 60
    X = rng.standard_normal((n, 3))
    stop = np.ceil(5 * rng.exponential(np.exp(-X[:, 0]))) + 1.0
    start, event = np.floor(stop * rng.random(n) * 0.5), (rng.random(n) < 0.7).astype(int)
    site = np.array(["north", "south"])[rng.integers(0, 2, n)]
    name = tmp_path / "patients.csv"
    rows = ["a,b,c,start,stop,died,site"]
    for k in range(n):
        rows.append(
            ",".join(map(repr, X[k].tolist())) + f",{start[k]},{stop[k]},{event[k]},{site[k]}"
        )
    name.write_text("\n".join(rows) + "\n")
    return str(name), X, start, stop, event, site


def test_a_path_of_survival_times(table, tmp_path, capsys):
    name, X, start, stop, event, site = table
    model = str(tmp_path / "model.json")
    columns = ["--time", "stop", "--event", "died", "--start", "start", "--strata", "site"]
    main(["fit", name, "--loss", "cox:efron", *columns, "--n-alphas", "7", "--model", model])
    assert "explained" in capsys.readouterr().out
    expected = path(X, survival(stop, event, start, site), loss=Cox("efron"), n_alphas=7)
    held = json.loads((tmp_path / "model.json").read_text())
    assert held["loss"] == "cox:efron"
    assert held["target"] == "stop"
    np.testing.assert_array_equal([each["alpha"] for each in held["models"]], expected.alphas)
    main(["predict", model, name, "--alpha", repr(float(expected.alphas[-1])), "--kind", "link"])
    found = np.array(capsys.readouterr().out.split()[1:], float)
    np.testing.assert_allclose(found, X @ expected[6].coef, rtol=1e-9)


def test_folds_and_a_report(table, tmp_path, capsys):
    name = table[0]
    page = tmp_path / "report.html"
    columns = ["--time", "stop", "--event", "died", "--ignore", "start,site"]
    options = ["--cv", "3", "--measure", "concordance", "--report", str(page)]
    main(["fit", name, "--loss", "cox", *columns, *options])
    assert "measure: concordance" in capsys.readouterr().out
    assert "concordance" in page.read_text()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--loss", "cox", "--target", "stop"], "name their columns with --time and --event"),
        (["--loss", "cox", "--time", "stop"], "--event must name the column of the events"),
        (["--loss", "cox", "--event", "died"], "--time must name the column of the times"),
        (["--target", "stop", "--event", "died"], "--event is for survival times; say --loss cox"),
        (["--loss", "cox", "--time", "stop", "--event", "stop"], "cannot be both --time and --eve"),
        (["--loss", "cox", "--time", "stop", "--event", "dead"], 'no column "dead"'),
        (["--loss", "cox", "--time", "stop", "--event", "start"], "must be True or 1"),
        (
            ["--loss", "cox", "--time", "stop", "--event", "died", "--no-intercept"],
            "has no intercept",
        ),
    ],
)
def test_contradictions(table, words, match, capsys):
    assert main(["fit", table[0], *words, "--ignore", "site"]) != 0
    assert match in capsys.readouterr().err.replace("\n", " ")
