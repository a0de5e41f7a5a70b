"""plan(): inference plans of PyTorch models, timed and checked against the model's outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from softreg_fast.nn.deployment.plan import Formats, Plan
from softreg_fast.nn.deployment.reading import read


def plan(
    model: Any,
    example_inputs: Any,
    *,
    formats: Formats | str | None = None,
    n_threads: int | None = 1,
) -> Plan:
    """Compile a network for fast inference on the CPU, without PyTorch and without its zeros.

    The whole network becomes one compiled call. The weights of every layer are stored in the format
    that is measured to be fastest on this machine, separately for single samples and for batches:
    dense, dense with a test that skips zero inputs (skip; single samples only), in blocks of 16 or
    8 outputs that leave out inputs without a nonzero weight (block16, block8), or compressed sparse
    rows (csr). Each format is timed for some milliseconds on the layer's inputs for the example
    inputs.

    Parameters
    ----------
    model : torch.nn.Module
        A feed-forward network that torch.fx can trace, of linear layers, convolutions, BatchNorm
        (folded into them), pooling, the usual activations, softmax, sums, views, an embedding of
        the input, LSTM and GRU. It is read in evaluation mode, and is not changed.
    example_inputs : tensor, or a tuple of one tensor
        One or more samples, preferably real ones, since the speed of skip depends on how many
        entries are zero. The plan's outputs are compared with the model's on them.
    formats : str, dict or None, default=None
        "dense", "skip", "block16", "block8" or "csr" for all layers, or {name of a layer: format,
        or a pair of formats for single samples and for tiles}, such as `Plan.formats`. Formats are
        then not timed, so that results are bit-identical every time.
    n_threads : int or None, default=1
        Threads for batches; None for all cores. Single samples, and batches of less than 0.1 ms of
        work, use one thread.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If a part of the model, which the message names, is not supported, or a format is unknown.
    TypeError
        If model is no torch.nn.Module.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import plan
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> made = plan(model, torch.zeros(1, 3), formats="dense")
    >>> made(torch.ones(2, 3)).shape
    (2, 1)
    """
    graph, expected = read(model, example_inputs)
    given = example_inputs[0] if isinstance(example_inputs, tuple | list) else example_inputs
    made = Plan(graph, formats, n_threads, given)
    check_equal(made(given), expected)
    return made


def check_equal(found: Any, expected: Any) -> None:
    """Raise ValueError if a plan's outputs differ from PyTorch's by over 1e-3 of the largest.

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
