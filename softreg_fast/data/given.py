"""as_design: X, y and what else a caller gives about the data, as a Design."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from softreg_fast.data.design import Design
from softreg_fast.data.multi_task_design import MultiTaskDesign
from softreg_fast.losses import SQUARED, Loss, as_loss
from softreg_fast.system.threads import effective_n_threads


def as_design(
    X: Any,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    fit_intercept: bool | None,
    standardize: bool | None,
    n_threads: int | None,
    loss: Loss | str | None = None,
    offset: ArrayLike | None = None,
) -> Design:
    """Return X if it is a Design (with target y, if given), else a Design of X.

    No loss stands for squared error, or for that of a Design with a target.
    """
    given = SQUARED if loss is None else as_loss(loss)
    several = given.n_outputs != 1
    if not isinstance(X, Design):
        if y is None:
            raise ValueError("y is missing; give one target value for each row of X.")
        at_once = given is SQUARED and offset is None  # saves a copy
        design = (MultiTaskDesign if several else Design)(
            X,
            y if at_once else None,
            sample_weight,
            fit_intercept=True if fit_intercept is None else fit_intercept,
            standardize=False if standardize is None else standardize,
            n_threads=n_threads,
        )
        return design if at_once else design.with_target(y, given, offset)
    _check_beside(X, sample_weight, fit_intercept, standardize, n_threads)
    if y is not None:
        matrix = MultiTaskDesign.of(X) if several else X
        return matrix.with_target(y, given, offset)
    if not X.has_target:
        raise ValueError("This Design has no target; give y here or when making it.")
    if offset is not None:
        raise ValueError(
            "offset is given without y, beside a Design with a target of its own; give y too, or "
            "Design.with_target(y, offset=offset) as X."
        )
    own = X.described_target.loss
    if loss is not None and repr(given) != repr(own):
        raise ValueError(
            f"loss={given!r} contradicts the Design, whose target has {own!r}; leave loss out, or "
            "give y too."
        )
    return X


def as_design_of_tasks(X: Any, y: ArrayLike | None, *settings: Any) -> Design:
    """Return the Design of `as_design`, where y may have several columns, the tasks.

    `settings` are the other arguments of `as_design`. Tasks are for squared error without offset.
    """
    if type(y) is np.ndarray and y.ndim == 1:  # the usual case
        return as_design(X, y, *settings)
    weight, fit_intercept, standardize, n_threads, loss, offset = settings
    plain = loss is None or as_loss(loss) is SQUARED
    if y is None or not plain or offset is not None or _n_columns(y) < 2:
        return as_design(X, y, *settings)
    if isinstance(X, Design):
        _check_beside(X, weight, fit_intercept, standardize, n_threads)
        return MultiTaskDesign.of(X).with_target(y)
    return MultiTaskDesign(
        X,
        y,
        weight,
        fit_intercept=True if fit_intercept is None else fit_intercept,
        standardize=False if standardize is None else standardize,
        n_threads=n_threads,
    )


def _n_columns(y: Any) -> int:
    # of arrays, frames and nested lists, without a conversion, which may warn
    shape = getattr(y, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[1]) if len(shape) == 2 else 1
    first = y[0] if isinstance(y, list | tuple) and y else None
    if isinstance(first, np.ndarray):
        return len(first) if first.ndim == 1 else 1
    return len(first) if isinstance(first, list | tuple) else 1


def _check_beside(
    design: Design,
    sample_weight: ArrayLike | None,
    fit_intercept: bool | None,
    standardize: bool | None,
    n_threads: int | None,
) -> None:
    # a Design was made with all of these settings: other values here are a contradiction
    if sample_weight is not None:
        raise ValueError(
            "sample_weight is given beside a Design, which has weights of its own; give "
            "Design.with_weight(sample_weight) as X."
        )
    made = {
        "fit_intercept": (fit_intercept, design.fit_intercept),
        "standardize": (standardize, design.standardize),
        "n_threads": (
            None if n_threads is None else effective_n_threads(n_threads),
            design.most_threads,
        ),
    }
    for name, (given, own) in made.items():
        if given is not None and given != own:
            raise ValueError(
                f"{name}={given!r} contradicts the Design, which was made with {name}={own!r}; "
                f"leave {name} out, or make another Design."
            )
