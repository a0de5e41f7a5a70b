"""Paths of networks: the path of a linear layer, checkpoints, kills at any moment, the choice."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402

import softreg_fast  # noqa: E402
from softreg_fast.nn import L1, NetworkPath, NetworkPathDisplay, attach, path  # noqa: E402
from softreg_fast.nn.paths.path import score_of  # noqa: E402

STRENGTHS = [0.3, 0.03, 0.1]  # in no order


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed PyTorch's generator, and use one thread, as in small trainings."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def network():
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 1)
    )


def train(model, strength):
    """Train a few steps on random data from all three common generators."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    attach(model, optimizer, {torch.nn.Linear: L1(strength=strength)})
    for _ in range(20):
        X = torch.randn(16, 6) + float(np.random.standard_normal())  # noqa: NPY002
        optimizer.zero_grad()
        loss = ((model(X) - X[:, :1]) ** 2).mean()
        loss.backward()
        optimizer.step()
    return -float(loss.detach())


def same(a, b):
    """Return whether two paths are equal to the last bit."""
    numbers = ("strengths", "scores", "standard_errors", "nonzeros")
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True) for name in numbers
    ) and all(
        torch.equal(a.weights(k)[name], b.weights(k)[name])
        for k in range(len(a))
        for name in a.weights(k)
    )


