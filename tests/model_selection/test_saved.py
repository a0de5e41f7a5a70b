"""Results as files: they come back equal, and damaged or foreign ones are refused in a sentence."""

import dataclasses
import json

import numpy as np
import pandas as pd
import problems
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import softreg_fast as sf

pytestmark = pytest.mark.filterwarnings("ignore::softreg_fast.EndOfGridWarning")


@pytest.fixture
def data(rng):
    X, y = problems.make_data(rng, 40, 5)
    return pd.DataFrame(X, columns=["a", "b", "<c>", 'd"\n', "\u00e9"]), y


def again(result, tmp_path):
    result.save(tmp_path / "result.json")
    return sf.load(tmp_path / "result.json")


def assert_same(a, b, skip=("recipe", "baselines", "design")):
    """Compare two results field by field."""
    assert type(a) is type(b)
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            if field.name not in skip:
                assert_same(getattr(a, field.name), getattr(b, field.name), skip)
    elif sp.issparse(a):
        assert_array_equal(a.toarray(), b.toarray())
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert_array_equal(a, b)
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other, skip)
    else:
        assert a == b or (a != a and b != b)


def results(X, y, rng):
    counts, labels = rng.poisson(2.0, 40), np.where(y > 0.0, "yes", "no")
    yield sf.solve(X, y, alpha=0.3)
    yield sf.solve(X, y, l1=0.1)  # whose alpha is NaN
    yield sf.path(X, y, n_alphas=4)
    yield sf.path(X.to_numpy(), y, n_alphas=4, penalty=sf.penalties.SLOPE(), standardize=True)
    yield sf.path(X, y, n_alphas=4, penalty=sf.penalties.MCP(gamma=3.0))
    yield sf.path(X, np.column_stack([y, counts]), n_alphas=4)
    yield sf.path(X, labels, n_alphas=4, loss="logistic")
    yield sf.path(X, y > 0.0, n_alphas=4, loss="squared_hinge")
    yield sf.path(X, counts.clip(0, 3), n_alphas=4, loss="multinomial")
    yield sf.path(X, counts, n_alphas=4, loss=sf.losses.Tweedie(power=1.5), offset=0.1 * y)
    yield sf.path(X, y, n_alphas=4, loss=sf.losses.Quantile(0.9))
    frame = X.assign(colour=rng.choice(["red", "blue"], 40), yes=y > 1.0)
    yield sf.path(frame, y, n_alphas=4, penalty=sf.penalties.GroupLasso(groups="columns"))
    yield sf.relaxed_path(X, y, n_alphas=4)
    yield sf.relaxed_path(X, labels, n_alphas=4, loss="logistic")
    yield sf.cv_path(X, y, n_alphas=6, cv=3)
    several = [sf.penalties.MCP(gamma=3.0), sf.penalties.L1(weights=np.arange(5.0))]
    yield sf.cv_path(X, y, n_alphas=6, cv=3, penalty=several)
    yield sf.cv_path(X, counts, n_alphas=6, criterion="bic", loss="poisson")
    yield sf.stability_path(X, y, n_subsamples=4, random_state=0)


def test_results_come_back(data, rng, tmp_path):
    for result in results(*data, rng):
        found = again(result, tmp_path)
        if isinstance(result, sf.CVPath):
            kinds = [None if result.penalties is None else repr(result.penalties)]
            assert kinds == [None if found.penalties is None else repr(found.penalties)]
            assert_same(result, found, ("recipe", "penalties"))
        else:
            assert_same(result, found)
        assert str(found) == str(result)
        assert found._repr_html_() == result._repr_html_()


def test_predictions_are_the_same(data, rng, tmp_path):
    X, y = data
    labels = np.where(y > 0.0, "yes", "no")
    fits = sf.path(X, labels, n_alphas=4, loss="logistic")
    found = again(fits, tmp_path)
    for kind in ("response", "link", "class", "proba"):
        assert_array_equal(found.predict(X, kind=kind), fits.predict(X, kind=kind))
    assert found.coef(0.05).equals(fits.coef(0.05))
    with pytest.raises(ValueError, match="loaded from a file"):
        found.at(0.05, exact=(X, labels))
    frame = X.assign(colour=rng.choice(["red", "blue"], 40))
    grouped = sf.path(frame, y, n_alphas=4, penalty=sf.penalties.GroupLasso(groups="columns"))
    assert_array_equal(again(grouped, tmp_path).predict(frame), grouped.predict(frame))


