"""Exported networks give PyTorch's results."""

import ctypes
import os
import shutil
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from networks import MODELS, Language, made_of, prune  # noqa: E402
from torch import nn  # noqa: E402

from softreg_fast.nn import export_header, export_onnx, plan, sizes  # noqa: E402

CC = shutil.which("gcc") or shutil.which("cc")


@pytest.fixture(autouse=True)
def seeded(seed):
    torch.manual_seed(seed)
    torch.set_num_threads(1)


needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler")

WRAPPER = """
#include "{header}"
void predict(const {taken} *x, {real} *y);
void predict(const {taken} *x, {real} *y) {{ {name}_predict(x, y); }}
"""


def compiled(folder, header, name="network", taken="float", real="float"):
    """Return the header's function, compiled with every warning as an error."""
    source, library = folder / "wrapper.c", folder / "network.so"
    source.write_text(WRAPPER.format(header=header.name, taken=taken, real=real, name=name))
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-shared", "-fPIC"]
    command = [CC, *flags, "-o", str(library), str(source), "-lm"]
    subprocess.run(command, check=True, cwd=folder)
    function = ctypes.CDLL(str(library)).predict
    function.restype = None
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]

    def predict(x, n_out):
        y = np.empty((len(x), n_out), real_type(real))
        for k, each in enumerate(np.ascontiguousarray(x)):
            function(each.ctypes.data, y[k].ctypes.data)
        return y

    return predict


def real_type(real):
    return np.float32 if real == "float" else np.float64


def outputs(model, x):
    with torch.inference_mode():
        return model.eval()(x).numpy()


@needs_compiler
@pytest.mark.parametrize("form", ["dense", "block8", "csr", None])
@pytest.mark.parametrize("name", MODELS)
def test_header(tmp_path, name, form):
    model, shape = made_of(name, torch.float32)
    x = torch.randn(5, *shape)
    header = tmp_path / "model.h"
    export_header(model, header, x, name="little", formats=form)
    wanted = outputs(model, x)
    found = compiled(tmp_path, header, "little")(x.numpy(), wanted[0].size)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(
        found.reshape(wanted.shape) / scale, wanted / scale, atol=1e-5, rtol=0
    )


@needs_compiler
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_header_of_sequences_in_float64(tmp_path, kind):
    model = prune(Language(kind, 2).double(), 0.5)
    ids = torch.randint(0, 30, (4, 7))
    header = tmp_path / "model.h"
    export_header(model, header, ids)
    wanted = outputs(model, ids)
    predict = compiled(tmp_path, header, taken="int32_t", real="double")
    np.testing.assert_allclose(predict(ids.numpy().astype(np.int32), 5), wanted, rtol=1e-10)


@needs_compiler
def test_numbers_round_trip(tmp_path):
    # a linear layer without bias shows each of its weights
    model = nn.Linear(64, 3, bias=False)
    with torch.no_grad():
        model.weight.mul_(10.0 ** torch.randint(-30, 30, (3, 64)))
        model.weight[0, :4] = torch.tensor([1.0, 3e38, 1.4e-45, -0.1])
    header = tmp_path / "model.h"
    for form in ("dense", "block8", "csr"):
        export_header(model, header, torch.randn(1, 64), formats=form)
        found = compiled(tmp_path, header)(np.eye(64, dtype=np.float32), 3)
        np.testing.assert_array_equal(found.T, model.weight.detach().numpy())
        os.unlink(tmp_path / "network.so")


def test_header_takes_a_plans_formats(tmp_path):
    model, shape = made_of("mlp", torch.float32)
    x = torch.randn(3, *shape)
    export_header(model, tmp_path / "a.h", x, formats=plan(model, x).formats)
    assert "_predict(const float *x, float *y)" in (tmp_path / "a.h").read_text()
    with pytest.raises(ValueError, match="formats must give '0' one of"):
        export_header(model, tmp_path / "b.h", x, formats={"0": "sparse"})


@pytest.mark.parametrize("name", ["", "2fast", "a-b", "int", "_x", "ä", "a b", "x;", "main"])
def test_names_that_c_has_not(tmp_path, name):
    with pytest.raises(ValueError, match="C identifier"):
        export_header(nn.Linear(2, 1), tmp_path / "a.h", torch.ones(1, 2), name=name)
    assert not list(tmp_path.iterdir())


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    model, x, place = nn.Linear(2, 1), torch.ones(1, 2), tmp_path / "a.h"
    place.write_text("before")

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="disk full"):
        export_header(model, place, x)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h"]
    assert place.read_text() == "before"
    monkeypatch.undo()
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        export_header(model, place, x)
    assert place.read_text() == "before"
    with pytest.raises(OSError, match="folder"):
        export_header(nn.Linear(2, 1), tmp_path, x)
    with pytest.raises(FileNotFoundError):
        export_header(nn.Linear(2, 1), tmp_path / "no" / "a.h", x)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.float32) for name in MODELS), ("mlp", torch.float64)],
    ids=str,
)
def test_onnx(tmp_path, name, dtype):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, shape = made_of(name, dtype)
    x = torch.randn(5, *shape, dtype=dtype)
    export_onnx(model, tmp_path / "model.onnx", x[:2])
    onnx.checker.check_model(str(tmp_path / "model.onnx"))
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for n in (1, 5):
        (found,) = session.run(["output"], {"input": x[:n].numpy()})
        wanted = outputs(model, x[:n])
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_onnx_of_sequences(tmp_path, kind):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = prune(Language(kind, 2), 0.5)
    ids = torch.randint(0, 30, (4, 7))
    export_onnx(model, str(tmp_path / "model.onnx"), ids)
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for n in (1, 4):
        (found,) = session.run(["output"], {"input": ids[:n].numpy()})
        np.testing.assert_allclose(found, outputs(model, ids[:n]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("export", [export_header, export_onnx])
def test_a_folder_that_is_not_there_is_named(tmp_path, export):
    if export is export_onnx:
        pytest.importorskip("onnx")
    path = tmp_path / "nowhere" / "model"
    with pytest.raises(FileNotFoundError, match="there is no folder") as caught:
        export(nn.Linear(3, 2), path, torch.zeros(1, 3))
    assert str(path.parent) in str(caught.value)
    assert ".part" not in str(caught.value)


def test_sizes():
    model = nn.Sequential(nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 10))
    x = torch.randn(1, 200)
    before = sizes(model, x)
    assert before.weights == before.nonzeros == 200 * 100 + 100 + 100 * 10 + 10
    assert before.dense == 4 * before.weights
    with torch.no_grad():
        model[0].weight[torch.rand(100, 200) > 0.02] = 0.0
    after = sizes(model, x)
    assert after.dense == before.dense
    assert after.sparse < before.sparse / 8
    assert after.sparse_gzip < before.dense_gzip / 8
    assert after.header < before.header / 4
    assert f"{after.nonzeros} of {after.weights}" in str(after)
