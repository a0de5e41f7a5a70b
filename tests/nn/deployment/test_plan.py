"""Plans give PyTorch's results for every format, batch size and number of threads."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from networks import MODELS, Language, made_of, prune  # noqa: E402
from torch import nn  # noqa: E402

from softreg_fast.nn import plan  # noqa: E402
from softreg_fast.nn.deployment.lowering import FORMATS  # noqa: E402

DTYPES = [torch.float32, torch.float64]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.fixture(autouse=True)
def seeded(seed):
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def assert_same(made, model, x):
    with torch.inference_mode():
        wanted = model.eval()(x).numpy()
    found = made(x.numpy())
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    assert np.abs(found - wanted).max() <= TOLERANCE[wanted_dtype(model)] * np.abs(wanted).max()


def wanted_dtype(model):
    return next((p.dtype for p in model.parameters()), torch.float32)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", MODELS)
def test_models(name, form, dtype):
    model, shape = made_of(name, dtype)
    x = torch.randn(65, *shape, dtype=dtype)
    made = plan(model, x[:3], formats=form)
    for n in (1, 2, 5, 16, 17, 33, 64, 65):
        assert_same(made, model, x[:n])


def test_every_batch(n_threads, monkeypatch):
    monkeypatch.setattr("softreg_fast.nn.deployment.plan.WORTH_THREADS", 0.0)
    model, shape = made_of("mlp", torch.float32)
    x = torch.randn(200, *shape)
    made = plan(model, x, n_threads=n_threads)
    for n in (*range(1, 66), 127, 128, 129, 200):
        assert_same(made, model, x[:n])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("states", [False, True], ids=["outputs", "states"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_sequences(kind, layers, states, dtype):
    model = prune(Language(kind, layers, states).to(dtype), 0.5)
    ids = torch.randint(0, 30, (65, 7))
    made = plan(model, ids[:2], formats="csr")
    for n in (1, 4, 16, 33, 65):
        assert_same(made, model, ids[:n])


def test_what_is_measured():
    model, shape = made_of("mlp", torch.float32)
    x = torch.randn(64, *shape)
    made = plan(model, x)
    assert [choice.name for choice in made.choices] == ["0", "3", "5"]
    for choice in made.choices:
        for k, taken in enumerate((choice.single, choice.tiled)):
            assert set(taken) == (set(FORMATS) if k == 0 else set(FORMATS) - {"skip"})
            assert choice.formats[k] == min(taken, key=taken.get)
    assert made.seconds is not None
    assert "21 x 37" in made.table()
    assert str(made) == made.table()
    again = plan(model, x, formats=made.formats)
    assert again.formats == made.formats
    assert again.seconds is None
    np.testing.assert_array_equal(again(x.numpy()), plan(model, x, formats=made.formats)(x.numpy()))


def test_the_model_is_left_alone():
    model, shape = made_of("residual", torch.float32)
    model.train()
    model.norm.eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    made = plan(model, torch.randn(4, *shape), formats="csr")
    assert model.training
    assert not model.norm.training
    for k, v in model.state_dict().items():
        assert torch.equal(v, before[k])
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    first = made(x)
    with torch.no_grad():
        model.out.weight.zero_()
    np.testing.assert_array_equal(made(x), first)


def test_shared_modules():
    layer = nn.Linear(5, 5)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    x = torch.randn(4, 5)
    made = plan(model, x, formats="dense")
    assert list(made.formats) == ["0", "2"] or len(made.formats) == 2
    assert_same(made, model, x)


def test_unused_inputs_are_not_read():
    model = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[0].weight[:, 2] = 0.0
    x = torch.randn(20, 6)
    x[:, 2] = float("nan")
    assert np.isfinite(plan(model, torch.randn(2, 6), formats="dense")(x)).all()


# --- input ----------------------------------------------------------------------------------------


@pytest.fixture
def mlp():
    model, shape = made_of("mlp", torch.float32)
    x = torch.randn(40, *shape)
    return plan(model, x, formats="block8"), model, x


def test_kinds_of_input(mlp):
    made, _, x = mlp
    wanted = made(x.numpy())
    array = x.numpy()
    np.testing.assert_array_equal(made(x), wanted)
    np.testing.assert_array_equal(made(x.requires_grad_()), wanted)
    np.testing.assert_array_equal(made(np.asfortranarray(array)), wanted)
    np.testing.assert_array_equal(made(np.repeat(array, 2, axis=1)[:, ::2]), wanted)
    np.testing.assert_array_equal(made(array[::-1]), wanted[::-1])
    np.testing.assert_array_equal(made(array.astype(np.float64)), wanted)
    np.testing.assert_array_equal(made(array.tolist()), wanted)
    np.testing.assert_array_equal(made(array.astype(">f4")), wanted)
    array.flags.writeable = False
    np.testing.assert_array_equal(made(array), wanted)
    out = np.full_like(wanted, np.nan)
    assert made(array, out=out) is out
    np.testing.assert_array_equal(out, wanted)


def test_not_a_number(mlp):
    made, model, x = mlp
    x = x.clone()
    x[3] = float("nan")
    x[5, 0] = float("inf")
    assert np.isnan(made(x)[3]).all()
    clean = [i for i in range(40) if i not in (3, 5)]
    with torch.inference_mode():
        wanted = model.eval()(x).numpy()
    np.testing.assert_allclose(made(x)[clean], wanted[clean], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "error", "wanted"),
    [
        (np.ones((2, 36), np.float32), ValueError, r"shape \(samples, 37\), got \(2, 36\)"),
        (np.ones(37, np.float32), ValueError, r"shape \(samples, 37\), got \(37,\)"),
        (np.float32(1.0), ValueError, "shape"),
        (np.ones((1, 37, 1), np.float32), ValueError, "shape"),
        (np.ones((1, 37), complex), TypeError, "complex128"),
        (np.full((1, 37), "1"), TypeError, "<U1"),
        (np.full((1, 37), None), TypeError, "object"),
    ],
)
def test_bad_input(mlp, x, error, wanted):
    with pytest.raises(error, match=wanted):
        mlp[0](x)


@pytest.mark.parametrize(
    "out",
    [
        np.empty((40, 4), np.float32),
        np.empty((40, 3)),
        np.empty((3, 40), np.float32).T,
        [[0.0] * 3] * 40,
    ],
)
def test_bad_out(mlp, out):
    with pytest.raises(ValueError, match="out must be"):
        mlp[0](mlp[2], out=out)


def test_rows_that_the_table_lacks():
    model = Language()
    ids = torch.randint(0, 30, (3, 7))
    made = plan(model, ids, formats="dense")
    for bad in (-1, 30):
        wrong = ids.numpy().copy()
        wrong[1, 2] = bad
        with pytest.raises(IndexError, match=f"has the entry {bad}; the table has 30 rows"):
            made(wrong)
    with pytest.raises(TypeError, match="int64"):
        made(ids.numpy().astype(float))
    np.testing.assert_array_equal(made(ids.numpy().astype(np.int32)), made(ids))


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Hooked(nn.Linear):
    pass


@pytest.mark.parametrize(
    ("make", "shape", "wanted"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), (2, 4), "1: LayerNorm"),
        (
            lambda: nn.Sequential(nn.Linear(4, 4), nn.Bilinear(4, 4, 1)),
            (2, 4),
            "fails|Bilinear|miss",
        ),
        (Branching, (2, 4), "torch.fx cannot trace Branching"),
        (lambda: Calls(torch.cumsum), (2, 4), "fails|cumsum"),
        (lambda: Calls(lambda x: x.cumsum(1)), (2, 4), "cumsum"),
        (lambda: Calls(lambda x: x + 1.0), (2, 4), "add: an argument that is not a layer's value"),
        (lambda: Calls(lambda x: (x, x)), (2, 4), "one tensor|fails|output"),
        (lambda: Calls(lambda x: x.flip(0)), (2, 4), "flip"),
        (lambda: Calls(lambda x: x.transpose(0, 1)), (4, 4), "mixes samples"),
        (lambda: Calls(lambda x: x.view(-1)), (2, 4), "axis of samples"),
        (lambda: nn.Softmax(dim=0), (2, 4), "softmax over axis 0"),
        (lambda: nn.LSTM(4, 3, batch_first=True, bidirectional=True), (2, 5, 4), "bidirectional"),
        (lambda: nn.Conv2d(1, 1, 3, padding="same"), (2, 1, 5, 5), "padding by name"),
        (lambda: nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), (2, 1, 5, 5), "circular"),
        (lambda: nn.MaxPool2d(2, ceil_mode=True), (2, 1, 5, 5), "ceil_mode"),
        (lambda: nn.AdaptiveAvgPool2d(2), (2, 1, 5, 5), "adaptive pooling from"),
        (lambda: nn.Linear(4, 4).half(), (2, 4), "float16"),
        (lambda: nn.Linear(3, 4), (2, 4), "fails on example_inputs"),
        (lambda: nn.Linear(4, 4), (4,), "axis of samples"),
    ],
)
def test_what_is_refused(make, shape, wanted):
    with pytest.raises(ValueError, match=wanted):
        plan(make(), torch.randn(shape), formats="dense")


def test_bad_arguments():
    model, x = nn.Linear(4, 3), torch.randn(2, 4)
    with pytest.raises(TypeError, match=r"torch.nn.Module, got str"):
        plan("model", x)
    with pytest.raises(ValueError, match="one input here, example_inputs has 2"):
        plan(model, (x, x))
    with pytest.raises(ValueError, match="must be of"):
        plan(model, x, formats="sparse")
    with pytest.raises(ValueError, match=r"it lacks \[''\]|lacks"):
        plan(model, x, formats={"other": "csr"})
    with pytest.raises(ValueError, match="n_threads=0"):
        plan(model, x, n_threads=0)


def test_hooks_are_noticed():
    model = nn.Sequential(nn.Linear(4, 3))
    model.register_forward_hook(lambda module, args, out: out + 1.0)
    with pytest.raises(ValueError, match="something else than its layers do"):
        plan(model, torch.randn(2, 4))