def start(seed):
    """Seed all generators and return a fresh network."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    return network()


# -- the path --------------------------------------------------------------------------------------


def test_the_path_of_a_linear_layer_is_that_of_the_lasso(rng):
    X = rng.standard_normal((80, 8))
    y = X[:, :3] @ [1.0, -0.7, 0.4] + 0.1 * rng.standard_normal(80)
    wanted = softreg_fast.path(X, y, alphas=[0.5, 0.2, 0.05, 0.01], fit_intercept=False)
    A, b = torch.tensor(X), torch.tensor(y)[:, None]

    def descend(model, strength):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        attach(model, optimizer, {"weight": L1(strength=strength)})
        decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.995)
        for _ in range(1500):
            optimizer.zero_grad()
            loss = 0.5 * ((model(A) - b) ** 2).mean()
            loss.backward()
            optimizer.step()
            decay.step()
        return loss

    model = torch.nn.Linear(8, 1, bias=False).double()
    found = path(descend, model, wanted.alphas, greater_is_better=False)
    assert isinstance(found, NetworkPath)
    assert found.strengths.tolist() == wanted.alphas[::-1].tolist()
    for k in range(4):
        coef = wanted[3 - k].coef
        assert_allclose(found.model(k).weight.detach().numpy()[0], coef, atol=1e-3)
        assert found.nonzeros[k] == np.count_nonzero(coef)
        loss = wanted.null_loss * 0 + 0.5 * np.mean((y - X @ coef) ** 2)
        assert_allclose(found.scores[k], loss, atol=1e-3)
    assert found.index == found.index_best == 0  # the loss on these samples falls with alpha
    assert found.n_parameters == 8
    assert torch.equal(model.weight, found.model(3).weight)  # trained in place


def test_strengths_rise_and_weights_go_on():
    seen = []

    def count(model, strength):
        with torch.no_grad():
            model.weight += 1.0
        seen.append((strength, float(model.weight.detach()[0, 0])))
        return 0.0, 0.1

    model = torch.nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.zero_()
    found = path(count, model, np.array([0.2, 0.0, 0.1]))
    assert seen == [(0.0, 1.0), (0.1, 2.0), (0.2, 3.0)]
    assert [float(found.weights(k)["weight"]) for k in range(3)] == [1.0, 2.0, 3.0]
    assert found.standard_errors.tolist() == [0.1] * 3
    assert not found.model(0).training
    with torch.no_grad():
        found.model(0).weight.fill_(9.0)
    assert float(found.weights(0)["weight"]) == 1.0  # models are copies


def test_callbacks_end_the_path(tmp_path):
    for folder in (None, tmp_path, tmp_path):  # the last time from the folder
        told = []

        def tell(step, told=told):
            told.append(step)
            return step.position == 1

        found = path(train, network(), STRENGTHS, folder=folder, callback=tell)
        assert len(found) == len(told) == 2
        assert told[1][:3] == (1, 3, 0.1)
        assert told[1].nonzeros == found.nonzeros[1]
        assert told[1].score == found.scores[1]


# -- folders ---------------------------------------------------------------------------------------


def test_a_folder_changes_nothing_and_holds_all(seed, tmp_path):
    model = start(seed)
    plain = path(train, model, STRENGTHS)
    folder = tmp_path / "new" / "path"
    kept = path(train, start(seed), STRENGTHS, folder=folder)
    assert same(plain, kept)

    def nothing(model, strength):
        raise AssertionError("nothing is left to train")

    again = network()
    read = path(nothing, again, STRENGTHS, folder=folder)
    assert same(plain, read)
    for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert sorted(file.name for file in folder.iterdir()) == [
        "path.json", "strength-0000.pt", "strength-0001.pt", "strength-0002.pt"
    ]  # fmt: skip
    for file in folder.glob("*.pt"):
        assert torch.load(file, weights_only=True)["format"] == "softreg_fast path of networks"


def test_an_exception_is_no_loss(seed, tmp_path):
    plain = path(train, start(seed), STRENGTHS)

    def stumble(model, strength):
        if strength > 0.05:
            with torch.no_grad():
                model[0].weight += 1.0  # the interrupted training leaves no trace
            raise KeyboardInterrupt
        return train(model, strength)

    with pytest.raises(KeyboardInterrupt):
        path(stumble, start(seed), STRENGTHS, folder=tmp_path)
    assert same(plain, path(train, start(seed + 1), STRENGTHS, folder=tmp_path))


def test_further_strengths_follow(seed, tmp_path):
    whole = path(train, start(seed), [0.01, 0.1, 0.2])
    path(train, start(seed), [0.01, 0.1], folder=tmp_path)
    assert same(whole, path(train, start(seed + 1), [0.01, 0.1, 0.2], folder=tmp_path))
    first = path(train, start(seed), [0.01], folder=tmp_path)
    assert first.strengths.tolist() == [0.01]
    assert first.scores[0] == whole.scores[0]


def test_what_is_carried_goes_on(seed, tmp_path):
    def run(folder, stop):
        model = start(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        generator = torch.Generator().manual_seed(seed)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

        def go_on(model, strength):
            if strength == stop:
                raise KeyboardInterrupt
            proximal = attach(model, optimizer, {torch.nn.Linear: L1(strength=strength)})
            for _ in range(10):
                X = torch.randn(16, 6, generator=generator)
                optimizer.zero_grad()
                ((model(X) - X[:, :1]) ** 2).mean().backward()
                optimizer.step()
            schedule.step()
            proximal.remove()

        carry = [optimizer, generator, schedule]
        return path(go_on, model, STRENGTHS, folder=folder, carry=carry)

    whole = run(None, None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 0.1)
    assert same(whole, run(tmp_path, None))
    with pytest.raises(ValueError, match="carry has 0 objects, the folder was written with 3"):
        path(train, network(), [*STRENGTHS, 0.9], folder=tmp_path)


def test_folders_of_another_path(tmp_path):
    path(train, network(), STRENGTHS, folder=tmp_path)
    with pytest.raises(ValueError, match=r"its strength number 0 is 0.03, that asked for 0.02"):
        path(train, network(), [0.02, 0.1, 0.3], folder=tmp_path)
    narrow = torch.nn.Sequential(torch.nn.Linear(6, 7), torch.nn.Linear(7, 1))
    with pytest.raises(ValueError, match=r"belongs to something else: there .* has the shape"):
        path(train, narrow, STRENGTHS, folder=tmp_path)
    index = tmp_path / "path.json"
    held = json.loads(index.read_text())
    for wrong, wanted in (
        ({**held, "version": 99}, "it has format 99, expected 1"),
        ({**held, "format": "cake"}, "path.json is not one of a path"),
        ({}, "path.json is not one of a path"),
        ([], "path.json is not one of a path"),
        ({**held, "done": [{}]}, "path.json is not one of a path"),
    ):
        index.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=wanted):
            path(train, network(), STRENGTHS, folder=tmp_path)
    index.write_text("{")
    with pytest.raises(ValueError, match="is not one of a path"):
        path(train, network(), STRENGTHS, folder=tmp_path)


def test_files_of_somebody_else(tmp_path):
    other = tmp_path / "strength-0000.pt"
    other.write_text("my notes on strength")
    with pytest.raises(ValueError, match=r"strength-0000.pt was not written by a path"):
        path(train, network(), STRENGTHS, folder=tmp_path)
    assert other.read_text() == "my notes on strength"
    with pytest.raises(ValueError, match="is no folder"):
        path(train, network(), STRENGTHS, folder=other)


def test_a_damaged_file(tmp_path):
    path(train, network(), STRENGTHS, folder=tmp_path)
    file = tmp_path / "strength-0002.pt"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"strength-0002.pt cannot be read .* train anew"):
        path(train, network(), STRENGTHS, folder=tmp_path)


# -- kills -----------------------------------------------------------------------------------------

# Run in a separate process: a path killed by SIGKILL at the moment given on the command line.
KILLED = """
import os, signal, sys
import numpy as np, torch
sys.path.insert(0, {tests!r})
import test_network_path as tests
from softreg_fast.nn import path

