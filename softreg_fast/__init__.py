"""Fast, exact and certified solvers for regularised regression.

    minimise over w, b    1/(2S) sum_i s_i (y_i - x_i.w - b)^2
                          + sum_j [ l1_j |w_j| + l2_j / 2 w_j^2 ],   lower_j <= w_j <= upper_j

`path` and `solve` fit it; `Lasso`, `ElasticNet` and `Ridge` wrap them in scikit-learn's interface.
Every result carries a duality gap, an upper bound on its distance from the optimum.
`softreg_fast.nn` applies the same penalties to neural networks.
"""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import Any as _Any

from softreg_fast.data.design import Design
from softreg_fast.display.plots import CVPathDisplay, PathDisplay, StabilityDisplay
from softreg_fast.estimators.drop_in import patch_sklearn, unpatch_sklearn
from softreg_fast.estimators.elastic_net import ElasticNet
from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.estimators.lasso import Lasso
from softreg_fast.estimators.lasso_cv import LassoCV
from softreg_fast.estimators.multi_task import MultiTaskElasticNet, MultiTaskLasso
from softreg_fast.estimators.multi_task_cv import MultiTaskElasticNetCV, MultiTaskLassoCV
from softreg_fast.estimators.ridge import Ridge
from softreg_fast.estimators.ridge_cv import RidgeCV
from softreg_fast.estimators.stability_selector import StabilitySelector
from softreg_fast.model_selection.cv import cv_path
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.model_selection.stability import StabilityPath, stability_path
from softreg_fast.options.hints import NAMES as _NAMES
from softreg_fast.paths.grids import EndOfGridWarning
from softreg_fast.paths.path import PathStep, path
from softreg_fast.paths.relaxed import RelaxedPath, relaxed_path
from softreg_fast.paths.result import Path, Solution, Status
from softreg_fast.paths.sklearn_paths import enet_path, lasso_path
from softreg_fast.paths.solve import solve
from softreg_fast.penalties.vectors import Penalty
from softreg_fast.solvers.ridge import gradient_descent
from softreg_fast.system.threads import effective_n_threads, show_config

__version__ = _version("softreg_fast")

__all__ = [
    "CVPath",
    "CVPathDisplay",
    "Design",
    "ElasticNet",
    "ElasticNetCV",
    "EndOfGridWarning",
    "Lasso",
    "LassoCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "Path",
    "PathDisplay",
    "PathStep",
    "Penalty",
    "RelaxedPath",
    "Ridge",
    "RidgeCV",
    "Solution",
    "StabilityDisplay",
    "StabilityPath",
    "StabilitySelector",
    "Status",
    "cv_path",
    "effective_n_threads",
    "enet_path",
    "gradient_descent",
    "lasso_path",
    "patch_sklearn",
    "path",
    "relaxed_path",
    "show_config",
    "solve",
    "stability_path",
    "unpatch_sklearn",
]


def __getattr__(name: str) -> _Any:
    if name == "nn":  # imported on first access
        return _import_module("softreg_fast.nn")
    said = f"module 'softreg_fast' has no attribute {name!r}"
    if name in _NAMES:
        said += f"; what does its work here: {_NAMES[name]}"
    raise AttributeError(said, name=name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "nn"])
