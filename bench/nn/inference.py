"""Inference on the CPU: our plans against PyTorch and ONNX Runtime, dense and compacted.

    python -m bench.nn.inference            (needs PyTorch, onnx, onnxruntime)

Every method runs once in each round, so that all see the same state of the machine; reported are
medians over the rounds, and medians of the ratios within rounds. Networks have random weights: the
time of a layer depends on the positions of its zeros, not on the values of the other weights.
"compacted" is the same network without the hidden units that are all zero, in PyTorch itself.
"""

import argparse
import platform
import tempfile
from pathlib import Path

import numpy as np
import torch

from bench.families.inference import cases
from bench.harness.tables import seconds
from bench.harness.task import Task
from bench.harness.timing import alternate, sampler
from softreg_fast.nn import export_onnx, plan

BATCHES = (1, 64)

# Minimum length of a sample; shorter ones are dominated by the clock.
LEAST_SECONDS = 2e-3


def ways(dense, compacted, planned, x, folder):
    """Return {name: Task of running the network}, ours first, and our plan."""
    runtime = optional("onnxruntime")
    array = x.numpy()
    one, two = (plan(planned, x, n_threads=n) for n in (1, 2))
    found = {"plan": task_of(lambda: one(array)), "plan, 2 threads": task_of(lambda: two(array))}
    for name, model in (("dense", dense), ("compacted", compacted)):
        if model is None:
            continue
        model.eval()
        for threads in (1, 2):
            found[f"{name} PyTorch, {threads} threads"] = torch_task(model, x, threads)
        if runtime is not None:
            place = Path(folder, "model.onnx")
            export_onnx(model, place, x)
            for threads in (1, 2):
                task = runtime_task(runtime, place, array, threads)
                found[f"{name} ONNX Runtime, {threads} threads"] = task
    return found, one


def torch_task(model, x, threads):
    """Return the Task of running a network in PyTorch."""

    def call():
        with torch.inference_mode():
            model(x)

    return task_of(call, lambda: torch.set_num_threads(threads))


def runtime_task(runtime, place, array, threads):
    """Return the Task of running a network in ONNX Runtime."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(place, options, providers=["CPUExecutionProvider"])
    return task_of(lambda: session.run(None, {"input": array}))


def task_of(call, prepare=lambda: None):
    """Return the Task of a call; another call before each sample warms the cache."""

    def before():
        prepare()
        call()

    return Task(None, call, before=before)


def optional(name):
    """Return a module, or None if it is not installed."""
    try:
        return __import__(name)
    except ModuleNotFoundError:
        return None


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
                found = {k: task for k, task in found.items() if other not in k}
            samplers = [sampler(task, LEAST_SECONDS) for task in found.values()]
            taken = np.array(alternate(samplers, arguments.rounds))
            print(f"\n{name}; batch {batch}")
            for k, way in enumerate(found):
                ratio = np.median(taken[:, k] / taken[:, 0])
                print(f"  {way:<36} {seconds(np.median(taken[:, k])):>10}   {ratio:6.2f} x plan")
            if arguments.table:
                print(made.table())


if __name__ == "__main__":
    main()
