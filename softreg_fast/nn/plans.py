"""Plans of PyTorch models: read, laid out, measured, and compared with what the model gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.nn.graph import read
from softreg_fast.nn.inference import Formats, Plan


def plan(
    model: Any,
    example_inputs: Any,
    *,
    formats: Formats | str | None = None,
    n_threads: int | None = 1,
) -> Plan:
    """Make a network ready to run on the CPU, without PyTorch's overhead and without its zeros.

    The whole network becomes one compiled call. The weights of every layer are stored in the form
    that is measured to be fastest for them here and now, once for single samples and once for
    batches: dense, dense but passing over inputs that are zero (skip; single samples only), in
    blocks of 16 or 8 outputs that leave out the inputs without a weight (block16, block8), or
    weight by weight (csr). Each format is timed for some milliseconds on what the layer gets from
    the example inputs.

    Parameters
    ----------
    model : torch.nn.Module
        A feed-forward network that torch.fx can trace, of linear layers, convolutions, BatchNorm
        (folded into them), pooling, the usual activations, softmax, sums, views, an embedding of
        the input, LSTM and GRU. It is taken as in evaluation, and is not changed.
    example_inputs : tensor, or a tuple of one tensor
        One or more samples, best real ones, since skip depends on how many of their numbers are
        zero. The plan's outputs are compared with the model's on them.
    formats : str or dict, optional
        "dense", "skip", "block16", "block8" or "csr" for all layers, or {name of a layer: format,
        or a pair of formats for single samples and for tiles}, such as `Plan.formats`. Nothing is
        measured then, so that results are the same to the last bit every time.
    n_threads : int or None, default=1
        Threads for batches; None for all cores. A single sample takes one, and so do batches of
        less than 0.1 ms of work.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If a part of the model has no counterpart here (with its name), or a format is unknown.
    TypeError
        If model is no torch.nn.Module.
    """
    graph, expected = read(model, example_inputs)
    given = example_inputs[0] if isinstance(example_inputs, tuple | list) else example_inputs
    made = Plan(graph, formats, n_threads, given)
    check_equal(made(given), expected)
    return made


def check_equal(found: Any, expected: Any) -> None:
    """That a plan gives what PyTorch gives, to rounding.

    Raises
    ------
    ValueError
    """
    both = np.isfinite(expected)
    scale = np.abs(expected[both]).max(initial=1e-30)
    error = np.abs(found[both] - expected[both]).max(initial=0.0) / scale
    if not error <= 1e-3:
        raise ValueError(
            f"The model gives something else than its layers do (by {error:.1e} of the largest "
            "output): it has hooks, or computes what a trace does not show."
        )
