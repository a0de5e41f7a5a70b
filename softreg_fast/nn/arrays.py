"""NumPy arrays and PyTorch tensors under one set of names, without importing PyTorch."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from softreg_fast.threads import effective_n_threads

# An array or a tensor.
Array = Any

# Weights that are worth a second thread.
FEWEST_FOR_THREADS = 100_000


def soft(xp: Any, z: Array, u: Array) -> Array:
    """np.sign(z) * np.maximum(np.abs(z) - u, 0)."""
    return xp.sign(z) * xp.clip(xp.abs(z) - u, 0, None)


def namespace(x: Array) -> Any:
    """numpy or torch, whichever x belongs to."""
    if isinstance(x, np.ndarray):
        return np
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return torch
    raise TypeError(f"Weights must be a NumPy array or a PyTorch tensor, got {type(x).__name__}.")


def is_in_memory(x: Array) -> bool:
    """Whether the kernels can work on it: float64 or float32 in main memory."""
    if isinstance(x, np.ndarray):
        return x.dtype in (np.float64, np.float32)
    torch = namespace(x)
    return x.device.type == "cpu" and x.dtype in (torch.float64, torch.float32)


def as_numpy(x: Array) -> Any:
    """A view of a tensor in main memory; anything else as it is."""
    return x.detach().cpu().numpy() if hasattr(x, "detach") else x


def like(x: Any, w: Array) -> Array:
    """An array of numbers in the kind, the type and the place of w."""
    if isinstance(w, np.ndarray):
        return np.asarray(as_numpy(x), w.dtype)
    return namespace(w).as_tensor(as_numpy(x), dtype=w.dtype, device=w.device)


def flat_copy(z: Array) -> tuple[Array, Any]:
    """A contiguous copy of z, and its entries as a NumPy vector that shares its memory."""
    if isinstance(z, np.ndarray):
        out = np.array(z, order="C")
        return out, out.reshape(-1)
    out = z.detach().clone(memory_format=namespace(z).contiguous_format)
    return out, out.numpy().reshape(-1)


def flat_as(x: Any, z: Array, whole: bool = False) -> Any:
    """A number, or what has the shape of z, as a vector of its type; one number for one."""
    dtype = as_numpy(z).dtype
    if not np.ndim(x) and not whole:
        return np.array([float(x)], dtype)
    return np.ascontiguousarray(np.broadcast_to(as_numpy(x), tuple(z.shape)), dtype).reshape(-1)


def n_threads_for(n_weights: int) -> int:
    """Threads for a pass over so many weights."""
    return effective_n_threads() if n_weights >= FEWEST_FOR_THREADS else 1
