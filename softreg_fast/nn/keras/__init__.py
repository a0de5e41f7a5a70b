"""Sparse training in Keras 3: proximal regularizers, and optimizers that give exact zeros.

Import this module before `keras.saving.load_model` reads a model that uses it.
"""

try:
    import keras  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "keras":
        raise
    raise ModuleNotFoundError(
        "softreg_fast.nn.keras needs Keras 3: pip install 'softreg_fast[keras]', and one of its "
        "backends (PyTorch, TensorFlow or JAX).",
        name="keras",
    ) from error

from softreg_fast.nn.keras.callbacks import SparsityMonitor
from softreg_fast.nn.keras.optimizers import ProxAdam, ProxAdamW, ProxSGD
from softreg_fast.nn.keras.regularizers import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    ProximalRegularizer,
    SparseGroupLasso,
)

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "ElasticNet",
    "GroupLasso",
    "LHalf",
    "NonNegative",
    "ProxAdam",
    "ProxAdamW",
    "ProxSGD",
    "ProximalRegularizer",
    "SparseGroupLasso",
    "SparsityMonitor",
]
