"""Fast, exact and certified solvers for regularised regression.

    minimise over w, b    1/(2S) sum_i s_i (y_i - x_i.w - b)^2
                          + sum_j [ l1_j |w_j| + l2_j / 2 w_j^2 ],   lower_j <= w_j <= upper_j

`path` and `solve` fit it; `Lasso`, `ElasticNet` and `Ridge` wrap them in scikit-learn's interface.
Every result carries a duality gap, an upper bound on its distance from the optimum.
`softreg_fast.nn` applies the same penalties to neural networks.
"""

from importlib import import_module as _import
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softreg_fast import losses as losses
    from softreg_fast import nn as nn
    from softreg_fast import penalties as penalties
    from softreg_fast.data.design import Design as Design
    from softreg_fast.data.survival import survival as survival
    from softreg_fast.display.cv_path_display import CVPathDisplay as CVPathDisplay
    from softreg_fast.display.outcomes import Outcomes as Outcomes
    from softreg_fast.display.path_display import PathDisplay as PathDisplay
    from softreg_fast.display.stability_display import StabilityDisplay as StabilityDisplay
    from softreg_fast.display.survival_display import SurvivalDisplay as SurvivalDisplay
    from softreg_fast.display.survival_display import (
        survival_by_risk_group as survival_by_risk_group,
    )
    from softreg_fast.estimators.adaptive_lasso import AdaptiveLasso as AdaptiveLasso
    from softreg_fast.estimators.adaptive_lasso import AdaptiveLassoCV as AdaptiveLassoCV
    from softreg_fast.estimators.cox_regression import CoxRegression as CoxRegression
    from softreg_fast.estimators.cox_regression_cv import CoxRegressionCV as CoxRegressionCV
    from softreg_fast.estimators.drop_in import patch_sklearn as patch_sklearn
    from softreg_fast.estimators.drop_in import unpatch_sklearn as unpatch_sklearn
    from softreg_fast.estimators.elastic_net import ElasticNet as ElasticNet
    from softreg_fast.estimators.elastic_net_cv import ElasticNetCV as ElasticNetCV
    from softreg_fast.estimators.group_lasso import GroupLasso as GroupLasso
    from softreg_fast.estimators.group_lasso import SparseGroupLasso as SparseGroupLasso
    from softreg_fast.estimators.group_lasso_cv import GroupLassoCV as GroupLassoCV
    from softreg_fast.estimators.group_lasso_cv import SparseGroupLassoCV as SparseGroupLassoCV
    from softreg_fast.estimators.huber_regressor import HuberRegressor as HuberRegressor
    from softreg_fast.estimators.inverse_gaussian_regressor import (
        InverseGaussianRegressor as InverseGaussianRegressor,
    )
    from softreg_fast.estimators.lasso import Lasso as Lasso
    from softreg_fast.estimators.lasso_cv import LassoCV as LassoCV
    from softreg_fast.estimators.linear_svc import LinearSVC as LinearSVC
    from softreg_fast.estimators.logistic_regression import LogisticRegression as LogisticRegression
    from softreg_fast.estimators.logistic_regression_cv import (
        LogisticRegressionCV as LogisticRegressionCV,
    )
    from softreg_fast.estimators.mcp_regression import MCPRegression as MCPRegression
    from softreg_fast.estimators.mcp_regression import MCPRegressionCV as MCPRegressionCV
    from softreg_fast.estimators.multi_task import MultiTaskElasticNet as MultiTaskElasticNet
    from softreg_fast.estimators.multi_task import MultiTaskLasso as MultiTaskLasso
    from softreg_fast.estimators.multi_task_cv import MultiTaskElasticNetCV as MultiTaskElasticNetCV
    from softreg_fast.estimators.multi_task_cv import MultiTaskLassoCV as MultiTaskLassoCV
    from softreg_fast.estimators.negative_binomial_regressor import (
        NegativeBinomialRegressor as NegativeBinomialRegressor,
    )
    from softreg_fast.estimators.penalized_regression import (
        PenalizedRegression as PenalizedRegression,
    )
    from softreg_fast.estimators.penalized_regression import (
        PenalizedRegressionCV as PenalizedRegressionCV,
    )
    from softreg_fast.estimators.probit_regression import ProbitRegression as ProbitRegression
    from softreg_fast.estimators.quantile_regressor import QuantileRegressor as QuantileRegressor
    from softreg_fast.estimators.quantile_regressor import (
        QuantileRegressorCV as QuantileRegressorCV,
    )
    from softreg_fast.estimators.ridge import Ridge as Ridge
    from softreg_fast.estimators.ridge_cv import RidgeCV as RidgeCV
    from softreg_fast.estimators.scad_regression import SCADRegression as SCADRegression
    from softreg_fast.estimators.scad_regression import SCADRegressionCV as SCADRegressionCV
    from softreg_fast.estimators.slope import Slope as Slope
    from softreg_fast.estimators.slope_cv import SlopeCV as SlopeCV
    from softreg_fast.estimators.stability_selector import StabilitySelector as StabilitySelector
    from softreg_fast.estimators.tweedie_regressor import GammaRegressor as GammaRegressor
    from softreg_fast.estimators.tweedie_regressor import PoissonRegressor as PoissonRegressor
    from softreg_fast.estimators.tweedie_regressor import TweedieRegressor as TweedieRegressor
    from softreg_fast.model_selection.adaptive import adaptive_path as adaptive_path
    from softreg_fast.model_selection.assess import assess as assess
    from softreg_fast.model_selection.cv import cv_path as cv_path
    from softreg_fast.model_selection.cv_result import CVPath as CVPath
    from softreg_fast.model_selection.saved import load as load
    from softreg_fast.model_selection.stability import StabilityPath as StabilityPath
    from softreg_fast.model_selection.stability import stability_path as stability_path
    from softreg_fast.model_selection.survival_measures import concordance as concordance
    from softreg_fast.paths.grids import EndOfGridWarning as EndOfGridWarning
    from softreg_fast.paths.path import PathStep as PathStep
    from softreg_fast.paths.path import path as path
    from softreg_fast.paths.relaxed import RelaxedPath as RelaxedPath
    from softreg_fast.paths.relaxed import relaxed_path as relaxed_path
    from softreg_fast.paths.result import Path as Path
    from softreg_fast.paths.result import Solution as Solution
    from softreg_fast.paths.sklearn_paths import enet_path as enet_path
    from softreg_fast.paths.sklearn_paths import lasso_path as lasso_path
    from softreg_fast.paths.solve import solve as solve
    from softreg_fast.paths.transforms import fused_path as fused_path
    from softreg_fast.paths.transforms import trend_filter_path as trend_filter_path
    from softreg_fast.penalties.vectors import Penalty as Penalty
    from softreg_fast.solvers.gradient import gradient_descent as gradient_descent
    from softreg_fast.solvers.protocol import Status as Status
    from softreg_fast.system.config import show_config as show_config
    from softreg_fast.system.threads import effective_n_threads as effective_n_threads

    __version__: str

