"""Sparse training of neural networks: the penalties of regression on the weights of layers.

The names in FROM_TORCH need PyTorch (`pip install softreg_fast[torch]`), which is imported when one
of them is first used.
"""

import importlib
from typing import Any

from softreg_fast import penalties
from softreg_fast.nn.deployment.plan import Plan
from softreg_fast.penalties import *  # noqa: F403  # every penalty is one of networks too

# Names that are imported when first used, with the modules that have them.
FROM_TORCH = {
    "Proximal": "torch.proximal",
    "attach": "torch.proximal",
    "ProxAdamW": "torch.prox_adamw",
    "copy_zeros": "torch.averages",
    "distillation_loss": "torch.distillation",
    "param_groups": "torch.prox_adamw",
    "plan": "deployment.planning",
    "export_header": "deployment.export",
    "export_onnx": "deployment.export",
    "sizes": "deployment.export",
    "path": "paths.path",
    "report": "reports.report",
    "compact": "compaction.compact",
    "compact_like": "compaction.compact",
}

# The same for names without PyTorch; the estimators need it for fitting only.
WITHOUT_TORCH = {
    "CompactReport": "compaction.compact_report",
    "NetworkPath": "paths.network_path",
    "NetworkPathDisplay": "displays.network_path",
    "NetworkReport": "reports.network_report",
    "NetworkReportDisplay": "displays.network_report",
    "SparseMLPClassifier": "estimators.classifier",
    "SparseMLPRegressor": "estimators.regressor",
}

__all__ = ["Plan"]
__all__ += penalties.__all__


def __dir__() -> list[str]:
    return sorted({*globals(), *FROM_TORCH, *WITHOUT_TORCH})


def __getattr__(name: str) -> Any:
    module = FROM_TORCH.get(name) or WITHOUT_TORCH.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"{name} needs PyTorch: pip install 'softreg_fast[torch]'", name="torch"
        ) from error
    globals()[name] = found
    return found
