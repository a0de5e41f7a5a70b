"""Compiled inference steps against NumPy, without PyTorch; malformed steps are refused."""

import itertools
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast.kernels._infer import CHUNK, MOST_LANES, Network
from softreg_fast.nn.deployment.layers import Graph, Layer, fold_scales
from softreg_fast.nn.deployment.lowering import FORMATS, chunks, lower
from softreg_fast.nn.deployment.plan import Plan

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def sparse(rng, shape, density, dtype):
    """Return weights with some rows and columns all zero."""
    w = rng.standard_normal(shape) * (rng.random(shape) < density)
    w[rng.random(shape[0]) < 0.2] = 0.0
    w[:, rng.random(shape[1]) < 0.2] = 0.0
    return w.astype(dtype)


def dense_layers(rng, widths, density, dtype, function="relu"):
    layers = [Layer("input", "x", (), (widths[0],))]
    for k, (a, b) in enumerate(itertools.pairwise(widths)):
        arrays = {
            "weight": sparse(rng, (b, a), density, dtype),
            "bias": rng.standard_normal(b).astype(dtype),
        }
        layers.append(Layer("linear", f"fc{k}", (len(layers) - 1,), (b,), arrays))
        if k < len(widths) - 2:
            options = {"function": function, "a": 0.5, "b": 1.5}
            layers.append(Layer("activation", f"act{k}", (len(layers) - 1,), (b,), {}, options))
    return Graph(layers, np.dtype(dtype))


def by_numpy(graph, x):
    """Compute relu(W x + b), layer by layer, in float64."""
    x = x.astype(np.float64)
    for layer in graph.layers[1:]:
        if layer.kind == "linear":
            x = x @ layer.arrays["weight"].T.astype(np.float64) + layer.arrays["bias"]
        else:
            x = np.maximum(x, 0.0)
    return x


