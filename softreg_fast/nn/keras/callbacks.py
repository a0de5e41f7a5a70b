"""SparsityMonitor: logs of zero weights and remaining units after every epoch."""

from __future__ import annotations

import warnings
from typing import Any

import keras
from keras import ops

from softreg_fast.nn.keras.optimizers import Proximal, regularizer_of


class SparsityMonitor(keras.callbacks.Callback):
    """Callback that writes the sparsity of penalised weights to the logs.

    History, progress bars and other callbacks read it there.

    Parameters
    ----------
    layers : bool, default=True
        Also write the entries of every penalised variable.

    Notes
    -----
    After every epoch the logs hold

    - "zeros": the fraction of all penalised weights that is zero,
    - "dense/kernel_zeros": the fraction for this variable,
    - "dense/kernel_inputs", "dense/kernel_units": the number of indices along the last but one and
      the last axis that are not all zero. A variable with one axis has no inputs.

    Training warns if a penalty can give no zeros because the optimizer takes no proximal steps.
    After each epoch it warns, once for each variable except biases, of variables that have become
    all zero since the beginning.

    Examples
    --------
    >>> from softreg_fast.nn.keras import SparsityMonitor
    >>> history = model.fit(X, y, callbacks=[SparsityMonitor()])  # doctest: +SKIP
    >>> history.history["zeros"]  # doctest: +SKIP
    """

    def __init__(self, layers: bool = True) -> None:
        super().__init__()
        self.layers = layers
        self._alive: set[str] = set()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Warn of penalties for which no optimizer takes proximal steps."""
        self._alive = self._find_alive()
        optimizers = list(_parts(self.model.optimizer))
        forgotten = [
            variable.path
            for variable in self.model.trainable_variables
            if regularizer_of(variable)
            and not any(isinstance(one, Proximal) and one.will_take(variable) for one in optimizers)
        ]
        if forgotten:
            names = ", ".join(type(one).__name__ for one in optimizers)
            warnings.warn(
                f"{names} takes no proximal steps on {', '.join(forgotten)}, so weights there get "
                "small but never zero. Compile the model with ProxAdam, ProxAdamW or ProxSGD.",
                stacklevel=2,
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write `counts` to the logs."""
        self._look()
        if logs is not None:
            logs.update(self.counts())

    def _look(self) -> None:
        dead = sorted(self._alive - self._find_alive())
        self._alive.difference_update(dead)
        if dead:
            warnings.warn(
                f"The penalty has made all weights of {', '.join(dead)} zero. Nothing passes there "
                "any more, and zero gradients keep it so. Lower the strength, or let it rise more "
                "slowly (ramp=).",
                stacklevel=2,
            )

    def _find_alive(self) -> set[str]:
        # biases are exempt: a layer with zero bias still passes its input on
        found = [v for v in self._penalised() if v.name not in ("bias", "beta")]
        return {v.path for v in found if ops.convert_to_numpy(v).any()}

    def _penalised(self) -> list[Any]:
        return [v for v in self.model.trainable_variables if regularizer_of(v)]

    def counts(self) -> dict[str, float]:
        """Compute the log entries for the present weights."""
        found: dict[str, float] = {}
        n_weights, n_zeros = 0, 0
        for variable in self._penalised():
            nonzero = ops.convert_to_numpy(variable) != 0
            n_weights += nonzero.size
            n_zeros += nonzero.size - int(nonzero.sum())
            if self.layers:
                found[f"{variable.path}_zeros"] = 1.0 - float(nonzero.mean())
                found.update(_left(variable.path, nonzero))
        return {"zeros": n_zeros / max(n_weights, 1), **found}


def _left(path: str, nonzero: Any) -> dict[str, int]:
    # number of indices along each of the last two axes with a nonzero weight
    found = {}
    for name, axis in (("inputs", nonzero.ndim - 2), ("units", nonzero.ndim - 1)):
        if axis >= 0:
            others = tuple(k for k in range(nonzero.ndim) if k != axis)
            found[f"{path}_{name}"] = int(nonzero.any(others).sum())
    return found


def _parts(optimizer: Any) -> Any:
    # the optimizers inside wrappers: LossScaleOptimizer, MultiOptimizer
    inner = getattr(optimizer, "inner_optimizer", None)
    several = getattr(optimizer, "optimizers", None)
    if inner is not None:
        yield from _parts(inner)
    elif several:
        for one in several:
            yield from _parts(one)
    else:
        yield optimizer