def test_survival_functions_are_the_same(data, rng, tmp_path):
    X, y = data
    times = sf.survival(np.exp(0.1 * y), rng.random(40) < 0.7)
    fits = sf.path(X, times, loss="cox", n_alphas=4)
    found = again(fits, tmp_path)
    assert_allclose(found.predict(X, kind="survival"), fits.predict(X, kind="survival"))
    one = again(fits[2], tmp_path)
    assert_allclose(one.predict(X, kind="survival"), fits[2].predict(X, kind="survival"))
    between = float(np.sqrt(fits.alphas[1] * fits.alphas[2]))
    assert_allclose(found.predict(X, between), fits.predict(X, between))
    with pytest.raises(ValueError, match="alphas of the path"):
        found.predict(X, between, kind="survival")
    cross = sf.cv_path(X, times, loss="cox", n_alphas=4, cv=3)
    again(cross, tmp_path).predict(X, kind="survival")


def test_blends_without_samples(data, tmp_path):
    X, y = data
    fits = sf.relaxed_path(X, np.where(y > 0.0, 1, 0), n_alphas=4, loss="logistic")
    found = again(fits, tmp_path)
    assert_array_equal(found.at(0.5).coefs.toarray(), fits.at(0.5).coefs.toarray())
    assert np.isnan(found.at(0.5).dev_ratio).all()


def test_models_of_the_command_line(data, tmp_path, monkeypatch):
    from softreg_fast.__main__ import main

    X, y = data
    X = X.set_axis(["a", "b", "c", "d", "e"], axis=1)
    table, model = tmp_path / "table.csv", tmp_path / "model.json"
    X.assign(y=np.where(y > 0.0, "yes", "no")).to_csv(table, index=False)
    options = ["--target", "y", "--loss", "logistic", "--model", str(model)]
    assert main(["fit", str(table), *options]) == 0
    found = sf.load(model)
    assert isinstance(found, sf.Path)
    assert set(found.predict(X, found.alphas[-1], kind="class")) == {"yes", "no"}
    model.write_text(model.read_text().replace('"models"', '"model"'))
    with pytest.raises(ValueError, match="damaged model"):
        sf.load(model)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("\x80\x81", "is no"),
        ("[1, 2]", "no result of softreg_fast"),
        ('{"format": "softreg_fast result", "format_version": 99}', "format version 99"),
        ('{"format": "softreg_fast result", "format_version": 1}', "is damaged"),
        ("[" * 100_000, "is no"),
    ],
)
def test_foreign_files(text, message, tmp_path):
    file = tmp_path / "file.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        sf.load(file)
    with pytest.raises(FileNotFoundError):
        sf.load(tmp_path / "none.json")


def test_damaged_files(data, rng, tmp_path):
    file = tmp_path / "file.json"
    sf.cv_path(*data, n_alphas=4, cv=3).save(file)
    text, said = file.read_text(), []
    for _ in range(40):  # cut or changed anywhere
        at = int(rng.integers(len(text)))
        file.write_text(text[:at] if rng.random() < 0.3 else text[:at] + "7" + text[at + 1 :])
        try:
            found = sf.load(file)
        except ValueError as error:
            said.append(str(error))
        else:
            str(found), found.predict(data[0])
    assert said
    assert all("file.json" in each for each in said)


def test_nothing_else_is_made(data, tmp_path):
    file = tmp_path / "file.json"
    sf.solve(*data).save(file)
    held = json.loads(file.read_text())
    for name in ("Popen", "eval", "Penalty", "as_loss", "Loss"):
        record = {"is": "record", "class": name, "fields": {}}
        file.write_text(json.dumps({**held, "result": record}))
        with pytest.raises(ValueError, match="damaged"):
            sf.load(file)
    fields = held["result"]["fields"]
    for name in ("as_loss", "Loss", "__class__", "np"):
        fields["loss"] = {
            "is": "record",
            "class": "LossRecord",
            "fields": {"name": name, "settings": {"is": "tuple", "items": ["squared"]}},
        }
        file.write_text(json.dumps(held))
        with pytest.raises(ValueError, match="damaged"):
            sf.load(file)


def test_whole_or_not_at_all(data, tmp_path):
    file = tmp_path / "file.json"
    fit = sf.solve(*data)
    fit.save(file)
    before = file.read_bytes()
    bad = dataclasses.replace(fit, feature_names=np.array([object()] * 5, dtype=object))
    with pytest.raises(TypeError, match="a file cannot hold"):
        bad.save(file)
    assert file.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["file.json"]
    with pytest.raises(FileNotFoundError):
        fit.save(tmp_path / "none" / "file.json")