def assert_close(found, expected, dtype):
    scale = np.abs(expected).max() + 1e-30
    assert_allclose(found / scale, expected / scale, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("widths", [(1, 1), (5, 3, 2), (33, 17, 31, 10), (70, 65, 16, 1)], ids=str)
def test_every_format_and_batch(rng, dtype, form, widths):
    for density in (0.05, 0.6):
        graph = dense_layers(rng, widths, density, dtype)
        made = Plan(graph, form, 1)
        for n in (*range(1, 20), 31, 32, 33, 48, 63, 64, 65, 130):
            x = rng.standard_normal((n, widths[0])).astype(dtype)
            assert_close(made(x), by_numpy(graph, x), dtype)


def test_panels_hold_the_matrix(rng, dtype):
    graph = dense_layers(rng, (37, 21), 0.3, dtype)
    (matrix,) = lower(graph).matrices
    for form, (height, _) in FORMATS.items():
        rows, starts, offsets, w, bias, skip = matrix.panels(form)
        assert skip == (form == "skip")
        assert rows == height
        back = np.zeros((len(bias), 37), dtype)
        for p in range(len(starts) - 1):
            for k in range(starts[p], starts[p + 1]):
                back[p * rows : (p + 1) * rows, offsets[k]] = w[k * rows : (k + 1) * rows]
        np.testing.assert_array_equal(back[:21], matrix.weight)
        assert not back[21:].any()
        np.testing.assert_array_equal(bias[:21], matrix.bias)


def test_empty_matrix_gives_the_bias(rng, dtype):
    for form in FORMATS:
        graph = dense_layers(rng, (6, 5), 0.0, dtype)
        x = rng.standard_normal((70, 6)).astype(dtype)
        found = Plan(graph, form, 1)(x)
        np.testing.assert_array_equal(found, np.tile(graph.output.arrays["bias"], (70, 1)))


def test_no_samples(rng, dtype):
    graph = dense_layers(rng, (4, 3), 1.0, dtype)
    assert Plan(graph, "dense", 1)(np.empty((0, 4), dtype)).shape == (0, 3)


def test_threads_give_the_same_bits(rng, dtype, monkeypatch):
    monkeypatch.setattr("softreg_fast.nn.deployment.plan.WORTH_THREADS", 0.0)
    graph = dense_layers(rng, (40, 30, 7), 0.3, dtype)
    one, two = Plan(graph, "block8", 1), Plan(graph, "block8", 2)
    two._threads = 2
    for n in (2, 5, 64, 65, 200, 1000):
        x = rng.standard_normal((n, 40)).astype(dtype)
        wanted = by_numpy(graph, x)
        assert_close(one(x), wanted, dtype)
        assert_close(two(x), wanted, dtype)
        np.testing.assert_array_equal(two(x), two(x))


def test_samples_do_not_touch(rng, dtype):
    # a NaN stays in its sample, and propagates through nonzero weights
    graph = dense_layers(rng, (20, 20, 4), 1.0, dtype)
    for layer in graph.layers:
        if layer.kind == "linear":
            layer.arrays["weight"][:] = rng.standard_normal(layer.arrays["weight"].shape)
    for form in FORMATS:
        made = Plan(graph, form, 1)
        for n in (1, 3, 16, 70):
            x = rng.standard_normal((n, 20)).astype(dtype)
            clean = made(x)
            x[n // 2, 19] = np.nan
            assert np.isnan(made(x)[n // 2]).all()
            rest = np.arange(n) != n // 2
            np.testing.assert_array_equal(made(x)[rest], clean[rest])
            x[n // 2, 19] = 0.0
            assert np.isfinite(made(x)).all()


def test_arena_is_not_remembered(rng, dtype):
    # the result of a sample does not depend on earlier calls
    graph = dense_layers(rng, (9, 30, 3), 0.5, dtype)
    made = Plan(graph, "csr", 1)
    x = rng.standard_normal((1, 9)).astype(dtype)
    first = made(x).copy()
    made(np.full((100, 9), np.nan, dtype))
    np.testing.assert_array_equal(made(x), first)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x < 0, 0.5 * x, x),
    "elu": lambda x: np.where(x < 0, 0.5 * np.expm1(x), x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "clip": lambda x: np.clip(x, 0.5, 1.5),
}


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_activations(rng, dtype, function):
    x = np.concatenate([np.linspace(-30, 30, 4001), np.linspace(-1, 1, 999)]).astype(dtype)[:, None]
    x = np.concatenate([x, [[-800.0], [800.0]]]).astype(dtype)
    options = {"function": function, "a": 0.5, "b": 1.5}
    graph = Graph(
        [Layer("input", "x", (), (1,)), Layer("activation", "f", (0,), (1,), {}, options)],
        np.dtype(dtype),
    )
    made = Plan(graph, "dense", 1)
    with np.errstate(over="ignore"):
        wanted = ACTIVATIONS[function](x.astype(np.float64))
    eps = np.finfo(dtype).eps
    for found in (made(x), np.concatenate([made(each[None]) for each in x])):
        assert_allclose(found, wanted, rtol=8 * eps, atol=8 * eps)
    assert np.isnan(made(np.array([[np.nan]], dtype))).all()


@pytest.mark.parametrize("log", [False, True])
def test_softmax(rng, dtype, log):
    x = (20 * rng.standard_normal((70, 11))).astype(dtype)
    graph = Graph(
        [Layer("input", "x", (), (11,)), Layer("softmax", "p", (0,), (11,), {}, {"log": log})],
        np.dtype(dtype),
    )
    wide = x.astype(np.float64)
    wanted = wide - np.log(np.exp(wide - wide.max(1, keepdims=True)).sum(1, keepdims=True))
    wanted -= wide.max(1, keepdims=True)
    if not log:
        wanted = np.exp(wanted)
    made, eps = Plan(graph, "dense", 1), np.finfo(dtype).eps
    assert_allclose(made(x), wanted, rtol=4 * eps, atol=60 * eps)
    assert_allclose(made(x[:1]), wanted[:1], rtol=4 * eps, atol=60 * eps)


def conv_by_numpy(x, weight, bias, stride, padding, dilation):
    """Compute a convolution by its definition, in float64."""
    n, _, height, width = x.shape
    (sy, sx), (py, px), (dy, dx) = stride, padding, dilation
    out, _, ky, kx = weight.shape
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (py, py), (px, px)))
    rows = (height + 2 * py - dy * (ky - 1) - 1) // sy + 1
    columns = (width + 2 * px - dx * (kx - 1) - 1) // sx + 1
    y = np.zeros((n, out, rows, columns))
    for r in range(rows):
        for c in range(columns):
            seen = padded[:, :, r * sy : r * sy + dy * ky : dy, c * sx : c * sx + dx * kx : dx]
            seen = seen[:, :, :ky, :kx]
            y[:, :, r, c] = np.einsum("ncij,ocij->no", seen, weight) + bias
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "size"),
    [
        ((1, 1), (0, 0), (1, 1), (3, 3)),
        ((1, 1), (1, 2), (1, 1), (3, 5)),
        ((2, 2), (1, 1), (1, 1), (3, 3)),
        ((3, 2), (0, 1), (1, 2), (2, 3)),
        ((2, 3), (1, 1), (1, 1), (3, 4)),
        ((1, 1), (2, 2), (2, 2), (3, 3)),
        ((1, 1), (0, 0), (1, 1), (9, 11)),
    ],
    ids=str,
)
def test_convolutions(rng, dtype, stride, padding, dilation, size):
    shape, out = (3, 9, 11), 5
    weight = sparse(rng, (out, 3 * size[0] * size[1]), 0.5, dtype).reshape(out, 3, *size)
    bias = rng.standard_normal(out).astype(dtype)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
    x = rng.standard_normal((37, *shape)).astype(dtype)
    wanted = conv_by_numpy(x, weight, bias, stride, padding, dilation)
    layers = [
        Layer("input", "x", (), shape),
        Layer("conv", "c", (0,), wanted.shape[1:], {"weight": weight, "bias": bias}, options),
    ]
    for form in FORMATS:
        made = Plan(Graph(layers, np.dtype(dtype)), form, 1)
        assert_close(made(x), wanted, dtype)
        assert_close(made(x[:1]), wanted[:1], dtype)
        assert_close(made(x[:20]), wanted[:20], dtype)


