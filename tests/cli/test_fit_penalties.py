"""MCP and SCAD on the command line: the fits of Python, their model files and predictions."""

import json

import numpy as np
import pytest
from datafiles import NAMES, file_with, read_numbers, text_of, write_table

import softreg_fast as sf
from softreg_fast.cli.models import read_model
from softreg_fast.penalties import MCP, SCAD

FIT = ("fit", "data.csv", "--target", "price")


@pytest.mark.parametrize(
    ("options", "penalty", "recorded"),
    [
        (("mcp",), MCP(), {"penalty": "mcp", "gamma": 3.0}),
        (("mcp", "--gamma", 1.5), MCP(gamma=1.5), {"penalty": "mcp", "gamma": 1.5}),
        (("scad", "--a", 2.5, "--positive"), SCAD(a=2.5, positive=True), {"a": 2.5}),
    ],
)
def test_a_path_and_its_predictions(call, options, penalty, recorded):
    X, y = write_table()
    code, out, err = call(*FIT, "--penalty", *options, "--n-alphas", 9, "--model", "m.json")
    assert (code, err) == (0, "")
    fits = sf.path(X, y, penalty=penalty, n_alphas=9, standardize=True)
    assert "the distance to stationarity is at most" in out
    assert f"{penalty.kind.upper()} is not convex" in out
    model = read_model("m.json")
    assert (model.path.coefs != fits.coefs).nnz == 0
    np.testing.assert_array_equal(model.path.stationarity, fits.stationarity)
    np.testing.assert_array_equal(model.path.locally_convex, fits.locally_convex)
    assert recorded.items() <= model.settings.items()
    assert json.loads(text_of("m.json"))["format_version"] == 4
    call("predict", "m.json", "data.csv", "--output", "out.csv")
    np.testing.assert_allclose(read_numbers("out.csv")[1], fits.predict(X), rtol=1e-12)


def test_cross_validation_chooses_the_shape(call):
    X, y = write_table()
    code, out, err = call(
        *FIT, "--penalty", "mcp", "--gamma", "1.5,3,1000", "--cv", 5, "--model", "m.json",
        "--report", "r.html",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = sf.cv_path(X, y, penalty=[MCP(gamma=g) for g in (1.5, 3.0, 1000.0)], standardize=True)
    assert "3 penalties x" in out
    model = read_model("m.json")
    assert model.settings["gamma"] == found.penalty.gamma
    np.testing.assert_array_equal(model.path[0].coef, found.path[found.index].coef)
    page = text_of("r.html")
    assert "MCP" in page
    assert f"<td>{found.penalty.gamma}</td>" in page


def test_penalty_weights(call):
    X, y = write_table()
    file_with("feature,l1,l2\nrooms,0,1\nage,inf,1\ndistance,2.5,0.5\n", "w.csv")
    options = ("--penalty", "scad", "--penalty-weights", "w.csv", "--n-alphas", 9)
    code, _, err = call(*FIT, *options, "--model", "m.json")
    assert code == 0
    assert err == "softreg_fast: warning: the l2 weights have no effect with --penalty scad\n"
    kept = [j for j, name in enumerate(NAMES) if name != "age"]
    fits = sf.path(
        X[:, kept], y, penalty=SCAD(weights=[0.0, 1.0, 2.5]), n_alphas=9, standardize=True
    )
    found = read_model("m.json").path.coefs.toarray()
    np.testing.assert_allclose(found[kept], fits.coefs.toarray(), atol=1e-10)
    assert not found[NAMES.index("age")].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gamma", 3), "--gamma is a number of --penalty mcp or --penalty group_mcp"),
        (("--penalty", "mcp", "--a", 3), "--a is a number of --penalty scad; say that too"),
        (("--penalty", "mcp", "--gamma", "2,3"), "several values; say --cv K to choose"),
        (("--penalty", "mcp", "--gamma", 0), "--gamma: gamma must be a number > 0"),
        (("--penalty", "scad", "--a", 2), "--a: a must be a number > 2"),
        (("--penalty", "scad", "--l1-ratio", 0.5), "--l1-ratio is for L1 and L2; leave it out"),
        (("--penalty", "group_mcp", "--loss", "poisson"), "group_mcp is for squared error"),
        (("--penalty", "mcp", "--alpha", 0), "alpha is 0, at which MCP penalises nothing"),
    ],
)
def test_misfits(call, options, said):
    write_table()
    code, out, err = call(*FIT, *options)
    assert (code != 0, out, err.count("\n")) == (True, "", 1)
    assert said in err


def test_damaged_models(call):
    write_table()
    call(*FIT, "--penalty", "mcp", "--n-alphas", 3, "--model", "m.json")
    held = json.loads(text_of("m.json"))
    for change in ({"penalty": "lasso"}, {"format_version": 3}, {"penalty": None}):
        file_with(json.dumps({**held, **change}), "bad.json")
        code, _, err = call("predict", "bad.json", "data.csv")
        assert code != 0
        assert "is a damaged model" in err
    del held["penalty"]
    file_with(json.dumps(held), "bad.json")
    assert "is a damaged model" in call("predict", "bad.json", "data.csv")[2]
