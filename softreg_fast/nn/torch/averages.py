"""copy_zeros(): averages of weights with the zeros of the trained ones."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def copy_zeros(model: nn.Module, averaged: nn.Module) -> int:
    """Set averaged weights to zero wherever the trained weights are zero.

    Averages (EMA, SWA) are nonzero where any averaged weight was: weights that became zero long ago
    reappear as small numbers. Call this before the average is used or saved, and before
    `torch.optim.swa_utils.update_bn`, which must run on the final network.

    Parameters
    ----------
    model : torch.nn.Module
        The trained model.
    averaged : torch.nn.Module
        `torch.optim.swa_utils.AveragedModel`, or any model with the same parameters. Changed in
        place.

    Returns
    -------
    int
        Number of weights that were set to zero.

    Raises
    ------
    ValueError
        If the two have different parameters.

    Examples
    --------
    >>> import torch
    >>> from softreg_fast.nn import copy_zeros
    >>> model = torch.nn.Linear(2, 1)
    >>> average = torch.optim.swa_utils.AveragedModel(model)
    >>> with torch.no_grad():
    ...     _ = model.weight.zero_()
    >>> copy_zeros(model, average)
    2
    """
    inner = averaged.module if isinstance(averaged, AveragedModel) else averaged
    own, its = dict(model.named_parameters()), dict(inner.named_parameters())
    shapes = [{name: tuple(p.shape) for name, p in each.items()} for each in (own, its)]
    if shapes[0] != shapes[1]:
        odd = sorted(set(shapes[0].items()) ^ set(shapes[1].items()))[0][0]
        raise ValueError(
            f"The two models have different parameters, such as {odd}; give the model whose "
            "weights were averaged."
        )
    n_changed = 0
    with torch.no_grad():
        for name, parameter in own.items():
            zero = parameter.eq(0).to(its[name].device)
            n_changed += int((zero & its[name].ne(0)).sum())
            its[name].masked_fill_(zero, 0.0)
    return n_changed
