"""Inference on the CPU: our plans against PyTorch and ONNX Runtime, dense and compacted.

    python -m bench.nn.inference            (needs PyTorch, onnx, onnxruntime)

Every method runs once in each round, so that all see the same state of the machine; reported are
medians over the rounds, and medians of the ratios within rounds. Networks have random weights: the
time of a layer depends on the positions of its zeros, not on the values of the other weights.
"compacted" is the same network without the hidden units that are all zero, in PyTorch itself.
"""

import argparse
import itertools
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.harness.tables import seconds
from softreg_fast.nn import export_onnx, plan

BATCHES = (1, 64)

# Minimum length of a sample; shorter ones are dominated by the clock.
LEAST_SECONDS = 2e-3


def mlp(*widths):
    """Return linear layers with ReLU between them."""
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def lenet5(first=20, second=50, hidden=500):
    """Return LeNet-5 for images of 28 x 28."""
    return nn.Sequential(
        nn.Conv2d(1, first, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * second, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )


class Language(nn.Module):
    """An embedding of letters, an LSTM, and a linear layer on its last state."""

    def __init__(self, width=64, units=256):
        super().__init__()
        self.table = nn.Embedding(60, width)
        self.cell = nn.LSTM(width, units, batch_first=True)
        self.out = nn.Linear(units, 20)

    def forward(self, ids):
        return self.out(self.cell(self.table(ids))[0][:, -1])


def with_zeros(model, share, seed=0):
    """Return the model with a random `share` of each weight matrix kept, the rest zero."""
    chosen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(torch.rand(p.shape, generator=chosen) < share)
    return model


def digits(n):
    """Return images with a fifth of the pixels nonzero, as in MNIST."""
    x = torch.rand(n, 784)
    return x * (x > 0.8)


def cases():
    """Return tuples (name, dense network, compacted network or None, network to plan, samples)."""
    dense = mlp(784, 300, 100, 10)
    yield "784-300-100-10, 3 % left", dense, None, with_zeros(mlp(784, 300, 100, 10), 0.03), digits
    small = mlp(784, 60, 40, 10)
    yield "784-60-40-10, all left", dense, small, small, digits
    sparse = with_zeros(mlp(784, 60, 40, 10), 0.15)
    yield "784-60-40-10, 15 % left", dense, sparse, sparse, digits
    images = lambda n: digits(n).reshape(n, 1, 28, 28)  # noqa: E731
    small = with_zeros(lenet5(6, 16, 80), 0.2)
    yield "LeNet-5 6-16-80, 20 % left", lenet5(), small, small, images
    letters = lambda n: torch.randint(0, 60, (n, 12))  # noqa: E731
    small = with_zeros(Language(24, 64), 0.3)
    yield "LSTM 24-64, 30 % left", Language(), small, small, letters


def ways(dense, compacted, planned, x, folder):
    """Return {name: function of no arguments that runs the network}, ours first."""
    runtime = optional("onnxruntime")
    array = x.numpy()
    one, two = (plan(planned, x, n_threads=n) for n in (1, 2))
    found = {"plan": lambda: one(array), "plan, 2 threads": lambda: two(array)}
    for name, model in (("dense", dense), ("compacted", compacted)):
        if model is None:
            continue
        model.eval()
        for threads in (1, 2):
            found[f"{name} PyTorch, {threads} threads"] = torch_call(model, x, threads)
        if runtime is not None:
            place = Path(folder, "model.onnx")
            export_onnx(model, place, x)
            for threads in (1, 2):
                call = runtime_call(runtime, place, array, threads)
                found[f"{name} ONNX Runtime, {threads} threads"] = call
    return found, one


def torch_call(model, x, threads):
    def call():
        with torch.inference_mode():
            model(x)

    call.prepare = lambda: torch.set_num_threads(threads)
    return call


def runtime_call(runtime, place, array, threads):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(place, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"input": array})


def optional(name):
    """Return a module, or None if it is not installed."""
    try:
        return __import__(name)
    except ModuleNotFoundError:
        return None


def sampler(call):
    """Return a function that measures the seconds per call, averaged over enough calls."""
    prepare = getattr(call, "prepare", lambda: None)
    prepare()
    call()
    began = time.perf_counter()
    call()
    times = max(1, int(LEAST_SECONDS / max(time.perf_counter() - began, 1e-6)))

    def sample():
        prepare()
        call()
        began = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - began) / times

    return sample


def measure(found, rounds):
    """Return seconds, with a row for every round and a column for every method."""
    samplers = [sampler(call) for call in found.values()]
    return np.array([[sample() for sample in samplers] for _ in range(rounds)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, choices=(1, 2), help="leave out the others")
    parser.add_argument("--case", default="", help="only networks whose name has this in it")
    parser.add_argument("--table", action="store_true", help="show what each plan chose")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    for name, dense, compacted, planned, samples in cases():
        if arguments.case not in name:
            continue
        for batch in BATCHES:
            with tempfile.TemporaryDirectory() as folder:
                found, made = ways(dense, compacted, planned, samples(batch), folder)
            if arguments.threads:
                other = f"{3 - arguments.threads} threads"
                found = {k: call for k, call in found.items() if other not in k}
            taken = measure(found, arguments.rounds)
            print(f"\n{name}; batch {batch}")
            for k, way in enumerate(found):
                ratio = np.median(taken[:, k] / taken[:, 0])
                print(f"  {way:<36} {seconds(np.median(taken[:, k])):>10}   {ratio:6.2f} x plan")
            if arguments.table:
                print(made.table())


if __name__ == "__main__":
    main()