def test_scale_is_folded(rng):
    graph = dense_layers(rng, (5, 4), 1.0, np.float64)
    scale = Layer("scale", "bn", (1,), (4,), {"weight": np.arange(1.0, 5.0), "bias": np.ones(4)})
    folded = fold_scales([*graph.layers, scale])
    assert [layer.kind for layer in folded] == ["input", "linear"]
    x = rng.standard_normal((3, 5))
    wanted = by_numpy(graph, x) * np.arange(1.0, 5.0) + 1.0
    assert_allclose(Plan(Graph(folded, graph.dtype), "dense", 1)(x), wanted, rtol=1e-12)


def test_many_python_threads(rng):
    graph = dense_layers(rng, (30, 40, 5), 0.5, np.float64)
    made = Plan(graph, "block16", 1)
    x = rng.standard_normal((90, 30))
    wanted, wrong = made(x), []

    def work():
        for n in (1, 90, 17, 64):
            if not np.allclose(made(x[:n]), wanted[:n], rtol=1e-12):
                wrong.append(n)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- malformed steps, which must not touch memory -------------------------------------------------


def matrix(rows=1, starts=(0, 2), offsets=(0, 1), w=(1.0, 2.0), bias=(0.0,), skip=False):
    return (
        rows,
        np.array(starts, np.int64),
        np.array(offsets, np.int32),
        np.array(w),
        np.array(bias),
        skip,
    )


def affine(**fields):
    return {"kind": "affine", "y": 32, "run": 1, "pitch": 1, "repeat": 1, "W": matrix(), **fields}


def made_of(step, n_positions=64, width_in=2, used=(0, 1), offsets=(32,), dtype="d"):
    used, offsets = np.array(used, np.int32), np.array(offsets, np.int32)
    return Network(dtype, [step], [step], n_positions, width_in, used, offsets)


