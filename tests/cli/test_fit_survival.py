"""The command line on survival times: their columns, strata of text, and contradictions."""

import json

import numpy as np
import pytest

from softreg_fast import CoxRegression, path, survival
from softreg_fast.__main__ import main
from softreg_fast.cli.models import read_model
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
    expected = path(
        X, survival(stop, event, start, site), loss=Cox("efron"), n_alphas=7, standardize=True
    )
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
    said = page.read_text()
    assert "concordance" in said
    assert f"{int(table[4].sum())} of 60 rows" in said
    assert "fit_intercept" not in said


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


COLUMNS = ["--time", "stop", "--event", "died", "--start", "start"]


def fitted(table, tmp_path, capsys, *options):
    """Return the name of a model file fitted to the table."""
    model = str(tmp_path / "model.json")
    assert main(["fit", table[0], "--loss", "cox", *COLUMNS, *options, "--model", model]) == 0
    capsys.readouterr()
    return model


def predicted(capsys, *words):
    """Return the header and the numbers of a prediction."""
    assert main(["predict", *words]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    return header.split(","), np.array([row.split(",") for row in rows], float)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_survival_from_a_model_file(table, tmp_path, capsys, ties):
    name, X, start, stop, event, site = table
    options = ["--strata", "site", "--alpha", "0.02", "--no-standardize", "--tol", "1e-12"]
    model = str(tmp_path / "model.json")
    main(["fit", name, "--loss", f"cox:{ties}", *COLUMNS, *options, "--model", model])
    capsys.readouterr()
    times = [0.0, 2.0, 3.5, 8.0, 1e6]
    said = ",".join(map(str, times))
    header, found = predicted(capsys, model, name, "--kind", "survival", "--times", said)
    assert header == [f"time={t!r}" for t in times]
    ours = CoxRegression(alpha=0.02, l1_ratio=1.0, ties=ties, tol=1e-12)
    ours.fit(X, survival(stop, event, start, site))
    functions = ours.predict_survival_function(X, strata=site)
    expected = np.array([f(np.minimum(times, f.x[-1])) for f in functions])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    header, found = predicted(capsys, model, name, "--kind", "survival")
    assert header == [f"time={t!r}" for t in np.unique(stop[event == 1]).tolist()]
    assert (np.diff(found, axis=1) <= 0.0).all()


def test_survival_without_strata_and_with_an_offset(table, tmp_path, capsys):
    name, X, start, stop, event, _ = table
    model = fitted(table, tmp_path, capsys, "--ignore", "site", "--offset", "c", "--n-alphas", "3")
    y, options = survival(stop, event, start), {"loss": "cox", "n_alphas": 3}
    fits = path(X[:, :2], y, offset=X[:, 2], **options, standardize=True)
    alpha, times = float(fits.alphas[1]), np.unique(stop)
    said = ",".join(map(str, times.tolist()))
    words = ["--kind", "survival", "--alpha", repr(alpha), "--times", said]
    _, found = predicted(capsys, model, name, *words)
    expected = fits[1].predict(X[:, :2], offset=X[:, 2], kind="survival")
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_strata_of_other_columns(table, tmp_path, capsys):
    name, *_, site = table
    model = fitted(table, tmp_path, capsys, "--strata", "site", "--alpha", "0.02")
    other = tmp_path / "others.csv"
    rows = (tmp_path / "patients.csv").read_text().splitlines()
    other.write_text("\n".join([rows[0].replace("site", "clinic"), *rows[1:]]) + "\n")
    expected = predicted(capsys, model, name, "--kind", "survival")[1]
    words = ["--kind", "survival", "--strata", "clinic"]
    np.testing.assert_array_equal(predicted(capsys, model, str(other), *words)[1], expected)
    assert main(["predict", model, str(other), "--kind", "survival"]) != 0
    assert 'the column "site" of the strata' in capsys.readouterr().err
    other.write_text("\n".join([rows[0], rows[1].replace(site[0], "west")]) + "\n")
    assert main(["predict", model, str(other), "--kind", "survival"]) != 0
    assert "the stratum 'west' has no baseline hazard" in capsys.readouterr().err
    assert main(["predict", model, name, "--strata", "site"]) != 0
    assert "other predictions need none; leave it out" in capsys.readouterr().err


def test_survival_is_of_one_model_of_the_file(table, tmp_path, capsys):
    name = table[0]
    model = fitted(table, tmp_path, capsys, "--ignore", "site", "--alphas", "0.1,0.05")
    for words, match in (
        ([], "is for one model, and the file holds 2; give --alpha, such as 0.05"),
        (["--alpha", "0.06"], "for its own alphas only; the one next to 0.06 is 0.05"),
    ):
        assert main(["predict", model, name, "--kind", "survival", *words]) != 0
        assert match in capsys.readouterr().err.replace("\n", " ")
    assert main(["predict", model, name, "--times", "3"]) != 0
    assert "--times is for --kind survival" in capsys.readouterr().err
    held = json.loads((tmp_path / "model.json").read_text())
    held.pop("times")
    (tmp_path / "old.json").write_text(json.dumps(held))
    words = [str(tmp_path / "old.json"), name, "--kind", "survival", "--alpha", "0.05"]
    assert main(["predict", *words]) != 0
    assert "no baseline hazards; fit it again" in capsys.readouterr().err


def test_damaged_baselines(table, tmp_path, capsys):
    name = table[0]
    model = fitted(table, tmp_path, capsys, "--strata", "site", "--alpha", "0.02")
    whole = (tmp_path / "model.json").read_text()
    assert read_model(model).strata.labels == ["north", "south"]
    for change in (
        lambda held: held["times"].pop(),
        lambda held: held["models"][0].pop("baseline"),
        lambda held: held["models"][0]["baseline"]["cumulative"][0].pop(),
        lambda held: held["models"][0]["baseline"]["cumulative"][1].reverse(),
        lambda held: held.update(strata_labels=["north"]),
    ):
        held = json.loads(whole)
        change(held)
        (tmp_path / "model.json").write_text(json.dumps(held))
        assert main(["predict", model, name]) != 0
        assert "damaged" in capsys.readouterr().err


def test_there_is_no_intercept(table, tmp_path, capsys):
    name, coefficients = table[0], tmp_path / "coefficients.csv"
    words = ["--ignore", "site", "--alpha", "0.05", "--coefficients", str(coefficients)]
    main(["fit", name, "--loss", "cox", *COLUMNS, *words])
    assert "(intercept)" not in capsys.readouterr().out
    assert "(intercept)" not in coefficients.read_text()


def test_strata_of_text_in_parquet(table, tmp_path, capsys):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    name = str(tmp_path / "patients.parquet")
    pd.read_csv(table[0]).to_parquet(name)
    out = []
    for file in (table[0], name):
        model = fitted((file,), tmp_path, capsys, "--strata", "site", "--alpha", "0.02")
        out.append(predicted(capsys, model, file, "--kind", "survival")[1])
    # readers of text and of Parquet may leave columns in another order in memory
    np.testing.assert_allclose(*out, rtol=1e-12)


@pytest.mark.parametrize("codes", [(1, 2), ("alive", "dead"), ("0", "1.0")])
def test_events_by_another_code(table, tmp_path, capsys, codes):
    name, *_ = table
    options = ["--loss", "cox", "--ignore", "site", "--n-alphas", "3"]
    main(["fit", name, *COLUMNS, *options, "--model", str(tmp_path / "first.json")])
    header, *rows = (tmp_path / "patients.csv").read_text().splitlines()
    at = header.split(",").index(COLUMNS[COLUMNS.index("--event") + 1])
    cells = [row.split(",") for row in rows]
    for row in cells:
        row[at] = str(codes[int(float(row[at]))])
    coded = tmp_path / "coded.csv"
    coded.write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")
    words = [*COLUMNS]
    words[words.index("--event") + 1] += f"={codes[1]}"
    assert main(["fit", str(coded), *words, *options, "--model", str(tmp_path / "m.json")]) == 0
    first, second = (read_model(str(tmp_path / f"{each}.json")) for each in ("first", "m"))
    assert (first.path.coefs != second.path.coefs).nnz == 0
    words[words.index("--event") + 1] = words[words.index("--event") + 1].replace("=", "=no ")
    capsys.readouterr()
    assert main(["fit", str(coded), *words, *options]) == 2
    assert "say --event COLUMN=VALUE with one of these" in capsys.readouterr().err
