"""One set of array functions for NumPy arrays, PyTorch tensors and tensors of Keras's backends.

Neither PyTorch nor Keras is imported here: a caller that passes a tensor has imported its library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

# An array or a tensor.
Array = Any

# Number of weights from which on a second thread pays off.
FEWEST_FOR_THREADS = 100_000


def soft(xp: Any, z: Array, u: Array) -> Array:
    """Soft-threshold z at u: np.sign(z) * np.maximum(np.abs(z) - u, 0)."""
    return xp.sign(z) * xp.clip(xp.abs(z) - u, 0, np.inf)


def absolute(xp: Any, x: Array) -> Array:
    """Return np.abs(x), with derivative 0 where x is 0."""
    return xp.sign(x) * x


def root(xp: Any, x: Array) -> Array:
    """Return np.sqrt(x), with derivative 0 where x is 0."""
    positive, one = x > 0, xp.ones_like(x)
    return xp.where(positive, xp.sqrt(xp.where(positive, x, one)), xp.zeros_like(x))


def no_minus_zero(xp: Any, x: Array) -> Array:
    """Return x with -0.0 replaced by +0.0; graph compilers would optimise x + 0.0 away."""
    return xp.where(x == 0, xp.zeros_like(x), x)


def namespace(x: Array) -> Any:
    """Return the module that x belongs to: numpy, torch or keras.ops."""
    if isinstance(x, np.ndarray):
        return np
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return torch
    ops = getattr(sys.modules.get("keras"), "ops", None)
    if ops is not None and ops.is_tensor(x):
        return ops
    raise TypeError(
        "Weights must be a NumPy array, a PyTorch tensor or a tensor of Keras's backend, got "
        f"{type(x).__name__}."
    )


def is_in_memory(x: Array) -> bool:
    """Return whether the compiled kernels can work on x: float64 or float32 in main memory."""
    xp = namespace(x)
    if xp is np:
        return x.dtype in (np.float64, np.float32)
    if xp.__name__ != "torch":
        return False
    return x.device.type == "cpu" and x.dtype in (xp.float64, xp.float32)


def as_numpy(x: Array) -> Any:
    """Return a tensor as a NumPy array, a view if it is in main memory; anything else unchanged."""
    return x.detach().cpu().numpy() if hasattr(x, "detach") else x


def like(x: Any, w: Array) -> Array:
    """Convert x to the array library, dtype and device of w."""
    if isinstance(w, np.ndarray):
        return np.asarray(as_numpy(x), w.dtype)
    xp = namespace(w)
    if xp.__name__ != "torch":
        return xp.convert_to_tensor(as_numpy(x), dtype=w.dtype)
    return xp.as_tensor(as_numpy(x), dtype=w.dtype, device=w.device)


def take(x: Array, index: Any) -> Array:
    """Return x[index], for a vector x and a NumPy vector of indices."""
    xp = namespace(x)
    if xp is np:
        return x[index]
    if xp.__name__ != "torch":
        return xp.take(x, index, axis=0)
    return x[xp.as_tensor(index, device=x.device)]


def sums_of(x: Array, labels: Any, n: int) -> Array:
    """Sum the entries of x by label, as np.bincount(labels, x, n) does.

    x is a vector, labels a NumPy vector.
    """
    xp = namespace(x)
    if xp is np:
        return np.bincount(labels, x, n).astype(x.dtype)
    if xp.__name__ != "torch":
        return xp.segment_sum(x, labels.astype(np.int32), n)
    return x.new_zeros(n).index_add(0, xp.as_tensor(labels, device=x.device), x)


def repeat(
    xp: Any,
    unfinished: Callable[..., Any],
    step: Callable[..., tuple[Array, ...]],
    state: tuple[Array, ...],
    most: int,
) -> tuple[Array, ...]:
    """Iterate state = step(*state) while unfinished(*state), at most `most` times.

    For tensors of Keras's backends it is a loop of the graph (keras.ops.while_loop).
    """
    if xp.__name__ not in ("numpy", "torch"):
        found: tuple[Array, ...] = xp.while_loop(unfinished, step, state, maximum_iterations=most)
        return found
    for _ in range(most):
        if not unfinished(*state):
            break
        state = step(*state)
    return state


def flat_copy(z: Array) -> tuple[Array, Any]:
    """Return a contiguous copy of z, and a flat NumPy view of that copy."""
    if isinstance(z, np.ndarray):
        out = np.array(z, order="C")
        return out, out.reshape(-1)
    out = z.detach().clone(memory_format=namespace(z).contiguous_format)
    return out, out.numpy().reshape(-1)


def flat_as(x: Any, z: Array, whole: bool = False) -> Any:
    """Return x as a contiguous NumPy vector of the dtype of z.

    x is a number or broadcasts to the shape of z. A number gives a vector of length 1, unless
    `whole`.
    """
    dtype = as_numpy(z).dtype
    if not np.ndim(x) and not whole:
        return np.array([float(x)], dtype)
    return np.ascontiguousarray(np.broadcast_to(as_numpy(x), tuple(z.shape)), dtype).reshape(-1)


def check_steps(t: Any, z: Array) -> None:
    """Raise ValueError unless the steps t broadcast to z and none is negative.

    NaN passes, so that a diverged training shows it.
    """
    check_broadcast("Steps t", tuple(np.shape(t)), tuple(z.shape))
    least = float(np.min(as_numpy(t), initial=0.0))
    if least < 0.0:
        raise ValueError(f"Steps t of a proximal step must be >= 0, got {least:g} among them.")


def check_broadcast(name: str, given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise ValueError unless an array of the shape `given` can be broadcast to `shape`."""
    pairs = zip(given[::-1], shape[::-1], strict=False)
    if len(given) > len(shape) or not all(a in (1, b) for a, b in pairs):
        raise ValueError(
            f"{name} have shape {given}; expected a number, or one for each weight, {shape}."
        )


def n_threads_for(n_weights: int) -> int:
    """Return the number of threads to use for a pass over `n_weights` weights."""
    if n_weights < FEWEST_FOR_THREADS:
        return 1
    from softreg_fast.system.threads import effective_n_threads  # loads joblib

    return effective_n_threads()