folder, moment, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
def die():
    os.kill(os.getpid(), signal.SIGKILL)
replace, n_moved = os.replace, 0
def moving(source, place):
    global n_moved
    n_moved += 1
    if moment == "before index" and n_moved == 4: die()
    if moment == "before weights" and n_moved == 3: die()
    replace(source, place)
    if moment == "after index" and n_moved == 4: die()
os.replace = moving
save = torch.save
def saving(content, file):
    if moment == "within weights" and content["strength"] == 0.1:
        file.write(b"half of it"); file.flush(); die()
    save(content, file)
torch.save = saving
def train(model, strength):
    if moment == "training" and strength == 0.1:
        tests.train(model, 2.0)
        die()
    return tests.train(model, strength)
torch.set_num_threads(1)
path(train, tests.start(seed), tests.STRENGTHS, folder=folder)
"""

MOMENTS = ["training", "within weights", "before weights", "before index", "after index"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_path_goes_on(seed, tmp_path, moment):
    code = KILLED.format(tests=os.path.dirname(os.path.abspath(__file__)))
    command = [sys.executable, "-c", code, str(tmp_path), moment, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    index = json.loads((tmp_path / "path.json").read_text())
    assert len(index["done"]) == (2 if moment == "after index" else 1)
    plain = path(train, start(seed), STRENGTHS)
    trained = []

    def counted(model, strength):
        trained.append(strength)
        return train(model, strength)

    assert same(plain, path(counted, start(seed + 7), STRENGTHS, folder=tmp_path))
    assert trained == ([0.3] if moment == "after index" else [0.1, 0.3])
    assert not list(tmp_path.glob(".softreg*"))


# -- the choice ------------------------------------------------------------------------------------


def made(scores, nonzeros, errors=None, **choice):
    """Return a path with these numbers."""
    scripts = iter(zip(scores, nonzeros, errors or [None] * len(scores), strict=True))

    def act(model, strength):
        score, n, error = next(scripts)
        with torch.no_grad():
            model.weight.zero_()
            model.weight[0, :n] = 1.0
        return None if score is None else (score, error)

    model = torch.nn.Linear(10, 1, bias=False)
    return path(act, model, np.arange(1.0, len(scores) + 1), **choice)


@pytest.mark.parametrize(
    ("choice", "best", "sparsest"),
    [
        ({}, 1, 1),
        ({"tolerance": 0.015}, 1, 2),
        ({"tolerance": 0.05}, 1, 3),
        ({"tolerance": 1.0}, 1, 4),
        ({"errors": [0.9, 0.03, 0.9, 0.9, 0.9]}, 1, 2),
        ({"errors": [0.9, 0.03, 0.9, 0.9, 0.9], "tolerance": 0.0}, 1, 1),
        ({"greater_is_better": False}, 4, 4),
        ({"greater_is_better": False, "tolerance": 0.5}, 4, 4),
    ],
)
def test_both_rules(choice, best, sparsest):
    numbers = [0.90, 0.95, 0.94, 0.90, 0.50], [10, 8, 5, 3, 2]
    for rule, wanted in (("best", best), ("sparsest", sparsest)):
        found = made(*numbers, rule=rule, **choice)
        assert (found.index_best, found.index_sparsest) == (best, sparsest)
        assert found.index == wanted
        assert found.strength == wanted + 1.0
        assert int(found.model().weight.detach().sum()) == numbers[1][wanted]


def test_of_equals_the_sparsest_and_without_scores_none():
    assert made([0.9, 0.9, 0.9], [5, 2, 5]).index_best == 1
    assert made([np.nan, 0.5, None], [1, 4, 1]).index_sparsest == 1
    found = made([None, None], [5, 4])
    assert found.nonzeros.tolist() == [5, 4]
    assert found.density.tolist() == [0.5, 0.4]
    with pytest.raises(ValueError, match=r"no score to choose by"):
        found.model()
    assert int(found.model(1).weight.detach().sum()) == 4
    assert int(found.model(-1).weight.detach().sum()) == 4
    assert "NetworkPath(2 strengths 1 to 2" in repr(found)
    with pytest.raises(IndexError):
        found.model(2)


def test_tables():
    text = str(made([0.90, 0.95, 0.94], [10, 8, 5], [0.01] * 3, rule="sparsest")).splitlines()
    assert text[0].startswith("NetworkPath(3 strengths 1 to 3, 3 by rule 'sparsest': score 0.94, ")
    assert text[1].split() == ["strength", "score", "SE", "nonzero", "%", "s"]
    assert text[3].split()[:6] == ["1", "2", "0.95", "0.01", "8", "80"]
    assert text[3].endswith("best")
    assert text[4].endswith("sparsest")


@pytest.mark.parametrize(
    ("returned", "wanted"),
    [
        (None, (np.nan, np.nan)),
        (0.5, (0.5, np.nan)),
        (np.float32(0.5), (0.5, np.nan)),
        (torch.tensor(0.5), (0.5, np.nan)),
        ((0.5, 0.1), (0.5, 0.1)),
        ((0.5, None), (0.5, np.nan)),
    ],
)
def test_what_train_may_return(returned, wanted):
    assert_allclose(score_of(returned), wanted)


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("returned", ["good", (1.0, 2.0, 3.0), torch.ones(2), {}, [1.0]])
def test_what_it_may_not(returned):
    with pytest.raises(TypeError, match=r"expected a score, a pair"):
        path(lambda model, strength: returned, network(), STRENGTHS)


@pytest.mark.parametrize(
    "strengths", [[], [[0.1]], 0.1, [-0.1, 0.2], [np.nan], [np.inf], "strong", [0.1, 0.1], None]
)
def test_bad_strengths(strengths):
    with pytest.raises(ValueError, match="strengths must"):
        path(train, network(), strengths)


def test_bad_arguments():
    with pytest.raises(TypeError, match="train must be a function"):
        path(None, network(), STRENGTHS)
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got str"):
        path(train, "net", STRENGTHS)
    with pytest.raises(ValueError, match="rule must be one of best, sparsest"):
        path(train, network(), STRENGTHS, rule="1se")
    for tolerance in (-1.0, np.nan, "much"):
        with pytest.raises(ValueError, match="tolerance must be a finite number"):
            path(train, network(), STRENGTHS, tolerance=tolerance)


def test_weights_that_are_not_finite(tmp_path):
    def explode(model, strength):
        with torch.no_grad():
            model[3].weight.fill_(float("nan"))

    with pytest.raises(
        ValueError, match=r"strength 0.03 has left 3.weight with weights that are not"
    ):
        path(explode, network(), STRENGTHS, folder=tmp_path)
    assert not list(tmp_path.iterdir())


# -- bars and pictures -----------------------------------------------------------------------------


def test_a_bar(monkeypatch):
    pytest.importorskip("tqdm")
    written = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "write", written.append)
    made([0.90, 0.95], [10, 8], progress=True)
    text = "".join(written)
    assert "2/2" in text
    assert "score 0.95, 8 nonzero" in text


def test_no_bar_without_a_terminal(capsys):
    made([0.90, 0.95], [10, 8], progress=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("from_zero", [False, True])
def test_pictures(style, from_zero):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = made([0.90, 0.95, 0.94, 0.9], [10, 8, 5, 3], [0.02] * 4)
    if from_zero:
        found.strengths[0] = 0.0
    with pyplot.style.context(style):
        shown = found.plot()
        assert isinstance(shown, NetworkPathDisplay)
        assert shown.errorbar_.lines[0].get_ydata().tolist() == found.scores.tolist()
        assert shown.line_.get_xydata().tolist() == [
            [s, n] for s, n in zip(found.strengths.tolist(), found.nonzeros.tolist(), strict=True)
        ]
        assert shown.ax_.get_xscale() == ("symlog" if from_zero else "log")
        texts = [text.get_text() for text in shown.ax_.get_legend().get_texts()]
        assert texts[:2] == ["score, left", "nonzeros, right"]
        assert texts[2:] == ["best: 2, 80 % nonzero", "sparsest: 3, 50 % nonzero"]
        shown.figure_.canvas.draw()
        legend = shown.ax_.get_legend().get_window_extent()
        assert legend.y0 >= shown.ax_.get_window_extent().y1  # the legend does not cover the curves
        assert legend.x0 >= 0.0
        assert max(legend.y1, legend.x1) <= max(shown.figure_.bbox.max)
        pyplot.close("all")
        _, ax = pyplot.subplots()
        assert NetworkPathDisplay.from_path(made([None], [0]), ax=ax).ax_ is ax
        ax.figure.canvas.draw()
        pyplot.close("all")
    with pytest.raises(TypeError, match="must be a NetworkPath, got int"):
        NetworkPathDisplay.from_path(3)
