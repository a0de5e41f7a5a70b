"""Sparse training of neural networks: the penalties of regression on the weights of layers.

The names in FROM_TORCH need PyTorch (`pip install softreg_fast[torch]`), which is imported when one
of them is first used.
"""

import importlib
from typing import Any

from softreg_fast.nn.groups import GroupLasso, SparseGroupLasso
from softreg_fast.nn.inference import Plan
from softreg_fast.nn.penalties import L1, L2, MCP, SCAD, ElasticNet, LHalf, NonNegative, Penalty

FROM_TORCH = {
    "NetworkPath": "paths",
    "NetworkPathDisplay": "display",
    "NetworkReport": "reports",
    "NetworkReportDisplay": "display",
    "Proximal": "proximal",
    "attach": "proximal",
    "ProxAdamW": "optimizers",
    "copy_zeros": "support",
    "distillation_loss": "distillation",
    "param_groups": "optimizers",
    "plan": "plans",
    "export_header": "export",
    "export_onnx": "export",
    "sizes": "export",
    "path": "paths",
    "report": "reports",
    "CompactReport": "compaction",
    "compact": "compaction",
    "compact_like": "compaction",
}

# Estimators: they need PyTorch for fitting only.
ESTIMATORS = {"SparseMLPClassifier": "mlp", "SparseMLPRegressor": "mlp"}

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "ElasticNet",
    "GroupLasso",
    "LHalf",
    "NonNegative",
    "Penalty",
    "Plan",
    "SparseGroupLasso",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *FROM_TORCH, *ESTIMATORS})


def __getattr__(name: str) -> Any:
    if name in ESTIMATORS:
        return getattr(importlib.import_module(f"{__name__}.{ESTIMATORS[name]}"), name)
    if name not in FROM_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = getattr(importlib.import_module(f"{__name__}.{FROM_TORCH[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"{name} needs PyTorch: pip install 'softreg_fast[torch]'", name="torch"
        ) from error
    globals()[name] = found
    return found