def test_the_step_that_the_others_spoil():
    out = np.empty((1, 1))
    made_of(affine()).run(np.array([[3.0, 4.0]]), out, 16, 2, 1)
    assert out[0, 0] == 11.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: made_of(affine(y=60)),
        lambda: made_of(affine(y=-1)),
        lambda: made_of(affine(x_step=60, repeat=2)),
        lambda: made_of(affine(y_step=40, repeat=2)),
        lambda: made_of(affine(run=2, pitch=2)),
        lambda: made_of(affine(run=3, pitch=1)),
        lambda: made_of(affine(repeat=0)),
        lambda: made_of(affine(W=matrix(offsets=(0, 60)))),
        lambda: made_of(affine(W=matrix(offsets=(0, -1)))),
        lambda: made_of(affine(W=matrix(starts=(0, 3)))),
        lambda: made_of(affine(W=matrix(starts=(1, 2)))),
        lambda: made_of(affine(W=matrix(starts=(0, 3, 2), bias=(0.0, 0.0)))),
        lambda: made_of(affine(W=matrix(rows=2))),
        lambda: made_of(affine(W=matrix(w=(1.0,)))),
        lambda: made_of(affine(W=matrix(skip=True))),
        lambda: made_of(
            affine(W=matrix(16, (0, 1, 3), (0, 0, 1), w=np.ones(48), bias=np.ones(32), skip=True)),
            n_positions=200,
        ),
        lambda: made_of(affine(W=matrix(bias=()))),
        lambda: made_of(affine(W=matrix(rows=16, w=np.ones(32), bias=np.ones(16)), y=40)),
        lambda: made_of(affine(), offsets=(64,)),
        lambda: made_of(affine(), offsets=()),
        lambda: made_of(affine(), used=(2,)),
        lambda: made_of(affine(), n_positions=10),
        lambda: made_of(affine(), dtype="i"),
        lambda: made_of({"kind": "activate", "y": 0, "n": 60, "activation": "relu"}),
        lambda: made_of({"kind": "activate", "y": 0, "n": 6, "activation": "nobody"}),
        lambda: made_of({"kind": "softmax", "y": 40, "n": 5, "repeat": 2}),
        lambda: made_of({"kind": "add", "x": 0, "x2": 50, "y": 0, "n": 5}),
        lambda: made_of({"kind": "embed", "y": 0, "n": 2, "repeat": 2, "W": matrix()}),
        lambda: made_of(
            {"kind": "lstm", "y": 0, "n": 2, "repeat": 1, "W": matrix(), "U": matrix()}
        ),
        lambda: made_of({"kind": "max_pool", "n": 1, "height": 9, "width": 9, "x_plane": 81}),
        lambda: made_of(
            {
                "kind": "pad",
                "n": 1,
                "height": 2,
                "width": 9,
                "x_pitch": 9,
                "x_plane": 18,
                "out_height": 2,
                "out_width": 4,
                "pitch": 8,
            }
        ),
    ],
)
def test_steps_that_leave_the_arena(make):
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    ("x", "out", "numbers", "error"),
    [
        (np.ones((1, 3)), np.ones((1, 1)), (16, 2, 1), ValueError),
        (np.ones((2, 2)), np.ones((1, 1)), (16, 2, 1), ValueError),
        (np.ones((1, 2), np.float32), np.ones((1, 1)), (16, 2, 1), (TypeError, ValueError)),
        (np.ones((1, 2)), np.ones((1, 1), np.float32), (16, 2, 1), ValueError),
        (np.ones((2, 2)).T[::-1], np.ones((2, 1)), (16, 2, 1), (ValueError, BufferError)),
        (np.ones((1, 2)), np.ones((1, 1)), (8, 2, 1), ValueError),
        (np.ones((1, 2)), np.ones((1, 1)), (MOST_LANES + CHUNK, 2, 1), ValueError),
        (np.ones((1, 2)), np.ones((1, 1)), (16, 0, 1), ValueError),
        (np.ones((1, 2)), np.ones((1, 1)), (16, 2, 0), ValueError),
        ("text", np.ones((1, 1)), (16, 2, 1), TypeError),
    ],
)
def test_bad_calls(x, out, numbers, error):
    with pytest.raises(error):
        made_of(affine()).run(x, out, *numbers)


def test_read_only():
    out = np.ones((1, 1))
    x = np.array([[3.0, 4.0]])
    x.flags.writeable = False
    made_of(affine()).run(x, out, 16, 2, 1)
    assert out[0, 0] == 11.0
    out.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        made_of(affine()).run(x, out, 16, 2, 1)


def test_chunks():
    assert [chunks(n) for n in (1, 16, 17)] == [16, 16, 32]
