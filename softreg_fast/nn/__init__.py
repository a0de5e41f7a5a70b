"""Sparse training of neural networks: the penalties of regression on the weights of layers.

The names in FROM_TORCH need PyTorch (`pip install softreg_fast[torch]`), which is imported when one
of them is first used.
"""

import importlib
from typing import Any

from softreg_fast.nn.deployment.plan import Plan
from softreg_fast.penalties import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    NonNegative,
    Penalty,
    SparseGroupLasso,
)

# Names that are imported when first used, by the module that has them.
FROM_TORCH = {
    "NetworkPath": "paths.network_path",
    "NetworkPathDisplay": "displays.display",
    "NetworkReport": "reports.network_report",
    "NetworkReportDisplay": "displays.display",
    "Proximal": "torch.proximal",
    "attach": "torch.proximal",
    "ProxAdamW": "torch.prox_adamw",
    "copy_zeros": "torch.support",
    "distillation_loss": "torch.distillation",
    "param_groups": "torch.prox_adamw",
    "plan": "deployment.planning",
    "export_header": "deployment.export",
    "export_onnx": "deployment.export",
    "sizes": "deployment.export",
    "path": "paths.network_path",
    "report": "reports.network_report",
    "CompactReport": "compaction.compact",
    "compact": "compaction.compact",
    "compact_like": "compaction.compact",
}

# Estimators: they need PyTorch for fitting only.
ESTIMATORS = {"SparseMLPClassifier": "estimators.mlp", "SparseMLPRegressor": "estimators.mlp"}

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