# A public name is imported when it is first used, so that the command line starts quickly. The list
# above says the same to type checkers and editors.
_MODULE_OF = {
    "AdaptiveLasso": "softreg_fast.estimators.adaptive_lasso",
    "AdaptiveLassoCV": "softreg_fast.estimators.adaptive_lasso",
    "CVPath": "softreg_fast.model_selection.cv_result",
    "CVPathDisplay": "softreg_fast.display.cv_path_display",
    "CoxRegression": "softreg_fast.estimators.cox_regression",
    "CoxRegressionCV": "softreg_fast.estimators.cox_regression_cv",
    "Design": "softreg_fast.data.design",
    "ElasticNet": "softreg_fast.estimators.elastic_net",
    "ElasticNetCV": "softreg_fast.estimators.elastic_net_cv",
    "EndOfGridWarning": "softreg_fast.paths.grids",
    "GammaRegressor": "softreg_fast.estimators.tweedie_regressor",
    "GroupLasso": "softreg_fast.estimators.group_lasso",
    "GroupLassoCV": "softreg_fast.estimators.group_lasso_cv",
    "HuberRegressor": "softreg_fast.estimators.huber_regressor",
    "InverseGaussianRegressor": "softreg_fast.estimators.inverse_gaussian_regressor",
    "Lasso": "softreg_fast.estimators.lasso",
    "LassoCV": "softreg_fast.estimators.lasso_cv",
    "LinearSVC": "softreg_fast.estimators.linear_svc",
    "LogisticRegression": "softreg_fast.estimators.logistic_regression",
    "LogisticRegressionCV": "softreg_fast.estimators.logistic_regression_cv",
    "MCPRegression": "softreg_fast.estimators.mcp_regression",
    "MCPRegressionCV": "softreg_fast.estimators.mcp_regression",
    "MultiTaskElasticNet": "softreg_fast.estimators.multi_task",
    "MultiTaskElasticNetCV": "softreg_fast.estimators.multi_task_cv",
    "MultiTaskLasso": "softreg_fast.estimators.multi_task",
    "MultiTaskLassoCV": "softreg_fast.estimators.multi_task_cv",
    "NegativeBinomialRegressor": "softreg_fast.estimators.negative_binomial_regressor",
    "Outcomes": "softreg_fast.display.outcomes",
    "Path": "softreg_fast.paths.result",
    "PathDisplay": "softreg_fast.display.path_display",
    "PathStep": "softreg_fast.paths.path",
    "PenalizedRegression": "softreg_fast.estimators.penalized_regression",
    "PenalizedRegressionCV": "softreg_fast.estimators.penalized_regression",
    "Penalty": "softreg_fast.penalties.vectors",
    "PoissonRegressor": "softreg_fast.estimators.tweedie_regressor",
    "ProbitRegression": "softreg_fast.estimators.probit_regression",
    "QuantileRegressor": "softreg_fast.estimators.quantile_regressor",
    "QuantileRegressorCV": "softreg_fast.estimators.quantile_regressor",
    "RelaxedPath": "softreg_fast.paths.relaxed",
    "Ridge": "softreg_fast.estimators.ridge",
    "RidgeCV": "softreg_fast.estimators.ridge_cv",
    "SCADRegression": "softreg_fast.estimators.scad_regression",
    "SCADRegressionCV": "softreg_fast.estimators.scad_regression",
    "Slope": "softreg_fast.estimators.slope",
    "SlopeCV": "softreg_fast.estimators.slope_cv",
    "Solution": "softreg_fast.paths.result",
    "SparseGroupLasso": "softreg_fast.estimators.group_lasso",
    "SparseGroupLassoCV": "softreg_fast.estimators.group_lasso_cv",
    "StabilityDisplay": "softreg_fast.display.stability_display",
    "StabilityPath": "softreg_fast.model_selection.stability",
    "SurvivalDisplay": "softreg_fast.display.survival_display",
    "StabilitySelector": "softreg_fast.estimators.stability_selector",
    "Status": "softreg_fast.solvers.protocol",
    "TweedieRegressor": "softreg_fast.estimators.tweedie_regressor",
    "adaptive_path": "softreg_fast.model_selection.adaptive",
    "assess": "softreg_fast.model_selection.assess",
    "concordance": "softreg_fast.model_selection.survival_measures",
    "cv_path": "softreg_fast.model_selection.cv",
    "effective_n_threads": "softreg_fast.system.threads",
    "enet_path": "softreg_fast.paths.sklearn_paths",
    "fused_path": "softreg_fast.paths.transforms",
    "gradient_descent": "softreg_fast.solvers.gradient",
    "lasso_path": "softreg_fast.paths.sklearn_paths",
    "load": "softreg_fast.model_selection.saved",
    "patch_sklearn": "softreg_fast.estimators.drop_in",
    "path": "softreg_fast.paths.path",
    "relaxed_path": "softreg_fast.paths.relaxed",
    "show_config": "softreg_fast.system.config",
    "solve": "softreg_fast.paths.solve",
    "stability_path": "softreg_fast.model_selection.stability",
    "survival": "softreg_fast.data.survival",
    "survival_by_risk_group": "softreg_fast.display.survival_display",
    "trend_filter_path": "softreg_fast.paths.transforms",
    "unpatch_sklearn": "softreg_fast.estimators.drop_in",
}
_SUBPACKAGES = ("losses", "nn", "penalties")

if not TYPE_CHECKING:  # a type checker would believe that every name exists
    __all__ = list(_MODULE_OF)

    def __getattr__(name: str) -> Any:
        if name in _MODULE_OF:
            value = getattr(_import(_MODULE_OF[name]), name)
        elif name in _SUBPACKAGES:
            value = _import(f"softreg_fast.{name}")
        elif name == "__version__":
            value = _import("importlib.metadata").version("softreg_fast")
        else:
            raise AttributeError(_unknown(name), name=name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted([*__all__, "__version__", *_SUBPACKAGES])


def _unknown(name: str) -> str:
    from softreg_fast.options.hints import NAMES

    said = f"module 'softreg_fast' has no attribute {name!r}"
    return f"{said}; what does its work here: {NAMES[name]}" if name in NAMES else said
